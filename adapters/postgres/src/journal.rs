//! The journal of what people did by hand, on the operations page and on the command line. Entries
//! are added and never changed; see migrations 0131 and 0134.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, error::failed};

/// The most entries that [`page`] returns.
pub const PAGE_MAX: u32 = 1_000;

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Somebody logged in on the operations page.
    LogIn,
    /// Somebody logged out.
    LogOut,
    /// A dead letter was tried again.
    Retry,
    /// A dead letter was given up.
    Skip,
    /// Personal data was looked at.
    ShowPersonal,
    /// The calls of a webhook were stopped.
    DisableWebhook,
    /// The calls of a webhook go on.
    EnableWebhook,
}

impl Action {
    /// All of them, for those who choose one.
    pub const ALL: [Self; 7] = [
        Self::LogIn,
        Self::LogOut,
        Self::Retry,
        Self::Skip,
        Self::ShowPersonal,
        Self::DisableWebhook,
        Self::EnableWebhook,
    ];

    /// The name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::LogOut => "log_out",
            Self::Retry => "dead_letter_retry",
            Self::Skip => "dead_letter_skip",
            Self::ShowPersonal => "personal_data_shown",
            Self::DisableWebhook => "webhook_disable",
            Self::EnableWebhook => "webhook_enable",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is no action of the journal.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an action is `log_in`, `log_out`, `dead_letter_retry`, `dead_letter_skip`, \
     `personal_data_shown`, `webhook_disable` or `webhook_enable`"
)]
pub struct NoAction;

impl FromStr for Action {
    type Err = NoAction;

    fn from_str(word: &str) -> Result<Self, NoAction> {
        Self::ALL.into_iter().find(|action| action.name() == word).ok_or(NoAction)
    }
}

/// An entry to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Who did it: the public part of a key, or `cli user@host`.
    pub by: &'a str,
    /// What was done.
    pub action: Action,
    /// What it was done to; empty for logins.
    pub target: &'a str,
    /// The tenant that it was about, when it was about one.
    pub tenant: Option<&'a str>,
    /// What came of it, in a word.
    pub outcome: &'a str,
    /// Leads to the log lines of the request; empty on the command line.
    pub request_id: &'a str,
}

/// An entry of the journal.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Who did it: the public part of a key, or `cli user@host`.
    #[sqlx(rename = "key_prefix")]
    pub by: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// The tenant that it was about, when it was about one.
    pub tenant: Option<String>,
    /// What came of it, in a word.
    pub outcome: String,
    /// Leads to the log lines of the request.
    pub request_id: String,
}

/// Which entries are wanted; by default all.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// What an operator of this tenant may see: entries about it, and those by its keys.
    pub visible_to: Option<String>,
    /// About this tenant.
    pub tenant: Option<String>,
    /// Of this kind.
    pub action: Option<Action>,
    /// By whoever has this in their name.
    pub by: Option<String>,
    /// Done to what has this in its name.
    pub target: Option<String>,
    /// From this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
}

/// Writes an entry.
///
/// # Errors
/// When the database fails; what must be noted before it is done must then not be done.
pub async fn record(pool: &PgPool, entry: &NewEntry<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into operator_actions (key_prefix, action, target, tenant, outcome, request_id)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(entry.by)
    .bind(entry.action.name())
    .bind(entry.target)
    .bind(entry.tenant)
    .bind(entry.outcome)
    .bind(entry.request_id)
    .execute(pool)
    .await
    .map_err(failed("write to the journal"))?;
    Ok(())
}

/// The newest entries, or those before the entry with an id; at most [`PAGE_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    filter: &EntryFilter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, DatabaseError> {
    sqlx::query_as(
        "select id, at, key_prefix, action, target, tenant, outcome, request_id
         from operator_actions
         where ($1::bigint is null
                 or (at, id) < (select b.at, b.id from operator_actions b where b.id = $1))
             and ($2::text is null or tenant = $2
                 or key_prefix in (select prefix from api_keys where api_keys.tenant = $2))
             and ($3::text is null or tenant = $3)
             and ($4::text is null or action = $4)
             and ($5::text is null or position(lower($5) in lower(key_prefix)) > 0)
             and ($6::text is null or position(lower($6) in lower(target)) > 0)
             and ($7::timestamptz is null or at >= $7)
             and ($8::timestamptz is null or at < $8)
         order by at desc, id desc
         limit $9",
    )
    .bind(before)
    .bind(&filter.visible_to)
    .bind(&filter.tenant)
    .bind(filter.action.map(Action::name))
    .bind(&filter.by)
    .bind(&filter.target)
    .bind(filter.from)
    .bind(filter.until)
    .bind(i64::from(limit.clamp(1, PAGE_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("read the journal"))
}
