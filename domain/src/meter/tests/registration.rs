//! Putting a meter into service, verifying it, taking it out of service.

use super::*;

fn given_none() -> AggregateTestExecutor<Meter> {
    given([])
}

#[test]
fn a_customer_registers_a_meter_for_their_own_account() {
    given_none()
        .when(issued(register().into()))
        .then_expect_events(vec![Registered { registered_on: day(TODAY), ..registered() }.into()]);
}

#[test]
fn a_meter_of_an_unknown_tenant_is_refused() {
    let nowhere = Arc::new(TenantFacts { exists: false, ..facts() });
    given_none()
        .when(Issued { tenant: nowhere, ..issued(register().into()) })
        .then_expect_error(MeterRefusal::TenantUnknown);
}

#[test]
fn a_customer_registers_no_meter_for_another_account() {
    given_none()
        .when(by(customer(OLEG), issued(register().into())))
        .then_expect_error(MeterRefusal::NotAllowed);
}

#[test]
fn the_staff_and_the_system_register_meters_for_anybody() {
    for actor in [operator(), system()] {
        let events = given_none().when(by(actor, issued(register().into()))).inspect_result();
        assert_eq!(events.unwrap().len(), 1);
    }
}

#[test]
fn initial_values_that_are_absent_are_zero() {
    let command = Register { zones: 3, initial_values_milli: BTreeMap::new(), ..register() };
    given_none().when(issued(command.into())).then_expect_events(vec![
        Registered {
            zones: 3,
            registered_on: day(TODAY),
            initial_values_milli: units([0, 0, 0]),
            ..registered()
        }
        .into(),
    ]);
}

#[test]
fn initial_values_of_zones_that_the_meter_does_not_have_are_refused() {
    let command = Register { initial_values_milli: units([1, 2]), ..register() };
    given_none().when(issued(command.into())).then_expect_error(MeterRefusal::ZonesMismatch {
        expected: vec![Zone::T1],
        given: vec![Zone::T1, Zone::T2],
    });
}

#[test]
fn an_initial_value_beyond_the_counter_is_refused() {
    let command = Register { digits: 3, initial_values_milli: units([1000]), ..register() };
    given_none().when(issued(command.into())).then_expect_error(MeterRefusal::ValueOutOfRange {
        zone: Zone::T1,
        submitted_milli: Quantity(1_000_000),
        value_max_milli: Quantity(999_999),
        digits: 3,
    });
}

#[test]
fn electricity_has_one_to_three_zones_and_everything_else_has_one() {
    let others = [MeterKind::ColdWater, MeterKind::HotWater, MeterKind::Gas, MeterKind::Heat];
    let accepted =
        [(MeterKind::Electricity, 1), (MeterKind::Electricity, 2), (MeterKind::Electricity, 3)];
    let refused = [(MeterKind::Electricity, 0), (MeterKind::Electricity, 4)];
    let wanted = |(kind, zones)| {
        let command = Register { kind, zones, ..register() };
        given_none().when(issued(command.into())).inspect_result()
    };
    for one in accepted.into_iter().chain(others.map(|kind| (kind, 1))) {
        assert!(wanted(one).is_ok(), "{one:?}");
    }
    for one in refused.into_iter().chain(others.map(|kind| (kind, 2))) {
        let expected = "1 to 3 for electricity and 1 for all other meters";
        assert_eq!(wanted(one), Err(out_of_range("zones", expected)), "{one:?}");
    }
}

#[test]
fn a_counter_has_three_to_nine_digits() {
    for (digits, fits) in [(0, false), (2, false), (3, true), (9, true), (10, false), (255, false)]
    {
        let command = Register { digits, initial_values_milli: BTreeMap::new(), ..register() };
        let events = given_none().when(issued(command.into())).inspect_result();
        let expected = "3 to 9, counted before the decimal point";
        assert_eq!(events.err(), (!fits).then(|| out_of_range("digits", expected)), "{digits}");
    }
}

#[test]
fn a_serial_number_is_trimmed() {
    let command =
        Register { serial_number: " 42 ".to_owned(), place: " ".to_owned(), ..register() };
    given_none().when(issued(command.into())).then_expect_events(vec![
        Registered {
            serial_number: "42".to_owned(),
            place: String::new().into(),
            registered_on: day(TODAY),
            ..registered()
        }
        .into(),
    ]);
}

#[test]
fn a_serial_number_has_one_to_forty_characters_and_no_control_characters() {
    let expected = "1 to 40 characters without line breaks or other control characters";
    for (text, fits) in [
        ("".to_owned(), false),
        ("   ".to_owned(), false),
        ("Ж".repeat(40), true),
        ("Ж".repeat(41), false),
        ("1\u{0}2".to_owned(), false),
        ("1\n2".to_owned(), false),
    ] {
        let command = Register { serial_number: text.clone(), ..register() };
        let events = given_none().when(issued(command.into())).inspect_result();
        let refusal = out_of_range("serial_number", expected);
        assert_eq!(events.err(), (!fits).then_some(refusal), "{text:?}");
    }
}

#[test]
fn a_place_has_at_most_eighty_characters_and_no_control_characters() {
    let expected = "0 to 80 characters without line breaks or other control characters";
    for (text, fits) in [
        (String::new(), true),
        ("Ж".repeat(80), true),
        ("Ж".repeat(81), false),
        ("кухня\u{7}".to_owned(), false),
    ] {
        let command = Register { place: text.clone(), ..register() };
        let events = given_none().when(issued(command.into())).inspect_result();
        assert_eq!(events.err(), (!fits).then(|| out_of_range("place", expected)), "{text:?}");
    }
}

#[test]
fn a_verification_is_due_between_1970_and_fifty_years_from_today() {
    let expected = "a day from 1970-01-01 to 2076-11-16";
    for (due_on, fits) in [
        (day("1969-12-31"), false),
        (day("1970-01-01"), true),
        (day("2076-11-16"), true),
        (day("2076-11-17"), false),
        (NaiveDate::MAX, false),
        (NaiveDate::MIN, false),
    ] {
        let refusal = out_of_range("verification_due_on", expected);
        let command = Register { verification_due_on: Some(due_on), ..register() };
        let events = given_none().when(issued(command.into())).inspect_result();
        assert_eq!(events.err(), (!fits).then(|| refusal.clone()), "{due_on}");

        let renewal = RenewVerification { verification_due_on: due_on };
        let events = given_meter().when(by(operator(), issued(renewal.into()))).inspect_result();
        assert_eq!(events.err(), (!fits).then_some(refusal), "{due_on}");
    }
}

#[test]
fn registering_again_with_the_same_particulars_changes_nothing() {
    given_meter().when(issued(register().into())).then_expect_events(vec![]);
}

#[test]
fn registering_again_after_readings_changes_nothing() {
    given([registered().into(), submitted(1, "2026-06-16", 1100, 100).into()])
        .when(issued(register().into()))
        .then_expect_events(vec![]);
}

#[test]
fn registering_again_with_any_other_particular_is_refused() {
    let others = [
        Register { kind: MeterKind::Gas, ..register() },
        Register { zones: 2, ..register() },
        Register { digits: 7, ..register() },
        Register { serial_number: "other".to_owned(), ..register() },
        Register { place: "other".to_owned(), ..register() },
        Register { verification_due_on: Some(day("2030-01-01")), ..register() },
        Register { initial_values_milli: units([1001]), ..register() },
    ];
    for command in others {
        given_meter().when(issued(command.into())).then_expect_error(MeterRefusal::MeterExists);
    }
    let for_oleg = Register { account_id: OLEG, ..register() };
    given_meter()
        .when(by(customer(OLEG), issued(for_oleg.into())))
        .then_expect_error(MeterRefusal::MeterExists);
}

#[test]
fn the_staff_renew_a_verification() {
    let renewal = RenewVerification { verification_due_on: day("2032-03-01") };
    given_meter().when(by(operator(), issued(renewal.into()))).then_expect_events(vec![
        VerificationRenewed { verification_due_on: day("2032-03-01") }.into(),
    ]);
}

#[test]
fn a_verification_renewed_to_the_same_day_changes_nothing() {
    let renewal = RenewVerification { verification_due_on: day("2032-03-01") };
    given([
        registered().into(),
        VerificationRenewed { verification_due_on: day("2032-03-01") }.into(),
    ])
    .when(by(operator(), issued(renewal.into())))
    .then_expect_events(vec![]);
}

#[test]
fn the_staff_archive_a_meter_with_a_trimmed_reason() {
    let archive = Archive { reason: " заменён ".to_owned() };
    given_meter().when(by(operator(), issued(archive.into()))).then_expect_events(vec![
        Archived { account_id: Some(ANNA), reason: "заменён".to_owned().into() }.into(),
    ]);
}

#[test]
fn a_reason_has_at_most_three_hundred_characters() {
    let archive = |length| Archive { reason: "Ж".repeat(length) };
    given_meter().when(by(operator(), issued(archive(300).into()))).then_expect_events(vec![
        Archived { account_id: Some(ANNA), reason: "Ж".repeat(300).into() }.into(),
    ]);
    let expected = "0 to 300 characters without line breaks or other control characters";
    given_meter()
        .when(by(operator(), issued(archive(301).into())))
        .then_expect_error(out_of_range("reason", expected));
}

#[test]
fn an_archived_meter_is_archived_once_and_takes_nothing_more() {
    let archived = || {
        given([
            registered().into(),
            submitted(1, TODAY, 1100, 100).into(),
            Archived { account_id: Some(ANNA), reason: String::new().into() }.into(),
        ])
    };
    let again = Archive { reason: "again".to_owned() };
    archived().when(by(operator(), issued(again.into()))).then_expect_events(vec![]);

    let renewal = RenewVerification { verification_due_on: day("2032-03-01") };
    let renewal = by(operator(), issued(renewal.into()));
    archived().when(renewal).then_expect_error(MeterRefusal::MeterArchived);

    let reading = issued(submit(2, units([1200])).into());
    archived().when(reading).then_expect_error(MeterRefusal::MeterArchived);

    let correction = issued(correct(1, units([1200])).into());
    archived().when(correction).then_expect_error(MeterRefusal::MeterArchived);
}
