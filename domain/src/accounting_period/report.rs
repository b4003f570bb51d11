//! The report of a closed month, as bytes that are the same whoever writes them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{AccountFigures, Figures, Month, PaymentFigures};
use crate::{
    TenantId,
    credit_ledger::chain::Head,
    seals::{Digest32, SealedEnd, Tree},
};

/// What a report begins with.
const FORM: &str = "kontor-period-report 1";

/// The ledgers that a close rests on: those with lines up to its position.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledgers {
    /// How many there are.
    pub count: i64,
    /// How many events they have.
    pub bookings: i64,
    /// The root of the tree (RFC 6962) over their ends, in the order of their ids; its leaves are
    /// those of the seals.
    pub root: Digest32,
}

impl Ledgers {
    /// Those of a tenant that end so: ids, versions and heads.
    pub fn of(tenant: &TenantId, mut ends: Vec<(Uuid, i64, Head)>) -> Self {
        ends.sort_unstable_by_key(|(id, ..)| *id);
        let bookings = ends.iter().fold(0_i64, |sum, (_, version, _)| sum.saturating_add(*version));
        let leaves = (0..).zip(ends).map(|(leaf, (ledger_id, version, head))| {
            SealedEnd { leaf, tenant: tenant.clone(), ledger_id, version, head }.leaf_hash()
        });
        let mut tree = Tree::of(leaves.collect());
        let count = i64::try_from(tree.len()).unwrap_or(i64::MAX);
        Self { count, bookings, root: tree.root() }
    }
}

/// What the report of a closed month says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodBooks {
    /// The month.
    pub month: Month,
    /// How often it was closed, with this time.
    pub revision: i64,
    /// The zone of the tenant's calendar.
    pub time_zone: String,
    /// Its first instant.
    pub starts_at: DateTime<Utc>,
    /// The first instant behind it.
    pub ends_at: DateTime<Utc>,
    /// The position of the log up to which it counts.
    pub position: i64,
    /// That of the month before; absent for the first one that is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_position: Option<i64>,
    /// The ledgers that it rests on.
    pub ledgers: Ledgers,
    /// The figures.
    pub figures: Figures,
}

impl PeriodBooks {
    /// The report as a text: lines of words and numbers with one space between them. Nothing in it
    /// depends on a language, a clock or who writes it, and no word can hold a space.
    pub fn report(&self, tenant: &TenantId) -> String {
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let previous =
            self.previous_position.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let head = [
            ("tenant", tenant.to_string()),
            ("month", self.month.to_string()),
            ("revision", self.revision.to_string()),
            ("time_zone", self.time_zone.clone()),
            ("starts_at", instant(self.starts_at)),
            ("ends_at", instant(self.ends_at)),
            ("position", self.position.to_string()),
            ("previous_position", previous),
            ("ledgers", self.ledgers.count.to_string()),
            ("ledger_bookings", self.ledgers.bookings.to_string()),
            ("ledgers_root", self.ledgers.root.to_string()),
            ("bookings", self.figures.bookings.to_string()),
            ("late_bookings", self.figures.late_bookings.to_string()),
        ];
        let head = head.map(|(name, value)| format!("{name} {value}"));
        let mut lines = vec![FORM.to_owned()];
        lines.extend(head);
        lines.extend(self.figures.accounts.iter().map(account_line));
        lines.extend(self.figures.payments.iter().map(payments_line));
        // Every line ends, the last one too.
        lines.push(String::new());
        lines.join("\n")
    }

    /// The SHA-256 of the report's text.
    pub fn report_sha256(&self, tenant: &TenantId) -> Digest32 {
        Digest32::new(Sha256::digest(self.report(tenant)).into())
    }
}

fn account_line(row: &AccountFigures) -> String {
    format!(
        "account {} {} opening {} debits {} credits {} late_debits {} late_credits {} closing {}",
        row.account.name(),
        row.unit,
        row.opening,
        row.debits,
        row.credits,
        row.late_debits,
        row.late_credits,
        row.closing
    )
}

fn payments_line(row: &PaymentFigures) -> String {
    let (account, kind) = (row.account.name(), row.kind.name());
    format!("payments {account} {} {kind} count {} amount {}", row.unit, row.count, row.amount)
}
