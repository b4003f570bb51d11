//! The rules that each tenant had at each position.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use kontor_domain::{
    Recorded, TenantFacts, TenantId,
    credit_ledger::replay::RulesThen,
    tenant::{Tenant, TenantEvent},
};
use kontor_postgres::inspect;
use sqlx::PgPool;

use crate::ledger::books::newest;

/// How many events of tenants are read at a time.
const PAGE: u32 = 1_000;
/// For how long after a change a decision may still have known the rules of before: a process copies
/// them once a second, and what was decided is recorded within moments, also in a busy hour.
const STALE_SECONDS: i64 = 30;

/// The rules of a tenant from a position on.
struct Since {
    position: i64,
    recorded_at: DateTime<Utc>,
    facts: Arc<TenantFacts>,
    /// The same as the only ones.
    alone: RulesThen,
}

/// The rules of all tenants.
pub(super) struct Rules(HashMap<TenantId, Vec<Since>>);

impl Rules {
    /// Folds the tenants of the log up to a position.
    pub(super) async fn read(pool: &PgPool, until: i64) -> anyhow::Result<Self> {
        let tenants: Vec<String> = sqlx::query_scalar(
            "select distinct tenant from events where stream_type = 'tenant' and position <= $1",
        )
        .bind(until)
        .fetch_all(pool)
        .await
        .context("the tenants cannot be read")?;
        let mut rules = HashMap::with_capacity(tenants.len());
        for tenant in tenants {
            let tenant: TenantId = tenant.parse().context("a tenant in the log has no slug")?;
            let history = history(pool, &tenant, until).await?;
            rules.insert(tenant, history);
        }
        Ok(Self(rules))
    }

    /// Whether there is such a tenant.
    pub(super) fn knows(&self, tenant: &TenantId) -> bool {
        self.0.contains_key(tenant)
    }

    /// What a decision behind an event may have known, the most likely first.
    pub(super) fn at(&self, event: &Recorded) -> RulesThen {
        let history = self.0.get(&event.tenant).map_or(&[][..], |history| history);
        let known = history.partition_point(|since| since.position < event.position);
        let known = history.get(..known).unwrap_or(&[]);
        let Some(last) = known.last() else { return Arc::new([]) };
        let fresh = |since: &Since| {
            event.recorded_at - since.recorded_at < TimeDelta::seconds(STALE_SECONDS)
        };
        if !fresh(last) {
            return Arc::clone(&last.alone);
        }
        // Before a change that is this young, the rules of before it; and so on.
        let young = known.iter().rev().take_while(|since| fresh(since)).count();
        known.iter().rev().take(young + 1).map(|since| Arc::clone(&since.facts)).collect()
    }
}

async fn history(pool: &PgPool, tenant: &TenantId, until: i64) -> anyhow::Result<Vec<Since>> {
    let (mut state, mut version, mut history) = (Tenant::default(), 0, Vec::new());
    loop {
        let page = inspect::stream(pool, tenant.stream_id(), version, PAGE).await?;
        let Some(last) = page.last() else { return Ok(history) };
        version = last.version;
        for stored in page {
            let (position, recorded_at) = (stored.position, stored.recorded_at);
            if position > until {
                return Ok(history);
            }
            for event in newest::<TenantEvent>(stored)? {
                state.apply(event);
            }
            let facts = Arc::new(state.facts(tenant.clone()));
            let alone: RulesThen = Arc::new([Arc::clone(&facts)]);
            history.push(Since { position, recorded_at, facts, alone });
        }
    }
}
