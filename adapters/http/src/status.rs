//! How Kontor is doing: a public page without names or causes, and the causes for keys of the
//! platform.

mod page;
mod snapshot;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

pub(crate) use page::{grouped, page, seconds, short_hash};
pub(crate) use snapshot::{Snapshot, StatusCache, Up, is_live};

use crate::{
    auth::{Caller, require_reader},
    problem::Problem,
    state::ApiState,
};

pub(crate) const STYLE: &str = include_str!("../../../web/src/kontor.css");
const SCRIPT: &str = include_str!("../../../web/src/status.js");
pub(crate) const OPERATIONS_STYLE: &str = include_str!("../../../web/dist/operations.css");
pub(crate) const OPERATIONS_SCRIPT: &str = include_str!("../../../web/dist/operations.js");
pub(crate) const CHARTS_SCRIPT: &str = include_str!("../../../web/dist/charts.js");
const ICON: &str = include_str!("../../../web/src/icon.svg");

/// The files that the pages load, by the names they load them under.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match name.as_str() {
        "kontor.css" => ("text/css; charset=utf-8", STYLE),
        "status.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "operations.css" => ("text/css; charset=utf-8", OPERATIONS_STYLE),
        "operations.js" => ("text/javascript; charset=utf-8", OPERATIONS_SCRIPT),
        "charts.js" => ("text/javascript; charset=utf-8", CHARTS_SCRIPT),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Problem::of_status(StatusCode::NOT_FOUND)),
    };
    // Addresses carry a hash of the text, so a copy never grows old.
    let a_year = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok((
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, a_year)],
        text,
    )
        .into_response())
}

/// A follower with the cause of its trouble.
#[derive(Debug, Serialize)]
pub(crate) struct FollowerDetails {
    name: String,
    version: i32,
    /// `live`, `building`, `standby` or `paused`; only who is live must keep up.
    duty: &'static str,
    state: String,
    position: i64,
    lag_events: i64,
    lag_seconds: f64,
    heartbeat_age_seconds: Option<f64>,
    parked: i64,
    last_error: Option<String>,
}

/// How Kontor is doing, with causes.
#[derive(Debug, Serialize)]
pub(crate) struct Details {
    database: Up,
    broker: Up,
    migrations: Up,
    head: i64,
    followers: Vec<FollowerDetails>,
}

/// `/v1/status`: for keys of the platform, because causes may name things of any tenant.
pub(crate) async fn detailed(
    State(state): State<ApiState>,
    caller: Caller,
    parts: axum::http::request::Parts,
) -> Result<Json<Details>, Problem> {
    require_reader(&parts, &state, &caller).await?;
    if caller.key().tenant.is_some() {
        return Err(Problem::forbidden(
            "platform_key_needed",
            "only a key of the whole platform may see this",
        ));
    }
    let snapshot = state.status.snapshot(&state).await;
    let followers = snapshot.followers.iter().cloned().map(|follower| FollowerDetails {
        duty: follower.duty().as_str(),
        name: follower.name,
        version: follower.version,
        state: follower.state,
        position: follower.position,
        lag_events: follower.lag_events,
        lag_seconds: follower.lag_seconds,
        heartbeat_age_seconds: follower.heartbeat_age_seconds,
        parked: follower.parked,
        last_error: follower.last_error,
    });
    Ok(Json(Details {
        database: snapshot.database,
        broker: snapshot.broker,
        migrations: snapshot.migrations,
        head: snapshot.head,
        followers: followers.collect(),
    }))
}
