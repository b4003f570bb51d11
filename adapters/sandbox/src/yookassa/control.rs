//! What end-to-end tests and curious people steer: `/sandbox/yookassa/…`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{RefundMood, Status, YooKassa};
use crate::api::{ApiError, Body};
use crate::faults::NewRule;
use crate::shared::Shared;
use crate::world::World;

/// Everything under `/sandbox/yookassa`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/state", get(state))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/refunds", put(refunds))
        .route("/payments/{id}/expire", post(expire))
}

/// Everything that there is, newest first, and how much was charged and paid back.
async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| {
        world.yookassa.tidy();
        let yookassa = &world.yookassa;
        let payments = yookassa.kept.payments.iter().rev();
        let payments: Vec<Value> = payments
            .map(|payment| {
                let mut value = yookassa.payment_value(payment, "");
                value["receipt"] = json!(payment.receipt.as_ref().map(|receipt| &receipt.asked));
                value
            })
            .collect();
        let refunds = yookassa.kept.refunds.iter().rev().map(YooKassa::refund_value);
        let charges = |payment: &&super::state::Payment| payment.status == Status::Succeeded;
        json!({
            "charges": yookassa.kept.payments.iter().filter(charges).count(),
            "notifications_waiting": yookassa.kept.notices.len(),
            "payments": payments,
            "refunds": refunds.collect::<Vec<_>>(),
        })
    }))
}

async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!({ "faults": world.yookassa.faults.list() })))
}

/// `method` is an operation (`create_payment`, `get_payment`, `list_payments`, `create_refund`,
/// `notification`, …) or, for notifications that come twice, late or never, an event; `bot` is a shop.
async fn add_fault(
    State(shared): State<Arc<Shared>>,
    Body(rule): Body<NewRule>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    match shared.with(|world| world.yookassa.faults.add(rule)) {
        Some(rule) => Ok((StatusCode::CREATED, Json(json!(rule)))),
        None => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "there are too many rules, the delay is too long, or the count is 0",
        )),
    }
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(|world| world.yookassa.faults.clear());
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Mood {
    mood: RefundMood,
}

/// What becomes of refunds from now on: `at_once`, `later` or `canceled_later`.
async fn refunds(State(shared): State<Arc<Shared>>, Body(asked): Body<Mood>) -> StatusCode {
    shared.with(|world| world.yookassa.refunds = asked.mood);
    StatusCode::NO_CONTENT
}

/// The hour in which a payment can be confirmed is over.
async fn expire(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let is_there = shared.with(|world: &mut World| {
        let expired = world.yookassa.change(&id, |payment, now_ms| payment.expires_ms = now_ms);
        world.yookassa.tidy();
        world.changed();
        expired
    });
    if is_there {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::new(StatusCode::NOT_FOUND, "there is no such payment"))
}
