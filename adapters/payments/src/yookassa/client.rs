//! The calls of YooKassa's API, and what their answers mean.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    YooKassaSettings,
    objects::{self, PaymentObject, RefundObject},
};
use crate::{Answered, CallError, Wire};

/// *YooKassa*: the most objects of a page.
const PAGE: usize = 100;
/// The most pages of one list: 100,000 objects are more than a shop makes in the longest time between
/// two sweeps.
const PAGES_MAX: usize = 1_000;
/// Clocks differ: what was made at an instant is looked for from a little before.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);
/// The longest code of a refusal.
const CODE_LENGTH_MAX: usize = 64;

/// Calls one shop's API.
#[derive(Clone, Debug)]
pub(super) struct Client {
    wire: Wire,
    api_url: String,
    shop_id: String,
    secret_key: SecretString,
}

impl Client {
    pub(super) fn new(wire: Wire, settings: &YooKassaSettings) -> Self {
        Self {
            wire,
            api_url: settings.api_url.trim_end_matches('/').to_owned(),
            shop_id: settings.shop_id.clone(),
            secret_key: settings.secret_key.clone(),
        }
    }

    /// Makes a payment, once per payment of ours.
    pub(super) async fn create_payment(
        &self,
        payment_id: Uuid,
        body: &Value,
    ) -> Result<PaymentObject, CallError> {
        let made = self.post("/payments", &format!("payment-{payment_id}"), body).await?;
        PaymentObject::read(&made)
    }

    /// Asks for a refund, once per refund of ours.
    pub(super) async fn create_refund(
        &self,
        refund_id: Uuid,
        body: &Value,
    ) -> Result<RefundObject, CallError> {
        let made = self.post("/refunds", &format!("refund-{refund_id}"), body).await?;
        RefundObject::read(&made)
    }

    /// Charges a card that is kept. The same key again makes nothing new for a day.
    pub(super) async fn create_charge(
        &self,
        payment_id: Uuid,
        body: &Value,
    ) -> Result<PaymentObject, CallError> {
        let made = self.post("/payments", &format!("charge-{payment_id}"), body).await?;
        PaymentObject::read(&made)
    }

    /// With what a payment was paid.
    pub(super) async fn method_of(&self, id: &str) -> Result<Option<Value>, CallError> {
        let found = self.get(&format!("/payments/{id}"), &[]).await?;
        Ok(found.map(|mut payment| payment["payment_method"].take()))
    }

    /// Takes the money of a payment that was reserved.
    pub(super) async fn capture(
        &self,
        payment: &PaymentObject,
    ) -> Result<PaymentObject, CallError> {
        let path = format!("/payments/{}/capture", payment.id);
        let key = format!("capture-{}", payment.id);
        let captured = self.post(&path, key.get(..64).unwrap_or(&key), &json!({})).await?;
        PaymentObject::read(&captured)
    }

    /// A payment of this shop; none when there is no such one.
    pub(super) async fn payment(&self, id: &str) -> Result<Option<PaymentObject>, CallError> {
        let found = self.get(&format!("/payments/{id}"), &[]).await?;
        found.map(|value| PaymentObject::read(&value)).transpose()
    }

    /// A refund of this shop; none when there is no such one.
    pub(super) async fn refund(&self, id: &str) -> Result<Option<RefundObject>, CallError> {
        let found = self.get(&format!("/refunds/{id}"), &[]).await?;
        found.map(|value| RefundObject::read(&value)).transpose()
    }

    /// The refunds of a payment; one that cannot be read may be the one that is looked for.
    pub(super) async fn refunds_of(
        &self,
        charge_ref: &str,
    ) -> Result<Vec<RefundObject>, CallError> {
        let mut found = Vec::new();
        let filter = vec![("payment_id", charge_ref.to_owned())];
        self.each("/refunds", filter, |page| {
            for value in page {
                found.push(RefundObject::read(value)?);
            }
            Ok(false)
        })
        .await?;
        Ok(found)
    }

    /// What was made at YooKassa for our payment since about then. One that cannot be read and is said
    /// to be for it is an error, so that no second one is made; others are no business of ours.
    pub(super) async fn find_payment(
        &self,
        since: DateTime<Utc>,
        payment_id: Uuid,
    ) -> Result<Option<PaymentObject>, CallError> {
        let mut found = None;
        self.each("/payments", vec![created_since(since - CLOCKS_DIFFER)], |page| {
            for value in page {
                if objects::payment_id(value) == Some(payment_id) {
                    found = Some(PaymentObject::read(value)?);
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await?;
        Ok(found)
    }

    /// All objects that were made since then, page by page.
    pub(super) async fn since(
        &self,
        path: &str,
        since: DateTime<Utc>,
    ) -> Result<Vec<Value>, CallError> {
        let mut found = Vec::new();
        self.each(path, vec![created_since(since)], |page| {
            found.extend_from_slice(page);
            Ok(false)
        })
        .await?;
        Ok(found)
    }

    /// Reads a list until `act` has seen enough.
    async fn each(
        &self,
        path: &str,
        filter: Vec<(&str, String)>,
        mut act: impl FnMut(&[Value]) -> Result<bool, CallError> + Send,
    ) -> Result<(), CallError> {
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = filter.clone();
            query.push(("limit", PAGE.to_string()));
            if let Some(cursor) = cursor.take() {
                query.push(("cursor", cursor));
            }
            let unreadable = || CallError::Unknown("YooKassa's list cannot be read".to_owned());
            let page = self.get(path, &query).await?.ok_or_else(unreadable)?;
            let items = page["items"].as_array().ok_or_else(unreadable)?;
            if act(items)? {
                return Ok(());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(()),
            }
        }
        Err(CallError::Unknown(format!("YooKassa's list has more than {PAGES_MAX} pages")))
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Option<Value>, CallError> {
        let url = format!("{}{path}", self.api_url);
        let answered = self.send(self.wire.client().get(url).query(query)).await?;
        if answered.status == 404 {
            return Ok(None);
        }
        judged(answered).map(Some)
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Value, CallError> {
        let url = format!("{}{path}", self.api_url);
        let request = self.wire.client().post(url).header("Idempotence-Key", key).json(body);
        judged(self.send(request).await?)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answered, CallError> {
        let secret = self.secret_key.expose_secret();
        self.wire.send(request.basic_auth(&self.shop_id, Some(secret))).await
    }
}

fn created_since(at: DateTime<Utc>) -> (&'static str, String) {
    ("created_at.gte", at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// What an answer means. Without a precise answer within 30 seconds YooKassa says 500, and 202 when it
/// still works on it: both times the outcome is not known.
fn judged(answered: Answered) -> Result<Value, CallError> {
    let code = || {
        let code = answered.body["code"].as_str().unwrap_or("refused").to_ascii_lowercase();
        let letters = code.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
        letters.take(CODE_LENGTH_MAX).collect::<String>()
    };
    match answered.status {
        202 => Err(CallError::Unknown("YooKassa still works on it (202)".to_owned())),
        200..=299 => Ok(answered.body),
        401 | 403 => Err(CallError::Secret(answered.status)),
        429 => {
            let after = answered.retry_after.or(Some(Duration::from_secs(1)));
            Err(CallError::Later { after, why: code() })
        }
        400 | 404 | 405 | 415 => Err(CallError::Refused { code: code() }),
        status => Err(CallError::Unknown(format!("YooKassa answers {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    fn answered(status: u16, body: Value) -> Answered {
        Answered { status, retry_after: None, should_retry: None, body }
    }

    #[test]
    fn only_a_precise_answer_is_an_outcome() {
        assert_eq!(judged(answered(200, json!({"id": "1"}))), Ok(json!({"id": "1"})));
        for unknown in [202, 302, 500, 502, 504] {
            let judged = judged(answered(unknown, json!({"id": "1"})));
            assert!(matches!(judged, Err(CallError::Unknown(_))), "{unknown}: {judged:?}");
        }
        let refused = judged(answered(400, json!({"code": "invalid_request"})));
        assert_eq!(refused, Err(CallError::Refused { code: "invalid_request".to_owned() }));
        assert_eq!(judged(answered(401, Value::Null)), Err(CallError::Secret(401)));
        let later = judged(answered(429, json!({"code": "too_many_requests"})));
        assert!(matches!(later, Err(CallError::Later { after: Some(_), .. })), "{later:?}");
        let odd = judged(answered(400, json!({"code": "Не так"})));
        assert!(matches!(odd, Err(CallError::Refused { code }) if code.is_ascii()));
    }

    #[tokio::test]
    async fn a_payment_that_is_looked_for_and_cannot_be_read_is_not_passed_over() {
        let (readable, odd, nobody) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let payment = |id: Uuid, status: &str| {
            json!({
                "id": id, "status": status, "created_at": "2026-11-28T10:00:00Z",
                "amount": { "value": "229.00", "currency": "RUB" },
                "metadata": { "payment_id": id },
            })
        };
        let list = json!({
            "items": [payment(odd, "split_in_two"), json!("платёж"), payment(readable, "pending")],
        });
        let routes = Router::new().route("/payments", get(async move || Json(list)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = YooKassaSettings {
            tenant: "shop".parse().unwrap(),
            channel: "yookassa/main".to_owned(),
            shop_id: "1".to_owned(),
            secret_key: "test".into(),
            api_url: format!("http://{}", listener.local_addr().unwrap()),
            networks: vec![],
            receipts: None,
        };
        let serving = async move { axum::serve(listener, routes).await.unwrap() };
        let _serving = AbortOnDropHandle::new(tokio::spawn(serving));
        let client = Client::new(Wire::new().unwrap(), &settings);
        let found =
            client.find_payment(kontor_commands::clock::now(), readable).await.unwrap().unwrap();
        assert_eq!(found.of, Some(readable));
        assert_eq!(client.find_payment(kontor_commands::clock::now(), nobody).await, Ok(None));
        let found = client.find_payment(kontor_commands::clock::now(), odd).await;
        assert!(matches!(found, Err(CallError::Unknown(_))), "{found:?}");
    }
}
