//! What a command to a meter leads to.

use std::collections::BTreeMap;

use chrono::{DateTime, Months, NaiveDate};
use uuid::Uuid;

use super::{
    Archive, Archived, EraseHolder, HolderErased, Meter, MeterCommand, MeterEvent, MeterKind,
    MeterRefusal, MeterRules, Register, Registered, RenewVerification, VerificationRenewed, Zone,
    reading::{decide_correction, decide_reading},
    state::{Device, Particulars},
    values::ZoneValues,
};
use crate::{Actor, Decider, Issued, Quantity, values::plain_text};

/// The longest number on a meter's case, in characters.
const SERIAL_NUMBER_LENGTH_MAX: usize = 40;
/// The longest description of where a meter hangs, in characters.
const PLACE_LENGTH_MAX: usize = 80;
/// The longest reason, in characters: two sentences.
pub(super) const REASON_LENGTH_MAX: usize = 300;
/// The first day that the log knows. Earlier days are typing errors, and outside the range of some
/// databases and calendars.
pub(super) const DAY_MIN: NaiveDate = DateTime::UNIX_EPOCH.naive_utc().date();
/// How far ahead a verification may be due; meters are verified every 4 to 16 years.
const VERIFICATION_AHEAD_MAX: Months = Months::new(12 * 50);

pub(super) type Decision = Result<Vec<MeterEvent>, MeterRefusal>;

/// The circumstances of a command, as far as the rules for readings ask for them.
pub(super) struct Circumstances<'a> {
    pub(super) actor: &'a Actor,
    /// The tenant's local day on which the command was issued.
    pub(super) today: NaiveDate,
    pub(super) rules: &'a MeterRules,
}

impl Circumstances<'_> {
    pub(super) fn by_customer(&self) -> bool {
        match self.actor {
            Actor::Customer { .. } => true,
            Actor::Operator { .. } | Actor::System { .. } => false,
        }
    }

    fn staff_only(&self) -> Result<(), MeterRefusal> {
        if self.by_customer() { Err(MeterRefusal::NotAllowed) } else { Ok(()) }
    }
}

impl Decider for Meter {
    type Order = MeterCommand;
    type Fact = MeterEvent;
    type Reason = MeterRefusal;

    fn decide(&self, issued: Issued<MeterCommand>) -> Decision {
        if !issued.tenant.exists {
            return Err(MeterRefusal::TenantUnknown);
        }
        let circumstances = Circumstances {
            actor: &issued.actor,
            today: issued.tenant.local_day(issued.at),
            rules: &issued.tenant.meter_rules,
        };
        let account_id = match (&issued.command, &self.device) {
            (MeterCommand::Register(register), _) => register.account_id,
            (_, Some(device)) => device.particulars.account_id,
            (_, None) => return Err(MeterRefusal::MeterUnknown),
        };
        match circumstances.actor {
            Actor::Customer { account_id: own } if *own != account_id => {
                return Err(MeterRefusal::NotAllowed);
            }
            Actor::Customer { .. } | Actor::Operator { .. } | Actor::System { .. } => {}
        }
        if let Some(device) = &self.device
            && device.holder_erased
        {
            return decide_after_erasure(&issued.command);
        }
        match (issued.command, &self.device) {
            (MeterCommand::Register(register), device) => {
                decide_register(&register, device.as_ref(), &circumstances)
            }
            (_, None) => Err(MeterRefusal::MeterUnknown),
            (MeterCommand::SubmitReading(reading), Some(device)) => {
                decide_reading(reading, device, &circumstances)
            }
            (MeterCommand::CorrectReading(correction), Some(device)) => {
                decide_correction(correction, device, &circumstances)
            }
            (MeterCommand::RenewVerification(renewal), Some(device)) => {
                decide_renewal(&renewal, device, &circumstances)
            }
            (MeterCommand::Archive(archive), Some(device)) => {
                decide_archive(&archive, device, &circumstances)
            }
            (MeterCommand::EraseHolder(EraseHolder {}), Some(device)) => {
                circumstances.staff_only()?;
                let account_id = device.particulars.account_id;
                Ok(vec![MeterEvent::HolderErased(HolderErased { account_id })])
            }
        }
    }

    /// The holder of the account that it counts for.
    fn subject(&self, _id: Uuid) -> Option<Uuid> {
        self.device.as_ref().map(|device| device.particulars.account_id)
    }

    fn personal_fields(order: &MeterCommand) -> Option<&'static [&'static str]> {
        Some(match order {
            MeterCommand::Register(_) => &["/place"],
            MeterCommand::SubmitReading(_) => &["/photo"],
            MeterCommand::CorrectReading(_) | MeterCommand::Archive(_) => &["/reason"],
            MeterCommand::RenewVerification(_) | MeterCommand::EraseHolder(_) => &[],
        })
    }
}

/// Of a meter whose holder was erased nothing is known any more that a command could change.
fn decide_after_erasure(command: &MeterCommand) -> Decision {
    match command {
        MeterCommand::EraseHolder(_) => Ok(vec![]),
        MeterCommand::Register(_)
        | MeterCommand::SubmitReading(_)
        | MeterCommand::CorrectReading(_)
        | MeterCommand::RenewVerification(_)
        | MeterCommand::Archive(_) => Err(MeterRefusal::AccountErased),
    }
}

fn decide_register(
    register: &Register,
    device: Option<&Device>,
    circumstances: &Circumstances<'_>,
) -> Decision {
    let particulars = checked_particulars(register, circumstances.today)?;
    match device {
        Some(device) if device.particulars == particulars => Ok(vec![]),
        Some(_) => Err(MeterRefusal::MeterExists),
        None => Ok(vec![MeterEvent::Registered(Registered {
            account_id: particulars.account_id,
            kind: particulars.kind,
            zones: particulars.zones,
            digits: particulars.digits,
            initial_values_milli: particulars.initial_values.to_map(particulars.zones),
            serial_number: particulars.serial_number,
            place: particulars.place,
            verification_due_on: particulars.verification_due_on,
            registered_on: circumstances.today,
        })]),
    }
}

fn decide_renewal(
    renewal: &RenewVerification,
    device: &Device,
    circumstances: &Circumstances<'_>,
) -> Decision {
    circumstances.staff_only()?;
    let due_on = renewal.verification_due_on;
    if device.particulars.verification_due_on == Some(due_on) {
        return Ok(vec![]);
    }
    if device.archived {
        return Err(MeterRefusal::MeterArchived);
    }
    check_verification(due_on, circumstances.today)?;
    Ok(vec![MeterEvent::VerificationRenewed(VerificationRenewed { verification_due_on: due_on })])
}

fn decide_archive(
    archive: &Archive,
    device: &Device,
    circumstances: &Circumstances<'_>,
) -> Decision {
    circumstances.staff_only()?;
    if device.archived {
        return Ok(vec![]);
    }
    let reason = checked_text("reason", &archive.reason, 0, REASON_LENGTH_MAX)?;
    let account_id = Some(device.particulars.account_id);
    let reason = reason.into();
    Ok(vec![MeterEvent::Archived(Archived { account_id, reason })])
}

fn checked_particulars(register: &Register, today: NaiveDate) -> Result<Particulars, MeterRefusal> {
    let zones_fit = match register.kind {
        MeterKind::Electricity => (1..=3).contains(&register.zones),
        MeterKind::ColdWater | MeterKind::HotWater | MeterKind::Gas | MeterKind::Heat => {
            register.zones == 1
        }
    };
    if !zones_fit {
        return Err(out_of_range("zones", "1 to 3 for electricity and 1 for all other meters"));
    }
    if !(3..=9).contains(&register.digits) {
        return Err(out_of_range("digits", "3 to 9, counted before the decimal point"));
    }
    if let Some(due_on) = register.verification_due_on {
        check_verification(due_on, today)?;
    }
    let particulars = Particulars {
        account_id: register.account_id,
        kind: register.kind,
        zones: register.zones,
        digits: register.digits,
        serial_number: checked_text(
            "serial_number",
            &register.serial_number,
            1,
            SERIAL_NUMBER_LENGTH_MAX,
        )?,
        place: checked_text("place", &register.place, 0, PLACE_LENGTH_MAX)?.into(),
        verification_due_on: register.verification_due_on,
        initial_values: ZoneValues::from(&register.initial_values_milli),
    };
    let expected = particulars.zone_list();
    if register.initial_values_milli.keys().any(|zone| !expected.contains(zone)) {
        return Err(zones_mismatch(expected, &register.initial_values_milli));
    }
    check_values(particulars.initial_values, &particulars)?;
    Ok(particulars)
}

fn check_verification(due_on: NaiveDate, today: NaiveDate) -> Result<(), MeterRefusal> {
    let latest = today.checked_add_months(VERIFICATION_AHEAD_MAX).unwrap_or(NaiveDate::MAX);
    if (DAY_MIN..=latest).contains(&due_on) {
        return Ok(());
    }
    Err(out_of_range("verification_due_on", &format!("a day from {DAY_MIN} to {latest}")))
}

/// Checks that the counter can show the values.
pub(super) fn check_values(
    values: ZoneValues,
    particulars: &Particulars,
) -> Result<(), MeterRefusal> {
    let value_max_milli = particulars.value_max();
    let outside = values
        .iter(particulars.zones)
        .find(|(_, value)| !(Quantity(0)..=value_max_milli).contains(value));
    match outside {
        Some((zone, submitted_milli)) => Err(MeterRefusal::ValueOutOfRange {
            zone,
            submitted_milli,
            value_max_milli,
            digits: particulars.digits,
        }),
        None => Ok(()),
    }
}

pub(super) fn zones_mismatch(
    expected: Vec<Zone>,
    given: &BTreeMap<Zone, Quantity>,
) -> MeterRefusal {
    MeterRefusal::ZonesMismatch { expected, given: given.keys().copied().collect() }
}

pub(super) fn out_of_range(field: &str, expected: &str) -> MeterRefusal {
    MeterRefusal::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() }
}

pub(super) fn checked_text(
    field: &str,
    text: &str,
    length_min: usize,
    length_max: usize,
) -> Result<String, MeterRefusal> {
    plain_text(text, length_min..=length_max).ok_or_else(|| {
        out_of_range(
            field,
            &format!(
                "{length_min} to {length_max} characters without line breaks or other control characters"
            ),
        )
    })
}
