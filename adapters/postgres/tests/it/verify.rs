//! A sound log passes; each way to damage it is found and named.

use std::time::Duration;

use kontor_commands::{Append, EventStore, Expected, Folds, NewEvent, Registry};
use kontor_domain::{RefusalDocument, account::Account};
use kontor_postgres::{
    EventLog, Vault,
    verify::{Check, Report, VerifyOptions, verify},
};
use uuid::Uuid;

use crate::support::{World, append, world};

/// Receipts are kept for a year: every missing one is damage.
const OPTIONS: VerifyOptions =
    VerifyOptions { from: 1, sample: 1, receipts_kept: Duration::from_secs(31_536_000) };

const REGISTERED: &str =
    r#"{"display_name":"Анна Петрова","language":"ru","origin":{"kind":"api"}}"#;
pub(crate) const RENAMED: &str = r#"{"display_name":"Ольга"}"#;

pub(crate) fn account(stream: u128, expected: Expected, events: &[(&'static str, &str)]) -> Append {
    let events = events.iter().map(|(event_type, payload)| NewEvent {
        event_id: Uuid::now_v7(),
        event_type,
        schema_version: 1,
        payload: (*payload).to_owned(),
        personal_fields: &[],
    });
    let events = events.collect();
    let stream = Uuid::from_u128(stream);
    Append { stream_type: "account", events, ..append(stream, expected, &[]) }
}

/// Three accounts with three events each, at positions 1 to 9, and one refusal.
pub(crate) async fn sound() -> (World, EventLog) {
    let world = world().await;
    let (log, _) = world.log();
    let registered = ("account.registered", REGISTERED);
    let renamed = ("account.renamed", RENAMED);
    for stream in 1..=3 {
        log.append(account(stream, Expected::NoStream, &[registered])).await.unwrap();
        log.append(account(stream, Expected::Exact(1), &[renamed, renamed])).await.unwrap();
    }
    let refusal = Some(RefusalDocument::new("no", "no"));
    let refused = Append { refusal, ..account(1, Expected::Exact(3), &[]) };
    log.append(refused).await.unwrap();
    (world, log)
}

async fn look_with(world: &World, options: VerifyOptions) -> Report {
    let folds = Folds::new().register::<Account>();
    let projections = kontor_projections::all();
    let projections: Vec<&dyn kontor_projections::Projection> =
        projections.iter().map(|projection| &**projection).collect();
    verify((&world.pool, &Vault::locked()), &folds, &projections, options, &mut |_| {})
        .await
        .unwrap()
}

async fn look(world: &World) -> Report {
    look_with(world, OPTIONS).await
}

/// Changes what nobody may change, past the trigger.
async fn damage(world: &World, statement: &'static str) {
    for statement in [
        "alter table events disable trigger events_append_only",
        statement,
        "alter table events enable always trigger events_append_only",
    ] {
        sqlx::raw_sql(statement).execute(&world.pool).await.unwrap();
    }
}

/// The places of a check with what is wrong there.
fn found(report: &Report, check: Check) -> Vec<String> {
    let check = report.checks.iter().find(|found| found.check == check).unwrap();
    let places = check.first.iter().map(|damage| format!("{}: {}", damage.place, damage.what));
    places.collect()
}

#[tokio::test]
async fn a_sound_log_passes_and_everything_was_looked_at() {
    let (world, _log) = sound().await;
    let report = look(&world).await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.from, report.head), (1, 9));
    let looked = |check| report.checks.iter().find(|found| found.check == check).unwrap().looked_at;
    assert_eq!(looked(Check::Positions), 9);
    assert_eq!(looked(Check::Readable), 9);
    assert_eq!(looked(Check::Folds), 3);
    assert_eq!(looked(Check::Receipts), 7);
}

#[tokio::test]
async fn an_empty_database_is_sound() {
    let world = world().await;
    let report = look(&world).await;
    assert!(report.is_sound() && report.head == 0, "{report:?}");
}

/// What is done to the log, the check that must notice, and what it must say.
const CASES: &[(&str, Check, &str)] = &[
    (
        "delete from events where position in (4, 5)",
        Check::Positions,
        "positions 4 to 5: missing: 6 follows 3",
    ),
    ("delete from events where position = 1", Check::Positions, "position 1: missing"),
    (
        "delete from events where position = 2",
        Check::Versions,
        "position 3: stream 00000000-0000-0000-0000-000000000001 has version 3 but no version 2",
    ),
    (
        "update events set version = version + 10 where position = 9",
        Check::Versions,
        "position 9: stream 00000000-0000-0000-0000-000000000003 has version 13 but no version 12",
    ),
    (
        "update events set version = 99 where position = 2;
             update events set version = 2 where position = 3;
             update events set version = 3 where position = 2",
        Check::Versions,
        "position 2: version 3 of stream 00000000-0000-0000-0000-000000000001 stands before",
    ),
    (
        "alter table events drop constraint events_stream_version;
             update events set version = 2 where position = 3",
        Check::Versions,
        "position 3 (stream 00000000-0000-0000-0000-000000000001): version 2 stands twice",
    ),
    (
        "update events set tenant = 'other' where position = 5",
        Check::Streams,
        "position 5: stream 00000000-0000-0000-0000-000000000002 belonged to tenant demo",
    ),
    (
        "update events set stream_type = 'meter' where position = 6",
        Check::Streams,
        "position 6: stream 00000000-0000-0000-0000-000000000002 was a account, now a meter",
    ),
    (
        "update events set event_id = (select event_id from events where position = 1)
             where position = 8",
        Check::EventIds,
        "position 8: event id",
    ),
    (
        "update events set event_type = 'account.teleported' where position = 5",
        Check::Readable,
        "position 5 (stream 00000000-0000-0000-0000-000000000002): no event `account.teleported`",
    ),
    (
        "update events set schema_version = 9 where position = 5",
        Check::Readable,
        "no event `account.renamed` of schema version 9",
    ),
    (
        "update events set payload = '{\"display_name\": 5}' where position = 5",
        Check::Readable,
        "payload of `account.renamed` does not fit",
    ),
    (
        "update events set stream_type = 'teapot' where position <= 3",
        Check::Readable,
        "position 1: this build has no aggregate teapot",
    ),
    (
        "update events set metadata = '{}' where position = 4",
        Check::Readable,
        "position 4: its metadata cannot be read",
    ),
    (
        "update events set tenant = 'No Slug!' where position <= 3",
        Check::Readable,
        "position 1: its columns cannot be read",
    ),
    ("delete from receipts where first_position = 4", Check::Receipts, "position 4: command"),
    (
        "update receipts set last_position = 3 where first_position = 1",
        Check::Receipts,
        "it claims positions 1 to 3, of which 1 are events of this command",
    ),
    (
        "update receipts set first_position = 3 where first_position = 2",
        Check::Receipts,
        "position 2: the receipt of command",
    ),
    (
        "update receipts set first_position = 1, last_position = 9223372036854775807
             where first_position = 2",
        Check::Receipts,
        "it claims positions 1 to 9223372036854775807, of which 2 are",
    ),
    (
        "update receipts set stream_id = gen_random_uuid() where first_position = 1",
        Check::Receipts,
        "names another stream",
    ),
    (
        "update receipts set version = 7 where first_position = 1",
        Check::Receipts,
        "it says version 7, its last event has 1",
    ),
    (
        "update receipts set refusal = '{}' where first_position = 1",
        Check::Receipts,
        "it was refused and has events",
    ),
    (
        "update receipts set last_position = null where first_position = 1",
        Check::Receipts,
        "it has one end of its events and not the other",
    ),
    (
        "update receipts set version = 4 where refusal is not null",
        Check::Receipts,
        "it says version 4, stream 00000000-0000-0000-0000-000000000001 has 3",
    ),
    (
        "update receipts set fingerprint = '\\x00' where first_position = 1",
        Check::Receipts,
        "its fingerprint has 1 bytes",
    ),
    (
        "insert into checkpoints (name, version, position) values ('accounts', 1, 10)",
        Check::Checkpoints,
        "it stands at 10, the log ends at 9",
    ),
    (
        "insert into checkpoints (name, version, position) values ('accounts', 1, 9);
             insert into dead_letters (name, version, key, position)
             values ('accounts', 1, '00000000-0000-0000-0000-000000000001', 77)",
        Check::DeadLetters,
        "there is no event at that position",
    ),
    (
        "insert into checkpoints (name, version, position) values ('accounts', 1, 9);
             insert into dead_letters (name, version, key, position)
             values ('accounts', 1, '00000000-0000-0000-0000-000000000001', 4)",
        Check::DeadLetters,
        "the event there is of another stream",
    ),
    (
        "insert into dead_letters (name, version, key, position)
             values ('accounts', 1, '00000000-0000-0000-0000-000000000001', 1)",
        Check::DeadLetters,
        "the follower has no checkpoint",
    ),
    (
        "insert into checkpoints (name, version, position) values ('accounts', 1, 2);
             insert into dead_letters (name, version, key, position)
             values ('accounts', 1, '00000000-0000-0000-0000-000000000001', 3)",
        Check::DeadLetters,
        "the follower has not come so far",
    ),
    (
        "insert into checkpoints (name, version, position) values ('accounts', 1, 9);
             insert into dead_letters (name, version, key, position)
             values ('accounts', 1, '00000000-0000-0000-0000-000000000001', 1)",
        Check::DeadLetters,
        "000000000001:2: it does not wait behind position 1",
    ),
];

#[tokio::test]
async fn each_damage_is_named_with_its_place() {
    for (statement, check, wanted) in CASES {
        let (world, _log) = sound().await;
        damage(&world, statement).await;
        let report = look(&world).await;
        assert!(!report.is_sound(), "{statement}");
        let found = found(&report, *check);
        assert!(found.iter().any(|found| found.contains(wanted)), "{statement}: {report:#?}");
        let all = format!("{report:?}");
        assert!(!all.contains("Анна") && !all.contains("Ольга"), "{all}");
        world.pool.close().await;
    }
}

#[tokio::test]
async fn old_events_need_no_receipt() {
    let (world, _log) = sound().await;
    sqlx::query("delete from receipts").execute(&world.pool).await.unwrap();
    let report =
        look_with(&world, VerifyOptions { receipts_kept: Duration::ZERO, ..OPTIONS }).await;
    assert!(report.is_sound(), "{report:?}");
    assert!(!look(&world).await.is_sound());
}

#[tokio::test]
async fn a_later_start_leaves_out_what_lies_before_it() {
    let (world, _log) = sound().await;
    damage(&world, "delete from events where position = 1").await;
    let report = look_with(&world, VerifyOptions { from: 4, ..OPTIONS }).await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.from, report.head), (4, 9));
    let behind = look_with(&world, VerifyOptions { from: 500, ..OPTIONS }).await;
    assert!(behind.is_sound(), "{behind:?}");
}

#[tokio::test]
async fn checks_run_beside_live_writers_and_write_nothing() {
    let (world, log) = sound().await;
    let writers: Vec<_> = (0..4_u128)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    let stream = 1_000 + writer * 1_000 + number;
                    let event = ("account.registered", REGISTERED);
                    log.append(account(stream, Expected::NoStream, &[event])).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let report = look(&world).await;
        assert!(report.is_sound(), "{report:?}");
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let report = look(&world).await;
    assert!(report.is_sound() && report.head == 409, "{report:?}");
}

#[tokio::test]
async fn a_log_of_several_pages_is_walked_to_its_end() {
    let (world, log) = sound().await;
    for batch in 0..5_u128 {
        let mut events = vec![("account.registered", REGISTERED)];
        events.resize(1_000, ("account.renamed", RENAMED));
        log.append(account(100 + batch, Expected::NoStream, &events)).await.unwrap();
    }
    let report = look(&world).await;
    assert!(report.is_sound() && report.head == 5_009, "{report:?}");
    damage(&world, "delete from events where position = 4444").await;
    let report = look(&world).await;
    assert_eq!(found(&report, Check::Positions), ["position 4444: missing: 4445 follows 4443"]);
    damage(&world, "update events set position = position + 1000000 where position = 5009").await;
    assert!(!look(&world).await.is_sound());
}
