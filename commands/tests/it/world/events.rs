//! The stream of events: it drops repetitions for a while, and refuses an event whose predecessor is
//! not its last one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{Build, World, bus::NoAnswer};

/// How long a repeated event is recognised: shorter than some of the pauses here, so that some are
/// stored twice.
const WINDOW: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(super) struct Stream {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: Vec<Uuid>,
    known: BTreeMap<Uuid, Instant>,
}

/// What became of a published event.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Stored {
    Yes,
    /// The stream's last event is another one than the publisher says.
    WrongLast,
}

impl World {
    pub(super) async fn publish_event(
        &self,
        id: Uuid,
        before: Option<Uuid>,
    ) -> Result<Stored, NoAnswer> {
        self.travel().await;
        if self.strikes(30) {
            return Err(NoAnswer);
        }
        let checked = self.build != Build::WithoutPredecessor;
        let stored = self.stream.store(id, checked.then_some(before));
        self.travel().await;
        if self.strikes(30) { Err(NoAnswer) } else { Ok(stored) }
    }
}

impl World {
    /// The last event of the stream.
    pub(super) async fn stream_end(&self) -> Result<Option<Uuid>, NoAnswer> {
        self.travel().await;
        let end = self.stream.state.lock().unwrap().stored.last().copied();
        self.travel().await;
        if self.strikes(30) { Err(NoAnswer) } else { Ok(end) }
    }
}

impl Stream {
    fn store(&self, id: Uuid, before: Option<Option<Uuid>>) -> Stored {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap();
        if state.known.get(&id).is_some_and(|at| now - *at < WINDOW) {
            return Stored::Yes;
        }
        if before.is_some_and(|before| state.stored.last().copied() != before) {
            return Stored::WrongLast;
        }
        state.known.insert(id, now);
        state.stored.push(id);
        Stored::Yes
    }

    /// The store is gone and made anew, empty.
    pub(super) fn lose(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// The events in order, each where it stands first.
    pub(super) fn deduplicated(&self) -> Vec<Uuid> {
        let mut seen = BTreeSet::new();
        let state = self.state.lock().unwrap();
        state.stored.iter().copied().filter(|id| seen.insert(*id)).collect()
    }

    pub(super) fn distinct(&self) -> usize {
        self.deduplicated().len()
    }
}
