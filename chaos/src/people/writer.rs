//! One person who writes.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, rngs::StdRng};
use tokio_util::sync::CancellationToken;

use super::{Person, StandIn, stand_in::Arrival};
use crate::history::History;

/// The pause between two messages, in milliseconds: a little quicker than a bot may answer one chat.
const PAUSE_MS: std::ops::Range<u64> = 400..1_200;
/// How many of a hundred messages ask for help: they have a reply and no command.
const HELP_PERCENT: u32 = 25;
/// How many of a hundred messages come twice.
const TWICE_PERCENT: u32 = 20;
/// How many of a hundred questions for help come after the message that follows them. Readings
/// never do: one that is overtaken by a higher one is refused, and a dialogue begins.
const LATE_PERCENT: u32 = 40;

/// One person who writes.
pub(super) struct Writer {
    pub(super) stand_in: StandIn,
    pub(super) history: Arc<History>,
    pub(super) person: Arc<Person>,
    pub(super) chance: StdRng,
}

impl Writer {
    /// Writes until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = Duration::from_millis(self.chance.random_range(PAUSE_MS));
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            if let Err(err) = self.write().await {
                let id = self.person.id;
                self.history.complain(format!("person {id} cannot write: {err:#}"));
                return;
            }
        }
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let asks = self.chance.random_ratio(HELP_PERCENT, 100);
        let arrival = if asks && self.chance.random_ratio(LATE_PERCENT, 100) {
            Some(Arrival::Late)
        } else if self.chance.random_ratio(TWICE_PERCENT, 100) {
            Some(Arrival::Twice)
        } else {
            None
        };
        if let Some(arrival) = arrival {
            self.stand_in.next_update(arrival, (self.person.bot, self.person.id)).await?;
        }
        let text = if asks { "/help".to_owned() } else { self.person.next_value().to_string() };
        self.stand_in.write((self.person.bot, self.person.id), &text).await?;
        self.person.note_written();
        Ok(())
    }
}
