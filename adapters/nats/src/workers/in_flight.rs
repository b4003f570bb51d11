//! The commands that a shard has taken. Those that wait or take long are reported as being in
//! progress, so that the server does not deliver them again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_nats::{Subject, jetstream::AckKind};
use bytes::Bytes;

use crate::Nats;

/// Reports of progress per acknowledgement wait.
const REPORTS: u32 = 3;

#[derive(Clone, Default)]
pub(super) struct InFlight {
    table: Arc<Mutex<HashMap<u64, Taken>>>,
}

struct Taken {
    ack: Option<Subject>,
    reported: Instant,
}

/// A command in the table; leaves it on drop.
pub(super) struct Entry {
    sequence: u64,
    in_flight: InFlight,
}

impl InFlight {
    /// Enters a command; `None` when an earlier delivery of it is still at work here.
    pub(super) fn enter(&self, sequence: u64, ack: Option<Subject>) -> Option<Entry> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.contains_key(&sequence) {
            return None;
        }
        table.insert(sequence, Taken { ack, reported: Instant::now() });
        drop(table);
        Some(Entry { sequence, in_flight: self.clone() })
    }

    /// Reports progress for ever.
    pub(super) async fn report(self, nats: Nats) {
        let every = nats.schema().ack_wait / REPORTS;
        loop {
            // Half of the interval, so that nothing waits longer than one and a half.
            tokio::time::sleep(every / 2).await;
            for ack in self.overdue(every) {
                let progress = Bytes::from(AckKind::Progress);
                if let Err(err) = nats.client().publish(ack, progress).await {
                    tracing::debug!(error = %err, "Progress was not reported");
                }
            }
        }
    }

    fn overdue(&self, every: Duration) -> Vec<Subject> {
        let now = Instant::now();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut overdue = Vec::new();
        for taken in table.values_mut().filter(|taken| now - taken.reported >= every) {
            taken.reported = now;
            overdue.extend(taken.ack.clone());
        }
        drop(table);
        overdue
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = self.in_flight.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&self.sequence);
    }
}
