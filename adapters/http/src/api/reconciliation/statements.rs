//! Files of providers and banks.

use std::time::{Duration, Instant};

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::StatusCode,
};
use kontor_commands::{Envelope, Outcome, Sent, clock};
use kontor_domain::{
    Actor, TenantId,
    provider_statement::{ProviderStatementCommand, StatementSource},
};
use kontor_statements::{BYTES_MAX, ImportError, Statement};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    access::{PathOf, WriteBooks},
    api::{
        books::bounds::Calendar,
        documents::{Failures, ReadParameters},
    },
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// How long a request records lines. What is left over is recorded by sending the file again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest name of a file that is repeated in an answer, in characters.
const NAME_LENGTH_MAX: usize = 100;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(import_statement))
        .layer(DefaultBodyLimit::max(BYTES_MAX.saturating_add(1)))
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "source": "stripe", "sha256": "5b0f…", "lines": 120, "new_lines": 120, "passed_by": 0,
    "whole": true, "position": 1812
}))]
pub(crate) struct ImportBody {
    pub(crate) source: &'static str,
    /// The hash of the file's bytes.
    pub(crate) sha256: String,
    /// How many lines it has.
    pub(crate) lines: i64,
    /// Whether something came of it that was not there: lines, or what was missing of them.
    pub(crate) changed: bool,
    /// Lines that are not about payments; the bank's alone.
    pub(crate) passed_by: usize,
    /// Whether all of it is recorded. If not, send the same file again: what is there stays once.
    pub(crate) whole: bool,
    /// The position of its last event: pass it on as `min_position` to read what came of it.
    pub(crate) position: Option<i64>,
}

/// Take over a file of a provider or a bank: CSV, for YooKassa also XLSX, for Stars also the answer of
/// the Bot API. A line that cannot be read is named, and nothing of its file is taken. The same lines
/// again change nothing, in whatever file they come.
#[utoipa::path(
    post, path = "/v1/reconciliation/statements/{source}", tag = "reconciliation",
    params(
        ("source" = String, Path, description = "stripe, yookassa, telegram_stars or bank"),
        ("file" = Option<String>, Query, description = "What the file is called, for errors"),
        ReadParameters,
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ImportBody), Failures)
)]
async fn import_statement(
    State(state): State<ApiState>,
    WriteBooks(write): WriteBooks,
    PathOf(source): PathOf<String>,
    request: Request,
) -> Result<Json<ImportBody>, Problem> {
    let source: StatementSource = source.parse().map_err(|err: kontor_domain::ValueError| {
        Problem::not_found("source_unknown", err.to_string())
    })?;
    let parameters = Parameters::of(request.uri());
    let name = parameters.text("file").unwrap_or("the file").to_owned();
    let bytes = Bytes::from_request(request, &state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("a file has at most {} MiB", BYTES_MAX / (1024 * 1024));
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
        }
        Problem::unreadable("body_incomplete", "the file ended before it was complete")
    })?;
    let statement = read(&state, &write.tenant, (source, name), bytes).await?;
    let sender = Sender { actor: write.caller.actor(), correlation_id: write.correlation_id };
    Ok(Json(record(&state, &write.tenant, &statement, &sender).await?))
}

/// Reads a file, beside the threads that answer others.
pub(crate) async fn read(
    state: &ApiState,
    tenant: &TenantId,
    (source, name): (StatementSource, String),
    bytes: Bytes,
) -> Result<Statement, Problem> {
    let zone = Calendar::of(state, tenant).await?.time_zone;
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_LENGTH_MAX).collect();
    let read =
        tokio::task::spawn_blocking(move || kontor_statements::read(source, &name, &bytes, zone));
    match read.await {
        Ok(read) => read.map_err(|err| unreadable(&err)),
        Err(err) => Err(Problem::internal(&err)),
    }
}

fn unreadable(err: &ImportError) -> Problem {
    let mut problem =
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "statement_unreadable", err.to_string())
            .with("file", err.file.clone())
            .with("reason", err.place.reason.clone());
    if let Some(line) = err.place.line {
        problem = problem.with("line", line);
    }
    if let Some(column) = &err.place.column {
        problem = problem.with("column", column.clone());
    }
    problem
}

/// Who sends a file.
pub(crate) struct Sender {
    pub(crate) actor: Actor,
    pub(crate) correlation_id: Uuid,
}

/// Records a file part by part. A part that was recorded before has the same id, and leads to nothing.
pub(crate) async fn record(
    state: &ApiState,
    tenant: &TenantId,
    statement: &Statement,
    sender: &Sender,
) -> Result<ImportBody, Problem> {
    let begun = Instant::now();
    let mut body = ImportBody {
        source: statement.source.name(),
        sha256: statement.file.sha256.clone(),
        lines: statement.file.lines,
        changed: false,
        passed_by: statement.passed_by,
        whole: true,
        position: None,
    };
    for (id, record) in statement.commands(tenant) {
        if begun.elapsed() > PATIENCE {
            body.whole = false;
            break;
        }
        let command = serde_json::to_value(ProviderStatementCommand::Record(record))
            .map_err(|err| Problem::internal(&err))?;
        let address = (tenant.clone(), "provider_statement", id);
        let envelope = Envelope {
            correlation_id: sender.correlation_id,
            trace: kontor_traces::current().map(String::from),
            ..Envelope::new(Uuid::now_v7(), address, command, sender.actor.clone(), clock::now())
        };
        match state.sender.send(envelope, state.settings.command_wait).await? {
            Sent::Done { outcome: Outcome::Accepted(accepted), .. } => {
                body.changed |= accepted.last_position.is_some();
                body.position = body.position.max(accepted.last_position);
            }
            Sent::Done { outcome: Outcome::Refused { refusal }, replayed } => {
                return Err(Problem::refused(&refusal, replayed));
            }
            // It may be recorded yet; the file once more makes sure.
            Sent::Unknown => {
                body.whole = false;
                break;
            }
        }
    }
    Ok(body)
}
