//! `GET /sandbox/events`: what happens, as server-sent events, with replay of what was missed.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::ApiError;
use crate::shared::Shared;
use crate::world::events::{Event, Numbered};

#[derive(Deserialize)]
pub(super) struct Since {
    /// The last event that the listener knows; a reconnecting browser says so in a header.
    since: Option<i64>,
}

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<Since>,
    headers: HeaderMap,
) -> Response {
    let Ok(permit) = Arc::clone(&shared.listeners).try_acquire_owned() else {
        let why = "too many pages listen already";
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let since =
        headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).or(query.since);
    let (missed, live) = shared.with(|world| world.events.listen(since));
    let stopped = shared.stop.clone().cancelled_owned();
    let events = stream::iter(missed.into_iter().map(to_wire))
        .chain(live_events(live))
        .map(Ok::<sse::Event, Infallible>)
        .take_until(stopped)
        .map(move |event| {
            // The place among the listeners is taken for as long as the stream lives.
            let _taken = &permit;
            event
        });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn live_events(live: broadcast::Receiver<Numbered>) -> impl Stream<Item = sse::Event> {
    BroadcastStream::new(live).map(|event| match event {
        Ok(event) => to_wire(event),
        // The listener was too slow: it has to read everything anew.
        Err(_) => to_wire(Numbered { id: 0, event: Arc::new(Event::Reset) }),
    })
}

fn to_wire(numbered: Numbered) -> sse::Event {
    let event = sse::Event::default().id(numbered.id.to_string());
    event.json_data(&*numbered.event).unwrap_or_else(|error| {
        tracing::error!(%error, "an event of the sandbox could not be written");
        sse::Event::default().comment("left out")
    })
}
