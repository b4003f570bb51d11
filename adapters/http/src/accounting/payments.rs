//! The pages of payments: what was bought and what went back, and paying back all or a part of it.

mod refund;
mod show;

use axum::{Router, routing::get};

pub(crate) use self::refund::ask as pay_back;
use crate::state::ApiState;

/// The pages; whoever routes them here has asked for a session. Paying back is routed beside the pages
/// of operators.
pub(super) fn pages() -> Router<ApiState> {
    Router::new()
        .route("/admin/payments", get(show::list))
        .route("/admin/payments/{id}", get(show::payment))
}
