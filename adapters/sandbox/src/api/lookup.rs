//! What the page reads: bots, people, chats, files.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::limits;
use crate::page::protect;
use crate::shared::Shared;
use crate::world::World;
use crate::world::chat::ChatKey;

fn bots_of(world: &World) -> Vec<Value> {
    let bots = world.bots.values();
    bots.map(|bot| {
        json!({
            "id": bot.id,
            "name": bot.settings.name,
            "username": bot.settings.username,
            "title": bot.settings.title,
        })
    })
    .collect()
}

fn people_of(world: &World) -> Vec<Value> {
    world.people.values().map(crate::Person::card).collect()
}

fn chats_of(world: &World) -> Vec<Value> {
    let mut chats = Vec::new();
    for bot in world.bots.values() {
        for person_id in world.people.keys() {
            let key = ChatKey { bot_id: bot.id, person_id: *person_id };
            let last = world.chats.get(&key).and_then(|chat| chat.messages.back());
            let mut view = world.chat_view(key);
            view["bot"] = bot.settings.name.as_str().into();
            view["person_id"] = (*person_id).into();
            view["last_message"] = json!(last.map(|message| world.wire(key, message)));
            chats.push(view);
        }
    }
    chats
}

pub(super) async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let public_url = shared.public_url.clone();
    Json(shared.with(|world| {
        json!({
            "public_url": public_url,
            "bots": bots_of(world),
            "people": people_of(world),
            "chats": chats_of(world),
            "faults": world.faults.list(),
            "last_event_id": world.events.last_id(),
        })
    }))
}

pub(super) async fn people(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!(people_of(world))))
}

pub(super) async fn bots(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!(bots_of(world))))
}

pub(super) async fn chats(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world| json!(chats_of(world))))
}

#[derive(Deserialize)]
pub(super) struct Window {
    /// Only messages with a lower id.
    before: Option<i64>,
    /// At most so many, the newest first choice.
    limit: Option<usize>,
}

pub(super) async fn chat(
    State(shared): State<Arc<Shared>>,
    Path((bot, person_id)): Path<(String, i64)>,
    Query(window): Query<Window>,
) -> Result<Json<Value>, ApiError> {
    let limit = window.limit.unwrap_or(limits::MESSAGES_PER_PAGE).min(limits::MESSAGES_PER_PAGE);
    let chat = shared.with(|world| {
        let key = world.chat_of(&bot, person_id)?;
        let mut view = world.chat_view(key);
        let chat = world.chats.get(&key);
        let messages = chat.map(|chat| chat.page(window.before, limit)).unwrap_or_default();
        let oldest = chat.and_then(|chat| chat.messages.front()).map(|message| message.id);
        view["more"] = (messages.first().map(|message| message.id) != oldest).into();
        view["messages"] =
            messages.iter().map(|message| world.wire(key, message)).collect::<Vec<_>>().into();
        view["last_event_id"] = world.events.last_id().into();
        Ok::<Value, crate::world::people::ActError>(view)
    });
    Ok(Json(chat?))
}

/// Pictures are shown, everything else is offered for saving; neither can run a script here.
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    Path(file_id): Path<String>,
) -> Response {
    let gone = || ApiError::new(StatusCode::NOT_FOUND, "there is no such file").into_response();
    let Some(entry) = shared.with(|world| world.files.get(&file_id).cloned()) else {
        return gone();
    };
    let Some(bytes) = shared.files.get(&file_id).await else { return gone() };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    protect(headers);
    let kind = if entry.sides.is_some() { entry.mime.as_str() } else { "application/octet-stream" };
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if entry.sides.is_none() {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    response
}
