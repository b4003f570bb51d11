//! What the log holds, held against what a build can read.

use kontor_commands::{EventStore, Expected, NewEvent};
use kontor_domain::Upcasters;
use kontor_postgres::{
    EventLog,
    schemas::{self, SchemaError, SeenSchema},
};
use uuid::Uuid;

use crate::support::{World, append, event, fill, world};

async fn record(log: &EventLog, event_type: &'static str, schema_version: i32) {
    let mut next = append(Uuid::now_v7(), Expected::Any, &[]);
    next.events = vec![NewEvent { event_type, schema_version, ..event("{}") }];
    log.append(next).await.unwrap();
}

async fn check(world: &World) -> Result<usize, SchemaError> {
    schemas::check(&world.pool, Upcasters::current()).await
}

async fn mark(world: &World) -> i64 {
    world.count("select position from event_schemas_scan").await
}

#[tokio::test]
async fn an_empty_log_and_one_of_known_forms_pass() {
    let world = world().await;
    let (log, _) = world.log();
    assert_eq!(check(&world).await.unwrap(), 0);
    fill(&log, 3).await;
    record(&log, "meter.archived", 1).await;
    assert_eq!(check(&world).await.unwrap(), 2);
    let seen = schemas::seen(&world.pool).await.unwrap();
    let first = |event_type: &str, first_position| SeenSchema {
        event_type: event_type.to_owned(),
        schema_version: 1,
        first_position,
    };
    assert_eq!(seen, [first("meter.archived", 4), first("meter.reading_submitted", 1)]);
}

#[tokio::test]
async fn forms_that_cannot_be_read_are_named_with_their_place() {
    let world = world().await;
    let (log, _) = world.log();
    fill(&log, 2).await;
    record(&log, "meter.reading_submitted", 2).await;
    record(&log, "meter.взорван", 1).await;
    record(&log, "meter.reading_submitted", 2).await;
    let error = check(&world).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the log holds events that this build cannot read: `meter.reading_submitted` version 2 \
         (first at position 3), `meter.взорван` version 1 (first at position 4); start the build \
         that wrote them, or a newer one"
    );
    for number in 3..15 {
        record(&log, "meter.reading_submitted", number).await;
    }
    assert!(check(&world).await.unwrap_err().to_string().contains(" and 4 more; start"));
}

#[tokio::test]
async fn only_the_unread_tail_is_looked_through() {
    let world = world().await;
    let (log, _) = world.log();
    record(&log, "meter.exploded", 1).await;
    fill(&log, 2).await;
    // As if a build that knows it had looked at it and its row were gone: nobody looks again.
    sqlx::query("update event_schemas_scan set position = 1").execute(&world.pool).await.unwrap();
    assert_eq!(check(&world).await.unwrap(), 1);
    assert_eq!(mark(&world).await, 3);
    record(&log, "meter.exploded", 1).await;
    assert!(check(&world).await.is_err(), "the tail is looked through");
    assert_eq!(mark(&world).await, 4);
}

#[tokio::test]
async fn several_processes_may_look_at_once() {
    let world = world().await;
    let (log, _) = world.log();
    fill(&log, 50).await;
    let looks = (0..8).map(|_| check(&world));
    for result in futures::future::join_all(looks).await {
        assert_eq!(result.unwrap(), 1);
    }
    assert_eq!(mark(&world).await, 50);
}
