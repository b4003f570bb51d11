//! What can be asked of a credit ledger.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AdjustmentCause, CorrectionReason, DisputeOutcome, GrantSource, PassPeriod, Payment, Posting,
};
use crate::Money;

/// A command to a credit ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CreditLedgerCommand {
    /// Opens the ledger of an account, with the welcome credits of its tenant.
    Open(Open),
    /// Adds credits.
    Grant(Grant),
    /// Rewards the tutorial, once.
    ClaimTutorialBonus(ClaimTutorialBonus),
    /// Adds a pass.
    GrantPass(GrantPass),
    /// Spends credits on messages, or a pass.
    Spend(Spend),
    /// Puts credits aside for messages that are under way.
    Hold(Hold),
    /// Spends what was put aside.
    CaptureHold(CaptureHold),
    /// Gives back what was put aside.
    ReleaseHold(ReleaseHold),
    /// Gives back what was spent.
    ReverseSpend(ReverseSpend),
    /// Takes bought credits back against their money.
    RefundGrant(RefundGrant),
    /// Ends a pass against what is left of its money.
    RefundPass(RefundPass),
    /// Books that a part of a price went back.
    RefundPart(RefundPart),
    /// Records that the money of a refund came back.
    ReturnRefund(ReturnRefund),
    /// Takes given credits back.
    RevokeGrant(RevokeGrant),
    /// Records that a payment is disputed.
    OpenDispute(OpenDispute),
    /// Records how a dispute ended.
    CloseDispute(CloseDispute),
    /// Forgives what the customer owes.
    WriteOffDebt(WriteOffDebt),
    /// Begins anew: what was given is taken back and given again. For tests alone.
    Reset(Reset),
    /// Books what belongs to no customer. In the ledger of the house alone.
    Adjust(Adjust),
    /// Books what is due: expired grants, holds out of time, days of passes. Sent by Kontor itself.
    SettleDue(SettleDue),
}

/// Opens a ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The account; the ledger's id follows from it.
    pub account_id: Uuid,
}

/// Adds credits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// An id that the sender makes and keeps; the same again adds nothing.
    pub grant_id: Uuid,
    /// Where they come from: a purchase, a gift or a campaign.
    pub source: GrantSource,
    /// How many, 1 to 1000000.
    pub credits: i64,
    /// What was paid; a purchase has it, and nothing else has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// When they expire; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// Which are spent first: the lower one, 0 to 100; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

/// Rewards the tutorial.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimTutorialBonus {}

/// Adds a pass. It begins at once, or when the last one ends.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GrantPass {
    /// An id that the sender makes and keeps; the same again adds nothing.
    pub pass_id: Uuid,
    /// How long it lasts.
    pub period: PassPeriod,
    /// What was paid; none for a gift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
}

/// Spends credits on messages.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// An id that the sender makes and keeps; the same again spends nothing.
    pub spend_id: Uuid,
    /// How many messages, 1 to 1000; the tenant's rules say what one costs.
    pub messages: i64,
}

/// Puts credits aside for messages that are under way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// An id that the sender makes and keeps; the spend that becomes of it has the same.
    pub hold_id: Uuid,
    /// How many messages, 1 to 1000.
    pub messages: i64,
}

/// Spends what was put aside.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureHold {
    /// The hold.
    pub hold_id: Uuid,
    /// How many of its credits; all when absent. The rest is given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
}

/// Gives back what was put aside.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHold {
    /// The hold.
    pub hold_id: Uuid,
}

/// Gives back what was spent, to the grants that it was taken from, last first.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReverseSpend {
    /// An id that the sender makes and keeps; the same again gives nothing back.
    pub reversal_id: Uuid,
    /// The spend, or the hold that was captured.
    pub spend_id: Uuid,
    /// How many credits; all that were not given back yet when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
    /// Why.
    pub reason: CorrectionReason,
}

/// Takes bought credits back against their money.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RefundGrant {
    /// An id that the sender makes and keeps; the same again refunds nothing.
    pub refund_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
    /// How many of its unused credits; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
    /// Why.
    pub reason: CorrectionReason,
}

/// Ends a pass against what is left of its money.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RefundPass {
    /// The pass.
    pub pass_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
    /// What the provider paid back, where that is known; what is left must be exactly that much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
}

/// Books that a part of a price went back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RefundPart {
    /// An id that the sender makes and keeps; the same again refunds nothing.
    pub refund_id: Uuid,
    /// The grant or pass.
    pub grant_id: Uuid,
    /// What was paid back.
    pub amount: Money,
    /// How many unused credits are to be taken for it, as far as there are any; as many as the amount
    /// pays for when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
    /// Nothing of the price is left after it: then all that was bought must still be there.
    pub is_last: bool,
    /// Why.
    pub reason: CorrectionReason,
}

/// Records that the money of a refund came back: the provider could not pay it out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnRefund {
    /// The refund.
    pub refund_id: Uuid,
}

/// Takes given credits back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeGrant {
    /// The grant.
    pub grant_id: Uuid,
    /// Why.
    pub reason: CorrectionReason,
}

/// Records that the payment of a grant or pass is disputed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDispute {
    /// An id that the sender makes from the provider's.
    pub dispute_id: Uuid,
    /// The grant or pass.
    pub grant_id: Uuid,
    /// What the provider holds back.
    pub amount: Money,
}

/// Records how a dispute ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CloseDispute {
    /// The dispute.
    pub dispute_id: Uuid,
    /// How it ended.
    pub outcome: DisputeOutcome,
}

/// Forgives what the customer owes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WriteOffDebt {
    /// Why.
    pub reason: CorrectionReason,
}

/// Begins anew, in a tenant that is there for tests.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {}

/// Books what is due.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SettleDue {}

/// Books what belongs to no customer: fees, payouts, and what a reconciliation corrects.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// An id that the sender makes and keeps; the same again books nothing.
    pub adjustment_id: Uuid,
    /// Why.
    pub cause: AdjustmentCause,
    /// What it is about: a statement, or a difference.
    pub about: Uuid,
    /// From when on it holds; not later than it is booked.
    pub effective_at: DateTime<Utc>,
    /// What is moved, 1 to 36 times.
    pub postings: Vec<Posting>,
}
