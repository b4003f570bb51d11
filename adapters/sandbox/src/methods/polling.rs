//! getUpdates: a long poll that is woken by the next update, and gives way to a newer poller.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits;
use crate::shared::Shared;
use crate::wire::error::WireError;
use crate::wire::params::Params;
use crate::world::{World, now_ms};

/// One waiting poller.
struct Poller {
    bot_id: i64,
    generation: u64,
    limit: usize,
    deadline: Instant,
}

pub(super) async fn get_updates(
    shared: &Shared,
    bot_id: i64,
    params: &Params,
) -> Result<Value, WireError> {
    let timeout = params.integer("timeout")?.unwrap_or_default();
    let timeout = Duration::from_secs(u64::try_from(timeout).unwrap_or_default());
    let limit = params.integer("limit")?.and_then(|limit| usize::try_from(limit).ok());
    let (generation, mut signal) = shared.with(|world| begin(world, bot_id, params))?;
    let poller = Poller {
        bot_id,
        generation,
        limit: limit.unwrap_or(limits::UPDATES_PER_POLL).clamp(1, limits::UPDATES_PER_POLL),
        deadline: Instant::now() + timeout.min(limits::LONG_POLL),
    };
    loop {
        let (updates, holds_one_back) = shared.with(|world| poller.look(world))?;
        if !updates.is_empty() || Instant::now() >= poller.deadline || shared.stop.is_cancelled() {
            return Ok(Value::Array(updates));
        }
        let mut until = poller.deadline;
        if holds_one_back {
            until = until.min(Instant::now() + limits::HELD_BACK);
        }
        tokio::select! {
            changed = signal.changed() => {
                if changed.is_err() {
                    return Ok(Value::Array(Vec::new()));
                }
            }
            () = tokio::time::sleep_until(until) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Confirms what the offset says and makes every older poller give way.
fn begin(
    world: &mut World,
    bot_id: i64,
    params: &Params,
) -> Result<(u64, watch::Receiver<u64>), WireError> {
    let offset = params.integer("offset")?;
    let allowed = allowed_updates(params)?;
    let bot = world.bot_mut(bot_id)?;
    if bot.kept.webhook.is_some() {
        return Err(WireError::conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the \
             webhook first",
        ));
    }
    if let Some(allowed) = allowed {
        bot.kept.allowed_updates = Some(allowed);
    }
    if let Some(offset) = offset.filter(|offset| *offset != 0) {
        bot.kept.queue.confirm(offset);
    }
    bot.poll_generation += 1;
    bot.wake();
    let generation = bot.poll_generation;
    let signal = bot.signal.subscribe();
    world.changed();
    Ok((generation, signal))
}

impl Poller {
    fn look(&self, world: &mut World) -> Result<(Vec<Value>, bool), WireError> {
        let bot = world.bot_mut(self.bot_id)?;
        if bot.kept.webhook.is_some() {
            return Err(WireError::conflict("terminated by setWebhook request"));
        }
        if bot.poll_generation != self.generation {
            return Err(WireError::conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is \
                 running",
            ));
        }
        bot.kept.queue.tidy(now_ms());
        let updates = bot.kept.queue.take(self.limit);
        Ok((updates, bot.kept.queue.holds_one_back()))
    }
}

/// The parameter `allowed_updates`; `None` keeps the setting as it is.
pub(super) fn allowed_updates(params: &Params) -> Result<Option<Vec<String>>, WireError> {
    let Some(list) = params.json("allowed_updates")? else { return Ok(None) };
    serde_json::from_value(list)
        .map(Some)
        .map_err(|_| WireError::bad_request("can't parse allowed updates JSON object"))
}
