//! Payments by card: providers' pages, their notifications, refunds and disputes.
//!
//! A *provider* is a port ([`Provider`]); what is the same for all of them is here: notifications are
//! stored before they are acknowledged, one owner per account drives them to known outcomes, a page
//! is opened for whoever wants one, refunds are paid out, and what may have been lost is looked for.
//! What a provider says is believed only when it was fetched from the provider itself, and reaches
//! the `payment` as a fact, so that twice, late and out of order end alike.

mod cards;
mod cashier;
mod cashiers;
mod charges;
mod checkouts;
mod denied;
mod drawing;
mod facts;
mod inbox;
mod provider;
mod refunds;
mod settings;
mod stripe;
mod webhook;
mod wire;
mod yookassa;

pub use cashiers::{Cashiers, CashiersError};
pub use provider::{
    Accepted, CallError, CardRemoval, ChargeOrder, Charged, Checkout, Denied, Heard, KeptCard,
    Looked, Notice, Order, Provider, RefundAnswer, RefundOrder, RefundState, Said, Swept,
};
pub use settings::{Account, PaymentsSettings, channel, provider_name};
pub use stripe::{Stripe, StripeSettings};
pub use wire::{Answered, Wire, WireError};
pub use yookassa::{
    Network, NetworkError, ReceiptSettings, ReceiptSettingsError, YOOKASSA_NETWORKS, YooKassa,
    YooKassaSettings,
};
