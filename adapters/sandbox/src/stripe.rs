//! Stripe, as far as payments by card need it: pages to pay on, intents, refunds, disputes, events and
//! signed webhooks.
//!
//! Shapes, codes and rules are those of the version that the program asks for. Calls go through the
//! same fault rules as the Bot API, under names such as `stripe.refunds.create`, and webhooks as
//! updates under the names of their events, such as `stripe.refund.created`.

mod api;
mod balance;
mod cards;
mod deliver;
mod error;
mod methods;
mod page;
mod refunds;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};

pub(crate) use self::deliver::deliver_until_stopped;
pub(crate) use self::error::StripeError;
pub(crate) use self::state::{Stripe, StripeKept};
use crate::shared::Shared;

/// The largest body of a call.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Everything under `/stripe`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/checkout/sessions", post(api::open_page))
        .route("/v1/checkout/sessions/{id}", get(api::page))
        .route("/v1/payment_intents", post(api::charge).get(api::intents))
        .route("/v1/payment_intents/{id}", get(api::intent))
        .route("/v1/payment_methods/{id}", get(api::method))
        .route("/v1/payment_methods/{id}/detach", post(api::detach))
        .route("/v1/customers/{id}", delete(api::delete_customer))
        .route("/v1/refunds", post(api::refund).get(api::refunds))
        .route("/v1/refunds/{id}", get(api::one_refund))
        .route("/v1/disputes/{id}", get(api::dispute))
        .route("/v1/balance_transactions", get(api::transactions))
        .route("/v1/events", get(api::events))
        .route("/pay/{id}", get(page::show).post(page::pay))
        .route("/pay/{id}/confirm", post(page::confirm))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Does something at Stripe, and sends what follows from it on its way.
pub(crate) fn act<T>(shared: &Shared, act: impl FnOnce(&mut Stripe) -> T) -> T {
    shared.with(|world| {
        let done = act(&mut world.stripe);
        for (shop, event_id, kind) in world.stripe.take_fresh() {
            let name = format!("stripe.{kind}");
            let (arrival, _) = world.faults.arrival(&shop, &name, 0);
            let wrong = world.faults.strike_signature(&shop, &name);
            world.stripe.send(&shop, &event_id, (arrival, wrong));
        }
        world.changed();
        done
    })
}
