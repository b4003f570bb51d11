//! What follows for a meter from the erasure of its account's holder.

use super::*;
use crate::{Decider, EventBody, Personal};

fn given_erased() -> AggregateTestExecutor<Meter> {
    given([
        registered().into(),
        submitted(1, TODAY, 1100, 100).into(),
        HolderErased { account_id: ANNA }.into(),
    ])
}

#[test]
fn the_holder_is_erased_once_and_never_by_a_customer() {
    for actor in [operator(), system()] {
        given_meter()
            .when(by(actor.clone(), issued(EraseHolder {}.into())))
            .then_expect_events(vec![HolderErased { account_id: ANNA }.into()]);
        given_erased().when(by(actor, issued(EraseHolder {}.into()))).then_expect_events(vec![]);
    }
    given_meter().when(issued(EraseHolder {}.into())).then_expect_error(MeterRefusal::NotAllowed);
    given([])
        .when(by(system(), issued(EraseHolder {}.into())))
        .then_expect_error(MeterRefusal::MeterUnknown);
}

#[test]
fn after_it_the_meter_takes_nothing_more() {
    let commands: [MeterCommand; 5] = [
        register().into(),
        submit(2, units([1200])).into(),
        correct(1, units([1050])).into(),
        RenewVerification { verification_due_on: day("2030-01-01") }.into(),
        Archive { reason: String::new() }.into(),
    ];
    for command in commands {
        given_erased()
            .when(by(system(), issued(command)))
            .then_expect_error(MeterRefusal::AccountErased);
    }
}

#[test]
fn its_texts_and_pictures_are_declared_personal_and_read_back_when_they_are_gone() {
    let gone = r#"{"$redacted":true}"#;
    let texts: [(MeterEvent, &str, &str); 4] = [
        (registered().into(), "/place", "place"),
        (submitted(1, TODAY, 1100, 100).into(), "/photo", "photo"),
        (corrected(1, 1150, 150, 1100).into(), "/reason", "reason"),
        (
            Archived { account_id: None, reason: "заменён".to_owned().into() }.into(),
            "/reason",
            "reason",
        ),
    ];
    for (event, pointer, field) in texts {
        assert_eq!(event.personal_fields(), [pointer], "{}", event.wire_type());
        let mut payload: serde_json::Value =
            serde_json::from_str(&event.to_payload().unwrap()).unwrap();
        payload[field] = serde_json::from_str(gone).unwrap();
        let read = MeterEvent::from_wire(event.wire_type(), 1, &payload.to_string()).unwrap();
        assert_ne!(read, event);
        assert!(read.to_payload().unwrap().contains(gone), "{}", event.wire_type());
    }
    assert!(MeterEvent::from(HolderErased { account_id: ANNA }).personal_fields().is_empty());
    let meter = state(&[registered().into(), HolderErased { account_id: ANNA }.into()]);
    assert_eq!(meter.subject(METER), Some(ANNA));
    assert_eq!(meter.device.unwrap().particulars.place, Personal::Redacted);
    assert_eq!(Meter::default().subject(METER), None);
}
