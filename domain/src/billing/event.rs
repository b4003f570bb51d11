//! What has happened to a customer's billing.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Card, DisableReason, RechargeTerms, RemoveReason};
use crate::{
    EventBody, EventDecodeError, EventSchema, Money, Personal,
    credit_ledger::PaymentProvider,
    decider::{decode_payload, domain_event},
    payment::ProductSold,
};

/// A fact about a customer's billing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BillingEvent {
    /// `billing.method_saved`
    MethodSaved(MethodSaved),
    /// `billing.method_removed`
    MethodRemoved(MethodRemoved),
    /// `billing.recharge_enabled`
    RechargeEnabled(Box<RechargeEnabled>),
    /// `billing.recharge_disabled`
    RechargeDisabled(RechargeDisabled),
    /// `billing.recharge_requested`
    RechargeRequested(RechargeRequested),
    /// `billing.charge_begun`
    ChargeBegun(ChargeBegun),
    /// `billing.recharge_succeeded`
    RechargeSucceeded(RechargeSucceeded),
    /// `billing.recharge_failed`
    RechargeFailed(RechargeFailed),
    /// `billing.cap_reached`
    CapReached(CapReached),
    /// `billing.closed`
    Closed(Closed),
}

impl EventBody for BillingEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("billing.method_saved", 1),
        EventSchema::new("billing.method_removed", 1),
        EventSchema::new("billing.recharge_enabled", 1),
        EventSchema::new("billing.recharge_disabled", 1),
        EventSchema::new("billing.recharge_requested", 1),
        EventSchema::new("billing.charge_begun", 1),
        EventSchema::new("billing.recharge_succeeded", 1),
        EventSchema::new("billing.recharge_failed", 1),
        EventSchema::new("billing.cap_reached", 1),
        EventSchema::new("billing.closed", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::MethodSaved(_) => "billing.method_saved",
            Self::MethodRemoved(_) => "billing.method_removed",
            Self::RechargeEnabled(_) => "billing.recharge_enabled",
            Self::RechargeDisabled(_) => "billing.recharge_disabled",
            Self::RechargeRequested(_) => "billing.recharge_requested",
            Self::ChargeBegun(_) => "billing.charge_begun",
            Self::RechargeSucceeded(_) => "billing.recharge_succeeded",
            Self::RechargeFailed(_) => "billing.recharge_failed",
            Self::CapReached(_) => "billing.cap_reached",
            Self::Closed(_) => "billing.closed",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::MethodSaved(_)
            | Self::MethodRemoved(_)
            | Self::RechargeEnabled(_)
            | Self::RechargeDisabled(_)
            | Self::RechargeRequested(_)
            | Self::ChargeBegun(_)
            | Self::RechargeSucceeded(_)
            | Self::RechargeFailed(_)
            | Self::CapReached(_)
            | Self::Closed(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::MethodSaved(payload) => serde_json::to_string(payload),
            Self::MethodRemoved(payload) => serde_json::to_string(payload),
            Self::RechargeEnabled(payload) => serde_json::to_string(payload),
            Self::RechargeDisabled(payload) => serde_json::to_string(payload),
            Self::RechargeRequested(payload) => serde_json::to_string(payload),
            Self::ChargeBegun(payload) => serde_json::to_string(payload),
            Self::RechargeSucceeded(payload) => serde_json::to_string(payload),
            Self::RechargeFailed(payload) => serde_json::to_string(payload),
            Self::CapReached(payload) => serde_json::to_string(payload),
            Self::Closed(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("billing.method_saved", 1) => {
                decode_payload(wire_type, payload).map(Self::MethodSaved)
            }
            ("billing.method_removed", 1) => {
                decode_payload(wire_type, payload).map(Self::MethodRemoved)
            }
            ("billing.recharge_enabled", 1) => {
                decode_payload(wire_type, payload).map(Self::RechargeEnabled)
            }
            ("billing.recharge_disabled", 1) => {
                decode_payload(wire_type, payload).map(Self::RechargeDisabled)
            }
            ("billing.recharge_requested", 1) => {
                decode_payload(wire_type, payload).map(Self::RechargeRequested)
            }
            ("billing.charge_begun", 1) => {
                decode_payload(wire_type, payload).map(Self::ChargeBegun)
            }
            ("billing.recharge_succeeded", 1) => {
                decode_payload(wire_type, payload).map(Self::RechargeSucceeded)
            }
            ("billing.recharge_failed", 1) => {
                decode_payload(wire_type, payload).map(Self::RechargeFailed)
            }
            ("billing.cap_reached", 1) => decode_payload(wire_type, payload).map(Self::CapReached),
            ("billing.closed", 1) => decode_payload(wire_type, payload).map(Self::Closed),
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }

    fn personal_fields(&self) -> &'static [&'static str] {
        match self {
            Self::MethodSaved(_) => &["/card"],
            Self::MethodRemoved(_)
            | Self::RechargeEnabled(_)
            | Self::RechargeDisabled(_)
            | Self::RechargeRequested(_)
            | Self::ChargeBegun(_)
            | Self::RechargeSucceeded(_)
            | Self::RechargeFailed(_)
            | Self::CapReached(_)
            | Self::Closed(_) => &[],
        }
    }
}

domain_event!(BillingEvent);

impl BillingEvent {
    /// Whose billing it is: every event says it.
    pub fn account_id(&self) -> Uuid {
        match self {
            Self::MethodSaved(event) => event.account_id,
            Self::MethodRemoved(event) => event.account_id,
            Self::RechargeEnabled(event) => event.account_id,
            Self::RechargeDisabled(event) => event.account_id,
            Self::RechargeRequested(event) => event.account_id,
            Self::ChargeBegun(event) => event.account_id,
            Self::RechargeSucceeded(event) => event.account_id,
            Self::RechargeFailed(event) => event.account_id,
            Self::CapReached(event) => event.account_id,
            Self::Closed(event) => event.account_id,
        }
    }
}

/// A card is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MethodSaved {
    /// Whose it is.
    pub account_id: Uuid,
    /// The card.
    pub method_id: Uuid,
    /// Who keeps it.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What is shown of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Personal<Card>>,
}

/// A card is not kept any more.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MethodRemoved {
    /// Whose it was.
    pub account_id: Uuid,
    /// The card.
    pub method_id: Uuid,
    /// Why.
    pub reason: RemoveReason,
}

/// The customer agreed that credits are bought by themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RechargeEnabled {
    /// Who agreed.
    pub account_id: Uuid,
    /// To what.
    pub terms: RechargeTerms,
}

/// Credits are not bought by themselves any more.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RechargeDisabled {
    /// Whose billing it is.
    pub account_id: Uuid,
    /// Why.
    pub reason: DisableReason,
}

/// Few credits were left, so a package is bought as agreed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RechargeRequested {
    /// Who buys.
    pub account_id: Uuid,
    /// The payment by which it is paid.
    pub payment_id: Uuid,
    /// The card that is charged.
    pub method_id: Uuid,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What is bought.
    pub product: ProductSold,
    /// What it costs.
    pub price: Money,
    /// The tenant's month that it counts in, as its first day.
    pub month: NaiveDate,
    /// How many credits were left.
    pub credits_left: i64,
}

/// The card is about to be charged: from now on it cannot be stopped.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChargeBegun {
    /// Who buys.
    pub account_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
}

/// What was bought is in the ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RechargeSucceeded {
    /// Who bought.
    pub account_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
}

/// A charge came to nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RechargeFailed {
    /// Whose card it is.
    pub account_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
    /// The provider's code, or `stopped`.
    pub reason: String,
    /// Before that nothing is tried again; none when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
}

/// One more package would cost more than was agreed for the month. Said once in a month.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CapReached {
    /// Whose billing it is.
    pub account_id: Uuid,
    /// The tenant's month, as its first day.
    pub month: NaiveDate,
    /// How much may be spent in it.
    pub monthly_cap: Money,
}

/// Nothing is kept or charged for this person any more.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Closed {
    /// Whose billing it was.
    pub account_id: Uuid,
}
