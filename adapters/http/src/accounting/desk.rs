//! What every page of the books knows: who reads, in which tenant, by which calendar.

use askama::Template;
use axum::{http::Uri, response::Response};
use kontor_domain::TenantId;
use kontor_projections::{PageRequest, tenants};

use crate::{
    api::books::bounds::Calendar,
    operations::{
        operator::Person,
        shell::{Assets, html},
    },
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// The first pages of accountants.
const BOOKS: &str = "/admin/books";
const RECONCILIATION: &str = "/admin/reconciliation";
const PAYMENTS: &str = "/admin/payments";
const PERIODS: &str = "/admin/periods";

/// What stands around a page of the books.
pub(super) struct Shell {
    pub(super) assets: Assets,
    pub(super) label: String,
    pub(super) prefix: String,
    /// Empty where a tenant is still to be chosen.
    pub(super) tenant: String,
    /// Whether the reader operates as well.
    pub(super) operates: bool,
    /// What links begin their query with: names the tenant for keys of the platform.
    pub(super) query: String,
    /// Where another tenant is chosen.
    pub(super) place: &'static str,
}

impl Shell {
    fn new(person: &Person, tenant: Option<&TenantId>, uri: &Uri) -> Self {
        let key = &person.0.key;
        let query = match (&key.tenant, tenant) {
            (None, Some(tenant)) => format!("tenant={tenant}&"),
            (None | Some(_), _) => String::new(),
        };
        Self {
            assets: Assets::new(),
            label: key.label.clone(),
            prefix: key.prefix.clone(),
            tenant: tenant.map_or_else(String::new, ToString::to_string),
            operates: key.role.writes(),
            query,
            place: [RECONCILIATION, PAYMENTS, PERIODS]
                .into_iter()
                .find(|place| uri.path().starts_with(place))
                .unwrap_or(BOOKS),
        }
    }

    /// The tenant as a hidden field of a form, for keys of the platform.
    pub(super) fn named_tenant(&self) -> Option<&str> {
        (!self.query.is_empty()).then_some(self.tenant.as_str())
    }
}

/// A reader at the books of one tenant.
pub(super) struct Desk {
    pub(super) shell: Shell,
    pub(super) tenant: TenantId,
    pub(super) calendar: Calendar,
    pub(super) parameters: Parameters,
}

#[derive(Template)]
#[template(path = "books/tenants.html")]
struct TenantsPage {
    shell: Shell,
    tenants: Vec<tenants::TenantRow>,
}

impl Desk {
    /// The desk of a reader; a page of tenants to choose from where a key of the platform names none.
    pub(super) async fn of(
        state: &ApiState,
        person: &Person,
        uri: &Uri,
    ) -> Result<Result<Self, Response>, Problem> {
        let parameters = Parameters::of(uri).filled();
        let named = parameters.parsed::<TenantId>("tenant", "this is no tenant id")?;
        let tenant = match (person.0.tenant(), named) {
            (Some(own), Some(named)) if *own != named => {
                let detail = format!("your key belongs to the tenant {own} and opens no other");
                return Err(Problem::forbidden("tenant_not_yours", detail));
            }
            (Some(tenant), _) => tenant.clone(),
            (None, Some(tenant)) => tenant,
            (None, None) => return choose(state, person, uri).await.map(Err),
        };
        let calendar = Calendar::of(state, &tenant).await?;
        let shell = Shell::new(person, Some(&tenant), uri);
        Ok(Ok(Self { shell, tenant, calendar, parameters }))
    }
}

async fn choose(state: &ApiState, person: &Person, uri: &Uri) -> Result<Response, Problem> {
    let page = PageRequest::first(PageRequest::LIMIT_MAX);
    let tenants = tenants::list(&state.pool, &page).await?.items;
    html(&TenantsPage { shell: Shell::new(person, None, uri), tenants })
}

/// An amount with its thousands apart.
pub(super) fn figure(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("\u{2212}", rest));
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    if !behind.is_empty() {
        grouped.push('.');
        grouped.push_str(behind);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart_and_kopecks_stay() {
        for (text, expected) in [
            ("0", "0"),
            ("-5.00", "\u{2212}5.00"),
            ("1234567.10", "1\u{a0}234\u{a0}567.10"),
            ("-123456", "\u{2212}123\u{a0}456"),
        ] {
            assert_eq!(figure(text), expected);
        }
    }
}
