//! Poison commands.

use kontor_postgres::command_dead_letters::{
    CommandLetterState, NewCommandDeadLetter, find, list, record, retry, skip,
};
use uuid::Uuid;

use crate::support::world;

const MESSAGE: &[u8] = b"{\"not\": \0 an envelope";

fn poison(fingerprint: &str) -> NewCommandDeadLetter<'_> {
    NewCommandDeadLetter {
        tenant: "demo",
        aggregate: "meter",
        command_id: Some(Uuid::nil()),
        fingerprint,
        reason: "the message is not a \0 command envelope",
        attempts: 3,
        message: MESSAGE,
    }
}

#[tokio::test]
async fn the_same_poison_is_one_row_until_it_is_decided_on() {
    let world = world().await;
    let first = record(&world.pool, &poison("aa")).await.unwrap();
    let other = record(&world.pool, &poison("bb")).await.unwrap();
    assert_eq!(record(&world.pool, &poison("aa")).await.unwrap(), first);
    let row = find(&world.pool, first).await.unwrap().unwrap();
    assert_eq!((row.attempts, row.message.as_slice()), (6, MESSAGE));
    assert_eq!(row.reason, "the message is not a \u{fffd} command envelope");

    assert!(retry(&world.pool, first).await.unwrap());
    assert!(!skip(&world.pool, first).await.unwrap(), "it is decided");
    assert!(skip(&world.pool, other).await.unwrap());
    // It comes back poisoned: a new row.
    let again = record(&world.pool, &poison("aa")).await.unwrap();
    assert_ne!(again, first);

    let ids = async |state, after| {
        let rows = list(&world.pool, state, after, 10).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(CommandLetterState::Parked, 0).await, [again]);
    assert_eq!(ids(CommandLetterState::Retried, 0).await, [first]);
    assert_eq!(ids(CommandLetterState::Skipped, 0).await, [other]);
    assert!(ids(CommandLetterState::Skipped, other).await.is_empty());
    assert_eq!(find(&world.pool, 999).await.unwrap(), None);
}
