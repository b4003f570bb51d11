//! Refusals in the shape that Telegram gives them.

use std::fmt::Display;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// `{"ok":false,"error_code":…,"description":…,"parameters":…}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {description}")]
pub(crate) struct WireError {
    /// HTTP status and `error_code`; 0 for a call that nobody answers.
    pub(crate) code: u16,
    pub(crate) description: String,
    retry_after_seconds: Option<u32>,
}

impl WireError {
    fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after_seconds: None }
    }

    pub(crate) fn bad_request(why: impl Display) -> Self {
        Self::new(400, format!("Bad Request: {why}"))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(crate) fn forbidden(why: impl Display) -> Self {
        Self::new(403, format!("Forbidden: {why}"))
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn unknown_method() -> Self {
        Self::new(404, "Not Found: method not found")
    }

    pub(crate) fn conflict(why: impl Display) -> Self {
        Self::new(409, format!("Conflict: {why}"))
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, "Request Entity Too Large")
    }

    pub(crate) fn too_many_requests(retry_after_seconds: u32) -> Self {
        let description = format!("Too Many Requests: retry after {retry_after_seconds}");
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new(429, description) }
    }

    pub(crate) fn server_error() -> Self {
        Self::new(500, "Internal Server Error")
    }

    /// Nobody answers; whoever still listens after a long while hears of a gateway.
    pub(crate) fn unanswered() -> Self {
        Self::new(0, "no answer")
    }

    pub(crate) fn is_unanswered(&self) -> bool {
        self.code == 0
    }
}

impl IntoResponse for WireError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::GATEWAY_TIMEOUT);
        let mut body = json!({
            "ok": false,
            "error_code": status.as_u16(),
            "description": self.description,
        });
        if let Some(seconds) = self.retry_after_seconds {
            body["parameters"] = json!({"retry_after": seconds});
        }
        (status, Json(body)).into_response()
    }
}
