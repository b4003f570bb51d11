//! What a reading or its correction leads to: the rules for readings.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{
    CorrectReading, MeterEvent, MeterRefusal, PhotoReference, ReadingCorrected, ReadingSource,
    ReadingSubmitted, ReadingWarning, SourceRules, SubmitReading, VerificationPolicy, Zone,
    decide::{
        Circumstances, DAY_MIN, Decision, REASON_LENGTH_MAX, check_values, checked_text,
        out_of_range, zones_mismatch,
    },
    history::{Base, LastReading},
    state::{Device, Particulars},
    values::{ZoneValues, total},
};
use crate::{Actor, Quantity};

/// A counter may have rolled over when it stood in the last tenth of what it can show …
const ROLLOVER_FROM_PERCENT: i128 = 90;
/// … and now stands in the first tenth. Anything else that falls is a wrong digit or a new meter.
const ROLLOVER_TO_PERCENT: i128 = 10;

/// The longest bot name and the longest id of a Telegram file, in characters.
const PHOTO_BOT_LENGTH_MAX: usize = 40;
const PHOTO_FILE_ID_LENGTH_MAX: usize = 256;
/// The longest address of a photo, in characters.
const PHOTO_URL_LENGTH_MAX: usize = 2048;

/// What the rules make of submitted or corrected values.
struct Assessment {
    consumption_milli: BTreeMap<Zone, Quantity>,
    usual_milli: Option<Quantity>,
    /// The sender confirmed something that had to be confirmed.
    confirmed: bool,
    rolled_over: Vec<Zone>,
    warnings: Vec<ReadingWarning>,
}

/// What was consumed between two readings, and which counters passed their largest value.
struct Consumed {
    by_zone: BTreeMap<Zone, Quantity>,
    rollovers: Vec<Rollover>,
}

struct Rollover {
    zone: Zone,
    last_milli: Quantity,
    submitted_milli: Quantity,
    consumption_milli: Quantity,
}

/// Decides on a new reading.
pub(super) fn decide_reading(
    reading: SubmitReading,
    device: &Device,
    circumstances: &Circumstances<'_>,
) -> Decision {
    let SubmitReading { reading_id, values_milli, taken_on, source, confirmed, photo } = reading;
    let particulars = &device.particulars;
    check_source(source, circumstances.actor)?;
    if let Some(same) = device.history.recall(reading_id, ZoneValues::from(&values_milli)) {
        let complete = values_milli.keys().copied().eq(particulars.zone_list());
        return if same && complete { Ok(vec![]) } else { Err(MeterRefusal::ReadingIdReused) };
    }
    if device.archived {
        return Err(MeterRefusal::MeterArchived);
    }
    let rules = circumstances.rules.of(source);
    let taken_on = checked_day(taken_on, device.history.last(), circumstances)?;
    let warnings = check_verification(particulars, taken_on, circumstances)?;
    if rules.window {
        check_window(taken_on, circumstances)?;
    }
    check_photo(photo.as_ref(), rules)?;
    let values = checked_values(&values_milli, particulars)?;
    let base = device.history.base_of_next();
    let judge = Judge { particulars, factor: circumstances.rules.unusual_factor, rules, confirmed };
    let assessment = judge.assess(base, values, taken_on, warnings)?;
    Ok(vec![MeterEvent::ReadingSubmitted(ReadingSubmitted {
        reading_id,
        account_id: particulars.account_id,
        values_milli,
        consumption_milli: assessment.consumption_milli,
        usual_milli: assessment.usual_milli,
        taken_on,
        period: circumstances.rules.period_of(taken_on),
        source,
        confirmed: assessment.confirmed,
        rolled_over: assessment.rolled_over,
        warnings: assessment.warnings,
        photo: photo.map(Into::into),
    })])
}

/// Decides on a correction of the last reading.
pub(super) fn decide_correction(
    correction: CorrectReading,
    device: &Device,
    circumstances: &Circumstances<'_>,
) -> Decision {
    let CorrectReading { reading_id, values_milli, source, confirmed, reason } = correction;
    let particulars = &device.particulars;
    check_source(source, circumstances.actor)?;
    let last = match device.history.last() {
        Some(last) if last.reading_id == reading_id => last,
        Some(_) | None => return Err(MeterRefusal::NotLastReading),
    };
    let previous_values_milli = last.mark.values.to_map(particulars.zones);
    if values_milli == previous_values_milli {
        return Ok(vec![]);
    }
    if device.archived {
        return Err(MeterRefusal::MeterArchived);
    }
    let rules = circumstances.rules.of(source);
    check_correction_window(last, rules, circumstances)?;
    let reason = checked_text("reason", &reason, 0, REASON_LENGTH_MAX)?;
    let values = checked_values(&values_milli, particulars)?;
    // The reading was taken already: an overdue verification is told again, and blocks no more.
    let warnings = verification_warning(particulars, last.mark.taken_on);
    let judge = Judge { particulars, factor: circumstances.rules.unusual_factor, rules, confirmed };
    let assessment =
        judge.assess(device.history.base_of_last(), values, last.mark.taken_on, warnings)?;
    Ok(vec![MeterEvent::ReadingCorrected(ReadingCorrected {
        reading_id,
        account_id: particulars.account_id,
        values_milli,
        consumption_milli: assessment.consumption_milli,
        usual_milli: assessment.usual_milli,
        previous_values_milli,
        period: last.period,
        source,
        confirmed: assessment.confirmed,
        rolled_over: assessment.rolled_over,
        warnings: assessment.warnings,
        reason: reason.into(),
    })])
}

fn check_source(source: ReadingSource, actor: &Actor) -> Result<(), MeterRefusal> {
    let of_customers = match source {
        ReadingSource::Telegram | ReadingSource::Web => true,
        ReadingSource::Api | ReadingSource::Operator | ReadingSource::Import => false,
    };
    let fits = match actor {
        Actor::Customer { .. } => of_customers,
        Actor::Operator { .. } => !of_customers,
        Actor::System { .. } => true,
    };
    if fits { Ok(()) } else { Err(MeterRefusal::SourceNotAllowed) }
}

/// The day on which a reading was taken: today, unless the staff say otherwise.
fn checked_day(
    given: Option<NaiveDate>,
    last: Option<&LastReading>,
    circumstances: &Circumstances<'_>,
) -> Result<NaiveDate, MeterRefusal> {
    let today = circumstances.today;
    let taken_on = given.unwrap_or(today);
    if taken_on > today {
        return Err(MeterRefusal::TakenInFuture { taken_on, today });
    }
    if circumstances.by_customer() && taken_on != today {
        return Err(out_of_range(
            "taken_on",
            &format!("{today}, the day on which it is sent; only staff may name an earlier one"),
        ));
    }
    if taken_on < DAY_MIN {
        return Err(out_of_range("taken_on", &format!("a day from {DAY_MIN} to {today}")));
    }
    match last {
        Some(last) if taken_on < last.mark.taken_on => {
            Err(MeterRefusal::TakenBeforeLast { taken_on, last_taken_on: last.mark.taken_on })
        }
        Some(_) | None => Ok(taken_on),
    }
}

fn check_verification(
    particulars: &Particulars,
    taken_on: NaiveDate,
    circumstances: &Circumstances<'_>,
) -> Result<Vec<ReadingWarning>, MeterRefusal> {
    let warnings = verification_warning(particulars, taken_on);
    match (circumstances.rules.verification, particulars.verification_due_on) {
        (VerificationPolicy::Block, Some(due_on)) if !warnings.is_empty() => {
            Err(MeterRefusal::VerificationOverdue { due_on })
        }
        (VerificationPolicy::Block | VerificationPolicy::Warn, _) => Ok(warnings),
    }
}

fn verification_warning(particulars: &Particulars, taken_on: NaiveDate) -> Vec<ReadingWarning> {
    let overdue = particulars.verification_due_on.is_some_and(|due_on| due_on < taken_on);
    if overdue { vec![ReadingWarning::VerificationOverdue] } else { vec![] }
}

/// Checks that a window is open today, and that the reading was taken in this very window.
fn check_window(
    taken_on: NaiveDate,
    circumstances: &Circumstances<'_>,
) -> Result<(), MeterRefusal> {
    let Circumstances { rules, today, .. } = *circumstances;
    let window = rules.window_of(rules.period_of(today));
    if !window.contains(today) {
        return Err(outside_window(circumstances, rules.next_opening(today)));
    }
    if taken_on < window.opens_on {
        return Err(outside_window(circumstances, window.opens_on));
    }
    Ok(())
}

fn outside_window(circumstances: &Circumstances<'_>, opens_on: NaiveDate) -> MeterRefusal {
    MeterRefusal::OutsideWindow {
        first_day: circumstances.rules.window_first_day,
        last_day: circumstances.rules.window_last_day,
        opens_on,
    }
}

/// Checks that the last reading can still be corrected: until the window of its month closes, or
/// until its month ends where the source knows no window. Only the staff may do it at any time.
fn check_correction_window(
    last: &LastReading,
    rules: SourceRules,
    circumstances: &Circumstances<'_>,
) -> Result<(), MeterRefusal> {
    if !rules.window && !circumstances.by_customer() {
        return Ok(());
    }
    let window = circumstances.rules.window_of(last.period);
    let closed_on =
        if rules.window { window.closes_on } else { circumstances.rules.last_day_of(last.period) };
    if circumstances.today > closed_on {
        return Err(MeterRefusal::CorrectionClosed { closed_on });
    }
    if rules.window && !window.contains(circumstances.today) {
        return Err(outside_window(circumstances, window.opens_on));
    }
    Ok(())
}

fn check_photo(photo: Option<&PhotoReference>, rules: SourceRules) -> Result<(), MeterRefusal> {
    match photo {
        None if rules.photo => Err(MeterRefusal::PhotoNeeded),
        None => Ok(()),
        Some(PhotoReference::Telegram { bot, file_id }) => {
            checked_text("photo.bot", bot, 1, PHOTO_BOT_LENGTH_MAX)?;
            checked_text("photo.file_id", file_id, 1, PHOTO_FILE_ID_LENGTH_MAX)?;
            Ok(())
        }
        Some(PhotoReference::Url { url }) => {
            let fits = url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
                && url.chars().count() <= PHOTO_URL_LENGTH_MAX
                && !url.chars().any(|c| c.is_control() || c.is_whitespace());
            if fits {
                return Ok(());
            }
            Err(out_of_range(
                "photo.url",
                &format!("an https address of at most {PHOTO_URL_LENGTH_MAX} characters"),
            ))
        }
    }
}

fn checked_values(
    values_milli: &BTreeMap<Zone, Quantity>,
    particulars: &Particulars,
) -> Result<ZoneValues, MeterRefusal> {
    let expected = particulars.zone_list();
    if !values_milli.keys().eq(&expected) {
        return Err(zones_mismatch(expected, values_milli));
    }
    let values = ZoneValues::from(values_milli);
    check_values(values, particulars)?;
    Ok(values)
}

/// Judges values by what the meter showed before.
struct Judge<'a> {
    particulars: &'a Particulars,
    factor: u32,
    rules: SourceRules,
    confirmed: bool,
}

impl Judge<'_> {
    fn assess(
        &self,
        base: Base,
        values: ZoneValues,
        taken_on: NaiveDate,
        mut warnings: Vec<ReadingWarning>,
    ) -> Result<Assessment, MeterRefusal> {
        let must_ask = self.rules.confirmation && !self.confirmed;
        let Consumed { by_zone, rollovers } = consumed(base.mark.values, values, self.particulars)?;
        if let Some(rollover) = rollovers.first().filter(|_| must_ask) {
            return Err(MeterRefusal::RolloverNeedsConfirmation {
                zone: rollover.zone,
                last_milli: rollover.last_milli,
                submitted_milli: rollover.submitted_milli,
                consumption_milli: rollover.consumption_milli,
            });
        }
        let comparison = base.compare(values, total(&by_zone), taken_on);
        let unusual = comparison.as_ref().filter(|comparison| comparison.is_unusual(self.factor));
        if let Some(unusual) = unusual {
            if must_ask {
                return Err(MeterRefusal::UnusualNeedsConfirmation {
                    consumption_milli: unusual.consumption_milli,
                    usual_milli: unusual.usual_milli,
                    factor: self.factor,
                });
            }
            warnings.push(ReadingWarning::Unusual);
        }
        if !rollovers.is_empty() {
            warnings.push(ReadingWarning::RolledOver);
        }
        let asked = unusual.is_some() || !rollovers.is_empty();
        Ok(Assessment {
            consumption_milli: by_zone,
            usual_milli: comparison
                .filter(|comparison| !comparison.same_day)
                .map(|comparison| comparison.usual_milli),
            confirmed: self.confirmed && asked,
            rolled_over: rollovers.into_iter().map(|rollover| rollover.zone).collect(),
            warnings,
        })
    }
}

/// The consumption of every zone. A fall that no rollover explains is refused before any rollover
/// is asked about.
fn consumed(
    last: ZoneValues,
    submitted: ZoneValues,
    particulars: &Particulars,
) -> Result<Consumed, MeterRefusal> {
    let mut consumed = Consumed { by_zone: BTreeMap::new(), rollovers: vec![] };
    let pairs = last.iter(particulars.zones).zip(submitted.iter(particulars.zones));
    for ((zone, last_milli), (_, submitted_milli)) in pairs {
        let difference = submitted_milli.milli().saturating_sub(last_milli.milli());
        let consumption_milli = if difference >= 0 {
            Quantity(difference)
        } else if rollover_plausible(last_milli, submitted_milli, particulars.capacity()) {
            let consumption_milli =
                Quantity(particulars.capacity().milli().saturating_add(difference));
            consumed.rollovers.push(Rollover {
                zone,
                last_milli,
                submitted_milli,
                consumption_milli,
            });
            consumption_milli
        } else {
            return Err(MeterRefusal::ReadingBelowLast { zone, last_milli, submitted_milli });
        };
        consumed.by_zone.insert(zone, consumption_milli);
    }
    Ok(consumed)
}

fn rollover_plausible(last: Quantity, submitted: Quantity, capacity: Quantity) -> bool {
    let percent = |value: Quantity| i128::from(value.milli()) * 100;
    let of_capacity = |percent: i128| i128::from(capacity.milli()) * percent;
    percent(last) >= of_capacity(ROLLOVER_FROM_PERCENT)
        && percent(submitted) <= of_capacity(ROLLOVER_TO_PERCENT)
}
