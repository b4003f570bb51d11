//! Where the stream of events ends, and what that says about the log.

use kontor_postgres::EventReader;
use kontor_projections::ReactorError;

use super::failed;
use crate::{Nats, names, streams};

/// The end of the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tail {
    /// The sequence of the last message that the stream took; 0 when there was none.
    pub(super) sequence: u64,
    /// The position up to which the log is published.
    pub(super) position: i64,
}

/// Looks where the stream ends; makes it again when it is gone.
///
/// `believed` is the position up to which the log was published once. It counts when the stream
/// cannot tell: when it took messages and has forgotten all of them, as its limits want, and when
/// its last message is not of this log, as after a restored database. A stream that never took a
/// message was lost, or is new: then nothing is published.
pub(super) async fn look(
    nats: &Nats,
    log: &EventReader,
    believed: i64,
) -> Result<Tail, ReactorError> {
    let unknown = |err| failed("the stream of events cannot be looked at", err);
    let fill = streams::fill(nats.jetstream(), names::EVENTS).await.map_err(unknown)?;
    let Some(fill) = fill else {
        tracing::warn!("The stream {} is gone; making it again", names::EVENTS);
        let made = nats.ensure().await;
        made.map_err(|err| failed("the stream of events cannot be made", err))?;
        return Ok(Tail { sequence: 0, position: 0 });
    };
    let sequence = fill.last_sequence;
    if sequence == 0 {
        return Ok(Tail { sequence, position: 0 });
    }
    if fill.messages == 0 {
        return Ok(Tail { sequence, position: believed });
    }
    let position = match last_event(nats).await? {
        Some((position, id)) if is_in_log(log, position, &id).await? => position,
        Some(_) | None => {
            tracing::warn!("The stream {} does not end with an event of this log", names::EVENTS);
            believed
        }
    };
    Ok(Tail { sequence, position })
}

/// Position and id of the stream's last message, when it is an event.
async fn last_event(nats: &Nats) -> Result<Option<(i64, String)>, ReactorError> {
    let unknown = "the last event of the stream cannot be read";
    let stream = nats.jetstream().get_stream_no_info(names::EVENTS).await;
    let stream = stream.map_err(|err| failed(unknown, err))?;
    let message = stream.get_last_raw_message_by_subject(names::ALL_EVENTS).await;
    let headers = message.map_err(|err| failed(unknown, err))?.headers;
    let position = headers.get(names::POSITION).and_then(|value| value.as_str().parse().ok());
    let id = headers.get(names::MESSAGE_ID).map(|value| value.as_str().to_owned());
    Ok(position.zip(id))
}

async fn is_in_log(log: &EventReader, position: i64, id: &str) -> Result<bool, ReactorError> {
    let event = log.event(position).await;
    let event = event.map_err(|err| failed("the log cannot be read", err))?;
    Ok(event.is_some_and(|event| event.event_id.to_string() == id))
}
