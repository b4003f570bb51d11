//! Errors in YooKassa's shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

/// `{"type": "error", "id", "code", "description", "parameter"}` with a status.
#[derive(Debug)]
pub(super) struct ShopError {
    status: StatusCode,
    code: &'static str,
    description: String,
    parameter: Option<String>,
}

impl ShopError {
    fn new(status: StatusCode, code: &'static str, description: &str) -> Self {
        Self { status, code, description: description.to_owned(), parameter: None }
    }

    pub(super) fn invalid(parameter: &str, description: &str) -> Self {
        let parameter = Some(parameter.to_owned());
        Self { parameter, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", description) }
    }

    pub(super) fn unauthorized() -> Self {
        let description = "Error in shopId or secret key. Check their validity";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", description)
    }

    pub(super) fn forbidden() -> Self {
        let description = "The shop may not do this";
        Self::new(StatusCode::FORBIDDEN, "forbidden", description)
    }

    pub(super) fn not_found(what: &str) -> Self {
        let description = format!("{what} doesn't exist or access denied");
        Self::new(StatusCode::NOT_FOUND, "not_found", &description)
    }

    pub(super) fn too_many() -> Self {
        let description = "Too many requests in a short time";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", description)
    }

    pub(super) fn internal() -> Self {
        let description = "Outcome is unknown, repeat the request with the same key";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", description)
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "error", "id": Uuid::now_v7(), "code": self.code,
            "description": self.description,
        });
        if let Some(parameter) = self.parameter {
            body["parameter"] = parameter.into();
        }
        (self.status, Json(body)).into_response()
    }
}
