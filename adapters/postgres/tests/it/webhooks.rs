//! What is kept about webhooks: sealed secrets, a fenced checkpoint, queues that hold their order.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use kontor_commands::clock;
use kontor_postgres::{
    MasterKeys, Vault,
    integrators::{self, Channel, EventFilter, Integrator, NewIntegrator},
    webhooks::{self, Due, Outcome, Parked, ParkedState, Place, Report, RotateError, Tried},
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{World, fill, world};

const URL: &str = "https://hooks.example.org/kontor";

pub(crate) fn vault(pool: &PgPool, keys: &str) -> Vault {
    Vault::new(pool.clone(), MasterKeys::parse(keys).unwrap())
}

pub(crate) fn key() -> String {
    MasterKeys::generate().expose_secret().to_owned()
}

fn billing() -> NewIntegrator {
    NewIntegrator {
        name: "billing".parse().unwrap(),
        tenant: None,
        events: EventFilter::new(&["*".to_owned()]).unwrap(),
        channel: Channel::Webhook,
    }
}

async fn added(world: &World, vault: &Vault) -> (Integrator, SecretString) {
    webhooks::add(&world.pool, vault, (billing(), URL)).await.unwrap()
}

/// A webhook of which the secret does not matter.
pub(crate) async fn webhook(world: &World) -> Integrator {
    added(world, &vault(&world.pool, &key())).await.0
}

async fn texts(world: &World, vault: &Vault, id: Uuid, at: DateTime<Utc>) -> Vec<String> {
    let signing = webhooks::signing_secrets(&world.pool, vault, id, at).await.unwrap();
    signing.iter().map(|(secret, _)| secret.text().expose_secret().to_owned()).collect()
}

pub(crate) fn tried(position: i64, failure: Option<&str>, at: DateTime<Utc>) -> Tried {
    Tried {
        position,
        event_id: Uuid::from_u128(u128::try_from(position).unwrap()),
        event_type: "meter.reading_submitted".to_owned(),
        attempt: 1,
        at,
        duration_ms: 12,
        status: failure.map(|_| 500),
        failure: failure.map(ToOwned::to_owned),
    }
}

pub(crate) fn parked(position: i64, stream_id: Uuid, next_at: DateTime<Utc>) -> Parked {
    Parked {
        position,
        stream_id,
        event_id: Uuid::from_u128(u128::try_from(position).unwrap()),
        event_type: "meter.reading_submitted".to_owned(),
        state: ParkedState::Pending,
        attempts: 1,
        next_at,
        failure: Some("answered 500".to_owned()),
    }
}

pub(crate) async fn written(world: &World, place: Place, report: &Report) -> webhooks::Claimed {
    match webhooks::record(&world.pool, place, report, clock::now()).await.unwrap() {
        Outcome::Written(after) => after,
        Outcome::Fenced => panic!("fenced at {place:?}"),
    }
}

#[tokio::test]
async fn a_secret_is_kept_sealed_and_opens_under_a_new_master_key() {
    let world = world().await;
    let (old, new) = (key(), key());
    let before = vault(&world.pool, &old);
    let (integrator, secret) = added(&world, &before).await;
    assert!(secret.expose_secret().starts_with("whsec_"));
    let stored: Vec<u8> = sqlx::query_scalar("select sealed from webhook_secrets")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    let opened = webhooks::signing_secrets(&world.pool, &before, integrator.id, clock::now());
    let opened = opened.await.unwrap();
    assert_eq!(opened[0].0.text().expose_secret(), secret.expose_secret());
    assert!(!stored.windows(8).any(|part| part == &opened[0].0.bytes()[..8]));
    assert_eq!(format!("{:?}", opened[0].0), "SigningSecret(_)");

    let rotating = vault(&world.pool, &format!("{new},{old}"));
    assert_eq!(rotating.keys_to_rewrap().await.unwrap(), 1);
    assert_eq!(rotating.rewrap(100).await.unwrap(), 1);
    assert_eq!(rotating.rewrap(100).await.unwrap(), 0);
    let after = vault(&world.pool, &new);
    assert_eq!(texts(&world, &after, integrator.id, clock::now()).await, [secret.expose_secret()]);
    assert!(
        webhooks::signing_secrets(&world.pool, &before, integrator.id, clock::now()).await.is_err()
    );
}

#[tokio::test]
async fn a_sealed_secret_opens_for_no_other_row() {
    let world = world().await;
    let vault = vault(&world.pool, &key());
    let (integrator, _) = added(&world, &vault).await;
    sqlx::query("update webhook_secrets set id = $1")
        .bind(Uuid::now_v7())
        .execute(&world.pool)
        .await
        .unwrap();
    let opened = webhooks::signing_secrets(&world.pool, &vault, integrator.id, clock::now()).await;
    let message = opened.unwrap_err().to_string();
    assert!(message.contains("is damaged"), "{message}");
}

#[tokio::test]
async fn without_a_master_key_nothing_is_added() {
    let world = world().await;
    webhooks::add(&world.pool, &Vault::locked(), (billing(), URL)).await.unwrap_err();
    assert_eq!(world.count("select count(*) from integrators").await, 0);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let world = world().await;
    let vault = vault(&world.pool, &key());
    let (integrator, first) = added(&world, &vault).await;
    let now = clock::now();
    let rotate =
        |at_once| webhooks::rotate_secret(&world.pool, &vault, (integrator.id, at_once), now);
    let second = rotate(false).await.unwrap();
    let (first, second) = (first.expose_secret(), second.expose_secret());
    let in_hours = |hours| now + TimeDelta::hours(hours);
    assert_eq!(texts(&world, &vault, integrator.id, in_hours(23)).await, [second, first]);
    assert_eq!(texts(&world, &vault, integrator.id, in_hours(25)).await, [second]);

    rotate(false).await.unwrap();
    let refused = rotate(false).await.unwrap_err();
    assert!(matches!(refused, RotateError::TooMany { .. }), "{refused:?}");
    let last = rotate(true).await.unwrap();
    assert_eq!(texts(&world, &vault, integrator.id, now).await, [last.expose_secret()]);
}

#[tokio::test]
async fn a_report_of_who_lost_the_lease_is_not_written() {
    let world = world().await;
    let (log, _) = world.log();
    let integrator = webhook(&world).await;
    fill(&log, 3).await;
    let claimed = webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    assert_eq!(claimed.position, 0);
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    assert_eq!(webhooks::claim(&world.pool, integrator.id, 2).await.unwrap(), Some(claimed));
    let report = Report { moved_to: Some(2), ..Report::default() };
    let late = webhooks::record(&world.pool, place, &report, clock::now()).await.unwrap();
    assert_eq!(late, Outcome::Fenced);
    assert_eq!(webhooks::claim(&world.pool, integrator.id, 1).await.unwrap(), None);

    let place = Place { epoch: 2, ..place };
    assert_eq!(written(&world, place, &report).await.position, 2);
    let again = webhooks::record(&world.pool, place, &report, clock::now()).await.unwrap();
    assert_eq!(again, Outcome::Fenced, "the position is another one now");
}

#[tokio::test]
async fn of_each_stream_only_the_first_waiting_event_is_due() {
    let world = world().await;
    let integrator = webhook(&world).await;
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let (anna, oleg, now) = (Uuid::now_v7(), Uuid::now_v7(), clock::now());
    let report = Report {
        moved_to: Some(4),
        parked: vec![
            parked(1, anna, now + TimeDelta::hours(2)),
            parked(2, oleg, now),
            parked(3, anna, now),
            parked(4, oleg, now),
        ],
        ..Report::default()
    };
    written(&world, place, &report).await;
    let due = |at| webhooks::due(&world.pool, integrator.id, at, 10);
    assert_eq!(due(now).await.unwrap(), [Due { position: 2, attempts: 1 }]);
    let later = due(now + TimeDelta::hours(3)).await.unwrap();
    assert_eq!(later.iter().map(|due| due.position).collect::<Vec<_>>(), [2, 1]);
    let queue = webhooks::queue(&world.pool, integrator.id).await.unwrap();
    assert_eq!((queue.streams.len(), queue.events, queue.next_at), (2, 4, Some(now)));
    let probe = || webhooks::next_probe(&world.pool, integrator.id);
    assert_eq!(probe().await.unwrap().map(|due| due.position), Some(1));

    let place = Place { position: 4, ..place };
    let tried = vec![tried(1, Some("answered 500"), now)];
    written(&world, place, &Report { tried, ..Report::default() }).await;
    assert_eq!(probe().await.unwrap().map(|due| due.position), Some(2), "it is another's turn");
    written(&world, place, &Report { delivered: vec![2], ..Report::default() }).await;
    assert_eq!(due(now).await.unwrap(), [Due { position: 4, attempts: 1 }]);
}

#[tokio::test]
async fn the_first_success_after_an_outage_brings_forward_what_waits_for_hours() {
    let world = world().await;
    let integrator = webhook(&world).await;
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let mut place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let now = clock::now();
    for position in 1..=5 {
        let report = Report {
            moved_to: Some(position),
            parked: vec![parked(position, Uuid::now_v7(), now + TimeDelta::hours(10))],
            tried: vec![tried(position, Some("answered 500"), now)],
            ..Report::default()
        };
        let after = written(&world, place, &report).await;
        assert_eq!(after.is_outage(), position == 5);
        assert_eq!(after.failing_since, Some(now));
        place.position = position;
    }
    let report =
        Report { delivered: vec![1], tried: vec![tried(1, None, now)], ..Report::default() };
    let after = written(&world, place, &report).await;
    assert_eq!((after.failures, after.failing_since), (0, None));
    let soon = clock::now() + TimeDelta::seconds(31);
    assert_eq!(webhooks::due(&world.pool, integrator.id, soon, 10).await.unwrap().len(), 4);
    let listed = webhooks::attempts(&world.pool, integrator.id, (false, 100)).await.unwrap();
    assert_eq!(listed.len(), 6);
    assert_eq!((listed[0].position, listed[0].state.as_str()), (1, "delivered"));
    let failed = webhooks::attempts(&world.pool, integrator.id, (true, 2)).await.unwrap();
    assert_eq!((failed[0].position, failed[0].state.as_str()), (5, "pending"));
}

#[tokio::test]
async fn a_disabled_webhook_loses_nothing_and_says_why() {
    let world = world().await;
    let integrator = webhook(&world).await;
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let now = clock::now();
    let report = Report {
        moved_to: Some(1),
        parked: vec![parked(1, Uuid::now_v7(), now + TimeDelta::hours(2))],
        disable: Some("the other side is gone for good (410)"),
        ..Report::default()
    };
    written(&world, place, &report).await;
    assert!(webhooks::jobs(&world.pool).await.unwrap().is_empty());
    assert!(!webhooks::disable(&world.pool, integrator.id, "again", now).await.unwrap());
    let troubled = webhooks::troubled(&world.pool).await.unwrap();
    assert_eq!(troubled[0].disabled_reason, report.disable.map(ToOwned::to_owned));
    assert!(!troubled[0].by_operator);
    let summary = webhooks::summary(&world.pool).await.unwrap();
    assert_eq!((summary.active, summary.disabled_by_kontor, summary.pending), (0, 1, 1));

    let before = webhooks::list(&world.pool).await.unwrap().remove(0);
    assert!(webhooks::enable(&world.pool, integrator.id, now).await.unwrap());
    assert!(!webhooks::enable(&world.pool, integrator.id, now).await.unwrap());
    let job = webhooks::jobs(&world.pool).await.unwrap().remove(0);
    assert!(job.revision > before.revision);
    assert_eq!(webhooks::due(&world.pool, integrator.id, now, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_revoked_webhook_is_fenced_and_leaves_no_secret() {
    let world = world().await;
    let integrator = webhook(&world).await;
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let now = clock::now();
    let report = Report { parked: vec![parked(1, Uuid::now_v7(), now)], ..Report::default() };
    written(&world, place, &report).await;
    integrators::revoke(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert!(webhooks::jobs(&world.pool).await.unwrap().is_empty());
    assert!(webhooks::find(&world.pool, &integrator.name).await.unwrap().is_none());
    assert_eq!(webhooks::record(&world.pool, place, &report, now).await.unwrap(), Outcome::Fenced);
    assert_eq!(webhooks::claim(&world.pool, integrator.id, 9).await.unwrap(), None);
    assert_eq!(
        world
            .count(
                "select (select count(*) from webhook_secrets)
                     + (select count(*) from webhook_deliveries)"
            )
            .await,
        0
    );
    webhook(&world).await;
}

#[tokio::test]
async fn old_attempts_and_ended_secrets_are_purged_and_what_waits_stays() {
    let world = world().await;
    let vault = vault(&world.pool, &key());
    let (integrator, _) = added(&world, &vault).await;
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let long_ago = clock::now() - TimeDelta::days(40);
    let given_up = Parked { state: ParkedState::Failed, ..parked(2, Uuid::now_v7(), long_ago) };
    let report = Report {
        parked: vec![parked(1, Uuid::now_v7(), long_ago), given_up],
        tried: vec![tried(1, Some("answered 500"), long_ago), tried(2, None, clock::now())],
        ..Report::default()
    };
    webhooks::record(&world.pool, place, &report, long_ago).await.unwrap();
    let month = Duration::from_secs(30 * 24 * 3_600);
    assert_eq!(webhooks::purge(&world.pool, month, 100).await.unwrap(), 2);
    assert_eq!(world.count("select min(position) from webhook_deliveries").await, 1);
    let rotated = webhooks::rotate_secret(&world.pool, &vault, (integrator.id, true), long_ago);
    rotated.await.unwrap();
    assert_eq!(webhooks::purge_secrets(&world.pool, 100).await.unwrap(), 1);
    assert_eq!(webhooks::purge_secrets(&world.pool, 100).await.unwrap(), 0);
}
