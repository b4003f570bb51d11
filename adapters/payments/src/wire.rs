//! One HTTP call to a provider, with a bound on everything that the other side decides.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, header, redirect};
use serde_json::Value;

use crate::CallError;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take: providers ask banks.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection stays open for the next call.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// The largest answer in bytes: a page of 100 objects.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest pause that the other side may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// The client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for payment providers cannot be set up")]
pub struct WireError(#[source] reqwest::Error);

/// Calls a provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wire {
    client: reqwest::Client,
}

/// An answer, of whatever status.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// `Retry-After`, in whole seconds, within bounds.
    pub retry_after: Option<Duration>,
    /// `Stripe-Should-Retry`, when there is one.
    pub should_retry: Option<bool>,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

impl Wire {
    /// A client that follows no redirect and knows no proxy.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, WireError> {
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIME)
            .user_agent(concat!("Kontor/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(WireError)?;
        Ok(Self { client })
    }

    /// The client, to build requests with.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`CallError::Later`] when no connection was made, [`CallError::Unknown`] when one broke.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answered, CallError> {
        // Our own words: an error of the client holds the address.
        let mut response = request.send().await.map_err(|err| {
            if err.is_connect() {
                CallError::Later { after: None, why: "no connection".to_owned() }
            } else if err.is_timeout() {
                CallError::Unknown("no answer in time".to_owned())
            } else {
                CallError::Unknown("the connection broke".to_owned())
            }
        })?;
        let status = response.status();
        let text = |name: &str| response.headers().get(name).and_then(|it| it.to_str().ok());
        let retry_after = text(header::RETRY_AFTER.as_str())
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(PAUSE_MAX));
        let should_retry = text("stripe-should-retry").and_then(|word| word.parse().ok());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_BYTES_MAX => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(CallError::Unknown("the answer is too large".to_owned()));
                }
                Ok(None) => break,
                Err(_) => return Err(CallError::Unknown("the answer broke off".to_owned())),
            }
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() && body.is_null() {
            return Err(CallError::Unknown("the answer is no JSON".to_owned()));
        }
        Ok(Answered { status: status.as_u16(), retry_after, should_retry, body })
    }
}

impl Answered {
    /// Whether it worked.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}
