//! How a customer uses credits: for the card in the chat and the advice on it.

use chrono::{DateTime, Utc};
use kontor_domain::TenantId;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::LINES_MAX;
use crate::QueryError;

/// The newest facts that usage is counted from; whoever makes more of them in the time that is asked
/// for is told of the last ones.
const FACTS_MAX: i64 = 5_000;

/// How a customer uses credits.
#[derive(Clone, Copy, Debug, Default, Eq, FromRow, PartialEq)]
pub struct Usage {
    /// Credits that went to messages since the instant, without those that came back.
    pub spent: i64,
    /// Messages since the instant.
    pub messages: i64,
    /// When the ledger was opened; none when there is no such ledger.
    pub opened_at: Option<DateTime<Utc>>,
}

/// What came into a ledger since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, FromRow, PartialEq)]
pub struct Intake {
    /// Credits that were bought.
    pub bought: i64,
    /// Credits that were given.
    pub given: i64,
    /// The credits of the last purchase; none without one.
    pub last_purchase: Option<i64>,
}

/// How the customer used credits since an instant, when the ledger belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn usage(
    pool: &PgPool,
    tenant: &TenantId,
    ledger_id: Uuid,
    since: DateTime<Utc>,
) -> Result<Usage, QueryError> {
    let usage = sqlx::query_as(
        "select coalesce(-sum(credits) filter (where kind in ('spent', 'held', 'hold_captured', \
             'hold_released', 'spend_reversed')), 0)::bigint as spent, \
             coalesce(sum(messages), 0)::bigint as messages, \
             (select booked_at from credit_history \
                 where ledger_id = $1 and tenant = $2 and version = 1) as opened_at \
         from (select kind, credits, messages, booked_at from credit_history \
             where ledger_id = $1 and tenant = $2 order by version desc limit $4) as newest \
         where booked_at >= $3",
    )
    .bind(ledger_id)
    .bind(tenant.as_str())
    .bind(since)
    .bind(FACTS_MAX);
    Ok(usage.fetch_one(pool).await?)
}

/// The credits that were bought since an instant, when the ledger belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn bought_since(
    pool: &PgPool,
    tenant: &TenantId,
    ledger_id: Uuid,
    since: DateTime<Utc>,
) -> Result<i64, QueryError> {
    let bought = sqlx::query_scalar(
        "select coalesce(sum(e.amount), 0)::bigint from credit_history as h \
         join ledger_entries as e on e.ledger_id = h.ledger_id \
             and e.entry >= h.version * $3 and e.entry < (h.version + 1) * $3 \
             and e.account = 'equity:issued:paid' \
         where h.ledger_id = $1 and h.tenant = $2 and h.kind = 'granted' and h.booked_at >= $4",
    )
    .bind(ledger_id)
    .bind(tenant.as_str())
    .bind(LINES_MAX)
    .bind(since);
    Ok(bought.fetch_one(pool).await?)
}

/// What came into a ledger, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn intake(
    pool: &PgPool,
    tenant: &TenantId,
    ledger_id: Uuid,
) -> Result<Intake, QueryError> {
    let intake = sqlx::query_as(
        "select coalesce(sum(amount) filter (where account = 'equity:issued:paid'), 0)::bigint \
             as bought, \
             coalesce(sum(amount) filter (where account = 'equity:issued:promo'), 0)::bigint \
             as given, \
             (array_agg(amount order by version desc) \
                 filter (where account = 'equity:issued:paid'))[1] as last_purchase \
         from (select h.version, e.account, e.amount from credit_history as h \
             join ledger_entries as e on e.ledger_id = h.ledger_id \
                 and e.entry >= h.version * $3 and e.entry < (h.version + 1) * $3 \
             where h.ledger_id = $1 and h.tenant = $2 and h.kind = 'granted') as granted",
    )
    .bind(ledger_id)
    .bind(tenant.as_str())
    .bind(LINES_MAX);
    Ok(intake.fetch_one(pool).await?)
}
