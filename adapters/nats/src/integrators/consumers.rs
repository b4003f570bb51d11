//! The durable consumers of integrators: made from their rows, and brought back when they are gone.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use kontor_postgres::integrators::{self, Channel, Integrator, IntegratorName};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{BrokerNames, PREFIX, integrator_of, subjects};
use crate::{
    Nats, NatsError, names,
    streams::{call, compare},
};

/// JetStream's code for a consumer that does not exist.
pub(super) const CONSUMER_NOT_FOUND: u64 = 10014;
/// JetStream's code for a stream that does not exist.
const STREAM_NOT_FOUND: u64 = 10059;
/// JetStream's code for a message that does not exist.
const NO_MESSAGE: u64 = 10037;
/// How long an unacknowledged event is left to an integrator before it is delivered again.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);
/// The most events of one integrator that wait for its acknowledgement: enough to fill a slow line,
/// few enough that a program that hangs is noticed.
pub(super) const UNACKNOWLEDGED_MAX: u32 = 1_000;
/// How often the consumers are compared with the rows.
const EVERY: Duration = Duration::from_secs(30);
/// The most pages of consumer names that are read; the server gives 1,024 at once.
const PAGES_MAX: usize = 20;

impl Nats {
    /// Makes an integrator's consumer, and makes it anew when the server holds it otherwise: after a
    /// replay was asked for, it begins elsewhere. Returns whether anything was made.
    ///
    /// # Errors
    /// When JetStream refuses or does not answer.
    pub async fn ensure_integrator(&self, integrator: &Integrator) -> Result<bool, NatsError> {
        let names = BrokerNames::of(&integrator.name);
        let config = consumer_config(integrator, &names);
        let what = format!("consumer {}/{}", names.stream, names.consumer);
        let info = format!("CONSUMER.INFO.{}.{}", names.stream, names.consumer);
        match call(self.jetstream(), &info, &json!({}), &what).await {
            Ok(found) if compare(&what, &config, &found).is_ok() => return Ok(false),
            Ok(_) => {
                self.remove_integrator(&integrator.name).await?;
            }
            Err(NatsError::Refused { code: CONSUMER_NOT_FOUND, .. }) => {}
            Err(err) => return Err(err),
        }
        let subject = format!("CONSUMER.CREATE.{}.{}", names.stream, names.consumer);
        let request = json!({ "stream_name": names.stream, "action": "create", "config": config });
        let echo = call(self.jetstream(), &subject, &request, &what).await?;
        compare(&what, &config, &echo)?;
        Ok(true)
    }

    /// Deletes an integrator's consumer, so that nothing is left for it to read. `false` when there
    /// was none.
    ///
    /// # Errors
    /// When JetStream refuses or does not answer.
    pub async fn remove_integrator(&self, name: &IntegratorName) -> Result<bool, NatsError> {
        let names = BrokerNames::of(name);
        let what = format!("consumer {}/{}", names.stream, names.consumer);
        let subject = format!("CONSUMER.DELETE.{}.{}", names.stream, names.consumer);
        match call(self.jetstream(), &subject, &json!({}), &what).await {
            Ok(_) => Ok(true),
            Err(NatsError::Refused { code: CONSUMER_NOT_FOUND | STREAM_NOT_FOUND, .. }) => {
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }

    /// The position of the oldest event that the stream still holds; none when it is empty.
    ///
    /// # Errors
    /// When JetStream refuses or does not answer.
    pub async fn oldest_event(&self) -> Result<Option<i64>, NatsError> {
        let what = format!("the oldest message of {}", names::EVENTS);
        let subject = format!("STREAM.MSG.GET.{}", names::EVENTS);
        let request = json!({ "seq": 1, "next_by_subj": "evt.>" });
        let found = match call(self.jetstream(), &subject, &request, &what).await {
            Ok(found) => found,
            Err(NatsError::Refused { code: NO_MESSAGE | STREAM_NOT_FOUND, .. }) => return Ok(None),
            Err(err) => return Err(err),
        };
        let position = found
            .pointer("/message/data")
            .and_then(Value::as_str)
            .and_then(|data| base64::Engine::decode(&base64::prelude::BASE64_STANDARD, data).ok())
            .and_then(|body| serde_json::from_slice::<Value>(&body).ok())
            .and_then(|event| event.get("position")?.as_str()?.parse().ok());
        Ok(position)
    }

    /// The integrators that have a consumer.
    async fn integrators_with_consumer(&self) -> Result<BTreeSet<IntegratorName>, NatsError> {
        let what = format!("the consumers of {}", names::EVENTS);
        let subject = format!("CONSUMER.NAMES.{}", names::EVENTS);
        let mut found = BTreeSet::new();
        let mut offset = 0;
        for _ in 0..PAGES_MAX {
            let page =
                call(self.jetstream(), &subject, &json!({ "offset": offset }), &what).await?;
            let consumers = page.get("consumers").and_then(Value::as_array);
            let consumers = consumers.map(Vec::as_slice).unwrap_or_default();
            let names = consumers.iter().filter_map(Value::as_str);
            found.extend(names.filter(|name| name.starts_with(PREFIX)).filter_map(integrator_of));
            offset += consumers.len();
            let total = page.get("total").and_then(Value::as_u64).unwrap_or_default();
            if consumers.is_empty() || u64::try_from(offset).is_ok_and(|offset| offset >= total) {
                break;
            }
        }
        Ok(found)
    }
}

fn consumer_config(integrator: &Integrator, names: &BrokerNames) -> Value {
    json!({
        "name": names.consumer,
        "durable_name": names.consumer,
        "description": "An integrator's events; made by `kontor integrator add`.",
        "filter_subjects": subjects(integrator),
        "deliver_policy": "by_start_time",
        "opt_start_time": start_time(integrator.start_at),
        "replay_policy": "instant",
        "ack_policy": "explicit",
        "ack_wait": u64::try_from(ACK_WAIT.as_nanos()).unwrap_or(u64::MAX),
        "max_deliver": -1,
        "max_ack_pending": UNACKNOWLEDGED_MAX,
    })
}

/// An instant as the server itself writes it, so that its echo can be compared.
fn start_time(at: DateTime<Utc>) -> String {
    let text = at.to_rfc3339_opts(SecondsFormat::Micros, false);
    let text = text.strip_suffix("+00:00").unwrap_or(&text);
    format!("{}Z", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The task `consumers`: compares the consumers of integrators with their rows, now and then.
///
/// It puts right what differs: after the broker's store was lost, and after a revocation that the
/// broker did not hear of.
#[derive(Clone, Debug)]
pub struct KeepConsumers {
    nats: Nats,
    pool: PgPool,
}

impl KeepConsumers {
    /// A keeper of the consumers at this broker for the rows of this database.
    pub fn new(nats: Nats, pool: PgPool) -> Self {
        Self { nats, pool }
    }

    /// Compares every half minute until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match stop.run_until_cancelled(self.compare()).await {
                Some(Ok(0)) | None => {}
                Some(Ok(changed)) => tracing::info!(changed, "Consumers of integrators put right"),
                Some(Err(err)) => {
                    let reason = format!("{:#}", ErrorChain(&*err));
                    tracing::warn!(reason, "The consumers of integrators cannot be compared");
                }
            }
        }
    }

    /// Compares once. Returns how many consumers were made or deleted.
    ///
    /// # Errors
    /// When the broker or the database fails; what was not reached waits for the next time.
    pub async fn compare(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        // Before the rows: whoever is added meanwhile has a row and perhaps a consumer, and keeps it.
        let with_consumer = self.nats.integrators_with_consumer().await?;
        let in_force = integrators::list(&self.pool, false).await?;
        let in_force: Vec<&Integrator> =
            in_force.iter().filter(|integrator| integrator.channel == Channel::Nats).collect();
        let mut changed = 0;
        for name in &with_consumer {
            if in_force.iter().all(|integrator| integrator.name != *name) {
                changed += usize::from(self.nats.remove_integrator(name).await?);
            }
        }
        for integrator in in_force {
            changed += usize::from(self.nats.ensure_integrator(integrator).await?);
        }
        Ok(changed)
    }
}

/// An error with its sources, for one line of the log.
pub(super) struct ErrorChain<'a>(pub(super) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(inner) = source {
            write!(f, ": {inner}")?;
            source = inner.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_the_server_writes_them() {
        for (at, written) in [
            ("2026-11-27T23:37:15.120000Z", "2026-11-27T23:37:15.12Z"),
            ("2026-11-27T23:37:10Z", "2026-11-27T23:37:10Z"),
            ("2026-11-27T23:37:15.000001Z", "2026-11-27T23:37:15.000001Z"),
        ] {
            assert_eq!(start_time(at.parse().unwrap()), written);
        }
    }
}
