//! On which days readings are taken, and for which month they count.

use chrono::{Datelike, Months, NaiveDate};

use super::MeterRules;

/// The days of one month on which its readings are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) opens_on: NaiveDate,
    pub(super) closes_on: NaiveDate,
}

impl Window {
    pub(super) fn contains(&self, day: NaiveDate) -> bool {
        (self.opens_on..=self.closes_on).contains(&day)
    }
}

impl MeterRules {
    /// The month that a reading of this day counts for, as its first day. While a window runs into
    /// the next month, that is the month in which it opened.
    pub fn period_of(&self, day: NaiveDate) -> NaiveDate {
        let month = first_of_month(day);
        if self.window_wraps() && day.day() <= u32::from(self.window_last_day) {
            return month.checked_sub_months(Months::new(1)).unwrap_or(month);
        }
        month
    }

    /// The first and the last day on which readings of a month are taken; the month is given as its
    /// first day.
    pub fn window_days(&self, period: NaiveDate) -> (NaiveDate, NaiveDate) {
        let Window { opens_on, closes_on } = self.window_of(period);
        (opens_on, closes_on)
    }

    /// The window of a month, given as its first day.
    pub(super) fn window_of(&self, period: NaiveDate) -> Window {
        let closing_month = if self.window_wraps() { next_month(period) } else { period };
        Window {
            opens_on: day_in(period, self.window_first_day),
            closes_on: day_in(closing_month, self.window_last_day),
        }
    }

    /// The last day that counts for a month, given as its first day, in a window or not.
    pub(super) fn last_day_of(&self, period: NaiveDate) -> NaiveDate {
        let last_day = if self.window_wraps() { self.window_last_day } else { u8::MAX };
        let closing_month = if self.window_wraps() { next_month(period) } else { period };
        day_in(closing_month, last_day)
    }

    /// The first day after `day` on which a window opens.
    pub fn next_opening(&self, day: NaiveDate) -> NaiveDate {
        let month = first_of_month(day);
        let opens_on = self.window_of(month).opens_on;
        if opens_on > day { opens_on } else { self.window_of(next_month(month)).opens_on }
    }

    fn window_wraps(&self) -> bool {
        self.window_last_day < self.window_first_day
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn next_month(month: NaiveDate) -> NaiveDate {
    month.checked_add_months(Months::new(1)).unwrap_or(month)
}

/// The day of a month, or the month's last day where it has fewer.
fn day_in(month: NaiveDate, day: u8) -> NaiveDate {
    (1..=u32::from(day.min(31))).rev().find_map(|day| month.with_day(day)).unwrap_or(month)
}
