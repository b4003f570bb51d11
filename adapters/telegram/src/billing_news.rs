//! Writes to customers what happens to their kept card and to what is bought with it by itself.
//!
//! A follower of the log, as the news of payments: the message stands in the outbox in the transaction
//! that moves its checkpoint, under the event's id, so that it is written once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Recorded,
    account::Origin,
    billing::{BillingEvent, DisableReason, RechargeFailed},
};
use kontor_projections::{
    ApplyError, Projection,
    accounts::{self, AccountRow},
    tenants::{self, TenantRow},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    conversation::card_name,
    format, outbox,
    outgoing::{Outgoing, button},
    payment_news::decline_words,
    press::Press,
    texts::{Voice, say},
    views::{self, unread},
};

/// How late news may come: after that the customer has long seen for themselves.
const LATE_MAX: chrono::Duration = chrono::Duration::hours(36);

/// The follower that writes the news.
pub struct BillingNews {
    pool: PgPool,
    now: fn() -> DateTime<Utc>,
    backlog_max: i64,
}

impl BillingNews {
    /// Over a pool for the read models. `backlog_max`: the most messages that may wait for a chat.
    pub fn new(pool: PgPool, backlog_max: i64) -> Self {
        Self { pool, now: clock::now, backlog_max }
    }

    async fn write(&self, db: &mut PgConnection, event: &Recorded) -> Result<(), ApplyError> {
        let fact: BillingEvent = event.body()?;
        if (self.now)() > event.occurred_at + LATE_MAX {
            return Ok(());
        }
        let (pool, slug) = (&self.pool, &event.tenant);
        let tenant = tenants::find(pool, slug).await.map_err(unread)?;
        let account = accounts::find(pool, slug, fact.account_id()).await.map_err(unread)?;
        let Some((tenant, account)) = tenant.zip(account) else { return Ok(()) };
        let Origin::Telegram { bot, user_id, .. } = &account.origin else { return Ok(()) };
        if account.bots_blocked.contains(bot) {
            return Ok(());
        }
        let Some(text) = self.words(&fact, (&tenant, &account)) else { return Ok(()) };
        let voice = Voice::new(account.language);
        let billing = button(say!(voice, "billing-button"), Press::Billing.to_string());
        let message = Outgoing::text(text).buttons(vec![vec![billing]]);
        let key = format!("e{}", event.event_id);
        outbox::enqueue(db, (bot, *user_id), &key, &message, self.backlog_max).await?;
        Ok(())
    }

    fn words(
        &self,
        fact: &BillingEvent,
        (tenant, account): (&TenantRow, &AccountRow),
    ) -> Option<String> {
        let voice = Voice::new(account.language);
        match fact {
            BillingEvent::MethodSaved(saved) => {
                let card = saved.card.as_ref().and_then(|card| card.known());
                Some(match card {
                    Some(card) => say!(voice, "card-kept", card = card_name(card)),
                    None => say!(voice, "card-kept-unnamed"),
                })
            }
            BillingEvent::RechargeEnabled(enabled) => {
                Some(say!(voice, "recharge-enabled", words = enabled.terms.words.clone()))
            }
            BillingEvent::RechargeFailed(failed) => self.failure(failed, (voice, tenant)),
            BillingEvent::RechargeDisabled(disabled) => ended(disabled.reason, (voice, tenant)),
            BillingEvent::CapReached(reached) => {
                let cap = format::money(voice.language(), reached.monthly_cap);
                Some(say!(voice, "recharge-cap-reached", cap = cap))
            }
            // Whoever removed a card saw that; what was bought is told by the news of payments.
            BillingEvent::MethodRemoved(_)
            | BillingEvent::RechargeRequested(_)
            | BillingEvent::ChargeBegun(_)
            | BillingEvent::RechargeSucceeded(_)
            | BillingEvent::Closed(_) => None,
        }
    }

    fn failure(
        &self,
        failed: &RechargeFailed,
        (voice, tenant): (Voice, &TenantRow),
    ) -> Option<String> {
        let why = match failed.reason.as_str() {
            // Its customer stopped it, and was told.
            "stopped" => return None,
            "not_confirmed" | "expired" => say!(voice, "recharge-failed-confirm"),
            "method_gone" => say!(voice, "recharge-failed-gone"),
            reason => decline_words(voice, reason),
        };
        let Some(retry_at) = failed.retry_at else {
            return Some(say!(voice, "recharge-failed-last", why = why));
        };
        let local = |at: DateTime<Utc>| at.with_timezone(&tenant.time_zone);
        let (retry, today) = (local(retry_at), local((self.now)()).date_naive());
        let day = format::day(&voice, retry.date_naive(), today);
        let when = format!("{day}, {}", retry.format("%H:%M"));
        Some(say!(voice, "recharge-failed", why = why, when = when))
    }
}

/// What is said of an agreement that somebody else than its customer ended.
fn ended(reason: DisableReason, (voice, tenant): (Voice, &TenantRow)) -> Option<String> {
    match reason {
        // Whoever stopped it or removed the card saw what follows.
        DisableReason::Customer | DisableReason::MethodRemoved => None,
        DisableReason::Staff => {
            Some(say!(voice, "recharge-ended-staff", tenant = tenant.name.to_string()))
        }
        DisableReason::MethodReplaced => Some(say!(voice, "recharge-ended-card")),
        DisableReason::Disputed => Some(say!(voice, "recharge-ended-disputed")),
        DisableReason::Declined => Some(say!(voice, "recharge-ended-declined")),
        DisableReason::ProductChanged => Some(say!(voice, "recharge-ended-product")),
        DisableReason::ConsentWithdrawn => Some(say!(voice, "recharge-ended-consent")),
    }
}

#[async_trait]
impl Projection for BillingNews {
    fn name(&self) -> &'static str {
        "telegram_billing"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "billing.method_saved",
            "billing.recharge_enabled",
            "billing.recharge_disabled",
            "billing.recharge_failed",
            "billing.cap_reached",
        ]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let Some(last) = events.last() else { return Ok(()) };
        views::reach(&self.pool, &["tenants", "accounts"], last.position).await?;
        for event in events {
            self.write(db, event).await?;
        }
        Ok(())
    }
}
