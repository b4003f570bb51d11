//! The tenant that a page is about.

use axum::http::Uri;
use kontor_domain::TenantId;
use kontor_projections::{
    PageRequest,
    tenants::{self, TenantRow},
};

use super::super::operator::Operator;
use crate::{parameters::Parameters, problem::Problem, state::ApiState};

/// Whose products a page is about.
pub(super) struct Place {
    pub(super) tenant: TenantRow,
    /// What an operator of the whole platform may choose from.
    pub(super) choices: Vec<TenantRow>,
}

impl Place {
    /// The tenant of the key, the one that the address names, or the first that sells something.
    pub(super) async fn of(
        state: &ApiState,
        operator: &Operator,
        uri: &Uri,
    ) -> Result<Option<Self>, Problem> {
        let expected = "a tenant id has 1 to 40 characters of a-z, 0-9 and _";
        let named = Parameters::of(uri).parsed::<TenantId>("tenant", expected)?;
        if let Some(own) = operator.tenant() {
            if named.is_some_and(|named| named != *own) {
                return Err(tenant_unknown());
            }
            let tenant = tenants::find(&state.pool, own).await?.ok_or_else(tenant_unknown)?;
            return Ok(Some(Self { tenant, choices: Vec::new() }));
        }
        let page = PageRequest::first(PageRequest::LIMIT_MAX);
        let choices = tenants::list(&state.pool, &page).await?.items;
        let tenant = match &named {
            Some(named) => {
                Some(tenants::find(&state.pool, named).await?.ok_or_else(tenant_unknown)?)
            }
            None => {
                let sells = choices.iter().find(|tenant| tenant.credit_rules.enabled);
                sells.or(choices.first()).cloned()
            }
        };
        Ok(tenant.map(|tenant| Self { tenant, choices }))
    }

    /// The same where nothing can be done without a tenant.
    pub(super) async fn known(
        state: &ApiState,
        operator: &Operator,
        uri: &Uri,
    ) -> Result<Self, Problem> {
        Self::of(state, operator, uri).await?.ok_or_else(tenant_unknown)
    }
}

fn tenant_unknown() -> Problem {
    Problem::not_found("tenant_unknown", "there is no such tenant")
}
