//! One call: a POST with a bound on everything that the other side decides.

use std::{error::Error, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use kontor_commands::clock;
use reqwest::{Certificate, Response, StatusCode, header, redirect};

use crate::target::{GuardedResolver, Target, TargetError};

/// How long a connection may take: whoever needs longer is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole call may take, the answer's head included: an integrator stores the event and
/// answers, it does not work on it.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// What is read of an answer's body, so that the connection can be used again; it is thrown away.
const BODY_READ_MAX: usize = 16 * 1_024;
/// How long reading it may take.
const BODY_READ_TIME: Duration = Duration::from_secs(1);
/// How long a connection stays open for the next call.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// The longest pause that the other side may ask for.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(24);

/// What came of a call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The status, when there was an answer.
    pub status: Option<u16>,
    /// What went wrong, in our own words; none after a success.
    pub failure: Option<String>,
    /// The other side asked for a pause until then.
    pub wait_until: Option<DateTime<Utc>>,
    /// The other side wants no calls any more.
    pub gone: bool,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// `webhook-id`: the event's id, the same at each attempt.
    pub(crate) id: String,
    /// `webhook-timestamp`, in seconds.
    pub(crate) timestamp_seconds: i64,
    /// `webhook-signature`.
    pub(crate) signature: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

/// Why nothing can be called.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// The file of certificates holds none, or a damaged one.
    #[error("the file of certificates for webhooks holds no certificate in PEM")]
    NoCertificate,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up for webhooks")]
    Tls(#[source] reqwest::Error),
}

/// Calls webhooks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    client: reqwest::Client,
    loopback: bool,
}

impl Caller {
    /// A caller; with `loopback` also of this machine, for trials. It follows no redirect, knows no
    /// proxy, and trusts no address that a name gained after the check.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(loopback: bool) -> Result<Self, CallerError> {
        Self::with(loopback, Vec::new())
    }

    /// The same that also believes certificates of the authorities in `pem`, besides the public ones.
    ///
    /// # Errors
    /// When `pem` holds no certificate, or TLS cannot be set up.
    pub fn trusting(loopback: bool, pem: &[u8]) -> Result<Self, CallerError> {
        let authorities =
            Certificate::from_pem_bundle(pem).map_err(|_| CallerError::NoCertificate)?;
        if authorities.is_empty() {
            return Err(CallerError::NoCertificate);
        }
        Self::with(loopback, authorities)
    }

    fn with(loopback: bool, authorities: Vec<Certificate>) -> Result<Self, CallerError> {
        let builder = authorities
            .into_iter()
            .fold(reqwest::Client::builder(), reqwest::ClientBuilder::add_root_certificate);
        let client = builder
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIME)
            .user_agent(concat!("Kontor-Webhooks/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(GuardedResolver { loopback }))
            .build()
            .map_err(CallerError::Tls)?;
        Ok(Self { client, loopback })
    }

    /// Sends one letter.
    pub(crate) async fn call(&self, url: &str, letter: Letter) -> Answer {
        // Again at each attempt: the setting may have changed since the URL was stored.
        let target = match Target::parse(url, self.loopback) {
            Ok(target) => target,
            Err(err) => return failed(err.to_string()),
        };
        let request = self
            .client
            .post(target.url().clone())
            .header(header::CONTENT_TYPE, letter.content_type)
            .header("webhook-id", letter.id)
            .header("webhook-timestamp", letter.timestamp_seconds)
            .header("webhook-signature", letter.signature)
            .body(letter.body);
        match request.send().await {
            Ok(response) => answered(response).await,
            Err(err) => failed(reason(&err).to_owned()),
        }
    }
}

fn failed(failure: String) -> Answer {
    Answer { failure: Some(failure), ..Answer::default() }
}

/// Our own words: an error of the client may hold the URL, and what the other side sent.
fn reason(err: &reqwest::Error) -> &'static str {
    let mut source: Option<&(dyn Error + 'static)> = err.source();
    while let Some(inner) = source {
        if inner.is::<TargetError>() {
            return "its name leads to an address that is not on the public internet";
        }
        source = inner.source();
    }
    if err.is_timeout() {
        "no answer in time"
    } else if err.is_connect() {
        "no connection: the name, the port or the certificate is wrong, or nobody listens"
    } else {
        "the connection broke, or the answer was no HTTP"
    }
}

async fn answered(response: Response) -> Answer {
    let status = response.status();
    let wait_until = match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| asked_pause(value.to_str().ok()?, clock::now())),
        _ => None,
    };
    let failure = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!("answered {}, and redirects are not followed", status.as_u16()))
    } else {
        Some(format!("answered {}", status.as_u16()))
    };
    drain(response).await;
    let gone = status == StatusCode::GONE;
    Answer { status: Some(status.as_u16()), failure, wait_until, gone }
}

/// Reads a little of the body, for the connection's sake. What it says is nobody's business here, and
/// an error of it changes nothing: the status has decided.
async fn drain(mut response: Response) {
    let mut read = 0;
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > BODY_READ_MAX {
                break;
            }
        }
    };
    if tokio::time::timeout(BODY_READ_TIME, reading).await.is_err() {
        tracing::debug!("a webhook's answer has a body without an end");
    }
}

/// Until when `Retry-After` asks to wait: seconds or a date, within bounds.
fn asked_pause(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let asked = match text.trim().parse::<u32>() {
        Ok(seconds) => now + TimeDelta::seconds(seconds.into()),
        Err(_) => DateTime::parse_from_rfc2822(text.trim()).ok()?.with_timezone(&Utc),
    };
    (asked > now).then(|| asked.min(now + PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date_and_has_a_bound() {
        let now = DateTime::UNIX_EPOCH;
        let pause = |text| asked_pause(text, now).map(|until| (until - now).num_seconds());
        assert_eq!(pause("120"), Some(120));
        assert_eq!(pause("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        assert_eq!(pause("4294967295"), Some(PAUSE_MAX.num_seconds()));
        assert_eq!(pause("Thu, 01 Jan 2099 00:00:00 GMT"), Some(PAUSE_MAX.num_seconds()));
        for none in ["0", "-1", "", "завтра", "99999999999", "Wed, 31 Dec 1969 00:00:00 GMT"]
        {
            assert_eq!(pause(none), None, "{none}");
        }
    }
}
