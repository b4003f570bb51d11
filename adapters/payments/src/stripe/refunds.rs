//! Paying back: looked for before it is asked for, and asked for under one key.

use chrono::Duration;
use kontor_commands::clock;
use kontor_domain::credit_ledger::CorrectionReason;
use serde_json::Value;

use super::{
    Stripe,
    client::{Form, code},
    key,
    objects::{meta, text},
};
use crate::{CallError, RefundAnswer, RefundOrder, RefundState};

/// Stripe may forget a key after 24 hours; some time before that it is not relied on any more.
const KEY_KNOWN: Duration = Duration::hours(20);

impl Stripe {
    pub(super) async fn pay_back(&self, order: &RefundOrder) -> Result<RefundAnswer, CallError> {
        if let Some(id) = &order.provider_ref {
            let refund = self.client.get(&format!("/v1/refunds/{id}")).await;
            let refund = refund.map_err(CallError::of_look)?;
            return answer(&refund);
        }
        // It was asked for before: whether it is there is seen first, whatever became of the answer.
        if order.first_sent_at.is_some()
            && let Some(refund) = self.find(order).await?
        {
            return answer(&refund);
        }
        let mut form = Form::default();
        form.set("payment_intent", &order.charge_ref);
        form.set("amount", &order.amount.amount_minor.to_string());
        form.set("metadata[payment_id]", &order.payment_id.to_string());
        form.set("metadata[refund_id]", &order.refund_id.to_string());
        if order.reason == Some(CorrectionReason::CustomerAsked) {
            form.set("reason", "requested_by_customer");
        }
        match self.client.post("/v1/refunds", &form, &self.key_of(order)).await {
            Ok(refund) => answer(&refund),
            // Somebody paid it back at Stripe itself: then that is the refund.
            Err(CallError::Refused { code }) if code == "charge_already_refunded" => {
                let refunds = self.refunds_of(&order.charge_ref).await;
                let refunds = refunds.map_err(CallError::of_look)?;
                let mut paid = refunds
                    .iter()
                    .filter(|it| !matches!(text(it, "status"), Some("failed" | "canceled")));
                // Several of them are parts, of which each is booked under its own name.
                let whole = paid.next().filter(|it| {
                    it.get("amount").and_then(Value::as_i64) == Some(order.amount.amount_minor)
                });
                match (whole, paid.next()) {
                    (Some(refund), None) => answer(refund),
                    (_, _) => Err(CallError::Refused { code }),
                }
            }
            Err(err) => Err(err),
        }
    }

    /// The refund in Stripe's own list, by the id that Kontor gave it.
    async fn find(&self, order: &RefundOrder) -> Result<Option<Value>, CallError> {
        let refunds = self.refunds_of(&order.charge_ref).await.map_err(CallError::of_look)?;
        Ok(refunds.into_iter().find(|it| meta(it, "refund_id") == Some(order.refund_id)))
    }

    /// The key of a refund. Long after the first time it is another one each day, because Stripe keeps
    /// the answer of a key also when that was a failure of its own; by then [`Self::find`] has shown
    /// that nothing was paid.
    fn key_of(&self, order: &RefundOrder) -> String {
        let first = key("refund", order.refund_id);
        let age = order.first_sent_at.map(|at| clock::now() - at).unwrap_or_default();
        if age < KEY_KNOWN { first } else { format!("{first}-{}", age.num_days().max(1)) }
    }
}

fn answer(refund: &Value) -> Result<RefundAnswer, CallError> {
    let state = match text(refund, "status") {
        Some("succeeded") => RefundState::Paid,
        Some("pending" | "requires_action") => RefundState::Open,
        Some("failed" | "canceled") => {
            RefundState::Failed(code(text(refund, "failure_reason").unwrap_or("failed")))
        }
        _ => return Err(CallError::Unknown("the answer is no refund".to_owned())),
    };
    Ok(RefundAnswer { provider_ref: text(refund, "id").map(str::to_owned), state })
}
