//! The operations page: how everything is, what waits for an operator, and why something is as it
//! is. Behind a login for people, and under `/v1/operations` for programs; both ask the same code.

mod actions;
mod api;
mod charts;
mod find;
mod history;
mod letters;
mod login;
mod operator;
mod overview;
mod pages;
mod shell;
mod stream;
mod words;

use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    routing::{get, post},
};

pub(crate) use self::{api::router as api_router, history::Recorder};
use crate::state::ApiState;

/// The pages. Everything under `/admin` needs a session; what is not listed here does not exist.
pub(crate) fn pages(state: &ApiState) -> Router<ApiState> {
    let admin = Router::new()
        .route("/admin", get(pages::home))
        .route("/admin/operations", get(pages::overview))
        .route("/admin/operations/figures.json", get(pages::figures))
        .route("/admin/operations/leases", get(pages::leases))
        .route("/admin/operations/dead-letters", get(pages::letters))
        .route("/admin/operations/dead-letters/{id}", get(pages::letter))
        .route("/admin/operations/dead-letters/{id}/retry", post(pages::retry))
        .route("/admin/operations/dead-letters/{id}/skip", post(pages::skip))
        .route("/admin/operations/why", get(pages::why))
        .route("/admin/operations/streams/{id}", get(pages::stream))
        .route("/admin/operations/streams/{id}/personal", post(pages::stream_personal))
        .route("/admin/operations/actions", get(pages::actions))
        .route("/logout", post(login::log_out))
        .route_layer(from_fn_with_state(state.clone(), operator::require_session));
    Router::new()
        .route("/login", get(login::form).post(login::log_in))
        .merge(admin)
        .layer(map_response(shell::worded))
}
