//! What has happened to a meter.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{MeterKind, PhotoReference, ReadingSource, ReadingWarning, Zone};
use crate::{
    EventBody, EventDecodeError, EventSchema, Personal, Quantity,
    decider::{decode_payload, domain_event},
};

/// A fact about a meter.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MeterEvent {
    /// `meter.registered`
    Registered(Registered),
    /// `meter.reading_submitted`
    ReadingSubmitted(ReadingSubmitted),
    /// `meter.reading_corrected`
    ReadingCorrected(ReadingCorrected),
    /// `meter.verification_renewed`
    VerificationRenewed(VerificationRenewed),
    /// `meter.archived`
    Archived(Archived),
    /// `meter.holder_erased`
    HolderErased(HolderErased),
}

impl EventBody for MeterEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("meter.registered", 1),
        EventSchema::new("meter.reading_submitted", 1),
        EventSchema::new("meter.reading_corrected", 1),
        EventSchema::new("meter.verification_renewed", 1),
        EventSchema::new("meter.archived", 1),
        EventSchema::new("meter.holder_erased", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Registered(_) => "meter.registered",
            Self::ReadingSubmitted(_) => "meter.reading_submitted",
            Self::ReadingCorrected(_) => "meter.reading_corrected",
            Self::VerificationRenewed(_) => "meter.verification_renewed",
            Self::Archived(_) => "meter.archived",
            Self::HolderErased(_) => "meter.holder_erased",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Registered(_)
            | Self::ReadingSubmitted(_)
            | Self::ReadingCorrected(_)
            | Self::VerificationRenewed(_)
            | Self::Archived(_)
            | Self::HolderErased(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Registered(payload) => serde_json::to_string(payload),
            Self::ReadingSubmitted(payload) => serde_json::to_string(payload),
            Self::ReadingCorrected(payload) => serde_json::to_string(payload),
            Self::VerificationRenewed(payload) => serde_json::to_string(payload),
            Self::Archived(payload) => serde_json::to_string(payload),
            Self::HolderErased(payload) => serde_json::to_string(payload),
        }
    }

    fn personal_fields(&self) -> &'static [&'static str] {
        match self {
            // In the customer's own words.
            Self::Registered(_) => &["/place"],
            // A picture from somebody's home.
            Self::ReadingSubmitted(_) => &["/photo"],
            Self::ReadingCorrected(_) | Self::Archived(_) => &["/reason"],
            Self::VerificationRenewed(_) | Self::HolderErased(_) => &[],
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("meter.registered", 1) => decode_payload(wire_type, payload).map(Self::Registered),
            ("meter.reading_submitted", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingSubmitted)
            }
            ("meter.reading_corrected", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingCorrected)
            }
            ("meter.verification_renewed", 1) => {
                decode_payload(wire_type, payload).map(Self::VerificationRenewed)
            }
            ("meter.archived", 1) => decode_payload(wire_type, payload).map(Self::Archived),
            ("meter.holder_erased", 1) => {
                decode_payload(wire_type, payload).map(Self::HolderErased)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(MeterEvent);

/// The meter was put into service.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Registered {
    /// The account that it counts for.
    pub account_id: Uuid,
    /// What it counts.
    pub kind: MeterKind,
    /// How many tariff zones it shows.
    pub zones: u8,
    /// Digits before the decimal point.
    pub digits: u8,
    /// The number on its case.
    pub serial_number: String,
    /// Where it hangs.
    pub place: Personal<String>,
    /// The last day on which its verification is valid.
    pub verification_due_on: Option<NaiveDate>,
    /// The tenant's local day on which it was put into service.
    pub registered_on: NaiveDate,
    /// What it showed then, for every zone.
    pub initial_values_milli: BTreeMap<Zone, Quantity>,
}

/// A reading was accepted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingSubmitted {
    /// The reading's own id.
    pub reading_id: Uuid,
    /// The account that the meter counts for.
    pub account_id: Uuid,
    /// What each zone shows.
    pub values_milli: BTreeMap<Zone, Quantity>,
    /// What was consumed since the reading before, for every zone.
    pub consumption_milli: BTreeMap<Zone, Quantity>,
    /// What is usual over as many days, over all zones; absent while too little is known, and for
    /// a further reading of the same day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_milli: Option<Quantity>,
    /// The tenant's local day on which it was read.
    pub taken_on: NaiveDate,
    /// The month it counts for, as its first day.
    pub period: NaiveDate,
    /// How it came in.
    pub source: ReadingSource,
    /// The sender confirmed an unusual value or a rollover.
    pub confirmed: bool,
    /// The zones whose counter passed its largest value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rolled_over: Vec<Zone>,
    /// What the tenant's staff should look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ReadingWarning>,
    /// A photo of the meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<Personal<PhotoReference>>,
}

/// The last reading was replaced.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingCorrected {
    /// The reading that was replaced; it keeps its id, day and month.
    pub reading_id: Uuid,
    /// The account that the meter counts for.
    pub account_id: Uuid,
    /// What each zone really showed.
    pub values_milli: BTreeMap<Zone, Quantity>,
    /// What was consumed since the reading before, by the corrected values.
    pub consumption_milli: BTreeMap<Zone, Quantity>,
    /// What is usual over as many days, over all zones; absent while too little is known, and for
    /// a further reading of the same day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_milli: Option<Quantity>,
    /// What it said before.
    pub previous_values_milli: BTreeMap<Zone, Quantity>,
    /// The month it counts for, as its first day.
    pub period: NaiveDate,
    /// How the correction came in.
    pub source: ReadingSource,
    /// The sender confirmed an unusual value or a rollover.
    pub confirmed: bool,
    /// The zones whose counter passed its largest value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rolled_over: Vec<Zone>,
    /// What the tenant's staff should look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ReadingWarning>,
    /// Why, in the sender's words.
    pub reason: Personal<String>,
}

/// The meter passed a verification.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct VerificationRenewed {
    /// The last day on which it is valid.
    pub verification_due_on: NaiveDate,
}

/// The meter was taken out of service.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Archived {
    /// The account that it counted for; absent in events of the first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Uuid>,
    /// Why, in the sender's words.
    pub reason: Personal<String>,
}

/// The holder of the meter's account was erased.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HolderErased {
    /// The account that the meter counted for.
    pub account_id: Uuid,
}
