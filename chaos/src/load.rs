//! Callers that give commands with known ids, over NATS and over HTTP, and keep asking until each
//! outcome is known.

mod command;
mod senders;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use kontor_domain::TenantId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::{
    command::Command,
    senders::{Senders, Way},
};
use crate::world::TENANT;

/// The accounts; each has two callers at once, so that writers meet.
const ACCOUNTS: u128 = 8;
/// The meters; each has one caller, since a reading follows from the one before.
const METERS: u128 = 6;
/// A caller's pause between two commands, in milliseconds: together some hundred commands a second,
/// enough that every fault meets work, few enough that a round is checked in a moment.
const PAUSE_MS: std::ops::Range<u64> = 40..160;
/// The pause before a command with an unknown outcome is sent again, in milliseconds.
const AGAIN_MS: std::ops::Range<u64> = 50..250;
/// How many of a hundred commands nobody asks for again.
const ABANDONED_PERCENT: u32 = 3;
/// How many of a hundred commands are sent twice at once.
const DOUBLED_PERCENT: u32 = 6;
/// How long the tenant's opening may take.
const FURNISH_LIMIT: Duration = Duration::from_secs(60);

/// What a caller changes.
#[derive(Clone, Copy, Debug)]
enum Target {
    Account(Uuid),
    Meter(Uuid),
}

impl Target {
    fn all() -> Vec<Self> {
        let accounts = (0..ACCOUNTS).map(|number| Self::Account(account(number)));
        let meters = (0..METERS).map(|number| Self::Meter(meter(number)));
        accounts.clone().chain(accounts).chain(meters).collect()
    }
}

fn account(number: u128) -> Uuid {
    Uuid::from_u128((0xacc << 64) + number)
}

fn meter(number: u128) -> Uuid {
    Uuid::from_u128((0x3e7e2 << 64) + number)
}

/// Opens the tenant with its accounts and meters.
pub(crate) async fn furnish(senders: &Arc<Senders>) -> anyhow::Result<()> {
    let tenant: TenantId = TENANT.parse()?;
    let mut commands = vec![Command::open_tenant(senders.new_id(), &tenant)?];
    for number in 0..ACCOUNTS {
        commands.push(Command::register_account(senders.new_id(), account(number))?);
    }
    for number in 0..METERS {
        let owner = account(number % ACCOUNTS);
        commands.push(Command::register_meter(senders.new_id(), meter(number), (owner, ""))?);
    }
    let begun = Instant::now();
    for command in commands {
        senders.history.open(command.id, command.stream, false);
        while !senders.send(&command, Way::Broker).await {
            ensure!(begun.elapsed() < FURNISH_LIMIT, "the outcome of a command stays unknown");
            tokio::time::sleep(Duration::from_millis(AGAIN_MS.start)).await;
        }
    }
    Ok(())
}

/// Running callers.
#[derive(Debug)]
pub(crate) struct Load {
    callers: JoinSet<()>,
    stop: CancellationToken,
    give_up: CancellationToken,
}

impl Load {
    /// Starts all callers.
    pub(crate) fn start(senders: &Arc<Senders>, chance: &mut StdRng, round: u64) -> Self {
        let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
        let mut callers = JoinSet::new();
        for (number, target) in Target::all().into_iter().enumerate() {
            let caller = Caller {
                senders: Arc::clone(senders),
                target,
                name: format!("{round}-{number}"),
                chance: StdRng::seed_from_u64(chance.random()),
                give_up: give_up.clone(),
            };
            callers.spawn(caller.run(stop.clone()));
        }
        Self { callers, stop, give_up }
    }

    /// Lets the callers finish what they have begun; after `limit` they give up.
    pub(crate) async fn finish(mut self, limit: Duration) -> anyhow::Result<()> {
        self.stop.cancel();
        let give_up = self.give_up.clone();
        let watch = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            give_up.cancel();
        });
        while let Some(ended) = self.callers.join_next().await {
            ended.context("a caller panicked")?;
        }
        watch.abort();
        Ok(())
    }
}

struct Caller {
    senders: Arc<Senders>,
    target: Target,
    name: String,
    chance: StdRng,
    give_up: CancellationToken,
}

impl Caller {
    async fn run(mut self, stop: CancellationToken) {
        for number in 1.. {
            let pause = Duration::from_millis(self.chance.random_range(PAUSE_MS));
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
            match self.next(number) {
                Ok(command) => self.carry(command).await,
                Err(err) => {
                    self.senders.history.complain(format!("no command can be made: {err:#}"));
                    return;
                }
            }
        }
    }

    fn next(&mut self, number: i64) -> anyhow::Result<Command> {
        let id = self.senders.new_id();
        match self.target {
            Target::Account(account) => {
                Command::rename(id, account, &format!("Имя {}-{number}", self.name))
            }
            Target::Meter(meter) => {
                // Now and then one that must be refused: lower than the last.
                let value = if self.chance.random_ratio(1, 8) {
                    0
                } else {
                    self.senders.next_value_milli(meter)
                };
                Command::submit(id, meter, value)
            }
        }
    }

    /// Sends a command until its outcome is known.
    async fn carry(&mut self, command: Command) {
        let abandoned = self.chance.random_ratio(ABANDONED_PERCENT, 100);
        self.senders.history.open(command.id, command.stream, abandoned);
        if abandoned {
            let way = self.way();
            self.senders.send(&command, way).await;
            return;
        }
        if self.chance.random_ratio(DOUBLED_PERCENT, 100) {
            let senders = &self.senders;
            let (first, second) = (Way::Broker, Way::Http(self.chance.random()));
            let known = tokio::join!(senders.send(&command, first), senders.send(&command, second));
            if known == (true, true) {
                return;
            }
        }
        while !self.give_up.is_cancelled() {
            let way = self.way();
            if self.senders.send(&command, way).await {
                return;
            }
            let pause = Duration::from_millis(self.chance.random_range(AGAIN_MS));
            tokio::time::sleep(pause).await;
        }
    }

    fn way(&mut self) -> Way {
        if self.chance.random() { Way::Broker } else { Way::Http(self.chance.random()) }
    }
}
