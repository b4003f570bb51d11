//! Spans that wait for their export. A full queue drops new ones: nothing waits for a collector.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use tokio::sync::mpsc;

/// The most spans that wait: some seconds of a busy process, in a few megabytes.
pub(crate) const SPANS_MAX: usize = 4_096;

/// Spans that ended, by `state`: `exported`, `dropped` (the queue was full) or `failed` (the
/// collector did not take them).
const SPANS: &str = "kontor_trace_spans_total";

/// The end of the queue that spans go into.
#[derive(Debug)]
pub(crate) struct Entrance(mpsc::Sender<SpanData>);

impl Entrance {
    pub(crate) fn open() -> (Self, mpsc::Receiver<SpanData>) {
        let (entrance, spans) = mpsc::channel(SPANS_MAX);
        (Self(entrance), spans)
    }
}

/// Shows the figures before there is anything to count.
pub(crate) fn describe() {
    metrics::describe_counter!(SPANS, "Spans that ended, by what became of them");
    for state in ["exported", "dropped", "failed"] {
        count(state, 0);
    }
}

pub(crate) fn count(state: &'static str, spans: usize) {
    metrics::counter!(SPANS, "state" => state).increment(u64::try_from(spans).unwrap_or(0));
}

impl SpanProcessor for Entrance {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            count("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
