//! The directory of billing: the cards that customers keep, what they agreed to, what is charged.

mod apply;

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Money, TenantId,
    billing::{Card, DisableReason, RechargeTerms},
    credit_ledger::PaymentProvider,
    payment::ProductSold,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    QueryError,
    columns::{json, named},
};

/// The projection behind this directory; its follower is called `billing`.
#[derive(Clone, Copy, Debug)]
pub struct Billings;

/// A customer's billing as pages and replies see it. It holds personal data: never log it.
#[derive(Clone, Debug, PartialEq)]
pub struct BillingRow {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub account_id: Uuid,
    /// The card that is kept.
    pub method: Option<MethodPart>,
    /// The ids of the cards that were removed last.
    pub removed: Vec<Uuid>,
    /// What was agreed to and holds.
    pub agreement: Option<AgreementPart>,
    /// Why the last agreement ended.
    pub disabled: Option<DisableReason>,
    /// The charges of the newest month, and the one that is under way.
    pub charges: Vec<ChargePart>,
    /// After a decline: before that nothing is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

/// A card that is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MethodPart {
    /// Its id.
    pub method_id: Uuid,
    /// Who keeps it.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What is shown of it; none when the provider said nothing, or the person is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// Since when.
    pub saved_at: DateTime<Utc>,
}

/// What a customer agreed to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AgreementPart {
    /// To what.
    pub terms: RechargeTerms,
    /// When.
    pub agreed_at: DateTime<Utc>,
}

/// A charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChargePart {
    /// The payment.
    pub payment_id: Uuid,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What is bought.
    pub product: ProductSold,
    /// What it costs.
    pub price: Money,
    /// The tenant's month that it counts in, as its first day.
    pub month: NaiveDate,
    /// How far it has come.
    pub stage: ChargeStage,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was wanted.
    pub requested_at: DateTime<Utc>,
}

/// How far a charge has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStage {
    /// It is wanted, and can be stopped.
    Requested,
    /// The provider is asked, or was.
    Begun,
    /// What was bought is there.
    Succeeded,
    /// It came to nothing.
    Failed,
}

impl BillingRow {
    /// The charge that is under way.
    pub fn under_way(&self) -> Option<&ChargePart> {
        self.charges.iter().find(|it| it.stage.is_open())
    }

    /// What was spent by itself in a month, or may be by what is under way, in minor units.
    pub fn spent_minor(&self, month: NaiveDate) -> i64 {
        let counted = self.charges.iter().filter(|it| it.month == month);
        counted
            .filter(|it| it.stage != ChargeStage::Failed)
            .fold(0, |sum: i64, it| sum.saturating_add(it.price.amount_minor))
    }
}

impl ChargeStage {
    /// Whether nobody knows yet what comes of it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::Begun => true,
            Self::Succeeded | Self::Failed => false,
        }
    }
}

macro_rules! select_billings {
    ($rest:literal) => {
        concat!(
            "select id, tenant, account_id, method, removed, agreement, disabled, charges, \
             retry_at, position, version from billing_directory ",
            $rest
        )
    };
}

use select_billings;

/// The billing of an account, when it belongs to the tenant and there ever was a card.
///
/// # Errors
/// When the database fails.
pub async fn of_account(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Uuid,
) -> Result<Option<BillingRow>, QueryError> {
    let row = sqlx::query_as(select_billings!("where account_id = $1 and tenant = $2"))
        .bind(account_id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// The customers for whom a charge is under way through one of the provider's doors that was not handed
/// over to its owner yet, and whose payment is begun; at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn to_charge(
    pool: &PgPool,
    (tenant, channel): (&TenantId, &str),
    limit: u32,
) -> Result<Vec<BillingRow>, QueryError> {
    let rows = sqlx::query_as(select_billings!(
        "where tenant = $1 and charging_channel = $2 and exists ( \
             select from jsonb_array_elements(charges) charge \
             join payment_directory payment on payment.id = (charge ->> 'payment_id')::uuid \
             where charge ->> 'stage' in ('requested', 'begun') and not exists ( \
                 select from payment_checkouts checkout where checkout.payment_id = payment.id)) \
         order by position limit $3"
    ))
    .bind(tenant.as_str())
    .bind(channel)
    .bind(i64::from(limit));
    Ok(rows.fetch_all(pool).await?)
}

impl FromRow<'_, PgRow> for BillingRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let disabled: Option<String> = row.try_get("disabled")?;
        Ok(Self {
            id: row.try_get("id")?,
            tenant: named(row, "tenant")?,
            account_id: row.try_get("account_id")?,
            method: maybe(row, "method")?,
            removed: json(row, "removed")?,
            agreement: maybe(row, "agreement")?,
            disabled: match disabled {
                Some(_) => Some(named(row, "disabled")?),
                None => None,
            },
            charges: json(row, "charges")?,
            retry_at: row.try_get("retry_at")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}

/// A value of JSON that may not be there.
fn maybe<T: serde::de::DeserializeOwned>(
    row: &PgRow,
    column: &str,
) -> Result<Option<T>, sqlx::Error> {
    let value: Option<sqlx::types::Json<T>> = row.try_get(column)?;
    Ok(value.map(|json| json.0))
}
