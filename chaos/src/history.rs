//! What the senders were told: the one side of the comparison with what the house says.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

/// An outcome as a sender saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    /// Accepted: the version of the aggregate and the position of the last event.
    Accepted { version: i64, position: Option<i64> },
    /// Refused, with its code.
    Refused { code: String },
}

/// One command with everything that was said about it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) id: Uuid,
    pub(crate) stream: Uuid,
    /// Its outcomes, one for each answer.
    pub(crate) seen: Vec<Seen>,
    /// The sender gave up after one attempt, as a caller does who goes away. It may have an outcome
    /// or none, but not two.
    pub(crate) abandoned: bool,
}

/// All commands of a world.
#[derive(Debug, Default)]
pub(crate) struct History {
    commands: Mutex<BTreeMap<Uuid, Told>>,
    complaints: Mutex<Vec<String>>,
}

impl History {
    /// Enters a command before it is sent for the first time.
    pub(crate) fn open(&self, id: Uuid, stream: Uuid, abandoned: bool) {
        let told = Told { id, stream, seen: Vec::new(), abandoned };
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).insert(id, told);
    }

    /// Notes an answer.
    pub(crate) fn saw(&self, id: Uuid, seen: Seen) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = commands.get_mut(&id) {
            told.seen.push(seen);
        }
    }

    /// What was said about commands to this stream is not remembered any more.
    pub(crate) fn forget(&self, stream: Uuid) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        for told in commands.values_mut().filter(|told| told.stream == stream) {
            told.seen.clear();
            told.abandoned = true;
        }
    }

    /// Notes an answer that must never be given.
    pub(crate) fn complain(&self, what: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Everything so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.values().cloned().collect()
    }

    /// The answers that must never be given, since the last call.
    pub(crate) fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.complaints.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
