//! What can be asked of a customer's billing.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Card, DisableReason, RechargeTerms, RemoveReason};
use crate::{Personal, credit_ledger::PaymentProvider};

/// A command to a customer's billing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BillingCommand {
    /// Keeps a card that its provider has kept. Sent by Kontor itself, which heard it there.
    SaveMethod(SaveMethod),
    /// Forgets the card.
    RemoveMethod(RemoveMethod),
    /// Agrees that credits are bought by themselves.
    EnableRecharge(EnableRecharge),
    /// Ends that.
    DisableRecharge(DisableRecharge),
    /// Says that few credits are left. Sent by Kontor itself.
    RequestRecharge(RequestRecharge),
    /// Asks whether a charge may be made now. Sent by Kontor itself.
    BeginCharge(BeginCharge),
    /// Records that what was charged for is there.
    RecordRechargeSuccess(RecordRechargeSuccess),
    /// Records that a charge came to nothing.
    RecordRechargeFailure(RecordRechargeFailure),
    /// Ends everything, because the person is erased.
    Close(Close),
}

/// Keeps a card that its provider has kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SaveMethod {
    /// Whose it is.
    pub account_id: Uuid,
    /// Its id; the same again changes nothing.
    pub method_id: Uuid,
    /// Who keeps it.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// What is shown of it, when the provider says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Personal<Card>>,
}

/// Forgets the card.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveMethod {
    /// The card.
    pub method_id: Uuid,
    /// Why.
    pub reason: RemoveReason,
}

/// Agrees that credits are bought by themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EnableRecharge {
    /// Who agrees.
    pub account_id: Uuid,
    /// To what.
    pub terms: RechargeTerms,
    /// How many credits they have: fewer than the threshold are filled up at once.
    pub credits_left: i64,
}

/// Ends that credits are bought by themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DisableRecharge {
    /// Why.
    pub reason: DisableReason,
}

/// Says how many credits are left after a spend.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRecharge {
    /// How many.
    pub credits_left: i64,
}

/// Asks whether a charge may be made now: the last moment at which it can be stopped.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BeginCharge {
    /// The payment that is about to be charged.
    pub payment_id: Uuid,
}

/// Records that what was charged for is in the ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRechargeSuccess {
    /// The payment.
    pub payment_id: Uuid,
}

/// Records that a charge came to nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRechargeFailure {
    /// The payment.
    pub payment_id: Uuid,
    /// The provider's code, such as `insufficient_funds`.
    pub reason: String,
}

/// Ends everything, because the person is erased.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Whose billing it is.
    pub account_id: Uuid,
}
