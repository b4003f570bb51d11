//! What can be asked of a meter.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MeterKind, PhotoReference, ReadingSource, Zone};
use crate::Quantity;

/// A command to a meter.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MeterCommand {
    /// Puts a meter into service.
    Register(Register),
    /// Submits what the meter shows.
    SubmitReading(SubmitReading),
    /// Replaces the last reading of the open window.
    CorrectReading(CorrectReading),
    /// Records a passed verification (поверка).
    RenewVerification(RenewVerification),
    /// Takes the meter out of service.
    Archive(Archive),
    /// Follows the erasure of the account's holder: nothing personal is left, and no more is taken.
    EraseHolder(EraseHolder),
}

/// Puts a meter into service.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The account that it counts for.
    pub account_id: Uuid,
    /// What it counts.
    pub kind: MeterKind,
    /// How many tariff zones it shows: 1 to 3 for electricity, 1 for all others.
    pub zones: u8,
    /// Digits before the decimal point, 3 to 9; the counter rolls over to zero after the largest.
    pub digits: u8,
    /// The number on its case.
    pub serial_number: String,
    /// Where it hangs, in the customer's words.
    #[serde(default)]
    pub place: String,
    /// The last day on which its verification is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_due_on: Option<NaiveDate>,
    /// What it showed when it was put into service, per zone; zero when absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub initial_values_milli: BTreeMap<Zone, Quantity>,
}

/// Submits what the meter shows.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitReading {
    /// The reading's own id, made by the sender; adapters use the command's id.
    pub reading_id: Uuid,
    /// What each zone shows; every zone of the meter, and no other.
    pub values_milli: BTreeMap<Zone, Quantity>,
    /// The tenant's local day on which it was read; the day of the command when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_on: Option<NaiveDate>,
    /// How it came in.
    pub source: ReadingSource,
    /// The sender was told that the value is unusual, or that the counter rolled over, and confirms it.
    #[serde(default)]
    pub confirmed: bool,
    /// A photo of the meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PhotoReference>,
}

/// Replaces the last reading.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectReading {
    /// The reading to replace: the meter's last.
    pub reading_id: Uuid,
    /// What each zone really showed.
    pub values_milli: BTreeMap<Zone, Quantity>,
    /// How the correction came in.
    pub source: ReadingSource,
    /// As in [`SubmitReading::confirmed`].
    #[serde(default)]
    pub confirmed: bool,
    /// Why, in the sender's words; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// Records a passed verification.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RenewVerification {
    /// The last day on which the new verification is valid.
    pub verification_due_on: NaiveDate,
}

/// Takes the meter out of service.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Why, in the sender's words; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// Follows the erasure of the account's holder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EraseHolder {}
