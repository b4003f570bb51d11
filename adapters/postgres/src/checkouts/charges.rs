//! Payments with cards that are kept: pages that keep one, and charges without their holder.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kontor_domain::{TenantId, billing::RechargeTerms};
use sqlx::{FromRow, PgPool, types::Json};
use uuid::Uuid;

use super::{Asked, CheckoutRow, milliseconds};
use crate::{DatabaseError, error::failed};

/// A page on which the card is kept that is paid with.
#[derive(Clone, Debug, PartialEq)]
pub struct Keeping {
    /// Whose card it is.
    pub account_id: Uuid,
    /// What they agreed to with that, to hold from when the card is kept.
    pub agreement: Option<RechargeTerms>,
}

/// A page whose card is to be kept.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct CardToSee {
    /// The payment.
    pub payment_id: Uuid,
    /// Whose card it is.
    pub account_id: Uuid,
    /// What they agreed to, to hold from when the card is kept.
    #[sqlx(json(nullable))]
    pub agreement: Option<RechargeTerms>,
    /// When they did.
    pub wanted_at: DateTime<Utc>,
    /// The provider's id of the charge.
    pub charge_ref: String,
}

/// Wants a page that keeps the card; the same again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn want_keeping(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    payment_id: Uuid,
    (asked, keeping): (&Asked, &Keeping),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into payment_checkouts
             (payment_id, tenant, channel, asked, account_id, keep_card, agreement)
         values ($1, $2, $3, $4, $5, true, $6) on conflict (payment_id) do nothing",
    )
    .bind(payment_id)
    .bind(tenant.as_str())
    .bind(channel)
    .bind(Json(asked))
    .bind(keeping.account_id)
    .bind(keeping.agreement.as_ref().map(Json))
    .execute(pool)
    .await
    .map_err(failed("want a checkout that keeps a card"))?;
    Ok(())
}

/// Wants a charge of a card without its holder; the same again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn want_charge(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    (payment_id, account_id, method_id): (Uuid, Uuid, Uuid),
    asked: &Asked,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into payment_checkouts (payment_id, tenant, channel, asked, account_id, method_id)
         values ($1, $2, $3, $4, $5, $6) on conflict (payment_id) do nothing",
    )
    .bind(payment_id)
    .bind(tenant.as_str())
    .bind(channel)
    .bind(Json(asked))
    .bind(account_id)
    .bind(method_id)
    .execute(pool)
    .await
    .map_err(failed("want a charge"))?;
    Ok(())
}

/// The provider has taken the charge and not decided: it is looked at again after a while.
///
/// # Errors
/// When the database fails.
pub async fn charging(
    pool: &PgPool,
    payment_id: Uuid,
    provider_ref: &str,
    look_after: Duration,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set state = 'open', provider_ref = $2, attempts = 0,
             next_at = clock_timestamp() + $3 * interval '1 millisecond'
         where payment_id = $1 and state = 'wanted'",
    )
    .bind(payment_id)
    .bind(provider_ref)
    .bind(milliseconds(look_after))
    .execute(pool)
    .await
    .map_err(failed("note a charge"))?;
    Ok(())
}

/// The bank wants the card's holder: the payment gets a page, and a bot tells its address.
///
/// # Errors
/// When the database fails.
pub async fn needs_customer(
    pool: &PgPool,
    payment_id: Uuid,
    bot: Option<&str>,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set needs_customer = true, keep_card = true, state = 'wanted',
             provider_ref = null, attempts = 0, tell_bot = $2, next_at = clock_timestamp()
         where payment_id = $1 and not needs_customer",
    )
    .bind(payment_id)
    .bind(bot)
    .execute(pool)
    .await
    .map_err(failed("note that a charge needs its customer"))?;
    Ok(())
}

/// The payments that are paid and whose card is to be kept, through one of the provider's doors, at
/// most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn cards_to_see(
    pool: &PgPool,
    channel: &str,
    limit: u32,
) -> Result<Vec<CardToSee>, DatabaseError> {
    sqlx::query_as(
        "select checkout.payment_id, checkout.account_id, checkout.agreement, checkout.wanted_at,
             payment.provider_ref as charge_ref
         from payment_checkouts checkout
         join payment_directory payment on payment.id = checkout.payment_id
         where checkout.channel = $1 and checkout.keep_card and checkout.card_seen_at is null
             and checkout.account_id is not null and checkout.next_at <= clock_timestamp()
             and payment.standing = 'succeeded' and payment.provider_ref is not null
         order by checkout.next_at limit $2",
    )
    .bind(channel)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("find cards to see"))
}

/// It was seen whether the card is kept.
///
/// # Errors
/// When the database fails.
pub async fn card_seen(pool: &PgPool, payment_id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_checkouts set card_seen_at = clock_timestamp(), agreement = null
         where payment_id = $1",
    )
    .bind(payment_id)
    .execute(pool)
    .await
    .map_err(failed("note a card"))?;
    Ok(())
}

impl CheckoutRow {
    /// The card that is charged now without its holder.
    pub fn method_to_charge(&self) -> Option<Uuid> {
        self.method_id.filter(|_| !self.needs_customer)
    }

    /// Whether the payment began without its customer, as they agreed.
    pub fn is_recharge(&self) -> bool {
        self.method_id.is_some()
    }
}
