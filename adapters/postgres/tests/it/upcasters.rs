//! Old forms of events, read in one place for streams, followers and retries alike.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use kontor_commands::{EventStore, Expected, NewEvent};
use kontor_domain::{
    EventSchema, Recorded, Upcasters,
    upcast::{Fields, Upcaster},
};
use kontor_postgres::{
    EventLog, Follower, FollowerError, FollowerSettings,
    dead_letters::{list, retry},
};
use kontor_projections::{ApplyError, Projection, Reactor, ReactorError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{Ledger, WANTED, catch_up, checkpoint, hasty, versions},
    support::{World, append, demo, event, world},
};

const SUBMITTED: EventSchema = EventSchema::new(WANTED, 1);
const NOTED: EventSchema = EventSchema::new("meter.noted", 1);

/// `meter.read` was split, `meter.counted` renamed, `meter.greeted` dropped, and nobody can read a
/// `meter.broken`.
static UPCASTERS: LazyLock<Upcasters> = LazyLock::new(|| {
    let broken = EventSchema::new("meter.broken", 1);
    Upcasters::new(
        [SUBMITTED, NOTED],
        vec![
            Upcaster::split(EventSchema::new("meter.read", 1), &[SUBMITTED, NOTED], |fields| {
                Ok(vec![(SUBMITTED, fields.clone()), (NOTED, fields)])
            }),
            Upcaster::rename(EventSchema::new("meter.counted", 2), SUBMITTED),
            Upcaster::drop(EventSchema::new("meter.greeted", 1)),
            Upcaster::change(broken, SUBMITTED, |_: &mut Fields| Err("it is broken".to_owned())),
        ],
    )
});

/// Appends one event of each given form to a stream.
async fn record(log: &EventLog, stream: Uuid, forms: &[(&'static str, i32)]) {
    let mut next = append(stream, Expected::Any, &[]);
    next.events = forms
        .iter()
        .map(|(event_type, schema_version)| NewEvent {
            event_type,
            schema_version: *schema_version,
            ..event(r#"{"a":1}"#)
        })
        .collect();
    log.append(next).await.unwrap();
}

fn forms(events: &[Recorded]) -> Vec<(i64, &str, i32)> {
    events
        .iter()
        .map(|event| (event.version, event.event_type.as_str(), event.schema_version))
        .collect()
}

fn settings() -> FollowerSettings {
    FollowerSettings { upcasters: &UPCASTERS, ..hasty() }
}

fn ids(events: &[Recorded]) -> Vec<Uuid> {
    events.iter().map(|event| event.event_id).collect()
}

#[tokio::test]
async fn a_stream_is_read_in_its_newest_forms_and_keeps_the_logs_version() {
    let world = world().await;
    let (log, _) = world.log();
    let log = log.read_by(&UPCASTERS);
    let stream = Uuid::now_v7();
    let old = [("meter.counted", 2), ("meter.read", 1), ("meter.greeted", 1)];
    record(&log, stream, &old).await;

    let tail = log.load(&demo(), stream, 0).await.unwrap();
    let newest = [(1, WANTED, 1), (2, WANTED, 1), (2, "meter.noted", 1)];
    assert_eq!(forms(&tail.events), newest);
    assert_eq!((tail.stored, tail.version), (3, 3));
    let rest = log.load(&demo(), stream, 2).await.unwrap();
    assert_eq!((rest.events.len(), rest.stored, rest.version), (0, 1, 3));

    // The log's reader says the same, with the same ids.
    let page = log.reader().page(0, 10, &[]).await.unwrap();
    assert_eq!(page.events, tail.events);
    assert_eq!((page.last_position, page.full), (Some(3), false));
    let again = log.load(&demo(), stream, 0).await.unwrap();
    assert_eq!(ids(&again.events), ids(&tail.events));
    // What stands in the log is untouched.
    assert_eq!(world.count("select count(*) from events where event_type like 'meter.%'").await, 3);
}

#[tokio::test]
async fn a_page_of_wanted_types_finds_their_old_names_and_leaves_other_parts_out() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    let old = [("meter.greeted", 1), ("meter.read", 1), ("meter.counted", 2), ("meter.greeted", 1)];
    record(&log, stream, &old).await;
    let reader = log.reader().read_by(&UPCASTERS);
    let page = reader.page(0, 10, &["meter.noted"]).await.unwrap();
    assert_eq!(forms(&page.events), [(2, "meter.noted", 1)]);
    assert_eq!(page.last_position, Some(4), "the checkpoint moves over what was dropped");
    let page = reader.page(0, 10, &[WANTED]).await.unwrap();
    assert_eq!(forms(&page.events), [(2, WANTED, 1), (3, WANTED, 1)]);
}

#[tokio::test]
async fn a_follower_passes_dropped_events_and_sees_renamed_ones() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    let old = [("meter.counted", 2), ("meter.read", 1), ("meter.greeted", 1)];
    record(&log, stream, &old).await;
    let ledger = Ledger::new(&world).await;
    let mut follower = Follower::projection(world.pool.clone(), ledger, settings());
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, stream).await, [1, 2]);
    assert_eq!(checkpoint(&world.pool).await, (3, "live".to_owned(), None));
}

/// Writes a row for each part, and may refuse notes.
#[derive(Default)]
struct Parts {
    refuses_notes: AtomicBool,
}

#[async_trait]
impl Projection for Parts {
    fn name(&self) -> &'static str {
        "parts"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[WANTED, "meter.noted"]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        for event in events {
            let is_note = event.event_type == "meter.noted";
            if is_note && self.refuses_notes.load(Ordering::Relaxed)
                || event.event_type == "meter.broken"
            {
                return Err(ApplyError::Event("it does not fit".into()));
            }
            sqlx::query("insert into part_rows (id, version) values ($1, $2)")
                .bind(event.event_id)
                .bind(event.version)
                .execute(&mut *db)
                .await?;
        }
        Ok(())
    }
}

async fn part_versions(world: &World) -> Vec<i64> {
    sqlx::query_scalar("select version from part_rows order by version")
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

async fn parts_world() -> (World, EventLog, Arc<Parts>, Follower) {
    let world = world().await;
    let (log, _) = world.log();
    sqlx::query("create table part_rows (id uuid primary key, version bigint not null)")
        .execute(&world.pool)
        .await
        .unwrap();
    let parts = Arc::new(Parts::default());
    let projection = Arc::clone(&parts) as Arc<dyn Projection>;
    let follower = Follower::projection(world.pool.clone(), projection, settings());
    (world, log, parts, follower)
}

#[tokio::test]
async fn the_parts_of_an_event_stand_and_fall_together() {
    let (world, log, parts, mut follower) = parts_world().await;
    let stream = Uuid::now_v7();
    parts.refuses_notes.store(true, Ordering::Relaxed);
    record(&log, stream, &[("meter.counted", 2), ("meter.read", 1), ("meter.read", 1)]).await;
    catch_up(&mut follower).await;
    assert_eq!(part_versions(&world).await, [1], "no part of the second");
    let parked = list(&world.pool, Some("parts"), 10).await.unwrap();
    assert_eq!((parked.len(), parked[0].position, parked[0].waiting), (1, 2, 1));

    record(&log, stream, &[("meter.read", 1), ("meter.greeted", 1)]).await;
    catch_up(&mut follower).await;
    assert_eq!(list(&world.pool, Some("parts"), 10).await.unwrap()[0].waiting, 2);

    parts.refuses_notes.store(false, Ordering::Relaxed);
    retry(&world.pool, "parts", 1, stream).await.unwrap();
    catch_up(&mut follower).await;
    assert_eq!(part_versions(&world).await, [1, 2, 2, 3, 3, 4, 4]);
    assert_eq!(world.count("select count(*) from dead_letters").await, 0);
}

#[tokio::test]
async fn an_event_that_no_upcaster_can_read_parks_its_stream_in_a_projection() {
    let (world, log, _, mut follower) = parts_world().await;
    let (sound, broken) = (Uuid::now_v7(), Uuid::now_v7());
    record(&log, broken, &[("meter.broken", 1), ("meter.counted", 2)]).await;
    record(&log, sound, &[("meter.counted", 2)]).await;
    catch_up(&mut follower).await;
    assert_eq!(part_versions(&world).await, [1], "the other stream flows");
    let parked = list(&world.pool, Some("parts"), 10).await.unwrap();
    assert_eq!((parked[0].key, parked[0].waiting), (broken, 1));
    // An aggregate gets it as it is stored, and does not know it.
    let tail = log.read_by(&UPCASTERS).load(&demo(), broken, 0).await.unwrap();
    assert_eq!(forms(&tail.events), [(1, "meter.broken", 1), (2, WANTED, 1)]);
}

struct Outside;

#[async_trait]
impl Reactor for Outside {
    fn name(&self) -> &'static str {
        "outside"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[]
    }

    async fn react(&self, _: &[Recorded]) -> Result<(), ReactorError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_event_that_no_upcaster_can_read_never_leaves_in_its_old_form() {
    let world = world().await;
    let (log, _) = world.log();
    record(&log, Uuid::now_v7(), &[("meter.broken", 1)]).await;
    let mut follower = Follower::reactor(world.pool.clone(), Arc::new(Outside), settings());
    let error = follower.step().await.unwrap_err();
    assert!(matches!(error, FollowerError::Unreadable { position: 1 }), "{error:?}");
    let (position, state, shown) = checkpoint(&world.pool).await;
    assert_eq!((position, state.as_str()), (0, "retrying"));
    assert!(shown.unwrap().contains("position 1"));
}

/// The measurement behind the decision against snapshots: how long a stream of 10,000 events takes
/// to read. Run it with `--nocapture` to see the figure.
#[tokio::test]
async fn a_stream_of_ten_thousand_events_is_read_whole_and_in_order() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    let payloads = vec![
        r#"{"reading_id":"018f6a3e-7a51-7cc0-a3a5-4f1f0a1f3a10","values":{"t1":1234500}}"#;
        1_000
    ];
    for _ in 0..10 {
        log.append(append(stream, Expected::Any, &payloads)).await.unwrap();
    }
    let mut best_ms = u128::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        let tail = log.load(&demo(), stream, 0).await.unwrap();
        best_ms = best_ms.min(begun.elapsed().as_millis());
        assert_eq!((tail.events.len(), tail.stored, tail.version), (10_000, 10_000, 10_000));
        assert!(tail.events.iter().map(|event| event.version).eq(1..=10_000));
    }
    println!("10,000 events of one stream are read in {best_ms} ms");
}
