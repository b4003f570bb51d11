//! A month of the calendar.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::ValueError;

/// How far behind midnight a day may begin, in quarters of an hour: clocks that are put forward leave
/// out up to a whole day.
const GAP_STEPS_MAX: i32 = 4 * 48;

/// The years that books may have.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=9998;

/// A month such as `2026-11`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(NaiveDate);

impl Month {
    /// The month of a day.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// The month of an instant on the calendar of a zone.
    pub fn at(at: DateTime<Utc>, zone: Tz) -> Self {
        Self::of(at.with_timezone(&zone).date_naive())
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    /// Its first instant in a zone. Where clocks are put forward at midnight, it is a later one.
    pub fn begins(self, zone: Tz) -> DateTime<Utc> {
        let midnight = self.0.and_time(NaiveTime::MIN);
        let instants = (0..GAP_STEPS_MAX).filter_map(|step| {
            let later = midnight.checked_add_signed(TimeDelta::minutes(15).checked_mul(step)?)?;
            zone.from_local_datetime(&later).earliest()
        });
        instants.map(|at| at.to_utc()).next().unwrap_or_else(|| midnight.and_utc())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

impl FromStr for Month {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError("a month is its year and its number, such as 2026-11".to_owned());
        let day: NaiveDate = format!("{text}-01").parse().map_err(|_| wrong())?;
        let month = Self(day);
        // One way to write it: neither 2026-1 nor a sign nor a day passes.
        let is_written_so = month.to_string() == text && YEARS.contains(&day.year());
        is_written_so.then_some(month).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Month {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}
