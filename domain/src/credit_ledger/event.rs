//! What has happened to a credit ledger.

mod payloads;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::payloads::{
    Adjusted, DebtCovered, DebtWrittenOff, DisputeClosed, DisputeOpened, GrantExpired,
    GrantRefunded, GrantRevoked, Granted, Held, HoldCaptured, HoldReleased, Low, Opened,
    PartRefunded, PassGranted, PassRecognised, PassRefunded, RefundReturned, ResetBegun,
    SpendReversed, Spent,
};
use super::Booking;
use crate::{
    EventBody, EventDecodeError, EventSchema,
    decider::{decode_payload, domain_event},
};

/// A fact about a credit ledger. None of them says anything about a person: who the customer is
/// stands in their account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CreditLedgerEvent {
    /// `credit_ledger.opened`
    Opened(Opened),
    /// `credit_ledger.granted`
    Granted(Granted),
    /// `credit_ledger.pass_granted`
    PassGranted(PassGranted),
    /// `credit_ledger.spent`
    Spent(Spent),
    /// `credit_ledger.held`
    Held(Held),
    /// `credit_ledger.hold_captured`
    HoldCaptured(HoldCaptured),
    /// `credit_ledger.hold_released`
    HoldReleased(HoldReleased),
    /// `credit_ledger.spend_reversed`
    SpendReversed(SpendReversed),
    /// `credit_ledger.grant_expired`
    GrantExpired(GrantExpired),
    /// `credit_ledger.grant_refunded`
    GrantRefunded(GrantRefunded),
    /// `credit_ledger.part_refunded`
    PartRefunded(PartRefunded),
    /// `credit_ledger.refund_returned`
    RefundReturned(RefundReturned),
    /// `credit_ledger.grant_revoked`
    GrantRevoked(GrantRevoked),
    /// `credit_ledger.dispute_opened`
    DisputeOpened(DisputeOpened),
    /// `credit_ledger.dispute_closed`
    DisputeClosed(DisputeClosed),
    /// `credit_ledger.debt_covered`
    DebtCovered(DebtCovered),
    /// `credit_ledger.debt_written_off`
    DebtWrittenOff(DebtWrittenOff),
    /// `credit_ledger.pass_recognised`
    PassRecognised(PassRecognised),
    /// `credit_ledger.pass_refunded`
    PassRefunded(PassRefunded),
    /// `credit_ledger.adjusted`
    Adjusted(Adjusted),
    /// `credit_ledger.low`
    Low(Low),
    /// `credit_ledger.reset_begun`
    ResetBegun(ResetBegun),
}

impl CreditLedgerEvent {
    /// The booking that it carries.
    pub fn booking(&self) -> &Booking {
        match self {
            Self::Opened(payload) => &payload.booking,
            Self::Granted(payload) => &payload.booking,
            Self::PassGranted(payload) => &payload.booking,
            Self::Spent(payload) => &payload.booking,
            Self::Held(payload) => &payload.booking,
            Self::HoldCaptured(payload) => &payload.booking,
            Self::HoldReleased(payload) => &payload.booking,
            Self::SpendReversed(payload) => &payload.booking,
            Self::GrantExpired(payload) => &payload.booking,
            Self::GrantRefunded(payload) => &payload.booking,
            Self::PartRefunded(payload) => &payload.booking,
            Self::RefundReturned(payload) => &payload.booking,
            Self::GrantRevoked(payload) => &payload.booking,
            Self::DisputeOpened(payload) => &payload.booking,
            Self::DisputeClosed(payload) => &payload.booking,
            Self::DebtCovered(payload) => &payload.booking,
            Self::DebtWrittenOff(payload) => &payload.booking,
            Self::PassRecognised(payload) => &payload.booking,
            Self::PassRefunded(payload) => &payload.booking,
            Self::Adjusted(payload) => &payload.booking,
            Self::Low(payload) => &payload.booking,
            Self::ResetBegun(payload) => &payload.booking,
        }
    }

    /// The instant from which it holds: that of its booking, or an earlier one when it was booked late.
    pub fn effective_at(&self) -> DateTime<Utc> {
        let booked_at = self.booking().at;
        if let Self::GrantExpired(expired) = self {
            return booked_at.min(expired.effective_at);
        }
        if let Self::Adjusted(adjusted) = self {
            return booked_at.min(adjusted.effective_at);
        }
        booked_at
    }

    pub(super) fn booking_mut(&mut self) -> &mut Booking {
        match self {
            Self::Opened(payload) => &mut payload.booking,
            Self::Granted(payload) => &mut payload.booking,
            Self::PassGranted(payload) => &mut payload.booking,
            Self::Spent(payload) => &mut payload.booking,
            Self::Held(payload) => &mut payload.booking,
            Self::HoldCaptured(payload) => &mut payload.booking,
            Self::HoldReleased(payload) => &mut payload.booking,
            Self::SpendReversed(payload) => &mut payload.booking,
            Self::GrantExpired(payload) => &mut payload.booking,
            Self::GrantRefunded(payload) => &mut payload.booking,
            Self::PartRefunded(payload) => &mut payload.booking,
            Self::RefundReturned(payload) => &mut payload.booking,
            Self::GrantRevoked(payload) => &mut payload.booking,
            Self::DisputeOpened(payload) => &mut payload.booking,
            Self::DisputeClosed(payload) => &mut payload.booking,
            Self::DebtCovered(payload) => &mut payload.booking,
            Self::DebtWrittenOff(payload) => &mut payload.booking,
            Self::PassRecognised(payload) => &mut payload.booking,
            Self::PassRefunded(payload) => &mut payload.booking,
            Self::Adjusted(payload) => &mut payload.booking,
            Self::Low(payload) => &mut payload.booking,
            Self::ResetBegun(payload) => &mut payload.booking,
        }
    }
}

impl EventBody for CreditLedgerEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("credit_ledger.opened", 1),
        EventSchema::new("credit_ledger.granted", 1),
        EventSchema::new("credit_ledger.pass_granted", 1),
        EventSchema::new("credit_ledger.spent", 1),
        EventSchema::new("credit_ledger.held", 1),
        EventSchema::new("credit_ledger.hold_captured", 1),
        EventSchema::new("credit_ledger.hold_released", 1),
        EventSchema::new("credit_ledger.spend_reversed", 1),
        EventSchema::new("credit_ledger.grant_expired", 1),
        EventSchema::new("credit_ledger.grant_refunded", 1),
        EventSchema::new("credit_ledger.part_refunded", 1),
        EventSchema::new("credit_ledger.refund_returned", 1),
        EventSchema::new("credit_ledger.grant_revoked", 1),
        EventSchema::new("credit_ledger.dispute_opened", 1),
        EventSchema::new("credit_ledger.dispute_closed", 1),
        EventSchema::new("credit_ledger.debt_covered", 1),
        EventSchema::new("credit_ledger.debt_written_off", 1),
        EventSchema::new("credit_ledger.pass_recognised", 1),
        EventSchema::new("credit_ledger.pass_refunded", 1),
        EventSchema::new("credit_ledger.adjusted", 1),
        EventSchema::new("credit_ledger.low", 1),
        EventSchema::new("credit_ledger.reset_begun", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Opened(_) => "credit_ledger.opened",
            Self::Granted(_) => "credit_ledger.granted",
            Self::PassGranted(_) => "credit_ledger.pass_granted",
            Self::Spent(_) => "credit_ledger.spent",
            Self::Held(_) => "credit_ledger.held",
            Self::HoldCaptured(_) => "credit_ledger.hold_captured",
            Self::HoldReleased(_) => "credit_ledger.hold_released",
            Self::SpendReversed(_) => "credit_ledger.spend_reversed",
            Self::GrantExpired(_) => "credit_ledger.grant_expired",
            Self::GrantRefunded(_) => "credit_ledger.grant_refunded",
            Self::PartRefunded(_) => "credit_ledger.part_refunded",
            Self::RefundReturned(_) => "credit_ledger.refund_returned",
            Self::GrantRevoked(_) => "credit_ledger.grant_revoked",
            Self::DisputeOpened(_) => "credit_ledger.dispute_opened",
            Self::DisputeClosed(_) => "credit_ledger.dispute_closed",
            Self::DebtCovered(_) => "credit_ledger.debt_covered",
            Self::DebtWrittenOff(_) => "credit_ledger.debt_written_off",
            Self::PassRecognised(_) => "credit_ledger.pass_recognised",
            Self::PassRefunded(_) => "credit_ledger.pass_refunded",
            Self::Adjusted(_) => "credit_ledger.adjusted",
            Self::Low(_) => "credit_ledger.low",
            Self::ResetBegun(_) => "credit_ledger.reset_begun",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Opened(_)
            | Self::Granted(_)
            | Self::PassGranted(_)
            | Self::Spent(_)
            | Self::Held(_)
            | Self::HoldCaptured(_)
            | Self::HoldReleased(_)
            | Self::SpendReversed(_)
            | Self::GrantExpired(_)
            | Self::GrantRefunded(_)
            | Self::PartRefunded(_)
            | Self::RefundReturned(_)
            | Self::GrantRevoked(_)
            | Self::DisputeOpened(_)
            | Self::DisputeClosed(_)
            | Self::DebtCovered(_)
            | Self::DebtWrittenOff(_)
            | Self::PassRecognised(_)
            | Self::PassRefunded(_)
            | Self::Adjusted(_)
            | Self::Low(_)
            | Self::ResetBegun(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Opened(payload) => serde_json::to_string(payload),
            Self::Granted(payload) => serde_json::to_string(payload),
            Self::PassGranted(payload) => serde_json::to_string(payload),
            Self::Spent(payload) => serde_json::to_string(payload),
            Self::Held(payload) => serde_json::to_string(payload),
            Self::HoldCaptured(payload) => serde_json::to_string(payload),
            Self::HoldReleased(payload) => serde_json::to_string(payload),
            Self::SpendReversed(payload) => serde_json::to_string(payload),
            Self::GrantExpired(payload) => serde_json::to_string(payload),
            Self::GrantRefunded(payload) => serde_json::to_string(payload),
            Self::PartRefunded(payload) => serde_json::to_string(payload),
            Self::RefundReturned(payload) => serde_json::to_string(payload),
            Self::GrantRevoked(payload) => serde_json::to_string(payload),
            Self::DisputeOpened(payload) => serde_json::to_string(payload),
            Self::DisputeClosed(payload) => serde_json::to_string(payload),
            Self::DebtCovered(payload) => serde_json::to_string(payload),
            Self::DebtWrittenOff(payload) => serde_json::to_string(payload),
            Self::PassRecognised(payload) => serde_json::to_string(payload),
            Self::PassRefunded(payload) => serde_json::to_string(payload),
            Self::Adjusted(payload) => serde_json::to_string(payload),
            Self::Low(payload) => serde_json::to_string(payload),
            Self::ResetBegun(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("credit_ledger.opened", 1) => decode_payload(wire_type, payload).map(Self::Opened),
            ("credit_ledger.granted", 1) => decode_payload(wire_type, payload).map(Self::Granted),
            ("credit_ledger.pass_granted", 1) => {
                decode_payload(wire_type, payload).map(Self::PassGranted)
            }
            ("credit_ledger.spent", 1) => decode_payload(wire_type, payload).map(Self::Spent),
            ("credit_ledger.held", 1) => decode_payload(wire_type, payload).map(Self::Held),
            ("credit_ledger.hold_captured", 1) => {
                decode_payload(wire_type, payload).map(Self::HoldCaptured)
            }
            ("credit_ledger.hold_released", 1) => {
                decode_payload(wire_type, payload).map(Self::HoldReleased)
            }
            ("credit_ledger.spend_reversed", 1) => {
                decode_payload(wire_type, payload).map(Self::SpendReversed)
            }
            ("credit_ledger.grant_expired", 1) => {
                decode_payload(wire_type, payload).map(Self::GrantExpired)
            }
            ("credit_ledger.grant_refunded", 1) => {
                decode_payload(wire_type, payload).map(Self::GrantRefunded)
            }
            ("credit_ledger.part_refunded", 1) => {
                decode_payload(wire_type, payload).map(Self::PartRefunded)
            }
            ("credit_ledger.refund_returned", 1) => {
                decode_payload(wire_type, payload).map(Self::RefundReturned)
            }
            ("credit_ledger.grant_revoked", 1) => {
                decode_payload(wire_type, payload).map(Self::GrantRevoked)
            }
            ("credit_ledger.dispute_opened", 1) => {
                decode_payload(wire_type, payload).map(Self::DisputeOpened)
            }
            ("credit_ledger.dispute_closed", 1) => {
                decode_payload(wire_type, payload).map(Self::DisputeClosed)
            }
            ("credit_ledger.debt_covered", 1) => {
                decode_payload(wire_type, payload).map(Self::DebtCovered)
            }
            ("credit_ledger.debt_written_off", 1) => {
                decode_payload(wire_type, payload).map(Self::DebtWrittenOff)
            }
            ("credit_ledger.pass_recognised", 1) => {
                decode_payload(wire_type, payload).map(Self::PassRecognised)
            }
            ("credit_ledger.pass_refunded", 1) => {
                decode_payload(wire_type, payload).map(Self::PassRefunded)
            }
            ("credit_ledger.adjusted", 1) => decode_payload(wire_type, payload).map(Self::Adjusted),
            ("credit_ledger.low", 1) => decode_payload(wire_type, payload).map(Self::Low),
            ("credit_ledger.reset_begun", 1) => {
                decode_payload(wire_type, payload).map(Self::ResetBegun)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(CreditLedgerEvent);

macro_rules! from_payloads {
    ($($name:ident),+ $(,)?) => {$(
        impl From<$name> for CreditLedgerEvent {
            fn from(payload: $name) -> Self {
                Self::$name(payload)
            }
        }
    )+};
}

from_payloads!(
    Opened,
    Granted,
    PassGranted,
    Spent,
    Held,
    HoldCaptured,
    HoldReleased,
    SpendReversed,
    GrantExpired,
    GrantRefunded,
    PartRefunded,
    RefundReturned,
    GrantRevoked,
    DisputeOpened,
    DisputeClosed,
    DebtCovered,
    DebtWrittenOff,
    PassRecognised,
    PassRefunded,
    Adjusted,
    Low,
    ResetBegun,
);
