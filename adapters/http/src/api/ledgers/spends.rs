//! Credits that are spent, or put aside for it.

use axum::extract::State;
use kontor_domain::credit_ledger::{CaptureHold, CreditLedgerCommand, Hold, ReleaseHold, Spend};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{add, send};
use crate::{
    access::{PathOf, Write},
    api::documents::{CommandParameters, Failures},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(spend_credits))
        .routes(routes!(hold_credits))
        .routes(routes!(capture_hold))
        .routes(routes!(release_hold))
}

/// Messages to pay for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"messages": 1}))]
pub(crate) struct SpentCredits {
    /// Your own id, which spends nothing a second time; the command's when left out.
    #[serde(default)]
    spend_id: Option<Uuid>,
    /// The tenant's rules say what one costs.
    #[schema(minimum = 1, maximum = 1000)]
    messages: i64,
}

/// Messages to put credits aside for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"messages": 1}))]
pub(crate) struct HeldCredits {
    /// Your own id, which holds nothing a second time; the command's when left out.
    #[serde(default)]
    hold_id: Option<Uuid>,
    #[schema(minimum = 1, maximum = 1000)]
    messages: i64,
}

/// How much of a hold is spent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credits": 1}))]
pub(crate) struct CapturedHold {
    /// How many of its credits; all when left out. The rest is given back.
    #[serde(default)]
    credits: Option<i64>,
}

/// Spend credits on messages, or a pass. A refusal says how many are missing.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/spends", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = SpentCredits,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn spend_credits(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<SpentCredits>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::Spend(Spend {
        spend_id: body.spend_id.unwrap_or(write.command_id),
        messages: body.messages,
    });
    add(&state, &write, id, command).await
}

/// Put credits aside for messages that are under way. They come back by themselves.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/holds", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = HeldCredits,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn hold_credits(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<HeldCredits>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::Hold(Hold {
        hold_id: body.hold_id.unwrap_or(write.command_id),
        messages: body.messages,
    });
    add(&state, &write, id, command).await
}

/// Spend what was put aside.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/holds/{hold_id}/capture", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        ("hold_id" = Uuid, Path, description = "The hold"), CommandParameters),
    request_body = CapturedHold,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn capture_hold(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, hold_id)): PathOf<(Uuid, Uuid)>,
    Body(body): Body<CapturedHold>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::CaptureHold(CaptureHold { hold_id, credits: body.credits });
    send(&state, &write, id, command).await
}

/// Give back what was put aside.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/holds/{hold_id}/release", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        ("hold_id" = Uuid, Path, description = "The hold"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn release_hold(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, hold_id)): PathOf<(Uuid, Uuid)>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::ReleaseHold(ReleaseHold { hold_id });
    send(&state, &write, id, command).await
}
