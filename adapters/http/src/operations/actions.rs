//! The journal of what operators did by hand, on these pages and on the command line.

use chrono::{DateTime, Utc};
use kontor_postgres::journal::{self, EntryFilter, NewEntry};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

pub(super) use kontor_postgres::journal::Action;

use super::operator::Operator;
use crate::problem::Problem;

/// The most rows of one page of the journal.
pub(super) const PAGE: u32 = 100;

/// One entry of the journal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    id: i64,
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

/// The newest entries before an id that the operator may see: all for the platform, those about a
/// tenant or by its keys for an operator of it.
pub(super) async fn list(
    pool: &PgPool,
    operator: &Operator,
    before: Option<i64>,
) -> Result<Vec<Entry>, Problem> {
    let visible_to = operator.tenant().map(ToString::to_string);
    let filter = EntryFilter { visible_to, ..EntryFilter::default() };
    let entries = journal::page(pool, &filter, before, PAGE).await;
    let entries = entries.map_err(|err| Problem::internal(&err))?;
    Ok(entries.into_iter().map(Entry::from).collect())
}

impl Entry {
    /// What was done, in words.
    pub(super) fn action_words(&self) -> String {
        self.action.replace('_', " ")
    }

    /// Where the next page begins.
    pub(super) fn id(&self) -> i64 {
        self.id
    }
}
