//! Per account: whom to remind of readings, and whom not any more.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    EventDecodeError, Recorded,
    account::{AccountCommand, AccountEvent, Origin, RemindOfReadings, ReminderOccasion},
    meter::MeterEvent,
    tenant::{ReadingRemindersDue, TenantEvent},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// The most meters of an account that are remembered; the staff may register more, and the others
/// are then not what a reminder hangs on.
const METERS_MAX: usize = 100;

/// Reminds customers of readings: those who have not submitted all of them when their tenant says
/// that it is time, and those who asked for it when a window opens.
#[derive(Clone, Copy, Debug)]
pub struct ReadingReminders;

/// What is remembered of an account.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Account {
    /// The bot that its holder came through; none without Telegram.
    bot: Option<String>,
    #[serde(default)]
    consent: bool,
    #[serde(default)]
    blocked_bots: BTreeSet<String>,
    #[serde(default)]
    muted: bool,
    /// The month of the last reading of each meter in service.
    #[serde(default)]
    meters: BTreeMap<Uuid, Option<NaiveDate>>,
}

impl Policy for ReadingReminders {
    type State = Account;

    fn name(&self) -> &'static str {
        "reading_reminders"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "account.registered",
            "account.consent_given",
            "account.consent_withdrawn",
            "account.bot_blocked",
            "account.bot_unblocked",
            "account.reading_reminder_asked",
            "account.reading_reminders_muted",
            "account.reading_reminders_unmuted",
            "account.reading_reminder_postponed",
            "account.erased",
            "meter.registered",
            "meter.reading_submitted",
            "meter.archived",
            "meter.holder_erased",
            "tenant.reading_reminders_due",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(match event.stream_type.as_str() {
            "account" => Audience::One(event.stream_id),
            "tenant" => Audience::Tenant,
            _ => match event.body::<MeterEvent>()? {
                MeterEvent::Registered(registered) => Audience::One(registered.account_id),
                MeterEvent::ReadingSubmitted(submitted) => Audience::One(submitted.account_id),
                // Of the first release, whose events do not name the account: the message leaves an
                // archived meter out by itself.
                MeterEvent::Archived(archived) => {
                    archived.account_id.map_or(Audience::Nobody, Audience::One)
                }
                MeterEvent::HolderErased(erased) => Audience::One(erased.account_id),
                MeterEvent::ReadingCorrected(_) | MeterEvent::VerificationRenewed(_) => {
                    Audience::Nobody
                }
            },
        })
    }

    fn react(
        &self,
        state: &mut Account,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        match event.stream_type.as_str() {
            "account" => state.account(instance.key, event.body()?),
            "tenant" => match event.body::<TenantEvent>()? {
                TenantEvent::ReadingRemindersDue(due) => state.due(instance.key, event, &due),
                TenantEvent::Created(_)
                | TenantEvent::CreditRulesChanged(_)
                | TenantEvent::Renamed(_)
                | TenantEvent::LocaleChanged(_)
                | TenantEvent::MeterRulesChanged(_)
                | TenantEvent::ReadingRemindersChanged(_) => Ok(vec![]),
            },
            _ => Ok(state.meter(instance.key, event.stream_id, event.body()?)),
        }
    }
}

impl Account {
    fn account(
        &mut self,
        account_id: Uuid,
        event: AccountEvent,
    ) -> Result<Vec<Order>, PolicyError> {
        match event {
            AccountEvent::Registered(registered) => {
                // Whoever was erased meanwhile is not reached any more.
                self.bot = match registered.origin.into_known() {
                    Some(Origin::Telegram { bot, .. }) => Some(bot),
                    Some(Origin::Api { .. }) | None => None,
                };
            }
            AccountEvent::ConsentGiven(_) => self.consent = true,
            AccountEvent::ConsentWithdrawn(_) => {
                self.consent = false;
                return Ok(nothing_more(account_id));
            }
            AccountEvent::BotBlocked(blocked) => {
                let own = self.bot.as_ref() == Some(&blocked.bot);
                self.blocked_bots.insert(blocked.bot);
                return Ok(if own { nothing_more(account_id) } else { vec![] });
            }
            AccountEvent::BotUnblocked(unblocked) => {
                self.blocked_bots.remove(&unblocked.bot);
            }
            AccountEvent::ReadingRemindersMuted(_) => {
                self.muted = true;
                return Ok(nothing_more(account_id));
            }
            AccountEvent::ReadingRemindersUnmuted(_) => self.muted = false,
            AccountEvent::ReadingReminderAsked(asked) => {
                let occasion = ReminderOccasion::WindowOpens;
                return remind(account_id, (occasion, asked.period), asked.due_at);
            }
            AccountEvent::ReadingReminderPostponed(postponed) => {
                return remind(
                    account_id,
                    (postponed.occasion, postponed.period),
                    postponed.due_at,
                );
            }
            AccountEvent::Erased(_) => {
                *self = Self::default();
                return Ok(nothing_more(account_id));
            }
            AccountEvent::Renamed(_)
            | AccountEvent::LanguageChanged(_)
            | AccountEvent::PhoneChanged(_)
            | AccountEvent::ReadingReminderDue(_) => {}
        }
        Ok(vec![])
    }

    fn meter(&mut self, account_id: Uuid, meter_id: Uuid, event: MeterEvent) -> Vec<Order> {
        match event {
            MeterEvent::Registered(_) => {
                if self.meters.len() < METERS_MAX {
                    self.meters.entry(meter_id).or_insert(None);
                }
                return vec![];
            }
            MeterEvent::ReadingSubmitted(submitted) => {
                let Some(last) = self.meters.get_mut(&meter_id) else { return vec![] };
                *last = (*last).max(Some(submitted.period));
            }
            MeterEvent::Archived(_) | MeterEvent::HolderErased(_) => {
                self.meters.remove(&meter_id);
            }
            MeterEvent::ReadingCorrected(_) | MeterEvent::VerificationRenewed(_) => return vec![],
        }
        // Only what waits is cancelled: a month that is complete needs no reminder of its end.
        let newest = self.meters.values().copied().max().flatten();
        let complete = newest.is_none_or(|period| !self.misses(period));
        if complete {
            vec![Order::Cancel { key: key(ReminderOccasion::WindowCloses, account_id) }]
        } else {
            vec![]
        }
    }

    /// The tenant says that the readings of a month are due soon.
    fn due(
        &self,
        account_id: Uuid,
        event: &Recorded,
        due: &ReadingRemindersDue,
    ) -> Result<Vec<Order>, PolicyError> {
        let reachable = self.bot.as_ref().is_some_and(|bot| !self.blocked_bots.contains(bot));
        if !reachable || !self.consent || self.muted || !self.misses(due.period) {
            return Ok(vec![]);
        }
        remind(account_id, (ReminderOccasion::WindowCloses, due.period), event.occurred_at)
    }

    /// Whether a meter has no reading of a month.
    fn misses(&self, period: NaiveDate) -> bool {
        self.meters.values().any(|last| last.is_none_or(|last| last < period))
    }
}

fn remind(
    account_id: Uuid,
    (occasion, period): (ReminderOccasion, NaiveDate),
    due_at: DateTime<Utc>,
) -> Result<Vec<Order>, PolicyError> {
    let command = AccountCommand::RemindOfReadings(RemindOfReadings { occasion, period });
    let directive = Directive::new("account", account_id, &command)?;
    Ok(vec![Order::Schedule { key: key(occasion, account_id), due_at, directive }])
}

fn nothing_more(account_id: Uuid) -> Vec<Order> {
    [ReminderOccasion::WindowCloses, ReminderOccasion::WindowOpens]
        .map(|occasion| Order::Cancel { key: key(occasion, account_id) })
        .to_vec()
}

fn key(occasion: ReminderOccasion, account_id: Uuid) -> String {
    match occasion {
        ReminderOccasion::WindowCloses => format!("closes:{account_id}"),
        ReminderOccasion::WindowOpens => format!("opens:{account_id}"),
    }
}
