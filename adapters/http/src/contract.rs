//! What integrators may rely on: the JSON Schemas of all events, and the AsyncAPI document.
//!
//! The addresses are stable: every event names that of its schema in `dataschema`.

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use kontor_contract::{asyncapi, index, json, schema_text, yaml};

use crate::{problem::Problem, state::ApiState};

/// A version of a schema only grows, and only with a new release of the program.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// `/schemas` and `/asyncapi`, open to everybody: they hold no data.
pub(crate) fn router() -> Router<ApiState> {
    Router::new()
        .route("/schemas", get(async || Json(index())))
        .route("/schemas/{event_type}/{file}", get(schema))
        .route("/asyncapi.json", get(async || text("application/json", json(&asyncapi()))))
        .route("/asyncapi.yaml", get(async || text("application/yaml", yaml(&asyncapi()))))
}

async fn schema(Path((event_type, file)): Path<(String, String)>) -> Response {
    let version = file.strip_suffix(".json").and_then(|version| version.parse().ok());
    match version.and_then(|version| schema_text(&event_type, version)) {
        Some(schema) => text("application/schema+json", schema.to_owned()),
        None => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
    }
}

fn text(content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, CACHED),
    ];
    (headers, body).into_response()
}
