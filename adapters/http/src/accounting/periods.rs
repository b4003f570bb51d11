//! The pages of the months: which are closed, the report of one, and how it is closed and opened again.

mod show;
mod work;

use axum::{
    Router,
    routing::{get, post},
};

use crate::state::ApiState;

/// The pages; whoever routes them here has asked for a session.
pub(super) fn pages() -> Router<ApiState> {
    Router::new()
        .route("/admin/periods", get(show::list))
        .route("/admin/periods/{month}", get(show::period))
        .route("/admin/periods/{month}/report.csv", get(show::report_table))
        .route("/admin/periods/{month}/report.txt", get(show::report_text))
        .route("/admin/periods/{month}/report.xlsx", get(show::report_workbook))
        .route("/admin/periods/{month}/late-entries.csv", get(show::late_table))
        .route("/admin/periods/{month}/{step}", post(work::step))
}
