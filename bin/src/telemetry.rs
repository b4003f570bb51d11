//! Log lines: text for people, JSON for collectors, on standard error.
//!
//! Lines carry ids and figures, never tokens, names, telephone numbers or texts of messages: the
//! code that writes them keeps to that, and a panic's own text is left out for the same reason.

use std::{io::IsTerminal, panic::PanicHookInfo};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    cli::Verb,
    config::{LogConfig, LogFormat},
};

/// What a role process tells unless the configuration says otherwise.
const ROLE_FILTER: &str = "info,sqlx=warn,async_nats=warn,hyper=warn,reqwest=warn";

/// What `kontor up` and short commands tell: the address block is what counts there.
const QUIET_FILTER: &str = "warn,async_nats=error";

/// What a verb tells unless the configuration says otherwise.
pub(crate) fn default_filter(verb: &Verb) -> &'static str {
    match verb {
        Verb::Serve | Verb::Bot | Verb::Work | Verb::Project | Verb::Relay | Verb::Sandbox => {
            ROLE_FILTER
        }
        Verb::Up(_)
        | Verb::Migrate(_)
        | Verb::Check(_)
        | Verb::Key(_)
        | Verb::Integrator(_)
        | Verb::Subject(_)
        | Verb::DeadLetters(_)
        | Verb::Process(_)
        | Verb::Backup(_)
        | Verb::Transfer(_)
        | Verb::Ledger(_)
        | Verb::Projection(_)
        | Verb::Operate(_)
        | Verb::Seed(_)
        | Verb::Scheduled(_)
        | Verb::Journal(_)
        | Verb::Completions { .. } => QUIET_FILTER,
    }
}

/// Installs the subscriber and the panic hook; at the second call it does nothing.
pub(crate) fn start(config: &LogConfig, default_filter: &str) {
    let filter = config.filter.as_deref().unwrap_or(default_filter);
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    let installed = match config.format {
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    // Colours are for a terminal; in a file they are noise.
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_writer(std::io::stderr),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init(),
    };
    if installed.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "A task panicked at {place}");
}
