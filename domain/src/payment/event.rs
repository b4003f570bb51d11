//! What has happened to a payment.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Fact, Part, ProductSold, ReceiptOf};
use crate::{
    EventBody, EventDecodeError, EventSchema, Money,
    credit_ledger::{CorrectionReason, DisputeOutcome, PaymentProvider},
    decider::{decode_payload, domain_event},
};

/// A fact about a payment. None of them says anything about a person: who the customer is stands in
/// their account, and the provider's ids name charges.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PaymentEvent {
    /// `payment.begun`
    Begun(Begun),
    /// `payment.pending`
    Pending(Pending),
    /// `payment.succeeded`
    Succeeded(Succeeded),
    /// `payment.failed`
    Failed(Failed),
    /// `payment.expired`
    Expired(Expired),
    /// `payment.outcome_unknown`
    OutcomeUnknown(OutcomeUnknown),
    /// `payment.surplus_paid`
    SurplusPaid(SurplusPaid),
    /// `payment.refund_requested`
    RefundRequested(RefundRequested),
    /// `payment.refunded`
    Refunded(Refunded),
    /// `payment.refund_failed`
    RefundFailed(RefundFailed),
    /// `payment.dispute_opened`
    DisputeOpened(DisputeOpened),
    /// `payment.dispute_closed`
    DisputeClosed(DisputeClosed),
    /// `payment.contradicted`
    Contradicted(Contradicted),
    /// `payment.receipt_requested`
    ReceiptRequested(ReceiptRequested),
    /// `payment.receipt_failed`
    ReceiptFailed(ReceiptFailed),
    /// `payment.receipt_registered`
    ReceiptRegistered(ReceiptRegistered),
}

macro_rules! each_payload {
    ($self:expr, $payload:ident => $body:expr) => {
        match $self {
            PaymentEvent::Begun($payload) => $body,
            PaymentEvent::Pending($payload) => $body,
            PaymentEvent::Succeeded($payload) => $body,
            PaymentEvent::Failed($payload) => $body,
            PaymentEvent::Expired($payload) => $body,
            PaymentEvent::OutcomeUnknown($payload) => $body,
            PaymentEvent::SurplusPaid($payload) => $body,
            PaymentEvent::RefundRequested($payload) => $body,
            PaymentEvent::Refunded($payload) => $body,
            PaymentEvent::RefundFailed($payload) => $body,
            PaymentEvent::DisputeOpened($payload) => $body,
            PaymentEvent::DisputeClosed($payload) => $body,
            PaymentEvent::Contradicted($payload) => $body,
            PaymentEvent::ReceiptRequested($payload) => $body,
            PaymentEvent::ReceiptFailed($payload) => $body,
            PaymentEvent::ReceiptRegistered($payload) => $body,
        }
    };
}

impl EventBody for PaymentEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("payment.begun", 1),
        EventSchema::new("payment.pending", 1),
        EventSchema::new("payment.succeeded", 1),
        EventSchema::new("payment.failed", 1),
        EventSchema::new("payment.expired", 1),
        EventSchema::new("payment.outcome_unknown", 1),
        EventSchema::new("payment.surplus_paid", 1),
        EventSchema::new("payment.refund_requested", 1),
        EventSchema::new("payment.refunded", 1),
        EventSchema::new("payment.refund_failed", 1),
        EventSchema::new("payment.dispute_opened", 1),
        EventSchema::new("payment.dispute_closed", 1),
        EventSchema::new("payment.contradicted", 1),
        EventSchema::new("payment.receipt_requested", 1),
        EventSchema::new("payment.receipt_failed", 1),
        EventSchema::new("payment.receipt_registered", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Begun(_) => "payment.begun",
            Self::Pending(_) => "payment.pending",
            Self::Succeeded(_) => "payment.succeeded",
            Self::Failed(_) => "payment.failed",
            Self::Expired(_) => "payment.expired",
            Self::OutcomeUnknown(_) => "payment.outcome_unknown",
            Self::SurplusPaid(_) => "payment.surplus_paid",
            Self::RefundRequested(_) => "payment.refund_requested",
            Self::Refunded(_) => "payment.refunded",
            Self::RefundFailed(_) => "payment.refund_failed",
            Self::DisputeOpened(_) => "payment.dispute_opened",
            Self::DisputeClosed(_) => "payment.dispute_closed",
            Self::Contradicted(_) => "payment.contradicted",
            Self::ReceiptRequested(_) => "payment.receipt_requested",
            Self::ReceiptFailed(_) => "payment.receipt_failed",
            Self::ReceiptRegistered(_) => "payment.receipt_registered",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Begun(_)
            | Self::Pending(_)
            | Self::Succeeded(_)
            | Self::Failed(_)
            | Self::Expired(_)
            | Self::OutcomeUnknown(_)
            | Self::SurplusPaid(_)
            | Self::RefundRequested(_)
            | Self::Refunded(_)
            | Self::RefundFailed(_)
            | Self::DisputeOpened(_)
            | Self::DisputeClosed(_)
            | Self::Contradicted(_)
            | Self::ReceiptRequested(_)
            | Self::ReceiptFailed(_)
            | Self::ReceiptRegistered(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        each_payload!(self, payload => serde_json::to_string(payload))
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("payment.begun", 1) => decode_payload(wire_type, payload).map(Self::Begun),
            ("payment.pending", 1) => decode_payload(wire_type, payload).map(Self::Pending),
            ("payment.succeeded", 1) => decode_payload(wire_type, payload).map(Self::Succeeded),
            ("payment.failed", 1) => decode_payload(wire_type, payload).map(Self::Failed),
            ("payment.expired", 1) => decode_payload(wire_type, payload).map(Self::Expired),
            ("payment.outcome_unknown", 1) => {
                decode_payload(wire_type, payload).map(Self::OutcomeUnknown)
            }
            ("payment.surplus_paid", 1) => {
                decode_payload(wire_type, payload).map(Self::SurplusPaid)
            }
            ("payment.refund_requested", 1) => {
                decode_payload(wire_type, payload).map(Self::RefundRequested)
            }
            ("payment.refunded", 1) => decode_payload(wire_type, payload).map(Self::Refunded),
            ("payment.refund_failed", 1) => {
                decode_payload(wire_type, payload).map(Self::RefundFailed)
            }
            ("payment.dispute_opened", 1) => {
                decode_payload(wire_type, payload).map(Self::DisputeOpened)
            }
            ("payment.dispute_closed", 1) => {
                decode_payload(wire_type, payload).map(Self::DisputeClosed)
            }
            ("payment.contradicted", 1) => {
                decode_payload(wire_type, payload).map(Self::Contradicted)
            }
            ("payment.receipt_requested", 1) => {
                decode_payload(wire_type, payload).map(Self::ReceiptRequested)
            }
            ("payment.receipt_failed", 1) => {
                decode_payload(wire_type, payload).map(Self::ReceiptFailed)
            }
            ("payment.receipt_registered", 1) => {
                decode_payload(wire_type, payload).map(Self::ReceiptRegistered)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(PaymentEvent);

/// A purchase was begun.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Begun {
    /// Who buys.
    pub account_id: Uuid,
    /// What is bought.
    pub product: ProductSold,
    /// What it costs.
    pub price: Money,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// Until when it can be paid.
    pub expires_at: DateTime<Utc>,
}

/// The customer is paying.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pending {
    /// The provider's id of it, when it has one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
}

/// It was paid.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Succeeded {
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// Who bought.
    pub account_id: Uuid,
    /// What was bought.
    pub product: ProductSold,
    /// What was charged.
    pub price: Money,
    /// Who took the money.
    pub provider: PaymentProvider,
}

/// The provider refused it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Failed {
    /// The provider's code.
    pub reason: String,
}

/// Nobody paid it in time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Expired {}

/// The provider has not said what came of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutcomeUnknown {}

/// It was paid once more than needed; that charge goes back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SurplusPaid {
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was charged.
    pub amount: Money,
}

/// The provider is to pay a charge back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefundRequested {
    /// The refund.
    pub refund_id: Uuid,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What is to be paid back.
    pub amount: Money,
    /// Why.
    pub reason: CorrectionReason,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
    /// It is a part of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A charge was paid back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Refunded {
    /// The refund.
    pub refund_id: Uuid,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was paid back.
    pub amount: Money,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
    /// It is a part of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A charge could not be paid back, or the money came back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefundFailed {
    /// The refund.
    pub refund_id: Uuid,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What was not paid back.
    pub amount: Money,
    /// The provider's code.
    pub reason: String,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
}

/// The payer contests a charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DisputeOpened {
    /// The dispute.
    pub dispute_id: Uuid,
    /// The provider's id of the dispute.
    pub dispute_ref: String,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What the provider holds back.
    pub amount: Money,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
}

/// A dispute ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DisputeClosed {
    /// The dispute.
    pub dispute_id: Uuid,
    /// How it ended.
    pub outcome: DisputeOutcome,
    /// The charge was one too many: nothing was delivered for it.
    pub surplus: bool,
}

/// A provider said what cannot be. Nothing is delivered for it, and a charge goes back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Contradicted {
    /// The kind of fact.
    pub fact: Fact,
    /// The provider's id of the charge.
    pub provider_ref: String,
    /// What contradicts: `amount` or `currency`.
    pub field: String,
    /// What the purchase says.
    pub expected: Money,
    /// What the provider said.
    pub found: Money,
}

/// The provider is to register a fiscal receipt.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReceiptRequested {
    /// Of what it is.
    pub of: ReceiptOf,
    /// The provider's id of the charge or refund that it is of.
    pub provider_ref: String,
}

/// A fiscal receipt could not be registered; the seller has to see to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReceiptFailed {
    /// Of what it is.
    pub of: ReceiptOf,
    /// The provider's id of the charge or refund that it is of.
    pub provider_ref: String,
}

/// A fiscal receipt is registered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReceiptRegistered {
    /// Of what it is.
    pub of: ReceiptOf,
    /// The provider's id of the charge or refund that it is of.
    pub provider_ref: String,
}
