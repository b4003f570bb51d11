//! The measurements, one after the other, on the same engines.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use kontor_engines::{NatsOptions, PrivateNats, PrivatePostgres};
use sqlx::PgPool;

use crate::{
    all_roles::{self, Place},
    appends::Appends,
    drive::{Contender, Run, drive},
    idle,
    in_process::Kontor,
    machine::{Machine, resident_bytes},
    options::Options,
    peer::Peer,
    rebuild,
    report::{Memory, Report},
    tell,
    through_nats::Running,
    workload::Workload,
};

/// Connections of each contender's pool: more than the cores can use at once.
const CONNECTIONS: u32 = 32;

/// The numbers of callers that the log alone is measured with: those of the two figures to reach.
const APPEND_CALLERS: [usize; 2] = [64, 512];

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
    let before = resident_bytes("self")?;
    let kontor =
        Kontor::start(&engines.database("in_process")?, CONNECTIONS, workload.clone()).await?;
    let mut report = Report {
        machine: Machine::look(&kontor.pool).await?,
        seconds_per_run: options.seconds_per_run,
        runs: Vec::new(),
        catch_up: None,
        round_trip: None,
        visible: None,
        rebuild: None,
        memory: Memory::default(),
    };
    in_process(kontor, options, &mut report).await?;
    let after = resident_bytes("self")?;
    report.memory.in_process = Some(after.saturating_sub(before));

    let peer = Peer::start(&engines.database("peer")?, CONNECTIONS, workload.clone()).await?;
    let contender: Arc<dyn Contender> = Arc::new(peer);
    drive_all(&contender, options, &mut report.runs).await?;
    drop(contender);

    through_nats(engines, options, &mut report).await?;
    rebuild_log(engines, options, &mut report).await?;
    if let Some(binary) = &options.kontor_binary {
        all_roles(engines, options, binary, &mut report).await?;
    }
    Ok(report)
}

async fn in_process(kontor: Kontor, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let contender: Arc<dyn Contender> = Arc::new(kontor.clone());
    drive_all(&contender, options, &mut report.runs).await?;
    settle(&kontor.pool).await?;
    let appends: Arc<dyn Contender> =
        Arc::new(Appends::new(kontor.log.clone(), kontor.workload.clone())?);
    for callers in APPEND_CALLERS {
        report.runs.push(drive_one(&appends, callers, options).await?);
    }
    settle(&kontor.pool).await?;
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
    drive_all(&contender, options, &mut report.runs).await?;
    drop(contender);
    tell("followers catch up");
    report.catch_up = Some(running.catch_up().await?);
    settle(&running.kontor.pool).await?;
    tell("single commands on an idle system");
    report.round_trip = Some(idle::round_trip(&running, options.samples).await?);
    report.visible = Some(idle::visible(&running.kontor, options.samples).await?);
    running.stop().await
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
    kontor.stop().await;
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

async fn drive_all(
    contender: &Arc<dyn Contender>,
    options: &Options,
    runs: &mut Vec<Run>,
) -> anyhow::Result<()> {
    for callers in &options.callers {
        runs.push(drive_one(contender, callers.get(), options).await?);
    }
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

/// Lets the engine finish what a contender left behind, so that the next one does not pay for it.
async fn settle(pool: &PgPool) -> anyhow::Result<()> {
    for statement in ["vacuum analyze", "checkpoint"] {
        sqlx::query(statement).execute(pool).await.with_context(|| statement.to_owned())?;
    }
    Ok(())
}
