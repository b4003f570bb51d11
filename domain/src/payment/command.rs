//! What can be asked of a payment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ProductSold, ReceiptOf, ReceiptStanding};
use crate::{
    Money,
    credit_ledger::{CorrectionReason, DisputeOutcome, PaymentProvider},
};

/// A command to a payment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PaymentCommand {
    /// Begins a purchase: what is offered to whom, at which price.
    Begin(Begin),
    /// Asks whether it may be paid now.
    CheckOut(CheckOut),
    /// Records that the customer is paying.
    RecordPending(RecordPending),
    /// Records that it was paid.
    RecordSuccess(RecordSuccess),
    /// Records that the provider refused it.
    RecordFailure(RecordFailure),
    /// Records that the provider has not said what came of it.
    RecordUnknown(RecordUnknown),
    /// Ends an offer that nobody paid in time. Sent by Kontor itself.
    Expire(Expire),
    /// Asks the provider to pay all or a part of it back.
    RequestRefund(RequestRefund),
    /// Records that a charge was paid back.
    RecordRefund(RecordRefund),
    /// Records that a charge could not be paid back, or that the money came back.
    RecordRefundFailure(RecordRefundFailure),
    /// Records that the payer contests a charge.
    RecordDispute(RecordDispute),
    /// Records how a dispute ended.
    RecordDisputeClosed(RecordDisputeClosed),
    /// Records how far a fiscal receipt has come.
    RecordReceipt(RecordReceipt),
}

/// Begins a purchase.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Who buys.
    pub account_id: Uuid,
    /// What is bought.
    pub product: ProductSold,
    /// What it costs.
    pub price: Money,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors, such as `telegram/shop_bot`: refunds go the same way.
    pub channel: String,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
}

/// Asks whether it may be paid now.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CheckOut {
    /// What the provider is about to charge.
    pub amount: Money,
    /// The account of the payer.
    pub payer: Uuid,
}

/// Records that the customer is paying.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordPending {
    /// The provider's id of it, when it has one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
}

/// Records that it was paid.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSuccess {
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was charged.
    pub amount: Money,
}

/// Records that the provider refused it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFailure {
    /// The provider's code, such as `insufficient_funds`.
    pub reason: String,
}

/// Records that the provider has not said what came of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordUnknown {}

/// Ends an offer that nobody paid in time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {}

/// Asks the provider to pay back what has not gone back yet, or a part of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRefund {
    /// An id that the sender makes and keeps; the same again asks for nothing.
    pub refund_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
    /// How much; all that is left when this and `credits` are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The price of how many credits; not beside `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
}

/// Records that a charge was paid back, all or a part of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRefund {
    /// The refund, when the provider's word names one that was asked for here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<Uuid>,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was paid back.
    pub amount: Money,
    /// The provider's own id of the refund, where it has one: it tells parts apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_ref: Option<String>,
}

/// Records that a charge could not be paid back, or that the money came back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRefundFailure {
    /// The refund, when the provider's word names one that was asked for here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<Uuid>,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was not paid back.
    pub amount: Money,
    /// The provider's code, such as `charge_not_found`.
    pub reason: String,
    /// The provider's own id of the refund, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_ref: Option<String>,
}

/// Records that the payer contests a charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordDispute {
    /// The provider's id of the dispute.
    pub dispute_ref: String,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What the provider holds back.
    pub amount: Money,
}

/// Records how a dispute ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordDisputeClosed {
    /// The provider's id of the dispute.
    pub dispute_ref: String,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What the provider held back.
    pub amount: Money,
    /// How it ended.
    pub outcome: DisputeOutcome,
}

/// Records how far a fiscal receipt has come, which the provider has registered for the seller.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordReceipt {
    /// Of what it is.
    pub of: ReceiptOf,
    /// The provider's id of the charge or refund that it is of.
    pub provider_ref: String,
    /// How far it has come.
    pub standing: ReceiptStanding,
}
