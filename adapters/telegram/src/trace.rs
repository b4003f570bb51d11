//! The ids under which everything about one update is found: in log lines, in events and in traces.

use tracing::{Span, info_span};
use uuid::Uuid;

use crate::turn::Ports;

impl Ports {
    /// The work on an update. All that it leads to belongs to one conversation and one trace, whose
    /// ids follow from the update: a repetition is told under the same ids. The first attempt begins the
    /// trace, those after a failure stand below it.
    pub(crate) fn span_of_update(&self, update: &str, is_first: bool) -> Span {
        let conversation = self.conversation(update);
        let trace = kontor_traces::of_cause(conversation);
        let span = info_span!(
            parent: None,
            "update",
            otel.kind = "server",
            bot = self.bot,
            tenant = %self.tenant,
            update.id = update,
            command.id = %conversation,
            correlation.id = %conversation,
            trace.id = trace.trace_id(),
        );
        if is_first {
            kontor_traces::begin(&span, &trace);
        } else {
            kontor_traces::continue_from(&span, Some(trace.as_str()));
        }
        span
    }

    /// A call that carries a message out; `key` says which update it answers, if any.
    pub(crate) fn span_of_call(&self, key: &str, outbox_id: i64) -> Span {
        let Some(update) = update_of(key) else {
            return info_span!(
                "reply",
                otel.kind = "client",
                bot = self.bot,
                outbox.id = outbox_id
            );
        };
        let conversation = self.conversation(update);
        let trace = kontor_traces::of_cause(conversation);
        let span = info_span!(
            "reply",
            otel.kind = "client",
            bot = self.bot,
            tenant = %self.tenant,
            outbox.id = outbox_id,
            update.id = update,
            command.id = %conversation,
            correlation.id = %conversation,
            trace.id = trace.trace_id(),
        );
        kontor_traces::continue_from(&span, Some(trace.as_str()));
        span
    }

    /// The id of the update's first command, which is that of its conversation as well.
    pub(crate) fn conversation(&self, update: &str) -> Uuid {
        self.command_id(update, 0)
    }
}

/// The update in the key of a message, `u<update>:<number>`; other messages answer none.
fn update_of(key: &str) -> Option<&str> {
    let (update, _) = key.strip_prefix('u')?.split_once(':')?;
    let is_number = !update.is_empty() && update.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(update)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_update_that_it_answers() {
        assert_eq!(update_of("u17:0"), Some("17"));
        assert_eq!(update_of("u17:wait"), Some("17"));
        for other in ["", "u", "u17", "u:0", "ua:0", "reminder:17:0", "u١:0"] {
            assert_eq!(update_of(other), None, "{other}");
        }
    }
}
