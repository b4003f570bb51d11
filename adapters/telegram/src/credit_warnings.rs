//! Writes to customers that few credits are left.
//!
//! A follower of the log, as the messages of reminders: the ledger decides when to warn, once in a
//! spell, and this writes the message in the transaction that moves its checkpoint. The key of the
//! message is the event's id, so that it is written once.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Actor, Recorded,
    account::Origin,
    credit_ledger::{CreditLedgerEvent, Low},
    tenant::decent_from,
};
use kontor_projections::{
    ApplyError, Projection,
    accounts::{self, AccountRow},
    credits::{self, BalanceRow},
    tenants::{self, TenantRow},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    bar::bar,
    conversation::credit_words,
    outbox::{self, Urgency},
    outgoing::{Outgoing, button},
    press::Press,
    texts::{Voice, say},
    views::{self, unread},
};

/// How late a warning may come: after that the customer has long seen for themselves, and a follower
/// that was down for days must not write about credits of the past.
const LATE_MAX: chrono::Duration = chrono::Duration::hours(36);

/// The follower that writes the warnings.
pub struct CreditWarnings {
    pool: PgPool,
    now: fn() -> DateTime<Utc>,
    backlog_max: i64,
}

impl CreditWarnings {
    /// Over a pool for the read models. `backlog_max`: the most messages that may wait for a chat.
    pub fn new(pool: PgPool, backlog_max: i64) -> Self {
        Self { pool, now: clock::now, backlog_max }
    }

    /// The same by another clock.
    #[must_use]
    pub fn at(self, now: fn() -> DateTime<Utc>) -> Self {
        Self { now, ..self }
    }

    async fn write(&self, db: &mut PgConnection, event: &Recorded) -> Result<(), ApplyError> {
        let CreditLedgerEvent::Low(low) = event.body()? else { return Ok(()) };
        let now = (self.now)();
        if now > event.occurred_at + LATE_MAX {
            return Ok(());
        }
        let Some((tenant, account, row)) = self.customer(event).await? else { return Ok(()) };
        let Origin::Telegram { bot, user_id, .. } = &account.origin else { return Ok(()) };
        if account.consent.is_none() || account.bots_blocked.contains(bot) {
            return Ok(());
        }
        // Whoever bought meanwhile needs no warning any more.
        if !tenant.credit_rules.enabled || row.available > low.threshold {
            return Ok(());
        }
        let intake = credits::intake(&self.pool, &event.tenant, row.id).await.map_err(unread)?;
        let voice = Voice::new(account.language);
        let message = message(voice, &row, &low, intake.last_purchase);
        let not_before = self.moment(event, &tenant, now);
        let urgency = Urgency::Broadcast { not_before };
        let key = format!("e{}", event.event_id);
        outbox::enqueue_as(db, (bot, *user_id), &key, (&message, urgency), self.backlog_max)
            .await?;
        Ok(())
    }

    /// Who spends at night is awake; credits that run out by themselves wake nobody.
    fn moment(&self, event: &Recorded, tenant: &TenantRow, now: DateTime<Utc>) -> DateTime<Utc> {
        match event.metadata.actor {
            Actor::Customer { .. } => now,
            Actor::Operator { .. } | Actor::System { .. } => {
                decent_from(tenant.time_zone, tenant.reading_reminders, now)
            }
        }
    }

    async fn customer(
        &self,
        event: &Recorded,
    ) -> Result<Option<(TenantRow, AccountRow, BalanceRow)>, ApplyError> {
        let (pool, slug) = (&self.pool, &event.tenant);
        let tenant = tenants::find(pool, slug).await.map_err(unread)?;
        let row = credits::find(pool, slug, event.stream_id).await.map_err(unread)?;
        let Some((tenant, row)) = tenant.zip(row) else { return Ok(None) };
        let account = accounts::find(pool, slug, row.account_id).await.map_err(unread)?;
        Ok(account.map(|account| (tenant, account, row)))
    }
}

#[async_trait]
impl Projection for CreditWarnings {
    fn name(&self) -> &'static str {
        "telegram_credit_warnings"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["credit_ledger.low"]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let Some(last) = events.last() else { return Ok(()) };
        views::reach(&self.pool, &["tenants", "accounts", "credits"], last.position).await?;
        for event in events {
            self.write(db, event).await?;
        }
        Ok(())
    }
}

fn message(voice: Voice, row: &BalanceRow, low: &Low, last_purchase: Option<i64>) -> Outgoing {
    let bar = bar(row.available, last_purchase, low.threshold);
    let text = if row.available > 0 {
        say!(voice, "credits-low", credits = credit_words(voice, row.available), bar = bar)
    } else {
        say!(voice, "credits-gone", bar = bar)
    };
    Outgoing::text(text).buttons(vec![vec![
        button(say!(voice, "packages-button"), Press::Packages.to_string()),
        button(say!(voice, "balance-button"), Press::Balance.to_string()),
    ]])
}
