//! Money that goes back: refunds and disputes.

use serde_json::{Value, json};

use super::error::StripeError;
use super::state::{Form, Stripe, metadata};

/// What a dispute costs, in minor units.
const DISPUTE_FEE: i64 = 1_500;

impl Stripe {
    /// Pays a charge back, or a part of it.
    pub(crate) fn refund(&mut self, shop: &str, form: &Form) -> Result<Value, StripeError> {
        let intent_id = form.get("payment_intent").cloned().unwrap_or_default();
        let intent = self.find(shop, &intent_id, "pi_")?;
        if intent["status"] != "succeeded" {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            return Err(StripeError::invalid("charge_not_captured", message));
        }
        let charge_id = intent["latest_charge"].as_str().unwrap_or_default().to_owned();
        let charge = self.find(shop, &charge_id, "ch_")?;
        let of = |name: &str| charge[name].as_i64().unwrap_or_default();
        let left = of("amount") - of("amount_refunded");
        let amount = match form.get("amount") {
            Some(text) => text.parse().unwrap_or(0),
            None => left,
        };
        if left == 0 {
            let message = "Charge has already been refunded.";
            return Err(StripeError::invalid("charge_already_refunded", message));
        }
        if !(1..=left).contains(&amount) {
            let message = "Refund amount is greater than unrefunded amount on charge.";
            return Err(StripeError::invalid("parameter_invalid_integer", message));
        }
        let refund = json!({
            "object": "refund", "amount": amount, "currency": intent["currency"],
            "payment_intent": intent_id, "charge": charge_id, "status": "succeeded",
            "reason": form.get("reason"), "failure_reason": null,
            "metadata": metadata(form, "metadata["),
        });
        let refund = self.make(shop, "re", refund);
        self.moved(shop, ("refund", "refund"), &refund, (-amount, 0));
        let refunded = of("amount_refunded") + amount;
        let fields = json!({"amount_refunded": refunded, "refunded": refunded == of("amount")});
        let charge = self.change(&charge_id, fields);
        self.tell(shop, "refund.created", &refund);
        self.tell(shop, "charge.refunded", &charge);
        Ok(refund)
    }

    /// The bank sends a refund's money back, days after it was paid.
    pub(crate) fn fail_refund(&mut self, refund_id: &str) -> Result<Value, StripeError> {
        let (shop, refund) = self.any(refund_id, "re_")?;
        let fields = json!({"status": "failed", "failure_reason": "lost_or_stolen_card"});
        let failed = self.change(refund_id, fields);
        if let Some(charge_id) = refund["charge"].as_str().map(str::to_owned)
            && let Ok(charge) = self.find(&shop, &charge_id, "ch_")
        {
            let of = |it: &Value, name: &str| it[name].as_i64().unwrap_or_default();
            let left = of(&charge, "amount_refunded") - of(&refund, "amount");
            self.change(&charge_id, json!({"amount_refunded": left, "refunded": false}));
            let moved = (of(&refund, "amount"), 0);
            self.moved(&shop, ("refund_failure", "refund_failure"), &refund, moved);
        }
        self.tell(&shop, "refund.failed", &failed);
        Ok(failed)
    }

    /// The holder of the card contests a charge.
    pub(crate) fn dispute(&mut self, intent_id: &str) -> Result<Value, StripeError> {
        let (shop, intent) = self.any(intent_id, "pi_")?;
        if intent["status"] != "succeeded" {
            return Err(StripeError::invalid("charge_not_captured", "There is no charge."));
        }
        let dispute = json!({
            "object": "dispute", "amount": intent["amount"], "currency": intent["currency"],
            "payment_intent": intent_id, "charge": intent["latest_charge"],
            "reason": "fraudulent", "status": "needs_response", "metadata": {},
        });
        let dispute = self.make(&shop, "du", dispute);
        let amount = dispute["amount"].as_i64().unwrap_or_default();
        self.moved(&shop, ("adjustment", "dispute"), &dispute, (-amount, DISPUTE_FEE));
        self.tell(&shop, "charge.dispute.created", &dispute);
        self.tell(&shop, "charge.dispute.funds_withdrawn", &dispute);
        Ok(dispute)
    }

    /// The bank decides a dispute.
    pub(crate) fn close_dispute(
        &mut self,
        dispute_id: &str,
        won: bool,
    ) -> Result<Value, StripeError> {
        let (shop, _) = self.any(dispute_id, "du_")?;
        let status = if won { "won" } else { "lost" };
        let dispute = self.change(dispute_id, json!({"status": status}));
        if won {
            let amount = dispute["amount"].as_i64().unwrap_or_default();
            self.moved(&shop, ("adjustment", "dispute_reversal"), &dispute, (amount, 0));
            self.tell(&shop, "charge.dispute.funds_reinstated", &dispute);
        }
        self.tell(&shop, "charge.dispute.closed", &dispute);
        Ok(dispute)
    }
}
