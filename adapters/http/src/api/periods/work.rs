//! Closing months and opening them again.

use axum::extract::State;
use kontor_domain::{
    TenantId,
    accounting_period::{
        AccountingPeriodCommand, AccountingPeriodRefusal, Acknowledgement, AcknowledgementReason,
        ApproveReopen, Check, DeclineReopen, Finding, Month, ReopenReason, RequestReopen,
        accounting_period_id,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{bodies, draft, month_of, refused};
use crate::{
    access::{PathOf, Write, WriteBooks},
    api::{
        books::bounds::Calendar,
        documents::{CommandParameters, Failures},
    },
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

/// The aggregate's type.
pub(crate) const AGGREGATE: &str = "accounting_period";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(close_period))
        .routes(routes!(request_reopen))
        .routes(routes!(approve_reopen))
        .routes(routes!(decline_reopen))
}

/// What whoever closes a month knows of. Every finding of the draft needs a line.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"acknowledged": [
    {"check": "clearing_open", "reason": "settles_later", "reference": "TICKET-17", "count": 1}
]}))]
pub(crate) struct CloseBody {
    #[serde(default)]
    acknowledged: Vec<AcknowledgementAsked>,
}

/// One finding that does not stand against the close.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgementAsked {
    #[schema(schema_with = bodies::checks)]
    check: Check,
    #[schema(schema_with = bodies::acknowledgements)]
    reason: AcknowledgementReason,
    /// Where more is written, such as the number of a letter; with a digit in it.
    #[serde(default)]
    reference: Option<String>,
    /// How many the draft showed. Where the check finds more by now, the close is refused as
    /// `not_acknowledged`; without it, any number is acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    count: Option<i64>,
}

impl From<AcknowledgementAsked> for Known {
    fn from(asked: AcknowledgementAsked) -> Self {
        let AcknowledgementAsked { check, reason, reference, count } = asked;
        Self { acknowledgement: Acknowledgement { check, reason, reference }, count }
    }
}

/// A finding as whoever closes the month saw it.
pub(crate) struct Known {
    pub(crate) acknowledgement: Acknowledgement,
    /// How many were shown; none where any number is acknowledged.
    pub(crate) count: Option<i64>,
}

impl Known {
    /// What is acknowledged of the findings of now: nothing that grew since it was shown.
    fn of_now(self, findings: &[Finding]) -> Option<Acknowledgement> {
        let Self { acknowledgement, count } = self;
        let found = findings.iter().find(|it| it.check == acknowledgement.check);
        let is_more = found.zip(count).is_some_and(|(found, shown)| found.count > shown);
        (!is_more).then_some(acknowledgement)
    }
}

/// Why a month is opened again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "statement_late", "reference": "LETTER-7"}))]
pub(crate) struct ReopenBody {
    #[schema(schema_with = bodies::reasons)]
    reason: ReopenReason,
    /// Where more is written, such as the number of a letter; with a digit in it.
    #[serde(default)]
    reference: Option<String>,
}

/// The command that closes a month, with the figures of now; or why it cannot be the next one.
pub(crate) async fn closing(
    state: &ApiState,
    (tenant, calendar): (&TenantId, &Calendar),
    month: Month,
    known: Vec<Known>,
) -> Result<Result<AccountingPeriodCommand, AccountingPeriodRefusal>, Problem> {
    let draft = draft(state, (tenant, calendar), month).await?;
    Ok(draft.map(|draft| {
        let mut close = draft.close;
        let acknowledged = known.into_iter().filter_map(|known| known.of_now(&close.findings));
        close.acknowledged = acknowledged.collect();
        AccountingPeriodCommand::Close(Box::new(close))
    }))
}

async fn give(
    state: &ApiState,
    write: &Write,
    command: &AccountingPeriodCommand,
) -> Result<Answer, Problem> {
    write.send(state, (AGGREGATE, accounting_period_id(&write.tenant)), command).await
}

/// Close a month with the figures of now. Months are closed in order; every finding of the draft needs
/// a reason.
#[utoipa::path(
    post, path = "/v1/periods/{month}/close", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"),
        CommandParameters),
    request_body = CloseBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn close_period(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(month): PathOf<String>,
    Body(body): Body<CloseBody>,
) -> Result<Answer, Problem> {
    let month = month_of(&month)?;
    // The figures of a repetition are others. Its id follows from what was asked, and what has an
    // outcome under it is not asked again.
    let asked = serde_json::to_string(&body).map_err(|err| Problem::internal(&err))?;
    let command_id = write.derived_id(&format!("close:{month}:{asked}"));
    let write = Write { command_id, ..write };
    let id = accounting_period_id(&write.tenant);
    if let Some(answer) = write.answered(&state, id).await? {
        return Ok(answer);
    }
    let calendar = Calendar::of(&state, &write.tenant).await?;
    let known = body.acknowledged.into_iter().map(Into::into).collect();
    let command = closing(&state, (&write.tenant, &calendar), month, known).await?;
    let command = command.map_err(|refusal| refused(&refusal))?;
    give(&state, &write, &command).await
}

/// Ask to open the last closed month again. Somebody with another key must agree.
#[utoipa::path(
    post, path = "/v1/periods/{month}/reopen", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"),
        CommandParameters),
    request_body = ReopenBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn request_reopen(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(month): PathOf<String>,
    Body(body): Body<ReopenBody>,
) -> Result<Answer, Problem> {
    let (month, ReopenBody { reason, reference }) = (month_of(&month)?, body);
    let request = RequestReopen { month, reason, reference };
    give(&state, &write, &AccountingPeriodCommand::RequestReopen(request)).await
}

/// Agree to open a month again, with another key than the one that asked.
#[utoipa::path(
    post, path = "/v1/periods/{month}/reopen/approve", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"),
        CommandParameters),
    request_body = ReopenBody,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn approve_reopen(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(month): PathOf<String>,
    Body(body): Body<ReopenBody>,
) -> Result<Answer, Problem> {
    let (month, ReopenBody { reason, reference }) = (month_of(&month)?, body);
    let approve = ApproveReopen { month, reason, reference };
    give(&state, &write, &AccountingPeriodCommand::ApproveReopen(approve)).await
}

/// Decline to open a month again, or take the request back. It stays closed.
#[utoipa::path(
    post, path = "/v1/periods/{month}/reopen/decline", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"),
        CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn decline_reopen(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(month): PathOf<String>,
) -> Result<Answer, Problem> {
    let decline = DeclineReopen { month: month_of(&month)? };
    give(&state, &write, &AccountingPeriodCommand::DeclineReopen(decline)).await
}
