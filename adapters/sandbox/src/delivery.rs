//! Delivery of updates to webhooks: one at a time and in order, again and again until accepted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;
use crate::wire::Asked;
use crate::wire::params::Params;
use crate::world::World;
use crate::world::updates::Webhook;
use crate::{limits, methods, world};

/// What goes out next.
struct Delivery {
    webhook: Webhook,
    update_id: i64,
    body: Value,
}

/// What there is to do for a bot.
enum Next {
    Deliver(Box<Delivery>),
    /// Nothing now; an update may be held back for a short while.
    Wait {
        holds_one_back: bool,
    },
}

/// Serves one bot until `stop`.
pub(crate) async fn deliver_until_stopped(
    shared: Arc<Shared>,
    bot_id: i64,
    stop: CancellationToken,
) {
    let signal = shared.with(|world| world.bot(bot_id).map(|bot| bot.signal.subscribe()).ok());
    let Some(mut signal) = signal else { return };
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        signal.mark_unchanged();
        let delivery = match shared.with(|world| next(world, bot_id)) {
            Next::Deliver(delivery) => delivery,
            Next::Wait { holds_one_back } => {
                failures = 0;
                let longest = if holds_one_back { limits::HELD_BACK } else { Duration::MAX };
                let woken = tokio::time::timeout(longest, signal.changed());
                stop.run_until_cancelled(woken).await;
                continue;
            }
        };
        let sent = stop.run_until_cancelled(send(&shared, &delivery)).await;
        match sent {
            None => return,
            Some(Ok(answer)) => {
                failures = 0;
                shared.with(|world| accepted(world, bot_id, delivery.update_id));
                if let Some(call) = answer {
                    run_answer(&shared, bot_id, call).await;
                }
            }
            Some(Err(why)) => {
                shared.with(|world| failed(world, bot_id, &delivery.webhook.url, why));
                failures = failures.saturating_add(1);
                stop.run_until_cancelled(pause(&shared, bot_id, &delivery, failures)).await;
            }
        }
    }
}

fn next(world: &mut World, bot_id: i64) -> Next {
    let Ok(bot) = world.bot_mut(bot_id) else { return Next::Wait { holds_one_back: false } };
    let Some(webhook) = bot.kept.webhook.clone() else {
        return Next::Wait { holds_one_back: false };
    };
    bot.kept.queue.tidy(world::now_ms());
    match bot.kept.queue.pending.front() {
        None => Next::Wait { holds_one_back: bot.kept.queue.holds_one_back() },
        Some(first) => Next::Deliver(Box::new(Delivery {
            webhook,
            update_id: first.update_id,
            body: first.body.clone(),
        })),
    }
}

/// Sends one update. The answer may be a method call.
async fn send(shared: &Shared, delivery: &Delivery) -> Result<Option<Map<String, Value>>, String> {
    let mut request = shared
        .client
        .post(&delivery.webhook.url)
        .timeout(limits::WEBHOOK_CALL)
        .json(&delivery.body);
    if let Some(secret) = &delivery.webhook.secret_token {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
    }
    let mut response = request.send().await.map_err(|error| {
        let why = if error.is_timeout() { "Read timeout expired" } else { "Connection failed" };
        why.to_owned()
    })?;
    let status = response.status();
    if !status.is_success() {
        let reason = status.canonical_reason().unwrap_or_default();
        let code = status.as_u16();
        return Err(format!("Wrong response from the webhook: {code} {reason}"));
    }
    let mut answer = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if answer.len() + chunk.len() > limits::WEBHOOK_ANSWER_BYTES {
            return Ok(None);
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&answer).ok())
}

fn accepted(world: &mut World, bot_id: i64, update_id: i64) {
    if let Ok(bot) = world.bot_mut(bot_id) {
        bot.kept.queue.delivered(update_id);
        world.changed();
    }
}

fn failed(world: &mut World, bot_id: i64, url: &str, why: String) {
    let webhook = world.bots.get_mut(&bot_id).and_then(|bot| bot.kept.webhook.as_mut());
    if let Some(webhook) = webhook.filter(|webhook| webhook.url == url) {
        webhook.last_error = Some((world::now_seconds(), why));
    }
}

/// Waits longer after each failure, but not for a webhook that was changed meanwhile.
async fn pause(shared: &Shared, bot_id: i64, delivery: &Delivery, failures: u32) {
    let doubled = limits::WEBHOOK_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let jitter = Duration::from_millis(rand::random_range(0..50));
    let until = tokio::time::Instant::now() + doubled.min(limits::WEBHOOK_PAUSE_MAX) + jitter;
    let signal = shared.with(|world| world.bot(bot_id).map(|bot| bot.signal.subscribe()).ok());
    let Some(mut signal) = signal else { return };
    loop {
        let is_same = shared.with(|world| {
            let webhook = world.bots.get(&bot_id).and_then(|bot| bot.kept.webhook.as_ref());
            webhook.is_some_and(|webhook| {
                webhook.url == delivery.webhook.url
                    && webhook.secret_token == delivery.webhook.secret_token
            })
        });
        if !is_same {
            return;
        }
        let woken = tokio::time::timeout_at(until, signal.changed()).await;
        if !matches!(woken, Ok(Ok(()))) {
            return;
        }
    }
}

/// Runs the method call in a webhook's answer; nobody hears of its result.
async fn run_answer(shared: &Arc<Shared>, bot_id: i64, mut call: Map<String, Value>) {
    let name = call.remove("method").and_then(|name| name.as_str().map(str::to_owned));
    let Some((method, handler)) = name.as_deref().and_then(methods::find) else { return };
    if matches!(handler, methods::Handler::Polling) {
        return;
    }
    let asked = Asked { bot_id, method, handler, params: Params::of_object(call) };
    drop(asked.answer(shared).await);
}
