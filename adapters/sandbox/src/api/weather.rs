//! The weather: fault rules, and the record of calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Body};
use crate::faults::NewRule;
use crate::shared::Shared;
use crate::world::World;
use crate::world::events::Event;

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Only calls after this one.
    #[serde(default)]
    since: u64,
    /// Only this method, in any letter case.
    method: Option<String>,
    /// Only this chat.
    chat_id: Option<i64>,
}

pub(super) async fn calls(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Json<Value> {
    Json(shared.with(|world| {
        let is_wanted = |call: &&crate::calls::Call| {
            wanted.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(&call.method))
                && (wanted.chat_id.is_none() || wanted.chat_id == call.chat_id)
        };
        let calls: Vec<_> = world.calls.after(wanted.since).filter(is_wanted).collect();
        json!({"calls": calls, "last_id": world.calls.last_id()})
    }))
}

pub(super) async fn clear_calls(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(|world| world.calls.clear());
    StatusCode::NO_CONTENT
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!({"faults": world.faults.list()})))
}

pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Body(rule): Body<NewRule>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let added = shared.with(|world| {
        let added = world.faults.add(rule);
        tell(world);
        added
    });
    match added {
        Some(rule) => Ok((StatusCode::CREATED, Json(json!(rule)))),
        None => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "there are too many rules, the delay is too long, or the count is 0",
        )),
    }
}

pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<u64>,
) -> Result<StatusCode, ApiError> {
    let removed = shared.with(|world| {
        let removed = world.faults.remove(id);
        tell(world);
        removed
    });
    if removed {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::new(StatusCode::NOT_FOUND, "there is no such rule"))
}

pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(|world| {
        world.faults.clear();
        tell(world);
    });
    StatusCode::NO_CONTENT
}

fn tell(world: &mut World) {
    let faults = world.faults.list();
    world.events.tell(Event::Faults { faults });
}
