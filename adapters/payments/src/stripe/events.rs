//! Events of Stripe: which are kept, and what they mean. An event only says where to look: what is
//! believed is what Stripe says of the object when it is asked.

use serde_json::{Map, Value, json};

use super::{
    PAGE_SIZE, Stripe,
    objects::{self, is_id, of_dispute, of_intent, of_refund, text},
};
use crate::{Accepted, CallError, Heard, Said};

/// The fields of an object that are kept: they say nothing about people.
const KEPT: [&str; 8] =
    ["id", "object", "status", "payment_status", "payment_intent", "amount", "currency", "charge"];

/// The types of events that say something here; *Stripe* takes at most 20 at once. Of whatever else the
/// account is used for, nothing is asked.
const TYPES: [&str; 18] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
];

/// The same as a part of a query.
pub(super) fn types() -> String {
    TYPES.iter().map(|name| format!("&types[]={name}")).collect()
}

/// What is stored of an event; none when it is no event.
pub(super) fn kept(event: &Value) -> Option<Accepted> {
    let id = text(event, "id").filter(|id| is_id(id))?;
    let kind = text(event, "type")?;
    let object = event.get("data")?.get("object")?.as_object()?;
    let object: Map<String, Value> = object
        .iter()
        .filter(|(name, value)| KEPT.contains(&name.as_str()) && !value.is_object())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let of = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    // What is about one charge stays in order, so that two facts do not meet at the payment.
    let key = of("payment_intent").or(of("id")).filter(|key| is_id(key))?;
    let created = event.get("created").cloned().unwrap_or_default();
    let payload = json!({"id": id, "type": kind, "created": created, "data": {"object": object}});
    Some(Accepted { external_id: id.to_owned(), key, payload })
}

impl Stripe {
    pub(super) async fn hear(&self, event: &Value) -> Result<Heard, CallError> {
        let kind = text(event, "type").unwrap_or_default();
        let object = event.get("data").and_then(|data| data.get("object"));
        let Some((object, id)) = object.and_then(|it| Some((it, text(it, "id")?))) else {
            return Ok(Heard::Denied("notification_unreadable"));
        };
        if !is_id(id) {
            return Ok(Heard::Denied("notification_unreadable"));
        }
        let heard = match kind.split_once('.') {
            Some(("checkout", _)) => self.hear_page(id, object).await,
            Some(("payment_intent", what)) => self.hear_intent(id, what == "succeeded").await,
            Some(("charge", "refunded")) => self.hear_refunds(object).await,
            Some(("refund", _)) | Some(("charge", "refund.updated")) => {
                self.hear_refund(id, object).await
            }
            Some(("charge", what)) if what.starts_with("dispute.") => self.hear_dispute(id).await,
            _ => Ok(Heard::Said(Vec::new())),
        };
        match heard {
            // Of no account that this secret opens.
            Err(CallError::Refused { .. }) => Ok(Heard::Denied("object_unknown")),
            other => other,
        }
    }

    async fn hear_page(&self, id: &str, claimed: &Value) -> Result<Heard, CallError> {
        let page = self.client.get(&format!("/v1/checkout/sessions/{id}")).await?;
        if objects::payment_id(&page).is_none() {
            return Ok(Heard::Denied("object_unknown"));
        }
        let claims = |it: &Value| text(it, "payment_status") == Some("paid");
        if claims(claimed) && !claims(&page) {
            return Ok(Heard::Denied("status_differs"));
        }
        Ok(Heard::Said(self.facts_of_page(&page).await?))
    }

    async fn hear_intent(&self, id: &str, claims_success: bool) -> Result<Heard, CallError> {
        let intent = self.intent(id).await?;
        let Some(payment_id) = objects::payment_id(&intent) else {
            return Ok(Heard::Denied("object_unknown"));
        };
        if claims_success && text(&intent, "status") != Some("succeeded") {
            return Ok(Heard::Denied("status_differs"));
        }
        Ok(Heard::Said(of_intent(payment_id, &intent)))
    }

    async fn hear_refunds(&self, charge: &Value) -> Result<Heard, CallError> {
        let Some(intent_id) = text(charge, "payment_intent") else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let intent = self.intent(intent_id).await?;
        let Some(payment_id) = objects::payment_id(&intent) else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let refunds = self.refunds_of(intent_id).await?;
        Ok(Heard::Said(refunds.iter().filter_map(|it| of_refund(payment_id, it)).collect()))
    }

    async fn hear_refund(&self, id: &str, claimed: &Value) -> Result<Heard, CallError> {
        let refund = self.client.get(&format!("/v1/refunds/{id}")).await?;
        let Some(intent_id) = text(&refund, "payment_intent") else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let intent = self.intent(intent_id).await?;
        let Some(payment_id) = objects::payment_id(&intent) else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let (said, is) = (text(claimed, "status"), text(&refund, "status"));
        if said == Some("succeeded") && is == Some("pending") {
            return Ok(Heard::Denied("status_differs"));
        }
        Ok(Heard::Said(of_refund(payment_id, &refund).into_iter().collect()))
    }

    async fn hear_dispute(&self, id: &str) -> Result<Heard, CallError> {
        let dispute = self.client.get(&format!("/v1/disputes/{id}")).await?;
        let Some(intent_id) = text(&dispute, "payment_intent") else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let intent = self.intent(intent_id).await?;
        let Some(payment_id) = objects::payment_id(&intent) else {
            return Ok(Heard::Denied("object_unknown"));
        };
        let said: Option<Said> = of_dispute(payment_id, &dispute);
        Ok(Heard::Said(said.into_iter().collect()))
    }

    pub(super) async fn intent(&self, id: &str) -> Result<Value, CallError> {
        if !is_id(id) {
            return Err(CallError::Refused { code: "no_id".to_owned() });
        }
        self.client.get(&format!("/v1/payment_intents/{id}")).await
    }

    /// The refunds of a charge, newest first.
    pub(super) async fn refunds_of(&self, intent_id: &str) -> Result<Vec<Value>, CallError> {
        if !is_id(intent_id) {
            return Err(CallError::Refused { code: "no_id".to_owned() });
        }
        let path = format!("/v1/refunds?payment_intent={intent_id}&limit={PAGE_SIZE}");
        let list = self.client.get(&path).await?;
        let unreadable = || CallError::Unknown("the list of refunds cannot be read".to_owned());
        list.get("data").and_then(Value::as_array).cloned().ok_or_else(unreadable)
    }
}
