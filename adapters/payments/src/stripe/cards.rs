//! Cards that Stripe keeps: charged without their holder, shown, removed.
//!
//! A charge is looked for in the list of its holder's intents, by the payment's id in their metadata,
//! before it is asked for again. Stripe may forget a key after a day; some time before that nothing is
//! asked for any more.

use chrono::Duration;
use kontor_commands::clock;
use kontor_domain::billing::Card;
use serde_json::Value;

use super::{
    PAGE_SIZE, Stripe,
    client::{Form, code},
    key,
    objects::{self, is_id, text},
};
use crate::{CallError, CardRemoval, ChargeOrder, Charged, KeptCard};

/// Some time before Stripe may forget a key.
const KEY_KNOWN: Duration = Duration::hours(20);
/// How far clocks may differ, in seconds.
const CLOCKS_DIFFER_SECONDS: i64 = 600;
/// How many pages of a holder's intents are read: far more than one has in a day.
const PAGES_MAX: usize = 10;

impl Stripe {
    pub(super) async fn charge_card(&self, order: &ChargeOrder) -> Result<Charged, CallError> {
        let customer = order.customer_ref.as_deref().filter(|id| is_id(id));
        let refused = || CallError::Refused { code: "method_gone".to_owned() };
        let customer = customer.ok_or_else(refused)?;
        if let Some(sent_at) = order.first_sent_at {
            if let Some(intent) = self.intent_of(order, customer).await? {
                return judged(&intent);
            }
            if !order.is_in_time || clock::now() - sent_at > KEY_KNOWN {
                return Ok(Charged::Absent);
            }
        }
        let id = order.payment_id.to_string();
        let mut form = Form::default();
        form.set("amount", &order.asked.price.amount_minor.to_string());
        form.set("currency", &order.asked.price.currency.code().to_ascii_lowercase());
        form.set("customer", customer);
        form.set("payment_method", &order.method_ref);
        form.set("payment_method_types[0]", "card");
        form.set("off_session", "true");
        form.set("confirm", "true");
        form.set("description", &order.asked.title);
        form.set("metadata[payment_id]", &id);
        let posted =
            self.client.post("/v1/payment_intents", &form, &key("charge", order.payment_id)).await;
        match posted {
            Ok(intent) => judged(&intent),
            Err(CallError::Refused { code }) => Ok(declined(code)),
            Err(err) => Err(err),
        }
    }

    /// The intent of a payment among those of the card's holder.
    async fn intent_of(
        &self,
        order: &ChargeOrder,
        customer: &str,
    ) -> Result<Option<Value>, CallError> {
        let sent_at = order.first_sent_at.unwrap_or_else(clock::now);
        let since = sent_at.timestamp().saturating_sub(CLOCKS_DIFFER_SECONDS);
        let mut after = String::new();
        for _ in 0..PAGES_MAX {
            let path = format!(
                "/v1/payment_intents?customer={customer}&created[gte]={since}&limit={PAGE_SIZE}{after}"
            );
            let list = self.client.get(&path).await.map_err(CallError::of_look)?;
            let unreadable = || CallError::Unknown("the list of intents cannot be read".to_owned());
            let intents = list.get("data").and_then(Value::as_array).ok_or_else(unreadable)?;
            // A page of the same payment has an intent of its own, which was not asked for here.
            let mut found = intents.iter().filter(|it| {
                objects::payment_id(it) == Some(order.payment_id)
                    && text(it, "status") != Some("canceled")
            });
            if let Some(intent) = found.next_back() {
                return Ok(Some(intent.clone()));
            }
            if !list.get("has_more").and_then(Value::as_bool).ok_or_else(unreadable)? {
                return Ok(None);
            }
            let last = intents.last().and_then(|intent| text(intent, "id"));
            let last = last.filter(|id| is_id(id)).ok_or_else(unreadable)?;
            after = format!("&starting_after={last}");
        }
        Err(CallError::Unknown("the list of intents does not end".to_owned()))
    }

    /// The card of an intent, when Stripe keeps it for its customer.
    pub(super) async fn card_of(&self, intent_id: &str) -> Result<Option<KeptCard>, CallError> {
        let intent = self.intent(intent_id).await?;
        let Some(method_ref) = text(&intent, "payment_method").filter(|id| is_id(id)) else {
            return Ok(None);
        };
        let method = self.client.get(&format!("/v1/payment_methods/{method_ref}")).await?;
        // One that is attached to nobody cannot be charged again.
        let Some(customer) = text(&method, "customer").filter(|id| is_id(id)) else {
            return Ok(None);
        };
        Ok(Some(KeptCard {
            method_ref: method_ref.to_owned(),
            customer_ref: Some(customer.to_owned()),
            card: method.get("card").and_then(shown),
        }))
    }

    pub(super) async fn detach(&self, removal: &CardRemoval) -> Result<(), CallError> {
        let method = removal.method_ref.as_str();
        if !is_id(method) {
            return Err(CallError::Refused { code: "no_id".to_owned() });
        }
        let path = format!("/v1/payment_methods/{method}/detach");
        // Stripe keeps the answer of a key also when that was a failure of its own; a card that is
        // removed twice is removed.
        let key = format!("{}-{}", key("detach", removal.method_id), clock::now().timestamp() / 60);
        match self.client.post(&path, &Form::default(), &key).await {
            Ok(_) | Err(CallError::Refused { .. }) => {}
            Err(err) => return Err(err),
        }
        let Some(customer) = removal.customer_ref.as_deref().filter(|id| is_id(id)) else {
            return Ok(());
        };
        self.client.delete(&format!("/v1/customers/{customer}")).await.map(|_| ())
    }
}

/// What a card shows, as Stripe has it.
fn shown(card: &Value) -> Option<Card> {
    let whole = |name: &str| card.get(name).and_then(Value::as_u64);
    Some(Card {
        brand: text(card, "brand")?.to_owned(),
        last4: text(card, "last4")?.to_owned(),
        expiry_month: whole("exp_month").and_then(|month| u8::try_from(month).ok()),
        expiry_year: whole("exp_year").and_then(|year| u16::try_from(year).ok()),
    })
}

/// What an intent says of the charge that was asked for with it.
fn judged(intent: &Value) -> Result<Charged, CallError> {
    let unreadable = || CallError::Unknown("the answer is no intent".to_owned());
    let provider_ref = text(intent, "id").ok_or_else(unreadable)?.to_owned();
    Ok(match text(intent, "status").ok_or_else(unreadable)? {
        "succeeded" => {
            let amount = objects::money(intent, "amount_received").ok_or_else(unreadable)?;
            Charged::Paid { provider_ref, amount }
        }
        "processing" => Charged::Waiting { provider_ref },
        "requires_action" | "requires_confirmation" => Charged::NeedsCustomer,
        "requires_payment_method" => {
            let error = intent.get("last_payment_error").ok_or_else(unreadable)?;
            let word = text(error, "decline_code").or(text(error, "code")).unwrap_or_default();
            declined(code(word))
        }
        "canceled" => Charged::Declined("canceled".to_owned()),
        _ => return Err(unreadable()),
    })
}

/// What a refusal means: the bank wants the holder, or there is no such card, or it was declined.
fn declined(code: String) -> Charged {
    match code.as_str() {
        "authentication_required" => Charged::NeedsCustomer,
        "resource_missing" | "payment_method_unexpected_state" => {
            Charged::Declined("method_gone".to_owned())
        }
        _ => Charged::Declined(code),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_intent_says_what_became_of_a_charge() {
        let judge = |intent: Value| judged(&intent);
        let paid =
            json!({"id": "pi_1", "status": "succeeded", "amount_received": 499, "currency": "usd"});
        assert!(
            matches!(judge(paid), Ok(Charged::Paid { amount, .. }) if amount.amount_minor == 499)
        );
        let error = |code: &str| {
            let error = json!({"code": "card_declined", "decline_code": code});
            judge(
                json!({"id": "pi_1", "status": "requires_payment_method", "last_payment_error": error}),
            )
        };
        assert_eq!(error("authentication_required"), Ok(Charged::NeedsCustomer));
        assert_eq!(error("expired_card"), Ok(Charged::Declined("expired_card".to_owned())));
        assert!(matches!(judge(json!({"id": "pi_1"})), Err(CallError::Unknown(_))));
        assert!(matches!(
            judge(json!({"id": "pi_1", "status": "new"})),
            Err(CallError::Unknown(_))
        ));
    }
}
