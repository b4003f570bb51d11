//! Stripe's API: one version, forms in, JSON out.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{Answered, CallError, Wire, WireError};

/// The version whose shapes are read here; the webhook's own version does not matter, because every
/// object is fetched again.
const VERSION: &str = "2026-06-24.dahlia";
/// The longest code of a refusal.
const CODE_LENGTH_MAX: usize = 64;

/// The fields of a POST, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Form(Vec<(String, String)>);

/// Calls one account.
#[derive(Clone, Debug)]
pub(super) struct Client {
    wire: Wire,
    api_url: String,
    secret_key: SecretString,
}

impl Form {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

impl Client {
    pub(super) fn new(api_url: String, secret_key: SecretString) -> Result<Self, WireError> {
        Ok(Self { wire: Wire::new()?, api_url, secret_key })
    }

    /// Asks for an object or a list.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CallError> {
        let request = self.wire.client().get(format!("{}{path}", self.api_url));
        judge(self.send(request).await?)
    }

    /// Deletes an object; one that is not there is refused.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, CallError> {
        let request = self.wire.client().delete(format!("{}{path}", self.api_url));
        judge(self.send(request).await?)
    }

    /// Makes something under a key: the same key again makes nothing and has the same answer.
    pub(super) async fn post(
        &self,
        path: &str,
        Form(fields): &Form,
        key: &str,
    ) -> Result<Value, CallError> {
        let request = self.wire.client().post(format!("{}{path}", self.api_url));
        let request = request.header("Idempotency-Key", key).form(fields);
        judge(self.send(request).await?)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answered, CallError> {
        let request =
            request.header("Stripe-Version", VERSION).bearer_auth(self.secret_key.expose_secret());
        self.wire.send(request).await
    }
}

/// What an answer means. Stripe says itself whether to ask again; when it does not, what is in conflict
/// or broke on its side is asked again.
fn judge(answered: Answered) -> Result<Value, CallError> {
    if answered.is_success() {
        return Ok(answered.body);
    }
    let Answered { status, retry_after, should_retry, body } = answered;
    let error = body.get("error");
    let field = |name: &str| error.and_then(|it| it.get(name)).and_then(Value::as_str);
    let kind = field("type").unwrap_or_default();
    let named = field("decline_code").or(field("code")).unwrap_or(kind);
    let code = code(named);
    match status {
        401 | 403 => Err(CallError::Secret(status)),
        409 | 429 => Err(CallError::Later { after: retry_after, why: code }),
        _ if kind == "idempotency_error" => {
            Err(CallError::Later { after: Some(Duration::from_secs(60)), why: code })
        }
        500.. => Err(CallError::Unknown(format!("status {status}"))),
        _ if should_retry == Some(true) => Err(CallError::Later { after: retry_after, why: code }),
        _ => Err(CallError::Refused { code }),
    }
}

/// A provider's word as a code that the log takes.
pub(super) fn code(word: &str) -> String {
    let letters = word.to_ascii_lowercase();
    let letters = letters.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let code: String = letters.take(CODE_LENGTH_MAX).collect();
    if code.is_empty() { "refused".to_owned() } else { code }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: u16, error: Value) -> Result<Value, CallError> {
        let body = json!({"error": error});
        judge(Answered { status, retry_after: None, should_retry: None, body })
    }

    #[test]
    fn what_may_have_worked_is_never_called_refused() {
        for status in [500, 502, 503, 599] {
            assert!(matches!(answered(status, json!({})), Err(CallError::Unknown(_))));
        }
        let conflict =
            answered(409, json!({"type": "invalid_request_error", "code": "lock_timeout"}));
        assert!(matches!(conflict, Err(CallError::Later { .. })));
        let used = answered(400, json!({"type": "idempotency_error"}));
        assert!(matches!(used, Err(CallError::Later { .. })));
        assert_eq!(answered(401, json!({})), Err(CallError::Secret(401)));
        let refused = answered(
            402,
            json!({"type": "card_error", "code": "card_declined",
            "decline_code": "insufficient_funds"}),
        );
        assert_eq!(refused, Err(CallError::Refused { code: "insufficient_funds".into() }));
    }

    #[test]
    fn stripe_may_say_itself_that_a_call_is_made_again() {
        let again = Answered {
            status: 400,
            retry_after: Some(Duration::from_secs(7)),
            should_retry: Some(true),
            body: json!({"error": {"code": "busy"}}),
        };
        let after = Some(Duration::from_secs(7));
        assert_eq!(judge(again), Err(CallError::Later { after, why: "busy".into() }));
    }

    #[test]
    fn codes_are_short_and_of_few_letters() {
        assert_eq!(code("Card-Declined"), "card_declined");
        assert_eq!(code(""), "refused");
        assert_eq!(code(&"ы".repeat(500)).len(), CODE_LENGTH_MAX);
    }
}
