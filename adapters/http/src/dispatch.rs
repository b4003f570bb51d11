//! From a request to a command, and from its outcome to an answer.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kontor_commands::{Accepted, Envelope, Outcome, SendError, Sent, clock};
use kontor_postgres::inspect;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::{POSITION, Write},
    problem::{IDEMPOTENT_REPLAY, Problem},
    state::ApiState,
};

/// A pause after which an open outcome is worth another question.
const ASK_AGAIN_SECONDS: u64 = 1;

/// What became of a command that was accepted, or that is still on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "command_id": "5b0f7d3e-4a2c-5e1f-8a77-2f3f3f5d9c11",
    "id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "status": "accepted",
    "version": 4,
    "position": 1812
}))]
pub(crate) struct OutcomeBody {
    /// The command; ask for its outcome under `/v1/commands/{command_id}`.
    pub(crate) command_id: Uuid,
    /// What it was about.
    pub(crate) id: Uuid,
    pub(crate) status: OutcomeStatus,
    /// The version of the thing after the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i64>,
    /// The position of its last event: pass it on as `min_position` to read your own write. Absent
    /// when everything asked for already held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<i64>,
}

/// Whether a command is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeStatus {
    /// It is carried out.
    Accepted,
    /// It stands in the queue and will have an outcome.
    Pending,
}

/// What the sender learned.
#[derive(Debug)]
pub(crate) enum Done {
    Accepted { accepted: Accepted, replayed: bool },
    Pending,
}

/// A command's answer before it becomes a response.
#[derive(Debug)]
pub(crate) struct Answer {
    command_id: Uuid,
    id: Uuid,
    done: Done,
    /// Where to find the new thing, for a command that makes one.
    location: Option<String>,
}

impl Write {
    /// Sends the request's command and waits for its outcome.
    pub(crate) async fn send<C: Serialize>(
        &self,
        state: &ApiState,
        address: (&str, Uuid),
        command: &C,
    ) -> Result<Answer, Problem> {
        let pinned = self.expected_version;
        let done = self.send_as(state, address, (self.command_id, pinned), command).await?;
        Ok(Answer { command_id: self.command_id, id: address.1, done, location: None })
    }

    /// Sends several commands to one aggregate, one after the other, and stops at the first that
    /// is refused or open. Each keeps its id in a repetition, so repeating completes the rest.
    pub(crate) async fn send_all<C: Serialize>(
        &self,
        state: &ApiState,
        address: (&str, Uuid),
        commands: &[(&'static str, C)],
    ) -> Result<Answer, Problem> {
        let mut pinned = self.expected_version;
        let mut done = Done::Pending;
        let mut command_id = self.command_id;
        let mut changed = Vec::new();
        for (place, (field, command)) in commands.iter().enumerate() {
            if place > 0 {
                command_id = self.derived_id(&place.to_string());
            }
            done = self
                .send_as(state, address, (command_id, pinned), command)
                .await
                .map_err(|problem| problem.with_changed(&changed))?;
            match &done {
                // A pinned chain stays pinned: nobody may come in between.
                Done::Accepted { accepted, .. } => pinned = pinned.map(|_| accepted.version),
                Done::Pending => break,
            }
            changed.push(*field);
        }
        Ok(Answer { command_id, id: address.1, done, location: None })
    }

    /// The answer to the request's command when it has an outcome already. Asked before a command is
    /// made whose content depends on when that is done: a repetition would be another one.
    pub(crate) async fn answered(
        &self,
        state: &ApiState,
        id: Uuid,
    ) -> Result<Option<Answer>, Problem> {
        let receipts = inspect::receipts(&state.pool, self.command_id).await;
        let receipts = receipts.map_err(|err| Problem::internal(&err))?;
        let own = receipts.into_iter().find(|(tenant, _)| *tenant == self.tenant);
        match own.map(|(_, receipt)| receipt.outcome) {
            Some(Outcome::Accepted(accepted)) => {
                let done = Done::Accepted { accepted, replayed: true };
                Ok(Some(Answer { command_id: self.command_id, id, done, location: None }))
            }
            Some(Outcome::Refused { refusal }) => Err(Problem::refused(&refusal, true)),
            None => Ok(None),
        }
    }

    async fn send_as<C: Serialize>(
        &self,
        state: &ApiState,
        (aggregate, id): (&str, Uuid),
        (command_id, expected_version): (Uuid, Option<i64>),
        command: &C,
    ) -> Result<Done, Problem> {
        let command = serde_json::to_value(command).map_err(|err| Problem::internal(&err))?;
        let address = (self.tenant.clone(), aggregate, id);
        let actor = self.caller.actor();
        let envelope = Envelope {
            correlation_id: self.correlation_id,
            expected_version,
            trace: kontor_traces::current().map(String::from).or_else(|| self.trace.clone()),
            ..Envelope::new(command_id, address, command, actor, clock::now())
        };
        let span = tracing::Span::current();
        span.record("command.id", command_id.to_string());
        span.record("correlation.id", envelope.correlation_id.to_string());
        span.record("trace.id", envelope.trace_id());
        let sent = state.sender.send(envelope, state.settings.command_wait).await;
        // Under this id the caller can ask what became of it.
        let named = |err| Problem::from(err).with("command_id", command_id.to_string());
        match sent
            .map_err(|err| if err == SendError::Unconfirmed { named(err) } else { err.into() })?
        {
            Sent::Done { outcome: Outcome::Accepted(accepted), replayed } => {
                Ok(Done::Accepted { accepted, replayed })
            }
            Sent::Done { outcome: Outcome::Refused { refusal }, replayed } => {
                Err(Problem::refused(&refusal, replayed))
            }
            Sent::Unknown => Ok(Done::Pending),
        }
    }
}

impl Problem {
    fn with_changed(self, fields: &[&'static str]) -> Self {
        if fields.is_empty() { self } else { self.with("changed_before", fields.to_vec()) }
    }

    /// The same problem, but an aggregate that the path names and the tenant does not have is not
    /// found, whether it does not exist or belongs to another tenant.
    pub(crate) fn of_path(self, what: &str) -> Self {
        let absent = self.code() == format!("{what}_unknown") || self.code() == ELSEWHERE;
        if absent {
            return Self::not_found(format!("{what}_unknown"), format!("there is no such {what}"));
        }
        self
    }
}

/// The code of a malformed command: our commands are well formed by their types, so for an id
/// from a path it means that the id lives in another tenant.
const ELSEWHERE: &str = "command_malformed";

impl Answer {
    /// Whether the outcome is not known yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.done, Done::Pending)
    }

    /// Where to find the thing that the command made.
    pub(crate) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, body) = match &self.done {
            Done::Accepted { accepted, .. } => {
                let made = self.location.is_some() && accepted.last_position.is_some();
                let status = if made { StatusCode::CREATED } else { StatusCode::OK };
                (status, self.body(Some(accepted)))
            }
            Done::Pending => (StatusCode::ACCEPTED, self.body(None)),
        };
        let mut response = (status, Json(&body)).into_response();
        let headers = response.headers_mut();
        if let Some(position) = body.position {
            headers.insert(POSITION, position.into());
        }
        match self.done {
            Done::Accepted { accepted, replayed } => {
                if replayed {
                    headers.insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
                }
                if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", accepted.version)) {
                    headers.insert(header::ETAG, tag);
                }
                insert_location(headers, self.location);
            }
            Done::Pending => {
                headers.insert(header::RETRY_AFTER, ASK_AGAIN_SECONDS.into());
                insert_location(headers, Some(format!("/v1/commands/{}", self.command_id)));
            }
        }
        response
    }
}

impl Answer {
    fn body(&self, accepted: Option<&Accepted>) -> OutcomeBody {
        OutcomeBody {
            command_id: self.command_id,
            id: self.id,
            status: match accepted {
                Some(_) => OutcomeStatus::Accepted,
                None => OutcomeStatus::Pending,
            },
            version: accepted.map(|accepted| accepted.version),
            position: accepted.and_then(|accepted| accepted.last_position),
        }
    }
}

fn insert_location(headers: &mut axum::http::HeaderMap, location: Option<String>) {
    if let Some(value) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, value);
    }
}
