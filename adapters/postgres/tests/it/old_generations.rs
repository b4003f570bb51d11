//! A database with data from before migration 0112, which was the first to alter the tables of living
//! generations: it migrates, runs, and what a process of that time passed over is built anew.

use std::{fs, sync::Arc};

use kontor_commands::{EventStore, Expected, NewEvent};
use kontor_postgres::{
    EventLog, EventReader, MasterKeys, ReadModel, ReadModelSettings, Vault,
    generations::{self, Standing, begin, followed, hash_tables, replay_into, retire},
};
use kontor_projections::{Projection, accounts, tenants};
use serde_json::json;
use sqlx::{PgPool, migrate::Migrator};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{
    support::{World, append, demo, event, until, world},
    tally,
};

/// The last migration of that time.
const LAST: i64 = 111;
/// The read models that were altered.
const ALTERED: [&str; 2] = ["accounts", "tenants"];

/// A database as it was then: with events, and with rows as the followers of that time left them.
async fn old_world() -> (World, Vec<Uuid>) {
    let database = kontor_engines::testing::database().await;
    let pool = kontor_postgres::connect(&database.url, 16).await.unwrap();
    let then = tempfile::tempdir().unwrap();
    for file in fs::read_dir("../../migrations").unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let number = name.split('_').next().and_then(|number| number.parse::<i64>().ok());
        if number.is_some_and(|number| number <= LAST) {
            fs::copy(file.path(), then.path().join(name)).unwrap();
        }
    }
    Migrator::new(then.path()).await.unwrap().run(&pool).await.unwrap();
    let world = World { url: database.url, pool };
    let (log, _) = world.log();
    let people = write_of_then(&log).await;
    for statement in [
        // What the followers of that time wrote, and where they stood.
        "insert into tenant_directory (id, name, kind, language, time_zone, meter_rules, created_at,
             created_position, position, version)
         select tenant, payload ->> 'name', payload ->> 'kind', payload ->> 'language',
             payload ->> 'time_zone', payload -> 'meter_rules', occurred_at, position, position, version
         from events where event_type = 'tenant.created'",
        "insert into account_directory (id, tenant, display_name, language, phone, origin_kind,
             external_id, bots_blocked, registered_at, created_position, position, version)
         select stream_id, tenant, payload ->> 'display_name', payload ->> 'language',
             payload ->> 'phone', 'api', payload #>> '{origin,external_id}', '{}', occurred_at,
             position, position, version
         from events where event_type = 'account.registered'",
        "insert into checkpoints (name, version, position, epoch)
         select name, 1, (select max(position) from events), 1 from unnest('{accounts,tenants}'::text[])
             as name
         on conflict (name, version, segment) do update set position = excluded.position",
        // A rebuild was under way, and another one was retired.
        "create schema rm_accounts_2",
        "create table rm_accounts_2.account_directory
             (like rm_accounts_1.account_directory including all)",
        "insert into projection_generations (name, generation, code_version, state, tables, retired_at)
         values ('accounts', 2, 1, 'building', '{account_directory}', null),
             ('accounts', 3, 1, 'retired', '{account_directory}', clock_timestamp())",
    ] {
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    (world, people)
}

async fn say(
    log: &EventLog,
    stream: (&'static str, Uuid),
    said: (&'static str, serde_json::Value),
) {
    let mut next = append(stream.1, Expected::Any, &[]);
    next.stream_type = stream.0;
    next.events = vec![NewEvent { event_type: said.0, ..event(&said.1.to_string()) }];
    log.append(next).await.unwrap();
}

/// A tenant and three people, in clear as everything was then.
async fn write_of_then(log: &EventLog) -> Vec<Uuid> {
    let created = json!({
        "id": "demo", "name": "Горводоканал", "kind": "utility", "language": "ru",
        "time_zone": "Europe/Moscow",
        "meter_rules": {
            "window_first_day": 15, "window_last_day": 25, "unusual_factor": 3,
            "verification": "warn", "by_source": {},
        },
    });
    say(log, ("tenant", demo().stream_id()), ("tenant.created", created)).await;
    let people: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
    for (number, id) in people.iter().enumerate() {
        let registered = json!({
            "display_name": format!("Жилец {number}"), "language": "ru",
            "origin": { "kind": "api", "external_id": number.to_string() },
        });
        say(log, ("account", *id), ("account.registered", registered)).await;
    }
    people
}

fn projection(name: &str) -> Arc<dyn Projection> {
    kontor_projections::all().into_iter().find(|it| it.name() == name).unwrap()
}

fn vault(world: &World) -> Vault {
    Vault::new(world.pool.clone(), MasterKeys::throwaway())
}

/// Runs the read models that were altered, as a process of today does.
fn process(world: &World) -> DropGuard {
    let stop = CancellationToken::new();
    let (_, head) = watch::channel(0);
    for name in ALTERED {
        let mut settings: ReadModelSettings = tally::settings();
        settings.follower.vault = Some(vault(world));
        let running = ReadModel::new(world.pool.clone(), projection(name), settings);
        tokio::spawn(running.run(head.clone(), stop.clone()));
    }
    stop.drop_guard()
}

async fn standing(pool: &PgPool, name: &str, number: i32) -> Option<Standing> {
    let found = generations::list(pool, Some(name)).await.unwrap();
    found.into_iter().find(|it| it.number == number).map(|it| it.standing)
}

/// Waits until a generation is read and holds all of the log; its rows are then those of a replay.
async fn until_read_and_right(world: &World, name: &str, number: i32) {
    until("the generation is read", || async {
        standing(&world.pool, name, number).await == Some(Standing::Active)
    })
    .await;
    let head = EventReader::new(world.pool.clone()).head().await.unwrap();
    until("it has caught up", || async {
        let all = generations::progress(&world.pool, Some(name)).await.unwrap();
        all.iter().any(|it| it.generation.number == number && it.position == head)
    })
    .await;
    let (projection, scratch) = (projection(name), format!("scratch_{}", Uuid::now_v7().simple()));
    let place = (&world.pool, &vault(world));
    replay_into(place, &*projection, &scratch, head).await.unwrap();
    let mut db = world.pool.acquire().await.unwrap();
    let tables = projection.tables();
    let rows = hash_tables(&mut db, &format!("rm_{name}_{number}"), tables).await.unwrap();
    assert_eq!(rows, hash_tables(&mut db, &scratch, tables).await.unwrap());
    assert!(rows[0].rows > 0);
}

#[tokio::test]
async fn a_database_from_before_0112_migrates_runs_and_is_built_anew_where_events_were_passed_over()
{
    let (world, people) = old_world().await;
    kontor_postgres::migrate(&world.pool).await.unwrap();
    // Before any process of today runs, queries of today find their columns and the old rows.
    let muted = async |id| {
        let found = accounts::find(&world.pool, &demo(), id).await.unwrap();
        found.unwrap().reminders_muted
    };
    assert!(!muted(people[0]).await);
    let tenant = tenants::find(&world.pool, &demo()).await.unwrap().unwrap();
    assert!(tenant.reading_reminders.enabled);
    for (name, number) in [("accounts", 1), ("accounts", 2), ("tenants", 1)] {
        assert!(standing(&world.pool, name, number).await.is_some(), "{name} {number} is left");
    }

    // A process of then has the followers while one of today takes commands: it passes over what it
    // does not know, and its checkpoint says that nothing is missing.
    let (log, _) = world.log();
    let muted_now = ("account.reading_reminders_muted", json!({}));
    say(&log, ("account", people[0]), muted_now).await;
    let off = json!({ "reading_reminders": { "enabled": false, "days_before": 5, "hour": 19 } });
    let off = ("tenant.reading_reminders_changed", off);
    say(&log, ("tenant", demo().stream_id()), off).await;
    let passed_over = "update checkpoints set position = (select max(position) from events)
                       where name in ('accounts', 'tenants')";
    sqlx::query(passed_over).execute(&world.pool).await.unwrap();
    assert!(!muted(people[0]).await, "it was passed over");

    let _process = process(&world);
    until_read_and_right(&world, "accounts", 4).await;
    until_read_and_right(&world, "tenants", 2).await;
    assert!(muted(people[0]).await && !muted(people[1]).await);
    let tenant = tenants::find(&world.pool, &demo()).await.unwrap().unwrap();
    assert!(!tenant.reading_reminders.enabled);

    // And again on order; the generations of then can go.
    let rebuilt = begin(&world.pool, &*projection("accounts"), 2, true).await.unwrap();
    until_read_and_right(&world, "accounts", rebuilt.number).await;
    for (name, number) in [("accounts", 1), ("accounts", 2), ("tenants", 1)] {
        retire(&world.pool, name, number).await.unwrap();
    }
    assert!(muted(people[0]).await);
}

#[tokio::test]
async fn a_new_installation_builds_nothing() {
    let world = world().await;
    for projection in kontor_projections::all() {
        let found = followed(&world.pool, &*projection).await.unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.number, it.standing)).collect();
        assert_eq!(found, [(1, Standing::Active)], "{}", projection.name());
    }
}
