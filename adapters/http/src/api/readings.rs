//! Readings of a meter and their corrections.

use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::meter::{
    CorrectReading, MeterCommand, PhotoReference, ReadingSource, ReadingWarning, SubmitReading,
    Zone,
};
use kontor_projections::{
    meters,
    readings::{self, ReadingRow},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters, reading_source},
    meters::meter_unknown,
    values::{Decimal, Paged, ZoneValues},
};
use crate::{
    access::{PathOf, Read, Write},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(submit_reading, list_readings))
        .routes(routes!(correct_reading))
}

/// A reading by its newest correction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadingBody {
    reading_id: Uuid,
    meter_id: Uuid,
    account_id: Uuid,
    /// The tenant's local day on which it was read.
    taken_on: NaiveDate,
    /// The month it counts for, as its first day.
    period: NaiveDate,
    values: ZoneValues,
    /// What was consumed since the reading before.
    consumption: ZoneValues,
    /// Over all zones.
    consumption_total: Decimal,
    /// What is usual over as many days, over all zones; null while too little is known.
    usual: Option<Decimal>,
    #[schema(schema_with = reading_source)]
    source: ReadingSource,
    /// The sender confirmed an unusual value or a rollover.
    confirmed: bool,
    /// The zones whose counter passed its largest value.
    #[schema(value_type = Vec<String>)]
    rolled_over: Vec<Zone>,
    /// What the staff should look at.
    #[schema(value_type = Vec<String>)]
    warnings: Vec<ReadingWarning>,
    #[schema(value_type = Option<Object>)]
    photo: Option<PhotoReference>,
    submitted_at: DateTime<Utc>,
    /// How often it was corrected.
    corrections: i32,
    corrected: Option<CorrectedBody>,
}

/// The last correction of a reading.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CorrectedBody {
    at: DateTime<Utc>,
    reason: String,
}

impl From<ReadingRow> for ReadingBody {
    fn from(row: ReadingRow) -> Self {
        Self {
            reading_id: row.reading_id,
            meter_id: row.meter_id,
            account_id: row.account_id,
            taken_on: row.taken_on,
            period: row.period,
            values: (&row.values).into(),
            consumption: (&row.consumption).into(),
            consumption_total: Decimal(row.consumption_total()),
            usual: row.usual.map(Decimal),
            source: row.source,
            confirmed: row.confirmed,
            rolled_over: row.rolled_over,
            warnings: row.warnings,
            photo: row.photo,
            submitted_at: row.submitted_at,
            corrections: row.corrections,
            corrected: row.corrected.map(|it| CorrectedBody { at: it.at, reason: it.reason }),
        }
    }
}

/// What a meter shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"values": {"t1": "1322", "t2": "601.25"}, "taken_on": "2026-11-20"}))]
pub(crate) struct SubmittedReading {
    /// Your own id of the reading; the command's when left out.
    #[serde(default)]
    reading_id: Option<Uuid>,
    /// Every zone of the meter, and no other.
    values: ZoneValues,
    /// The tenant's local day; today when left out.
    #[serde(default)]
    taken_on: Option<NaiveDate>,
    /// `api`, or on behalf of the staff `operator` or `import`.
    #[serde(default = "by_api")]
    #[schema(schema_with = reading_source)]
    source: ReadingSource,
    /// True confirms an unusual value or a rollover that an answer before asked about.
    #[serde(default)]
    confirmed: bool,
    /// The `https` address of a photo.
    #[serde(default)]
    photo_url: Option<String>,
}

fn by_api() -> ReadingSource {
    ReadingSource::Api
}

/// What a meter really showed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"values": {"t1": "1321", "t2": "601.25"}, "reason": "Опечатка"}))]
pub(crate) struct CorrectedReading {
    /// Every zone of the meter, and no other.
    values: ZoneValues,
    #[serde(default = "by_api")]
    #[schema(schema_with = reading_source)]
    source: ReadingSource,
    /// As for a reading.
    #[serde(default)]
    confirmed: bool,
    #[serde(default)]
    reason: String,
}

/// Submit a reading. `id` of the outcome is the meter's; the reading's id is yours or the command's.
#[utoipa::path(
    post, path = "/v1/meters/{id}/readings", tag = "readings",
    params(("id" = Uuid, Path, description = "The meter"), CommandParameters),
    request_body = SubmittedReading,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn submit_reading(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<SubmittedReading>,
) -> Result<Answer, Problem> {
    let reading_id = body.reading_id.unwrap_or(write.command_id);
    let command = MeterCommand::SubmitReading(SubmitReading {
        reading_id,
        values_milli: body.values.into(),
        taken_on: body.taken_on,
        source: body.source,
        confirmed: body.confirmed,
        photo: body.photo_url.map(|url| PhotoReference::Url { url }),
    });
    let sent = write.send(&state, ("meter", id), &command).await;
    let answer = sent.map_err(|problem| problem.of_path("meter"))?;
    Ok(answer.at(format!("/v1/meters/{id}/readings")))
}

/// List the readings of a meter, newest first, with what was consumed.
#[utoipa::path(
    get, path = "/v1/meters/{id}/readings", tag = "readings",
    params(("id" = Uuid, Path, description = "The meter"), PageParameters, ReadParameters),
    responses((status = 200, body = Paged<ReadingBody>), Failures)
)]
async fn list_readings(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Json<Paged<ReadingBody>>, Problem> {
    let page = read.parameters.page()?;
    read.reach(&state, &["meters", "readings"]).await?;
    meters::find(&state.pool, &read.tenant, id).await?.ok_or_else(meter_unknown)?;
    let rows = readings::history(&state.pool, &read.tenant, id, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// Correct the last reading of a meter.
#[utoipa::path(
    post, path = "/v1/meters/{id}/readings/{reading_id}/corrections", tag = "readings",
    params(
        ("id" = Uuid, Path, description = "The meter"),
        ("reading_id" = Uuid, Path, description = "The reading"),
        CommandParameters,
    ),
    request_body = CorrectedReading,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn correct_reading(
    State(state): State<ApiState>,
    write: Write,
    PathOf((id, reading_id)): PathOf<(Uuid, Uuid)>,
    Body(body): Body<CorrectedReading>,
) -> Result<Answer, Problem> {
    let command = MeterCommand::CorrectReading(CorrectReading {
        reading_id,
        values_milli: body.values.into(),
        source: body.source,
        confirmed: body.confirmed,
        reason: body.reason,
    });
    let sent = write.send(&state, ("meter", id), &command).await;
    sent.map_err(|problem| problem.of_path("meter"))
}
