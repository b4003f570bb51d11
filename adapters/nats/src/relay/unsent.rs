//! What the broker did not take.

use async_nats::jetstream::{
    self,
    context::{PublishError, PublishErrorKind},
};
use kontor_domain::Recorded;

use crate::names;

/// The first event of a group that was not published, as far as is known.
pub(super) struct Unsent {
    pub(super) position: i64,
    pub(super) error: PublishError,
}

/// Whether the broker will never take it: by the server's `max_payload`, or by the stream's limit.
pub(super) fn is_too_large(error: &PublishError) -> bool {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => true,
        PublishErrorKind::Other => std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<jetstream::Error>())
            .is_some_and(|error| error.error_code().0 == names::MESSAGE_TOO_LARGE),
        PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending => false,
    }
}

/// Names an event that holds the relay up by its ids; never by its content.
pub(super) fn tell(event: &Recorded) {
    let metadata = &event.metadata;
    tracing::error!(
        position = event.position,
        event.id = %event.event_id,
        stream = %event.stream_id,
        command.id = %metadata.command_id,
        correlation.id = %metadata.correlation_id,
        trace.id = metadata.trace_id(),
        "The event {} cannot be published",
        event.position,
    );
}
