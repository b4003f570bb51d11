//! Webhooks on their way: signed, side by side, again and again until they are accepted.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::state::Delivery;
use crate::shared::Shared;
use crate::world::{now_ms, now_seconds};
use crate::{limits, stripe};

/// How often is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How many are sent at the same time.
const AT_ONCE: usize = 16;
/// After so many attempts a webhook stays among those that were not delivered.
const ATTEMPTS_MAX: u32 = 12;
/// The pause after the first failure, in milliseconds; it doubles.
const PAUSE_MS: i64 = 500;
/// The longest pause.
const PAUSE_MAX_MS: i64 = 60_000;

/// Delivers for all accounts until `stop`, and lets slow banks decide.
pub(crate) async fn deliver_until_stopped(shared: Arc<Shared>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if shared.with(|world| world.stripe.has_slow()) {
            stripe::act(&shared, super::state::Stripe::settle);
        }
        let due = shared.with(|world| take_due(&mut world.stripe.kept.deliveries));
        let sending = due.into_iter().map(|delivery| deliver(&shared, delivery));
        if stop.run_until_cancelled(futures::future::join_all(sending)).await.is_none() {
            return;
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
    }
}

fn take_due(deliveries: &mut Vec<Delivery>) -> Vec<Delivery> {
    let now = now_ms();
    let (due, rest): (Vec<_>, Vec<_>) =
        std::mem::take(deliveries).into_iter().partition(|it| it.due_ms <= now);
    let mut due = due.into_iter();
    let now_sent: Vec<Delivery> = due.by_ref().take(AT_ONCE).collect();
    *deliveries = due.chain(rest).collect();
    now_sent
}

async fn deliver(shared: &Shared, delivery: Delivery) {
    let found = shared.with(|world| {
        let shop = world.stripe.shops.iter().find(|shop| shop.name == delivery.shop).cloned();
        shop.zip(world.stripe.find(&delivery.shop, &delivery.event_id, "evt_").ok())
    });
    let Some((shop, event)) = found else { return };
    let body = event.to_string();
    let secret = if delivery.wrong_signature {
        "whsec_of_somebody_else"
    } else {
        shop.webhook_secret.as_str()
    };
    let sent = shared
        .client
        .post(&shop.webhook_url)
        .timeout(limits::WEBHOOK_CALL)
        .header("Stripe-Signature", signature(secret, now_seconds(), &body))
        .header("Content-Type", "application/json; charset=utf-8")
        .body(body)
        .send()
        .await;
    let is_accepted = sent.is_ok_and(|answer| answer.status().is_success());
    shared.with(|world| {
        if is_accepted {
            world.stripe.change(&delivery.event_id, json!({"pending_webhooks": 0}));
        } else if delivery.attempts + 1 < ATTEMPTS_MAX {
            let doubled = PAUSE_MS.saturating_mul(1 << delivery.attempts.min(10));
            world.stripe.kept.deliveries.push(Delivery {
                due_ms: now_ms() + doubled.min(PAUSE_MAX_MS),
                attempts: delivery.attempts + 1,
                // The wrong one came from somebody else; Stripe's own follows.
                wrong_signature: false,
                ..delivery
            });
        }
        world.changed();
    });
}

/// `t=…,v1=…`, as Stripe signs.
fn signature(secret: &str, at: i64, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(format!("{at}.{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    });
    format!("t={at},v1={}", mac.unwrap_or_default())
}
