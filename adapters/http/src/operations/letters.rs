//! Dead letters: what could not be carried out, and what an operator does about it.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use kontor_commands::{Envelope, Folds};
use kontor_postgres::{
    command_dead_letters::{self, CommandDeadLetter, CommandLetterState},
    dead_letters::{self, DeadLetter, LetterPlace},
    letters::{self, Done, LetterError, LetterId},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    actions::{self, Action},
    operator::Operator,
};
use crate::{problem::Problem, state::ApiState};

/// The most letters of each kind that are listed; a longer list is a disaster, not a list.
pub(super) const LIST_MAX: u32 = 200;

/// How long a command that is sent again may take.
const WAIT: Duration = Duration::from_secs(5);

/// A dead letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Letter {
    #[schema(example = "command:17")]
    pub(super) id: String,
    /// `command` or `follower`.
    pub(super) kind: &'static str,
    pub(super) tenant: String,
    /// What it is, in words.
    pub(super) what: String,
    /// Why it could not be carried out.
    pub(super) reason: String,
    pub(super) attempts: i32,
    pub(super) since: DateTime<Utc>,
    /// When it is tried again by itself; commands are not.
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    /// Later events of the same stream that wait behind it.
    pub(super) waiting: i64,
    /// `parked`, or `retry` while an attempt that was asked for is due.
    pub(super) state: String,
    /// The aggregate that it is about, as far as it is known.
    pub(super) aggregate_id: Option<Uuid>,
    /// The version of the event that stops a follower.
    pub(super) event_version: Option<i64>,
    /// The command, with what belongs to people covered; null when it is no command.
    #[schema(value_type = Object)]
    pub(super) command: Value,
}

/// The letters that an operator may see, the oldest first within each kind.
pub(super) async fn list(state: &ApiState, operator: &Operator) -> Result<Vec<Letter>, Problem> {
    let pool = &state.pool;
    let parked = CommandLetterState::Parked;
    let commands = command_dead_letters::list(pool, parked, 0, LIST_MAX).await;
    let commands = commands.map_err(|err| Problem::internal(&err))?;
    let parked = dead_letters::list(pool, None, LIST_MAX).await;
    let parked = parked.map_err(|err| Problem::internal(&err))?;
    let events = events_of(pool, &parked).await?;
    let commands = commands.into_iter().map(|letter| of_command(letter, &state.folds));
    let followers = parked.into_iter().map(|letter| {
        let event = events.get(&letter.position);
        of_follower(letter, event)
    });
    Ok(commands.chain(followers).filter(|letter| operator.may_see(&letter.tenant)).collect())
}

/// One letter that is still parked and that the operator may see.
pub(super) async fn find(
    state: &ApiState,
    operator: &Operator,
    id: &LetterId,
) -> Result<Option<Letter>, Problem> {
    let text = id.to_string();
    if let LetterId::Command(row) = id {
        let letter = command_dead_letters::find(&state.pool, *row).await;
        let letter = letter.map_err(|err| Problem::internal(&err))?;
        let letter = letter.filter(|letter| letter.state == "parked");
        let letter = letter.map(|letter| of_command(letter, &state.folds));
        return Ok(letter.filter(|letter| operator.may_see(&letter.tenant)));
    }
    Ok(list(state, operator).await?.into_iter().find(|letter| letter.id == text))
}

/// Tries a letter again or gives it up, and writes down who did.
pub(super) async fn decide(
    state: &ApiState,
    operator: &Operator,
    (id, action): (&LetterId, Action),
) -> Result<Done, Problem> {
    let tenant =
        letters::tenant_of(&state.pool, id).await.map_err(|err| Problem::internal(&err))?;
    let Some(tenant) = tenant.filter(|tenant| operator.may_see(tenant)) else {
        return Err(unknown());
    };
    let done = if action == Action::Retry {
        letters::retry(&state.pool, &*state.sender, id, WAIT).await
    } else {
        letters::skip(&state.pool, id).await
    };
    let outcome = match &done {
        Ok(done) => done.name(),
        Err(_) => "failed",
    };
    let about = (id.to_string(), (!tenant.is_empty()).then_some(tenant));
    let entry = (about.0.as_str(), about.1.as_deref(), outcome);
    actions::record(&state.pool, operator, action, entry).await?;
    done.map_err(|err| match err {
        LetterError::Database(err) => Problem::internal(&err),
        LetterError::NoCommand(_) => Problem::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "letter_unreadable",
            "the message is no command and can only be skipped",
        ),
        LetterError::Send(err) => err.into(),
    })
}

/// There is no such letter, or it belongs to another tenant.
pub(super) fn unknown() -> Problem {
    Problem::not_found("letter_unknown", "there is no such dead letter any more")
}

/// What is told of an event that stops a follower.
struct Stopper {
    tenant: String,
    event_type: String,
    version: i64,
}

async fn events_of(pool: &PgPool, parked: &[DeadLetter]) -> Result<HashMap<i64, Stopper>, Problem> {
    let positions: Vec<i64> = parked.iter().map(|letter| letter.position).collect();
    let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
        "select position, tenant, event_type, version from events where position = any($1)",
    )
    .bind(positions)
    .fetch_all(pool)
    .await?;
    let stopper = |(position, tenant, event_type, version)| {
        (position, Stopper { tenant, event_type, version })
    };
    Ok(rows.into_iter().map(stopper).collect())
}

fn of_follower(letter: DeadLetter, event: Option<&Stopper>) -> Letter {
    let id = LetterId::Follower(LetterPlace {
        name: letter.name.clone(),
        version: letter.version,
        key: letter.key,
        position: letter.position,
    });
    let event_type = event.map_or("an event", |event| event.event_type.as_str());
    Letter {
        id: id.to_string(),
        kind: "follower",
        tenant: event.map(|event| event.tenant.clone()).unwrap_or_default(),
        what: format!("{} cannot apply {event_type} at {}", letter.name, letter.position),
        reason: letter.error,
        attempts: letter.attempts,
        since: letter.first_at,
        next_attempt_at: Some(letter.next_at),
        waiting: letter.waiting,
        state: letter.state,
        aggregate_id: Some(letter.key),
        event_version: event.map(|event| event.version),
        command: Value::Null,
    }
}

fn of_command(letter: CommandDeadLetter, folds: &Folds) -> Letter {
    let envelope = Envelope::from_bytes(&letter.message).ok();
    let kind = envelope.as_ref().and_then(|envelope| envelope.command.get("type")?.as_str());
    let aggregate =
        if letter.aggregate.is_empty() { "something unreadable" } else { &letter.aggregate };
    Letter {
        what: match kind {
            Some(kind) => format!("{kind} to {aggregate}"),
            None => format!("a message to {aggregate} that is no command"),
        },
        id: LetterId::Command(letter.id).to_string(),
        kind: "command",
        tenant: letter.tenant,
        reason: letter.reason,
        attempts: letter.attempts,
        since: letter.recorded_at,
        next_attempt_at: None,
        waiting: 0,
        state: letter.state,
        aggregate_id: envelope.as_ref().map(|envelope| envelope.id),
        event_version: None,
        command: envelope.map_or(Value::Null, |envelope| {
            folds.covered_command(&letter.aggregate, &envelope.command)
        }),
    }
}
