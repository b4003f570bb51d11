//! Payments: what was bought through whom, and asking for refunds.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::{
    Money,
    credit_ledger::{CorrectionReason, DisputeOutcome, PaymentProvider},
    payment::{
        Part, PaymentCommand, ProductSold, ReceiptOf, ReceiptStanding, RefundStanding,
        RequestRefund, Standing,
    },
};
use kontor_projections::payments::{self, DisputePart, PaymentRow, ReceiptPart, RefundPart};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters, one_of},
    values::{Paged, Versioned},
};
use crate::{
    access::{PathOf, ReadBooks, Write},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

/// The read model behind this page.
pub(crate) const READ_MODEL: &str = "payments";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_payments))
        .routes(routes!(find_payment))
        .routes(routes!(request_refund))
}

fn providers() -> RefOr<Schema> {
    one_of(&["stripe", "yookassa", "telegram_stars", "manual"])
}

fn standings() -> RefOr<Schema> {
    one_of(&["intent", "pending", "expired", "unknown", "failed", "succeeded"])
}

fn refund_standings() -> RefOr<Schema> {
    one_of(&["requested", "refunded", "failed"])
}

fn receipt_standings() -> RefOr<Schema> {
    one_of(&["requested", "failed", "registered"])
}

fn receipt_subjects() -> RefOr<Schema> {
    one_of(&["charge", "refund"])
}

fn reasons() -> RefOr<Schema> {
    one_of(&["not_delivered", "customer_asked", "mistake", "fraud", "goodwill", "uncollectible"])
}

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentBody {
    id: Uuid,
    /// Who buys.
    account_id: Uuid,
    /// What is bought: the product with its version, and what it gives.
    #[schema(value_type = Object, example = json!({
        "product_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d", "version": 2, "gives": {"credits": 25}
    }))]
    product: ProductSold,
    /// What it costs, in minor units; Stars are whole.
    #[schema(value_type = Object, example = json!({"amount_minor": 250, "currency": "XTR"}))]
    price: Money,
    /// Who takes the money.
    #[schema(schema_with = providers)]
    provider: PaymentProvider,
    /// Through which of the provider's doors.
    #[schema(example = "telegram/shop_bot")]
    channel: String,
    /// How far it has come. `unknown`: the provider has not said what came of it, and nothing is
    /// charged again.
    #[schema(schema_with = standings)]
    standing: Standing,
    /// The provider's id of the charge that pays for it.
    provider_ref: Option<String>,
    /// Why the provider refused it.
    failure: Option<String>,
    expires_at: DateTime<Utc>,
    begun_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    refunds: Vec<RefundBody>,
    disputes: Vec<DisputeBody>,
    /// How often the provider said what cannot be, such as another amount. Look at the stream of its
    /// events when this is not 0.
    contradictions: i64,
    /// Fiscal receipts, where the tenant's provider registers them (54-FZ).
    receipts: Vec<ReceiptBody>,
    version: i64,
}

/// What goes back of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefundBody {
    id: Uuid,
    /// The provider's id of the charge.
    provider_ref: String,
    #[schema(value_type = Object, example = json!({"amount_minor": 250, "currency": "XTR"}))]
    amount: Money,
    #[schema(schema_with = refund_standings)]
    standing: RefundStanding,
    /// The charge was one too many: nothing was delivered for it.
    surplus: bool,
    /// What is said of it when it is a part of the charge: the price of how many `credits` it is, where
    /// somebody said so, and whether it is the last part.
    #[schema(value_type = Option<Object>, example = json!({"credits": 10, "is_last": false}))]
    part: Option<Part>,
    /// Why it failed.
    failure: Option<String>,
}

impl From<RefundPart> for RefundBody {
    fn from(part: RefundPart) -> Self {
        let RefundPart { refund_id, provider_ref, amount, standing, surplus, part, failure } = part;
        Self { id: refund_id, provider_ref, amount, standing, surplus, part, failure }
    }
}

/// A fiscal receipt of a charge or a refund.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReceiptBody {
    #[schema(schema_with = receipt_subjects)]
    of: ReceiptOf,
    /// The provider's id of the charge or refund.
    provider_ref: String,
    /// How far it has come. `failed`: the provider could not register it, and the seller has to see
    /// to it.
    #[schema(schema_with = receipt_standings)]
    standing: ReceiptStanding,
}

impl From<ReceiptPart> for ReceiptBody {
    fn from(part: ReceiptPart) -> Self {
        let ReceiptPart { of, provider_ref, standing } = part;
        Self { of, provider_ref, standing }
    }
}

/// A dispute of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DisputeBody {
    id: Uuid,
    /// The provider's id of it.
    dispute_ref: String,
    #[schema(value_type = Object, example = json!({"amount_minor": 250, "currency": "XTR"}))]
    amount: Money,
    /// `won`, `lost`, or null while it is open.
    #[schema(value_type = Option<String>)]
    outcome: Option<DisputeOutcome>,
}

impl From<DisputePart> for DisputeBody {
    fn from(part: DisputePart) -> Self {
        let DisputePart { dispute_id, dispute_ref, amount, outcome } = part;
        Self { id: dispute_id, dispute_ref, amount, outcome }
    }
}

impl From<PaymentRow> for PaymentBody {
    fn from(row: PaymentRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            product: row.product,
            price: row.price,
            provider: row.provider,
            channel: row.channel,
            standing: row.standing,
            provider_ref: row.provider_ref,
            failure: row.failure,
            expires_at: row.expires_at,
            begun_at: row.begun_at,
            paid_at: row.paid_at,
            refunds: row.refunds.into_iter().map(Into::into).collect(),
            disputes: row.disputes.into_iter().map(Into::into).collect(),
            contradictions: row.contradictions,
            receipts: row.receipts.into_iter().map(Into::into).collect(),
            version: row.version,
        }
    }
}

/// A payment to pay back: what is left of it, or a part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "reason": "goodwill", "amount": {"amount_minor": 400, "currency": "USD"}
}))]
pub(crate) struct RequestedRefund {
    /// Your own id, which asks for nothing a second time; the command's when left out.
    #[serde(default)]
    refund_id: Option<Uuid>,
    #[schema(schema_with = reasons)]
    reason: CorrectionReason,
    /// How much, in the payment's currency; all that is left when this and `credits` are left out.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"amount_minor": 400, "currency": "USD"}))]
    amount: Option<Money>,
    /// The price of how many of the credits that were bought; not beside `amount`.
    #[serde(default)]
    #[schema(minimum = 1)]
    credits: Option<i64>,
}

/// List the payments, newest first.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments",
    params(
        ("account_id" = Option<Uuid>, Query, description = "Those of one account"),
        PageParameters,
        ReadParameters,
    ),
    responses((status = 200, body = Paged<PaymentBody>), Failures)
)]
async fn list_payments(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<Paged<PaymentBody>>, Problem> {
    let account_id = read.parameters.parsed("account_id", "give the id of an account")?;
    let page = read.parameters.page()?;
    read.reach(&state, &[READ_MODEL]).await?;
    let rows = payments::list(&state.pool, &read.tenant, account_id, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// What is told when a tenant has no such payment.
pub(crate) fn payment_unknown() -> Problem {
    Problem::not_found("payment_unknown", "there is no such payment")
}

/// Show a payment.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment"), ReadParameters),
    responses((status = 200, body = PaymentBody), Failures)
)]
async fn find_payment(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<PaymentBody>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let row = payments::find(&state.pool, &read.tenant, id).await?;
    let row = row.ok_or_else(payment_unknown)?;
    let version = row.version;
    Ok(Versioned(version, row.into()))
}

/// Ask the provider to pay a payment or a part of it back. Stars go back as a whole. Whether it did shows in the payment's `refunds`; the
/// ledger follows when the money has gone back.
#[utoipa::path(
    post, path = "/v1/payments/{id}/refunds", tag = "payments",
    params(("id" = Uuid, Path, description = "The payment"), CommandParameters),
    request_body = RequestedRefund,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn request_refund(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<RequestedRefund>,
) -> Result<Answer, Problem> {
    let refund_id = body.refund_id.unwrap_or(write.command_id);
    let RequestedRefund { reason, amount, credits, .. } = body;
    let request = RequestRefund { refund_id, reason, amount, credits };
    let command = PaymentCommand::RequestRefund(request);
    let sent = write.send(&state, ("payment", id), &command).await;
    let answer = sent.map_err(|problem| problem.of_path("payment"))?;
    Ok(answer.at(format!("/v1/payments/{id}")))
}
