//! The journal of what operators did by hand.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;

use super::operator::Operator;
use crate::problem::Problem;

/// The most rows of one page of the journal.
pub(super) const PAGE: i64 = 100;

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    LogIn,
    LogOut,
    Retry,
    Skip,
    ShowPersonal,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::LogOut => "log_out",
            Self::Retry => "dead_letter_retry",
            Self::Skip => "dead_letter_skip",
            Self::ShowPersonal => "personal_data_shown",
        }
    }
}

/// One entry of the journal.
#[derive(Clone, Debug, FromRow, Serialize, ToSchema)]
pub(crate) struct Entry {
    id: i64,
    pub(super) at: DateTime<Utc>,
    /// The public part of the key under which it was done.
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

/// Writes an entry: target, tenant and outcome.
pub(super) async fn record(
    pool: &PgPool,
    operator: &Operator,
    action: Action,
    (target, tenant, outcome): (&str, Option<&str>, &str),
) -> Result<(), Problem> {
    sqlx::query(
        "insert into operator_actions (key_prefix, action, target, tenant, outcome, request_id) \
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&operator.key.prefix)
    .bind(action.name())
    .bind(target)
    .bind(tenant)
    .bind(outcome)
    .bind(&operator.request_id)
    .execute(pool)
    .await?;
    Ok(())
}

/// The newest entries before an id: all for the platform, those about a tenant or by its keys for
/// an operator of it.
pub(super) async fn list(
    pool: &PgPool,
    operator: &Operator,
    before: Option<i64>,
) -> Result<Vec<Entry>, Problem> {
    let entries = sqlx::query_as(
        "select id, at, key_prefix, action, target, tenant, outcome, request_id \
         from operator_actions \
         where ($1::bigint is null or id < $1) and ($2::text is null or tenant = $2 \
             or key_prefix in (select prefix from api_keys where api_keys.tenant = $2)) \
         order by id desc limit $3",
    )
    .bind(before)
    .bind(operator.tenant().map(kontor_domain::TenantId::as_str))
    .bind(PAGE);
    Ok(entries.fetch_all(pool).await?)
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
