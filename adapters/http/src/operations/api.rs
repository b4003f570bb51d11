//! `/v1/operations`: what the pages show, for programs.

use axum::{
    Json,
    extract::{OriginalUri, Path, State},
};
use kontor_postgres::letters::LetterId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    actions::{self, Action, Entry},
    filters::Filters,
    find::{self, Found},
    letters::{self, Letter, Listed},
    operator::Operator,
    overview::Overview,
    pages,
    stream::{self, History, View},
    webhooks::{self, Webhook},
};
use crate::{
    access::PathOf, api::documents::Failures, parameters::Parameters, problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(list_letters))
        .routes(routes!(show_letter))
        .routes(routes!(retry_letter))
        .routes(routes!(skip_letter))
        .routes(routes!(list_webhooks))
        .routes(routes!(pause_webhook))
        .routes(routes!(resume_webhook))
        .routes(routes!(find_place))
        .routes(routes!(show_stream))
        .routes(routes!(list_actions))
}

/// Show how everything is: engines, followers, shards, leases and what waits.
#[utoipa::path(
    get, path = "/v1/operations/overview", tag = "operations",
    responses((status = 200, body = Overview), Failures)
)]
async fn overview(State(state): State<ApiState>, operator: Operator) -> Json<Overview> {
    let seen = state.recorder.look(&state).await;
    Json(Overview::of(&state, &seen, &operator))
}

/// A list of dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Letters {
    items: Vec<Letter>,
    /// Whether there may be more: narrow the filters.
    is_cut: bool,
}

/// List what could not be carried out and waits for an operator: at most 200 of each kind.
#[utoipa::path(
    get, path = "/v1/operations/dead-letters", tag = "operations",
    params(
        ("tenant" = Option<String>, Query, description = "Of this tenant"),
        ("aggregate" = Option<String>, Query, description = "Of this kind of aggregate, such as `meter`"),
        ("type" = Option<String>, Query, description = "Of this type of command or event, such as `rename` or `meter.*`"),
        ("from" = Option<String>, Query, description = "Parked from this instant on"),
        ("until" = Option<String>, Query, description = "Parked before this instant"),
        ("about" = Option<String>, Query, description = "With this id: a letter, a command, an aggregate, a position")
    ),
    responses((status = 200, body = Letters), Failures)
)]
async fn list_letters(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<Letters>, Problem> {
    let Listed { letters, is_cut } = letters::list(&state, &operator, &Filters::of(&uri)?).await?;
    Ok(Json(Letters { items: letters, is_cut }))
}

/// Show one dead letter.
#[utoipa::path(
    get, path = "/v1/operations/dead-letters/{id}", tag = "operations",
    params(("id" = String, Path, description = "The letter, such as `command:17`")),
    responses((status = 200, body = Letter), Failures)
)]
async fn show_letter(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<Letter>, Problem> {
    let id = id.parse::<LetterId>().map_err(|_| letters::unknown())?;
    let letter = letters::find(&state, &operator, &id).await?;
    letter.map(Json).ok_or_else(letters::unknown)
}

/// What came of a retry or a skip.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Decided {
    #[schema(example = "command:17")]
    id: String,
    /// `marked` (the follower tries it soon), `accepted`, `refused`, `sent` (outcome not known yet),
    /// `skipped`, or `gone` (it was not parked any more and nothing was done).
    #[schema(example = "accepted")]
    outcome: &'static str,
}

/// Try a dead letter again. A command keeps its id, so it cannot take effect twice.
#[utoipa::path(
    post, path = "/v1/operations/dead-letters/{id}/retry", tag = "operations",
    params(("id" = String, Path, description = "The letter, such as `command:17`")),
    responses((status = 200, body = Decided), Failures)
)]
async fn retry_letter(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<Decided>, Problem> {
    decide(&state, &operator, (&id, Action::Retry)).await
}

/// Give a dead letter up for good; its reason stays on record.
#[utoipa::path(
    post, path = "/v1/operations/dead-letters/{id}/skip", tag = "operations",
    params(("id" = String, Path, description = "The letter, such as `command:17`")),
    responses((status = 200, body = Decided), Failures)
)]
async fn skip_letter(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Json<Decided>, Problem> {
    decide(&state, &operator, (&id, Action::Skip)).await
}

async fn decide(
    state: &ApiState,
    operator: &Operator,
    (text, action): (&str, Action),
) -> Result<Json<Decided>, Problem> {
    let id = text.parse::<LetterId>().map_err(|_| letters::unknown())?;
    let done = letters::decide(state, operator, (&id, action)).await?;
    Ok(Json(Decided { id: id.to_string(), outcome: done.name() }))
}

/// The webhooks that are in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    items: Vec<Webhook>,
}

/// List the webhooks: how each is, what it answered last, when it is called next.
#[utoipa::path(
    get, path = "/v1/operations/webhooks", tag = "operations",
    responses((status = 200, body = Webhooks), Failures)
)]
async fn list_webhooks(
    State(state): State<ApiState>,
    operator: Operator,
) -> Result<Json<Webhooks>, Problem> {
    Ok(Json(Webhooks { items: webhooks::list(&state, &operator).await? }))
}

/// What came of an order about a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ordered {
    #[schema(example = "billing")]
    name: String,
    /// Whether it is called.
    called: bool,
    /// Whether that was otherwise before.
    changed: bool,
}

/// Stop the calls of a webhook. Its events wait, and nothing is lost.
#[utoipa::path(
    post, path = "/v1/operations/webhooks/{name}/pause", tag = "operations",
    params(("name" = String, Path, description = "The integrator")),
    responses((status = 200, body = Ordered), Failures)
)]
async fn pause_webhook(
    State(state): State<ApiState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<Ordered>, Problem> {
    let changed = webhooks::decide(&state, &operator, (&name, Action::DisableWebhook)).await?;
    Ok(Json(Ordered { name, called: false, changed }))
}

/// Let the calls of a webhook go on: what waited is tried first.
#[utoipa::path(
    post, path = "/v1/operations/webhooks/{name}/resume", tag = "operations",
    params(("name" = String, Path, description = "The integrator")),
    responses((status = 200, body = Ordered), Failures)
)]
async fn resume_webhook(
    State(state): State<ApiState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<Ordered>, Problem> {
    let changed = webhooks::decide(&state, &operator, (&name, Action::EnableWebhook)).await?;
    Ok(Json(Ordered { name, called: true, changed }))
}

/// A place in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceBody {
    tenant: String,
    #[schema(example = "meter")]
    aggregate: String,
    /// The aggregate's id: ask for `/v1/operations/streams/{id}`.
    id: Uuid,
    /// The version of the event that the id or position named; null for a whole aggregate.
    version: Option<i64>,
}

/// Find what an id belongs to: an aggregate, a command within the time that receipts are kept, an
/// event, or a position of the log.
#[utoipa::path(
    get, path = "/v1/operations/find", tag = "operations",
    params(("id" = String, Query, description = "A uuid, or a position of the log")),
    responses((status = 200, body = PlaceBody), Failures)
)]
async fn find_place(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<PlaceBody>, Problem> {
    let text = Parameters::of(&uri).parsed::<String>("id", "an id")?.unwrap_or_default();
    match find::find(&state.pool, &operator, &text).await? {
        Found::Place(place) => Ok(Json(PlaceBody {
            tenant: place.tenant,
            aggregate: place.stream_type,
            id: place.stream_id,
            version: place.version,
        })),
        Found::Nothing => {
            Err(Problem::not_found("place_unknown", "nothing is known under this id"))
        }
        Found::Unreadable => {
            Err(Problem::parameter("id", "give a uuid, or a position such as 4711"))
        }
    }
}

/// Show why something is as it is: the events of an aggregate, newest first, what each changed, and
/// the state at a version. What belongs to people is covered unless `personal=show`, which is noted
/// in the journal.
#[utoipa::path(
    get, path = "/v1/operations/streams/{id}", tag = "operations",
    params(
        ("id" = Uuid, Path, description = "The aggregate"),
        ("version" = Option<i64>, Query, description = "Up to this version; the newest when absent"),
        ("type" = Option<String>, Query, description = "Events of this type, such as `meter.archived` or `meter.*`"),
        ("from" = Option<String>, Query, description = "Recorded from this instant on"),
        ("until" = Option<String>, Query, description = "Recorded before this instant"),
        ("about" = Option<Uuid>, Query, description = "With this id: the event's own, or of its command, conversation or cause"),
        ("personal" = Option<String>, Query, description = "`show` uncovers what belongs to people")
    ),
    responses((status = 200, body = History), Failures)
)]
async fn show_stream(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<History>, Problem> {
    let parameters = Parameters::of(&uri);
    let version = parameters.parsed("version", "a version is a whole number from 1")?;
    let covered = match parameters.parsed::<String>("personal", "a word")?.as_deref() {
        None => true,
        Some("show") => false,
        Some(_) => return Err(Problem::parameter("personal", "give `show`, or leave it out")),
    };
    let view = View { version, covered, filter: stream::filter(&Filters::of(&uri)?)? };
    pages::history(&state, &operator, (id, &view)).await.map(Json)
}

/// A page of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Journal {
    items: Vec<Entry>,
}

/// List what operators did by hand, the newest first, 100 at a time.
#[utoipa::path(
    get, path = "/v1/operations/actions", tag = "operations",
    params(
        ("before" = Option<i64>, Query, description = "Only entries older than the one with this id"),
        ("tenant" = Option<String>, Query, description = "About this tenant"),
        ("type" = Option<String>, Query, description = "What was done, such as `dead_letter_retry`"),
        ("from" = Option<String>, Query, description = "From this instant on"),
        ("until" = Option<String>, Query, description = "Before this instant"),
        ("about" = Option<String>, Query, description = "Done to what has this in its name")
    ),
    responses((status = 200, body = Journal), Failures)
)]
async fn list_actions(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Json<Journal>, Problem> {
    let before = Parameters::of(&uri).parsed("before", "a whole number")?;
    let filter = actions::filter(&operator, &Filters::of(&uri)?)?;
    Ok(Json(Journal { items: actions::list(&state.pool, &filter, before).await? }))
}
