//! What is given back, taken back, disputed or forgiven.

use axum::extract::State;
use kontor_domain::{
    Money,
    credit_ledger::{
        CloseDispute, CorrectionReason, CreditLedgerCommand, DisputeOutcome, OpenDispute,
        RefundGrant, RefundPass, ReturnRefund, ReverseSpend, RevokeGrant, WriteOffDebt,
    },
};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{add, send};
use crate::{
    access::{PathOf, Write},
    api::documents::{CommandParameters, Failures, one_of},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(reverse_spend))
        .routes(routes!(refund_grant))
        .routes(routes!(return_refund))
        .routes(routes!(refund_pass))
        .routes(routes!(revoke_grant))
        .routes(routes!(open_dispute))
        .routes(routes!(close_dispute))
        .routes(routes!(write_off_debt))
}

fn reasons() -> RefOr<Schema> {
    one_of(&["not_delivered", "customer_asked", "mistake", "fraud", "goodwill", "uncollectible"])
}

fn dispute_outcomes() -> RefOr<Schema> {
    one_of(&["won", "lost"])
}

/// A spend to give back, in whole or in part.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "spend_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "reason": "not_delivered"
}))]
pub(crate) struct ReversedSpend {
    /// Your own id, which gives nothing back a second time; the command's when left out.
    #[serde(default)]
    reversal_id: Option<Uuid>,
    /// The spend, or the hold that was captured.
    spend_id: Uuid,
    /// How many credits; all that were not given back yet when left out.
    #[serde(default)]
    credits: Option<i64>,
    #[schema(schema_with = reasons)]
    reason: CorrectionReason,
}

/// Bought credits to take back against their money.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "grant_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "reason": "customer_asked"
}))]
pub(crate) struct RefundedGrant {
    /// Your own id, which refunds nothing a second time; the command's when left out.
    #[serde(default)]
    refund_id: Option<Uuid>,
    grant_id: Uuid,
    /// How many of its unused credits; all when left out.
    #[serde(default)]
    credits: Option<i64>,
    #[schema(schema_with = reasons)]
    reason: CorrectionReason,
}

/// Given credits to take back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "grant_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "reason": "mistake"
}))]
pub(crate) struct RevokedGrant {
    grant_id: Uuid,
    #[schema(schema_with = reasons)]
    reason: CorrectionReason,
}

/// Why something is taken back or forgiven.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "goodwill"}))]
pub(crate) struct Reason {
    #[schema(schema_with = reasons)]
    reason: CorrectionReason,
}

/// A payment that is disputed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "grant_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "amount": {"amount_minor": 49900, "currency": "RUB"}
}))]
pub(crate) struct OpenedDispute {
    /// Your own id, made from the provider's; the command's when left out.
    #[serde(default)]
    dispute_id: Option<Uuid>,
    /// The grant or pass that was paid for.
    grant_id: Uuid,
    /// What the provider holds back, in whole minor units.
    #[schema(value_type = Object)]
    amount: Money,
}

/// How a dispute ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"outcome": "won"}))]
pub(crate) struct ClosedDispute {
    /// `won`: the money stays. `lost`: it goes back to the payer, and the tenant's rules say whether
    /// the customer owes what was spent.
    #[schema(schema_with = dispute_outcomes)]
    outcome: DisputeOutcome,
}

/// Give back what was spent, to the grants that it was taken from.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/reversals", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = ReversedSpend,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn reverse_spend(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<ReversedSpend>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::ReverseSpend(ReverseSpend {
        reversal_id: body.reversal_id.unwrap_or(write.command_id),
        spend_id: body.spend_id,
        credits: body.credits,
        reason: body.reason,
    });
    add(&state, &write, id, command).await
}

/// Take bought credits back against their money.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/refunds", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = RefundedGrant,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn refund_grant(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<RefundedGrant>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::RefundGrant(RefundGrant {
        refund_id: body.refund_id.unwrap_or(write.command_id),
        grant_id: body.grant_id,
        credits: body.credits,
        reason: body.reason,
    });
    add(&state, &write, id, command).await
}

/// Record that the money of a refund came back.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/refunds/{refund_id}/return", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        ("refund_id" = Uuid, Path, description = "The refund"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn return_refund(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, refund_id)): PathOf<(Uuid, Uuid)>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::ReturnRefund(ReturnRefund { refund_id });
    send(&state, &write, id, command).await
}

/// End a pass against what is left of its money.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/passes/{pass_id}/refund", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        ("pass_id" = Uuid, Path, description = "The pass"), CommandParameters),
    request_body = Reason,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn refund_pass(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, pass_id)): PathOf<(Uuid, Uuid)>,
    Body(body): Body<Reason>,
) -> Result<Answer, Problem> {
    let command =
        CreditLedgerCommand::RefundPass(RefundPass { pass_id, reason: body.reason, value: None });
    send(&state, &write, id, command).await
}

/// Take given credits back.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/revocations", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = RevokedGrant,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn revoke_grant(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<RevokedGrant>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::RevokeGrant(RevokeGrant {
        grant_id: body.grant_id,
        reason: body.reason,
    });
    add(&state, &write, id, command).await
}

/// Record that a payment is disputed.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/disputes", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = OpenedDispute,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn open_dispute(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<OpenedDispute>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::OpenDispute(OpenDispute {
        dispute_id: body.dispute_id.unwrap_or(write.command_id),
        grant_id: body.grant_id,
        amount: body.amount,
    });
    add(&state, &write, id, command).await
}

/// Record how a dispute ended.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/disputes/{dispute_id}/close", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        ("dispute_id" = Uuid, Path, description = "The dispute"), CommandParameters),
    request_body = ClosedDispute,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn close_dispute(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, dispute_id)): PathOf<(Uuid, Uuid)>,
    Body(body): Body<ClosedDispute>,
) -> Result<Answer, Problem> {
    let command =
        CreditLedgerCommand::CloseDispute(CloseDispute { dispute_id, outcome: body.outcome });
    send(&state, &write, id, command).await
}

/// Forgive what the customer owes.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/write-offs", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = Reason,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn write_off_debt(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<Reason>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::WriteOffDebt(WriteOffDebt { reason: body.reason });
    add(&state, &write, id, command).await
}
