//! Read models are compared with a fresh replay, row by row, without touching them.

use std::sync::Arc;

use kontor_commands::{EventStore, Expected};
use kontor_postgres::{
    Follower, Vault,
    verify::{CompareError, Comparison, compare},
};
use kontor_projections::Projection;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::{
    ledger::{catch_up, hasty},
    support::World,
    verify::{RENAMED, account, sound},
};

fn accounts() -> Arc<dyn Projection> {
    Arc::new(kontor_projections::accounts::Accounts)
}

/// A world whose read model `accounts` has caught up.
async fn followed() -> (World, kontor_postgres::EventLog, Follower) {
    let (world, log) = sound().await;
    let mut follower = Follower::projection(world.pool.clone(), accounts(), hasty());
    catch_up(&mut follower).await;
    (world, log, follower)
}

async fn look(world: &World) -> Comparison {
    let comparison =
        compare((&world.pool, &Vault::locked()), &[&*accounts()], &mut |_| {}).await.unwrap();
    let left = world.count("select count(*) from pg_namespace where nspname like 'verify%'").await;
    assert_eq!(left, 0, "no scratch tables stay");
    comparison
}

#[tokio::test]
async fn a_read_model_equals_a_fresh_replay() {
    let (world, log, _follower) = followed().await;
    let found = look(&world).await;
    assert_eq!((found.report.damaged, found.report.looked_at), (0, 1), "{found:?}");
    assert!(found.left_out.is_empty(), "{found:?}");
    // The log went on, the read model did not: it is compared at its own position.
    let event = ("account.renamed", RENAMED);
    log.append(account(1, Expected::Exact(3), &[event])).await.unwrap();
    assert_eq!(look(&world).await.report.damaged, 0);
}

#[tokio::test]
async fn each_difference_is_named_by_its_row_and_tells_nothing_of_it() {
    const ROW: &str = "00000000-0000-0000-0000-000000000002";
    let cases = [
        (
            "update account_directory set display_name = 'Глафира' where id = $1",
            "it differs at position 9: 3 rows, a fresh replay has 3",
        ),
        (
            "delete from account_directory where id = $1",
            "it is missing at position 9: 2 rows, a fresh replay has 3",
        ),
    ];
    for (statement, wanted) in cases {
        let (world, _log, _follower) = followed().await;
        sqlx::query(statement)
            .bind(ROW.parse::<Uuid>().unwrap())
            .execute(&world.pool)
            .await
            .unwrap();
        let found = look(&world).await;
        let damage = &found.report.first[0];
        assert_eq!(
            damage.place,
            format!("read model accounts, table account_directory, row {ROW}")
        );
        assert_eq!(damage.what, wanted);
        assert!(!format!("{found:?}").contains("Глафира"));
    }
}

#[tokio::test]
async fn a_row_too_many_is_named() {
    let (world, _log, _follower) = followed().await;
    let copied = "insert into account_directory select (jsonb_populate_record(a, '{
            \"id\": \"ffffffff-0000-0000-0000-000000000000\", \"created_position\": 77}')).*
         from account_directory a limit 1";
    sqlx::query(copied).execute(&world.pool).await.unwrap();
    let damage = look(&world).await.report.first.remove(0);
    assert!(damage.place.ends_with("row ffffffff-0000-0000-0000-000000000000"), "{damage:?}");
    assert!(damage.what.starts_with("it should not be there"), "{damage:?}");
}

#[tokio::test]
async fn what_cannot_be_compared_is_told() {
    let (world, _log, _follower) = followed().await;
    let park = "insert into dead_letters (name, version, key, position)
                values ('accounts', 1, gen_random_uuid(), 1)";
    sqlx::query(park).execute(&world.pool).await.unwrap();
    let found = look(&world).await;
    assert_eq!(found.report.looked_at, 0);
    assert!(found.left_out[0].contains("1 events are parked or skipped"), "{found:?}");
    sqlx::query("delete from dead_letters").execute(&world.pool).await.unwrap();

    let other = "update projection_generations set code_version = 99 where name = 'accounts'";
    sqlx::query(other).execute(&world.pool).await.unwrap();
    assert!(look(&world).await.left_out[0].contains("code of version 99 fills it"));
}

#[tokio::test]
async fn a_replay_that_stops_is_damage() {
    let (world, log) = sound().await;
    let broken = ("account.renamed", r#"{"display_name":{"secret":"Глафира"}}"#);
    log.append(account(1, Expected::Exact(3), &[broken])).await.unwrap();
    // As if the read model had passed it.
    let passed = "insert into checkpoints (name, version, position) values ('accounts', 1, 10)";
    sqlx::query(passed).execute(&world.pool).await.unwrap();
    let found = look(&world).await;
    let damage = &found.report.first[0];
    assert!(damage.what.contains("cannot be applied"), "{damage:?}");
    assert!(!format!("{found:?}").contains("Глафира"), "{found:?}");
}

#[tokio::test]
async fn leftovers_are_cleared_and_one_comparison_runs_at_a_time() {
    let (world, _log, _follower) = followed().await;
    sqlx::query("create schema verify_accounts_left").execute(&world.pool).await.unwrap();
    let mut other = PgConnection::connect(&world.url).await.unwrap();
    sqlx::query("select pg_advisory_lock(hashtextextended('kontor.verify.projections', 0))")
        .execute(&mut other)
        .await
        .unwrap();
    let busy = compare((&world.pool, &Vault::locked()), &[&*accounts()], &mut |_| {}).await;
    assert!(matches!(busy, Err(CompareError::Busy)), "{busy:?}");
    other.close().await.unwrap();
    assert_eq!(look(&world).await.report.damaged, 0);
}
