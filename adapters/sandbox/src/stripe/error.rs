//! Refusals in Stripe's shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StripeError {
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    decline_code: Option<&'static str>,
    message: String,
}

impl StripeError {
    pub(crate) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, decline_code: None, message: message.into() }
    }

    /// The bank declined a card.
    pub(crate) fn declined(decline_code: &'static str) -> Self {
        let (kind, code) = ("card_error", Some("card_declined"));
        let message = "Your card was declined.".to_owned();
        Self { status: 402, kind, code, decline_code: Some(decline_code), message }
    }

    pub(crate) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        let kind = "invalid_request_error";
        let message = message.into();
        Self { status: 400, kind, code: Some(code), decline_code: None, message }
    }

    pub(crate) fn missing(id: &str) -> Self {
        let message = format!("No such object: '{id}'");
        let kind = "invalid_request_error";
        Self { status: 404, kind, code: Some("resource_missing"), decline_code: None, message }
    }

    pub(crate) fn broken() -> Self {
        Self::new(500, "api_error", "An unknown error occurred")
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if let Some(code) = self.code {
            error["code"] = code.into();
        }
        if let Some(code) = self.decline_code {
            error["decline_code"] = code.into();
        }
        json!({"error": error})
    }

    /// What people are told on pages.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for StripeError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(self.body())).into_response()
    }
}
