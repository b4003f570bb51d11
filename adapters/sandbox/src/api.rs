//! The JSON interface of the chat page, which end-to-end tests use as well: `/sandbox/...`.

mod acts;
mod live;
mod lookup;
mod stripe;
mod weather;

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use serde_json::json;

use crate::limits;
use crate::shared::Shared;
use crate::wire::error::WireError;
use crate::world::people::ActError;

/// Everything under `/sandbox`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    let uploads = Router::new()
        .route("/chats/{bot}/{person}/photo", post(acts::photo))
        .route("/chats/{bot}/{person}/document", post(acts::document))
        .layer(DefaultBodyLimit::max(limits::UPLOAD_BODY_BYTES));
    Router::new()
        .route("/state", get(lookup::state))
        .route("/people", get(lookup::people).post(acts::add_person))
        .route("/bots", get(lookup::bots))
        .route("/chats", get(lookup::chats))
        .route("/chats/{bot}/{person}", get(lookup::chat).delete(acts::clear))
        .route("/chats/{bot}/{person}/start", post(acts::start))
        .route("/chats/{bot}/{person}/text", post(acts::text))
        .route("/chats/{bot}/{person}/press", post(acts::press))
        .route("/chats/{bot}/{person}/keyboard", post(acts::keyboard))
        .route("/chats/{bot}/{person}/contact", post(acts::contact))
        .route("/chats/{bot}/{person}/messages/{message}", patch(acts::edit))
        .route("/chats/{bot}/{person}/block", post(acts::block))
        .route("/chats/{bot}/{person}/unblock", post(acts::unblock))
        .route("/chats/{bot}/{person}/read", post(acts::read))
        .route("/files/{file_id}", get(lookup::file))
        .route("/events", get(live::events))
        .route("/calls", get(weather::calls).delete(weather::clear_calls))
        .route("/faults", get(weather::list).post(weather::add).delete(weather::clear))
        .route("/faults/{id}", delete(weather::remove))
        .nest("/stripe", stripe::router())
        .nest("/yookassa", crate::yookassa::control())
        .layer(DefaultBodyLimit::max(limits::PLAIN_BODY_BYTES))
        .merge(uploads)
        .layer(middleware::from_fn(own_pages_only))
}

/// A page of another origin must not act here through a visitor's browser.
async fn own_pages_only(request: Request, next: Next) -> Response {
    let is_act = ![Method::GET, Method::HEAD].contains(request.method());
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    if let Some(origin) = origin.filter(|_| is_act)
        && origin.split_once("://").map(|(_, authority)| authority) != host
    {
        return ApiError::new(StatusCode::FORBIDDEN, "another site may not do this")
            .into_response();
    }
    next.run(request).await
}

/// `{"error": "…"}` with a status.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<ActError> for ApiError {
    fn from(error: ActError) -> Self {
        let status = match error {
            ActError::Unknown(_) => StatusCode::NOT_FOUND,
            ActError::Blocked => StatusCode::CONFLICT,
            ActError::Unusable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ActError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<WireError> for ApiError {
    fn from(error: WireError) -> Self {
        let status = StatusCode::from_u16(error.code).unwrap_or(StatusCode::BAD_GATEWAY);
        Self::new(status, error.description)
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.message}))).into_response()
    }
}

/// A JSON body whose refusals are JSON, too.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T, S> FromRequest<S> for Body<T>
where
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(body) = Json::<T>::from_request(request, state).await?;
        Ok(Self(body))
    }
}
