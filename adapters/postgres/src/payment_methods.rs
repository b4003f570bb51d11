//! The cards that providers keep for customers, by their ids there: what could pay, and stands in no
//! event. A row is deleted when the provider has removed the card.

use std::time::Duration;

use kontor_domain::TenantId;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, checkouts::milliseconds, error::failed};

/// A card that a provider keeps.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct KeptMethod {
    /// Its id in events.
    pub method_id: Uuid,
    /// The tenant.
    pub tenant: String,
    /// Whose it is.
    pub account_id: Uuid,
    /// Through which of the provider's doors.
    pub channel: String,
    /// The provider's id of it.
    pub method_ref: String,
    /// The provider's id of its holder.
    pub customer_ref: Option<String>,
}

/// Notes a card that a provider keeps, before an event says so; the same again changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn keep(pool: &PgPool, method: &KeptMethod) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into payment_methods
             (method_id, tenant, account_id, channel, method_ref, customer_ref)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (method_id) do update set is_unwanted = false",
    )
    .bind(method.method_id)
    .bind(&method.tenant)
    .bind(method.account_id)
    .bind(&method.channel)
    .bind(&method.method_ref)
    .bind(&method.customer_ref)
    .execute(pool)
    .await
    .map_err(failed("keep a payment method"))?;
    let Some(customer_ref) = &method.customer_ref else { return Ok(()) };
    sqlx::query(
        "insert into payment_customers (channel, account_id, tenant, customer_ref)
         values ($1, $2, $3, $4)
         on conflict (channel, account_id) do update set customer_ref = excluded.customer_ref",
    )
    .bind(&method.channel)
    .bind(method.account_id)
    .bind(&method.tenant)
    .bind(customer_ref)
    .execute(pool)
    .await
    .map_err(failed("keep a provider's customer"))?;
    Ok(())
}

/// A card.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, method_id: Uuid) -> Result<Option<KeptMethod>, DatabaseError> {
    sqlx::query_as(
        "select method_id, tenant, account_id, channel, method_ref, customer_ref
         from payment_methods where method_id = $1 and not is_unwanted",
    )
    .bind(method_id)
    .fetch_optional(pool)
    .await
    .map_err(failed("find a payment method"))
}

/// Who an account is at a provider, when that is known.
///
/// # Errors
/// When the database fails.
pub async fn customer_of(
    pool: &PgPool,
    channel: &str,
    account_id: Uuid,
) -> Result<Option<String>, DatabaseError> {
    sqlx::query_scalar(
        "select customer_ref from payment_customers where channel = $1 and account_id = $2",
    )
    .bind(channel)
    .bind(account_id)
    .fetch_optional(pool)
    .await
    .map_err(failed("find a provider's customer"))
}

/// Nobody may keep this card: it is removed at its provider although no event says so.
///
/// # Errors
/// When the database fails.
pub async fn unwanted(pool: &PgPool, method_id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query("update payment_methods set is_unwanted = true where method_id = $1")
        .bind(method_id)
        .execute(pool)
        .await
        .map_err(failed("note an unwanted payment method"))?;
    Ok(())
}

/// The cards of one of the provider's doors that are to be removed there now, at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn leaving(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    limit: u32,
) -> Result<Vec<KeptMethod>, DatabaseError> {
    sqlx::query_as(
        "select method_id, tenant, account_id, channel, method_ref, customer_ref
         from payment_methods method
         where tenant = $1 and channel = $2 and next_at <= clock_timestamp()
             and (is_unwanted or exists (
                 select from billing_directory billing
                 where billing.account_id = method.account_id
                     and billing.removed @> to_jsonb(method.method_id::text)))
             -- What may have been charged is looked for under the card's holder.
             and not exists (
                 select from payment_checkouts checkout
                 where checkout.method_id = method.method_id
                     and checkout.state in ('wanted', 'open'))
         order by next_at limit $3",
    )
    .bind(tenant.as_str())
    .bind(channel)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("find payment methods that leave"))
}

/// The provider has removed the card. Of a person who is erased nothing is left: neither is the
/// provider's customer.
///
/// # Errors
/// When the database fails.
pub async fn forget(
    pool: &PgPool,
    method: &KeptMethod,
    is_erased: bool,
) -> Result<(), DatabaseError> {
    sqlx::query("delete from payment_methods where method_id = $1")
        .bind(method.method_id)
        .execute(pool)
        .await
        .map_err(failed("forget a payment method"))?;
    if is_erased {
        sqlx::query("delete from payment_customers where channel = $1 and account_id = $2")
            .bind(&method.channel)
            .bind(method.account_id)
            .execute(pool)
            .await
            .map_err(failed("forget a provider's customer"))?;
    }
    Ok(())
}

/// The card is to be removed again after a pause that doubles from `first` to `max`, with jitter.
///
/// # Errors
/// When the database fails.
pub async fn postpone(
    pool: &PgPool,
    method_id: Uuid,
    (first, max): (Duration, Duration),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_methods set attempts = attempts + 1,
             next_at = clock_timestamp() + interval '1 millisecond'
                 * least($3::float8, $2::float8 * power(2, least(attempts, 30)))
                 * (0.5 + random() / 2)
         where method_id = $1",
    )
    .bind(method_id)
    .bind(milliseconds(first))
    .bind(milliseconds(max))
    .execute(pool)
    .await
    .map_err(failed("postpone a payment method"))?;
    Ok(())
}
