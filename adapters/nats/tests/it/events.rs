use std::{sync::Arc, time::Duration};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use futures::StreamExt;
use kontor_commands::EventStore;
use kontor_domain::Recorded;
use kontor_nats::Relay;
use kontor_postgres::{EventReader, Follower, FollowerSettings};
use kontor_projections::Reactor;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{PATIENCE, World, client, quick_streams, wait_until};

/// Appends so many events of one account and returns the whole log.
async fn history(world: &World, events: usize) -> Vec<Recorded> {
    let (router, id) = (world.router(), Uuid::now_v7());
    router.route(world.register(id)).await.unwrap();
    for n in 2..=events {
        router.route(world.rename(id, &format!("Name {n}"))).await.unwrap();
    }
    let page = EventReader::new(world.pool.clone()).page(0, 2000, &[]).await.unwrap();
    assert_eq!(page.events.len(), events + 1, "the tenant's own event comes first");
    page.events
}

async fn stored(world: &World) -> u64 {
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    let stream = jetstream.get_stream("EVENTS").await;
    stream.map_or(0, |stream| stream.cached_info().state.messages)
}

/// Everything in the stream, as an integrator reads it.
async fn read(world: &World) -> Vec<(String, Value)> {
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    let stream = jetstream.get_stream("EVENTS").await.unwrap();
    let count = usize::try_from(stream.cached_info().state.messages).unwrap();
    let config = pull::Config { ack_policy: AckPolicy::None, ..Default::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await.unwrap();
    let mut batch = consumer
        .fetch()
        .max_messages(count)
        .expires(Duration::from_secs(5))
        .messages()
        .await
        .unwrap();
    let mut events = Vec::new();
    while let Some(message) = batch.next().await {
        let message = message.unwrap();
        let headers = message.headers.as_ref().unwrap();
        let body: Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(headers.get("ce-id").unwrap().as_str(), body["id"]);
        assert_eq!(headers.get("Nats-Msg-Id").unwrap().as_str(), body["id"]);
        events.push((message.subject.to_string(), body));
    }
    assert_eq!(events.len(), count);
    events
}

fn assert_same(published: &[(String, Value)], log: &[Recorded]) {
    assert_eq!(published.len(), log.len());
    for ((subject, cloud), event) in published.iter().zip(log) {
        assert_eq!(subject, &format!("evt.demo.{}", event.event_type));
        assert_eq!(cloud["position"], event.position.to_string());
        assert_eq!(cloud["id"], event.event_id.to_string());
        assert_eq!(cloud["data"], serde_json::from_str::<Value>(&event.payload).unwrap());
    }
}

#[tokio::test]
async fn every_event_is_published_once_and_in_order_also_when_a_page_is_repeated() {
    let world = World::new().await;
    // More than are on their way at once.
    let log = history(&world, 600).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log[..300]).await.unwrap();
    // The follower died before its checkpoint moved.
    relay.react(&log[..300]).await.unwrap();
    relay.react(&log[250..]).await.unwrap();
    assert_same(&read(&world).await, &log);
}

#[tokio::test]
async fn a_relay_fills_a_lost_stream_from_the_log_and_goes_on() {
    let world = World::new().await;
    // More than are on their way at once.
    let log = history(&world, 600).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    for (made_by_others, end) in [(false, 550), (true, 601)] {
        relay.react(&log[..500]).await.unwrap();
        jetstream.delete_stream("EVENTS").await.unwrap();
        if made_by_others {
            world.nats.ensure().await.unwrap();
        }
        relay.react(&log[500..end]).await.unwrap();
        assert_same(&read(&world).await, &log[..end]);
    }
    world.nats.check().await.unwrap();
}

#[tokio::test]
async fn a_relay_with_nothing_to_do_fills_a_lost_stream() {
    let world = World::new().await;
    let log = history(&world, 20).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log).await.unwrap();
    let last = log.last().unwrap().position;
    relay.tend(last).await.unwrap();
    assert_same(&read(&world).await, &log);
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    jetstream.delete_stream("EVENTS").await.unwrap();
    relay.tend(last).await.unwrap();
    assert_same(&read(&world).await, &log);
}

#[tokio::test]
async fn a_relay_that_wakes_beside_another_publishes_nothing_out_of_order() {
    let world = World::new().await;
    let log = history(&world, 60).await;
    let old = Relay::new(world.nats.clone(), world.pool.clone());
    old.react(&log[..20]).await.unwrap();
    let new = Relay::new(world.nats.clone(), world.pool.clone());
    new.react(&log[20..50]).await.unwrap();
    old.react(&log[20..40]).await.unwrap();
    new.react(&log[50..]).await.unwrap();
    old.react(&log[40..]).await.unwrap();
    assert_same(&read(&world).await, &log);
}

#[tokio::test]
async fn what_the_stream_forgot_by_its_limits_is_not_brought_back() {
    let world = World::new().await;
    let log = history(&world, 40).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log[..20]).await.unwrap();
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    jetstream.get_stream("EVENTS").await.unwrap().purge().await.unwrap();
    relay.tend(20).await.unwrap();
    assert_eq!(stored(&world).await, 0);
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log[20..]).await.unwrap();
    assert_same(&read(&world).await, &log[20..]);
}

#[tokio::test]
async fn a_stream_of_another_log_hides_no_event_of_this_one() {
    let world = World::new().await;
    let log = history(&world, 5).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    let others: Vec<Recorded> =
        log.iter().map(|event| Recorded { event_id: Uuid::now_v7(), ..event.clone() }).collect();
    relay.react(&others).await.unwrap();
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log).await.unwrap();
    assert_same(&read(&world).await[others.len()..], &log);
}

#[tokio::test]
async fn a_lost_stream_is_filled_by_the_follower_although_nothing_is_new() {
    let world = World::new().await;
    let log = history(&world, 50).await;
    let count = u64::try_from(log.len()).unwrap();
    follow(&world, count).await;
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    jetstream.delete_stream("EVENTS").await.unwrap();
    world.nats.ensure().await.unwrap();
    assert_eq!(stored(&world).await, 0);
    // Nothing new is in the log, and nobody touches the checkpoint.
    follow(&world, count).await;
    assert_same(&read(&world).await, &log);
}

/// Runs the relay as a follower until the stream holds so many events.
async fn follow(world: &World, count: u64) {
    let relay = Arc::new(Relay::new(world.nats.clone(), world.pool.clone()));
    let settings = FollowerSettings::default();
    let follower = Follower::reactor(world.pool.clone(), relay, settings);
    let stop = CancellationToken::new();
    let (_head, head) = watch::channel(0);
    let running = tokio::spawn(follower.run(head, stop.clone()));
    wait_until("the relay", || async { stored(world).await >= count }).await;
    let done = "select count(*) from checkpoints where name = 'relay' and position >= $1";
    wait_until("the checkpoint", || async {
        let position = i64::try_from(count).unwrap();
        let found: i64 =
            sqlx::query_scalar(done).bind(position).fetch_one(&world.pool).await.unwrap();
        found == 1
    })
    .await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_relay_without_a_broker_gives_the_page_back() {
    let mut world = World::new().await;
    let log = history(&world, 5).await;
    world.server.kill();
    wait_until("the loss of the connection", || async { !world.nats.is_connected() }).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log).await.unwrap_err();
    world.server.restart();
    wait_until("the relay", || async { relay.react(&log).await.is_ok() }).await;
    assert_same(&read(&world).await, &log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_of_the_broker_neither_lose_nor_swap_events() {
    const COPIES: i64 = 100;
    let mut world = World::new().await;
    let short = history(&world, 100).await;
    // A long log: the same events again, under new ids and positions.
    let mut log = Vec::new();
    for event in (0..COPIES).flat_map(|_| &short) {
        let position = i64::try_from(log.len()).unwrap() + 1;
        log.push(Recorded { event_id: Uuid::now_v7(), position, ..event.clone() });
    }
    let (published, mut progress) = watch::channel(0);
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    let pages = log.clone();
    let running = tokio::spawn(async move {
        for page in pages.chunks(500) {
            // As the follower does: the page again until it is through.
            while let Err(err) = relay.react(page).await {
                println!("{err}: {:?}", std::error::Error::source(&err).map(ToString::to_string));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            published.send_replace(page.last().unwrap().position);
        }
    });
    for enough in [1000, 5000] {
        progress.wait_for(|position| *position >= enough).await.unwrap();
        world = tokio::task::spawn_blocking(move || {
            world.server.restart();
            world
        })
        .await
        .unwrap();
    }
    tokio::time::timeout(PATIENCE * 3, running).await.unwrap().unwrap();
    assert_same(&read(&world).await, &log);
}

#[tokio::test]
async fn the_head_of_the_log_reaches_other_processes_and_never_falls() {
    let mut world = World::new().await;
    let other = crate::connect(&world.server, quick_streams()).await;
    let stop = CancellationToken::new();
    let (local, watched) = watch::channel(0);
    let (remote, mut seen) = watch::channel(0);
    let forward = {
        let (nats, stop) = (world.nats.clone(), stop.clone());
        tokio::spawn(async move { nats.forward_head(watched, stop).await })
    };
    let follow = {
        let (nats, stop) = (other.clone(), stop.clone());
        tokio::spawn(async move { nats.follow_head(remote, stop).await })
    };
    // The first poke may come before the subscription; later ones arrive.
    let mut position = 100;
    wait_until("the first position", || {
        position += 1;
        local.send_replace(position);
        let seen = seen.clone();
        async move { *seen.borrow() > 100 }
    })
    .await;
    let pokes = client(&world.server).await;
    for junk in ["5", "x", "", "99999999999999999999"] {
        pokes.publish("kontor.head", junk.into()).await.unwrap();
    }
    pokes.flush().await.unwrap();
    local.send_replace(1000);
    tokio::time::timeout(PATIENCE, seen.wait_for(|head| *head == 1000)).await.unwrap().unwrap();

    world.server.restart();
    let mut position = 2000;
    wait_until("a position after the restart", || {
        position += 1;
        local.send_replace(position);
        let seen = seen.clone();
        async move { *seen.borrow() > 2000 }
    })
    .await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, forward).await.unwrap().unwrap();
    tokio::time::timeout(PATIENCE, follow).await.unwrap().unwrap();
    assert!(world.log.load(&world.tenant, world.tenant.stream_id(), 0).await.unwrap().stored == 1);
}
