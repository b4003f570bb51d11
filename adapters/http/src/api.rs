//! The endpoints under `/v1`, one module per noun.

pub(crate) mod accounts;
pub(crate) mod billing;
pub(crate) mod books;
pub(crate) mod commands;
pub(crate) mod documents;
pub(crate) mod ledgers;
pub(crate) mod meters;
pub(crate) mod payments;
pub(crate) mod periods;
pub(crate) mod products;
pub(crate) mod readings;
pub(crate) mod reconciliation;
pub(crate) mod subjects;
pub(crate) mod tenants;
pub(crate) mod values;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// All endpoints that need a key, with their part of the OpenAPI document.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(tenants::router())
        .merge(accounts::router())
        .merge(meters::router())
        .merge(readings::router())
        .merge(ledgers::router())
        .merge(books::router())
        .merge(payments::router())
        .merge(periods::router())
        .merge(billing::router())
        .merge(products::router())
        .merge(reconciliation::router())
        .merge(commands::router())
        .merge(subjects::router())
        .merge(crate::operations::api_router())
}
