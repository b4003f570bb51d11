//! `kontor ledger replay`: every booking decided anew, and the read model built anew beside the live
//! one.

mod decide;
mod rules;
mod tell;

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, bail};
use kontor_domain::{
    TenantId,
    credit_ledger::{BookAccount, Unit},
    seals::{Digest32, Seal, Tree},
};
use kontor_postgres::verify::{CompareError, Slice, Sliced, clear_scratch, compare_slice};
use kontor_projections::{checkpoints, credits::Credits};
use sqlx::PgPool;
use uuid::Uuid;

use self::rules::Rules;
use crate::{
    cli::LedgerReplayArgs,
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
};

/// Connections: one for each part that is decided side by side, and those of the comparison.
const CONNECTIONS: u32 = 8;
/// More events than one command leads to.
const COMMAND_EVENTS_MAX: i64 = 10_000;
/// The tables of `credits` whose rows never change.
const JOURNALS: [&str; 2] = ["credit_history", "ledger_entries"];

/// A booking that no rule leads to.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) position: i64,
    pub(super) ledger_id: Uuid,
    pub(super) version: i64,
    pub(super) what: String,
}

/// What was decided anew.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) ledgers: u64,
    pub(super) bookings: u64,
    pub(super) commands: u64,
    /// How many ledgers differ; the first of them are named.
    pub(super) differing: u64,
    pub(super) differences: Vec<Difference>,
    /// Bookings by their type.
    pub(super) kinds: BTreeMap<String, u64>,
    /// The sums of all accounts.
    pub(super) sums: BTreeMap<(BookAccount, Unit), i128>,
    /// The leaves of the tree over the ends, each with the position of its ledger's opening.
    pub(super) leaves: Vec<(i64, Digest32)>,
}

/// All that came out.
pub(super) struct Outcome {
    pub(super) tenant: Option<TenantId>,
    pub(super) until: i64,
    pub(super) decided: Decided,
    pub(super) seconds: f64,
    /// The root over the ends of all ledgers.
    pub(super) root: Digest32,
    /// The last seal up to there, and whether it holds this root; none when it holds less.
    pub(super) seal: Option<(Seal, Option<bool>)>,
    pub(super) compared: Sliced,
}

impl Outcome {
    /// Whether the log is what the rules lead to, and the read model what the log says.
    pub(super) fn is_sound(&self) -> bool {
        let sealed = self.seal.as_ref().and_then(|(_, same)| *same);
        self.decided.differing == 0
            && self.units_balance()
            && sealed != Some(false)
            && self.compared.damage.is_empty()
            && !self.compared.rows.is_empty()
    }

    /// Whether the trial balance comes to nothing in each unit.
    pub(super) fn units_balance(&self) -> bool {
        let mut sums: BTreeMap<Unit, i128> = BTreeMap::new();
        for ((_, unit), sum) in &self.decided.sums {
            let total = sums.entry(*unit).or_default();
            *total = total.saturating_add(*sum);
        }
        sums.values().all(|sum| *sum == 0)
    }
}

/// Replays, and drops what it made also when it is interrupted.
pub(super) async fn replay(config: &Config, args: &LedgerReplayArgs) -> Result<(), Failure> {
    let pool = compose::pool(&Addresses::find(config)?, CONNECTIONS).await?;
    let interrupted = crate::up::stop_requested().context("signals cannot be received")?;
    let outcome = interrupted.run_until_cancelled(replay_all(config, &pool, args)).await;
    let Some(outcome) = outcome else {
        clear_scratch(&pool).await.map_err(anyhow::Error::from)?;
        return Err(Failure::Failed(anyhow::anyhow!(
            "the replay was interrupted; its scratch tables are dropped"
        )));
    };
    let outcome = outcome?;
    tell::tell(&outcome, args.output)?;
    if outcome.is_sound() { Ok(()) } else { Err(Failure::Told) }
}

async fn replay_all(
    config: &Config,
    pool: &PgPool,
    args: &LedgerReplayArgs,
) -> anyhow::Result<Outcome> {
    let head = checkpoints::head_position(pool).await.context("the log cannot be read")?;
    let until = args.until.unwrap_or(head);
    if until < 1 || until > head {
        bail!("--until must be a position from 1 to {head}, where the log ends");
    }
    let until = end_of_command(pool, until).await?;
    let tenant = args.tenant.clone();
    let rules = Rules::read(pool, until).await?;
    if let Some(tenant) = tenant.as_ref().filter(|tenant| !rules.knows(tenant)) {
        bail!("there is no tenant {tenant} in the log up to position {until}");
    }
    let began = Instant::now();
    let mut decided = decide::decide(pool, rules, (tenant.as_ref(), until)).await?;
    let seconds = began.elapsed().as_secs_f64();
    decided.leaves.sort_unstable_by_key(|(opened, _)| *opened);
    let leaves = decided.leaves.iter().map(|(_, leaf)| *leaf).collect();
    let root = Tree::of(leaves).root();
    let seal = match &tenant {
        None => kontor_postgres::seals::at(pool, until).await?,
        // A seal is over the ledgers of all tenants.
        Some(_) => None,
    };
    let bookings = i64::try_from(decided.bookings).unwrap_or(i64::MAX);
    let seal = seal.map(|seal| {
        let same = (seal.bookings == bookings).then_some(seal.root == root);
        (seal, same)
    });
    let vault = compose::vault(config, pool)?;
    let journals = &JOURNALS;
    let sliced = args.until.map(|_| until);
    let slice = Slice { tenant: tenant.as_ref(), until: sliced, journals };
    let compared = match compare_slice((pool, &vault), &Credits, &slice).await {
        Err(CompareError::Busy) => {
            bail!("another replay or verification runs; wait until it is done")
        }
        compared => compared?,
    };
    Ok(Outcome { tenant, until, decided, seconds, root, seal, compared })
}

/// Where the command ends whose event stands at a position: its events stand behind each other, and half
/// of a command decides nothing.
async fn end_of_command(pool: &PgPool, position: i64) -> anyhow::Result<i64> {
    sqlx::query_scalar(
        "select coalesce(min(position) - 1, (select max(position) from events)) from events \
         where position > $1 and position <= $1 + $2 and (metadata ->> 'command_id') is distinct from \
             (select metadata ->> 'command_id' from events where position = $1)",
    )
    .bind(position)
    .bind(COMMAND_EVENTS_MAX)
    .fetch_one(pool)
    .await
    .context("the log cannot be read")
}
