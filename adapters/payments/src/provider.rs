//! The port of a provider: what Kontor asks it, and what it says.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use kontor_domain::{
    Money,
    billing::Card,
    credit_ledger::{CorrectionReason, PaymentProvider},
    payment::PaymentCommand,
    provider_statement::{StatementLine, StatementSource},
};
use kontor_postgres::checkouts::Asked;
use serde_json::Value;
use uuid::Uuid;

/// An account with a provider.
///
/// Whatever has an effect is called with the same key again and again until its outcome is known, and
/// may have worked although its answer was lost: an implementation derives the provider's key for
/// that from the ids in the order, and looks before it asks again when the first time is longer ago
/// than the provider remembers.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Which provider it is.
    fn kind(&self) -> PaymentProvider;

    /// Whether nothing can be paid on a page any more once a payment on it was refused.
    fn failure_ends_page(&self) -> bool {
        false
    }

    /// Whether a notification is the provider's, and what of it is stored. Nothing is called.
    ///
    /// # Errors
    /// When it is turned away.
    fn accept(&self, notice: &Notice<'_>) -> Result<Accepted, Denied>;

    /// What a stored notification means, by what the provider says when it is asked now.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later.
    async fn read(&self, payload: &Value) -> Result<Heard, CallError>;

    /// Opens the page of a payment. The same order again finds the same page.
    ///
    /// # Errors
    /// [`CallError::Refused`] when there will never be one; anything else is tried again.
    async fn open(&self, order: &Order) -> Result<Checkout, CallError>;

    /// How far the payment of a page has come.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later.
    async fn look_up(&self, order: &Order, provider_ref: &str) -> Result<Looked, CallError>;

    /// Pays a charge or a part of it back, or says how far that is. The same order again pays nothing twice.
    ///
    /// # Errors
    /// [`CallError::Refused`] when this call pays nothing and none like it will; anything else is
    /// tried again. What cannot be looked up is unknown, never refused.
    async fn refund(&self, order: &RefundOrder) -> Result<RefundAnswer, CallError>;

    /// Charges a card that is kept, without its holder, or says what became of that. The same order
    /// again charges nothing twice: when it was sent before it is looked for first, and it is asked
    /// for again only while the provider knows the key.
    ///
    /// # Errors
    /// [`CallError::Refused`] when nothing was charged and nothing will be; anything else is tried
    /// again.
    async fn charge(&self, order: &ChargeOrder) -> Result<Charged, CallError>;

    /// The card that was paid with and is kept; none when it is not kept.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later.
    async fn kept_card(&self, charge_ref: &str) -> Result<Option<KeptCard>, CallError>;

    /// Removes a card that is kept. One that is not there any more is removed.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later.
    async fn remove_card(&self, removal: &CardRemoval) -> Result<(), CallError>;

    /// Notifications since an instant that may not have arrived. They are stored as if they had.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later, from the same instant.
    async fn sweep(&self, since: DateTime<Utc>) -> Result<Swept, CallError>;

    /// Whose statement can be drawn by asking; none where somebody has to send files.
    fn statement_source(&self) -> Option<StatementSource> {
        None
    }

    /// What moved on the account from an instant up to another, as its files say it.
    ///
    /// # Errors
    /// When the provider cannot be asked; it is asked again later, from the same instant.
    async fn statement(
        &self,
        _between: (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<StatementLine>, CallError> {
        Ok(Vec::new())
    }
}

/// What came in at the route of notifications.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte by byte.
    pub body: &'a [u8],
    /// Who is at the other end, as the first trusted hop saw it; none when nobody knows.
    pub peer: Option<IpAddr>,
    /// When it came.
    pub now: DateTime<Utc>,
}

/// A notification to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The provider's id of it: the same again is dropped.
    pub external_id: String,
    /// Notifications of one key are worked on in order of arrival.
    pub key: String,
    /// What is stored: enough to ask the provider, and nothing about people.
    pub payload: Value,
}

/// What a sweep has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Swept {
    /// The notifications, in the order in which they are worked on.
    pub found: Vec<Accepted>,
    /// There are no others. When there are, the next sweep begins at the same instant.
    pub is_whole: bool,
}

/// A notification that is turned away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Denied {
    /// The HTTP status.
    pub status: u16,
    /// Why, as a code for the record of denied attempts.
    pub reason: &'static str,
}

/// What a notification means.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Facts about payments; none when it says nothing new.
    Said(Vec<Said>),
    /// It does not hold: its object is unknown, or is not as it says. Recorded as a denied attempt.
    Denied(&'static str),
}

/// A fact about a payment, as the command that records it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The payment.
    pub payment_id: Uuid,
    /// The fact.
    pub command: PaymentCommand,
}

/// A page that is to be opened, or was.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The payment.
    pub payment_id: Uuid,
    /// What is asked for.
    pub asked: Asked,
    /// When the provider was asked before; none the first time.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// The customer wants the card to be kept that they pay with.
    pub keep_card: bool,
    /// Who the customer is at the provider, when that is known.
    pub customer_ref: Option<String>,
}

/// A charge without the card's holder.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargeOrder {
    /// The payment.
    pub payment_id: Uuid,
    /// What is charged.
    pub asked: Asked,
    /// The provider's id of the card.
    pub method_ref: String,
    /// The provider's id of its holder.
    pub customer_ref: Option<String>,
    /// When the provider was asked before; none the first time.
    pub first_sent_at: Option<DateTime<Utc>>,
    /// It may still be charged; otherwise it is only looked for.
    pub is_in_time: bool,
}

/// What the provider says of a charge.
#[derive(Clone, Debug, PartialEq)]
pub enum Charged {
    /// It was paid.
    Paid {
        /// The provider's id of the charge.
        provider_ref: String,
        /// What was charged.
        amount: Money,
    },
    /// The bank takes its time.
    Waiting {
        /// The provider's id of the charge.
        provider_ref: String,
    },
    /// The bank wants the card's holder; nothing was charged.
    NeedsCustomer,
    /// It was refused, for this reason, a code of `a-z`, `0-9` and `_`.
    Declined(String),
    /// It is not there, and is not asked for any more.
    Absent,
}

/// A card that a provider keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCard {
    /// The provider's id of it.
    pub method_ref: String,
    /// The provider's id of its holder.
    pub customer_ref: Option<String>,
    /// What is shown of it.
    pub card: Option<Card>,
}

/// A card that is to be removed.
#[derive(Clone, Debug, PartialEq)]
pub struct CardRemoval {
    /// Its id in events.
    pub method_id: Uuid,
    /// The provider's id of it.
    pub method_ref: String,
    /// The provider's id of its holder, when that is to be removed, too.
    pub customer_ref: Option<String>,
}

/// A page that is open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkout {
    /// The provider's id of it.
    pub provider_ref: String,
    /// Its address.
    pub url: String,
}

/// What the provider says of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// Facts about its payment.
    pub said: Vec<Said>,
    /// Nothing more is expected of it.
    pub is_over: bool,
}

/// A charge that is to be paid back, all or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RefundOrder {
    /// The refund.
    pub refund_id: Uuid,
    /// The payment.
    pub payment_id: Uuid,
    /// The provider's id of the charge.
    pub charge_ref: String,
    /// What goes back.
    pub amount: Money,
    /// Why; none when nobody said.
    pub reason: Option<CorrectionReason>,
    /// The provider's id of the refund, when it is known.
    pub provider_ref: Option<String>,
    /// When the provider was asked before; none the first time.
    pub first_sent_at: Option<DateTime<Utc>>,
}

/// What the provider says of a refund.
#[derive(Clone, Debug, PartialEq)]
pub struct RefundAnswer {
    /// The provider's id of it.
    pub provider_ref: Option<String>,
    /// How far it has come.
    pub state: RefundState,
}

/// How far a refund has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RefundState {
    /// The money is on its way for good.
    Paid,
    /// The provider has not decided; it is asked again.
    Open,
    /// It will not be paid, for this reason, a code of `a-z`, `0-9` and `_`.
    Failed(String),
}

/// Why a call came to nothing, or to nothing that is known. It holds no secret and no address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallError {
    /// It may have worked. It is made again under the same key.
    #[error("the outcome of the call is not known: {0}")]
    Unknown(String),
    /// It did nothing, and may work later.
    #[error("the provider asks to come again later: {why}")]
    Later {
        /// When.
        after: Option<Duration>,
        /// What it says.
        why: String,
    },
    /// The account's secret is refused: somebody has to correct the settings.
    #[error("the provider refuses the account's secret ({0})")]
    Secret(u16),
    /// It did nothing, and never will.
    #[error("the provider refuses it: {code}")]
    Refused {
        /// The provider's code, of `a-z`, `0-9` and `_`.
        code: String,
    },
}

impl CallError {
    /// The same of a look at what an earlier call may have done: that a look is refused says nothing
    /// about that call.
    pub(crate) fn of_look(self) -> Self {
        match self {
            Self::Refused { code } => Self::Unknown(format!("a look at it is refused: {code}")),
            Self::Unknown(_) | Self::Later { .. } | Self::Secret(_) => self,
        }
    }
}
