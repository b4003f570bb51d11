//! What happens at Stripe without the seller: banks, holders of cards, the seller's own clicks there.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Body};
use crate::shared::Shared;
use crate::stripe::{self, StripeError};

/// Everything under `/sandbox/stripe`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/{shop}", get(objects))
        .route("/{shop}/payouts", post(pay_out))
        .route("/pages/{id}/expire", post(expire))
        .route("/intents/{id}/refund", post(refund))
        .route("/intents/{id}/dispute", post(dispute))
        .route("/refunds/{id}/fail", post(fail_refund))
        .route("/disputes/{id}/close", post(close_dispute))
}

impl From<StripeError> for ApiError {
    fn from(error: StripeError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, error.message())
    }
}

type Answer = Result<Json<Value>, ApiError>;

/// All pages, intents, refunds, disputes, kept cards, customers, events and balance transactions of an
/// account, newest first.
async fn objects(State(shared): State<Arc<Shared>>, Path(shop): Path<String>) -> Json<Value> {
    Json(shared.with(|world| {
        let list = |prefix| world.stripe.list(&shop, prefix);
        json!({
            "pages": list("cs_"), "intents": list("pi_"), "refunds": list("re_"),
            "disputes": list("du_"), "events": list("evt_"), "transactions": list("txn_"),
            "methods": list("pm_"), "customers": list("cus_"),
        })
    }))
}

/// Stripe sends what is there to the bank.
async fn pay_out(State(shared): State<Arc<Shared>>, Path(shop): Path<String>) -> Answer {
    Ok(Json(stripe::act(&shared, |stripe| stripe.pay_out(&shop))?))
}

async fn expire(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    Ok(Json(stripe::act(&shared, |stripe| stripe.expire(&id))?))
}

#[derive(Deserialize)]
struct Part {
    /// All that is left without it.
    amount: Option<i64>,
}

/// Somebody pays back on Stripe's own page.
async fn refund(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Body(part): Body<Part>,
) -> Answer {
    let done = stripe::act(&shared, |stripe| {
        let (shop, _) = stripe.any(&id, "pi_")?;
        let mut form =
            std::collections::BTreeMap::from([("payment_intent".to_owned(), id.clone())]);
        if let Some(amount) = part.amount {
            form.insert("amount".to_owned(), amount.to_string());
        }
        stripe.refund(&shop, &form)
    });
    Ok(Json(done?))
}

async fn dispute(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    Ok(Json(stripe::act(&shared, |stripe| stripe.dispute(&id))?))
}

async fn fail_refund(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    Ok(Json(stripe::act(&shared, |stripe| stripe.fail_refund(&id))?))
}

#[derive(Deserialize)]
struct Ending {
    won: bool,
}

async fn close_dispute(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Body(ending): Body<Ending>,
) -> Answer {
    Ok(Json(stripe::act(&shared, |stripe| stripe.close_dispute(&id, ending.won))?))
}
