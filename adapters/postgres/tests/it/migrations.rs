//! Applying the migrations.

use kontor_postgres::journal::{self, Action, EntryFilter};

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

/// As it stood before migration 0134.
#[tokio::test]
async fn looks_at_personal_data_move_into_the_one_journal_and_older_programs_reach_it() {
    let world = world().await;
    for statement in [
        "drop trigger personal_data_views_forward on personal_data_views",
        "drop function forward_personal_data_view()",
        "drop index operator_actions_in_order",
        "create index operator_actions_at on operator_actions (at)",
        "delete from _sqlx_migrations where version = 134",
        "insert into personal_data_views (at, viewer, verb, subject)
         values ('2026-11-01T10:00:00Z', 'anna@host', 'log show', 'position 2'),
             ('2026-11-01T09:00:00Z', 'key kt_7', 'http subject export', 'moscow 7')",
    ] {
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    kontor_postgres::migrate(&world.pool).await.unwrap();
    let old = "insert into personal_data_views (viewer, verb, subject)
               values ('boris@host', 'stream show', 'account 7')";
    sqlx::query(old).execute(&world.pool).await.unwrap();
    let filter = EntryFilter { action: Some(Action::ShowPersonal), ..EntryFilter::default() };
    let entries = journal::page(&world.pool, &filter, None, 10).await.unwrap();
    let told: Vec<_> = entries.iter().map(|it| (it.by.as_str(), it.target.as_str())).collect();
    assert_eq!(
        told,
        [
            ("cli boris@host", "stream show account 7"),
            ("cli anna@host", "log show position 2"),
            ("kt_7", "http subject export moscow 7"),
        ]
    );
    assert_eq!(entries[1].at.to_rfc3339(), "2026-11-01T10:00:00+00:00");
    assert_eq!(
        world.count("select count(*) from personal_data_views where viewer like 'a%'").await,
        0
    );
}
