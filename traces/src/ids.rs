//! The ids of spans: random, except for those of a span that is to stand at a place that others know
//! already.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// What the next root span that this thread begins is called.
    static PLANNED: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Random ids, unless others are planned.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        PLANNED.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        PLANNED.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}

/// Gives the span that `begin` begins these ids.
pub(crate) fn planned(trace: TraceId, span: SpanId, begin: impl FnOnce()) {
    /// Whatever happens, the next span has ids of its own.
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            PLANNED.set(None);
        }
    }
    let _forget = Forget;
    PLANNED.set(Some((trace, span)));
    begin();
}
