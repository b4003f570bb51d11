//! The `kontor` program: roles as subcommands, configuration, telemetry, composition and the private
//! engines of a start on one machine. It wires and decides nothing about the business.
//!
//! Read [`cli`] for what can be typed, [`config`] for what can be set, `compose` for how the parts
//! fit together, `up` for a start on one machine.

pub mod cli;
pub mod config;
mod failure;
mod output;
mod supervise;
mod telemetry;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Verb};
use config::{Config, SourceFiles, Sources};
use failure::Failure;

/// Runs the program with the arguments and the environment of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    if let Verb::Completions { shell } = cli.verb {
        clap_complete::generate(shell, &mut Cli::command(), "kontor", &mut std::io::stdout());
        return Ok(());
    }
    Ok(())
}
