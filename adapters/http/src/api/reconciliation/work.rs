//! The work on differences: taking over, explaining, correcting, giving up by two.

use axum::extract::State;
use kontor_domain::{
    Money, TenantId,
    credit_ledger::{BookAccount, Posting},
    reconciliation::{
        Adjust, Assign, ConfirmWriteOff, Explain, Explanation, ProposeWriteOff,
        ReconciliationCommand, Reopen,
    },
};
use kontor_projections::reconciliation::{Difference, difference};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::difference_unknown;
use crate::{
    access::{PathOf, Write, WriteBooks},
    api::documents::{CommandParameters, Failures, one_of},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(assign))
        .routes(routes!(explain))
        .routes(routes!(adjust))
        .routes(routes!(propose_write_off))
        .routes(routes!(confirm_write_off))
        .routes(routes!(reopen))
}

fn explanations() -> RefOr<Schema> {
    one_of(&Explanation::ALL.map(Explanation::name))
}

/// An explanation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"explanation": "timing", "reference": "TICKET-17"}))]
pub(crate) struct ExplainBody {
    #[schema(schema_with = explanations)]
    explanation: Explanation,
    /// Where more is written, such as the number of a letter; with a digit in it.
    #[serde(default)]
    reference: Option<String>,
}

/// What is to be booked, when it is not what makes the books say what the other side says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostingAsked {
    #[schema(value_type = String, example = "assets:clearing:stripe")]
    debit: BookAccount,
    #[schema(value_type = String, example = "assets:bank")]
    credit: BookAccount,
    #[schema(value_type = Object, example = json!({"amount_minor": 500, "currency": "USD"}))]
    amount: Money,
}

impl From<PostingAsked> for Posting {
    fn from(asked: PostingAsked) -> Self {
        let PostingAsked { debit, credit, amount } = asked;
        Self { debit, credit, amount }
    }
}

/// A correction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"explanation": "fee", "posting": {
    "debit": "expenses:provider_fees", "credit": "assets:clearing:stripe",
    "amount": {"amount_minor": 5, "currency": "USD"},
}}))]
pub(crate) struct AdjustBody {
    #[schema(schema_with = explanations)]
    explanation: Explanation,
    posting: PostingAsked,
    #[serde(default)]
    reference: Option<String>,
}

/// A proposal to give a difference up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reference": "TICKET-17"}))]
pub(crate) struct WriteOffBody {
    #[serde(default)]
    reference: Option<String>,
}

/// The difference that is meant; it must be one of this tenant.
pub(crate) async fn meant(
    state: &ApiState,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Difference, Problem> {
    difference(&state.pool, tenant, id).await?.ok_or_else(difference_unknown)
}

/// The booking that a difference asks for.
pub(crate) fn posting_of(difference: &Difference) -> Result<Posting, Problem> {
    difference.posting().ok_or_else(|| {
        Problem::field(
            "/posting",
            "this difference is not one of an amount in one currency; book it as a correction with a \
             posting of your own, or explain it",
        )
    })
}

async fn give(
    state: &ApiState,
    write: &Write,
    id: Uuid,
    command: &ReconciliationCommand,
) -> Result<Answer, Problem> {
    write.send(state, ("reconciliation", id), command).await
}

/// Take a difference over: you take care of it.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/assign", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn assign(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    meant(&state, &write.tenant, id).await?;
    give(&state, &write, id, &ReconciliationCommand::Assign(Assign {})).await
}

/// Explain and close a difference. Nothing is booked.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/explain", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    request_body = ExplainBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn explain(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<ExplainBody>,
) -> Result<Answer, Problem> {
    meant(&state, &write.tenant, id).await?;
    let ExplainBody { explanation, reference } = body;
    let command = ReconciliationCommand::Explain(Explain { explanation, reference });
    give(&state, &write, id, &command).await
}

/// Put a difference right by a booking, and close it.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/adjust", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    request_body = AdjustBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn adjust(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<AdjustBody>,
) -> Result<Answer, Problem> {
    meant(&state, &write.tenant, id).await?;
    let AdjustBody { explanation, posting, reference } = body;
    let posting = posting.into();
    let command = ReconciliationCommand::Adjust(Adjust { explanation, posting, reference });
    give(&state, &write, id, &command).await
}

/// Propose to give a difference up. Somebody with another key must agree; then it is booked.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/write-off", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    request_body = WriteOffBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn propose_write_off(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<WriteOffBody>,
) -> Result<Answer, Problem> {
    let difference = meant(&state, &write.tenant, id).await?;
    let (posting, reference) = (posting_of(&difference)?, body.reference);
    let command = ReconciliationCommand::ProposeWriteOff(ProposeWriteOff { posting, reference });
    give(&state, &write, id, &command).await
}

/// Agree to give a difference up, with another key than the one that proposed it.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/write-off/confirm", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn confirm_write_off(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    meant(&state, &write.tenant, id).await?;
    let command = ReconciliationCommand::ConfirmWriteOff(ConfirmWriteOff {});
    give(&state, &write, id, &command).await
}

/// Open a difference again, also instead of agreeing to give it up. What was booked stays booked.
#[utoipa::path(
    post, path = "/v1/reconciliation/differences/{id}/reopen", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn reopen(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    meant(&state, &write.tenant, id).await?;
    give(&state, &write, id, &ReconciliationCommand::Reopen(Reopen {})).await
}
