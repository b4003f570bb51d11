//! The payloads of a ledger's events.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Money,
    credit_ledger::{
        AdjustmentCause, Booking, CorrectionReason, DisputeOutcome, GrantSource, PassPeriod,
        Payment, Posting, ReleaseCause, Slice,
    },
};

/// The ledger of an account was opened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Opened {
    /// The ledger's own id, so that its chain cannot stand under another one.
    pub ledger_id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// Its booking.
    pub booking: Booking,
}

/// The customer got credits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Granted {
    /// The grant.
    pub grant_id: Uuid,
    /// Where they come from.
    pub source: GrantSource,
    /// How many.
    pub credits: i64,
    /// What was paid, for a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// When they expire; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Which are spent first: the lower one.
    pub priority: u8,
    /// Its booking.
    pub booking: Booking,
}

/// The customer got a pass: messages without credits for a time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PassGranted {
    /// The pass.
    pub pass_id: Uuid,
    /// How long it lasts.
    pub period: PassPeriod,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// The first instant at which it is over.
    pub ends_at: DateTime<Utc>,
    /// What was paid; none for a gift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// Its booking.
    pub booking: Booking,
}

/// The customer sent messages: for credits, or under a pass.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Spent {
    /// The spend.
    pub spend_id: Uuid,
    /// How many messages.
    pub messages: i64,
    /// What they cost; nothing under a pass.
    pub credits: i64,
    /// From which grants it was taken, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// The pass, when they were sent under one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_id: Option<Uuid>,
    /// How many credits may be spent after it.
    pub balance: i64,
    /// Its booking.
    pub booking: Booking,
}

/// Credits were put aside for messages that are under way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Held {
    /// The hold.
    pub hold_id: Uuid,
    /// How many messages.
    pub messages: i64,
    /// How many credits.
    pub credits: i64,
    /// From which grants, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// The pass, when the messages are sent under one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_id: Option<Uuid>,
    /// When they are given back by themselves.
    pub expires_at: DateTime<Utc>,
    /// How many credits may be spent after it.
    pub balance: i64,
    /// Its booking.
    pub booking: Booking,
}

/// What was put aside was spent, in whole or in part.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HoldCaptured {
    /// The hold, which is the spend's id too.
    pub hold_id: Uuid,
    /// How many messages.
    pub messages: i64,
    /// How many credits were spent.
    pub credits: i64,
    /// From which grants, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// What was given back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Slice>,
    /// The pass, when the messages were sent under one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_id: Option<Uuid>,
    /// How many credits may be spent after it.
    pub balance: i64,
    /// Its booking.
    pub booking: Booking,
}

/// What was put aside was given back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HoldReleased {
    /// The hold.
    pub hold_id: Uuid,
    /// Why.
    pub cause: ReleaseCause,
    /// To which grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// Its booking.
    pub booking: Booking,
}

/// Spent credits were given back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SpendReversed {
    /// The reversal.
    pub reversal_id: Uuid,
    /// The spend.
    pub spend_id: Uuid,
    /// How many credits.
    pub credits: i64,
    /// To which grants, with the money that is not earned any more.
    pub slices: Vec<Slice>,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// The credits of a grant ran out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct GrantExpired {
    /// The credits that ran out, with the money that was paid for them and is earned now.
    pub slice: Slice,
    /// When they expired, which may be before it was booked.
    pub effective_at: DateTime<Utc>,
    /// Its booking.
    pub booking: Booking,
}

/// Bought credits were taken back against their money.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct GrantRefunded {
    /// The refund.
    pub refund_id: Uuid,
    /// The credits that were taken back, with the money that goes back.
    pub slice: Slice,
    /// The payment that the money goes back to.
    pub payment_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// A part of the price went back. What was paid for goes on with the rest, unless it was the last part.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PartRefunded {
    /// The refund.
    pub refund_id: Uuid,
    /// The unused credits that were taken back, which may be none, with what they were worth; of a pass,
    /// what was not earned yet.
    pub slice: Slice,
    /// The money that went back.
    pub amount: Money,
    /// Nothing of the price is left.
    pub is_last: bool,
    /// The payment that the money went back to.
    pub payment_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// The money of a refund came back, and so do its credits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefundReturned {
    /// The refund.
    pub refund_id: Uuid,
    /// The credits that the customer has again, with the money that came back.
    pub slice: Slice,
    /// Its booking.
    pub booking: Booking,
}

/// Given credits were taken back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct GrantRevoked {
    /// The credits that were taken back.
    pub slice: Slice,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// The payment of a grant or pass is disputed; it cannot be used until the dispute is closed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DisputeOpened {
    /// The dispute.
    pub dispute_id: Uuid,
    /// The grant or pass.
    pub grant_id: Uuid,
    /// What the provider holds back.
    pub amount: Money,
    /// Its booking.
    pub booking: Booking,
}

/// A dispute ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DisputeClosed {
    /// The dispute.
    pub dispute_id: Uuid,
    /// The grant or pass.
    pub grant_id: Uuid,
    /// How it ended.
    pub outcome: DisputeOutcome,
    /// What the provider gave back or keeps.
    pub amount: Money,
    /// How many unused credits were taken back; none unless it was lost.
    pub revoked: i64,
    /// How many spent credits the customer owes; none unless it was lost.
    pub owed: i64,
    /// How much of the money was not earned yet and never will be; nothing unless it was lost.
    pub unearned_minor: i64,
    /// Its booking.
    pub booking: Booking,
}

/// Bought credits covered what the customer owed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DebtCovered {
    /// The credits that covered it, with the money that is earned by it.
    pub slice: Slice,
    /// Its booking.
    pub booking: Booking,
}

/// What the customer owed was forgiven.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DebtWrittenOff {
    /// How many credits.
    pub credits: i64,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// A part of a pass is over and earned.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PassRecognised {
    /// The pass.
    pub pass_id: Uuid,
    /// How many of its days are over.
    pub days: i64,
    /// What was earned by it since the last time; none when nothing was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
    /// Its booking.
    pub booking: Booking,
}

/// A pass was ended against what was left of its money.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PassRefunded {
    /// The pass.
    pub pass_id: Uuid,
    /// The money that goes back.
    pub value: Money,
    /// The payment that it goes back to.
    pub payment_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
    /// Its booking.
    pub booking: Booking,
}

/// Few credits are left; said once until there were more again. It moves nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Low {
    /// How many credits may be spent.
    pub balance: i64,
    /// The threshold of the tenant's rules that was reached.
    pub threshold: i64,
    /// Its booking.
    pub booking: Booking,
}

/// The customer of a tenant that is there for tests began anew. It moves nothing itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ResetBegun {
    /// How often that was, with this time.
    pub round: i64,
    /// Its booking.
    pub booking: Booking,
}

/// Something was booked that belongs to no customer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Adjusted {
    /// The id under which it was asked for.
    pub adjustment_id: Uuid,
    /// Why.
    pub cause: AdjustmentCause,
    /// What it is about: a statement, or a difference.
    pub about: Uuid,
    /// From when on it holds.
    pub effective_at: DateTime<Utc>,
    /// What was moved.
    pub postings: Vec<Posting>,
    /// The booking.
    pub booking: Booking,
}
