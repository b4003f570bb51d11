//! Personal data in the log: encrypted, opened, redacted, and never anything in between.

use std::sync::Arc;

use kontor_commands::{Append, AppendError, EventStore, Expected, NewEvent};
use kontor_domain::{Recorded, TenantId};
use kontor_postgres::{
    EventLog, EventReader, KEYS_FORGOTTEN_AFTER, MasterKeys, Vault, VaultError, erasure,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, append, causes, demo, event, world};

const NAME: &str = "Анна Ёлкина-Щукина";

fn vault(world: &World, keys: &str) -> Vault {
    Vault::new(world.pool.clone(), MasterKeys::parse(keys).unwrap())
}

fn key() -> String {
    MasterKeys::generate().expose_secret().to_owned()
}

fn log(world: &World, vault: &Vault) -> EventLog {
    world.log().0.sealed_by(vault.clone())
}

fn about(subject: Uuid, payload: &Value) -> Append {
    let event = NewEvent {
        event_type: "account.registered",
        personal_fields: &["/display_name", "/phone"],
        ..event(&payload.to_string())
    };
    Append {
        stream_type: "account",
        subject: Some(subject),
        events: vec![event],
        ..append(subject, Expected::NoStream, &[])
    }
}

fn anna() -> Value {
    json!({"display_name": NAME, "language": "ru", "phone": null})
}

async fn register(log: &EventLog, subject: Uuid) {
    log.append(about(subject, &anna())).await.unwrap();
}

async fn only(log: &EventLog, subject: Uuid) -> Recorded {
    let mut events = log.load(&demo(), subject, 0).await.unwrap().events;
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn payload(event: &Recorded) -> Value {
    serde_json::from_str(&event.payload).unwrap()
}

async fn stored(world: &World, subject: Uuid) -> String {
    sqlx::query_scalar("select payload::text from events where stream_id = $1")
        .bind(subject)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_log_holds_ciphertext_and_its_readers_see_the_person() {
    let world = world().await;
    let vault = vault(&world, &key());
    let (log, anna_id) = (log(&world, &vault), Uuid::now_v7());
    register(&log, anna_id).await;
    let stored = stored(&world, anna_id).await;
    assert!(!stored.contains("Анна") && stored.contains("$sealed"), "{stored}");
    assert!(stored.contains(r#""language": "ru""#) && stored.contains(r#""phone": null"#));
    assert_eq!(payload(&only(&log, anna_id).await), anna());
    let page = log.reader().page(0, 10, &[]).await.unwrap();
    assert_eq!(payload(&page.events[0]), anna());
    assert_eq!(payload(&log.reader().event(1).await.unwrap().unwrap()), anna());
    // Whoever carries events out of the house carries what is stored.
    let sealed = EventReader::new(world.pool.clone()).page(0, 10, &[]).await.unwrap();
    assert_eq!(payload(&sealed.events[0]), serde_json::from_str::<Value>(&stored).unwrap());
}

#[tokio::test]
async fn without_the_key_of_an_erased_person_their_events_are_redacted_and_nothing_is_added() {
    let world = world().await;
    let vault = vault(&world, &key());
    let (log, anna_id, oleg_id) = (log(&world, &vault), Uuid::now_v7(), Uuid::now_v7());
    register(&log, anna_id).await;
    register(&log, oleg_id).await;
    assert!(!vault.is_erased(&demo(), anna_id).await.unwrap());
    for _ in 0..2 {
        vault.destroy(&demo(), anna_id).await.unwrap();
    }
    assert!(vault.is_erased(&demo(), anna_id).await.unwrap());
    let redacted = json!({"display_name": {"$redacted": true}, "language": "ru", "phone": null});
    assert_eq!(payload(&only(&log, anna_id).await), redacted);
    assert_eq!(payload(&only(&log, oleg_id).await), anna());
    let late = Append { expected: Expected::StreamExists, ..about(anna_id, &anna()) };
    let refused = log.append(late).await;
    assert!(matches!(refused, Err(AppendError::SubjectErased)), "{refused:?}");
    // A person who never had a key gets none afterwards either.
    let nobody = Uuid::now_v7();
    vault.destroy(&demo(), nobody).await.unwrap();
    let refused = log.append(about(nobody, &anna())).await;
    assert!(matches!(refused, Err(AppendError::SubjectErased)), "{refused:?}");
    assert_eq!(world.count("select count(*) from events").await, 2);
    // What says nothing about a person is not held up.
    let plain = append(anna_id, Expected::Exact(1), &["{}"]);
    log.append(Append { stream_type: "account", ..plain }).await.unwrap();
}

#[tokio::test]
async fn another_process_forgets_an_erased_person_within_seconds() {
    let world = world().await;
    let keys = key();
    let (here, there) = (vault(&world, &keys), vault(&world, &keys));
    let (log_here, log_there, anna_id) = (log(&world, &here), log(&world, &there), Uuid::now_v7());
    register(&log_here, anna_id).await;
    assert_eq!(payload(&only(&log_there, anna_id).await), anna());
    let before = kontor_commands::clock::now() - chrono::TimeDelta::minutes(1);
    here.destroy(&demo(), anna_id).await.unwrap();
    let erased = there.forget_erased(before, 10).await.unwrap();
    assert_eq!((&erased[0].0, erased[0].1), (&demo(), anna_id));
    let after = only(&log_there, anna_id).await;
    assert!(!after.payload.contains("Анна"), "{after:?}");
    // Without being told, no later than the life of a copy.
    let oleg_id = Uuid::now_v7();
    register(&log_here, oleg_id).await;
    assert_eq!(payload(&only(&log_there, oleg_id).await), anna());
    here.destroy(&demo(), oleg_id).await.unwrap();
    tokio::time::sleep(KEYS_FORGOTTEN_AFTER).await;
    assert!(!only(&log_there, oleg_id).await.payload.contains("Анна"));
}

#[tokio::test]
async fn processes_that_ask_at_the_same_time_get_the_same_key() {
    let world = world().await;
    let keys = key();
    let vaults: Vec<Vault> = (0..4).map(|_| vault(&world, &keys)).collect();
    let logs: Vec<Arc<EventLog>> =
        vaults.iter().map(|vault| Arc::new(log(&world, vault))).collect();
    let people: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    let mut tasks = Vec::new();
    for log in &logs {
        for person in &people {
            let (log, person) = (Arc::clone(log), *person);
            tasks.push(tokio::spawn(async move {
                // Another stream about the same person, as a meter is.
                let about = Append { stream_id: Uuid::now_v7(), ..about(person, &anna()) };
                log.append(about).await.unwrap();
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.count("select count(*) from kontor_keys.subject_keys").await, 50);
    assert_eq!(world.count("select count(*) from events").await, 200);
    let page = logs[0].reader().page(0, 500, &[]).await.unwrap();
    assert!(page.events.iter().all(|event| payload(event) == anna()));
}

#[tokio::test]
async fn a_wrong_or_missing_master_key_is_an_error_and_never_an_erasure_or_clear_text() {
    let world = world().await;
    let right = key();
    let (good, anna_id) = (vault(&world, &right), Uuid::now_v7());
    register(&log(&world, &good), anna_id).await;
    good.verify().await.unwrap();
    for (bad, said) in
        [(vault(&world, &key()), "is not configured"), (Vault::locked(), "without the master key")]
    {
        let error = bad.verify().await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        let log = log(&world, &bad);
        let error = log.load(&demo(), anna_id, 0).await.unwrap_err();
        assert!(causes(&AppendError::Store(error)).contains(said));
        log.reader().page(0, 10, &[]).await.unwrap_err();
        let late = Append { expected: Expected::Any, ..about(anna_id, &anna()) };
        let error = log.append(late).await.unwrap_err();
        assert!(causes(&error).contains(said), "{}", causes(&error));
    }
    assert_eq!(world.count("select count(*) from events").await, 1);
    assert_eq!(payload(&only(&log(&world, &good), anna_id).await), anna());
}

#[tokio::test]
async fn a_key_that_is_missing_is_not_one_that_was_erased() {
    let world = world().await;
    let keys = key();
    let anna_id = Uuid::now_v7();
    register(&log(&world, &vault(&world, &keys)), anna_id).await;
    sqlx::query("delete from kontor_keys.subject_keys").execute(&world.pool).await.unwrap();
    let fresh = log(&world, &vault(&world, &keys));
    let error = fresh.load(&demo(), anna_id, 0).await.unwrap_err();
    assert!(causes(&AppendError::Store(error)).contains("is missing, and it was not erased"));
}

#[tokio::test]
async fn a_damaged_key_says_so() {
    let world = world().await;
    let keys = key();
    let anna_id = Uuid::now_v7();
    register(&log(&world, &vault(&world, &keys)), anna_id).await;
    sqlx::query(
        "update kontor_keys.subject_keys
         set wrapped_key = set_byte(wrapped_key, 20, (get_byte(wrapped_key, 20) + 1) % 256)",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let error = vault(&world, &keys).verify().await.unwrap_err();
    assert!(matches!(error, VaultError::KeyDamaged { .. }), "{error}");
}

#[tokio::test]
async fn a_personal_field_that_belongs_to_nobody_is_not_kept() {
    let world = world().await;
    let log = log(&world, &vault(&world, &key()));
    let nobody = Append { subject: None, ..about(Uuid::now_v7(), &anna()) };
    let error = log.append(nobody).await.unwrap_err();
    assert!(causes(&error).contains("names nobody"), "{}", causes(&error));
    let zero = about(Uuid::now_v7(), &json!({"display_name": "a\0b"}));
    let error = log.append(zero).await.unwrap_err();
    assert!(causes(&error).contains("U+0000"), "{}", causes(&error));
    assert_eq!(world.count("select count(*) from events").await, 0);
}

#[tokio::test]
async fn events_from_before_the_encryption_are_read_as_ever_and_counted() {
    let world = world().await;
    let vault = vault(&world, &key());
    let (log, anna_id) = (log(&world, &vault), Uuid::now_v7());
    let text = anna().to_string();
    let plain = append(anna_id, Expected::NoStream, &[text.as_str()]);
    log.append(Append { stream_type: "account", ..plain }).await.unwrap();
    vault.destroy(&demo(), anna_id).await.unwrap();
    assert_eq!(payload(&only(&log, anna_id).await), anna());
    let in_clear = erasure::events_in_clear(&world.pool, &demo(), &[anna_id]).await.unwrap();
    assert_eq!(in_clear, 1);
    let elsewhere: TenantId = "other".parse().unwrap();
    assert_eq!(erasure::events_in_clear(&world.pool, &elsewhere, &[anna_id]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_master_key_is_changed_without_touching_an_event() {
    let world = world().await;
    let (old, new) = (key(), key());
    let people: Vec<Uuid> = (0..7).map(|_| Uuid::now_v7()).collect();
    let before = vault(&world, &old);
    for person in &people {
        register(&log(&world, &before), *person).await;
    }
    before.destroy(&demo(), people[0]).await.unwrap();
    let changing = vault(&world, &format!("{new},{old}"));
    assert_eq!(changing.keys_to_rewrap().await.unwrap(), 6);
    // Interrupted after the first batch; both keys are in use meanwhile.
    assert_eq!(changing.rewrap(4).await.unwrap(), 4);
    changing.verify().await.unwrap();
    assert!(vault(&world, &new).verify().await.is_err());
    assert_eq!(changing.rewrap(4).await.unwrap(), 2);
    assert_eq!(changing.rewrap(4).await.unwrap(), 0);
    let after = vault(&world, &new);
    after.verify().await.unwrap();
    assert!(vault(&world, &old).verify().await.is_err());
    let log = log(&world, &after);
    assert_eq!(payload(&only(&log, people[6]).await), anna());
    assert!(only(&log, people[0]).await.payload.contains("$redacted"));
}

#[tokio::test]
async fn what_stands_beside_the_log_about_a_person_is_forgotten() {
    let world = world().await;
    let vault = vault(&world, &key());
    let (log, anna_id, oleg_id) = (log(&world, &vault), Uuid::now_v7(), Uuid::now_v7());
    register(&log, anna_id).await;
    register(&log, oleg_id).await;
    for id in [anna_id, oleg_id] {
        let message = json!({"id": id, "name": NAME}).to_string();
        let letter = kontor_postgres::command_dead_letters::NewCommandDeadLetter {
            tenant: "demo",
            aggregate: "account",
            command_id: None,
            fingerprint: &id.to_string(),
            reason: "poison",
            attempts: 1,
            message: message.as_bytes(),
        };
        kontor_postgres::command_dead_letters::record(&world.pool, &letter).await.unwrap();
    }
    sqlx::query(
        "insert into dead_letters (name, version, key, position, attempts, error)
         values ('accounts', 1, $1, 1, 1, 'invalid value: Анна')",
    )
    .bind(anna_id)
    .execute(&world.pool)
    .await
    .unwrap();
    let ids = [anna_id];
    let letters = erasure::dead_letters_of(&world.pool, &demo(), &ids).await.unwrap();
    assert_eq!(letters.len(), 1);
    for _ in 0..2 {
        let mut tx = world.pool.begin().await.unwrap();
        erasure::forget_aggregates(&mut tx, &demo(), &ids).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(world.count("select count(*) from command_dead_letters").await, 1);
    assert_eq!(world.count("select count(*) from receipts").await, 1);
    let errors = world.count("select count(*) from dead_letters where error <> ''").await;
    assert_eq!(errors, 0);
}

#[tokio::test]
async fn an_erasure_remembers_what_it_needs_until_it_is_finished() {
    let world = world().await;
    let (demo, anna_id) = (demo(), Uuid::now_v7());
    let subject = (&demo, anna_id);
    assert_eq!(erasure::is_finished(&world.pool, subject).await.unwrap(), None);
    let begun = erasure::begin(&world.pool, subject, Some(1001)).await.unwrap();
    assert_eq!((begun.telegram_user_id, begun.finished), (Some(1001), false));
    // Taken up again after a crash, when the log does not tell the number any more.
    let again = erasure::begin(&world.pool, subject, None).await.unwrap();
    assert_eq!(again, begun);
    let mut db = world.pool.acquire().await.unwrap();
    erasure::finish(&mut db, subject).await.unwrap();
    assert_eq!(erasure::is_finished(&world.pool, subject).await.unwrap(), Some(true));
    let forgotten = world
        .count("select count(*) from kontor_keys.erasures where telegram_user_id is not null")
        .await;
    assert_eq!(forgotten, 0);
}

/// Not a judgement, a figure: `cargo test -p kontor-postgres --test it sealing_costs -- --nocapture`.
#[tokio::test]
async fn sealing_costs_little_beside_an_append() {
    let world = world().await;
    let log = log(&world, &vault(&world, &key()));
    let subject = Uuid::now_v7();
    register(&log, subject).await;
    let began = std::time::Instant::now();
    let (mut plain, mut sealed) = (std::time::Duration::ZERO, std::time::Duration::ZERO);
    for _ in 0..200 {
        let about = Append { stream_id: Uuid::now_v7(), ..about(subject, &anna()) };
        let mut unsealed = about.clone();
        unsealed.stream_id = Uuid::now_v7();
        unsealed.command_id = Uuid::now_v7();
        unsealed.events[0].personal_fields = &[];
        let start = std::time::Instant::now();
        log.append(about).await.unwrap();
        sealed += start.elapsed();
        let start = std::time::Instant::now();
        log.append(unsealed).await.unwrap();
        plain += start.elapsed();
    }
    let mean = |total: std::time::Duration| total.as_micros() / 200;
    println!("append: {} µs plain, {} µs sealed", mean(plain), mean(sealed));
    assert!(began.elapsed() < crate::support::PATIENCE);
}
