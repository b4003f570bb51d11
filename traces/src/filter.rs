//! Which spans are traced.

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// The crates of Kontor. Spans of other crates may hold anything; ours hold ids and figures.
const OURS: &str = "kontor";

/// Lets our spans through, whatever is logged, and no events. A call site of others is judged once:
/// it costs what it costs without traces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ours;

impl Ours {
    fn takes(metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
            && *metadata.level() <= Level::DEBUG
            && metadata.target().starts_with(OURS)
    }
}

impl<S: Subscriber> Filter<S> for Ours {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::takes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Not `always`, or nobody would ask again: filters of layers remember their last answer, and
        // `log::log_enabled!`, which sqlx calls for each statement, leaves a no behind that would
        // swallow the next span.
        if Self::takes(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}
