//! OpenTelemetry traces: how a span joins the trace of its cause, and how spans are exported.
//!
//! Spans are those of `tracing`. Without [`Exporter::new`] none of this does anything: each function
//! reads one flag and returns.

mod export;
mod filter;
mod headers;
mod http;
mod ids;
mod queue;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use kontor_commands::TraceParent;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

pub use export::{ExportError, ExportSettings, Exporter, Running};
pub use headers::CollectorHeaders;

/// The most other traces that one span names: a batch of more says nothing that one can look at.
pub const LINKS_MAX: usize = 32;

/// Decides which traces that begin here are recorded; set when spans are exported.
static SAMPLER: OnceLock<Sampler> = OnceLock::new();

fn is_on() -> bool {
    SAMPLER.get().is_some()
}

/// Shows the figures before there is anything to count; nothing while spans are not exported.
pub fn describe() {
    if is_on() {
        queue::describe();
    }
}

/// Makes `span`, which must not have been entered, a part of the trace that `parent` names.
pub fn continue_from(span: &Span, parent: Option<&str>) {
    if !is_on() {
        return;
    }
    if let Some(parent) = parent.and_then(remote) {
        attach(span, parent);
    }
}

/// Makes `span`, which has no parent and was not entered, the beginning of the trace that `cause` names:
/// whatever goes on from `cause` stands below it.
pub fn begin(span: &Span, cause: &TraceParent) {
    if !is_on() {
        return;
    }
    if let Some(cause) = remote(cause.as_str()) {
        // To ask for its context begins the span.
        ids::planned(cause.trace_id(), cause.span_id(), || drop(span.context()));
    }
}

/// Makes `span`, which must not have been entered, a part of the trace of what it works on.
///
/// Where those are several traces it belongs to none of them. What it does not belong to it names, up
/// to [`LINKS_MAX`].
pub fn join<'a>(span: &Span, traces: impl Iterator<Item = Option<&'a str>>) {
    if !is_on() {
        return;
    }
    let mut distinct: Vec<SpanContext> = Vec::new();
    for context in traces.flatten().filter_map(remote) {
        if distinct.len() < LINKS_MAX && !distinct.contains(&context) {
            distinct.push(context);
        }
    }
    let Some((first, others)) = distinct.split_first() else { return };
    if others.iter().all(|other| other.trace_id() == first.trace_id()) {
        attach(span, first.clone());
    } else {
        span.add_link(first.clone());
    }
    others.iter().for_each(|other| span.add_link(other.clone()));
}

/// Where the current span stands in its trace; `None` when spans are not exported, or there is no
/// span.
pub fn current() -> Option<TraceParent> {
    if !is_on() {
        return None;
    }
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    let flags = if span.is_sampled() { "01" } else { "00" };
    // Without a span the ids are zero, which is no trace.
    TraceParent::parse(&format!("00-{}-{}-{flags}", span.trace_id(), span.span_id()))
}

/// The trace that something begins which came without one, such as an update of a bot; its first span
/// is recorded by [`begin`]. A repetition is in the same trace.
pub fn of_cause(cause: Uuid) -> TraceParent {
    let trace = TraceParent::of_cause(cause);
    let (Some(sampler), Ok(id)) = (SAMPLER.get(), TraceId::from_hex(trace.trace_id())) else {
        return trace;
    };
    let sampling = sampler.should_sample(None, id, "", &SpanKind::Internal, &[], &[]);
    if sampling.decision == SamplingDecision::RecordAndSample { trace.sampled() } else { trace }
}

fn attach(span: &Span, parent: SpanContext) {
    let parent = Context::new().with_remote_span_context(parent);
    if let Err(err) = span.set_parent(parent) {
        tracing::trace!(error = %err, "A span stays outside its trace");
    }
}

fn remote(text: &str) -> Option<SpanContext> {
    let trace = TraceParent::parse(text)?;
    let mut parts = trace.as_str().split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = if parts.next()? == "01" { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    Some(SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE))
}
