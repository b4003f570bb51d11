//! A relay takes over from one of an older program, which knows nothing of giving way.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::{
        self,
        consumer::{AckPolicy, PullConsumer, pull},
    },
};
use futures::StreamExt;
use kontor_nats::Relay;
use kontor_postgres::{EventReader, Follower, FollowerSettings, Leases};
use kontor_projections::Reactor;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{World, client, wait_until};

/// A page of the older relay: its successor comes in the middle of one.
const PAGE: u32 = 20;
/// How long the older lease lasts: nobody would wait for its end.
const LEASE: Duration = Duration::from_secs(600);

/// The relay of an older program: it holds its lease, publishes page by page without looking where
/// the stream ends, and moves its checkpoint under its epoch. It reads no orders.
struct Older {
    pool: PgPool,
    context: jetstream::Context,
    version: i32,
    /// The last position that it published.
    published: Arc<AtomicI64>,
}

impl Older {
    /// Works until it is fenced. Returns the position of its checkpoint then.
    async fn run(self) -> i64 {
        let leases = Leases::new(self.pool.clone(), "older", LEASE);
        let name = format!("follower.relay.v{}", self.version);
        let lease = leases.acquire(&name).await.unwrap().unwrap();
        sqlx::query("insert into checkpoints (name, version, epoch) values ('relay', $1, $2)")
            .bind(self.version)
            .bind(lease.epoch)
            .execute(&self.pool)
            .await
            .unwrap();
        let reader = EventReader::new(self.pool.clone());
        let mut position = 0;
        loop {
            let page = reader.page(position, PAGE, &[]).await.unwrap();
            for event in &page.events {
                let mut headers = HeaderMap::new();
                let (id, at) = (event.event_id.to_string(), event.position.to_string());
                headers.insert("Nats-Msg-Id", id.as_str());
                headers.insert("ce-position", at.as_str());
                let body = json!({ "id": id, "position": at }).to_string();
                let subject = format!("evt.demo.{}", event.event_type);
                let sent = self.context.publish_with_headers(subject, headers, body.into()).await;
                sent.unwrap().await.unwrap();
                self.published.store(event.position, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            let last = page.last_position.unwrap_or(position);
            let moved = sqlx::query(
                "update checkpoints set position = $3, heartbeat_at = clock_timestamp() \
                 where name = 'relay' and version = $1 and position = $2 and epoch = $4",
            )
            .bind(self.version)
            .bind(position)
            .bind(last)
            .bind(lease.epoch)
            .execute(&self.pool)
            .await
            .unwrap();
            if moved.rows_affected() == 0 {
                return position;
            }
            position = last;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The ids and positions in the stream, in its order.
async fn published(world: &World) -> Vec<(Uuid, i64)> {
    let context = jetstream::new(client(&world.server).await);
    let stream = context.get_stream("EVENTS").await.unwrap();
    let count = usize::try_from(stream.cached_info().state.messages).unwrap();
    let config = pull::Config { ack_policy: AckPolicy::None, ..Default::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.messages().await.unwrap().take(count);
    let header = |message: &jetstream::Message, name: &str| {
        message.headers.as_ref().unwrap().get(name).unwrap().as_str().to_owned()
    };
    messages
        .map(|message| {
            let message = message.unwrap();
            let id = header(&message, "Nats-Msg-Id").parse().unwrap();
            (id, header(&message, "ce-position").parse().unwrap())
        })
        .collect()
        .await
}

async fn head(world: &World) -> i64 {
    sqlx::query_scalar("select max(position) from events").fetch_one(&world.pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_of_an_older_program_is_fenced_and_nothing_is_lost_or_published_twice() {
    let world = World::new().await;
    let (router, id) = (world.router(), Uuid::now_v7());
    router.route(world.register(id)).await.unwrap();
    for number in 0..150 {
        router.route(world.rename(id, &format!("Имя {number}"))).await.unwrap();
    }
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    let version = relay.version();
    let counter = Arc::new(AtomicI64::new(0));
    let older = Older {
        pool: world.pool.clone(),
        context: jetstream::new(client(&world.server).await),
        version: version - 1,
        published: Arc::clone(&counter),
    };
    let older = tokio::spawn(older.run());
    wait_until("the older one is in the middle", || async { counter.load(Ordering::SeqCst) > 50 })
        .await;

    let settings = FollowerSettings {
        owner: "newer".to_owned(),
        lease_ttl: Duration::from_secs(2),
        orders_look_every: Duration::from_millis(20),
        ..FollowerSettings::default()
    };
    let newer = Follower::reactor(world.pool.clone(), Arc::new(relay), settings);
    let stop = CancellationToken::new();
    let newer = tokio::spawn(newer.run(world.head.clone(), stop.clone()));
    // It is asked to give way, and does not know how to: its time for an answer runs out.
    wait_until("the older one is asked", || async {
        let asked = sqlx::query(
            "update checkpoints set superseded_at = clock_timestamp() - interval '1 minute' \
             where name = 'relay' and version = $1 and superseded_by is not null",
        );
        asked.bind(version - 1).execute(&world.pool).await.unwrap().rows_affected() == 1
    })
    .await;
    for number in 150..300 {
        router.route(world.rename(id, &format!("Имя {number}"))).await.unwrap();
    }
    let left_at = tokio::time::timeout(crate::PATIENCE, older).await.unwrap().unwrap();
    let end = head(&world).await;
    wait_until("the newer one is at the end", || async {
        let position: Option<i64> = sqlx::query_scalar(
            "select position from checkpoints where name = 'relay' and version = $1",
        )
        .bind(version)
        .fetch_optional(&world.pool)
        .await
        .unwrap();
        position == Some(end)
    })
    .await;
    assert!(left_at < end, "the older one was fenced before the end: {left_at} of {end}");

    let published = published(&world).await;
    let ids: BTreeSet<Uuid> = published.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids.len(), published.len(), "no event twice");
    let positions: Vec<i64> = published.iter().map(|(_, position)| *position).collect();
    assert_eq!(positions, (1..=end).collect::<Vec<_>>(), "none lost, none out of order");

    // What the older one left behind does not move any more, and the newer one works on.
    router.route(world.rename(id, "Последнее имя")).await.unwrap();
    wait_until("the next event", || async {
        let context = jetstream::new(client(&world.server).await);
        let stream = context.get_stream("EVENTS").await.unwrap();
        i64::try_from(stream.cached_info().state.messages).unwrap() == end + 1
    })
    .await;
    stop.cancel();
    newer.await.unwrap();
}
