//! JSON bodies: their size, their type, and the exact place of a mistake.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::{problem::Problem, state::ApiState};

/// A body of type `T`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        check_type(request.headers())?;
        // The router's `DefaultBodyLimit` bounds what is read here.
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let limit = state.settings.body_bytes_max;
                let detail = format!("a body has at most {limit} bytes");
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
            }
            Problem::unreadable("body_incomplete", "the body ended before it was complete")
        })?;
        parse(&bytes).map(Self)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
    let json = kind.eq_ignore_ascii_case("application/json")
        || kind
            .to_ascii_lowercase()
            .strip_prefix("application/")
            .is_some_and(|kind| kind.ends_with("+json"));
    if json { Ok(()) } else { Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::unreadable("body_missing", "send a JSON object in the body"));
    }
    refuse_nul(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|err| {
        let pointer = pointer_of(err.path());
        let err = err.into_inner();
        match err.classify() {
            serde_json::error::Category::Data => Problem::field(pointer, sentence(&err)),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => not_json(&err),
        }
    })?;
    reader.end().map_err(|err| not_json(&err))?;
    Ok(value)
}

fn not_json(err: &serde_json::Error) -> Problem {
    Problem::unreadable("body_not_json", format!("the body is not JSON: {err}"))
}

/// What the reader found wrong, without the place in the text: the pointer says it better.
fn sentence(err: &serde_json::Error) -> String {
    let text = err.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// PostgreSQL cannot store the character NUL, which JSON writes as an escape.
fn refuse_nul(bytes: &[u8]) -> Result<(), Problem> {
    const ESCAPE: &[u8] = b"\\u0000";
    let suspicious = bytes.windows(ESCAPE.len()).any(|part| part == ESCAPE);
    // An escaped backslash before `u0000` is harmless, so the texts themselves decide.
    let holds_nul = suspicious
        && serde_json::from_slice::<Value>(bytes).is_ok_and(|value| contains_nul(&value));
    if holds_nul {
        return Err(Problem::unreadable(
            "body_invalid",
            "a text holds the character U+0000; leave it out",
        ));
    }
    Ok(())
}

fn contains_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || contains_nul(value))
        }
    }
}

/// A JSON pointer (RFC 6901).
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        // The variant of an enum is no place of its own in our JSON.
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}
