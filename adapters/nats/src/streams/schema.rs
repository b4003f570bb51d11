//! The description in `nats/streams.json` with the settings of this installation.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::text;
use crate::{NatsError, StreamSettings, names};

const DESCRIPTION: &str = include_str!("../../../../nats/streams.json");

/// The streams that an installation needs.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) streams: Vec<StreamSchema>,
    pub(crate) ack_wait: Duration,
}

/// A stream with its consumers, in the form of JetStream's own interface.
#[derive(Clone, Debug)]
pub(crate) struct StreamSchema {
    pub(crate) config: Value,
    pub(crate) consumers: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    streams: Vec<StreamDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamDescription {
    config: Value,
    #[serde(default)]
    consumer_per_shard: Option<Value>,
}

impl StreamSchema {
    pub(crate) fn name(&self) -> &str {
        text(&self.config, "name")
    }
}

impl Schema {
    /// Reads the description and puts the settings in.
    pub(crate) fn new(settings: &StreamSettings) -> Result<Self, NatsError> {
        let description: Description =
            serde_json::from_str(DESCRIPTION).map_err(|err| NatsError::Schema(err.to_string()))?;
        let mut streams: Vec<StreamSchema> = Vec::with_capacity(description.streams.len());
        for stream in description.streams {
            let consumers = match stream.consumer_per_shard {
                Some(template) => {
                    (0..names::SHARDS).map(|shard| for_shard(&template, shard)).collect()
                }
                None => Vec::new(),
            };
            streams.push(StreamSchema { config: stream.config, consumers });
        }
        let mut schema = Self { streams, ack_wait: settings.ack_wait };
        schema.apply(settings)?;
        Ok(schema)
    }

    fn apply(&mut self, settings: &StreamSettings) -> Result<(), NatsError> {
        let storage = if settings.on_disk { "file" } else { "memory" };
        let ack_wait = nanoseconds(settings.ack_wait)?;
        for stream in &mut self.streams {
            let config = &mut stream.config;
            config["num_replicas"] = json!(settings.replicas);
            config["storage"] = json!(storage);
            match text(config, "name") {
                names::COMMANDS => {
                    config["max_msgs"] = json!(settings.commands_max_messages);
                    config["max_bytes"] = json!(settings.commands_max_bytes);
                }
                names::EVENTS => {
                    config["max_age"] = json!(nanoseconds(settings.events_max_age)?);
                    config["max_bytes"] = json!(settings.events_max_bytes);
                }
                // Small, and a proof: no setting makes it forget.
                names::SEALS => {}
                other => return Err(NatsError::Schema(format!("unknown stream {other}"))),
            }
            for consumer in &mut stream.consumers {
                consumer["ack_wait"] = json!(ack_wait);
            }
        }
        Ok(())
    }

    /// Where streams are kept, and in how many copies: the same for all of them.
    pub(crate) fn kept(&self) -> (&Value, &Value) {
        let field = |field| self.streams.first().and_then(|stream| stream.config.get(field));
        (field("storage").unwrap_or(&Value::Null), field("num_replicas").unwrap_or(&Value::Null))
    }

    /// The same description with one field of a stream changed, for tests of the comparison.
    #[cfg(test)]
    fn field(&self, stream: &str, field: &str) -> Option<&Value> {
        self.streams.iter().find(|found| found.name() == stream)?.config.get(field)
    }
}

fn for_shard(template: &Value, shard: u32) -> Value {
    match template {
        Value::String(text) => Value::String(text.replace("{shard}", &shard.to_string())),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.clone(), for_shard(value, shard))).collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => template.clone(),
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> Result<i64, NatsError> {
    i64::try_from(duration.as_nanos())
        .map_err(|_| NatsError::Schema(format!("{duration:?} is too long")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_usable_and_agrees_with_the_names() {
        let schema = Schema::new(&StreamSettings::default()).unwrap();
        let commands = &schema.streams[0];
        assert_eq!(commands.name(), names::COMMANDS);
        assert_eq!(commands.consumers.len(), 8);
        assert_eq!(text(&commands.consumers[7], "durable_name"), names::consumer(7));
        assert_eq!(text(&commands.consumers[7], "filter_subject"), "shard.7.>");
        let partition = format!("{{{{partition({},3)}}}}", names::SHARDS);
        assert!(
            commands.config["subject_transform"]["dest"].as_str().unwrap().contains(&partition)
        );
        let largest = commands.config["max_msg_size"].as_u64().unwrap();
        assert!(largest > kontor_commands::Envelope::SIZE_MAX as u64 + 4096, "headers count too");
        assert_eq!(schema.streams[1].name(), names::EVENTS);
        assert_eq!(schema.streams[2].name(), names::SEALS);
        assert_eq!(schema.field(names::SEALS, "subjects"), Some(&json!([names::SEAL_OF_LEDGERS])));
    }

    #[test]
    fn settings_replace_sizes() {
        let settings = StreamSettings {
            replicas: 3,
            on_disk: false,
            commands_max_messages: 7,
            events_max_age: Duration::from_secs(60),
            ..StreamSettings::default()
        };
        let schema = Schema::new(&settings).unwrap();
        assert_eq!(schema.field("COMMANDS", "max_msgs"), Some(&json!(7)));
        assert_eq!(schema.field("COMMANDS", "num_replicas"), Some(&json!(3)));
        assert_eq!(schema.field("EVENTS", "storage"), Some(&json!("memory")));
        assert_eq!(schema.field("EVENTS", "max_age"), Some(&json!(60_000_000_000_i64)));
    }
}
