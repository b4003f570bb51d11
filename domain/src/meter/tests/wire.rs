//! What meters say on the wire and in the log: frozen, so pinned to the letter.

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

type Pinned = (MeterEvent, &'static str, &'static str);

fn events() -> Vec<Pinned> {
    let mut events = reading_events();
    events.extend(correction_events());
    events.extend([
        (
            Registered { verification_due_on: Some(day("2030-01-01")), ..two_zones() }.into(),
            "meter.registered",
            r#"{"account_id":"00000000-0000-0000-0000-00000000000a","kind":"electricity","zones":2,"digits":6,"serial_number":"А-1234567","place":"Кухня","verification_due_on":"2030-01-01","registered_on":"2026-05-16","initial_values_milli":{"t1":1000000,"t2":500000}}"#,
        ),
        (
            Registered { kind: MeterKind::ColdWater, ..registered() }.into(),
            "meter.registered",
            r#"{"account_id":"00000000-0000-0000-0000-00000000000a","kind":"cold_water","zones":1,"digits":6,"serial_number":"А-1234567","place":"Кухня","verification_due_on":null,"registered_on":"2026-05-16","initial_values_milli":{"t1":1000000}}"#,
        ),
        (
            VerificationRenewed { verification_due_on: day("2032-03-01") }.into(),
            "meter.verification_renewed",
            r#"{"verification_due_on":"2032-03-01"}"#,
        ),
        (
            Archived { account_id: Some(ANNA), reason: "заменён".to_owned().into() }.into(),
            "meter.archived",
            r#"{"account_id":"00000000-0000-0000-0000-00000000000a","reason":"заменён"}"#,
        ),
        (
            Archived { account_id: None, reason: "заменён".to_owned().into() }.into(),
            "meter.archived",
            r#"{"reason":"заменён"}"#,
        ),
        (
            HolderErased { account_id: ANNA }.into(),
            "meter.holder_erased",
            r#"{"account_id":"00000000-0000-0000-0000-00000000000a"}"#,
        ),
    ]);
    events
}

fn reading_events() -> Vec<Pinned> {
    let everything = ReadingSubmitted {
        values_milli: units([5, 501]),
        consumption_milli: units([15, 1]),
        usual_milli: Some(Quantity(30_000)),
        confirmed: true,
        rolled_over: vec![Zone::T1],
        warnings: vec![
            ReadingWarning::VerificationOverdue,
            ReadingWarning::Unusual,
            ReadingWarning::RolledOver,
        ],
        photo: Some(
            PhotoReference::Telegram { bot: "demo".to_owned(), file_id: "AgAC".to_owned() }.into(),
        ),
        ..submitted(1, TODAY, 0, 0)
    };
    let with_url = ReadingSubmitted {
        source: ReadingSource::Api,
        photo: Some(PhotoReference::Url { url: "https://example.org/1.jpg".to_owned() }.into()),
        ..submitted(1, TODAY, 1100, 100)
    };
    vec![
        (
            submitted(1, TODAY, 1100, 100).into(),
            "meter.reading_submitted",
            r#"{"reading_id":"00000000-0000-0000-0000-000000000101","account_id":"00000000-0000-0000-0000-00000000000a","values_milli":{"t1":1100000},"consumption_milli":{"t1":100000},"taken_on":"2026-11-16","period":"2026-11-01","source":"telegram","confirmed":false}"#,
        ),
        (
            everything.into(),
            "meter.reading_submitted",
            r#"{"reading_id":"00000000-0000-0000-0000-000000000101","account_id":"00000000-0000-0000-0000-00000000000a","values_milli":{"t1":5000,"t2":501000},"consumption_milli":{"t1":15000,"t2":1000},"usual_milli":30000,"taken_on":"2026-11-16","period":"2026-11-01","source":"telegram","confirmed":true,"rolled_over":["t1"],"warnings":["verification_overdue","unusual","rolled_over"],"photo":{"kind":"telegram","bot":"demo","file_id":"AgAC"}}"#,
        ),
        (
            with_url.into(),
            "meter.reading_submitted",
            r#"{"reading_id":"00000000-0000-0000-0000-000000000101","account_id":"00000000-0000-0000-0000-00000000000a","values_milli":{"t1":1100000},"consumption_milli":{"t1":100000},"taken_on":"2026-11-16","period":"2026-11-01","source":"api","confirmed":false,"photo":{"kind":"url","url":"https://example.org/1.jpg"}}"#,
        ),
    ]
}

fn correction_events() -> Vec<Pinned> {
    let correction = ReadingCorrected {
        usual_milli: Some(Quantity(30_000)),
        confirmed: true,
        rolled_over: vec![Zone::T1],
        warnings: vec![ReadingWarning::RolledOver],
        reason: "опечатка".to_owned().into(),
        ..corrected(1, 1150, 150, 1100)
    };
    vec![
        (
            corrected(1, 1150, 150, 1100).into(),
            "meter.reading_corrected",
            r#"{"reading_id":"00000000-0000-0000-0000-000000000101","account_id":"00000000-0000-0000-0000-00000000000a","values_milli":{"t1":1150000},"consumption_milli":{"t1":150000},"previous_values_milli":{"t1":1100000},"period":"2026-11-01","source":"telegram","confirmed":false,"reason":""}"#,
        ),
        (
            correction.into(),
            "meter.reading_corrected",
            r#"{"reading_id":"00000000-0000-0000-0000-000000000101","account_id":"00000000-0000-0000-0000-00000000000a","values_milli":{"t1":1150000},"consumption_milli":{"t1":150000},"usual_milli":30000,"previous_values_milli":{"t1":1100000},"period":"2026-11-01","source":"telegram","confirmed":true,"rolled_over":["t1"],"warnings":["rolled_over"],"reason":"опечатка"}"#,
        ),
    ]
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (event, wire_type, payload) in events() {
        assert_eq!(event.wire_type(), wire_type);
        assert_eq!(event.schema_version(), 1);
        assert_eq!(event.to_payload().unwrap(), payload);
        assert_eq!(MeterEvent::from_wire(wire_type, 1, payload).unwrap(), event);
        assert_eq!(cqrs_es::DomainEvent::event_type(&event), wire_type);
        assert_eq!(cqrs_es::DomainEvent::event_version(&event), "1");
    }
}

#[test]
fn other_names_of_kinds_and_sources_are_as_ever() {
    use MeterKind::{ColdWater, Electricity, Gas, Heat, HotWater};
    use ReadingSource::{Api, Import, Operator, Telegram, Web};
    assert_eq!(
        serde_json::to_string(&[Electricity, ColdWater, HotWater, Gas, Heat]).unwrap(),
        r#"["electricity","cold_water","hot_water","gas","heat"]"#
    );
    assert_eq!(
        serde_json::to_string(&[Telegram, Web, Api, Operator, Import]).unwrap(),
        r#"["telegram","web","api","operator","import"]"#
    );
    assert_eq!(serde_json::to_string(&Zone::ALL).unwrap(), r#"["t1","t2","t3"]"#);
}

#[test]
fn an_unknown_type_or_version_is_named() {
    for (wire_type, version) in [
        ("meter.exploded", 1),
        ("meter.archived", 2),
        ("meter.archived", 0),
        ("Archived", 1),
        ("", i32::MIN),
    ] {
        match MeterEvent::from_wire(wire_type, version, r#"{"reason":""}"#) {
            Err(EventDecodeError::Unknown { wire_type: found, schema_version }) => {
                assert_eq!((found.as_str(), schema_version), (wire_type, version));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_payload_that_does_not_fit_is_an_error() {
    for (_, wire_type, _) in events() {
        for payload in ["", "{", "null", "[]", "{}", r#"{"reason":7}"#] {
            let result = MeterEvent::from_wire(wire_type, 1, payload);
            match result {
                Err(EventDecodeError::Payload { wire_type: found, .. }) => {
                    assert_eq!(found, wire_type);
                }
                other => panic!("{wire_type} {payload}: {other:?}"),
            }
        }
    }
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let full = SubmitReading {
        taken_on: Some(day(TODAY)),
        source: ReadingSource::Operator,
        confirmed: true,
        photo: Some(PhotoReference::Url { url: "https://example.org".to_owned() }),
        ..submit(1, units([1100]))
    };
    let bare =
        Register { initial_values_milli: BTreeMap::new(), place: String::new(), ..register() };
    let pinned: [(MeterCommand, &str); 8] = [
        (
            Register { verification_due_on: Some(day("2030-01-01")), ..register() }.into(),
            r#"{"type":"register","account_id":"00000000-0000-0000-0000-00000000000a","kind":"electricity","zones":1,"digits":6,"serial_number":"А-1234567","place":"Кухня","verification_due_on":"2030-01-01","initial_values_milli":{"t1":1000000}}"#,
        ),
        (
            bare.into(),
            r#"{"type":"register","account_id":"00000000-0000-0000-0000-00000000000a","kind":"electricity","zones":1,"digits":6,"serial_number":"А-1234567","place":""}"#,
        ),
        (
            submit(1, units([1100])).into(),
            r#"{"type":"submit_reading","reading_id":"00000000-0000-0000-0000-000000000101","values_milli":{"t1":1100000},"source":"telegram","confirmed":false}"#,
        ),
        (
            full.into(),
            r#"{"type":"submit_reading","reading_id":"00000000-0000-0000-0000-000000000101","values_milli":{"t1":1100000},"taken_on":"2026-11-16","source":"operator","confirmed":true,"photo":{"kind":"url","url":"https://example.org"}}"#,
        ),
        (
            correct(1, units([1100])).into(),
            r#"{"type":"correct_reading","reading_id":"00000000-0000-0000-0000-000000000101","values_milli":{"t1":1100000},"source":"telegram","confirmed":false,"reason":""}"#,
        ),
        (
            RenewVerification { verification_due_on: day("2030-01-01") }.into(),
            r#"{"type":"renew_verification","verification_due_on":"2030-01-01"}"#,
        ),
        (Archive { reason: String::new() }.into(), r#"{"type":"archive","reason":""}"#),
        (EraseHolder {}.into(), r#"{"type":"erase_holder"}"#),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<MeterCommand>(json).unwrap(), command);
    }
}

#[test]
fn a_command_may_leave_out_what_has_a_default() {
    let id = "00000000-0000-0000-0000-000000000101";
    let json = format!(
        r#"{{"type":"submit_reading","reading_id":"{id}","values_milli":{{"t1":1100000}},"source":"telegram"}}"#
    );
    let command: MeterCommand = serde_json::from_str(&json).unwrap();
    assert_eq!(command, submit(1, units([1100])).into());
    let command: MeterCommand = serde_json::from_str(r#"{"type":"archive"}"#).unwrap();
    assert_eq!(command, Archive { reason: String::new() }.into());
}

#[test]
fn a_command_with_an_unknown_field_or_type_is_not_read() {
    for json in [
        r#"{"type":"archive","reson":"typo"}"#,
        r#"{"type":"explode"}"#,
        r#"{"reason":""}"#,
        r#"{"type":"renew_verification","verification_due_on":"2030-02-30"}"#,
    ] {
        assert!(serde_json::from_str::<MeterCommand>(json).is_err(), "{json}");
    }
}

/// Every refusal with its code; a new variant stops the build here.
fn code(refusal: &MeterRefusal) -> &'static str {
    match refusal {
        MeterRefusal::TenantUnknown => "tenant_unknown",
        MeterRefusal::MeterUnknown => "meter_unknown",
        MeterRefusal::MeterExists => "meter_exists",
        MeterRefusal::NotAllowed => "not_allowed",
        MeterRefusal::MeterArchived => "meter_archived",
        MeterRefusal::AccountErased => "account_erased",
        MeterRefusal::FieldOutOfRange { .. } => "field_out_of_range",
        MeterRefusal::ZonesMismatch { .. } => "zones_mismatch",
        MeterRefusal::ValueOutOfRange { .. } => "value_out_of_range",
        MeterRefusal::ReadingBelowLast { .. } => "reading_below_last",
        MeterRefusal::RolloverNeedsConfirmation { .. } => "rollover_needs_confirmation",
        MeterRefusal::UnusualNeedsConfirmation { .. } => "unusual_needs_confirmation",
        MeterRefusal::OutsideWindow { .. } => "outside_window",
        MeterRefusal::VerificationOverdue { .. } => "verification_overdue",
        MeterRefusal::TakenInFuture { .. } => "taken_in_future",
        MeterRefusal::TakenBeforeLast { .. } => "taken_before_last",
        MeterRefusal::PhotoNeeded => "photo_needed",
        MeterRefusal::NotLastReading => "not_last_reading",
        MeterRefusal::CorrectionClosed { .. } => "correction_closed",
        MeterRefusal::SourceNotAllowed => "source_not_allowed",
        MeterRefusal::ReadingIdReused => "reading_id_reused",
    }
}

fn refusals() -> [MeterRefusal; 21] {
    use MeterRefusal as R;
    let (zone, last_milli, submitted_milli) = (Zone::T1, Quantity(1_234_500), Quantity(1_134_500));
    let consumption_milli = Quantity(312_000);
    let (taken_on, today) = (day("2026-11-17"), day(TODAY));
    [
        R::TenantUnknown,
        R::MeterUnknown,
        R::MeterExists,
        R::NotAllowed,
        R::MeterArchived,
        R::AccountErased,
        out_of_range("digits", "3 to 9"),
        R::ZonesMismatch { expected: vec![Zone::T1, Zone::T2], given: vec![] },
        R::ValueOutOfRange { zone, submitted_milli, value_max_milli: Quantity(999_999), digits: 3 },
        R::ReadingBelowLast { zone, last_milli, submitted_milli },
        R::RolloverNeedsConfirmation { zone, last_milli, submitted_milli, consumption_milli },
        R::UnusualNeedsConfirmation { consumption_milli, usual_milli: Quantity(95_000), factor: 3 },
        R::OutsideWindow { first_day: 15, last_day: 25, opens_on: day("2026-12-15") },
        R::VerificationOverdue { due_on: today },
        R::TakenInFuture { taken_on, today },
        R::TakenBeforeLast { taken_on: today, last_taken_on: taken_on },
        R::PhotoNeeded,
        R::NotLastReading,
        R::CorrectionClosed { closed_on: day("2026-11-25") },
        R::SourceNotAllowed,
        R::ReadingIdReused,
    ]
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    let mut codes = std::collections::BTreeSet::new();
    for refusal in refusals() {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!(document.code, code(&refusal));
        assert_eq!(document.message, refusal.to_string());
        let json = serde_json::to_string(&document).unwrap();
        let document: RefusalDocument = serde_json::from_str(&json).unwrap();
        assert_eq!(document.to_refusal::<MeterRefusal>().unwrap(), refusal);
        codes.insert(document.code);
    }
    assert_eq!(codes.len(), refusals().len(), "every refusal once");
}

#[test]
fn the_document_of_a_refusal_is_as_ever() {
    let refusal = MeterRefusal::ReadingBelowLast {
        zone: Zone::T1,
        last_milli: Quantity(1_234_500),
        submitted_milli: Quantity(1_134_500),
    };
    let document = RefusalDocument::from_refusal(&refusal).unwrap();
    assert_eq!(
        serde_json::to_string(&document).unwrap(),
        r#"{"code":"reading_below_last","message":"T1 was 1234.5 last time and is 1134.5 now; check the first digit, or register the new meter if it was replaced","details":{"last_milli":1234500,"submitted_milli":1134500,"zone":"t1"}}"#
    );
}

#[test]
fn refusals_say_what_would_be_right() {
    let sentences: Vec<String> = refusals().iter().map(ToString::to_string).collect();
    let wanted = [
        "there is no such tenant; create it first",
        "there is no such meter; register it first",
        "this meter is registered already; use another id for another meter",
        "this meter belongs to somebody else, or only the tenant's staff may do this; ask the staff",
        "this meter is out of service; submit the reading of the meter that replaced it",
        "the holder of this meter was erased; register the meter under a new id",
        "`digits` must be 3 to 9",
        "this meter shows T1, T2; give a value for each of its zones and for no other",
        "the value of T1 must be between 0 and 999.999 (the counter has 3 digits)",
        "T1 was 1234.5 last time and is 1134.5 now; check the first digit, or register the new meter if it was replaced",
        "T1 was 1234.5 last time and is 1134.5 now; confirm it if the counter passed its largest value",
        "312 is more than 3 times the usual 95; check the value and confirm it if it is right",
        "readings are taken from day 15 to day 25 of the month; the next window opens on 2026-12-15",
        "the verification of this meter was due on 2026-11-16; have it verified, then submit the reading",
        "the reading cannot be taken on 2026-11-17: today is 2026-11-16",
        "the reading was taken on 2026-11-16, before the last one of 2026-11-17; submit readings in the order of their days",
        "send a photo of the meter with the reading",
        "only the meter's last reading can be corrected; submit a new reading instead",
        "this reading could be corrected until 2026-11-25; ask the tenant's staff",
        "this sender cannot name this source; customers name `telegram` or `web`, staff and programs `api`, `operator` or `import`",
        "a reading with this id was submitted with other values; use a new id",
    ];
    assert_eq!(sentences, wanted);
}

#[test]
fn a_document_of_another_aggregate_is_not_read() {
    let document = RefusalDocument::new("account_exists", "exists");
    assert!(document.to_refusal::<MeterRefusal>().is_err());
    let without_figures = RefusalDocument::new("reading_below_last", "below");
    assert!(without_figures.to_refusal::<MeterRefusal>().is_err());
}
