//! The appender when things go wrong.

use std::time::Duration;

use kontor_commands::{AppendError, AppendOutcome, EventStore, Expected};
use kontor_postgres::{AppenderSettings, EventLog};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::support::{PATIENCE, World, append, causes, demo, fill, until, world};

fn appended(version: i64, first: i64, last: i64) -> AppendOutcome {
    AppendOutcome::Appended { version, first_position: Some(first), last_position: Some(last) }
}

#[tokio::test]
async fn a_full_queue_refuses_and_works_again_afterwards() {
    let world = world().await;
    let settings = AppenderSettings { queue: 8, batch_max: 4, ..AppenderSettings::default() };
    let (log, _) = world.log_with(settings);
    let held = world.hold_append_lock().await;
    let mut tasks = Vec::new();
    let overloaded = loop {
        assert!(tasks.len() < 64, "the queue has no bound");
        let task = tokio::spawn({
            let log = log.clone();
            async move { log.append(append(Uuid::now_v7(), Expected::NoStream, &["{}"])).await }
        });
        // Let the task reach the queue: it is answered at once, or waits.
        tokio::task::yield_now().await;
        if task.is_finished() {
            break task.await.unwrap();
        }
        tasks.push(task);
    };
    assert!(matches!(overloaded, Err(AppendError::Overloaded)), "{overloaded:?}");
    held.free().await;
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(AppendOutcome::Appended { .. })));
    }
    fill(&log, 1).await;
}

#[tokio::test]
async fn shutdown_carries_out_what_waits_and_refuses_the_rest() {
    let world = world().await;
    let (log, _) = world.log_with(AppenderSettings { batch_max: 7, ..AppenderSettings::default() });
    let held = world.hold_append_lock().await;
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                log.append(append(Uuid::now_v7(), Expected::NoStream, &["{}"])).await
            })
        })
        .collect();
    world.until_appends_wait(1).await;
    let shutdown = tokio::spawn({
        let log = log.clone();
        async move { log.shutdown().await }
    });
    held.free().await;
    shutdown.await.unwrap();
    for task in waiting {
        assert!(matches!(task.await.unwrap(), Ok(AppendOutcome::Appended { .. })));
    }
    assert_eq!(world.count("select count(*) from events").await, 100);
    let late = log.append(append(Uuid::now_v7(), Expected::NoStream, &["{}"])).await;
    assert!(causes(&late.unwrap_err()).contains("the appender has stopped"));
}

async fn terminate_appender(world: &World) {
    let terminated = world
        .count(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where application_name = 'kontor-appender' and datname = current_database()",
        )
        .await;
    assert_eq!(terminated, 1);
}

#[tokio::test]
async fn a_broken_connection_leaves_the_outcome_unknown_and_a_retry_has_one_effect() {
    let world = world().await;
    let (log, _) = world.log();
    let wanted = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);

    // Broken while it waits for the lock: nothing was written.
    let held = world.hold_append_lock().await;
    let broken = tokio::spawn({
        let (log, wanted) = (log.clone(), wanted.clone());
        async move { log.append(wanted).await }
    });
    world.until_appends_wait(1).await;
    terminate_appender(&world).await;
    let error = broken.await.unwrap().unwrap_err();
    assert!(causes(&error).contains("outcome is unknown"), "{}", causes(&error));
    held.free().await;
    assert_eq!(log.append(wanted.clone()).await.unwrap(), appended(1, 1, 1));

    // Broken after the commit, as far as the caller can tell: the receipt answers.
    terminate_appender(&world).await;
    let outcome = loop {
        // The first attempt may still find the dead connection.
        match log.append(wanted.clone()).await {
            Ok(outcome) => break outcome,
            Err(error) => assert!(causes(&error).contains("outcome is unknown")),
        }
    };
    assert!(matches!(outcome, AppendOutcome::Duplicate(_)), "{outcome:?}");
    assert_eq!(world.count("select count(*) from events").await, 1);
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() {
    let world = world().await;
    let settings = AppenderSettings {
        statement_timeout: Duration::from_millis(500),
        ..AppenderSettings::default()
    };
    let (log, _) = world.log_with(settings);
    let held = world.hold_append_lock().await;
    let error = log.append(append(Uuid::now_v7(), Expected::Any, &["{}"])).await.unwrap_err();
    assert!(causes(&error).contains("statement timeout"), "{}", causes(&error));
    held.free().await;
    fill(&log, 1).await;
}

#[tokio::test]
async fn an_append_whose_caller_went_away_is_carried_out() {
    let world = world().await;
    let (log, _) = world.log();
    let held = world.hold_append_lock().await;
    let wanted = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    let caller = tokio::spawn({
        let (log, wanted) = (log.clone(), wanted.clone());
        async move { log.append(wanted).await }
    });
    world.until_appends_wait(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    held.free().await;
    until("the receipt is there", || async {
        log.receipt(&demo(), wanted.command_id).await.unwrap().is_some()
    })
    .await;
}

/// An event log on a database that accepts connections and never says a word.
async fn log_without_database(settings: AppenderSettings) -> (EventLog, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("postgres://nobody@{address}/none?sslmode=disable");
    let pool = sqlx::PgPool::connect_lazy(&url).unwrap();
    (EventLog::start(pool, settings, tokio::sync::watch::channel(0).0), silent)
}

#[tokio::test]
async fn a_silent_database_is_answered_for_in_time() {
    let settings = AppenderSettings {
        connect_timeout: Duration::from_millis(100),
        ..AppenderSettings::default()
    };
    let (log, _silent) = log_without_database(settings).await;
    let error = log.append(append(Uuid::now_v7(), Expected::Any, &["{}"])).await.unwrap_err();
    assert!(causes(&error).contains("could not be reached in time"), "{}", causes(&error));
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_database_that_is_gone() {
    // One attempt for each of the 200 appends would take minutes.
    let settings = AppenderSettings {
        connect_timeout: Duration::from_secs(1),
        batch_max: 1,
        ..AppenderSettings::default()
    };
    let (log, _silent) = log_without_database(settings).await;
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(
                async move { log.append(append(Uuid::now_v7(), Expected::Any, &["{}"])).await },
            )
        })
        .collect();
    tokio::task::yield_now().await;
    tokio::time::timeout(PATIENCE, log.shutdown()).await.unwrap();
    for task in waiting {
        assert!(matches!(task.await.unwrap(), Err(AppendError::Store(_))));
    }
}
