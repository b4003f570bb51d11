//! Broken histories: a check that passes one of them is no check.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Rows, all};
use crate::{
    history::{Seen, Told},
    snapshot::{Event, Published, Receipt, Snapshot},
};

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Two streams, four commands: accepted twice on one stream, accepted on the other, refused.
fn sound() -> (Vec<Told>, Snapshot) {
    let event = |position: i64, stream: u128, version, command: u128| Event {
        position,
        stream: id(stream),
        version,
        id: id(1_000 + u128::try_from(position).unwrap()),
        command: id(command),
        erased: false,
    };
    let events = vec![event(1, 1, 1, 11), event(2, 2, 1, 12), event(3, 1, 2, 13)];
    let receipt = |command, stream, version, position: Option<i64>| Receipt {
        command: id(command),
        stream: id(stream),
        version,
        first_position: position,
        last_position: position,
        refusal: position.is_none().then(|| "reading_below_last".to_owned()),
        uncalled: false,
    };
    let receipts = vec![
        receipt(11, 1, 1, Some(1)),
        receipt(12, 2, 1, Some(2)),
        receipt(13, 1, 2, Some(3)),
        receipt(14, 2, 1, None),
    ];
    let told = receipts
        .iter()
        .map(|receipt| Told {
            id: receipt.command,
            stream: receipt.stream,
            seen: vec![receipt.outcome()],
            abandoned: false,
        })
        .collect();
    let published =
        events.iter().map(|event| Published { id: event.id, position: event.position }).collect();
    let rows = Rows { count: 2, hash: "a".to_owned() };
    let live = BTreeMap::from([("account_directory".to_owned(), rows)]);
    let (replayed, leftovers) = (live.clone(), crate::snapshot::Leftovers::default());
    let (chats, erasures) = (Vec::new(), crate::snapshot::Erasures::default());
    (told, Snapshot { events, receipts, published, chats, erasures, leftovers, live, replayed })
}

/// Breaks a sound history and says what is found then.
fn broken(breaking: impl FnOnce(&mut Vec<Told>, &mut Snapshot)) -> String {
    let (mut told, mut found) = sound();
    breaking(&mut told, &mut found);
    all(&told, &found).join("\n")
}

#[test]
fn a_sound_history_passes_also_with_repeated_events_and_abandoned_commands() {
    assert_eq!(broken(|_, _| {}), "");
    assert_eq!(
        broken(|told, found| {
            let copy = found.published[0].clone();
            found.published.push(copy);
            told[0].seen.clear();
            told.push(Told { id: id(15), stream: id(1), seen: vec![], abandoned: true });
        }),
        ""
    );
}

#[test]
fn a_hole_in_the_positions_is_found() {
    let found = broken(|_, found| {
        found.events.remove(1);
        found.published.remove(1);
    });
    assert!(found.contains("positions: 2 is missing, 3 follows"), "{found}");
}

#[test]
fn a_version_that_is_skipped_or_given_twice_is_found() {
    for version in [1, 3] {
        let found = broken(|_, found| found.events[2].version = version);
        assert!(found.contains("versions: stream"), "{found}");
    }
}

#[test]
fn a_command_without_an_outcome_is_found() {
    let found = broken(|told, _| {
        told.push(Told { id: id(15), stream: id(1), seen: vec![], abandoned: false });
    });
    assert!(found.contains("has no outcome"), "{found}");
}

#[test]
fn an_outcome_that_was_told_and_lost_is_found() {
    let found = broken(|_, found| {
        found.receipts.remove(3);
    });
    assert!(found.contains("has no receipt"), "{found}");
}

#[test]
fn two_different_outcomes_of_one_command_are_found() {
    let other = Seen::Accepted { version: 9, position: Some(3) };
    let found = broken(|told, _| told[2].seen.push(other));
    assert!(found.contains("was told"), "{found}");
    let refused = Seen::Refused { code: "other".to_owned() };
    let found = broken(|told, _| told[3].seen.push(refused));
    assert!(found.contains("was told"), "{found}");
}

#[test]
fn a_doubled_effect_is_found() {
    let found = broken(|_, found| {
        let again = Event { position: 4, version: 3, id: id(2_000), ..found.events[2].clone() };
        found.published.push(Published { id: again.id, position: 4 });
        found.events.push(again);
    });
    assert!(found.contains("effects: command") && found.contains("[3, 4]"), "{found}");
}

#[test]
fn events_without_a_receipt_and_receipts_without_a_command_are_found() {
    let found = broken(|told, found| {
        found.receipts.remove(1);
        told.remove(1);
    });
    assert!(found.contains("have no receipt"), "{found}");
    let found = broken(|told, _| {
        told.remove(1);
    });
    assert!(found.contains("belongs to no command"), "{found}");
    let found = broken(|told, found| {
        told.remove(1);
        found.receipts[1].uncalled = true;
    });
    assert_eq!(found, "", "a policy and a person in a chat are no callers who are told");
}

#[test]
fn receipts_of_the_erased_may_be_gone_and_what_is_left_of_them_is_found() {
    let found = broken(|told, found| {
        found.receipts.remove(1);
        told.remove(1);
        found.events[1].erased = true;
    });
    assert_eq!(found, "");
    let found = broken(|_, found| {
        found.erasures.unfinished = 1;
        found.erasures.readable.push("`Анна` in public.inbox".to_owned());
    });
    assert!(found.contains("1 erasures are not finished"), "{found}");
    assert!(found.contains("an erased person can be read: `Анна` in public.inbox"), "{found}");
}

#[test]
fn a_refused_command_with_an_effect_and_a_wrong_stream_are_found() {
    let found = broken(|told, found| {
        found.receipts[2].refusal = Some("no".to_owned());
        told[2].seen.clear();
    });
    assert!(found.contains("was refused and has events"), "{found}");
    let found = broken(|told, found| {
        found.receipts[1].stream = id(1);
        told[1].stream = id(1);
    });
    assert!(found.contains("another stream or version"), "{found}");
}

#[test]
fn an_event_that_was_never_published_is_found() {
    let found = broken(|_, found| {
        found.published.remove(0);
    });
    assert!(found.contains("1 events from 1 to 1 were never published"), "{found}");
}

#[test]
fn events_in_another_order_or_of_another_log_are_found() {
    let found = broken(|_, found| found.published.swap(0, 1));
    assert!(found.contains("position 1 is published after 2"), "{found}");
    let found = broken(|_, found| {
        found.published.push(Published { id: id(3_000), position: 4 });
    });
    assert!(found.contains("not in the log"), "{found}");
    let found = broken(|_, found| found.published[2].position = 7);
    assert!(found.contains("is published as 7"), "{found}");
}

#[test]
fn whatever_is_left_over_is_found() {
    let found = broken(|_, found| found.leftovers.inbox = 1);
    assert!(found.contains("1 rows of the inbox"), "{found}");
    let found = broken(|_, found| found.leftovers.parked_events = 2);
    assert!(found.contains("2 events are parked"), "{found}");
    let found = broken(|_, found| found.leftovers.parked_commands = 3);
    assert!(found.contains("3 commands are dead letters"), "{found}");
    let found = broken(|_, found| found.leftovers.waiting_commands = 4);
    assert!(found.contains("4 commands stand in the queue"), "{found}");
    let found = broken(|_, found| found.leftovers.panics = 5);
    assert!(found.contains("5 panics"), "{found}");
}

#[test]
fn a_read_model_that_differs_from_its_replay_is_found() {
    let other = Rows { count: 2, hash: "b".to_owned() };
    let found = broken(|_, found| {
        found.live.insert("account_directory".to_owned(), other);
    });
    assert!(found.contains("read models: account_directory has"), "{found}");
    let found = broken(|_, found| found.replayed.clear());
    assert!(found.contains("a replay makes None"), "{found}");
    let found = broken(|_, found| {
        found.live.clear();
        found.replayed.clear();
    });
    assert!(found.contains("there are none"), "{found}");
}

#[test]
fn many_violations_are_summed_up() {
    let found = broken(|told, _| {
        for number in 0..20 {
            told.push(Told { id: id(100 + number), stream: id(1), seen: vec![], abandoned: false });
        }
    });
    assert!(found.contains("… and 15 more"), "{found}");
    assert_eq!(found.lines().count(), 6, "{found}");
}
