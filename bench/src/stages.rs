//! The measurements, one after the other, on the same engines.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use kontor_engines::{NatsOptions, PrivateNats, PrivatePostgres};
use sqlx::PgPool;

use crate::{
    all_roles::{self, Place},
    appends::Appends,
    beside,
    drive::{Contender, Run, drive},
    growth, idle,
    in_process::Kontor,
    machine::{Machine, resident_bytes},
    options::Options,
    paced::paced,
    peer::Peer,
    plain_sql::PlainSql,
    rebuild,
    reconciliation::reconcile,
    replays::replays,
    report::{Memory, Reconciled, Report},
    spends::{PeerSpends, Spends},
    tell,
    through_nats::Running,
    workload::Workload,
};

/// Connections of Kontor's pool. It appends through one of its own; these read.
const CONNECTIONS: u32 = 32;

/// The numbers of callers that the log alone is measured with: those of the figures to reach.
const APPEND_CALLERS: [usize; 3] = [32, 64, 512];

/// The steady rate at which the latency of a durable append is taken.
const PACED_PER_SECOND: u32 = 5_000;

/// How many bookings are decided anew, of which each is gone through several times.
const REPLAYED_BOOKINGS: u64 = 40_000;

/// How many lines of a provider are held against payments: the largest file that is taken.
const RECONCILED_LINES: usize = 100_000;

/// The engines that all contenders share.
pub(crate) struct Engines<'a> {
    pub(crate) postgres: &'a PrivatePostgres,
    pub(crate) nats: &'a PrivateNats,
    /// Where their data is.
    pub(crate) folder: &'a Path,
}

impl Engines<'_> {
    /// An empty database, as an address.
    fn database(&self, name: &str) -> anyhow::Result<String> {
        tokio::task::block_in_place(|| self.postgres.create_database(name))?;
        Ok(self.postgres.url(name))
    }
}

/// Measures everything.
pub(crate) async fn run(options: &Options, engines: &Engines<'_>) -> anyhow::Result<Report> {
    let workload = Workload::new()?;
    let peer =
        Peer::start(&engines.database("peer")?, options.peer_connections, workload.clone()).await?;
    let before = resident_bytes("self")?;
    let kontor = Kontor::start(&engines.database("in_process")?, CONNECTIONS, workload).await?;
    let mut report = Report {
        machine: Machine::look(&kontor.pool).await?,
        seconds_per_run: options.seconds_per_run,
        runs: Vec::new(),
        catch_up: None,
        paced: None,
        round_trip: None,
        visible: None,
        rebuild: None,
        replays: None,
        reconciliation: None,
        beside: None,
        memory: Memory::default(),
        growth: Vec::new(),
        tenants: Vec::new(),
        hot_stream: None,
    };
    beside_the_peer(&kontor, peer, options, &mut report).await?;
    let after = resident_bytes("self")?;
    report.memory.in_process = Some(after.saturating_sub(before));
    log_alone(kontor, options, &mut report).await?;
    spends(engines, options, &mut report).await?;
    through_nats(engines, options, &mut report).await?;
    tell("bookings are decided anew and their chains checked");
    report.replays = Some(replays(&Workload::new()?, REPLAYED_BOOKINGS).await?);
    report.reconciliation = Some(reconciliation(engines).await?);
    rebuild_log(engines, options, &mut report).await?;
    grow(engines, options, &mut report).await?;
    if let Some(binary) = &options.kontor_binary {
        all_roles(engines, options, binary, &mut report).await?;
    }
    Ok(report)
}

/// Kontor and the peer by turns, so that whatever else the machine does meets both.
async fn beside_the_peer(
    kontor: &Kontor,
    peer: Peer,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let peer: Arc<dyn Contender> = Arc::new(peer);
    let contender: Arc<dyn Contender> = Arc::new(kontor.clone());
    for callers in &options.callers {
        for contender in [&peer, &contender] {
            report.runs.push(drive_one(contender, callers.get(), options).await?);
            settle(&kontor.pool).await?;
        }
    }
    Ok(())
}

async fn log_alone(kontor: Kontor, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let appends: Arc<dyn Contender> =
        Arc::new(Appends::new(kontor.log.clone(), kontor.workload.clone())?);
    for callers in APPEND_CALLERS {
        report.runs.push(drive_one(&appends, callers, options).await?);
    }
    settle(&kontor.pool).await?;
    tell(&format!("{PACED_PER_SECOND} durable appends a second"));
    report.paced = Some(paced(&appends, PACED_PER_SECOND, options.seconds_per_run).await?);
    kontor.stop().await;
    Ok(())
}

/// Credits that are spent, by turns with the peers: one with an event log, and two in plain SQL.
async fn spends(
    engines: &Engines<'_>,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let workload = Workload::new()?;
    let url = engines.database("peer_spends")?;
    let peer = PeerSpends::start(&url, options.peer_connections, workload.clone()).await?;
    let kontor = Kontor::start(&engines.database("spends")?, CONNECTIONS, workload).await?;
    let peer: Arc<dyn Contender> = Arc::new(peer);
    let contender: Arc<dyn Contender> = Arc::new(Spends::start(kontor.clone()).await?);
    let url = engines.database("sql_spends")?;
    // As many as Kontor has: a commit is shared by those that wait for one at the same time.
    let [statements, call] = PlainSql::start(&url, CONNECTIONS).await?;
    let all: [Arc<dyn Contender>; 4] = [peer, Arc::new(statements), Arc::new(call), contender];
    for callers in &options.callers {
        for contender in &all {
            report.runs.push(drive_one(contender, callers.get(), options).await?);
            settle(&kontor.pool).await?;
        }
    }
    drop(all);
    kontor.stop().await;
    Ok(())
}

async fn through_nats(
    engines: &Engines<'_>,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let url = engines.database("through_nats")?;
    let kontor = Kontor::start(&url, CONNECTIONS, Workload::new()?).await?;
    let running = Running::start(kontor, engines.nats.url()).await?;
    let contender: Arc<dyn Contender> = Arc::new(running.sender.clone());
    for callers in &options.callers {
        report.runs.push(drive_one(&contender, callers.get(), options).await?);
    }
    drop(contender);
    tell("followers catch up");
    report.catch_up = Some(running.catch_up().await?);
    settle(&running.kontor.pool).await?;
    tell("single commands on an idle system");
    report.round_trip = Some(idle::round_trip(&running, options.samples).await?);
    report.visible = Some(idle::visible(&running.kontor, options.samples).await?);
    running.stop().await
}

async fn reconciliation(engines: &Engines<'_>) -> anyhow::Result<Reconciled> {
    tell(&format!("{RECONCILED_LINES} lines of a provider are held against as many payments"));
    let url = engines.database("reconciliation")?;
    let kontor = Kontor::start(&url, CONNECTIONS, Workload::new()?).await?;
    let reconciled = reconcile(&kontor, RECONCILED_LINES).await?;
    kontor.stop().await;
    Ok(reconciled)
}

async fn rebuild_log(
    engines: &Engines<'_>,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    tell(&format!("{} events are written for the rebuild", options.rebuild_events));
    let url = engines.database("rebuild")?;
    let kontor = Kontor::start(&url, CONNECTIONS, Workload::new()?).await?;
    rebuild::preload(&kontor, options.rebuild_events).await?;
    settle(&kontor.pool).await?;
    tell("the readings are built from the log");
    report.rebuild = Some(rebuild::rebuild(&kontor).await?);
    report.beside = Some(beside::measure(&kontor).await?);
    kontor.stop().await;
    Ok(())
}

/// Logs of growing size, then many tenants and a hot stream on the last of them.
async fn grow(engines: &Engines<'_>, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for (number, events) in options.growth_events.iter().enumerate() {
        let url = engines.database(&format!("growth_{number}"))?;
        let kontor = Kontor::start(&url, CONNECTIONS, Workload::new()?).await?;
        let seconds = options.seconds_per_run;
        report.growth.push(growth::measure(&kontor, *events, seconds).await?);
        if number + 1 == options.growth_events.len() {
            report.tenants = growth::tenants(&kontor, seconds).await?;
            report.hot_stream = Some(growth::hot_stream(&kontor, seconds).await?);
        }
        kontor.stop().await;
    }
    Ok(())
}

async fn all_roles(
    engines: &Engines<'_>,
    options: &Options,
    binary: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    tell("kontor with all roles, idle and under load");
    // A broker of its own: the other one holds the streams of another log.
    let store_dir = engines.folder.join("nats_all_roles");
    let nats =
        tokio::task::block_in_place(|| PrivateNats::start(NatsOptions { store_dir, port: None }))?;
    let folder = engines.folder.join("kontor");
    std::fs::create_dir(&folder)?;
    let place = Place {
        binary: &std::fs::canonicalize(binary)
            .with_context(|| format!("{} is not there", binary.display()))?,
        folder: &folder,
        database_url: engines.database("all_roles")?,
        nats_url: nats.url(),
    };
    let measured = all_roles::memory(&place, &Workload::new()?, options.seconds_per_run).await;
    tokio::task::block_in_place(|| nats.stop())?;
    let (idle, load) = measured?;
    report.memory.idle = Some(idle);
    report.memory.load = Some(load);
    Ok(())
}

async fn drive_one(
    contender: &Arc<dyn Contender>,
    callers: usize,
    options: &Options,
) -> anyhow::Result<Run> {
    tell(&format!("{} with {callers} callers", contender.name()));
    drive(contender, callers, options.seconds_per_run).await
}

/// Lets the engine finish what a contender left behind, so that the next one does not pay for it:
/// the vacuum of Kontor's database and the writes of all.
async fn settle(pool: &PgPool) -> anyhow::Result<()> {
    for statement in ["vacuum analyze", "checkpoint"] {
        sqlx::query(statement).execute(pool).await.with_context(|| statement.to_owned())?;
    }
    Ok(())
}
