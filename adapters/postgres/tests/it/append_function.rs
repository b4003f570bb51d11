//! The rules that the database itself keeps.

use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use crate::support::world;

/// Calls the function with one event for each append and no expectation.
async fn call(
    connection: &mut PgConnection,
    streams: &[Uuid],
    commands: &[Uuid],
    counts: &[i32],
) -> Result<Vec<String>, sqlx::Error> {
    let appends = streams.len();
    let events = usize::try_from(counts.iter().sum::<i32>()).unwrap();
    sqlx::query_scalar(
        "select verdict from append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(vec!["demo"; appends])
    .bind(commands)
    .bind(vec![[0_u8; 16].as_slice(); appends])
    .bind(vec!["meter"; appends])
    .bind(streams)
    .bind(vec![None::<i64>; appends])
    .bind(vec![None::<&str>; appends])
    .bind(vec!["{}"; appends])
    .bind(vec![crate::support::occurred_at(); appends])
    .bind(counts)
    .bind((0..events).map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind(vec!["meter.x"; events])
    .bind(vec![1_i32; events])
    .bind(vec!["{}"; events])
    .fetch_all(connection)
    .await
}

/// Streams, commands, events of each, and what the error says.
type Case = (&'static [u128], &'static [u128], &'static [i32], &'static str);

fn ids(numbers: &[u128]) -> Vec<Uuid> {
    numbers.iter().map(|number| Uuid::from_u128(*number)).collect()
}

#[tokio::test]
async fn a_malformed_batch_raises_a_clear_error_and_writes_nothing() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    let cases: [Case; 5] = [
        (&[1, 1], &[1, 2], &[1, 1], "two appends of one stream"),
        (&[1, 1], &[1, 2], &[1, 0], "two appends of one stream"),
        (&[1, 2], &[1, 1], &[1, 0], "two appends of one command id"),
        (&[1, 2], &[1, 2], &[2, -1], "do not fit together"),
        (&[1, 2], &[1, 2, 3], &[1, 1], "do not fit together"),
    ];
    for (streams, commands, counts, message) in cases {
        let error = call(&mut connection, &ids(streams), &ids(commands), counts).await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(world.count("select count(*) from events").await, 0);
    assert_eq!(world.count("select count(*) from receipts").await, 0);

    let fine = call(&mut connection, &ids(&[1, 2]), &ids(&[1, 2]), &[2, 0]).await.unwrap();
    assert_eq!(fine, ["appended", "appended"]);
    assert_eq!(call(&mut connection, &[], &[], &[]).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_snapshot_from_before_the_lock_is_refused() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    for level in ["repeatable read", "serializable"] {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("set transaction isolation level {level}")))
            .execute(&mut *tx)
            .await
            .unwrap();
        let error = call(&mut tx, &ids(&[1]), &ids(&[1]), &[1]).await.unwrap_err();
        assert!(error.to_string().contains("read committed"), "{error}");
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_log_cannot_be_changed() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    call(&mut connection, &ids(&[1]), &ids(&[1]), &[1]).await.unwrap();
    for statement in [
        "update events set tenant = 'other'",
        "update events set tenant = 'other' where false",
        "delete from events",
        "truncate events",
        "insert into events select * from events on conflict (position) do update set version = 9",
    ] {
        let error = sqlx::query(statement).execute(&mut *connection).await.unwrap_err();
        assert!(error.to_string().contains("the event log is append only"), "{error}");
    }
    // A session that replays replication is held to it as well.
    sqlx::query("set session_replication_role = replica").execute(&mut *connection).await.unwrap();
    let error = sqlx::query("delete from events").execute(&mut *connection).await.unwrap_err();
    assert!(error.to_string().contains("the event log is append only"), "{error}");
    assert_eq!(world.count("select count(*) from events").await, 1);
    drop(connection.detach());
}

#[tokio::test]
async fn a_rolled_back_append_leaves_no_gap() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    for (number, commit) in [(1, true), (2, false), (3, false), (4, true)] {
        let mut tx = connection.begin().await.unwrap();
        call(&mut tx, &ids(&[number]), &ids(&[number]), &[3]).await.unwrap();
        if commit {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
    }
    assert_eq!(world.count("select count(*) from events").await, 6);
    assert_eq!(world.count("select max(position) from events").await, 6);
    assert_eq!(world.count("select count(*) from receipts").await, 2);
}

#[tokio::test]
async fn the_look_ups_use_the_indexes_although_nothing_was_analysed() {
    let world = world().await;
    let mut connection = world.pool.acquire().await.unwrap();
    let many: Vec<u128> = (1..=400).collect();
    for round in 0..20_u128 {
        let numbers: Vec<u128> = many.iter().map(|number| round * 1_000 + number).collect();
        call(&mut connection, &ids(&numbers), &ids(&numbers), &[1; 400]).await.unwrap();
    }
    // The statistics of this session's table accesses reach the views when it ends.
    sqlx::Connection::close(connection.detach()).await.unwrap();
    crate::support::until("the statistics arrive", || async {
        world
            .count(
                "select count(*) from pg_stat_user_tables
                 where relname in ('events', 'receipts') and n_tup_ins = 8000",
            )
            .await
            == 2
    })
    .await;
    let scanned = world
        .count(
            "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables
             where relname in ('events', 'receipts')",
        )
        .await;
    assert_eq!(scanned, 0, "rows read by sequential scans");
}
