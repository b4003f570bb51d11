//! The queue of commands: at least once, in shards, with acknowledgements that get lost and a store
//! that can be lost as a whole.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use kontor_commands::{CommandId, Envelope};
use tokio::time::Instant;

use super::{SHARDS, World};

/// How long an unacknowledged command is left to its worker.
const ACK_WAIT: Duration = Duration::from_secs(1);
/// How long a repeated command is recognised by its id.
const WINDOW: Duration = Duration::from_secs(3);

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    messages: BTreeMap<u64, Message>,
    known: BTreeMap<CommandId, Instant>,
    down_until: Option<Instant>,
}

struct Message {
    envelope: Envelope,
    delivered: bool,
    /// Not before this instant.
    due: Instant,
}

/// A delivered command with its place in the queue.
pub(super) struct Delivery {
    pub(super) place: u64,
    pub(super) envelope: Envelope,
}

/// Nobody answered; what was asked may have happened.
#[derive(Debug)]
pub(super) struct NoAnswer;

/// What became of a published command.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Published {
    Stored,
    Duplicate,
}

impl World {
    pub(super) async fn publish_command(
        &self,
        envelope: &Envelope,
        with_id: bool,
    ) -> Result<Published, NoAnswer> {
        self.reach_queue().await?;
        let copies = if self.strikes(30) { 2 } else { 1 };
        let published = self.queue.store(envelope, with_id, copies);
        self.travel().await;
        if self.strikes(30) { Err(NoAnswer) } else { Ok(published) }
    }

    /// Takes commands of a shard, those that were delivered before first. Commands of different
    /// aggregates may arrive in any order.
    pub(super) async fn pull(&self, shard: u32, most: usize) -> Result<Vec<Delivery>, NoAnswer> {
        self.reach_queue().await?;
        let mut taken = self.queue.take(shard, most);
        self.travel().await;
        if self.strikes(20) {
            return Err(NoAnswer);
        }
        for place in 1..taken.len() {
            let swap = taken[place - 1].envelope.id != taken[place].envelope.id;
            if swap && self.strikes(300) {
                taken.swap(place - 1, place);
            }
        }
        Ok(taken)
    }

    pub(super) async fn acknowledge(&self, place: u64) {
        self.travel().await;
        if self.reach_queue().await.is_ok() {
            self.queue.state.lock().unwrap().messages.remove(&place);
        }
    }

    pub(super) async fn send_back(&self, place: u64, pause: Duration) {
        if self.reach_queue().await.is_ok()
            && let Some(message) = self.queue.state.lock().unwrap().messages.get_mut(&place)
        {
            message.due = Instant::now() + pause;
        }
    }

    async fn reach_queue(&self) -> Result<(), NoAnswer> {
        self.travel().await;
        let down = self.queue.state.lock().unwrap().down_until;
        if self.strikes(30) || !self.is_healed() && down.is_some_and(|down| Instant::now() < down) {
            return Err(NoAnswer);
        }
        Ok(())
    }
}

impl Queue {
    fn store(&self, envelope: &Envelope, with_id: bool, copies: usize) -> Published {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap();
        if with_id {
            let known = state.known.insert(envelope.command_id, now);
            if known.is_some_and(|at| now - at < WINDOW) {
                return Published::Duplicate;
            }
        }
        for _ in 0..copies {
            state.next += 1;
            let place = state.next;
            let envelope = envelope.clone();
            state.messages.insert(place, Message { envelope, delivered: false, due: now });
        }
        Published::Stored
    }

    #[expect(clippy::significant_drop_tightening, reason = "the messages are what is locked")]
    fn take(&self, shard: u32, most: usize) -> Vec<Delivery> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap();
        let of_shard = |message: &Message| {
            u32::try_from(message.envelope.id.as_u128() % u128::from(SHARDS)).unwrap() == shard
        };
        let mut due: Vec<(bool, u64)> = state
            .messages
            .iter()
            .filter(|(_, message)| of_shard(message) && message.due <= now)
            .map(|(place, message)| (!message.delivered, *place))
            .collect();
        due.sort_unstable();
        due.truncate(most);
        let deliver = |(_, place)| {
            let message = state.messages.get_mut(&place).unwrap();
            message.delivered = true;
            message.due = now + ACK_WAIT;
            Delivery { place, envelope: message.envelope.clone() }
        };
        due.into_iter().map(deliver).collect()
    }

    /// The store is gone and made anew, empty.
    pub(super) fn lose(&self) {
        let mut state = self.state.lock().unwrap();
        state.messages.clear();
        state.known.clear();
    }

    pub(super) fn cut_until(&self, until: Instant) {
        self.state.lock().unwrap().down_until = Some(until);
    }
}
