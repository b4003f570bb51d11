//! Bookings decided anew, and their chains checked, from payloads as the log holds them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use cqrs_es::Aggregate;
use kontor_commands::clock;
use kontor_domain::{
    Actor, Decider, EventBody, Issued,
    credit_ledger::{
        CreditLedger, CreditLedgerEvent,
        chain::{Link, Verifier},
        credit_ledger_id,
        replay::{Booked, Replay, RulesThen},
    },
};
use uuid::Uuid;

use crate::{
    drive::per_second,
    report::Replays,
    workload::{Workload, buy_credits, open_ledger, spend_credit},
};

/// Bookings of each ledger: a customer of three months.
const BOOKINGS_PER_LEDGER: usize = 100;
/// How often the same bookings are gone through: the table of them stays small.
const ROUNDS: u32 = 5;

/// A booking as a row of the log.
struct Stored {
    version: i64,
    command_id: Uuid,
    event_type: &'static str,
    schema_version: i32,
    payload: String,
}

/// A ledger with its rows.
struct Rows {
    ledger_id: Uuid,
    rows: Vec<Stored>,
}

/// Measures both on all cores, each with ledgers of its own.
pub(crate) async fn replays(workload: &Workload, bookings: u64) -> anyhow::Result<Replays> {
    let cores = std::thread::available_parallelism()?.get();
    let facts = workload.ledger_facts();
    let ledgers = usize::try_from(bookings)?.div_ceil(BOOKINGS_PER_LEDGER * cores).max(1);
    let mut parts = Vec::with_capacity(cores);
    for _ in 0..cores {
        let part: anyhow::Result<Vec<Rows>> = (0..ledgers).map(|_| ledger(workload)).collect();
        parts.push(Arc::new(part?));
    }
    let actor = workload.actor();
    let rules: RulesThen = Arc::new([facts]);
    let (decided, deciding) = on_all_cores(&parts, {
        let (rules, actor) = (Arc::clone(&rules), actor.clone());
        move |part| decide(part, &rules, &actor)
    })
    .await?;
    let (checked, checking) = on_all_cores(&parts, move |part| verify(part, &actor)).await?;
    Ok(Replays {
        bookings: decided,
        decided_per_second: per_second(decided, deciding),
        verified_per_second: per_second(checked, checking),
    })
}

/// Runs the same for each part on a thread of its own; how many bookings, and how long.
async fn on_all_cores(
    parts: &[Arc<Vec<Rows>>],
    work: impl Fn(&[Rows]) -> anyhow::Result<u64> + Clone + Send + 'static,
) -> anyhow::Result<(u64, Duration)> {
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for part in parts {
        let (part, work) = (Arc::clone(part), work.clone());
        tasks.spawn_blocking(move || {
            (0..ROUNDS).try_fold(0, |sum, _| anyhow::Ok(sum + work(&part)?))
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done.context("a thread panicked")??;
    }
    Ok((count, began.elapsed()))
}

/// The life of one ledger.
fn ledger(workload: &Workload) -> anyhow::Result<Rows> {
    let account = Uuid::now_v7();
    let mut ledger = CreditLedger::default();
    let mut rows = Vec::with_capacity(BOOKINGS_PER_LEDGER);
    let mut commands = vec![open_ledger(account), buy_credits()?];
    commands.resize_with(BOOKINGS_PER_LEDGER - 1, spend_credit);
    // A customer does not send a hundred messages in a minute.
    let mut at = clock::now();
    for command in commands {
        at += Duration::from_secs(3_600);
        let command_id = Uuid::now_v7();
        let issued = Issued { at, ..workload.ledger(account, command) };
        let events = ledger.decide(issued).map_err(|no| anyhow!("{no}"))?;
        for event in events {
            rows.push(Stored {
                version: event.booking().number,
                command_id,
                event_type: event.wire_type(),
                schema_version: event.schema_version(),
                payload: event.to_payload()?,
            });
            ledger.apply(event);
        }
    }
    Ok(Rows { ledger_id: credit_ledger_id(account), rows })
}

fn decide(ledgers: &[Rows], rules: &RulesThen, actor: &Actor) -> anyhow::Result<u64> {
    let mut bookings = 0;
    for ledger in ledgers {
        let mut replay = Replay::new(ledger.ledger_id);
        for row in &ledger.rows {
            let (version, command_id, actor) = (row.version, row.command_id, actor.clone());
            let event =
                CreditLedgerEvent::from_wire(row.event_type, row.schema_version, &row.payload)?;
            let booked = Booked { version, command_id, actor, event };
            bookings += replay.take(booked, rules)?.len() as u64;
        }
        bookings += replay.finish()?.len() as u64;
        ensure!(replay.end().length == ledger.rows.last().map_or(0, |row| row.version));
    }
    Ok(bookings)
}

fn verify(ledgers: &[Rows], actor: &Actor) -> anyhow::Result<u64> {
    let mut bookings = 0;
    for ledger in ledgers {
        let mut verifier = Verifier::new(ledger.ledger_id, None);
        for row in &ledger.rows {
            verifier.take(Link {
                version: row.version,
                event_type: row.event_type,
                schema_version: row.schema_version,
                actor,
                payload: &row.payload,
            })?;
            bookings += 1;
        }
    }
    Ok(bookings)
}
