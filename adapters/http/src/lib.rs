//! HTTP: the API with its documents, the probes and the status page.
//!
//! Requests become commands for a [`kontor_commands::CommandSender`] or queries of read models; no
//! business rule lives here. Every answer that is not a success is a problem document, and status
//! codes are chosen in `problem.rs` alone.

mod access;
mod accounting;
mod api;
mod auth;
mod body;
mod contract;
mod denied;
mod dispatch;
mod envelope;
pub mod figures;
mod health;
pub mod keys;
mod limits;
mod openapi;
mod operations;
mod parameters;
mod problem;
mod serve;
mod session;
mod state;
mod status;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::from_fn_with_state,
    routing::get,
};
use tokio_util::sync::CancellationToken;
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};

pub use limits::Rate;
pub use openapi::document;
pub use serve::{ServeLimits, serve, serve_within};
pub use state::{
    ApiSettings, ApiState, BrokerProbe, BrokerShard, BrokerView, ExportError, ExportLimits,
    ReportWorkbook,
};

use crate::{
    access::POSITION,
    auth::{AUTH_KEY, TENANT, authenticate, limit_address},
    envelope::{REQUEST_ID, envelope},
    problem::Problem,
};

/// The whole HTTP interface over a state.
pub fn app(state: ApiState) -> Router {
    let (api, document) = openapi::parts();
    let api = api
        .route("/v1/status", get(status::detailed))
        .route_layer(from_fn_with_state(state.clone(), authenticate));
    Router::new()
        .route("/", get(status::page))
        .route("/health", get(health::live))
        .route("/ready", get(health::ready))
        .route("/assets/{name}", get(status::asset))
        .merge(openapi::docs(document))
        .merge(contract::router())
        .merge(api)
        .merge(operations::pages(&state))
        .fallback(async || Problem::of_status(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || Problem::of_status(StatusCode::METHOD_NOT_ALLOWED))
        .layer(DefaultBodyLimit::max(state.settings.body_bytes_max))
        .layer(from_fn_with_state(state.clone(), limit_address))
        .layer(cors(&state.settings))
        .layer(from_fn_with_state(state.clone(), envelope))
        .layer(CompressionLayer::new())
        .with_state(state)
}

/// Routes of others with the address of whoever calls, as an [`std::net::IpAddr`] among the request's
/// extensions: that of the connection, or what our own proxy wrote last when one stands before it.
pub fn addressed(routes: Router, behind_proxy: bool) -> Router {
    routes.layer(axum::middleware::map_request(
        move |mut request: axum::extract::Request| async move {
            let address = auth::address_of(&request, behind_proxy);
            request.extensions_mut().insert(address);
            request
        },
    ))
}

/// Keeps looking at everything for the charts of the operations page, until `stop`; then the pages
/// that keep themselves up to date end, so that the server need not wait for them.
pub async fn watch(state: ApiState, stop: CancellationToken) {
    let places = std::sync::Arc::clone(&state.places);
    operations::Recorder::run(state, stop).await;
    places.end();
}

/// Which pages of other origins may call the API.
fn cors(settings: &ApiSettings) -> CorsLayer {
    let origins = settings.cors_origins.iter().filter_map(|origin| {
        HeaderValue::from_str(origin)
            .inspect_err(|_| tracing::warn!("a CORS origin is no header value and is left out"))
            .ok()
    });
    let origins: Vec<HeaderValue> = origins.collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        .allow_headers([
            AUTH_KEY,
            TENANT,
            REQUEST_ID,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("kontor-min-position"),
        ])
        .expose_headers([
            POSITION,
            REQUEST_ID,
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotent-replay"),
        ])
}
