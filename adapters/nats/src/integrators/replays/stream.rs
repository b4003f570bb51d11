//! The stream of a replay: a bounded queue between the log and one integrator.

use std::{collections::BTreeSet, time::Duration};

use kontor_postgres::integrators::{IntegratorName, replays::Replay};
use serde_json::{Value, json};

use crate::{
    Nats, NatsError,
    integrators::{
        BrokerNames,
        consumers::{ACK_WAIT, CONSUMER_NOT_FOUND, UNACKNOWLEDGED_MAX},
    },
    streams::{NOT_FOUND, call, compare, nanoseconds},
};

/// The most events that wait in a replay's stream: whoever reads slowly costs no disk, and one that a
/// program is done with is gone.
pub(super) const MESSAGES_MAX: u64 = 1_000;
/// The same in bytes: the largest event fits sixteen times.
pub(super) const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The largest event, as in `EVENTS`.
const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;
/// How long the server knows an event again: what is published twice after a crash costs nothing.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

impl Nats {
    /// Makes the stream of a replay with its consumer, anew when it is another replay's. Returns
    /// whether the stream was made: then nothing is in it.
    ///
    /// # Errors
    /// When JetStream refuses or does not answer.
    pub(super) async fn ensure_replay(&self, replay: &Replay) -> Result<bool, NatsError> {
        let names = BrokerNames::of(&replay.integrator.name);
        let made = self.ensure_replay_stream(replay, &names).await?;
        let config = consumer_config(&names);
        let what = format!("consumer {}/{}", names.replay_stream, names.consumer);
        let info = format!("CONSUMER.INFO.{}.{}", names.replay_stream, names.consumer);
        match call(self.jetstream(), &info, &json!({}), &what).await {
            Ok(found) => compare(&what, &config, &found)?,
            Err(NatsError::Refused { code: CONSUMER_NOT_FOUND, .. }) => {
                let subject = format!("CONSUMER.CREATE.{}.{}", names.replay_stream, names.consumer);
                let request = json!({
                    "stream_name": names.replay_stream, "action": "create", "config": config,
                });
                let echo = call(self.jetstream(), &subject, &request, &what).await?;
                compare(&what, &config, &echo)?;
            }
            Err(err) => return Err(err),
        }
        Ok(made)
    }

    async fn ensure_replay_stream(
        &self,
        replay: &Replay,
        names: &BrokerNames,
    ) -> Result<bool, NatsError> {
        let stream = &names.replay_stream;
        let config = self.replay_config(replay, names)?;
        let what = format!("stream {stream}");
        let info = format!("STREAM.INFO.{stream}");
        match call(self.jetstream(), &info, &json!({}), &what).await {
            Ok(found) if compare(&what, &config, &found).is_ok() => return Ok(false),
            Ok(_) => {
                self.remove_replay(&replay.integrator.name).await?;
            }
            Err(NatsError::Refused { code: NOT_FOUND, .. }) => {}
            Err(err) => return Err(err),
        }
        let create = format!("STREAM.CREATE.{stream}");
        let echo = call(self.jetstream(), &create, &config, &what).await?;
        compare(&what, &config, &echo)?;
        Ok(true)
    }

    /// Deletes the stream of an integrator's replay with what is unread in it. `false` when there is
    /// none.
    ///
    /// # Errors
    /// When JetStream refuses or does not answer.
    pub async fn remove_replay(&self, name: &IntegratorName) -> Result<bool, NatsError> {
        let stream = BrokerNames::of(name).replay_stream;
        let what = format!("stream {stream}");
        let subject = format!("STREAM.DELETE.{stream}");
        match call(self.jetstream(), &subject, &json!({}), &what).await {
            Ok(_) => Ok(true),
            Err(NatsError::Refused { code: NOT_FOUND, .. }) => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// The integrators that have a stream for a replay; the server names 1,024 at once, many times
    /// more than there may be.
    pub(super) async fn replay_streams(&self) -> Result<BTreeSet<IntegratorName>, NatsError> {
        let what = "the streams of replays";
        let request = json!({ "subject": BrokerNames::ALL_REPLAYS });
        let found = call(self.jetstream(), "STREAM.NAMES", &request, what).await?;
        let streams = found.get("streams").and_then(Value::as_array);
        let streams = streams.map(Vec::as_slice).unwrap_or_default().iter();
        Ok(streams.filter_map(Value::as_str).filter_map(BrokerNames::replayed).collect())
    }

    fn replay_config(&self, replay: &Replay, names: &BrokerNames) -> Result<Value, NatsError> {
        let (storage, replicas) = self.schema().kept();
        Ok(json!({
            "name": names.replay_stream,
            // By its id a stream that was left over from another replay is recognised.
            "description": format!("Replay {} out of the log, for one integrator.", replay.id),
            "subjects": [format!("{}>", names.replay_subjects)],
            "retention": "workqueue",
            "discard": "new",
            "storage": storage,
            "num_replicas": replicas,
            "max_msgs": MESSAGES_MAX,
            "max_bytes": BYTES_MAX,
            "max_msg_size": MESSAGE_BYTES_MAX,
            "max_age": 0,
            "max_msgs_per_subject": -1,
            "max_consumers": -1,
            "duplicate_window": nanoseconds(DUPLICATE_WINDOW)?,
        }))
    }
}

fn consumer_config(names: &BrokerNames) -> Value {
    json!({
        "name": names.consumer,
        "durable_name": names.consumer,
        "description": "A replay; made by `kontor integrator replay`.",
        "deliver_policy": "all",
        "replay_policy": "instant",
        "ack_policy": "explicit",
        "ack_wait": u64::try_from(ACK_WAIT.as_nanos()).unwrap_or(u64::MAX),
        "max_deliver": -1,
        "max_ack_pending": UNACKNOWLEDGED_MAX,
    })
}
