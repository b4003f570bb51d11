//! The journal of what operators did by hand, on these pages and on the command line.

use chrono::{DateTime, Utc};
use kontor_postgres::journal::{self, EntryFilter, NewEntry};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

pub(super) use kontor_postgres::journal::Action;

use super::{filters::Filters, operator::Operator};
use crate::problem::Problem;

/// The most rows of one page of the journal.
pub(super) const PAGE: u32 = 100;

/// One entry of the journal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    pub(super) id: i64,
    pub(super) at: DateTime<Utc>,
    /// The public part of the key under which it was done, or `cli user@host`.
    pub(super) key_prefix: String,
    /// What was done.
    #[schema(example = "dead_letter_retry")]
    pub(super) action: String,
    /// What it was done to.
    #[schema(example = "command:17")]
    pub(super) target: String,
    /// The tenant that it was about, when it was about one.
    pub(super) tenant: Option<String>,
    /// What came of it, in a word.
    #[schema(example = "accepted")]
    pub(super) outcome: String,
    /// Leads to the log lines of the request.
    pub(super) request_id: String,
}

impl From<journal::Entry> for Entry {
    fn from(entry: journal::Entry) -> Self {
        let journal::Entry { id, at, by, action, target, tenant, outcome, request_id } = entry;
        Self { id, at, key_prefix: by, action, target, tenant, outcome, request_id }
    }
}

/// Writes an entry: target, tenant and outcome.
pub(super) async fn record(
    pool: &PgPool,
    operator: &Operator,
    action: Action,
    (target, tenant, outcome): (&str, Option<&str>, &str),
) -> Result<(), Problem> {
    let (by, request_id) = (operator.key.prefix.as_str(), operator.request_id.as_str());
    let entry = NewEntry { by, action, target, tenant, outcome, request_id };
    journal::record(pool, &entry).await.map_err(|err| Problem::internal(&err))
}

/// What an operator may see of the journal and asks for: all for the platform, what is about a tenant
/// or was done by its keys for an operator of it.
pub(super) fn filter(operator: &Operator, filters: &Filters) -> Result<EntryFilter, Problem> {
    let action = filters.kind.as_deref().map(str::parse::<Action>).transpose();
    Ok(EntryFilter {
        visible_to: operator.tenant().map(ToString::to_string),
        tenant: filters.tenant.clone(),
        action: action.map_err(|err| Problem::parameter("type", err.to_string()))?,
        by: None,
        target: filters.id.clone(),
        from: filters.from,
        until: filters.until,
    })
}

/// The newest entries before an id that a filter lets through.
pub(super) async fn list(
    pool: &PgPool,
    filter: &EntryFilter,
    before: Option<i64>,
) -> Result<Vec<Entry>, Problem> {
    let entries = journal::page(pool, filter, before, PAGE).await;
    let entries = entries.map_err(|err| Problem::internal(&err))?;
    Ok(entries.into_iter().map(Entry::from).collect())
}

/// Where the page behind these entries begins; nowhere when they are the last.
pub(super) fn older(entries: &[Entry]) -> Option<i64> {
    let full = u32::try_from(entries.len()).is_ok_and(|count| count >= PAGE);
    entries.last().filter(|_| full).map(|entry| entry.id)
}

/// The words for what can be done.
pub(super) fn names() -> Vec<&'static str> {
    Action::ALL.into_iter().map(Action::name).collect()
}

impl Entry {
    /// What was done, in words.
    pub(super) fn action_words(&self) -> String {
        self.action.replace('_', " ")
    }
}
