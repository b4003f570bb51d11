//! Why a command to a credit ledger is refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BooksDefect;
use crate::{Currency, Refusal};

/// Why a command to a credit ledger is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum CreditLedgerRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// The tenant deals with no credits.
    #[error(
        "this tenant deals with no credits; switch them on first, as `enabled` of its `credit_rules`"
    )]
    CreditsOff,
    /// The tenant is not there for tests.
    #[error("only customers of a tenant with `test_switch` in its `credit_rules` begin anew")]
    TestSwitchOff,
    /// The ledger was not opened.
    #[error("this customer has no credit ledger yet; open it first")]
    LedgerUnknown,
    /// The ledger's id does not follow from its account.
    #[error("a ledger's id follows from its account; send the command to {expected}")]
    IdMismatch {
        /// The id that is right.
        expected: Uuid,
    },
    /// A customer does what is for the staff, or acts for another's account.
    #[error(
        "customers may open their own ledger, claim its bonus and spend its credits; the rest is for the staff"
    )]
    NotAllowed,
    /// The books of the ledger do not hold.
    #[error(
        "the books of this ledger do not hold since event {number} ({reason}); nothing is booked until the staff has looked at it"
    )]
    BooksBroken {
        /// The event.
        number: i64,
        /// In which way.
        #[serde(rename = "books")]
        reason: BooksDefect,
    },
    /// A figure is out of range.
    #[error("`{field}` must be from {min} to {max}")]
    OutOfRange {
        /// The field.
        field: String,
        /// The smallest that is accepted.
        min: i64,
        /// The largest that is accepted.
        max: i64,
    },
    /// An instant is too early or too late.
    #[error("`{field}` must be later than {after} and before {before}")]
    InstantOutOfRange {
        /// The field.
        field: String,
        /// The instant before the first that is accepted.
        after: DateTime<Utc>,
        /// The instant after the last that is accepted.
        before: DateTime<Utc>,
    },
    /// A purchase without a payment, or a gift with one.
    #[error("a purchase has a `payment`, and no other grant has one")]
    PaymentMismatch,
    /// Welcome and tutorial credits follow from the tenant's rules.
    #[error(
        "only purchases, gifts and promotions are granted; the other credits follow from the tenant's rules"
    )]
    SourceReserved,
    /// The id names something else already.
    #[error("the id {id} is used for something else already; make a new one")]
    IdReused {
        /// The id.
        id: Uuid,
    },
    /// Too many at once.
    #[error("a customer has at most {max} open {what}; end some of them first")]
    TooMany {
        /// Of what.
        what: String,
        /// The most.
        max: i64,
    },
    /// The customer would own too much.
    #[error("a customer owns at most {max} credits and has {balance}; give at most {possible}")]
    BalanceTooHigh {
        /// What they own.
        balance: i64,
        /// The most.
        max: i64,
        /// What can still be given.
        possible: i64,
    },
    /// The customer was given enough gifts lately.
    #[error("a customer is given at most {max} credits within 24 hours")]
    TooManyGifts {
        /// The most.
        max: i64,
        /// From when on this one is possible, when it ever is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<DateTime<Utc>>,
    },
    /// There are not enough credits.
    #[error("this takes {needed} credits and there are {available}; buy at least {missing} more")]
    NotEnoughCredits {
        /// What it takes.
        needed: i64,
        /// What may be spent.
        available: i64,
        /// What is missing.
        missing: i64,
        /// What waits for a delivery and may come back.
        held: i64,
    },
    /// The customer owes credits.
    #[error("{owed} credits are owed for a payment that was lost; buy at least as many to go on")]
    DebtOpen {
        /// How many.
        owed: i64,
    },
    /// Too many messages in a short time.
    #[error(
        "at most {max} messages are sent within a minute; wait a little, or send fewer at once"
    )]
    TooFast {
        /// The most.
        max: i64,
        /// From when on this is possible, when it ever is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<DateTime<Utc>>,
    },
    /// Too many credits in a day.
    #[error(
        "at most {max} credits are spent within 24 hours; wait, or send fewer messages at once"
    )]
    DayLimit {
        /// The most.
        max: i64,
        /// From when on this is possible, when it ever is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<DateTime<Utc>>,
    },
    /// The credits lie in too many small grants.
    #[error("this would take from more than {max} grants; send fewer messages at once")]
    TooScattered {
        /// The most.
        max: i64,
    },
    /// There is no such hold.
    #[error("there is no hold {id}; hold credits first")]
    HoldUnknown {
        /// The hold.
        id: Uuid,
    },
    /// The hold gave its credits back.
    #[error("the hold {id} gave its credits back; hold them again")]
    HoldOver {
        /// The hold.
        id: Uuid,
        /// Because nobody captured it in time.
        timed_out: bool,
    },
    /// The hold became a spend.
    #[error("the hold {id} was captured; reverse the spend instead")]
    HoldCaptured {
        /// The hold.
        id: Uuid,
    },
    /// There is no such spend any more.
    #[error("the spend {id} is unknown or too old; give credits as a gift instead")]
    SpendUnknown {
        /// The spend.
        id: Uuid,
    },
    /// Nothing is left to be given back.
    #[error("nothing is left of {id} that could be given back")]
    NothingLeft {
        /// The spend, grant or pass.
        id: Uuid,
        /// How many of its credits wait for a delivery.
        held: i64,
    },
    /// There is no such grant or pass.
    #[error("there is no grant or pass {id}")]
    GrantUnknown {
        /// Its id.
        id: Uuid,
    },
    /// Nothing was paid for it.
    #[error("nothing was paid for {id}; revoke it instead")]
    NotPaid {
        /// The grant or pass.
        id: Uuid,
    },
    /// It was paid for.
    #[error("{id} was paid for; refund it instead")]
    Paid {
        /// The grant.
        id: Uuid,
    },
    /// A dispute stands in the way.
    #[error(
        "the payment of {id} is disputed or lost; close the dispute first, or give credits as a gift"
    )]
    Disputed {
        /// The grant or pass.
        id: Uuid,
    },
    /// A currency is not the one that was paid in.
    #[error("`{field}` must be in {expected}, in which it was paid")]
    CurrencyMismatch {
        /// The field.
        field: String,
        /// The currency that was paid in.
        expected: Currency,
    },
    /// There is no such dispute.
    #[error("there is no dispute {id}; open it first")]
    DisputeUnknown {
        /// The dispute.
        id: Uuid,
    },
    /// The dispute ended in another way.
    #[error("the dispute {id} ended in another way already")]
    DisputeOver {
        /// The dispute.
        id: Uuid,
    },
    /// There is no such refund.
    #[error("there is no refund {id}, or it is too old")]
    RefundUnknown {
        /// The refund.
        id: Uuid,
    },
    /// An adjustment would touch what customers have, or an account against itself.
    #[error(
        "an adjustment moves money between two different accounts of providers, bank, reserve, fees and differences; what customers have is corrected in their own ledgers"
    )]
    AccountsNotAdjustable,
}

impl Refusal for CreditLedgerRefusal {}
