//! Whatever is done to a stored chain is found, at its place.

use super::*;
use crate::{
    EventBody,
    credit_ledger::chain::{ChainBreak, ChainEnd, Link, Verifier},
};

fn stored() -> Vec<(&'static str, String)> {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 25, 500)).unwrap();
    for number in 2..6 {
        desk.ask(2, spend(number, 1)).unwrap();
    }
    desk.events.iter().map(|event| (event.wire_type(), event.to_payload().unwrap())).collect()
}

fn verify(
    events: &[(&'static str, String)],
    actor: &Actor,
    kept: Option<ChainEnd>,
) -> Result<ChainEnd, ChainBreak> {
    let mut verifier = Verifier::new(credit_ledger_id(ANNA), kept);
    for (version, (event_type, payload)) in (1..).zip(events) {
        verifier.take(Link { version, event_type, schema_version: 1, actor, payload })?;
    }
    verifier.finish()
}

#[test]
fn an_untouched_chain_holds_whatever_order_its_fields_are_stored_in() {
    let events = stored();
    let end = verify(&events, &staff(), None).unwrap();
    assert_eq!(end.length, 7);
    let spaced: Vec<_> = events
        .iter()
        .map(|(name, payload)| {
            let value: serde_json::Value = serde_json::from_str(payload).unwrap();
            (*name, serde_json::to_string_pretty(&value).unwrap())
        })
        .collect();
    assert_eq!(verify(&spaced, &staff(), Some(end)), Ok(end));
}

#[test]
fn a_change_of_any_figure_name_or_actor_is_found_at_its_place() {
    let events = stored();
    for (version, place) in (1_i64..).zip(0..events.len()) {
        for digit in ["1", "5"] {
            let Some(at) = events[place].1.find(&format!(":{digit}")) else { continue };
            let mut changed = events.clone();
            changed[place].1.replace_range(at + 1..at + 2, "9");
            let found = verify(&changed, &staff(), None).unwrap_err();
            let fits = matches!(found, ChainBreak::Hash { version: at } | ChainBreak::Number { version: at, .. } if at == version);
            assert!(fits, "{version}: {found}");
        }
    }
    let mut renamed = events.clone();
    renamed[3].0 = "credit_ledger.granted";
    assert_eq!(verify(&renamed, &staff(), None), Err(ChainBreak::Hash { version: 4 }));
    let other = Actor::Operator { name: "somebody".to_owned() };
    assert_eq!(verify(&events, &other, None), Err(ChainBreak::Hash { version: 1 }));
}

#[test]
fn removed_inserted_moved_and_cut_events_are_found() {
    let events = stored();
    let end = verify(&events, &staff(), None).unwrap();
    let mut removed = events.clone();
    removed.remove(3);
    assert_eq!(verify(&removed, &staff(), None), Err(ChainBreak::Number { version: 4, number: 5 }));
    let mut inserted = events.clone();
    inserted.insert(3, events[3].clone());
    assert_eq!(
        verify(&inserted, &staff(), None),
        Err(ChainBreak::Number { version: 5, number: 4 })
    );
    let cut = &events[..5];
    assert_eq!(verify(cut, &staff(), None).map(|end| end.length), Ok(5));
    assert_eq!(
        verify(cut, &staff(), Some(end)),
        Err(ChainBreak::Truncated { expected: 7, found: 5 })
    );
    let kept = ChainEnd { length: 5, ..end };
    assert_eq!(verify(&events, &staff(), Some(kept)), Err(ChainBreak::Rewritten { version: 5 }));
    let mut verifier = Verifier::new(ANNA, None);
    let (event_type, payload) = &events[0];
    let link = Link { version: 1, event_type, schema_version: 1, actor: &staff(), payload };
    assert_eq!(verifier.take(link), Err(ChainBreak::OtherLedger));
}
