//! Commands that a person gives by a form.

use kontor_commands::{Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{Actor, TenantId};
use kontor_projections::checkpoints;
use serde::Serialize;
use uuid::Uuid;

use crate::{operations::operator::Person, problem::Problem, state::ApiState};

/// To whom a command goes, under which id.
pub(super) struct Address {
    pub(super) tenant: TenantId,
    pub(super) aggregate: &'static str,
    pub(super) id: Uuid,
    pub(super) command_id: Uuid,
    /// The read model of the page that shows what it led to.
    pub(super) read_model: &'static str,
}

/// The name of a person's key, as their commands over HTTP have it: two pages are not two people.
pub(super) fn name_of(person: &Person) -> String {
    format!("api_key:{}", person.0.key.prefix)
}

/// Waits until a page shows what was just done.
pub(super) async fn wait(
    state: &ApiState,
    read_model: &'static str,
    position: Option<i64>,
) -> Result<(), Problem> {
    let Some(position) = position else { return Ok(()) };
    let names = [read_model];
    checkpoints::wait_for(&state.pool, &names, position, state.settings.read_wait).await?;
    Ok(())
}

/// Whether it is carried out, or waits; or why it is refused.
pub(super) async fn send(
    state: &ApiState,
    person: &Person,
    address: Address,
    command: &impl Serialize,
) -> Result<Result<bool, String>, Problem> {
    let Address { tenant, aggregate, id, command_id, read_model } = address;
    let command = serde_json::to_value(command).map_err(|err| Problem::internal(&err))?;
    let actor = Actor::Operator { name: name_of(person) };
    let envelope = Envelope {
        correlation_id: person.0.request_id.parse().unwrap_or(command_id),
        trace: kontor_traces::current().map(String::from),
        ..Envelope::new(command_id, (tenant, aggregate, id), command, actor, clock::now())
    };
    let sent = match state.sender.send(envelope, state.settings.command_wait).await {
        Err(SendError::CommandIdReused) => {
            return Ok(Err("This form was sent before with other values; look again.".to_owned()));
        }
        sent => sent?,
    };
    match sent {
        Sent::Done { outcome: Outcome::Accepted(accepted), .. } => {
            wait(state, read_model, accepted.last_position).await?;
            Ok(Ok(true))
        }
        Sent::Done { outcome: Outcome::Refused { refusal }, .. } => Ok(Err(refusal.message)),
        Sent::Unknown => Ok(Ok(false)),
    }
}
