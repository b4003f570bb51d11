//! Messages of reminders: written to the outbox in the transaction that moves the follower's
//! checkpoint, so that each event leads to one message.
//!
//! What a message lists is looked up when it is written: whoever has submitted in the meantime is not
//! reminded.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Recorded,
    account::{AccountEvent, Origin, ReadingReminderDue, ReminderOccasion},
    tenant::decent_from,
};
use kontor_projections::{
    ApplyError, Projection,
    accounts::{self, AccountRow},
    meters::{self, MeterRow},
    tenants::{self, TenantRow},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    conversation::meter_name,
    format,
    outbox::{self, Urgency},
    outgoing::{Outgoing, button},
    press::Press,
    texts::{Voice, say},
    views::{self, unread},
};

/// A reminder that comes this much later than it was due is none: a follower that was down for days
/// must not write about windows of the past.
const LATE_MAX: chrono::Duration = chrono::Duration::hours(36);

/// The most meters that a message lists.
const METERS_MAX: usize = 20;

/// The follower that writes the messages of reminders.
pub struct ReminderMessages {
    pool: PgPool,
    now: fn() -> DateTime<Utc>,
    backlog_max: i64,
}

impl ReminderMessages {
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
        let AccountEvent::ReadingReminderDue(due) = event.body()? else { return Ok(()) };
        let now = (self.now)();
        if now > event.occurred_at + LATE_MAX {
            return Ok(());
        }
        let Some((tenant, account)) = self.people(event).await? else { return Ok(()) };
        let Origin::Telegram { bot, user_id, .. } = &account.origin else { return Ok(()) };
        if account.consent.is_none() || account.bots_blocked.contains(bot) {
            return Ok(());
        }
        let missing = self.missing(event, &due, &tenant).await?;
        // At night it waits for the morning; when the window is closed by then, it is not written.
        let at = decent_from(tenant.time_zone, tenant.reading_reminders, now);
        let day = at.with_timezone(&tenant.time_zone).date_naive();
        if missing.is_empty() || day > due.closes_on {
            return Ok(());
        }
        let message = message(Voice::new(account.language), &due, day, &missing);
        let key = format!("e{}", event.event_id);
        let urgency = Urgency::Broadcast { not_before: at };
        outbox::enqueue_as(db, (bot, *user_id), &key, (&message, urgency), self.backlog_max)
            .await?;
        Ok(())
    }

    async fn people(
        &self,
        event: &Recorded,
    ) -> Result<Option<(TenantRow, AccountRow)>, ApplyError> {
        let tenant = tenants::find(&self.pool, &event.tenant).await.map_err(unread)?;
        let account = accounts::find(&self.pool, &event.tenant, event.stream_id).await;
        Ok(tenant.zip(account.map_err(unread)?))
    }

    /// The meters in service without a reading of the month.
    async fn missing(
        &self,
        event: &Recorded,
        due: &ReadingReminderDue,
        tenant: &TenantRow,
    ) -> Result<Vec<MeterRow>, ApplyError> {
        let meters = meters::of_account(&self.pool, &event.tenant, event.stream_id).await;
        let is_missing = |meter: &MeterRow| {
            let last = meter.last_taken_on.map(|day| tenant.meter_rules.period_of(day));
            meter.archived.is_none() && last.is_none_or(|last| last < due.period)
        };
        Ok(meters.map_err(unread)?.into_iter().filter(is_missing).collect())
    }
}

#[async_trait]
impl Projection for ReminderMessages {
    fn name(&self) -> &'static str {
        "telegram_reminders"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["account.reading_reminder_due"]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let Some(last) = events.last() else { return Ok(()) };
        views::reach(&self.pool, &["tenants", "accounts", "meters"], last.position).await?;
        for event in events {
            self.write(db, event).await?;
        }
        Ok(())
    }
}

/// One message for all meters.
fn message(
    voice: Voice,
    due: &ReadingReminderDue,
    today: chrono::NaiveDate,
    missing: &[MeterRow],
) -> Outgoing {
    let closes = format::day(&voice, due.closes_on, today);
    let mut text = match due.occasion {
        ReminderOccasion::WindowCloses => say!(voice, "remind-closes", closes = closes),
        ReminderOccasion::WindowOpens => say!(voice, "remind-opens", closes = closes),
    };
    for meter in missing.iter().take(METERS_MAX) {
        text.push_str("\n· ");
        text.push_str(&meter_name(voice, meter));
    }
    let mut rows =
        vec![vec![button(say!(voice, "menu-reading"), Press::SubmitReading.to_string())]];
    if due.occasion == ReminderOccasion::WindowCloses {
        rows.push(vec![button(say!(voice, "remind-mute"), Press::MuteReminders.to_string())]);
    }
    Outgoing::text(text).buttons(rows)
}
