//! The pages of accountants: trial balance, statements, and the booking behind each line, which read
//! what `/v1/books` reads and change nothing; the months, which they close; the reconciliation, where
//! they settle differences; and payments, which operators pay back.

mod booking;
mod desk;
mod forms;
mod pages;
mod payments;
mod periods;
mod reconciliation;

use axum::{Router, routing::get};

pub(crate) use self::payments::pay_back;
use crate::state::ApiState;

/// The pages; whoever routes them here has asked for a session.
pub(crate) fn pages() -> Router<ApiState> {
    Router::new()
        .route("/admin/books", get(pages::trial_balance))
        .route("/admin/books/trial-balance.csv", get(pages::trial_balance_table))
        .route("/admin/books/accounts/{account}", get(pages::account))
        .route("/admin/books/accounts/{account}/statement.csv", get(pages::account_table))
        .route("/admin/books/ledgers/{id}", get(pages::ledger))
        .route("/admin/books/ledgers/{id}/statement.csv", get(pages::ledger_table))
        .route("/admin/books/bookings/{position}", get(booking::page))
        .merge(payments::pages())
        .merge(periods::pages())
        .merge(reconciliation::pages())
}
