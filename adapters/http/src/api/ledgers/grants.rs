//! Credits and passes that come in.

use axum::extract::State;
use chrono::{DateTime, Utc};
use kontor_domain::credit_ledger::{
    ClaimTutorialBonus, CreditLedgerCommand, Grant, GrantPass, GrantSource, PassPeriod, Payment,
};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::add;
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
        .routes(routes!(grant_credits))
        .routes(routes!(grant_pass))
        .routes(routes!(reward_tutorial))
}

fn grant_sources() -> RefOr<Schema> {
    one_of(&["purchase", "gift", "promo"])
}

fn pass_periods() -> RefOr<Schema> {
    one_of(&["day", "week", "month"])
}

/// Credits to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "source": "purchase",
    "credits": 25,
    "payment": {
        "payment_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
        "provider": "manual",
        "price": {"amount_minor": 49900, "currency": "RUB"}
    }
}))]
pub(crate) struct GrantedCredits {
    /// Your own id, which adds nothing a second time; the command's when left out.
    #[serde(default)]
    grant_id: Option<Uuid>,
    #[schema(schema_with = grant_sources)]
    source: GrantSource,
    #[schema(minimum = 1, maximum = 1_000_000)]
    credits: i64,
    /// What was paid: `payment_id`, `provider` (`stripe`, `yookassa`, `telegram_stars` or `manual`)
    /// and `price` in whole minor units. A purchase has it, and nothing else has.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    payment: Option<Payment>,
    /// When they expire; never when left out.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
    /// Which are spent first: the lower one, 0 to 100; 50 when left out.
    #[schema(maximum = 100)]
    #[serde(default)]
    priority: Option<u8>,
}

/// A pass to add: messages without credits for a time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"period": "week"}))]
pub(crate) struct GrantedPass {
    /// Your own id, which adds nothing a second time; the command's when left out.
    #[serde(default)]
    pass_id: Option<Uuid>,
    #[schema(schema_with = pass_periods)]
    period: PassPeriod,
    /// What was paid, as for credits; nothing for a gift.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    payment: Option<Payment>,
}

/// Add credits.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/grants", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = GrantedCredits,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn grant_credits(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<GrantedCredits>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::Grant(Grant {
        grant_id: body.grant_id.unwrap_or(write.command_id),
        source: body.source,
        credits: body.credits,
        payment: body.payment,
        expires_at: body.expires_at,
        priority: body.priority,
    });
    add(&state, &write, id, command).await
}

/// Add a pass. It begins at once, or when the last one ends.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/passes", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    request_body = GrantedPass,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn grant_pass(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<GrantedPass>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::GrantPass(GrantPass {
        pass_id: body.pass_id.unwrap_or(write.command_id),
        period: body.period,
        payment: body.payment,
    });
    add(&state, &write, id, command).await
}

/// Reward the tutorial, once.
#[utoipa::path(
    post, path = "/v1/ledgers/{id}/tutorial-bonus", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), CommandParameters),
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn reward_tutorial(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    let command = CreditLedgerCommand::ClaimTutorialBonus(ClaimTutorialBonus {});
    add(&state, &write, id, command).await
}
