//! A read model for the tests: how often each stream was written. Its second version has other
//! columns, its faulty one cannot apply a stream.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use kontor_domain::Recorded;
use kontor_postgres::{
    EventReader, FollowerSettings, ReadModel, ReadModelSettings, Vault, generations,
    generations::{Generation, Progress, PromotionTerms, Standing},
};
use kontor_projections::{ApplyError, Projection};
use sqlx::{PgConnection, PgPool};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    ledger::{WANTED, hasty},
    support::{World, until},
};

/// Counts the events of each stream.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) version: i32,
    /// A stream whose events cannot be applied.
    pub(crate) poison: Mutex<Option<Uuid>>,
}

impl Tally {
    pub(crate) fn new(version: i32) -> Arc<Self> {
        Arc::new(Self { version, ..Self::default() })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a part is missing")]
struct Missing;

#[async_trait]
impl Projection for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[WANTED]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["tally_rows"]
    }

    fn tables_sql(&self) -> &'static str {
        match self.version {
            1 => "create table tally_rows (stream uuid primary key, events bigint not null)",
            // The columns in another order, and one more: no view can be replaced by it.
            _ => {
                "create table tally_rows (
                     events bigint not null, last_position bigint not null, stream uuid primary key
                 )"
            }
        }
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        for event in events {
            if *self.poison.lock().unwrap() == Some(event.stream_id) {
                return Err(ApplyError::Event(Box::new(Missing)));
            }
            let sql = match self.version {
                1 => {
                    "insert into tally_rows as t (stream, events) values ($1, 1)
                     on conflict (stream) do update set events = t.events + 1
                     returning $2::bigint"
                }
                _ => {
                    "insert into tally_rows as t (stream, events, last_position) values ($1, 1, $2)
                     on conflict (stream) do update
                         set events = t.events + 1, last_position = excluded.last_position"
                }
            };
            sqlx::query(sql).bind(event.stream_id).bind(event.position).execute(&mut *db).await?;
        }
        Ok(())
    }
}

/// A process that cares for the read model.
pub(crate) struct Process {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    pub(crate) fn start(pool: &PgPool, tally: &Arc<Tally>, head: &watch::Receiver<i64>) -> Self {
        Self::start_with(pool, tally, head, settings())
    }

    pub(crate) fn start_with(
        pool: &PgPool,
        tally: &Arc<Tally>,
        head: &watch::Receiver<i64>,
        settings: ReadModelSettings,
    ) -> Self {
        let projection = Arc::clone(tally) as Arc<dyn Projection>;
        let read_model = ReadModel::new(pool.clone(), projection, settings);
        let (stop, head) = (CancellationToken::new(), head.clone());
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { read_model.run(head, stop).await.unwrap() }
        });
        Self { stop, running }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// As a crash would; its leases end by themselves.
    pub(crate) fn kill(self) {
        self.running.abort();
    }
}

pub(crate) fn settings() -> ReadModelSettings {
    ReadModelSettings {
        follower: FollowerSettings {
            owner: Uuid::now_v7().to_string(),
            lease_ttl: Duration::from_millis(1_500),
            orders_look_every: Duration::from_millis(50),
            page_live: 100,
            page_catching_up: 200,
            ..hasty()
        },
        look_every: Duration::from_millis(30),
        promotion: PromotionTerms::default(),
    }
}

/// The generations with tables, by number.
pub(crate) async fn generations(pool: &PgPool) -> Vec<Generation> {
    generations::list(pool, Some("tally")).await.unwrap()
}

pub(crate) async fn progress(pool: &PgPool, number: i32) -> Progress {
    let all = generations::progress(pool, Some("tally")).await.unwrap();
    all.into_iter().find(|it| it.generation.number == number).unwrap()
}

pub(crate) async fn until_standing(pool: &PgPool, number: i32, standing: Standing) {
    until("the generation has its standing", || async {
        let all = generations(pool).await;
        all.iter().any(|it| it.number == number && it.standing == standing)
    })
    .await;
}

pub(crate) async fn until_caught_up(pool: &PgPool, number: i32) {
    until("the generation has caught up", || async { progress(pool, number).await.behind() == 0 })
        .await;
}

/// The events that a reader sees, in all.
pub(crate) async fn seen(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select coalesce(sum(events), 0)::bigint from tally_rows")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Every row of the generation equals a fresh replay of the whole log.
pub(crate) async fn assert_equals_replay(world: &World, tally: &Tally, number: i32) {
    let head = EventReader::new(world.pool.clone()).head().await.unwrap();
    until_caught_up(&world.pool, number).await;
    let scratch = format!("scratch_{}", Uuid::now_v7().simple());
    generations::replay_into((&world.pool, &Vault::locked()), tally, &scratch, head).await.unwrap();
    let mut db = world.pool.acquire().await.unwrap();
    let tables = tally.tables();
    let rows =
        generations::hash_tables(&mut db, &format!("rm_tally_{number}"), tables).await.unwrap();
    assert_eq!(rows, generations::hash_tables(&mut db, &scratch, tables).await.unwrap());
    assert!(rows[0].rows > 0);
}
