//! Stripe's objects, as facts about payments.

use kontor_domain::{
    Currency, Money,
    credit_ledger::DisputeOutcome,
    payment::{
        PaymentCommand, RecordDispute, RecordDisputeClosed, RecordFailure, RecordPending,
        RecordRefund, RecordRefundFailure, RecordSuccess, RecordUnknown,
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::client::code;
use crate::Said;

/// The payment that an object is about, as Kontor wrote it there.
pub(super) fn payment_id(object: &Value) -> Option<Uuid> {
    meta(object, "payment_id")
}

/// An id in the metadata of an object.
pub(super) fn meta(object: &Value, name: &str) -> Option<Uuid> {
    object.get("metadata")?.get(name)?.as_str()?.parse().ok()
}

/// A text of an object.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// Whether a text can be an id of Stripe's, which stands in paths.
pub(super) fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

pub(super) fn money(object: &Value, amount: &str) -> Option<Money> {
    let currency: Currency = text(object, "currency")?.to_ascii_uppercase().parse().ok()?;
    Some(Money::new(object.get(amount)?.as_i64()?, currency))
}

/// What a page alone says: that it was paid. Everything else is its intent's to say.
pub(super) fn of_page(payment_id: Uuid, page: &Value) -> Vec<Said> {
    let is_paid =
        text(page, "status") == Some("complete") && text(page, "payment_status") == Some("paid");
    let charge = text(page, "payment_intent").zip(money(page, "amount_total"));
    let success = charge.filter(|_| is_paid).map(|(provider_ref, amount)| {
        PaymentCommand::RecordSuccess(RecordSuccess {
            provider_ref: provider_ref.to_owned(),
            amount,
        })
    });
    success.into_iter().map(|command| Said { payment_id, command }).collect()
}

/// What an intent says. That an attempt was declined is said although the customer may still try again
/// on the same page: a payment that succeeds later rises above it.
pub(super) fn of_intent(payment_id: Uuid, intent: &Value) -> Vec<Said> {
    let Some(id) = text(intent, "id") else { return Vec::new() };
    let pending =
        || PaymentCommand::RecordPending(RecordPending { provider_ref: Some(id.to_owned()) });
    let commands = match text(intent, "status") {
        Some("succeeded") => money(intent, "amount_received")
            .map(|amount| {
                let provider_ref = id.to_owned();
                PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount })
            })
            .into_iter()
            .collect(),
        // The bank takes days: nothing may be charged meanwhile, and the offer does not run out.
        Some("processing") => vec![pending(), PaymentCommand::RecordUnknown(RecordUnknown {})],
        Some("requires_action" | "requires_capture") => vec![pending()],
        Some("requires_payment_method") => intent
            .get("last_payment_error")
            .filter(|error| error.is_object())
            .map(|error| {
                let word = text(error, "decline_code").or(text(error, "code")).unwrap_or_default();
                PaymentCommand::RecordFailure(RecordFailure { reason: code(word) })
            })
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    commands.into_iter().map(|command| Said { payment_id, command }).collect()
}

/// What a refund says of the charge that it pays back.
pub(super) fn of_refund(payment_id: Uuid, refund: &Value) -> Option<Said> {
    let provider_ref = text(refund, "payment_intent")?.to_owned();
    let amount = money(refund, "amount")?;
    let refund_id = meta(refund, "refund_id");
    let refund_ref = text(refund, "id").map(str::to_owned);
    let command = match text(refund, "status")? {
        "succeeded" => PaymentCommand::RecordRefund(RecordRefund {
            refund_id,
            provider_ref,
            amount,
            refund_ref,
        }),
        "failed" | "canceled" => {
            let reason = code(text(refund, "failure_reason").unwrap_or("failed"));
            let failure =
                RecordRefundFailure { refund_id, provider_ref, amount, reason, refund_ref };
            PaymentCommand::RecordRefundFailure(failure)
        }
        _ => return None,
    };
    Some(Said { payment_id, command })
}

/// What a dispute says. Inquiries and those that were prevented hold no money back.
pub(super) fn of_dispute(payment_id: Uuid, dispute: &Value) -> Option<Said> {
    let dispute_ref = text(dispute, "id")?.to_owned();
    let provider_ref = text(dispute, "payment_intent")?.to_owned();
    let amount = money(dispute, "amount")?;
    let closed = |outcome| {
        let (dispute_ref, provider_ref) = (dispute_ref.clone(), provider_ref.clone());
        let closed = RecordDisputeClosed { dispute_ref, provider_ref, amount, outcome };
        PaymentCommand::RecordDisputeClosed(closed)
    };
    let command = match text(dispute, "status")? {
        "needs_response" | "under_review" => PaymentCommand::RecordDispute(RecordDispute {
            dispute_ref: dispute_ref.clone(),
            provider_ref: provider_ref.clone(),
            amount,
        }),
        "won" => closed(DisputeOutcome::Won),
        "lost" => closed(DisputeOutcome::Lost),
        _ => return None,
    };
    Some(Said { payment_id, command })
}
