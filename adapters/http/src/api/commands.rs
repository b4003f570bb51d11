//! What became of a command.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::RefusalDocument;
use serde::Serialize;
use serde_json::Value;
use sqlx::Row;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::documents::{Failures, ReadParameters, one_of};
use crate::{
    access::{PathOf, Read},
    problem::{Problem, decimal_details},
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(find_command))
}

/// What became of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommandBody {
    command_id: Uuid,
    /// The type of what it was about.
    #[schema(example = "meter")]
    aggregate: String,
    /// What it was about.
    id: Uuid,
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// The version of the thing after the command.
    version: i64,
    /// The position of its last event; null when nothing changed.
    position: Option<i64>,
    /// Why it was refused.
    refusal: Option<RefusalBody>,
    recorded_at: DateTime<Utc>,
}

fn statuses() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&["accepted", "refused"])
}

/// Why a command was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalBody {
    #[schema(example = "reading_below_last")]
    code: String,
    detail: String,
    /// The figures behind the sentence.
    #[schema(value_type = Object)]
    details: BTreeMap<String, Value>,
}

/// Show what became of a command. Outcomes are kept for a week.
#[utoipa::path(
    get, path = "/v1/commands/{id}", tag = "commands",
    params(("id" = Uuid, Path, description = "The command"), ReadParameters),
    responses((status = 200, body = CommandBody), Failures)
)]
async fn find_command(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Json<CommandBody>, Problem> {
    let receipt = sqlx::query(
        "select stream_type, stream_id, version, last_position, refusal, recorded_at \
         from receipts where command_id = $1 and tenant = $2",
    )
    .bind(id)
    .bind(read.tenant.as_str())
    .fetch_optional(&state.pool)
    .await?;
    let receipt = receipt.ok_or_else(|| {
        let detail = "no outcome is recorded under this id: the command is still waiting, or it \
                      was never sent";
        Problem::not_found("command_unknown", detail).retry_after(1)
    })?;
    let refusal: Option<Value> = receipt.try_get("refusal")?;
    let refusal: Option<RefusalDocument> =
        refusal.map(serde_json::from_value).transpose().map_err(|err| Problem::internal(&err))?;
    Ok(Json(CommandBody {
        command_id: id,
        aggregate: receipt.try_get("stream_type")?,
        id: receipt.try_get("stream_id")?,
        status: if refusal.is_some() { "refused" } else { "accepted" },
        version: receipt.try_get("version")?,
        position: receipt.try_get("last_position")?,
        refusal: refusal.map(|refusal| RefusalBody {
            details: decimal_details(&refusal.details),
            code: refusal.code,
            detail: refusal.message,
        }),
        recorded_at: receipt.try_get("recorded_at")?,
    }))
}
