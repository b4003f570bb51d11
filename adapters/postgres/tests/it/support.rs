//! What the tests share: a migrated database, appends, and waiting with a bound.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use kontor_commands::{Append, AppendError, AppendOutcome, EventStore, Expected, NewEvent, clock};
use kontor_domain::{Actor, Metadata, TenantId};
use kontor_postgres::{AppenderSettings, EventLog};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::watch;
use uuid::Uuid;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The key of the lock that the append function takes.
pub(crate) const APPEND_LOCK: i64 = 118_126_338_666_354;

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) pool: PgPool,
}

/// A fresh database with all migrations.
pub(crate) async fn world() -> World {
    let database = kontor_engines::testing::database().await;
    let pool = kontor_postgres::connect(&database.url, 16).await.unwrap();
    kontor_postgres::migrate(&pool).await.unwrap();
    World { url: database.url, pool }
}

impl World {
    /// An event log with the usual settings, and its head.
    pub(crate) fn log(&self) -> (EventLog, watch::Receiver<i64>) {
        self.log_with(AppenderSettings::default())
    }

    pub(crate) fn log_with(&self, settings: AppenderSettings) -> (EventLog, watch::Receiver<i64>) {
        let (head, watched) = watch::channel(0);
        (EventLog::start(self.pool.clone(), settings, head), watched)
    }

    /// A connection that holds the append lock until it is dropped or [`Held::free`]d: appends wait.
    pub(crate) async fn hold_append_lock(&self) -> Held {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::query("select pg_advisory_lock($1)")
            .bind(APPEND_LOCK)
            .execute(&mut connection)
            .await
            .unwrap();
        Held(connection)
    }

    /// Waits until so many sessions wait for the append lock.
    pub(crate) async fn until_appends_wait(&self, sessions: i64) {
        until("appends wait for the lock", || async {
            let waiting: i64 = self
                .count(
                    "select count(*) from pg_locks where locktype = 'advisory' and not granted
                     and database = (select oid from pg_database where datname = current_database())",
                )
                .await;
            waiting == sessions
        })
        .await;
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }
}

pub(crate) struct Held(PgConnection);

impl Held {
    pub(crate) async fn free(self) {
        self.0.close().await.unwrap();
    }
}

/// Polls until the condition holds.
pub(crate) async fn until<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn demo() -> TenantId {
    "demo".parse().unwrap()
}

/// An append of `payloads` to a stream, by a fresh command.
pub(crate) fn append(stream_id: Uuid, expected: Expected, payloads: &[&str]) -> Append {
    let command_id = Uuid::now_v7();
    Append {
        tenant: demo(),
        command_id,
        fingerprint: *command_id.as_bytes(),
        stream_type: "meter",
        stream_id,
        subject: None,
        expected,
        events: payloads.iter().map(|payload| event(payload)).collect(),
        refusal: None,
        metadata: metadata(command_id),
        occurred_at: occurred_at(),
    }
}

pub(crate) fn event(payload: &str) -> NewEvent {
    NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "meter.reading_submitted",
        schema_version: 1,
        payload: payload.to_owned(),
        personal_fields: &[],
    }
}

pub(crate) fn metadata(command_id: Uuid) -> Metadata {
    Metadata {
        actor: Actor::System { name: "test".to_owned() },
        command_id,
        correlation_id: command_id,
        causation_id: None,
        trace: None,
    }
}

pub(crate) fn occurred_at() -> DateTime<Utc> {
    clock::now()
}

/// Appends `count` events, each of a new stream, and returns the streams.
pub(crate) async fn fill(log: &EventLog, count: usize) -> Vec<Uuid> {
    let streams: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    for stream in &streams {
        let outcome = log.append(append(*stream, Expected::NoStream, &["{}"])).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
    }
    streams
}

/// The message of a store error with all its causes.
pub(crate) fn causes(error: &AppendError) -> String {
    let AppendError::Store(store) = error else { return error.to_string() };
    let mut text = store.to_string();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&*store.0);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
