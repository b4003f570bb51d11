//! Events in, items, matches and work out.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kontor_domain::{Recorded, provider_statement::ProviderStatementEvent};
use sqlx::PgConnection;

use super::{
    Reconciliations, find,
    items::{self, Item},
    payments, work,
};
use crate::{ApplyError, Projection};

#[async_trait]
impl Projection for Reconciliations {
    fn name(&self) -> &'static str {
        "reconciliation"
    }

    fn version(&self) -> i32 {
        2
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "payment.begun",
            "payment.succeeded",
            "payment.surplus_paid",
            "payment.refunded",
            "payment.refund_failed",
            "payment.dispute_opened",
            "payment.dispute_closed",
            "payment.receipt_failed",
            "payment.receipt_registered",
            "provider_statement.lines_recorded",
            "reconciliation.assigned",
            "reconciliation.explained",
            "reconciliation.adjusted",
            "reconciliation.write_off_proposed",
            "reconciliation.written_off",
            "reconciliation.reopened",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["recon_items", "recon_refs", "recon_files", "recon_work", "recon_payments"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let of = |prefix: &str| -> Vec<&Recorded> {
            events.iter().filter(|event| event.event_type.starts_with(prefix)).collect()
        };
        let (paid, statements) = (of("payment."), of("provider_statement."));
        let mut changed: Vec<Item> = Vec::new();
        if !paid.is_empty() {
            let known = payments::known(db, &paid).await?;
            for event in paid {
                changed.extend(payments::item(event, &known, event.body()?)?);
            }
        }
        for event in &statements {
            let ProviderStatementEvent::LinesRecorded(recorded) = event.body()?;
            items::of_statement(event, &recorded, &mut changed)?;
        }
        items::note_files(db, &statements).await?;
        if !changed.is_empty() {
            // Segments of a rebuild and pages of the same tenant must see each other's items, or
            // none of them would match what the other one writes.
            sqlx::query(
                "select pg_advisory_xact_lock(hashtextextended(current_schema() || ' recon', 0))",
            )
            .execute(&mut *db)
            .await?;
            let before = items::renamed(db, &changed).await?;
            items::write(db, &changed).await?;
            changed.extend(before);
            for (bucket, keys) in touched(&changed) {
                find::again(db, bucket, &keys).await?;
            }
        }
        work::apply(db, &of("reconciliation.")).await
    }
}

/// Where items are held against each other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Bucket<'a> {
    pub(super) tenant: &'a str,
    pub(super) provider: &'a str,
    pub(super) name: &'a str,
}

/// What changed within a bucket.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    pub(super) references: BTreeSet<&'a str>,
    /// Currencies and amounts.
    pub(super) amounts: BTreeSet<(&'a str, i64)>,
    /// Lines that name nothing.
    pub(super) unnamed: bool,
}

fn touched(changed: &[Item]) -> BTreeMap<Bucket<'_>, Keys<'_>> {
    let mut buckets: BTreeMap<Bucket<'_>, Keys<'_>> = BTreeMap::new();
    for item in changed.iter().filter(|item| !item.bucket.is_empty()) {
        let bucket = Bucket { tenant: &item.tenant, provider: item.provider, name: item.bucket };
        let keys = buckets.entry(bucket).or_default();
        keys.references.extend(item.reference.as_deref());
        keys.references.extend(item.refs.iter().map(String::as_str));
        keys.amounts.insert((item.currency, item.expected_minor));
        keys.unnamed |= item.reference.is_none() && item.refs.is_empty();
    }
    buckets
}
