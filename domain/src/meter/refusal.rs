//! Why a command to a meter is refused.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Zone;
use crate::{Quantity, Refusal};

/// Why a command to a meter is refused. Figures ending in `_milli` are thousandths of the unit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum MeterRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// Nothing was registered under this id.
    #[error("there is no such meter; register it first")]
    MeterUnknown,
    /// The meter exists with other particulars.
    #[error("this meter is registered already; use another id for another meter")]
    MeterExists,
    /// A customer acts on a meter of another account, or does what only staff may.
    #[error(
        "this meter belongs to somebody else, or only the tenant's staff may do this; ask the staff"
    )]
    NotAllowed,
    /// The meter is out of service.
    #[error("this meter is out of service; submit the reading of the meter that replaced it")]
    MeterArchived,
    /// The holder of the meter's account was erased.
    #[error("the holder of this meter was erased; register the meter under a new id")]
    AccountErased,
    /// A particular of the meter is out of range.
    #[error("`{field}` must be {expected}")]
    FieldOutOfRange {
        /// The field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// Zones are missing, or there are more than the meter has.
    #[error(
        "this meter shows {}; give a value for each of its zones and for no other",
        listed(expected)
    )]
    ZonesMismatch {
        /// The zones of the meter.
        expected: Vec<Zone>,
        /// The zones given.
        given: Vec<Zone>,
    },
    /// A value is negative or has more digits than the counter.
    #[error(
        "the value of {zone} must be between 0 and {value_max_milli} (the counter has {digits} digits)"
    )]
    ValueOutOfRange {
        /// The zone.
        zone: Zone,
        /// What was submitted.
        submitted_milli: Quantity,
        /// The largest value that the counter shows.
        value_max_milli: Quantity,
        /// Digits before the decimal point.
        digits: u8,
    },
    /// A value is lower than the last one, and a rollover is not plausible.
    #[error(
        "{zone} was {last_milli} last time and is {submitted_milli} now; check the first digit, or register the new meter if it was replaced"
    )]
    ReadingBelowLast {
        /// The zone.
        zone: Zone,
        /// The last accepted value.
        last_milli: Quantity,
        /// What was submitted.
        submitted_milli: Quantity,
    },
    /// A value is lower than the last one, and the counter may have rolled over.
    #[error(
        "{zone} was {last_milli} last time and is {submitted_milli} now; confirm it if the counter passed its largest value"
    )]
    RolloverNeedsConfirmation {
        /// The zone.
        zone: Zone,
        /// The last accepted value.
        last_milli: Quantity,
        /// What was submitted.
        submitted_milli: Quantity,
        /// What was consumed if the counter rolled over.
        consumption_milli: Quantity,
    },
    /// The consumption is far above the usual one.
    #[error(
        "{consumption_milli} is more than {factor} times the usual {usual_milli}; check the value and confirm it if it is right"
    )]
    UnusualNeedsConfirmation {
        /// What would be consumed, over all zones.
        consumption_milli: Quantity,
        /// What is usual over as many days.
        usual_milli: Quantity,
        /// The tenant's factor.
        factor: u32,
    },
    /// Today is not a day on which readings are taken.
    #[error(
        "readings are taken from day {first_day} to day {last_day} of the month; the next window opens on {opens_on}"
    )]
    OutsideWindow {
        /// The first day of the window.
        first_day: u8,
        /// The last day of the window.
        last_day: u8,
        /// When the next window opens.
        opens_on: NaiveDate,
    },
    /// The verification is overdue, and the tenant blocks such meters.
    #[error(
        "the verification of this meter was due on {due_on}; have it verified, then submit the reading"
    )]
    VerificationOverdue {
        /// The last day on which it was valid.
        due_on: NaiveDate,
    },
    /// The reading's day lies in the future.
    #[error("the reading cannot be taken on {taken_on}: today is {today}")]
    TakenInFuture {
        /// The day given.
        taken_on: NaiveDate,
        /// The tenant's local day.
        today: NaiveDate,
    },
    /// The reading's day lies before the last reading.
    #[error(
        "the reading was taken on {taken_on}, before the last one of {last_taken_on}; submit readings in the order of their days"
    )]
    TakenBeforeLast {
        /// The day given.
        taken_on: NaiveDate,
        /// The day of the last reading.
        last_taken_on: NaiveDate,
    },
    /// The tenant wants a photo with readings of this source.
    #[error("send a photo of the meter with the reading")]
    PhotoNeeded,
    /// The reading to correct is not the meter's last, or does not exist.
    #[error("only the meter's last reading can be corrected; submit a new reading instead")]
    NotLastReading,
    /// The window in which the reading could be corrected has closed.
    #[error("this reading could be corrected until {closed_on}; ask the tenant's staff")]
    CorrectionClosed {
        /// The last day on which a correction was taken.
        closed_on: NaiveDate,
    },
    /// The source is not one that this actor may name.
    #[error(
        "this sender cannot name this source; customers name `telegram` or `web`, staff and programs `api`, `operator` or `import`"
    )]
    SourceNotAllowed,
    /// A reading with this id exists with other values.
    #[error("a reading with this id was submitted with other values; use a new id")]
    ReadingIdReused,
}

impl Refusal for MeterRefusal {}

/// The zones as a sentence names them: `T1, T2`.
fn listed(zones: &[Zone]) -> String {
    let names: Vec<String> = zones.iter().map(Zone::to_string).collect();
    names.join(", ")
}
