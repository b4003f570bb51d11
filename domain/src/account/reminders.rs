//! Reminders of readings: who wants them, and whether one is still in place when it is due.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{
    AccountEvent, AccountRefusal, AskReadingReminder, Origin, ReadingReminderAsked,
    ReadingReminderDue, ReadingReminderPostponed, RemindOfReadings, state::Holder,
};
use crate::Issued;

/// Why a customer is reminded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderOccasion {
    /// The window closes soon, and readings are missing.
    WindowCloses,
    /// The window opens, and the customer asked to be told.
    WindowOpens,
}

/// Why a reminder is not in place.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderObstacle {
    /// The tenant switched reminders off.
    SwitchedOff,
    /// The customer does not want them, or did not ask for this one.
    NotWanted,
    /// There is no consent in force.
    NoConsent,
    /// There is no bot that the customer talks to, or they blocked it.
    NoBot,
    /// They were reminded already.
    RemindedAlready,
    /// Readings are not taken any more.
    WindowClosed,
}

/// What an account remembers of its reminders.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Reminders {
    pub(super) muted: bool,
    /// The day of the opening that the holder wants to be told of.
    pub(super) asked_for: Option<NaiveDate>,
    /// The month that the holder was last reminded of.
    pub(super) reminded_of: Option<NaiveDate>,
}

type Decided = Result<Option<AccountEvent>, AccountRefusal>;

/// Decides whether a reminder that is due is still in place. At night it is put off until the morning.
pub(super) fn decide_remind<C>(
    remind: RemindOfReadings,
    issued: &Issued<C>,
    holder: &Holder,
) -> Decided {
    let facts = &issued.tenant;
    let refuse = |because| Err(AccountRefusal::ReminderNotInPlace { because });
    let today = facts.local_day(issued.at);
    let period = match remind.occasion {
        ReminderOccasion::WindowCloses => remind.period.with_day(1).unwrap_or(remind.period),
        // The window may have moved since it was asked for; the next one counts.
        ReminderOccasion::WindowOpens => facts.meter_rules.period_of(today),
    };
    if let Some(obstacle) = obstacle(remind.occasion, period, issued, holder) {
        return refuse(obstacle);
    }
    let (opens_on, closes_on) = facts.meter_rules.window_days(period);
    let decent = facts.decent_from(issued.at);
    let due_at = match (today < opens_on, remind.occasion) {
        (true, _) => facts.reminder_on(opens_on),
        // Another window opens later.
        (false, ReminderOccasion::WindowOpens) if today > closes_on => {
            facts.reminder_on(facts.meter_rules.next_opening(today))
        }
        (false, _) if facts.local_day(decent) > closes_on => {
            return refuse(ReminderObstacle::WindowClosed);
        }
        (false, _) => Some(decent),
    };
    let Some(due_at) = due_at else { return refuse(ReminderObstacle::WindowClosed) };
    let occasion = remind.occasion;
    Ok(Some(if due_at > issued.at {
        let period = facts.meter_rules.period_of(facts.local_day(due_at));
        AccountEvent::ReadingReminderPostponed(ReadingReminderPostponed {
            occasion,
            period,
            due_at,
        })
    } else {
        AccountEvent::ReadingReminderDue(ReadingReminderDue { occasion, period, closes_on })
    }))
}

/// What stands against a reminder besides the calendar.
fn obstacle<C>(
    occasion: ReminderOccasion,
    period: NaiveDate,
    issued: &Issued<C>,
    holder: &Holder,
) -> Option<ReminderObstacle> {
    let reachable = match holder.origin.known() {
        Some(Origin::Telegram { bot, .. }) => !holder.blocked_bots.contains(bot),
        Some(Origin::Api { .. }) | None => false,
    };
    let reminders = &holder.reminders;
    if holder.consent.is_none() {
        return Some(ReminderObstacle::NoConsent);
    }
    if !reachable {
        return Some(ReminderObstacle::NoBot);
    }
    match occasion {
        ReminderOccasion::WindowOpens => {
            reminders.asked_for.is_none().then_some(ReminderObstacle::NotWanted)
        }
        ReminderOccasion::WindowCloses if !issued.tenant.reading_reminders.enabled => {
            Some(ReminderObstacle::SwitchedOff)
        }
        ReminderOccasion::WindowCloses if reminders.muted => Some(ReminderObstacle::NotWanted),
        ReminderOccasion::WindowCloses => reminders
            .reminded_of
            .is_some_and(|reminded_of| reminded_of >= period)
            .then_some(ReminderObstacle::RemindedAlready),
    }
}

/// Decides on the wish to be told when readings are taken again.
pub(super) fn decide_ask<C>(
    _ask: &AskReadingReminder,
    issued: &Issued<C>,
    holder: &Holder,
) -> Decided {
    let facts = &issued.tenant;
    let today = facts.local_day(issued.at);
    let (opens_on, closes_on) = facts.meter_rules.window_days(facts.meter_rules.period_of(today));
    if (opens_on..=closes_on).contains(&today) {
        return Err(AccountRefusal::WindowOpen { closes_on });
    }
    let opens_on = facts.meter_rules.next_opening(today);
    if holder.reminders.asked_for == Some(opens_on) {
        return Ok(None);
    }
    let because = ReminderObstacle::WindowClosed;
    let due_at =
        facts.reminder_on(opens_on).ok_or(AccountRefusal::ReminderNotInPlace { because })?;
    let period = facts.meter_rules.period_of(opens_on);
    Ok(Some(AccountEvent::ReadingReminderAsked(ReadingReminderAsked { period, opens_on, due_at })))
}
