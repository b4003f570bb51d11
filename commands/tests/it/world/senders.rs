//! Senders: each repeats its command until it knows the outcome.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kontor_commands::{CommandId, Envelope, Outcome};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::{World, bus::Published};
use crate::support::{add, take};

const COMMANDS: usize = 8;
const TALLIES: u64 = 3;
/// How long a sender waits for an answer before it asks again.
const WAIT: Duration = Duration::from_millis(700);
const LOOK: Duration = Duration::from_millis(100);

/// Answers on their way to the senders.
#[derive(Default)]
pub(super) struct Replies(Mutex<BTreeMap<CommandId, Vec<Outcome>>>);

impl World {
    /// Answers a sender; the answer may get lost.
    pub(super) async fn reply(&self, command_id: CommandId, outcome: Outcome) {
        self.travel().await;
        if !self.strikes(50) {
            self.replies.0.lock().unwrap().entry(command_id).or_default().push(outcome);
        }
    }
}

/// The commands of a world.
pub(super) fn commands(world: &World) -> Vec<Envelope> {
    let command = |number| {
        let id = Uuid::from_u128(1_000 + u128::from(world.throw(TALLIES)));
        let amount = i64::try_from(world.throw(5)).unwrap();
        let mut envelope = if world.throw(3) == 0 { take(id, amount + 1) } else { add(id, amount) };
        envelope.command_id = Uuid::from_u128(number);
        envelope
    };
    (1..=u128::try_from(COMMANDS).unwrap()).map(command).collect()
}

/// Sends all commands, at different times. Returns what the senders were told.
pub(super) async fn send_all(
    world: Arc<World>,
    commands: Vec<Envelope>,
) -> Vec<(CommandId, Outcome)> {
    let mut senders = JoinSet::new();
    for envelope in commands {
        let world = Arc::clone(&world);
        let after = Duration::from_millis(world.throw(5_000));
        senders.spawn(async move {
            sleep(after).await;
            let command_id = envelope.command_id;
            (command_id, send(&world, envelope).await)
        });
    }
    senders.join_all().await
}

async fn send(world: &World, envelope: Envelope) -> Outcome {
    loop {
        // A repetition within the window goes in as a second copy, which the receipt answers.
        if let Ok(Published::Duplicate) = world.publish_command(&envelope, true).await {
            drop(world.publish_command(&envelope, false).await);
        }
        let until = Instant::now() + WAIT;
        while Instant::now() < until {
            let told = world.replies.0.lock().unwrap().remove(&envelope.command_id);
            if let Some(outcomes) = told {
                assert!(outcomes.iter().all(|told| *told == outcomes[0]), "{outcomes:?}");
                return outcomes[0].clone();
            }
            sleep(LOOK).await;
        }
    }
}
