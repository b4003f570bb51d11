//! What arrives, in which order, and how often.

use chrono::TimeDelta;
use kontor_commands::clock;
use kontor_postgres::{integrators, webhooks};
use kontor_webhooks::{Caller, GIVEN_UP_AFTER, Next, Office, signature};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    stand::{Got, Reply, Stand, status},
    support::{PATIENCE, World, world},
};

pub(crate) fn ids(got: &[Got]) -> Vec<String> {
    got.iter().map(|got| got.headers["webhook-id"].clone()).collect()
}

async fn signatures(world: &World, got: &Got) -> (String, Vec<String>) {
    let signing =
        webhooks::signing_secrets(&world.pool, &world.vault, world.integrator.id, clock::now());
    let signing = signing.await.unwrap();
    let timestamp = got.headers["webhook-timestamp"].parse().unwrap();
    let id = got.headers["webhook-id"].as_str();
    let each = signing
        .iter()
        .map(|(secret, _)| signature([secret.bytes()], (id, timestamp), &got.body))
        .collect();
    (got.headers["webhook-signature"].clone(), each)
}

#[tokio::test]
async fn events_arrive_signed_in_order_and_only_those_that_are_wanted() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let expected = world.readings(Uuid::now_v7(), 3).await;
    world.append("other", ("meter", "meter.reading_submitted"), Uuid::now_v7(), 1).await;
    world.append("demo", ("account", "account.registered"), Uuid::now_v7(), 1).await;
    assert_eq!(world.work().await, Next::Idle);
    let got = stand.got();
    assert_eq!(ids(&got), expected);
    assert!(got[0].headers["content-type"].starts_with("application/cloudevents+json"));
    let body = String::from_utf8(got[0].body.clone()).unwrap();
    assert!(body.contains(r#""specversion":"1.0""#) && body.contains("счётчик"), "{body}");
    let (header, each) = signatures(&world, &got[0]).await;
    assert_eq!(header, each.join(" "));
    let age =
        clock::now().timestamp() - got[0].headers["webhook-timestamp"].parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    assert_eq!(world.webhook().await.position, 5);
    assert_eq!(world.work().await, Next::Idle);
    assert_eq!(stand.got().len(), 3, "nothing comes twice after a restart");
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let (id, now) = (world.integrator.id, clock::now());
    webhooks::rotate_secret(&world.pool, &world.vault, (id, false), now).await.unwrap();
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    let (header, each) = signatures(&world, &stand.got()[0]).await;
    assert_eq!(each.len(), 2);
    assert_eq!(header, each.join(" "));
}

#[tokio::test]
async fn an_event_that_fails_holds_back_its_own_stream_and_no_other() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let (anna, oleg) = (Uuid::now_v7(), Uuid::now_v7());
    stand.answers([status(500)]);
    let of_anna = world.readings(anna, 2).await;
    assert!(matches!(world.work().await, Next::At(_)));
    let of_oleg = world.readings(oleg, 1).await;
    let more_of_anna = world.readings(anna, 1).await;
    assert!(matches!(world.work().await, Next::At(_)));
    assert_eq!(ids(&stand.got()), [&of_anna[..1], &of_oleg].concat());
    assert_eq!(world.webhook().await.pending, 3);
    world.pass(TimeDelta::seconds(6)).await;
    assert_eq!(world.work().await, Next::Idle);
    let expected = [&of_anna[..1], &of_oleg, &of_anna, &more_of_anna].concat();
    assert_eq!(ids(&stand.got()), expected);
    let webhook = world.webhook().await;
    assert_eq!((webhook.pending, webhook.failing_since), (0, None));
}

#[tokio::test]
async fn what_was_sent_and_not_written_down_is_sent_again() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let expected = world.readings(Uuid::now_v7(), 2).await;
    let (mut courier, lease) = (world.courier().await, world.lease().await);
    // It took the checkpoint; then another process took the lease and claimed it.
    assert_eq!(courier.step(&lease).await.unwrap(), Next::More);
    let late = world.readings(Uuid::now_v7(), 1).await;
    let other = world.lease().await;
    webhooks::claim(&world.pool, world.integrator.id, other.lease().epoch).await.unwrap().unwrap();
    assert_eq!(courier.step(&lease).await.unwrap(), Next::Stop);
    assert_eq!(world.work().await, Next::Idle);
    assert_eq!(ids(&stand.got()), [&expected[..], &late, &late].concat());
}

#[tokio::test]
async fn after_all_attempts_an_event_is_given_up_and_comes_again_when_it_is_ordered() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let stream = Uuid::now_v7();
    stand.answers((0..GIVEN_UP_AFTER).map(|_| status(500)));
    let expected = world.readings(stream, 1).await;
    for _ in 0..GIVEN_UP_AFTER {
        world.work().await;
        // So that no attempt is a probe out of turn.
        sqlx::query("update webhooks set failures = 0").execute(&world.pool).await.unwrap();
        world.pass(TimeDelta::hours(27)).await;
        sqlx::query("update webhooks set failing_since = null").execute(&world.pool).await.unwrap();
    }
    assert_eq!(stand.got().len(), usize::try_from(GIVEN_UP_AFTER).unwrap());
    let webhook = world.webhook().await;
    assert_eq!((webhook.pending, webhook.failed), (0, 1));
    let attempts = webhooks::attempts(&world.pool, world.integrator.id, (true, 100)).await.unwrap();
    assert_eq!((attempts[0].attempt, attempts[0].status), (GIVEN_UP_AFTER, Some(500)));
    let next = world.readings(stream, 1).await;
    world.work().await;
    let ordered = webhooks::redeliver_failed(&world.pool, world.integrator.id, clock::now());
    assert_eq!(ordered.await.unwrap(), 1);
    world.work().await;
    assert_eq!(ids(&stand.got())[12..], [&next[..], &expected].concat());
    assert_eq!(world.webhook().await.failed, 0);
}

#[tokio::test]
async fn an_answer_410_disables_the_webhook_and_loses_nothing() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.answers([status(410)]);
    world.readings(Uuid::now_v7(), 2).await;
    assert_eq!(world.work().await, Next::Stop);
    let webhook = world.webhook().await;
    assert!(webhook.disabled_reason.unwrap().contains("410"));
    assert!(webhooks::jobs(&world.pool).await.unwrap().is_empty());
    webhooks::enable(&world.pool, world.integrator.id, clock::now()).await.unwrap();
    assert_eq!(world.work().await, Next::Idle);
    assert_eq!(stand.got().len(), 3);
}

#[tokio::test]
async fn a_pause_that_is_asked_for_holds_the_whole_webhook() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.answers([Reply::Head("429 Slow down\r\nretry-after: 600\r\n".to_owned())]);
    world.readings(Uuid::now_v7(), 1).await;
    assert!(matches!(world.work().await, Next::At(_)));
    world.readings(Uuid::now_v7(), 1).await;
    world.pass(TimeDelta::seconds(300)).await;
    assert!(matches!(world.work().await, Next::At(_)));
    assert_eq!(stand.got().len(), 1);
    world.pass(TimeDelta::seconds(301)).await;
    assert_eq!(world.work().await, Next::Idle);
    assert_eq!(stand.got().len(), 3);
}

#[tokio::test]
async fn an_office_delivers_as_the_log_grows_and_stops_when_the_webhook_is_revoked() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let stop = CancellationToken::new();
    let office = Office::new(
        (world.pool.clone(), world.vault.clone()),
        Caller::new(true).unwrap(),
        world.leases(),
        world.head.clone(),
    );
    let running = tokio::spawn(office.run(stop.clone()));
    let expected = world.readings(Uuid::now_v7(), 2).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while stand.got().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(ids(&stand.got()), expected);
    integrators::revoke(&world.pool, &world.integrator.name).await.unwrap().unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.readings(Uuid::now_v7(), 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(stand.got().len(), 2);
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}
