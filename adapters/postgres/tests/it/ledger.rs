//! A projection for the tests: one row for each event, and faults on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kontor_domain::Recorded;
use kontor_postgres::{Follower, FollowerSettings, Step};
use kontor_projections::{ApplyError, Projection};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::support::World;

/// What goes wrong with an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It cannot be read.
    Unreadable,
    /// Its value does not fit the column.
    DoesNotFit,
    /// The code panics.
    Panic,
    /// The database fails, whatever the event.
    Database,
    /// The call never returns.
    Hang,
}

/// Writes each event as a row, in a table whose key allows each position once.
#[derive(Default)]
pub(crate) struct Ledger {
    faults: Mutex<HashMap<Uuid, Fault>>,
    pub(crate) pages: AtomicUsize,
}

pub(crate) const WANTED: &str = "meter.reading_submitted";

impl Ledger {
    pub(crate) async fn new(world: &World) -> Arc<Self> {
        sqlx::query(
            "create table if not exists ledger_rows (
                 place bigint generated always as identity,
                 position bigint primary key,
                 stream uuid not null,
                 version bigint not null,
                 small smallint
             )",
        )
        .execute(&world.pool)
        .await
        .unwrap();
        Arc::new(Self::default())
    }

    pub(crate) fn break_stream(&self, stream: Uuid, fault: Fault) {
        self.faults.lock().unwrap().insert(stream, fault);
    }

    pub(crate) fn mend(&self, stream: Uuid) {
        self.faults.lock().unwrap().remove(&stream);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a part is missing")]
struct Missing;

#[async_trait]
impl Projection for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn version(&self) -> i32 {
        3
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[WANTED]
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        for event in events {
            let fault = self.faults.lock().unwrap().get(&event.stream_id).copied();
            let small = match fault {
                None => 1,
                Some(Fault::Unreadable) => return Err(ApplyError::Event(Box::new(Missing))),
                Some(Fault::DoesNotFit) => 1_000_000,
                Some(Fault::Panic) => panic!("the test asked for a panic"),
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Database) => {
                    return Err(ApplyError::Database(sqlx::Error::PoolTimedOut));
                }
            };
            sqlx::query(
                "insert into ledger_rows (position, stream, version, small)
                 values ($1, $2, $3, $4::int)",
            )
            .bind(event.position)
            .bind(event.stream_id)
            .bind(event.version)
            .bind(small)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}

/// Pauses too short to wait for, pages too small to hold everything.
pub(crate) fn hasty() -> FollowerSettings {
    FollowerSettings {
        page_live: 5,
        page_catching_up: 20,
        parked_pause_first: Duration::ZERO,
        parked_pause_max: Duration::ZERO,
        parked_look_every: Duration::ZERO,
        pause_first: Duration::from_millis(1),
        pause_max: Duration::from_millis(20),
        standby_every: Duration::from_millis(20),
        ..FollowerSettings::default()
    }
}

pub(crate) fn follower(
    world: &World,
    ledger: &Arc<Ledger>,
    settings: FollowerSettings,
) -> Follower {
    Follower::projection(world.pool.clone(), Arc::clone(ledger) as Arc<dyn Projection>, settings)
}

/// Steps until there is nothing new.
pub(crate) async fn catch_up(follower: &mut Follower) {
    for _ in 0..10_000 {
        match follower.step().await.unwrap() {
            Step::Idle => return,
            Step::Advanced { .. } => {}
            step @ (Step::Standby | Step::Lost | Step::Paused) => panic!("{step:?}"),
        }
    }
    panic!("the follower never comes to an end");
}

/// The rows as (stream, version), in the order in which they were written.
pub(crate) async fn rows(pool: &PgPool) -> Vec<(Uuid, i64)> {
    sqlx::query_as("select stream, version from ledger_rows order by place")
        .fetch_all(pool)
        .await
        .unwrap()
}

/// The versions of one stream, in the order in which they were written.
pub(crate) async fn versions(pool: &PgPool, stream: Uuid) -> Vec<i64> {
    rows(pool).await.into_iter().filter(|row| row.0 == stream).map(|row| row.1).collect()
}

/// Position, state and error of the checkpoint.
pub(crate) async fn checkpoint(pool: &PgPool) -> (i64, String, Option<String>) {
    sqlx::query_as("select position, state, last_error from checkpoints")
        .fetch_one(pool)
        .await
        .unwrap()
}
