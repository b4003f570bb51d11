//! The operations page: how everything is, what waits for an operator, and why something is as it
//! is; and the page on which the staff keeps its products. Behind a login for people, and under `/v1/operations` for programs; both ask the same code.

mod actions;
mod api;
mod charts;
pub(crate) mod csv;
mod exports;
mod filters;
mod find;
mod history;
mod letters;
mod live;
mod login;
pub(crate) mod operator;
mod overview;
mod pages;
mod places;
mod processes;
mod products;
pub(crate) mod shell;
mod stream;
mod webhooks;
mod words;

use axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    routing::{get, post},
};

pub(crate) use self::products::minor_of;
pub(crate) use self::words::in_query;
pub(crate) use self::{api::router as api_router, history::Recorder, places::Places};
use crate::state::ApiState;

/// The pages. Everything under `/admin` needs a session; what is not listed here does not exist.
pub(crate) fn pages(state: &ApiState) -> Router<ApiState> {
    // These keep themselves up to date: asked for as an event stream they send what changes.
    let live = Router::new()
        .route("/admin/operations", get(pages::overview))
        .route("/admin/operations/processes", get(pages::processes))
        .route("/admin/operations/dead-letters", get(pages::letters))
        .route("/admin/operations/dead-letters/{id}", get(pages::letter))
        .route("/admin/operations/webhooks", get(webhooks::page))
        .route("/admin/operations/webhooks/{name}", get(webhooks::show))
        .route("/admin/operations/why", get(pages::why))
        .route("/admin/operations/actions", get(pages::actions))
        .route("/admin/products", get(products::list).post(products::create))
        .route_layer(from_fn_with_state(state.clone(), live::live));
    let admin = Router::new()
        .route("/admin", get(pages::home))
        .route("/admin/operations/dead-letters.csv", get(exports::letters))
        .route("/admin/operations/dead-letters/{id}/retry", post(pages::retry))
        .route("/admin/operations/dead-letters/{id}/skip", post(pages::skip))
        .route("/admin/operations/webhooks/{name}/pause", post(webhooks::pause))
        .route("/admin/operations/webhooks/{name}/resume", post(webhooks::resume))
        .route("/admin/operations/streams/{id}", get(pages::stream))
        .route("/admin/operations/streams/{id}/events.csv", get(exports::events))
        .route("/admin/operations/streams/{id}/personal", post(pages::stream_personal))
        .route("/admin/operations/actions.csv", get(exports::actions))
        .route("/admin/products/new", get(products::blank))
        .route("/admin/products/{id}", get(products::show).post(products::change))
        .route("/admin/products/{id}/activate", post(products::activate))
        .route("/admin/products/{id}/deactivate", post(products::deactivate))
        .route("/admin/payments/{id}/refunds", post(crate::accounting::pay_back))
        .merge(live)
        .route_layer(from_fn_with_state(state.clone(), operator::require_operator))
        .route("/logout", post(login::log_out))
        .merge(crate::accounting::pages())
        .route_layer(from_fn_with_state(state.clone(), operator::require_session));
    Router::new()
        .route("/login", get(login::form).post(login::log_in))
        .merge(admin)
        .layer(map_response(shell::worded))
}
