//! The pages of the reconciliation: files in, what fits nothing, and the work on it.

mod files;
mod show;
mod work;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::state::ApiState;

/// What stands around a file in a form.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// The pages; whoever routes them here has asked for a session.
pub(super) fn pages() -> Router<ApiState> {
    let limit = kontor_statements::BYTES_MAX.saturating_add(FORM_BYTES_MAX);
    Router::new()
        .route("/admin/reconciliation/statements", post(files::take))
        .route_layer(DefaultBodyLimit::max(limit))
        .route("/admin/reconciliation", get(show::overview))
        .route("/admin/reconciliation/days", get(show::days))
        .route("/admin/reconciliation/days.csv", get(show::days_table))
        .route("/admin/reconciliation/differences.csv", get(show::differences_table))
        .route("/admin/reconciliation/differences/{id}", get(show::difference))
        .route("/admin/reconciliation/differences/{id}/{step}", post(work::step))
}
