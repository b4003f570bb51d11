//! Cards that YooKassa keeps: charged without their holder, shown, forgotten.

use chrono::Duration;
use kontor_commands::clock;
use kontor_domain::billing::Card;
use serde_json::{Value, json};

use super::{
    DESCRIPTION_MAX, YooKassa, amount,
    objects::{self, PaymentObject, Status},
};
use crate::{CallError, ChargeOrder, Charged, KeptCard};

/// Some time before YooKassa forgets a key.
const KEY_KNOWN: Duration = Duration::hours(20);

impl YooKassa {
    /// Looked for by the payment's id in its metadata before it is asked for again.
    pub(super) async fn charge_card(&self, order: &ChargeOrder) -> Result<Charged, CallError> {
        if let Some(sent_at) = order.first_sent_at {
            let found = self.client.find_payment(sent_at, order.payment_id).await;
            if let Some(payment) = found.map_err(CallError::of_look)? {
                return Ok(judged(&payment));
            }
            if !order.is_in_time || clock::now() - sent_at > KEY_KNOWN {
                return Ok(Charged::Absent);
            }
        }
        let asked = &order.asked;
        let description: String = asked.title.chars().take(DESCRIPTION_MAX).collect();
        let mut body = json!({
            "amount": amount::value(asked.price),
            "capture": true,
            "payment_method_id": order.method_ref,
            "description": description,
            "metadata": { "payment_id": order.payment_id, "tenant": self.settings.tenant.as_str() },
        });
        if let Some(receipts) = &self.settings.receipts {
            let contact = receipts.contact(self, order.payment_id).await?;
            body["receipt"] = receipts.receipt(&contact, &description, asked.price);
        }
        self.client.create_charge(order.payment_id, &body).await.map(|payment| judged(&payment))
    }

    pub(super) async fn card_of(&self, charge_ref: &str) -> Result<Option<KeptCard>, CallError> {
        Ok(self.client.method_of(charge_ref).await?.as_ref().and_then(kept))
    }
}

/// A payment method of YooKassa's, when it is kept.
fn kept(method: &Value) -> Option<KeptCard> {
    let method_ref = objects::id(&method["id"]).filter(|_| method["saved"] == true)?;
    Some(KeptCard { method_ref, customer_ref: None, card: shown(&method["card"]) })
}

fn shown(card: &Value) -> Option<Card> {
    let text = |name: &str| card[name].as_str();
    Some(Card {
        brand: text("card_type")?.to_ascii_lowercase(),
        last4: text("last4")?.to_owned(),
        expiry_month: text("expiry_month").and_then(|month| month.parse().ok()),
        expiry_year: text("expiry_year").and_then(|year| year.parse().ok()),
    })
}

fn judged(payment: &PaymentObject) -> Charged {
    let provider_ref = payment.id.clone();
    match payment.status {
        Status::Succeeded => Charged::Paid { provider_ref, amount: payment.amount },
        Status::Pending | Status::WaitingForCapture => Charged::Waiting { provider_ref },
        Status::Canceled => Charged::Declined(payment.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_kept_only_when_yookassa_says_so() {
        let method = |saved: bool| {
            json!({
                "type": "bank_card", "id": "22e18a2f-000f-5000-a000-1db6312b7767", "saved": saved,
                "card": {
                    "first6": "555555", "last4": "4477", "expiry_month": "07",
                    "expiry_year": "2030", "card_type": "MasterCard",
                },
            })
        };
        assert_eq!(kept(&method(false)), None);
        let card = kept(&method(true)).unwrap().card.unwrap();
        assert_eq!((card.brand.as_str(), card.last4.as_str()), ("mastercard", "4477"));
        assert_eq!((card.expiry_month, card.expiry_year), (Some(7), Some(2030)));
        assert_eq!(kept(&Value::Null), None);
    }
}
