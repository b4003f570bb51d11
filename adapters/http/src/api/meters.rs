//! Meters.

use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::meter::{Archive, MeterCommand, MeterKind, Register, RenewVerification};
use kontor_projections::{
    accounts, checkpoints,
    meters::{self, MeterFilter, MeterRow},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters, meter_kind},
    values::{Paged, Versioned, ZoneValues},
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
        .routes(routes!(register_meter, list_meters))
        .routes(routes!(find_meter))
        .routes(routes!(archive_meter))
        .routes(routes!(renew_verification))
}

/// A meter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeterBody {
    id: Uuid,
    account_id: Uuid,
    #[schema(schema_with = meter_kind)]
    kind: MeterKind,
    /// The unit of its values.
    #[schema(example = "kWh")]
    unit: &'static str,
    /// How many tariff zones it shows.
    zones: u8,
    /// Digits before the decimal point.
    digits: u8,
    serial_number: String,
    place: String,
    /// The last day on which its verification is valid.
    verification_due_on: Option<NaiveDate>,
    registered_on: NaiveDate,
    /// That it was taken out of service.
    archived: Option<ArchivedBody>,
    /// What it showed last; at registration until the first reading.
    last_values: ZoneValues,
    last_taken_on: Option<NaiveDate>,
    last_reading_id: Option<Uuid>,
    version: i64,
}

/// That a meter was taken out of service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchivedBody {
    at: DateTime<Utc>,
    reason: String,
}

impl From<MeterRow> for MeterBody {
    fn from(row: MeterRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            kind: row.kind,
            unit: unit(row.kind),
            zones: row.zones,
            digits: row.digits,
            serial_number: row.serial_number,
            place: row.place,
            verification_due_on: row.verification_due_on,
            registered_on: row.registered_on,
            archived: row.archived.map(|it| ArchivedBody { at: it.at, reason: it.reason }),
            last_values: (&row.last_values).into(),
            last_taken_on: row.last_taken_on,
            last_reading_id: row.last_reading_id,
            version: row.version,
        }
    }
}

/// The unit of a meter's values, as UCUM writes it for people.
fn unit(kind: MeterKind) -> &'static str {
    match kind {
        MeterKind::Electricity => "kWh",
        MeterKind::ColdWater | MeterKind::HotWater | MeterKind::Gas => "m³",
        MeterKind::Heat => "Gcal",
    }
}

/// A meter to put into service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "account_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "kind": "electricity",
    "zones": 2,
    "digits": 6,
    "serial_number": "0012-АБ",
    "place": "Кухня",
    "verification_due_on": "2036-05-31",
    "initial_values": {"t1": "1234.5", "t2": "567"}
}))]
pub(crate) struct RegisterMeter {
    /// Your own id; made from the command's when left out.
    #[serde(default)]
    id: Option<Uuid>,
    account_id: Uuid,
    #[schema(schema_with = meter_kind)]
    kind: MeterKind,
    /// Tariff zones: 1 to 3 for electricity, 1 for all others.
    #[serde(default = "one_zone")]
    #[schema(minimum = 1, maximum = 3, default = 1)]
    zones: u8,
    /// Digits before the decimal point, 3 to 9.
    #[schema(minimum = 3, maximum = 9)]
    digits: u8,
    serial_number: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    verification_due_on: Option<NaiveDate>,
    /// What it shows now; zero when left out.
    #[serde(default)]
    initial_values: ZoneValues,
}

fn one_zone() -> u8 {
    1
}

/// Why a meter is taken out of service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Заменён на новый"}))]
pub(crate) struct ArchiveMeter {
    #[serde(default)]
    reason: String,
}

/// A verification that was passed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"verification_due_on": "2036-05-31"}))]
pub(crate) struct RenewedVerification {
    /// The last day on which it is valid.
    verification_due_on: NaiveDate,
}

/// Put a meter into service.
#[utoipa::path(
    post, path = "/v1/meters", tag = "meters", params(CommandParameters),
    request_body = RegisterMeter,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn register_meter(
    State(state): State<ApiState>,
    write: Write,
    Body(body): Body<RegisterMeter>,
) -> Result<Answer, Problem> {
    check_account(&state, &write, body.account_id).await?;
    let id = body.id.unwrap_or_else(|| write.derived_id("meter"));
    let command = MeterCommand::Register(Register {
        account_id: body.account_id,
        kind: body.kind,
        zones: body.zones,
        digits: body.digits,
        serial_number: body.serial_number,
        place: body.place,
        verification_due_on: body.verification_due_on,
        initial_values_milli: body.initial_values.into(),
    });
    let answer = write.send(&state, ("meter", id), &command).await?;
    Ok(answer.at(format!("/v1/meters/{id}")))
}

/// Refuses a meter or ledger for an account that the tenant does not have. An account that was opened a
/// moment ago is waited for.
pub(crate) async fn check_account(
    state: &ApiState,
    write: &Write,
    account_id: Uuid,
) -> Result<(), Problem> {
    if accounts::find(&state.pool, &write.tenant, account_id).await?.is_some() {
        return Ok(());
    }
    let head = checkpoints::head_position(&state.pool).await?;
    let wait = state.settings.read_wait;
    if !checkpoints::wait_for(&state.pool, &["accounts"], head, wait).await? {
        return Err(Problem::busy(
            "read_model_behind",
            "whether the account exists is not known yet; try again in a moment",
        ));
    }
    if accounts::find(&state.pool, &write.tenant, account_id).await?.is_some() {
        return Ok(());
    }
    Err(Problem::field("/account_id", "there is no such account; register it first"))
}

/// List the meters in the order of registration.
#[utoipa::path(
    get, path = "/v1/meters", tag = "meters",
    params(
        ("account_id" = Option<Uuid>, Query, description = "Those of one account"),
        ("archived" = Option<bool>, Query, description = "Those out of service, or those in it"),
        PageParameters,
        ReadParameters,
    ),
    responses((status = 200, body = Paged<MeterBody>), Failures)
)]
async fn list_meters(
    State(state): State<ApiState>,
    read: Read,
) -> Result<Json<Paged<MeterBody>>, Problem> {
    let filter = MeterFilter {
        account_id: read.parameters.parsed("account_id", "an account's id is a uuid")?,
        archived: read.parameters.parsed("archived", "give `true` or `false`")?,
    };
    let page = read.parameters.page()?;
    read.reach(&state, &["meters"]).await?;
    let rows = meters::list(&state.pool, &read.tenant, &filter, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// Show a meter.
#[utoipa::path(
    get, path = "/v1/meters/{id}", tag = "meters",
    params(("id" = Uuid, Path, description = "The meter"), ReadParameters),
    responses((status = 200, body = MeterBody), Failures)
)]
async fn find_meter(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<MeterBody>, Problem> {
    read.reach(&state, &["meters"]).await?;
    let row = meters::find(&state.pool, &read.tenant, id).await?;
    let row = row.ok_or_else(meter_unknown)?;
    Ok(Versioned(row.version, row.into()))
}

/// The tenant has no such meter.
pub(crate) fn meter_unknown() -> Problem {
    Problem::not_found("meter_unknown", "there is no such meter")
}

/// Take a meter out of service.
#[utoipa::path(
    post, path = "/v1/meters/{id}/archive", tag = "meters",
    params(("id" = Uuid, Path, description = "The meter"), CommandParameters),
    request_body = ArchiveMeter,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn archive_meter(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<ArchiveMeter>,
) -> Result<Answer, Problem> {
    let command = MeterCommand::Archive(Archive { reason: body.reason });
    let sent = write.send(&state, ("meter", id), &command).await;
    sent.map_err(|problem| problem.of_path("meter"))
}

/// Record a verification that the meter passed.
#[utoipa::path(
    post, path = "/v1/meters/{id}/verification", tag = "meters",
    params(("id" = Uuid, Path, description = "The meter"), CommandParameters),
    request_body = RenewedVerification,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn renew_verification(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<RenewedVerification>,
) -> Result<Answer, Problem> {
    let renewal = RenewVerification { verification_due_on: body.verification_due_on };
    let command = MeterCommand::RenewVerification(renewal);
    let sent = write.send(&state, ("meter", id), &command).await;
    sent.map_err(|problem| problem.of_path("meter"))
}
