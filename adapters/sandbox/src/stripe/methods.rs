//! Cards that are kept for customers, and charges of them without their holder.

use serde_json::{Value, json};

use super::cards::{self, Verdict};
use super::error::StripeError;
use super::state::{Form, Stripe, metadata};
use crate::world::now_ms;

/// How long a slow bank takes with a charge, in milliseconds.
const LATER_MS: i64 = 2_500;

impl Stripe {
    /// Keeps the card that was typed on a page, when the seller asked for that there.
    pub(super) fn keep_card(&mut self, page_id: &str, number: &str) {
        let Ok((shop, page)) = self.any(page_id, "cs_") else { return };
        if page["status"] != "open" {
            return;
        }
        let intent_id = page["payment_intent"].as_str().unwrap_or_default().to_owned();
        let last4: String = number.chars().skip(number.len().saturating_sub(4)).collect();
        let keeps = page["setup_future_usage"] == "off_session";
        let customer = match page["customer"].as_str() {
            Some(known) => Value::from(known),
            None if keeps => self.make(&shop, "cus", json!({"object": "customer"}))["id"].clone(),
            None => Value::Null,
        };
        let method = json!({
            "object": "payment_method", "type": "card",
            "customer": if keeps { customer.clone() } else { Value::Null },
            "card": {"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2034},
            "sandbox_number": number,
        });
        let method = self.make(&shop, "pm", method);
        let fields = json!({"payment_method": method["id"], "customer": customer});
        self.change(&intent_id, fields);
        self.change(page_id, json!({"customer": customer}));
    }

    /// Charges a card that is kept, without its holder.
    pub(super) fn charge_kept(&mut self, shop: &str, form: &Form) -> Result<Value, StripeError> {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let off_session = field("off_session") == "true" && field("confirm") == "true";
        let amount: i64 = field("amount").parse().unwrap_or(0);
        if !off_session || amount < 1 || field("currency").len() != 3 {
            let message = "Only charges off session are known: amount, currency, confirm=true.";
            return Err(StripeError::invalid("parameter_invalid", message));
        }
        let method = self.find(shop, field("payment_method"), "pm_")?;
        if method["customer"] != field("customer") || field("customer").is_empty() {
            let message = "The payment method is not attached to this customer.";
            return Err(StripeError::invalid("payment_method_unexpected_state", message));
        }
        let intent = json!({
            "object": "payment_intent", "amount": amount, "amount_received": 0,
            "currency": field("currency"), "status": "requires_payment_method",
            "description": field("description"), "customer": field("customer"),
            "payment_method": field("payment_method"), "last_payment_error": null,
            "latest_charge": null, "metadata": metadata(form, "metadata["),
        });
        let intent = self.make(shop, "pi", intent);
        let id = intent["id"].as_str().unwrap_or_default().to_owned();
        let number = method["sandbox_number"].as_str().unwrap_or_default().to_owned();
        match cards::off_session(&number) {
            Verdict::Paid => self.charge(shop, &id),
            Verdict::Later { paid } => {
                let intent = self.change(&id, json!({"status": "processing"}));
                self.tell(shop, "payment_intent.processing", &intent);
                self.slow_charge(&id, now_ms() + LATER_MS, paid);
            }
            Verdict::Declined(code) => {
                self.decline(shop, &id, code);
                return Err(StripeError::declined(code));
            }
            Verdict::Challenge => {
                self.decline(shop, &id, "authentication_required");
                return Err(StripeError::declined("authentication_required"));
            }
        }
        self.find(shop, &id, "pi_")
    }

    /// Detaches a kept card from its customer.
    pub(super) fn detach(&mut self, shop: &str, id: &str) -> Result<Value, StripeError> {
        let method = self.find(shop, id, "pm_")?;
        if method["customer"].is_null() {
            let message = "The payment method is not attached to a customer.";
            return Err(StripeError::invalid("payment_method_unexpected_state", message));
        }
        let method = self.change(id, json!({"customer": null}));
        self.tell(shop, "payment_method.detached", &method);
        Ok(method)
    }

    /// Deletes a customer, with all of their cards.
    pub(super) fn delete_customer(&mut self, shop: &str, id: &str) -> Result<Value, StripeError> {
        self.find(shop, id, "cus_")?;
        for method in self.list(shop, "pm_") {
            if method["customer"] == id {
                let method_id = method["id"].as_str().unwrap_or_default();
                self.change(method_id, json!({"customer": null}));
            }
        }
        self.remove(id);
        Ok(json!({"id": id, "object": "customer", "deleted": true}))
    }
}
