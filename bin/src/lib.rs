//! The `kontor` program: roles as subcommands, configuration, telemetry, composition and the private
//! engines of a start on one machine. It wires and decides nothing about the business.
//!
//! Read [`cli`] for what can be typed, [`config`] for what can be set, `compose` for how the parts
//! fit together, `up` for a start on one machine.

mod backup;
mod check;
pub mod cli;
mod compose;
pub mod config;
mod dead_letters;
mod erasures;
mod failure;
mod integrator;
mod journal;
mod key;
mod ledger;
mod master_key;
mod monitoring;
mod operate;
mod output;
mod period;
mod process;
mod projection;
mod reconcile;
mod roles;
mod scheduled;
mod seals;
mod seed;
mod session;
mod subject;
mod supervise;
mod telemetry;
mod transfer;
mod up;
mod webhook;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{CommandFactory, Parser};

use cli::{CheckArgs, Cli, OutputArgs, ProcessVerb, Verb};
use compose::Addresses;
use config::{Config, SourceFiles, Sources};
use failure::Failure;
use seed::Seeded;

/// How long tasks that are left at the end may take; everything with an effect was waited for.
const LEFTOVER_LIMIT: Duration = Duration::from_millis(200);
/// How long the last spans may take on their way out: a collector that is gone must not hold up a stop.
const TRACES_LIMIT: Duration = Duration::from_secs(1);
/// Threads for work that blocks: engines, files and pictures, never anything per request.
const BLOCKING_THREADS_MAX: usize = 32;
/// The connections of a short command.
const COMMAND_CONNECTIONS: u32 = 2;

/// Runs the program with the arguments and the environment of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::failure(&message);
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    if let Verb::Completions { shell } = cli.verb {
        clap_complete::generate(shell, &mut Cli::command(), "kontor", &mut std::io::stdout());
        return Ok(());
    }
    let files = SourceFiles { env_file: cli.env_file, config_file: cli.config };
    let config = match Config::load(&Sources::of_process(&files)) {
        Ok(config) => config,
        Err(problems) => {
            if matches!(&cli.verb, Verb::Check(CheckArgs { json: true, .. })) {
                output::json(&problems)?;
            }
            return Err(problems.into());
        }
    };
    let exporter = telemetry::exporter(&config.traces, &cli.verb)?;
    telemetry::start(&config.log, telemetry::default_filter(&cli.verb), exporter.as_ref());
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    #[cfg(feature = "faults")]
    arm(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.process.worker_threads)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let exporting = exporter.map(|exporter| {
        let _inside = runtime.enter();
        exporter.start()
    });
    let result = runtime.block_on(carry_out(Arc::new(config), cli.verb));
    if let Some(exporting) = exporting {
        runtime.block_on(exporting.finish(TRACES_LIMIT));
    }
    runtime.shutdown_timeout(LEFTOVER_LIMIT);
    result
}

/// Says what this build is, and arms the fault that it is to suffer.
#[cfg(feature = "faults")]
fn arm(config: &Config) {
    tracing::warn!("This build has fault points: it kills itself on purpose and is for tests only");
    if let Some(fault) = &config.fault {
        tracing::warn!(fault = %fault.plan, "The fault {} is armed", fault.plan);
        kontor_faults::arm(fault.plan, &fault.marker);
    }
}

async fn carry_out(config: Arc<Config>, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Up(args) => up::run(config, args).await,
        Verb::Serve => roles::run(config, roles::Kind::Serve).await,
        Verb::Bot => roles::run(config, roles::Kind::Bot).await,
        Verb::Work => roles::run(config, roles::Kind::Work).await,
        Verb::Project => roles::run(config, roles::Kind::Project).await,
        Verb::Relay => roles::run(config, roles::Kind::Relay).await,
        Verb::Sandbox => roles::run_sandbox(config).await,
        Verb::Migrate(args) => migrate(&config, args).await,
        Verb::Check(args) => {
            let addresses = Addresses::find(&config)?;
            check::run(&config, &addresses, args).await
        }
        Verb::Key(verb) => {
            let pool = compose::pool(&Addresses::find(&config)?, COMMAND_CONNECTIONS).await?;
            Ok(key::run(&pool, verb).await?)
        }
        Verb::Integrator(verb) => integrator::run(&config, verb).await,
        Verb::Subject(verb) => subject::run(&config, verb).await,
        Verb::DeadLetters(verb) => dead_letters::run(&config, verb).await,
        Verb::Journal(args) => {
            let pool = compose::pool(&Addresses::find(&config)?, COMMAND_CONNECTIONS).await?;
            Ok(journal::list(&pool, args).await?)
        }
        Verb::Process(ProcessVerb::List(args)) => {
            let pool = compose::pool(&Addresses::find(&config)?, COMMAND_CONNECTIONS).await?;
            Ok(process::list(&pool, args).await?)
        }
        Verb::Scheduled(verb) => {
            let pool = compose::pool(&Addresses::find(&config)?, COMMAND_CONNECTIONS).await?;
            Ok(scheduled::run(&pool, verb).await?)
        }
        Verb::Backup(verb) => backup::run(&config, verb).await,
        Verb::Transfer(verb) => transfer::run(&config, verb).await,
        Verb::Projection(verb) => projection::run(&config, verb).await,
        Verb::Ledger(verb) => ledger::run(&config, verb).await,
        Verb::Period(verb) => period::run(&config, verb).await,
        Verb::Reconcile(verb) => reconcile::run(&config, verb).await,
        Verb::Operate(verb) => operate::run(&config, verb).await,
        Verb::Seed(args) => run_seed(&config, args).await,
        // Answered before the configuration is read.
        Verb::Completions { .. } => Ok(()),
    }
}

async fn migrate(config: &Config, args: OutputArgs) -> Result<(), Failure> {
    let addresses = Addresses::find(config)?;
    let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
    let pending = kontor_postgres::pending_migrations(&pool).await.context("migrations")?;
    kontor_postgres::migrate(&pool).await.context("migrations")?;
    let nats = compose::nats(config, &addresses, "migrate").await?;
    nats.ensure().await.context("the broker's streams")?;
    let applied: Vec<String> = pending
        .iter()
        .map(|migration| format!("{:04} {}", migration.version, migration.description))
        .collect();
    if args.json {
        output::json(&serde_json::json!({ "applied": applied, "streams": "as asked" }))?;
        return Ok(());
    }
    for name in &applied {
        output::line(&format!("applied {name}"));
    }
    output::line("The tables and the streams are up to date.");
    Ok(())
}

async fn run_seed(config: &Config, args: OutputArgs) -> Result<(), Failure> {
    let addresses = Addresses::find(config)?;
    let sender = compose::sender(config, &addresses).await?;
    let seeded = seed::seed(&sender).await?;
    if args.json {
        output::json(
            &serde_json::json!({ "tenants": [seed::DEMO_TENANT, seed::CREDITS_TENANT], "demo": seeded }),
        )?;
        return Ok(());
    }
    output::line(match seeded {
        Seeded::Created => "The demo tenants `demo_utility` and `demo_credits` were created.",
        Seeded::Existing => "The demo tenants `demo_utility` and `demo_credits` exist already.",
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
