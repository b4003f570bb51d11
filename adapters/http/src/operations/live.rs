//! Pages that keep themselves up to date: each page that is asked for as an event stream sends its
//! live parts, first all of them and then those that changed.
//!
//! The parts are cut out of the page as everybody gets it, so that there is one way to render it: a
//! template puts `<!--live-->` and `<!--/live-->` around each.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::places::LivePlace;
use crate::{
    problem::Problem,
    session::{self, Session},
    state::ApiState,
};

/// How often a page is looked at anew.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often a silent stream says that it lives: sooner than any proxy loses patience.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);

/// How long a stream lasts; the browser then asks for the next one by itself. So one that was
/// forgotten in a tab does not stay for ever.
const LASTS: Duration = Duration::from_secs(600);

/// How long the browser waits before it asks for the next stream.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The largest page that is looked at, in bytes: far more than a list of 400 rows.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

const BEGIN: &str = "<!--live-->";
const END: &str = "<!--/live-->";

/// Answers a request for an event stream with the live parts of the page; all others pass.
pub(super) async fn live(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let wanted = accept.is_some_and(|accept| accept.starts_with("text/event-stream"));
    let session = request.extensions().get::<Session>().cloned();
    let (Some(session), &Method::GET, true) = (session, request.method(), wanted) else {
        return Ok(next.run(request).await);
    };
    let Some(place) = state.places.live(session.key_id()) else {
        return Err(Problem::busy("live_busy", "too many pages are live; this one asks by itself"));
    };
    let watcher = Watcher {
        ending: state.places.ending(),
        request: request.into_parts().0,
        until: Instant::now() + LASTS,
        sent: HashMap::new(),
        first: true,
        over: false,
        _place: place,
        state,
        next,
    };
    // An event and no comment: the page must see that it is still told something.
    let heartbeat = Event::default().event("alive").data("");
    let heartbeat = KeepAlive::new().interval(HEARTBEAT_EVERY).event(heartbeat);
    Ok(Sse::new(watcher.events().fuse()).keep_alive(heartbeat).into_response())
}

/// One live page of somebody.
struct Watcher {
    state: ApiState,
    next: Next,
    /// What the page was asked for with: its address, its cookie, what the router found in its path.
    request: Parts,
    ending: watch::Receiver<bool>,
    until: Instant,
    /// What was sent of each part, by a hash.
    sent: HashMap<usize, u64>,
    first: bool,
    over: bool,
    _place: LivePlace,
}

impl Watcher {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watcher| async move {
            let event = watcher.next_event().await?;
            Some((Ok(event), watcher))
        })
    }

    /// The next event; none at the end of the stream.
    async fn next_event(&mut self) -> Option<Event> {
        while !self.over && Instant::now() < self.until {
            if !std::mem::replace(&mut self.first, false) {
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    _ = self.ending.wait_for(|ending| *ending) => return None,
                }
            }
            match session::find(&self.state, &self.request.headers).await {
                Ok(Some(session)) => {
                    if let Some(event) = self.look(session).await {
                        return Some(event);
                    }
                }
                // The session ended: so does what it shows.
                Ok(None) => return Some(self.last("over")),
                // The page says that it lost the connection, and asks again.
                Err(_) => return None,
            }
        }
        None
    }

    /// The event behind which there are no more.
    fn last(&mut self, name: &'static str) -> Event {
        self.over = true;
        Event::default().event(name).data("")
    }

    /// Renders the page for whoever the session stands for now, and tells the parts that are not as
    /// they were sent; nothing when all are.
    async fn look(&mut self, session: Session) -> Option<Event> {
        let mut request = Request::from_parts(self.request.clone(), Body::empty());
        request.extensions_mut().insert(session);
        let response = self.next.clone().run(request).await;
        if response.status() == StatusCode::NOT_FOUND {
            return Some(self.last("gone"));
        }
        if !response.status().is_success() {
            return Some(self.last("lost"));
        }
        let Ok(body) = to_bytes(response.into_body(), PAGE_BYTES_MAX).await else {
            return Some(self.last("lost"));
        };
        let page = String::from_utf8_lossy(&body);
        let changed: Vec<&str> = parts(&page)
            .enumerate()
            .filter(|(place, part)| {
                let hash = hash_of(part);
                self.sent.insert(*place, hash) != Some(hash)
            })
            .map(|(_, part)| part)
            .collect();
        if changed.is_empty() {
            return None;
        }
        Event::default().event("parts").retry(RETRY_AFTER).json_data(changed).ok()
    }
}

/// The live parts of a page.
fn parts(page: &str) -> impl Iterator<Item = &str> {
    let begun = page.split(BEGIN).skip(1);
    begun.filter_map(|rest| rest.split_once(END)).map(|(part, _)| part.trim())
}

fn hash_of(text: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_parts_are_cut_out_of_a_page() {
        let page = "<p>a</p><!--live--> <b id=x>1</b> <!--/live-->c<!--live--><i>Ж</i><!--/live-->";
        assert_eq!(parts(page).collect::<Vec<_>>(), ["<b id=x>1</b>", "<i>Ж</i>"]);
        assert_eq!(parts("<!--live-->never ended").count(), 0);
        assert_eq!(parts("").count(), 0);
    }
}
