//! What a meter remembers of its readings: the last one, the one before, what was usual.
//!
//! Rates are measured between days: all readings of one day end the same interval, so that a second
//! reading of a day corrects the picture instead of looking like a month's consumption in no time.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::values::ZoneValues;
use crate::Quantity;

/// How many intervals make up what is usual: half a year of monthly readings, so that the usual
/// follows the seasons.
const INTERVALS_MAX: usize = 6;
/// How many intervals must be known before anything counts as unusual.
const INTERVALS_MIN: usize = 2;
/// How many readings are recognised by their id when they come again: a year of monthly readings.
/// Retries of a command are answered by its receipt; this is for a sender who sends old ones anew.
const READINGS_KNOWN_MAX: usize = 12;

/// The readings of a meter, as far as decisions need them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct History {
    /// The reading before the last, or what the meter showed when it was put into service.
    before: Mark,
    last: Option<LastReading>,
    /// The intervals that ended before the interval of `before`, oldest first.
    intervals: Vec<Interval>,
    /// The last readings as they were submitted, oldest first.
    known: Vec<KnownReading>,
}

/// The last accepted reading.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct LastReading {
    pub(super) reading_id: Uuid,
    /// The month it counts for, as its first day.
    pub(super) period: NaiveDate,
    pub(super) mark: Mark,
}

/// What a meter showed on a day, and what was consumed since the last earlier day with a reading.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Mark {
    pub(super) values: ZoneValues,
    pub(super) taken_on: NaiveDate,
    since: NaiveDate,
    consumption_milli: Quantity,
}

/// What was consumed over some days, in all zones.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Interval {
    days: i64,
    consumption_milli: Quantity,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct KnownReading {
    reading_id: Uuid,
    values: ZoneValues,
}

/// What a new or corrected reading is measured against.
pub(super) struct Base {
    pub(super) mark: Mark,
    intervals: Vec<Interval>,
}

/// How a reading's consumption stands to the usual one.
pub(super) struct Comparison {
    /// What was consumed since the last earlier day with a reading, over all zones.
    pub(super) consumption_milli: Quantity,
    /// What is usual over as many days.
    pub(super) usual_milli: Quantity,
    /// Another reading was taken on the same day, so that the consumption is more than this
    /// reading's own.
    pub(super) same_day: bool,
    interval: Interval,
    usual: Interval,
}

impl History {
    /// The history of a meter that is put into service.
    pub(super) fn opened(values: ZoneValues, day: NaiveDate) -> Self {
        let before = Mark { values, taken_on: day, since: day, consumption_milli: Quantity(0) };
        Self { before, last: None, intervals: vec![], known: vec![] }
    }

    /// The last accepted reading.
    pub(super) fn last(&self) -> Option<&LastReading> {
        self.last.as_ref()
    }

    /// Whether a reading with this id came before, and whether it said the same.
    pub(super) fn recall(&self, reading_id: Uuid, values: ZoneValues) -> Option<bool> {
        let known = self.known.iter().find(|known| known.reading_id == reading_id)?;
        let corrected_to_same = self
            .last()
            .is_some_and(|last| last.reading_id == reading_id && last.mark.values == values);
        Some(known.values == values || corrected_to_same)
    }

    /// What the next reading is measured against.
    pub(super) fn base_of_next(&self) -> Base {
        let base = self.base_of_last();
        match &self.last {
            Some(last) => Base {
                mark: last.mark,
                intervals: with_interval_of(&base.mark, base.intervals, last.mark.taken_on),
            },
            None => base,
        }
    }

    /// What the last reading is measured against, when it is corrected.
    pub(super) fn base_of_last(&self) -> Base {
        Base { mark: self.before, intervals: self.intervals.clone() }
    }

    /// Records a reading.
    pub(super) fn submitted(
        &mut self,
        reading_id: Uuid,
        (taken_on, period): (NaiveDate, NaiveDate),
        values: ZoneValues,
        consumption_milli: Quantity,
    ) {
        let base = self.base_of_next();
        let mark = base.mark.followed_by(values, consumption_milli, taken_on);
        self.before = base.mark;
        self.intervals = base.intervals;
        self.last = Some(LastReading { reading_id, period, mark });
        push_bounded(&mut self.known, KnownReading { reading_id, values }, READINGS_KNOWN_MAX);
    }

    /// Records that the last reading was replaced.
    pub(super) fn corrected(&mut self, values: ZoneValues, consumption_milli: Quantity) {
        if let Some(last) = &mut self.last {
            last.mark = self.before.followed_by(values, consumption_milli, last.mark.taken_on);
        }
    }
}

impl Base {
    /// Compares a reading with what is usual, when that is known.
    pub(super) fn compare(
        self,
        values: ZoneValues,
        consumption_milli: Quantity,
        taken_on: NaiveDate,
    ) -> Option<Comparison> {
        let interval = self.mark.followed_by(values, consumption_milli, taken_on).interval()?;
        let same_day = self.mark.taken_on >= taken_on;
        let intervals = with_interval_of(&self.mark, self.intervals, taken_on);
        if intervals.len() < INTERVALS_MIN {
            return None;
        }
        let usual = Interval {
            days: intervals.iter().fold(0, |sum, one| sum.saturating_add(one.days)),
            consumption_milli: Quantity(
                intervals
                    .iter()
                    .fold(0, |sum, one| sum.saturating_add(one.consumption_milli.milli())),
            ),
        };
        let usual_milli = usual.over(interval.days);
        (usual_milli > Quantity(0)).then_some(Comparison {
            consumption_milli: interval.consumption_milli,
            usual_milli,
            same_day,
            interval,
            usual,
        })
    }
}

impl Comparison {
    /// Whether the rate lies strictly above `factor` times the usual rate.
    pub(super) fn is_unusual(&self, factor: u32) -> bool {
        let weighed = |one: Interval, other: Interval| {
            i128::from(one.consumption_milli.milli()) * i128::from(other.days)
        };
        weighed(self.interval, self.usual)
            > weighed(self.usual, self.interval).saturating_mul(factor.into())
    }
}

impl Mark {
    /// The mark of the next reading.
    fn followed_by(
        &self,
        values: ZoneValues,
        consumption_milli: Quantity,
        taken_on: NaiveDate,
    ) -> Self {
        if taken_on > self.taken_on {
            return Self { values, taken_on, since: self.taken_on, consumption_milli };
        }
        // A further reading of the day, or the first one of an import that reaches back behind the
        // day of registration.
        let consumption_milli =
            Quantity(self.consumption_milli.milli().saturating_add(consumption_milli.milli()));
        Self { values, taken_on, since: self.since.min(taken_on), consumption_milli }
    }

    /// The interval that ends here; none on the first day that is known of the meter.
    fn interval(&self) -> Option<Interval> {
        let days = self.taken_on.signed_duration_since(self.since).num_days();
        (days > 0).then_some(Interval { days, consumption_milli: self.consumption_milli })
    }
}

impl Interval {
    /// What is consumed at the same rate over some days, rounded to the nearest thousandth.
    fn over(&self, days: i64) -> Quantity {
        let consumption = i128::from(self.consumption_milli.milli()) * i128::from(days);
        let own_days = i128::from(self.days.max(1));
        let rounded = (consumption + own_days / 2) / own_days;
        Quantity(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

/// The intervals including the one that ends at `mark`, which ended for good when the next reading
/// was taken on a later day.
fn with_interval_of(
    mark: &Mark,
    mut intervals: Vec<Interval>,
    next_taken_on: NaiveDate,
) -> Vec<Interval> {
    match mark.interval() {
        Some(interval) if next_taken_on > mark.taken_on => {
            push_bounded(&mut intervals, interval, INTERVALS_MAX);
        }
        Some(_) | None => {}
    }
    intervals
}

fn push_bounded<T>(items: &mut Vec<T>, item: T, count_max: usize) {
    if items.len() >= count_max {
        items.remove(0);
    }
    items.push(item);
}
