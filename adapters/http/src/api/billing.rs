//! The billing of customers: the cards that are kept, what they agreed to, and ending that.

use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Language, Money,
    billing::{BillingCommand, DisableReason, DisableRecharge, billing_id},
    credit_ledger::PaymentProvider,
    payment::ProductSold,
};
use kontor_projections::billing::{
    self, AgreementPart, BillingRow, ChargePart, ChargeStage, MethodPart,
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, ReadParameters, one_of},
    values::Versioned,
};
use crate::{
    access::{PathOf, Read, Write},
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

/// The read model behind this page.
const READ_MODEL: &str = "billing";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(find_billing)).routes(routes!(disable_recharge))
}

fn providers() -> RefOr<Schema> {
    one_of(&["stripe", "yookassa"])
}

fn stages() -> RefOr<Schema> {
    one_of(&["requested", "begun", "succeeded", "failed"])
}

fn languages() -> RefOr<Schema> {
    one_of(&["ru", "en"])
}

/// A customer's billing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BillingBody {
    account_id: Uuid,
    /// The card that is kept; null when there is none.
    card: Option<KeptCardBody>,
    /// What the customer agreed to and holds; null when nothing is bought by itself.
    auto_recharge: Option<AutoRechargeBody>,
    /// Why the last agreement ended: `customer`, `staff`, `method_removed`,
    /// `method_replaced`, `declined`, `disputed`, `product_changed` or `consent_withdrawn`.
    #[schema(value_type = Option<String>)]
    ended: Option<DisableReason>,
    /// After a decline: before that nothing is tried again.
    retry_at: Option<DateTime<Utc>>,
    /// The charges of the newest month, and the one that is under way.
    charges: Vec<ChargeBody>,
    version: i64,
}

/// A card that is kept. What could pay is at the provider alone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeptCardBody {
    id: Uuid,
    #[schema(schema_with = providers)]
    provider: PaymentProvider,
    #[schema(example = "stripe/shop")]
    channel: String,
    /// The card's network, as the provider names it.
    #[schema(example = "visa")]
    brand: Option<String>,
    #[schema(example = "4242")]
    last4: Option<String>,
    expiry_month: Option<u8>,
    expiry_year: Option<u16>,
    saved_at: DateTime<Utc>,
}

/// What a customer agreed to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AutoRechargeBody {
    /// Below how many credits something is bought.
    threshold_credits: i64,
    /// What is bought: the product with its version, and what it gives.
    #[schema(value_type = Object)]
    product: ProductSold,
    /// What it costs each time, in minor units.
    #[schema(value_type = Object, example = json!({"amount_minor": 499, "currency": "USD"}))]
    price: Money,
    /// How much at most in a calendar month of the tenant.
    #[schema(value_type = Object, example = json!({"amount_minor": 1497, "currency": "USD"}))]
    monthly_cap: Money,
    /// The words that were agreed to, exactly as they were shown.
    words: String,
    #[schema(schema_with = languages)]
    language: Language,
    agreed_at: DateTime<Utc>,
}

/// A charge without its customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChargeBody {
    payment_id: Uuid,
    #[schema(value_type = Object, example = json!({"amount_minor": 499, "currency": "USD"}))]
    price: Money,
    /// The tenant's month that it counts in, as its first day.
    month: NaiveDate,
    /// How far it has come. `begun`: the provider is asked, and nothing else is charged meanwhile.
    #[schema(schema_with = stages)]
    stage: ChargeStage,
    /// Why it failed.
    failure: Option<String>,
    requested_at: DateTime<Utc>,
}

impl From<MethodPart> for KeptCardBody {
    fn from(part: MethodPart) -> Self {
        let MethodPart { method_id, provider, channel, card, saved_at } = part;
        Self {
            id: method_id,
            provider,
            channel,
            expiry_month: card.as_ref().and_then(|card| card.expiry_month),
            expiry_year: card.as_ref().and_then(|card| card.expiry_year),
            last4: card.as_ref().map(|card| card.last4.clone()),
            brand: card.map(|card| card.brand),
            saved_at,
        }
    }
}

impl From<AgreementPart> for AutoRechargeBody {
    fn from(part: AgreementPart) -> Self {
        let AgreementPart { terms, agreed_at } = part;
        Self {
            threshold_credits: terms.threshold_credits,
            product: terms.product,
            price: terms.price,
            monthly_cap: terms.monthly_cap,
            words: terms.words,
            language: terms.language,
            agreed_at,
        }
    }
}

impl From<ChargePart> for ChargeBody {
    fn from(part: ChargePart) -> Self {
        let ChargePart { payment_id, price, month, stage, failure, requested_at, .. } = part;
        Self { payment_id, price, month, stage, failure, requested_at }
    }
}

impl From<BillingRow> for BillingBody {
    fn from(row: BillingRow) -> Self {
        Self {
            account_id: row.account_id,
            card: row.method.map(Into::into),
            auto_recharge: row.agreement.map(Into::into),
            ended: row.disabled,
            retry_at: row.retry_at,
            charges: row.charges.into_iter().map(Into::into).collect(),
            version: row.version,
        }
    }
}

/// Show the card that a customer keeps, and what is bought with it by itself.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/billing", tag = "payments",
    params(("id" = Uuid, Path, description = "The account"), ReadParameters),
    responses((status = 200, body = BillingBody), Failures)
)]
async fn find_billing(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<BillingBody>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let row = billing::of_account(&state.pool, &read.tenant, id).await?;
    let none = || Problem::not_found("billing_unknown", "this customer has never kept a card");
    let row = row.ok_or_else(none)?;
    let version = row.version;
    Ok(Versioned(version, row.into()))
}

/// End that something is bought by itself. A charge that is under way is the last one; only the
/// customer can agree anew.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/billing/auto-recharge/disable", tag = "payments",
    params(("id" = Uuid, Path, description = "The account"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn disable_recharge(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    let reason = DisableReason::Staff;
    let command = BillingCommand::DisableRecharge(DisableRecharge { reason });
    let sent = write.send(&state, ("billing", billing_id(id)), &command).await;
    sent.map_err(|problem| problem.of_path("billing"))
}
