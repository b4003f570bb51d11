//! Steps of closing and opening again, sent by forms.

use std::collections::HashMap;

use axum::{
    extract::{Form, OriginalUri, State},
    response::{IntoResponse, Redirect, Response},
};
use kontor_commands::{Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{
    Actor, RefusalDocument,
    accounting_period::{
        AccountingPeriodCommand as C, AccountingPeriodRefusal, Acknowledgement,
        AcknowledgementReason, ApproveReopen, Check, DeclineReopen, Month, ReopenReason,
        RequestReopen, accounting_period_id,
    },
};
use kontor_projections::checkpoints;
use uuid::Uuid;

use super::{super::desk::Desk, show::period_page};
use crate::{
    access::PathOf,
    api::periods::{
        READ_MODELS, month_of,
        work::{AGGREGATE, Known, closing},
    },
    operations::operator::Person,
    problem::Problem,
    state::ApiState,
};

/// What a person typed.
type Fields = HashMap<String, String>;

/// The name of a person's key, as their commands over HTTP have it: two pages are not two people.
pub(super) fn name_of(person: &Person) -> String {
    format!("api_key:{}", person.0.key.prefix)
}

/// `/admin/periods/{month}/{step}`
pub(super) async fn step(
    State(state): State<ApiState>,
    person: Person,
    PathOf((month, step)): PathOf<(String, String)>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let again =
        |refused: String| period_page(&state, &person, (month, &uri), (None, Some(refused)));
    let command = match step.as_str() {
        "close" => {
            let known = acknowledged(&fields);
            let close = closing(&state, (&desk.tenant, &desk.calendar), month, known).await?;
            close.map_err(|refusal| refusal.to_string())
        }
        _ => match reopening(&step, &fields, month) {
            Some(command) => command.map_err(ToOwned::to_owned),
            None => {
                return Err(Problem::not_found("not_found", "there is nothing at this address"));
            }
        },
    };
    let command = match command {
        Ok(command) => command,
        Err(refused) => return again(refused).await,
    };
    let once = fields.get("once").and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7);
    let named = format!("{}:{month}:{step}", name_of(&person));
    let command_id = Uuid::new_v5(&once, named.as_bytes());
    match send(&state, &person, (&desk, command_id), &command).await? {
        Ok(done) => {
            let done = if done { step.as_str() } else { "later" };
            let place = format!("/admin/periods/{month}?{}done={done}", desk.shell.query);
            Ok(Redirect::to(&place).into_response())
        }
        Err(refused) => again(refused).await,
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The findings for which a reason was chosen, each with the count that the page showed. A form without
/// one acknowledges nothing.
fn acknowledged(fields: &Fields) -> Vec<Known> {
    let chosen = Check::ALL.into_iter().filter_map(|check| {
        let named = text(fields, check.name())?;
        let reason = AcknowledgementReason::ALL.into_iter().find(|it| it.name() == named)?;
        let reference = text(fields, &format!("{}_reference", check.name()));
        let acknowledgement =
            Acknowledgement { check, reason, reference: reference.map(ToOwned::to_owned) };
        let count = text(fields, &format!("{}_count", check.name()));
        let count = count.and_then(|text| text.parse().ok()).unwrap_or(0);
        Some(Known { acknowledgement, count: Some(count) })
    });
    chosen.collect()
}

/// The command of a step of opening again; none for an unknown one.
fn reopening(step: &str, fields: &Fields, month: Month) -> Option<Result<C, &'static str>> {
    let reference = text(fields, "reference").map(ToOwned::to_owned);
    let named = text(fields, "reason");
    let reason = ReopenReason::ALL.into_iter().find(|it| Some(it.name()) == named);
    let needs_reason = "Choose why the month is opened again.";
    let reason = reason.ok_or(needs_reason);
    Some(match step {
        "reopen" => {
            reason.map(|reason| C::RequestReopen(RequestReopen { month, reason, reference }))
        }
        "approve" => {
            reason.map(|reason| C::ApproveReopen(ApproveReopen { month, reason, reference }))
        }
        "decline" => Ok(C::DeclineReopen(DeclineReopen { month })),
        _ => return None,
    })
}

/// A refusal in the words of the page.
fn said(refusal: &RefusalDocument) -> String {
    let Ok(AccountingPeriodRefusal::NotAcknowledged { checks }) = refusal.to_refusal() else {
        return refusal.message.clone();
    };
    let names: Vec<String> = checks.iter().map(|check| check.name().replace('_', " ")).collect();
    let names = names.join(", ");
    format!("Choose why each of these may stay, or put it right first: {names}.")
}

/// Whether it is carried out, or waits; or why it is refused.
async fn send(
    state: &ApiState,
    person: &Person,
    (desk, command_id): (&Desk, Uuid),
    command: &C,
) -> Result<Result<bool, String>, Problem> {
    let command = serde_json::to_value(command).map_err(|err| Problem::internal(&err))?;
    let actor = Actor::Operator { name: name_of(person) };
    let address = (desk.tenant.clone(), AGGREGATE, accounting_period_id(&desk.tenant));
    let envelope = Envelope {
        correlation_id: person.0.request_id.parse().unwrap_or(command_id),
        trace: kontor_traces::current().map(String::from),
        ..Envelope::new(command_id, address, command, actor, clock::now())
    };
    let sent = match state.sender.send(envelope, state.settings.command_wait).await {
        Err(SendError::CommandIdReused) => {
            return Ok(Err("This form was sent before; look again.".to_owned()));
        }
        sent => sent?,
    };
    match sent {
        Sent::Done { outcome: Outcome::Accepted(accepted), .. } => {
            if let Some(position) = accepted.last_position {
                let wait = state.settings.read_wait;
                checkpoints::wait_for(&state.pool, &READ_MODELS, position, wait).await?;
            }
            Ok(Ok(true))
        }
        Sent::Done { outcome: Outcome::Refused { refusal }, .. } => Ok(Err(said(&refusal))),
        Sent::Unknown => Ok(Ok(false)),
    }
}
