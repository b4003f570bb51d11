//! YooKassa at the wire level: shops, payments with a page to pay on, refunds, fiscal receipts, and
//! notifications that carry no signature.
//!
//! The API is below `/yookassa/v3`, the page on which a person pays at `/yookassa/checkout/<id>`, and
//! what end-to-end tests steer below `/sandbox/yookassa`. No money is anywhere.

mod answer;
mod api;
mod control;
mod create;
mod error;
mod list;
mod notices;
mod page;
mod state;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub(crate) use control::router as control;
pub(crate) use notices::deliver_until_stopped;
pub(crate) use state::{Kept, YooKassa};

use crate::shared::Shared;

/// One shop of the YooKassa stand-in: an account that takes money.
#[derive(Clone)]
pub struct YooKassaShop {
    /// The shop's number, as in YooKassa's cabinet.
    pub shop_id: String,
    /// The key that goes with it.
    pub secret_key: String,
    /// Where notifications go: in YooKassa's cabinet this is a field of the shop's settings.
    pub notification_url: String,
}

impl fmt::Debug for YooKassaShop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("YooKassaShop")
            .field("shop_id", &self.shop_id)
            .field("notification_url", &self.notification_url)
            .finish_non_exhaustive()
    }
}

/// Everything under `/yookassa`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .nest("/v3", api::router())
        .route("/checkout/{id}", get(page::show).post(page::act))
        .route("/assets/checkout.css", get(page::style))
        .layer(axum::extract::DefaultBodyLimit::max(crate::limits::PLAIN_BODY_BYTES))
}
