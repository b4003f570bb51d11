//! Calls of the Bot API: raw JSON in and out, with the errors told apart that need different acts.
//!
//! teloxide's own client is not used: it sleeps ten seconds on every answer above 499, drops the
//! status, and cannot read updates of newer kinds.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url, multipart};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest answer that is read, in bytes: 100 updates of the largest kind.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest wait that Telegram may ask for; a longer one is asked again.
const RETRY_AFTER_SECONDS_MAX: u64 = 3600;

/// The Bot API as one bot.
#[derive(Clone)]
pub(crate) struct BotApi {
    client: Client,
    base: Url,
    token: SecretString,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Telegram answered no.
    #[error("Telegram answered {status}: {description}")]
    Answered {
        /// The HTTP status, or the code in the body where they differ.
        status: u16,
        /// Telegram's words; they carry no token and no text of people.
        description: String,
        /// How long to wait before the next call.
        retry_after: Option<Duration>,
    },
    /// The request did not reach Telegram.
    #[error("Telegram cannot be reached")]
    NotSent(#[source] reqwest::Error),
    /// No answer came; the call may have had its effect.
    #[error("Telegram did not answer")]
    Unanswered(#[source] reqwest::Error),
    /// The answer is not one of the Bot API; the call may have had its effect.
    #[error("the answer with status {status} is not one of the Bot API")]
    Unreadable {
        /// The HTTP status.
        status: u16,
    },
    /// The address or the body of the request could not be made.
    #[error("the request cannot be made: {0}")]
    Unsendable(String),
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    result: Value,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

/// A file on its way to Telegram.
pub(crate) struct Upload {
    method: &'static str,
    /// The parameter that it is.
    field: &'static str,
    name: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Upload {
    /// A picture in PNG.
    pub(crate) fn picture(bytes: Vec<u8>) -> Self {
        let name = "chart.png".to_owned();
        Self { method: "sendPhoto", field: "photo", name, kind: "image/png", bytes }
    }

    /// A table as CSV.
    pub(crate) fn table(name: String, bytes: Vec<u8>) -> Self {
        Self { method: "sendDocument", field: "document", name, kind: "text/csv", bytes }
    }
}

impl BotApi {
    pub(crate) fn new(client: Client, base: Url, token: SecretString) -> Self {
        Self { client, base, token }
    }

    /// Calls a method with JSON parameters.
    pub(crate) async fn call(
        &self,
        method: &str,
        parameters: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        let request = self.client.post(self.address(method)?).timeout(timeout).json(parameters);
        Self::answer(request).await
    }

    /// Sends a file itself.
    pub(crate) async fn upload(
        &self,
        file: Upload,
        parameters: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<Value, CallError> {
        let part = multipart::Part::bytes(file.bytes)
            .file_name(file.name)
            .mime_str(file.kind)
            .map_err(|err| CallError::Unsendable(err.without_url().to_string()))?;
        let mut form = multipart::Form::new().part(file.field, part);
        for (name, value) in parameters {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => value.to_string(),
            };
            form = form.text(name.clone(), text);
        }
        let request = self.client.post(self.address(file.method)?).timeout(timeout).multipart(form);
        Self::answer(request).await
    }

    fn address(&self, method: &str) -> Result<Url, CallError> {
        let mut address = self.base.clone();
        address
            .path_segments_mut()
            .map_err(|()| CallError::Unsendable("the address of the Bot API has no path".into()))?
            .pop_if_empty()
            .push(&format!("bot{}", self.token.expose_secret()))
            .push(method);
        Ok(address)
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<Value, CallError> {
        // The address holds the token, so it is taken out of every error.
        let response = request.send().await.map_err(|err| {
            let err = err.without_url();
            if err.is_connect() || err.is_builder() {
                CallError::NotSent(err)
            } else {
                CallError::Unanswered(err)
            }
        })?;
        let status = response.status();
        let body = read_bounded(response).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| CallError::Unreadable { status: status.as_u16() })?;
        if answer.ok && status.is_success() {
            return Ok(answer.result);
        }
        let retry_after = answer
            .parameters
            .retry_after
            .map(|seconds| Duration::from_secs(seconds.clamp(1, RETRY_AFTER_SECONDS_MAX)));
        Err(CallError::Answered {
            status: answer.error_code.unwrap_or(status.as_u16()),
            description: crate::outgoing::cut(answer.description, 300),
            retry_after,
        })
    }
}

async fn read_bounded(mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|err| CallError::Unanswered(err.without_url()))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(CallError::Unreadable { status });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl CallError {
    /// Telegram does not know the token (any more).
    pub(crate) fn is_token_refused(&self) -> bool {
        match self {
            Self::Answered { status, .. } => {
                *status == StatusCode::UNAUTHORIZED.as_u16()
                    || *status == StatusCode::NOT_FOUND.as_u16()
            }
            Self::NotSent(_)
            | Self::Unanswered(_)
            | Self::Unreadable { .. }
            | Self::Unsendable(_) => false,
        }
    }

    /// How long Telegram asked to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered { retry_after, .. } => *retry_after,
            Self::NotSent(_)
            | Self::Unanswered(_)
            | Self::Unreadable { .. }
            | Self::Unsendable(_) => None,
        }
    }
}

/// A client that all bots share.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(Duration::from_secs(5))
        // Telegram closes idle connections; a shorter life here avoids calls on dead ones.
        .pool_idle_timeout(Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
