//! The updates that wait for a bot, and the webhook that they go to.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;

/// Update kinds that a bot gets only when it asks for them.
const ONLY_ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// An update that a bot has not confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) update_id: i64,
    /// The whole `Update` as it goes over the wire.
    pub(crate) body: Value,
    /// Seconds since 1970.
    pub(crate) date: i64,
    /// Deliveries that must still happen whatever the bot confirms: 0 usually, more for an update
    /// that a fault rule repeats or sends late.
    pub(crate) owed: u8,
}

/// A bot's updates in the order of their delivery.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) last_update_id: i64,
    pub(crate) pending: VecDeque<Pending>,
    /// An update that a fault rule lets the next one overtake, and when it is let go (ms).
    held: Option<(Pending, i64)>,
}

/// How an update comes to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Usual,
    Twice,
    Late,
    Never,
}

/// Where updates are sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret_token: Option<String>,
    pub(crate) max_connections: i64,
    pub(crate) ip_address: Option<String>,
    pub(crate) last_error: Option<(i64, String)>,
}

impl Queue {
    /// Gives an update its number and puts it into the queue, as `arrival` says.
    pub(crate) fn push(&mut self, mut body: Value, arrival: Arrival, now_ms: i64) {
        self.last_update_id += 1;
        body["update_id"] = self.last_update_id.into();
        let date = now_ms / 1000;
        let mut pending = Pending { update_id: self.last_update_id, body, date, owed: 0 };
        match arrival {
            Arrival::Never => return,
            Arrival::Twice => pending.owed = 2,
            Arrival::Late => {
                pending.owed = 1;
                let until = now_ms + i64::try_from(limits::HELD_BACK.as_millis()).unwrap_or(0);
                let earlier = self.held.replace((pending, until));
                self.pending.extend(earlier.map(|(pending, _)| pending));
                return;
            }
            Arrival::Usual => {}
        }
        self.pending.push_back(pending);
        let overtaken = self.held.take();
        self.pending.extend(overtaken.map(|(pending, _)| pending));
        while self.pending.len() > limits::PENDING_UPDATES {
            self.pending.pop_front();
        }
    }

    /// Lets a held update go when its time has come, and forgets what is older than a day.
    pub(crate) fn tidy(&mut self, now_ms: i64) {
        if let Some((pending, _)) = self.held.take_if(|(_, until)| *until <= now_ms) {
            self.pending.push_back(pending);
        }
        let oldest = now_ms / 1000 - limits::UPDATE_LIFETIME_SECONDS;
        while self.pending.front().is_some_and(|first| first.date <= oldest) {
            self.pending.pop_front();
        }
    }

    /// Whether an update waits to be overtaken.
    pub(crate) fn holds_one_back(&self) -> bool {
        self.held.is_some()
    }

    /// Forgets what getUpdates confirms with `offset`; a negative one keeps only the last updates.
    pub(crate) fn confirm(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let extra = self.pending.len().saturating_sub(keep);
            self.pending.drain(..extra);
        } else {
            self.pending.retain(|pending| pending.update_id >= offset || pending.owed > 0);
        }
    }

    /// The first `limit` updates; counts the delivery of each.
    pub(crate) fn take(&mut self, limit: usize) -> Vec<Value> {
        self.pending
            .iter_mut()
            .take(limit)
            .map(|pending| {
                pending.owed = pending.owed.saturating_sub(1);
                pending.body.clone()
            })
            .collect()
    }

    /// Notes that the webhook has accepted the first update.
    pub(crate) fn delivered(&mut self, update_id: i64) {
        let Some(first) = self.pending.front_mut().filter(|first| first.update_id == update_id)
        else {
            return;
        };
        first.owed = first.owed.saturating_sub(1);
        if first.owed == 0 {
            self.pending.pop_front();
        }
    }

    /// Forgets everything, as `drop_pending_updates` asks.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.held = None;
    }

    /// How many updates wait.
    pub(crate) fn len(&self) -> usize {
        self.pending.len() + usize::from(self.held.is_some())
    }
}

/// Whether a bot with these `allowed_updates` gets updates of this kind.
pub(crate) fn wants(allowed: Option<&[String]>, kind: &str) -> bool {
    match allowed {
        None | Some([]) => !ONLY_ON_REQUEST.contains(&kind),
        Some(list) => list.iter().any(|wanted| wanted == kind),
    }
}
