//! When a tenant reminds its customers of their readings: before the window closes, at a decent hour
//! of its own time zone.

use std::ops::RangeInclusive;

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, TimeZone, Timelike, Utc};
use serde::{Deserialize, Serialize};

use crate::{TenantFacts, meter::MeterRules};

/// The first local hour at which a bot may write by itself.
const DECENT_HOUR_FIRST: u32 = 9;
/// The local hour from which it may not any more.
const DECENT_HOUR_END: u32 = 20;

/// The most months that are looked through for the next reminder: this one, one whose window wraps,
/// and those that are over already.
const MONTHS_LOOKED_MAX: u32 = 4;

/// How a tenant reminds its customers of readings that are missing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ReadingReminders {
    /// Whether it does at all.
    pub enabled: bool,
    /// How many days before the window's last day, 0 to 10.
    pub days_before: u8,
    /// At which hour of the tenant's time zone, 9 to 19.
    pub hour: u8,
}

impl Default for ReadingReminders {
    fn default() -> Self {
        Self { enabled: true, days_before: 3, hour: 10 }
    }
}

/// When the customers of a tenant are reminded of the readings of one month.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReminderRound {
    /// The month, as its first day.
    pub period: NaiveDate,
    /// The last day on which readings are taken.
    pub closes_on: NaiveDate,
    /// When the reminders are due.
    pub due_at: DateTime<Utc>,
}

impl ReadingReminders {
    /// How many days before the end of a window reminders may come.
    pub const DAYS_BEFORE: RangeInclusive<u8> = 0..=10;
    /// The hours at which they may come.
    pub const HOURS: RangeInclusive<u8> = 9..=19;

    /// The next round after an instant, of a month after `begun` when one was begun already. When the
    /// day of a reminder is over and the window still open, the round comes on the next day.
    pub fn next_round(
        &self,
        rules: &MeterRules,
        time_zone: chrono_tz::Tz,
        (after, begun): (DateTime<Utc>, Option<NaiveDate>),
    ) -> Option<ReminderRound> {
        let today = after.with_timezone(&time_zone).date_naive();
        let first = rules.period_of(today);
        (0..MONTHS_LOOKED_MAX)
            .filter_map(|months| first.checked_add_months(chrono::Months::new(months)))
            .filter(|period| begun.is_none_or(|begun| *period > begun))
            .find_map(|period| {
                let (opens_on, closes_on) = rules.window_days(period);
                let wanted = closes_on
                    .checked_sub_days(Days::new(self.days_before.into()))
                    .map_or(opens_on, |day| day.max(opens_on));
                let due_at = wanted
                    .iter_days()
                    .take_while(|day| *day <= closes_on)
                    .filter_map(|day| local_hour(time_zone, day, self.hour))
                    .find(|due_at| *due_at > after)?;
                Some(ReminderRound { period, closes_on, due_at })
            })
    }
}

impl TenantFacts {
    /// The instant of the tenant's hour of reminders on a day.
    pub fn reminder_on(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        local_hour(self.time_zone, day, self.reading_reminders.hour)
    }

    /// The first instant from `at` on at which a bot may write by itself: `at` during the day, the
    /// tenant's hour of reminders at night.
    pub fn decent_from(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        decent_from(self.time_zone, self.reading_reminders, at)
    }
}

/// See [`TenantFacts::decent_from`].
pub fn decent_from(
    time_zone: chrono_tz::Tz,
    reminders: ReadingReminders,
    at: DateTime<Utc>,
) -> DateTime<Utc> {
    let local = at.with_timezone(&time_zone);
    if (DECENT_HOUR_FIRST..DECENT_HOUR_END).contains(&local.hour()) {
        return at;
    }
    let mut days = local.date_naive().iter_days();
    let next = days
        .by_ref()
        .take(3)
        .find_map(|day| local_hour(time_zone, day, reminders.hour).filter(|instant| *instant > at));
    // Every day has its hour of the morning, so this is for the end of the calendar.
    next.unwrap_or(at)
}

/// The instant of an hour on a local day. An hour that the clocks skip comes an hour later; of an hour
/// that comes twice, the first counts.
fn local_hour(time_zone: chrono_tz::Tz, day: NaiveDate, hour: u8) -> Option<DateTime<Utc>> {
    let local = day.and_time(NaiveTime::from_hms_opt(hour.into(), 0, 0)?);
    let instant = time_zone.from_local_datetime(&local).earliest().or_else(|| {
        let later = local.checked_add_signed(Duration::hours(1))?;
        time_zone.from_local_datetime(&later).earliest()
    });
    instant.map(|instant| instant.with_timezone(&Utc))
}
