//! The streams and consumers: made as described, and compared with what the server made of them.

mod compare;
mod schema;

use std::time::Duration;

use async_nats::jetstream::{Context, ErrorCode};
use serde_json::{Value, json};

use schema::StreamSchema;
pub(crate) use schema::{Schema, nanoseconds};

use crate::NatsError;
use compare::differences;

/// JetStream's code for a stream that does not exist.
pub(crate) const NOT_FOUND: u64 = 10059;
/// JetStream's code for a stream that exists with another configuration.
const NAME_IN_USE: u64 = 10058;
/// JetStream's code for a stream that reserves more than the server has left.
const NO_ROOM: u64 = 10047;
/// How often a request without an answer is repeated: after a server's restart JetStream may need
/// a moment longer than the connection.
const ATTEMPTS: u32 = 5;
/// The pause between such attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// Makes or updates everything, and compares each answer with what was asked.
pub(crate) async fn ensure(jetstream: &Context, schema: &Schema) -> Result<(), NatsError> {
    for stream in &schema.streams {
        let name = stream.name();
        let what = format!("stream {name}");
        let made = call(jetstream, &format!("STREAM.CREATE.{name}"), &stream.config, &what).await;
        let made = match made {
            Err(NatsError::Refused { code: NAME_IN_USE, .. }) => {
                call(jetstream, &format!("STREAM.UPDATE.{name}"), &stream.config, &what).await
            }
            made => made,
        };
        let echo = made.map_err(|err| explain_room(err, name, &stream.config))?;
        compare(&what, &stream.config, &echo)?;
        for consumer in &stream.consumers {
            ensure_consumer(jetstream, stream, consumer).await?;
        }
    }
    Ok(())
}

/// Says what can be done when the server has no room for the stream; its own words do not.
fn explain_room(err: NatsError, stream: &str, config: &Value) -> NatsError {
    if !matches!(err, NatsError::Refused { code: NO_ROOM, .. }) {
        return err;
    }
    NatsError::NoRoom {
        stream: stream.to_owned(),
        bytes: config.get("max_bytes").and_then(Value::as_u64).unwrap_or_default(),
    }
}

async fn ensure_consumer(
    jetstream: &Context,
    stream: &StreamSchema,
    consumer: &Value,
) -> Result<(), NatsError> {
    let name = stream.name();
    let (durable, filter) = (text(consumer, "durable_name"), text(consumer, "filter_subject"));
    let what = format!("consumer {name}/{durable}");
    let subject = format!("CONSUMER.CREATE.{name}.{durable}.{filter}");
    // An empty action creates or updates.
    let request = json!({ "stream_name": name, "action": "", "config": consumer });
    let echo = call(jetstream, &subject, &request, &what).await?;
    compare(&what, consumer, &echo)
}

/// Compares everything without changing it.
pub(crate) async fn check(jetstream: &Context, schema: &Schema) -> Result<(), NatsError> {
    for stream in &schema.streams {
        let name = stream.name();
        let what = format!("stream {name}");
        let found = call(jetstream, &format!("STREAM.INFO.{name}"), &json!({}), &what).await?;
        compare(&what, &stream.config, &found)?;
        for consumer in &stream.consumers {
            let durable = text(consumer, "durable_name");
            let what = format!("consumer {name}/{durable}");
            let subject = format!("CONSUMER.INFO.{name}.{durable}");
            let found = call(jetstream, &subject, &json!({}), &what).await?;
            compare(&what, consumer, &found)?;
        }
    }
    Ok(())
}

/// How much is in a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fill {
    /// The messages that it holds.
    pub(crate) messages: u64,
    /// What they take, in bytes.
    pub(crate) bytes: u64,
    /// The sequence of the last message that it ever took; 0 when there was none.
    pub(crate) last_sequence: u64,
}

/// How much is in a stream; `None` when it does not exist.
pub(crate) async fn fill(jetstream: &Context, stream: &str) -> Result<Option<Fill>, NatsError> {
    let what = format!("stream {stream}");
    let found = call(jetstream, &format!("STREAM.INFO.{stream}"), &json!({}), &what).await;
    let found = match found {
        Ok(found) => found,
        Err(NatsError::Refused { code: NOT_FOUND, .. }) => return Ok(None),
        Err(err) => return Err(err),
    };
    let number = |field| {
        found.pointer(field).and_then(Value::as_u64).ok_or_else(|| NatsError::Refused {
            what: what.clone(),
            code: 0,
            description: format!("the answer holds no number {field}"),
        })
    };
    Ok(Some(Fill {
        messages: number("/state/messages")?,
        bytes: number("/state/bytes")?,
        last_sequence: number("/state/last_seq")?,
    }))
}

/// The messages that a consumer has yet to deliver, and those delivered and not settled.
pub(crate) async fn consumer_backlog(
    jetstream: &Context,
    stream: &str,
    consumer: &str,
) -> Result<(u64, u64), NatsError> {
    let what = format!("consumer {stream}/{consumer}");
    let subject = format!("CONSUMER.INFO.{stream}.{consumer}");
    let found = call(jetstream, &subject, &json!({}), &what).await?;
    let number = |field| found.get(field).and_then(Value::as_u64);
    number("num_pending").zip(number("num_ack_pending")).ok_or_else(|| NatsError::Refused {
        what,
        code: 0,
        description: "the answer holds no numbers of messages".to_owned(),
    })
}

/// Deletes the messages of a subject. Returns how many there were.
pub(crate) async fn purge(
    jetstream: &Context,
    stream: &str,
    subject: &str,
) -> Result<u64, NatsError> {
    let what = format!("purge of {stream}");
    let request = json!({ "filter": subject });
    let answer = call(jetstream, &format!("STREAM.PURGE.{stream}"), &request, &what).await?;
    Ok(answer.get("purged").and_then(Value::as_u64).unwrap_or_default())
}

/// Compares what was asked with the configuration in an answer.
pub(crate) fn compare(object: &str, asked: &Value, answer: &Value) -> Result<(), NatsError> {
    let differences = differences("config", asked, answer.get("config").unwrap_or(&Value::Null));
    if differences.is_empty() {
        return Ok(());
    }
    Err(NatsError::Mismatch { object: object.to_owned(), differences })
}

/// Sends a request to JetStream's own interface, again while nobody answers.
pub(crate) async fn call(
    jetstream: &Context,
    subject: &str,
    request: &Value,
    what: &str,
) -> Result<Value, NatsError> {
    let mut attempt = 1;
    let answer: Value = loop {
        match jetstream.request(subject.to_owned(), request).await {
            Ok(answer) => break answer,
            Err(err) if attempt < ATTEMPTS => {
                tracing::debug!(error = %err, "JetStream did not answer {what}; asking again");
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(err) => {
                return Err(NatsError::Request { what: what.to_owned(), source: Box::new(err) });
            }
        }
    };
    let Some(error) = answer.get("error") else { return Ok(answer) };
    Err(NatsError::Refused {
        what: what.to_owned(),
        code: error.get("err_code").and_then(Value::as_u64).unwrap_or_default(),
        description: text(error, "description").to_owned(),
    })
}

/// Whether JetStream's error means that a stream takes no more at the moment: its limit, the
/// server's memory, the server's disk, or its queue of requests.
pub(crate) fn is_full(code: ErrorCode) -> bool {
    code == ErrorCode::STREAM_STORE_FAILED
        || code == ErrorCode::INSUFFICIENT_RESOURCES
        || code == ErrorCode::STORAGE_RESOURCES_EXCEEDED
        || code == ErrorCode::MEMORY_RESOURCES_EXCEEDED
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
