//! The directory of payments: what is bought, through whom, and what went back.

mod apply;

use chrono::{DateTime, Utc};
use kontor_domain::{
    Money, TenantId,
    credit_ledger::{DisputeOutcome, PaymentProvider},
    payment::{Part, ProductSold, ReceiptOf, ReceiptStanding, RefundStanding, Standing},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    Page, PageRequest, QueryError,
    columns::{json, named},
    paging::List,
};

/// The projection behind this directory; its follower is called `payments`.
#[derive(Clone, Copy, Debug)]
pub struct Payments;

/// A payment as pages and replies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentRow {
    /// Its id.
    pub id: Uuid,
    /// The tenant that sells.
    pub tenant: TenantId,
    /// Who buys.
    pub account_id: Uuid,
    /// What is bought.
    pub product: ProductSold,
    /// What it costs.
    pub price: Money,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// How far it has come.
    pub standing: Standing,
    /// The provider's id of the charge that pays for it.
    pub provider_ref: Option<String>,
    /// Why the provider refused it.
    pub failure: Option<String>,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// What goes back.
    pub refunds: Vec<RefundPart>,
    /// What is contested.
    pub disputes: Vec<DisputePart>,
    /// How often the provider said what cannot be.
    pub contradictions: i64,
    /// Fiscal receipts.
    pub receipts: Vec<ReceiptPart>,
    /// The position of the event that began it; lists are in this order.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

/// A refund of one charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefundPart {
    /// The refund.
    pub refund_id: Uuid,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What goes back.
    pub amount: Money,
    /// How far it has come.
    pub standing: RefundStanding,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
    /// It is a part of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A dispute of one charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DisputePart {
    /// The dispute.
    pub dispute_id: Uuid,
    /// The provider's id of it.
    pub dispute_ref: String,
    /// What the provider holds back.
    pub amount: Money,
    /// How it ended, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DisputeOutcome>,
}

/// A fiscal receipt of a charge or a refund.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReceiptPart {
    /// Of what it is.
    pub of: ReceiptOf,
    /// The provider's id of that.
    pub provider_ref: String,
    /// How far it has come.
    pub standing: ReceiptStanding,
}

impl PaymentRow {
    /// What of the price can still be asked back, in minor units.
    pub fn left_minor(&self) -> i64 {
        if self.standing != Standing::Succeeded {
            return 0;
        }
        let gone = self
            .refunds
            .iter()
            .filter(|refund| !refund.surplus && refund.standing != RefundStanding::Failed);
        gone.fold(self.price.amount_minor, |left, refund| {
            left.saturating_sub(refund.amount.amount_minor)
        })
    }

    /// Whether a refund waits for the provider's answer.
    pub fn refund_is_open(&self) -> bool {
        self.refunds.iter().any(|refund| refund.standing == RefundStanding::Requested)
    }
}

macro_rules! select_payments {
    ($rest:literal) => {
        concat!(
            "select id, tenant, account_id, product, price_minor, currency, provider, channel, \
             standing, provider_ref, failure, expires_at, begun_at, paid_at, refunds, disputes, \
             contradictions, receipts, created_position, position, version from \
             payment_directory ",
            $rest
        )
    };
}

use select_payments;

/// The payment of that id, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<PaymentRow>, QueryError> {
    let row = sqlx::query_as(select_payments!("where id = $1 and tenant = $2"))
        .bind(id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// The tenant's payments, newest first; those of one account alone when `account_id` says so.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn list(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Option<Uuid>,
    page: &PageRequest,
) -> Result<Page<PaymentRow>, QueryError> {
    let rows = sqlx::query_as(select_payments!(
        "where tenant = $1 and created_position < $2 and ($3::uuid is null or account_id = $3) \
         order by created_position desc limit $4"
    ))
    .bind(tenant.as_str())
    .bind(page.key(List::Payments, i64::MAX)?)
    .bind(account_id)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Payments, rows, |row: &PaymentRow| row.created_position))
}

/// The tenant's payments among these, in no order.
///
/// # Errors
/// When the database fails.
pub async fn find_all(
    pool: &PgPool,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<Vec<PaymentRow>, QueryError> {
    let rows = sqlx::query_as(select_payments!("where id = any($1) and tenant = $2"))
        .bind(ids)
        .bind(tenant.as_str());
    Ok(rows.fetch_all(pool).await?)
}

/// When the first payment of one of the provider's doors was begun.
///
/// # Errors
/// When the database fails.
pub async fn first_begun(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
) -> Result<Option<DateTime<Utc>>, QueryError> {
    let query = "select min(begun_at) from payment_directory where tenant = $1 and channel = $2";
    Ok(sqlx::query_scalar(query).bind(tenant.as_str()).bind(channel).fetch_one(pool).await?)
}

/// The payments of one of the provider's doors with receipts that are not registered yet, at most
/// `limit`. Which of more than that is left to chance, so that those that stay open hide no others.
///
/// # Errors
/// When the database fails.
pub async fn open_receipts(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    limit: u32,
) -> Result<Vec<PaymentRow>, QueryError> {
    let rows = sqlx::query_as(select_payments!(
        "where tenant = $1 and channel = $2 and receipts @> '[{\"standing\": \"requested\"}]' \
         order by random() limit $3"
    ))
    .bind(tenant.as_str())
    .bind(channel)
    .bind(i64::from(limit));
    Ok(rows.fetch_all(pool).await?)
}

/// The payments of one of the provider's doors of whose refunds the provider is to be asked now.
///
/// Oldest first, at most `limit`: those that were not asked for yet, and those whose pause is over. So what
/// has to wait holds nothing up behind it.
///
/// # Errors
/// When the database fails.
pub async fn due_refunds(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    limit: u32,
) -> Result<Vec<PaymentRow>, QueryError> {
    let rows = sqlx::query_as(select_payments!(
        "where tenant = $1 and channel = $2 and refund_open and exists ( \
             select from jsonb_array_elements(refunds) part \
             where part ->> 'standing' = 'requested' and not exists ( \
                 select from payment_refund_calls sent \
                 where sent.refund_id = (part ->> 'refund_id')::uuid \
                     and sent.next_at > clock_timestamp())) \
         order by position limit $3"
    ))
    .bind(tenant.as_str())
    .bind(channel)
    .bind(i64::from(limit));
    Ok(rows.fetch_all(pool).await?)
}

impl FromRow<'_, PgRow> for PaymentRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            tenant: named(row, "tenant")?,
            account_id: row.try_get("account_id")?,
            product: json(row, "product")?,
            price: Money::new(row.try_get("price_minor")?, named(row, "currency")?),
            provider: named(row, "provider")?,
            channel: row.try_get("channel")?,
            standing: named(row, "standing")?,
            provider_ref: row.try_get("provider_ref")?,
            failure: row.try_get("failure")?,
            expires_at: row.try_get("expires_at")?,
            begun_at: row.try_get("begun_at")?,
            paid_at: row.try_get("paid_at")?,
            refunds: json(row, "refunds")?,
            disputes: json(row, "disputes")?,
            contradictions: row.try_get("contradictions")?,
            receipts: json(row, "receipts")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}
