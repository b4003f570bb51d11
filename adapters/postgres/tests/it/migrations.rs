//! Applying the migrations.

use crate::support::world;

#[tokio::test]
async fn migrations_are_pending_on_an_empty_database_and_applied_once() {
    let database = kontor_engines::testing::database().await;
    let pool = kontor_postgres::connect(&database.url, 4).await.unwrap();

    let pending = kontor_postgres::pending_migrations(&pool).await.unwrap();
    assert_eq!(pending[0].version, 1);
    assert_eq!(pending[0].description, "event log");
    assert!(pending.is_sorted_by_key(|migration| migration.version));

    // Several processes start at once.
    let (first, second, third) = tokio::join!(
        kontor_postgres::migrate(&pool),
        kontor_postgres::migrate(&pool),
        kontor_postgres::migrate(&pool)
    );
    first.unwrap();
    second.unwrap();
    third.unwrap();
    assert_eq!(kontor_postgres::pending_migrations(&pool).await.unwrap(), []);
}

#[tokio::test]
async fn a_migration_of_a_newer_build_does_not_stop_an_older_one() {
    let world = world().await;
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'from the future', true, '\\x00', 0)",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    kontor_postgres::migrate(&world.pool).await.unwrap();
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let world = world().await;
    sqlx::query("update _sqlx_migrations set checksum = '\\x00' where version = 1")
        .execute(&world.pool)
        .await
        .unwrap();
    let error = kontor_postgres::migrate(&world.pool).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot migrate the database");
}
