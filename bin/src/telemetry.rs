//! Log lines: text for people, JSON for collectors, on standard error.
//!
//! Lines carry ids and figures, never tokens, names, telephone numbers or texts of messages: the
//! code that writes them keeps to that, and a panic's own text is left out for the same reason.

use std::{io::IsTerminal, panic::PanicHookInfo};

use anyhow::Context;
use kontor_traces::{CollectorHeaders, ExportSettings, Exporter};
use secrecy::ExposeSecret;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    cli::Verb,
    config::{LogConfig, LogFormat, TracesConfig},
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
        | Verb::Period(_)
        | Verb::Reconcile(_)
        | Verb::Projection(_)
        | Verb::Operate(_)
        | Verb::Seed(_)
        | Verb::Scheduled(_)
        | Verb::Journal(_)
        | Verb::Completions { .. } => QUIET_FILTER,
    }
}

/// Prepares the export of traces; none when no collector is configured, and for short commands.
pub(crate) fn exporter(config: &TracesConfig, verb: &Verb) -> anyhow::Result<Option<Exporter>> {
    let (Some(endpoint), Some(role)) = (&config.endpoint, role_of(verb)) else { return Ok(None) };
    let settings = ExportSettings {
        endpoint: format!("{endpoint}/v1/traces"),
        service: format!("kontor-{role}"),
        sampling_ratio: config.sampling_ratio,
        headers: headers(config),
    };
    Exporter::new(&settings).context("OTEL_EXPORTER_OTLP_ENDPOINT").map(Some)
}

/// What the collector wants; the configuration has checked it.
fn headers(config: &TracesConfig) -> CollectorHeaders {
    let text = config.headers.as_ref().map(ExposeSecret::expose_secret);
    text.and_then(CollectorHeaders::parse).unwrap_or_default()
}

/// What a process that stays is called among others.
fn role_of(verb: &Verb) -> Option<&'static str> {
    match verb {
        Verb::Up(_) => Some("up"),
        Verb::Serve => Some("serve"),
        Verb::Bot => Some("bot"),
        Verb::Work => Some("work"),
        Verb::Project => Some("project"),
        Verb::Relay => Some("relay"),
        Verb::Sandbox
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
        | Verb::Period(_)
        | Verb::Reconcile(_)
        | Verb::Projection(_)
        | Verb::Operate(_)
        | Verb::Seed(_)
        | Verb::Scheduled(_)
        | Verb::Journal(_)
        | Verb::Completions { .. } => None,
    }
}

/// Installs the subscriber and the panic hook; at the second call it does nothing.
pub(crate) fn start(config: &LogConfig, default_filter: &str, traces: Option<&Exporter>) {
    if subscriber(config, default_filter, traces).try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn subscriber(config: &LogConfig, default_filter: &str, traces: Option<&Exporter>) -> Dispatch {
    let filter = EnvFilter::new(config.filter.as_deref().unwrap_or(default_filter));
    let registry = tracing_subscriber::registry();
    match traces {
        // One filter for everything: what it leaves out costs nothing.
        None => registry.with(filter).with(lines(config.format)).into(),
        // Two: how much is logged says nothing about what is traced.
        Some(exporter) => {
            registry.with(exporter.layer()).with(lines(config.format).with_filter(filter)).into()
        }
    }
}

fn lines<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    match format {
        LogFormat::Text => fmt::layer()
            // Colours are for a terminal; in a file they are noise.
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed()
        }
    }
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "A task panicked at {place}");
}

#[cfg(test)]
mod tests {
    use tracing::{Level, dispatcher::with_default, event_enabled, span_enabled};

    use super::*;

    /// Whether spans below the log's level are made, those of the log, lines below its level, and
    /// spans of other crates.
    fn made(filter: &str, traces: Option<&Exporter>) -> [bool; 4] {
        let config = LogConfig { filter: Some(filter.to_owned()), format: LogFormat::Json };
        with_default(&subscriber(&config, ROLE_FILTER, traces), || {
            [
                span_enabled!(target: "kontor_postgres::log", Level::DEBUG),
                span_enabled!(target: "kontor_nats", Level::INFO),
                event_enabled!(target: "kontor_postgres::log", Level::DEBUG),
                span_enabled!(target: "h2", Level::INFO),
            ]
        })
    }

    #[test]
    fn spans_for_traces_alone_are_made_only_while_traces_are_exported() {
        assert_eq!(made(ROLE_FILTER, None), [false, true, false, true]);
        assert_eq!(made(QUIET_FILTER, None), [false; 4]);
        let config = TracesConfig {
            endpoint: Some("http://127.0.0.1:4318".to_owned()),
            sampling_ratio: 1.0,
            headers: None,
        };
        assert!(exporter(&config, &Verb::Sandbox).unwrap().is_none());
        let exporter = exporter(&config, &Verb::Work).unwrap().unwrap();
        assert_eq!(made(ROLE_FILTER, Some(&exporter)), [true, true, false, true]);
        assert_eq!(made(QUIET_FILTER, Some(&exporter)), [true, true, false, false]);
    }
}
