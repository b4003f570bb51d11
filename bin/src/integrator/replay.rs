//! `kontor integrator replay`: out of the stream as far as it reaches, and else out of the log.

use anyhow::bail;
use kontor_nats::BrokerNames;
use kontor_postgres::{
    EventReader,
    integrators::{self, Channel, IntegratorName, replays},
};
use serde_json::json;

use super::{Desk, unknown};
use crate::{cli::integrator::OneIntegrator, output};

impl Desk<'_> {
    /// Carries the verb out; without a position it takes an order back.
    pub(super) async fn replay(&self, one: OneIntegrator, from: Option<i64>) -> anyhow::Result<()> {
        let (name, json) = (one.name, one.output.json);
        let Some(integrator) = integrators::find(&self.pool, &name).await? else {
            bail!(unknown(&name));
        };
        let Some(from) = from else {
            return self.cancel_replay(&name, json).await;
        };
        if integrator.channel == Channel::Webhook {
            return self.redeliver_from(&name, from, json).await;
        }
        let reader = EventReader::new(self.pool.clone());
        let Some(event) = reader.event(from).await? else {
            let head = reader.head().await?;
            bail!("the log ends at position {head}; there is no event at {from} yet");
        };
        let nats = self.nats().await?;
        let in_stream = nats.oldest_event().await?.is_some_and(|oldest| oldest <= from);
        if !in_stream {
            return self.replay_from_log(&name, from, json).await;
        }
        if replays::cancel(&self.pool, &name).await? {
            nats.remove_replay(&name).await?;
        }
        let moved = integrators::start_at(&self.pool, &name, event.recorded_at).await?;
        nats.ensure_integrator(&moved.unwrap_or(integrator)).await?;
        if json {
            return output::json(
                &json!({ "name": name, "from_position": from, "out_of": "stream" }),
            );
        }
        output::line(&format!(
            "{name} receives its events again from position {from} on; it may see some twice."
        ));
        Ok(())
    }

    /// Leaves the durable consumer where it is: what it has yet to deliver follows behind the replay.
    async fn replay_from_log(
        &self,
        name: &IntegratorName,
        from: i64,
        json: bool,
    ) -> anyhow::Result<()> {
        let replay = replays::order(&self.pool, name, from).await?;
        let names = BrokerNames::of(&replay.integrator.name);
        if json {
            return output::json(&json!({
                "name": name,
                "from_position": from,
                "out_of": "log",
                "stream": names.replay_stream,
                "consumer": names.consumer,
            }));
        }
        output::line(&format!(
            "The stream does not hold position {from} any more, so the relay reads the log: {name} \
             receives its events from there on in the stream {}, which ends with \
             `kontor.replay_ended`; then those of {} follow without a gap. It may see some twice. \
             kontor integrator list shows how far it is.",
            names.replay_stream, names.stream
        ));
        Ok(())
    }

    async fn cancel_replay(&self, name: &IntegratorName, json: bool) -> anyhow::Result<()> {
        let cancelled = replays::cancel(&self.pool, name).await?;
        if cancelled {
            // What is in it is not needed; the relay deletes it too, should that fail here.
            self.nats().await?.remove_replay(name).await?;
        }
        if json {
            return output::json(&json!({ "name": name, "cancelled": cancelled }));
        }
        output::line(if cancelled {
            "The replay is ended; live events are not touched."
        } else {
            "No replay out of the log is under way."
        });
        Ok(())
    }
}
