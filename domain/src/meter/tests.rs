//! The rules for meters and readings, as given / when / then.

mod access;
mod correction;
mod erasure;
mod property;
mod readings;
mod registration;
mod rollover;
mod unusual;
mod window;
mod wire;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use cqrs_es::{
    Aggregate,
    test::{AggregateTestExecutor, TestFramework},
};
use uuid::Uuid;

use super::*;
use crate::credit_ledger::CreditRules;
use crate::{
    Actor, Issued, Language, Quantity, TenantFacts,
    tenant::{ReadingReminders, TenantKind},
};

const ANNA: Uuid = Uuid::from_u128(0xa);
const OLEG: Uuid = Uuid::from_u128(0xb);
const METER: Uuid = Uuid::from_u128(0xc);
const TODAY: &str = "2026-11-16";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Noon in Moscow.
fn noon(text: &str) -> DateTime<Utc> {
    Utc.from_utc_datetime(&day(text).and_hms_opt(9, 0, 0).unwrap())
}

fn reading_id(number: u128) -> Uuid {
    Uuid::from_u128(0x100 + number)
}

fn facts() -> TenantFacts {
    TenantFacts {
        id: "demo_utility".parse().unwrap(),
        exists: true,
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
        reading_reminders: ReadingReminders::default(),
        credit_rules: CreditRules::default(),
    }
}

fn customer(account_id: Uuid) -> Actor {
    Actor::Customer { account_id }
}

fn operator() -> Actor {
    Actor::Operator { name: "dispatcher".to_owned() }
}

fn system() -> Actor {
    Actor::System { name: "import".to_owned() }
}

/// A command as Anna gives it at noon of a day inside the window.
fn issued(command: MeterCommand) -> Issued<MeterCommand> {
    Issued { id: METER, at: noon(TODAY), actor: customer(ANNA), tenant: Arc::new(facts()), command }
}

/// The same command on another day.
fn on(day: &str, issued: Issued<MeterCommand>) -> Issued<MeterCommand> {
    Issued { at: noon(day), ..issued }
}

/// The same command from somebody else.
fn by(actor: Actor, issued: Issued<MeterCommand>) -> Issued<MeterCommand> {
    Issued { actor, ..issued }
}

/// The same command where the tenant has other rules.
fn ruled(
    change: impl FnOnce(&mut MeterRules),
    issued: Issued<MeterCommand>,
) -> Issued<MeterCommand> {
    let mut facts = TenantFacts::clone(&issued.tenant);
    change(&mut facts.meter_rules);
    Issued { tenant: Arc::new(facts), ..issued }
}

/// Values in whole units, zone by zone.
fn units<const N: usize>(values: [i64; N]) -> BTreeMap<Zone, Quantity> {
    millis(values.map(|value| value * 1000))
}

/// Values in thousandths, zone by zone.
fn millis<const N: usize>(values: [i64; N]) -> BTreeMap<Zone, Quantity> {
    Zone::ALL.into_iter().zip(values.map(Quantity)).collect()
}

fn register() -> Register {
    Register {
        account_id: ANNA,
        kind: MeterKind::Electricity,
        zones: 1,
        digits: 6,
        serial_number: "А-1234567".to_owned(),
        place: "Кухня".to_owned(),
        verification_due_on: None,
        initial_values_milli: units([1000]),
    }
}

fn registered() -> Registered {
    Registered {
        account_id: ANNA,
        kind: MeterKind::Electricity,
        zones: 1,
        digits: 6,
        serial_number: "А-1234567".to_owned(),
        place: "Кухня".parse().unwrap(),
        verification_due_on: None,
        registered_on: day("2026-05-16"),
        initial_values_milli: units([1000]),
    }
}

fn two_zones() -> Registered {
    Registered { zones: 2, initial_values_milli: units([1000, 500]), ..registered() }
}

fn submit(number: u128, values_milli: BTreeMap<Zone, Quantity>) -> SubmitReading {
    SubmitReading {
        reading_id: reading_id(number),
        values_milli,
        taken_on: None,
        source: ReadingSource::Telegram,
        confirmed: false,
        photo: None,
    }
}

fn correct(number: u128, values_milli: BTreeMap<Zone, Quantity>) -> CorrectReading {
    CorrectReading {
        reading_id: reading_id(number),
        values_milli,
        source: ReadingSource::Telegram,
        confirmed: false,
        reason: String::new(),
    }
}

/// An accepted reading of a meter with one zone, in whole units.
fn submitted(number: u128, taken_on: &str, value: i64, consumption: i64) -> ReadingSubmitted {
    let taken_on = day(taken_on);
    ReadingSubmitted {
        reading_id: reading_id(number),
        account_id: ANNA,
        values_milli: units([value]),
        consumption_milli: units([consumption]),
        usual_milli: None,
        taken_on,
        period: chrono::Datelike::with_day(&taken_on, 1).unwrap(),
        source: ReadingSource::Telegram,
        confirmed: false,
        rolled_over: vec![],
        warnings: vec![],
        photo: None,
    }
}

/// A correction of the reading of [`TODAY`], in whole units.
fn corrected(number: u128, value: i64, consumption: i64, previous: i64) -> ReadingCorrected {
    ReadingCorrected {
        reading_id: reading_id(number),
        account_id: ANNA,
        values_milli: units([value]),
        consumption_milli: units([consumption]),
        usual_milli: None,
        previous_values_milli: units([previous]),
        period: day("2026-11-01"),
        source: ReadingSource::Telegram,
        confirmed: false,
        rolled_over: vec![],
        warnings: vec![],
        reason: String::new().into(),
    }
}

fn given(events: impl IntoIterator<Item = MeterEvent>) -> AggregateTestExecutor<Meter> {
    TestFramework::<Meter>::with(()).given(events.into_iter().collect())
}

fn given_meter() -> AggregateTestExecutor<Meter> {
    given([registered().into()])
}

fn state(events: &[MeterEvent]) -> Meter {
    let mut meter = Meter::default();
    for event in events {
        meter.apply(event.clone());
    }
    meter
}

fn out_of_range(field: &str, expected: &str) -> MeterRefusal {
    MeterRefusal::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() }
}

macro_rules! into_enum {
    ($enum:ident: $($variant:ident),+) => {$(
        impl From<$variant> for $enum {
            fn from(payload: $variant) -> Self {
                Self::$variant(payload)
            }
        }
    )+};
}

into_enum!(
    MeterEvent: Registered, ReadingSubmitted, ReadingCorrected, VerificationRenewed, Archived,
    HolderErased
);
into_enum!(
    MeterCommand: Register, SubmitReading, CorrectReading, RenewVerification, Archive, EraseHolder
);
