//! Problem documents (RFC 9457): every answer that is not a success, and the only place where
//! status codes are chosen.

use std::{borrow::Cow, collections::BTreeMap, error::Error, fmt::Write};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kontor_commands::SendError;
use kontor_domain::{Quantity, RefusalDocument};
use kontor_projections::QueryError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Says that the outcome was recorded by an earlier request.
pub(crate) const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// How long a caller should pause when too much is going on at once.
const RETRY_SOON_SECONDS: u64 = 1;

/// What went wrong, on its way to the caller. The outermost layer turns it into a
/// [`ProblemDocument`], because only there the request id is known.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    details: BTreeMap<String, Value>,
    errors: Vec<FieldError>,
    retry_after_seconds: Option<u64>,
    replayed: bool,
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "/problems/reading_below_last",
    "title": "Reading below last",
    "status": 422,
    "detail": "T1 was 1234.5 last time and is 1134.5 now; check the first digit, or register the new meter if it was replaced",
    "code": "reading_below_last",
    "request_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "details": {"zone": "t1", "last": "1234.5", "submitted": "1134.5"}
}))]
pub(crate) struct ProblemDocument {
    /// A stable address that names the kind of problem, relative to the API.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in words.
    pub(crate) title: String,
    /// The status code of the answer.
    pub(crate) status: u16,
    /// What is wrong this time and what would be right, in a sentence for people.
    pub(crate) detail: String,
    /// The last part of `type`, for programs.
    pub(crate) code: String,
    /// Names the request in the logs.
    pub(crate) request_id: String,
    /// The figures behind the sentence.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) details: BTreeMap<String, Value>,
    /// Where in the request the problem lies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

/// A place in the request and what is wrong with it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// A JSON pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// The name of a query parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// What is wrong there.
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            details: BTreeMap::new(),
            errors: Vec::new(),
            retry_after_seconds: None,
            replayed: false,
        }
    }

    /// The request cannot be understood.
    pub(crate) fn unreadable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// A part of the body is wrong; `pointer` says which.
    pub(crate) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::unreadable("body_invalid", detail.clone());
        problem.errors.push(FieldError { pointer: Some(pointer.into()), parameter: None, detail });
        problem
    }

    /// A query parameter or header is wrong.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::unreadable("parameter_invalid", format!("`{name}`: {detail}"));
        let parameter = Some(name.to_owned());
        problem.errors.push(FieldError { pointer: None, parameter, detail });
        problem
    }

    /// The caller is not known.
    pub(crate) fn unauthenticated(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// The caller is known and may not do this.
    pub(crate) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// There is no such thing, or it belongs to another tenant.
    pub(crate) fn not_found(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The business says no, or said so before to the same command.
    pub(crate) fn refused(refusal: &RefusalDocument, replayed: bool) -> Self {
        let status = match refusal.code.as_str() {
            "version_conflict" => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut problem = Self::new(status, refusal.code.clone(), refusal.message.clone());
        problem.details = decimal_details(&refusal.details);
        problem.replayed = replayed;
        problem
    }

    /// Nothing was done, and a moment later it may work.
    pub(crate) fn busy(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(RETRY_SOON_SECONDS)
    }

    /// Kontor failed. The cause goes to the log, once, and not to the caller.
    pub(crate) fn internal(err: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = %chain(err), "request failed: {err}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong on our side; tell us the request id",
        )
    }

    /// Whether the sender can put it right by what they send.
    pub(crate) fn is_of_the_sender(&self) -> bool {
        matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY)
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// A problem for an error status that some library answered without words.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this address does not know this method; see `Allow`")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("media_type_unsupported", "send the body as `application/json`")
            }
            status if status.is_server_error() => ("internal", "something went wrong on our side"),
            _ => ("request_invalid", "the request cannot be understood"),
        };
        Self::new(status, code, detail)
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The document for the caller.
    pub(crate) fn document(&self, request_id: &str) -> ProblemDocument {
        ProblemDocument {
            kind: format!("/problems/{}", self.code),
            title: title(&self.code),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.clone().into_owned(),
            request_id: request_id.to_owned(),
            details: self.details.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("ApiKey header=\"X-Auth-Key\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if self.replayed {
            headers.insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<sqlx::Error> for Problem {
    fn from(err: sqlx::Error) -> Self {
        if matches!(err, sqlx::Error::PoolTimedOut) {
            return Self::busy("overloaded", "the database is busy; try again in a moment");
        }
        if is_away(&err) {
            tracing::warn!(error = %chain(&err), "the database did not answer");
            let detail = "the database cannot be reached now; try again in a moment";
            return Self::busy("database_unavailable", detail);
        }
        Self::internal(&err)
    }
}

/// Whether time alone heals it: the connection broke, or the server stops, starts, recovers or has
/// no room. A caller tries again; for all else somebody has to look.
fn is_away(err: &sqlx::Error) -> bool {
    // What answers a new connection without speaking PostgreSQL is a proxy before a server that is
    // down.
    let broken = matches!(
        err,
        sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
    );
    let code = err.as_database_error().and_then(sqlx::error::DatabaseError::code);
    broken
        || code.is_some_and(|code| {
            ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        })
}

impl From<QueryError> for Problem {
    fn from(err: QueryError) -> Self {
        match err {
            QueryError::Cursor(err) => Self::parameter("cursor", err.to_string()),
            QueryError::Database(err) => err.into(),
        }
    }
}

impl From<SendError> for Problem {
    fn from(err: SendError) -> Self {
        match err {
            SendError::CommandIdReused => Self::new(
                StatusCode::CONFLICT,
                "idempotency_key_reused",
                "this `Idempotency-Key` was used for another request; use a new one",
            ),
            SendError::Malformed(what) => Self::unreadable("command_malformed", what),
            SendError::Overloaded => Self::busy("overloaded", err.to_string()),
            SendError::Unavailable(what) => {
                tracing::warn!(error = what, "a command could not be handed over");
                Self::busy("broker_unavailable", "commands cannot be taken now; nothing was done")
            }
            SendError::Unconfirmed => Self::busy(
                "command_unconfirmed",
                "it is not known whether the command was taken; repeat the request with the same \
                 `Idempotency-Key` until it is answered",
            ),
        }
    }
}

/// An error and all its causes in one line.
pub(crate) fn chain(err: &(dyn Error + 'static)) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        // Writing to a string cannot fail.
        if write!(text, ": {err}").is_err() {
            break;
        }
        cause = err.source();
    }
    text
}

/// Figures as the API writes them: thousandths become decimals, and lose the end of their name.
pub(crate) fn decimal_details(details: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    details
        .iter()
        .map(|(name, value)| match (name.strip_suffix("_milli"), value.as_i64()) {
            (Some(name), Some(milli)) => (name.to_owned(), Quantity(milli).to_string().into()),
            _ => (name.clone(), value.clone()),
        })
        .collect()
}

fn title(code: &str) -> String {
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests;
