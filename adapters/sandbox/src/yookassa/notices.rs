//! Notifications to the shops: no signature, again and again until 200, doubled, late or lost by the
//! rules of the weather.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::answer::name;
use super::state::{Payment, Refund, Status, YooKassa};
use crate::faults::Kind;
use crate::limits;
use crate::shared::Shared;
use crate::world::now_ms;
use crate::world::updates::Arrival;

/// What the weather calls notifications.
const OPERATION: &str = "notification";

/// A notification on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Notice {
    id: u64,
    shop_id: String,
    body: Value,
    attempts: u32,
    next_ms: i64,
    created_ms: i64,
}

impl YooKassa {
    pub(super) fn notify_of_payment(&mut self, payment: &Payment) {
        if payment.status != Status::Pending {
            let event = format!("payment.{}", name(payment.status));
            let object = self.payment_value(payment, "");
            self.notify(&payment.shop_id, &event, object);
        }
    }

    pub(super) fn notify_of_refund(&mut self, refund: &Refund) {
        self.notify(&refund.shop_id, "refund.succeeded", Self::refund_value(refund));
    }

    fn notify(&mut self, shop_id: &str, event: &str, object: Value) {
        let body = json!({ "type": "notification", "event": event, "object": object });
        let (arrival, _) = self.faults.arrival(shop_id, event, 0);
        let delay = match self.faults.strike_call(shop_id, OPERATION, None) {
            Some(Kind::Delay { delay_ms }) => i64::try_from(delay_ms).unwrap_or(0),
            _ => 0,
        };
        let (copies, late) = match arrival {
            Arrival::Usual => (1, 0),
            Arrival::Twice => (2, 0),
            Arrival::Late => (1, limits::NOTICE_LATE_MS),
            Arrival::Never => (0, 0),
        };
        let now = now_ms();
        for _ in 0..copies {
            self.kept.last_notice += 1;
            self.kept.notices.push(Notice {
                id: self.kept.last_notice,
                shop_id: shop_id.to_owned(),
                body: body.clone(),
                attempts: 0,
                next_ms: now + delay + late,
                created_ms: now,
            });
        }
        if self.kept.notices.len() > limits::PROVIDER_NOTICES {
            self.kept.notices.remove(0);
        }
    }

    /// The notification that has waited longest, with the address it goes to.
    fn due(&self, now_ms: i64) -> Option<(Notice, String)> {
        let due = self.kept.notices.iter().filter(|notice| notice.next_ms <= now_ms);
        let notice = due.min_by_key(|notice| (notice.next_ms, notice.id))?;
        let shop = self.shop(&notice.shop_id)?;
        Some((notice.clone(), shop.notification_url.clone()))
    }

    fn sent(&mut self, id: u64, accepted: bool) {
        let now = now_ms();
        self.kept.notices.retain_mut(|notice| {
            if notice.id != id {
                return true;
            }
            notice.attempts = notice.attempts.saturating_add(1);
            let pause = limits::NOTICE_PAUSE_MS << notice.attempts.min(7);
            notice.next_ms = now + pause;
            !accepted && now - notice.created_ms < limits::NOTICE_LIFETIME_MS
        });
    }
}

/// Lets time pass for the shops and notifies them, until `stop`.
pub(crate) async fn deliver_until_stopped(shared: Arc<Shared>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let due = shared.with(|world| {
            if world.yookassa.tidy() {
                world.changed();
            }
            world.yookassa.due(now_ms())
        });
        let Some((notice, url)) = due else {
            stop.run_until_cancelled(tokio::time::sleep(limits::NOTICE_LOOK)).await;
            continue;
        };
        let sending = send(&shared, &url, &notice.body);
        let Some(accepted) = stop.run_until_cancelled(sending).await else { return };
        shared.with(|world| {
            world.yookassa.sent(notice.id, accepted);
            world.changed();
        });
    }
}

/// Only 200 says that a notification has arrived.
async fn send(shared: &Shared, url: &str, body: &Value) -> bool {
    let request = shared.client.post(url).timeout(Duration::from_secs(10)).json(body);
    request.send().await.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK)
}
