//! The outermost layer of every request: its id, its span, its time limit, panics, problem
//! documents and security headers.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use futures::FutureExt;
use tracing::{Instrument, field::Empty};
use uuid::Uuid;

use crate::{
    access::traceparent,
    figures,
    problem::{PROBLEM_JSON, Problem},
    state::ApiState,
};

/// The header that names a request, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from the caller.
const REQUEST_ID_LENGTH_MAX: usize = 64;

/// Pages of ours load only what we serve, and nobody frames them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'";

/// The id of a request, from its caller or made here.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// The template of the route that a request met, such as `/v1/meters/{id}`.
pub(crate) fn route_of(request: &axum::http::Extensions) -> &str {
    request.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str)
}

/// Wraps a request.
pub(crate) async fn envelope(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route = route_of(request.extensions()).to_owned();
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.method = %method,
        http.route = %route,
        http.status = Empty,
        request.id = %id,
        command.id = Empty,
        correlation.id = Empty,
        trace.id = Empty,
    );
    kontor_traces::continue_from(&span, traceparent(request.headers()).as_deref());
    let time_limit = state.settings.request_timeout;
    async move {
        let begun = Instant::now();
        let answered = AssertUnwindSafe(tokio::time::timeout(time_limit, next.run(request)));
        let response = match answered.catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => late(time_limit),
            Err(_) => panicked(),
        };
        let mut response = worded(response, &id);
        add_headers(response.headers_mut(), &id, &state);
        let status = response.status().as_u16();
        tracing::Span::current().record("http.status", status);
        if response.status().is_server_error() {
            state.errors.fetch_add(1, Ordering::Relaxed);
        }
        figures::answered((&method, &route), status, begun.elapsed());
        let elapsed_ms = begun.elapsed().as_millis();
        tracing::info!(http.elapsed_ms = %elapsed_ms, "{method} {route} {status}");
        response
    }
    .instrument(span)
    .await
}

fn request_id(headers: &HeaderMap) -> String {
    let sane = |text: &&str| {
        (1..=REQUEST_ID_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(sane)
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)
}

fn late(time_limit: Duration) -> Response {
    tracing::warn!("request took longer than {} s", time_limit.as_secs());
    let problem = Problem::busy(
        "timeout",
        "the answer took too long; a command that was sent may still be carried out, and sending it again with the same `Idempotency-Key` is safe",
    );
    axum::response::IntoResponse::into_response(problem)
}

/// The panic's text may quote whatever the handler had in its hands; the hook told the place.
fn panicked() -> Response {
    tracing::error!("a handler panicked");
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    axum::response::IntoResponse::into_response(Problem::of_status(status))
}

/// Gives an error its problem document; errors that a library answered without words get one too.
fn worded(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if speaks(response.headers()) => return response,
        None => Problem::of_status(status),
    };
    if status.is_client_error() {
        tracing::debug!(problem = problem.code(), "request not served");
    }
    let document = match serde_json::to_vec(&problem.document(request_id)) {
        Ok(document) => document,
        Err(err) => {
            tracing::error!(error = %err, "a problem document cannot be written");
            b"{}".to_vec()
        }
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    Response::from_parts(parts, Body::from(document))
}

/// Whether an error answer was written by a handler of ours, for programs or for people to read.
fn speaks(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"application/json") || kind.starts_with(b"text/html")
    })
}

fn add_headers(headers: &mut HeaderMap, request_id: &str, state: &ApiState) {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if state.settings.public_url.starts_with("https://") {
        let a_year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, a_year);
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
}
