//! When the other side is down, for minutes and for days, and when only some events are at fault.

use std::collections::HashMap;

use chrono::TimeDelta;
use kontor_commands::clock;
use kontor_postgres::webhooks;
use kontor_webhooks::{ATTEMPTS_MAX, GIVEN_UP_AFTER, Next};
use uuid::Uuid;

use crate::{
    delivery::ids,
    stand::{Got, Stand, status},
    support::{World, world},
};

fn streams<const COUNT: usize>() -> [Uuid; COUNT] {
    std::array::from_fn(|_| Uuid::now_v7())
}

/// What every stream got, each event once and in order.
fn assert_all_in_order(got: &[Got], expected: &HashMap<Uuid, Vec<String>>) {
    let mut by_stream: HashMap<Uuid, Vec<String>> = HashMap::new();
    for one in got {
        let body = String::from_utf8(one.body.clone()).unwrap();
        let stream = expected.keys().find(|stream| body.contains(&stream.to_string())).unwrap();
        by_stream.entry(*stream).or_default().push(one.headers["webhook-id"].clone());
    }
    assert_eq!(by_stream, *expected);
}

/// Some readings of each stream.
async fn more(world: &World, streams: &[Uuid], ids: &mut HashMap<Uuid, Vec<String>>) {
    for stream in streams {
        ids.entry(*stream).or_default().extend(world.readings(*stream, 2).await);
    }
}

/// So many hours pass, one after another, with work in each.
async fn hours(world: &World, hours: i64) -> Next {
    let mut next = Next::Idle;
    for _ in 0..hours {
        world.pass(TimeDelta::hours(1)).await;
        next = world.work().await;
        if next == Next::Stop {
            break;
        }
    }
    next
}

#[tokio::test]
async fn while_the_other_side_is_down_one_event_is_tried_now_and_then_and_its_return_is_noticed() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.goes_down();
    for _ in 0..5 {
        world.readings(Uuid::now_v7(), 1).await;
    }
    assert!(matches!(world.work().await, Next::At(_)));
    let first = ids(&stand.take());
    assert_eq!(first.len(), 5);
    let new = world.readings(Uuid::now_v7(), 2).await;
    world.pass(TimeDelta::minutes(4)).await;
    assert!(matches!(world.work().await, Next::At(_)));
    assert!(stand.take().is_empty(), "it is not yet time");
    // First what is new, then each stream in turn.
    let mut tried = Vec::new();
    for _ in 0..6 {
        world.pass(TimeDelta::minutes(6)).await;
        assert!(matches!(world.work().await, Next::At(_)));
        tried.extend(ids(&stand.take()));
    }
    assert_eq!(tried.remove(0), new[0]);
    tried.sort_unstable();
    assert_eq!(tried, first);
    stand.comes_back();
    world.pass(TimeDelta::minutes(6)).await;
    world.work().await;
    world.pass(TimeDelta::seconds(31)).await;
    assert_eq!(world.work().await, Next::Idle);
    assert_eq!(world.webhook().await.pending, 0);
}

#[tokio::test]
async fn an_outage_of_four_days_loses_nothing() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let (streams, mut expected) = (streams::<6>(), HashMap::new());
    stand.goes_down();
    for _ in 0..4 {
        more(&world, &streams, &mut expected).await;
        assert!(matches!(hours(&world, 24).await, Next::At(_)));
    }
    let webhook = world.webhook().await;
    assert_eq!((webhook.failed, webhook.disabled_at), (0, None));
    assert!(webhook.failing_since.unwrap() < clock::now() - TimeDelta::hours(94));
    // One call an hour, when the hours are few looks: nobody is run over.
    assert!(stand.take().len() < 120);
    stand.comes_back();
    world.pass(TimeDelta::minutes(6)).await;
    assert!(matches!(world.work().await, Next::At(_) | Next::Idle));
    world.pass(TimeDelta::seconds(31)).await;
    assert_eq!(world.work().await, Next::Idle);
    assert_all_in_order(&stand.got(), &expected);
    let webhook = world.webhook().await;
    assert_eq!((webhook.pending, webhook.failed, webhook.failing_since), (0, 0, None));
}

#[tokio::test]
async fn after_five_days_it_is_disabled_with_everything_waiting_and_goes_on_where_it_was() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let (streams, mut expected) = (streams::<4>(), HashMap::new());
    stand.goes_down();
    more(&world, &streams, &mut expected).await;
    assert!(matches!(hours(&world, 118).await, Next::At(_)));
    assert_eq!(hours(&world, 4).await, Next::Stop);
    let webhook = world.webhook().await;
    assert_eq!((webhook.disabled_by.as_deref(), webhook.failed), (Some("kontor"), 0));
    assert!(webhook.disabled_reason.unwrap().contains("5 days"));
    more(&world, &streams, &mut expected).await;
    // Still down at the first order, back at the second.
    let enable = || webhooks::enable(&world.pool, world.integrator.id, clock::now());
    assert!(enable().await.unwrap());
    assert!(matches!(hours(&world, 100).await, Next::At(_)));
    assert_eq!(world.webhook().await.failed, 0);
    stand.take();
    stand.comes_back();
    enable().await.unwrap();
    while world.work().await != Next::Idle {
        world.pass(TimeDelta::seconds(31)).await;
    }
    assert_all_in_order(&stand.got(), &expected);
    assert_eq!(world.webhook().await.failed, 0);
}

#[tokio::test]
async fn few_failures_in_many_days_disable_nothing() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    stand.answers([status(500), status(404)]);
    world.readings(Uuid::now_v7(), 1).await;
    world.work().await;
    // Nobody called meanwhile: Kontor itself was off.
    world.pass(TimeDelta::days(6)).await;
    assert!(matches!(world.work().await, Next::At(_)));
    assert_eq!(world.webhook().await.disabled_at, None);
    world.pass(TimeDelta::hours(1)).await;
    assert_eq!(world.work().await, Next::Idle);
}

#[tokio::test]
async fn an_event_that_is_never_accepted_holds_back_no_other_stream_in_a_quiet_night() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let bad = streams::<5>();
    stand.refuses(&bad);
    for stream in bad {
        world.readings(stream, 1).await;
    }
    // Nothing else happens: it looks like an outage.
    assert!(matches!(hours(&world, 12).await, Next::At(_)));
    stand.take();
    let good = Uuid::now_v7();
    let expected = world.readings(good, 1).await;
    world.pass(TimeDelta::minutes(6)).await;
    world.work().await;
    assert_eq!(ids(&stand.got())[0], expected[0]);
    assert_eq!(world.webhook().await.pending, 5);
}

#[tokio::test]
async fn one_bad_stream_delays_the_others_not_at_all() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let bad = Uuid::now_v7();
    stand.refuses(&[bad]);
    world.readings(bad, 1).await;
    assert!(matches!(hours(&world, 24).await, Next::At(_)));
    stand.take();
    let expected = world.readings(Uuid::now_v7(), 3).await;
    world.work().await;
    assert_eq!(ids(&stand.got())[..3], expected);
}

#[tokio::test]
async fn while_nothing_else_is_accepted_an_event_is_tried_on_after_all_its_attempts() {
    let stand = Stand::open().await;
    let world = world(&stand.url()).await;
    let bad = Uuid::now_v7();
    stand.refuses(&[bad]);
    world.readings(bad, 1).await;
    world.work().await;
    for attempts in [ATTEMPTS_MAX - 1, GIVEN_UP_AFTER - 1] {
        attempted(&world, attempts).await;
        assert!(matches!(world.work().await, Next::At(_)));
        assert_eq!((world.webhook().await.pending, world.webhook().await.failed), (1, 0));
    }
    // It still lacks the attempt that counts.
    for failed in [0, 1] {
        assert_eq!(world.webhook().await.failed, failed);
        world.readings(Uuid::now_v7(), 1).await;
        world.work().await;
        world.pass(TimeDelta::hours(2)).await;
        world.work().await;
    }
}

/// As if the event that waits had failed so often, and is due.
async fn attempted(world: &World, attempts: i32) {
    let last = "update webhook_deliveries set attempts = $1, next_at = clock_timestamp()";
    sqlx::query(last).bind(attempts).execute(&world.pool).await.unwrap();
}

#[tokio::test]
async fn an_outage_that_begins_with_the_last_attempt_of_an_event_gives_it_not_up() {
    for last in [ATTEMPTS_MAX, GIVEN_UP_AFTER - 1] {
        let stand = Stand::open().await;
        let world = world(&stand.url()).await;
        let (late, mut expected) = (Uuid::now_v7(), HashMap::new());
        stand.refuses(&[late]);
        more(&world, &[late], &mut expected).await;
        world.work().await;
        // Others are accepted since then, and at its next attempt everything is down.
        more(&world, &streams::<2>(), &mut expected).await;
        world.work().await;
        assert_eq!(world.webhook().await.failing_since, None);
        attempted(&world, last - 1).await;
        stand.goes_down();
        stand.take();
        world.work().await;
        assert!(!stand.take().is_empty(), "it was tried");
        more(&world, &streams::<6>(), &mut expected).await;
        assert!(matches!(hours(&world, 30).await, Next::At(_)));
        assert_eq!(world.webhook().await.failed, 0);
        stand.take();

        stand.comes_back();
        while world.work().await != Next::Idle {
            world.pass(TimeDelta::minutes(6)).await;
        }
        assert_eq!((world.webhook().await.pending, world.webhook().await.failed), (0, 0));
        assert!(ids(&stand.got()).contains(&expected[&late][0]));
    }
}
