//! Pages of providers on which customers pay: who wants one, where it is, when to look again.
//!
//! The bot that sells wants a page, the owner of the provider's account opens it, and whoever waits
//! for it reads its address here.

mod charges;
mod refunds;

pub use charges::{
    CardToSee, Keeping, card_seen, cards_to_see, charging, needs_customer, want_charge,
    want_keeping,
};
pub use refunds::{RefundCall, found_refund, postpone_refund, send_refund, swept, swept_until};

use std::time::Duration;

use chrono::{DateTime, Utc};
use kontor_domain::{Language, Money, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool, types::Json};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// What a provider is asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Asked {
    /// What the customer reads on the page.
    pub title: String,
    /// What it costs.
    pub price: Money,
    /// The customer's language.
    pub language: Language,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
    /// Where the page leads back to.
    pub return_url: String,
}

/// How far a page has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum CheckoutState {
    /// It is not open yet.
    Wanted,
    /// The customer can pay, or the bank has not said what came of it.
    Open,
    /// Nothing more is expected of it.
    Over,
    /// The provider opens no page for it.
    Refused,
}

/// A page, open or not.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct CheckoutRow {
    /// The payment.
    pub payment_id: Uuid,
    /// The tenant that sells.
    pub tenant: String,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What the provider is asked for.
    #[sqlx(json)]
    pub asked: Asked,
    /// How far it has come.
    pub state: CheckoutState,
    /// The provider's id of the page.
    pub provider_ref: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// Why the provider refused it.
    pub failure: Option<String>,
    /// Attempts since the last one that succeeded.
    pub attempts: i32,
    /// When the provider was first asked for it.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// When it was wanted.
    pub wanted_at: DateTime<Utc>,
    /// Whose card is kept or charged.
    pub account_id: Option<Uuid>,
    /// The card is kept that is paid with.
    pub keep_card: bool,
    /// The card that is charged without its holder; none for a page.
    pub method_id: Option<Uuid>,
    /// The bank wants its holder after all, so there is a page.
    pub needs_customer: bool,
}

macro_rules! select_checkouts {
    ($rest:literal) => {
        concat!(
            "select payment_id, tenant, channel, asked, state, provider_ref, url, failure, \
             attempts, first_sent_at, wanted_at, account_id, keep_card, method_id, needs_customer \
             from payment_checkouts ",
            $rest
        )
    };
}

/// Wants a page for a payment; the same again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn want(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    payment_id: Uuid,
    asked: &Asked,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into payment_checkouts (payment_id, tenant, channel, asked)
         values ($1, $2, $3, $4) on conflict (payment_id) do nothing",
    )
    .bind(payment_id)
    .bind(tenant.as_str())
    .bind(channel)
    .bind(Json(asked))
    .execute(pool)
    .await
    .map_err(failed("want a checkout"))?;
    Ok(())
}

/// The page of a payment.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, payment_id: Uuid) -> Result<Option<CheckoutRow>, DatabaseError> {
    sqlx::query_as(select_checkouts!("where payment_id = $1"))
        .bind(payment_id)
        .fetch_optional(pool)
        .await
        .map_err(failed("find a checkout"))
}

/// The pages of one of the provider's doors that are to be opened or looked at now, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn due(
    pool: &PgPool,
    channel: &str,
    state: CheckoutState,
    limit: u32,
) -> Result<Vec<CheckoutRow>, DatabaseError> {
    sqlx::query_as(select_checkouts!(
        "where channel = $1 and state = $2 and state in ('wanted', 'open')
             and next_at <= clock_timestamp()
         order by next_at limit $3"
    ))
    .bind(channel)
    .bind(state)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("find checkouts that are due"))
}

/// Notes that the provider is about to be asked, before it is.
///
/// # Errors
/// When the database fails.
pub async fn send(pool: &PgPool, payment_id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set first_sent_at = coalesce(first_sent_at, clock_timestamp())
         where payment_id = $1",
    )
    .bind(payment_id)
    .execute(pool)
    .await
    .map_err(failed("note a checkout's call"))?;
    Ok(())
}

/// The page is open, and looked at again after a while unless the provider speaks first.
///
/// # Errors
/// When the database fails.
pub async fn opened(
    pool: &PgPool,
    payment_id: Uuid,
    (provider_ref, url): (&str, &str),
    look_after: Duration,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set state = 'open', provider_ref = $2, url = $3, attempts = 0,
             next_at = clock_timestamp() + $4 * interval '1 millisecond'
         where payment_id = $1 and state = 'wanted'",
    )
    .bind(payment_id)
    .bind(provider_ref)
    .bind(url)
    .bind(milliseconds(look_after))
    .execute(pool)
    .await
    .map_err(failed("note an open checkout"))?;
    Ok(())
}

/// The provider opens no page, and says why in a code.
///
/// # Errors
/// When the database fails.
pub async fn refused(pool: &PgPool, payment_id: Uuid, code: &str) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set state = 'refused', failure = $2
         where payment_id = $1 and state = 'wanted'",
    )
    .bind(payment_id)
    .bind(code)
    .execute(pool)
    .await
    .map_err(failed("note a refused checkout"))?;
    Ok(())
}

/// Nothing more is expected of a page; whether its card is kept is seen to at once.
///
/// # Errors
/// When the database fails.
pub async fn over(pool: &PgPool, payment_id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set state = 'over', attempts = 0, next_at = clock_timestamp()
         where payment_id = $1 and (state = 'open' or (state = 'wanted' and method_id is not null))",
    )
    .bind(payment_id)
    .execute(pool)
    .await
    .map_err(failed("end a checkout"))?;
    Ok(())
}

/// The page is due again after a pause that doubles from `first` to `max`, with jitter.
///
/// # Errors
/// When the database fails.
pub async fn postpone(
    pool: &PgPool,
    payment_id: Uuid,
    (first, max): (Duration, Duration),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set attempts = attempts + 1,
             next_at = clock_timestamp() + interval '1 millisecond'
                 * least($3::float8, $2::float8 * power(2, least(attempts, 30)))
                 * (0.5 + random() / 2)
         where payment_id = $1",
    )
    .bind(payment_id)
    .bind(milliseconds(first))
    .bind(milliseconds(max))
    .execute(pool)
    .await
    .map_err(failed("postpone a checkout"))?;
    Ok(())
}

/// A bot could not wait for the page's address and sends it later.
///
/// # Errors
/// When the database fails.
pub async fn tell_later(pool: &PgPool, payment_id: Uuid, bot: &str) -> Result<(), DatabaseError> {
    sqlx::query("update payment_checkouts set tell_bot = $2 where payment_id = $1")
        .bind(payment_id)
        .bind(bot)
        .execute(pool)
        .await
        .map_err(failed("note that a checkout is to be told"))?;
    Ok(())
}

/// What a bot has yet to tell and can tell now, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn untold(
    pool: &PgPool,
    bot: &str,
    limit: u32,
) -> Result<Vec<CheckoutRow>, DatabaseError> {
    sqlx::query_as(select_checkouts!(
        "where tell_bot = $1 and state <> 'wanted' order by wanted_at limit $2"
    ))
    .bind(bot)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("find checkouts to tell"))
}

/// It was told, in the caller's transaction. `false` when somebody else was first.
///
/// # Errors
/// When the database fails.
pub async fn told(
    db: &mut sqlx::PgConnection,
    payment_id: Uuid,
    bot: &str,
) -> Result<bool, DatabaseError> {
    let told = sqlx::query(
        "update payment_checkouts set tell_bot = null where payment_id = $1 and tell_bot = $2",
    )
    .bind(payment_id)
    .bind(bot)
    .execute(db)
    .await
    .map_err(failed("note that a checkout was told"))?;
    Ok(told.rows_affected() == 1)
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
