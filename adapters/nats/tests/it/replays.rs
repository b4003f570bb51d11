//! Replays out of the log, at a real server and by the integrator's own user.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use async_nats::{
    Client,
    jetstream::{
        self, Message,
        consumer::{PullConsumer, pull},
        context::ContextBuilder,
    },
};
use futures::StreamExt;
use kontor_domain::{Recorded, TenantId};
use kontor_engines::testing;
use kontor_nats::{Doorkeeper, Issuer, Relay, Replays};
use kontor_postgres::{
    EventReader, Leases,
    integrators::{self, replays},
};
use kontor_projections::Reactor;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    PATIENCE, World, client,
    partner::{Partner, REFUSED_AFTER, next_refusal},
    quick_streams, wait_until,
};

/// The type of the message that ends a replay.
const END: &str = "kontor.replay_ended";
/// Its fields by name.
const FIELDS_OF_THE_END: [&str; 9] = [
    "data",
    "datacontenttype",
    "id",
    "position",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
];
/// Short, so that another process takes over soon.
const LEASE_TTL: Duration = Duration::from_secs(1);
/// The most that waits in the stream of a replay.
const WAITING_MAX: u64 = 1_000;

/// A world that lets integrators in, with events of two tenants that the stream has forgotten.
struct Past {
    world: World,
    relay: Relay,
    stop: CancellationToken,
}

impl Drop for Past {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Past {
    /// So many accounts' names of the tenant `demo`, and one account of `other`.
    async fn forgotten(names: usize) -> Self {
        let (issuer, _) = Issuer::generate().unwrap();
        let server = testing::nats_asking(issuer.public_key()).await;
        let world = World::at(server, quick_streams()).await;
        let stop = CancellationToken::new();
        let door = Doorkeeper::new(world.nats.clone(), world.pool.clone(), issuer, "$G");
        tokio::spawn(door.run(stop.clone()));
        let relay = Relay::new(world.nats.clone(), world.pool.clone());
        let past = Self { world, relay, stop };
        past.append(names).await;
        past.publish_new(0).await;
        past.admin().await.get_stream("EVENTS").await.unwrap().purge().await.unwrap();
        assert_eq!(past.world.nats.oldest_event().await.unwrap(), None);
        past
    }

    async fn append(&self, names: usize) {
        let (router, id) = (self.world.router(), Uuid::now_v7());
        router.route(self.world.register(id)).await.unwrap();
        for n in 0..names {
            router.route(self.world.rename(id, &format!("Имя {n}"))).await.unwrap();
        }
        // Events are not of this tenant alone. Twice it is not created.
        let other: TenantId = "other".parse().unwrap();
        let create = json!({
            "type": "create", "name": "Другой", "kind": "utility", "language": "ru",
            "time_zone": "Europe/Moscow",
        });
        let create = self.world.envelope("tenant", other.stream_id(), create);
        for mut foreign in [create, self.world.register(Uuid::now_v7())] {
            foreign.tenant = other.clone();
            router.route(foreign).await.unwrap();
        }
    }

    async fn log(&self) -> Vec<Recorded> {
        EventReader::new(self.world.pool.clone()).page(0, 2_000, &[]).await.unwrap().events
    }

    /// The ids that an integrator of `demo` and `account.*` must see, in order.
    async fn wanted(&self) -> Vec<String> {
        let log = self.log().await;
        let wanted = |event: &&Recorded| {
            event.tenant.as_str() == "demo" && event.event_type.starts_with("account.")
        };
        log.iter().filter(wanted).map(|event| event.event_id.to_string()).collect()
    }

    async fn publish_new(&self, after: i64) -> i64 {
        let log = self.log().await;
        let new: Vec<Recorded> = log.into_iter().filter(|event| event.position > after).collect();
        self.relay.react(&new).await.unwrap();
        new.last().unwrap().position
    }

    async fn add(&self, name: &str, tenant: Option<&str>, events: &[&str]) -> Partner {
        let World { pool, nats, server, .. } = &self.world;
        Partner::add((pool, nats, server), name, (tenant, events)).await
    }

    async fn admin(&self) -> jetstream::Context {
        jetstream::new(client(&self.world.server).await)
    }

    /// A process that carries out replays.
    fn process(&self) -> (CancellationToken, JoinHandle<()>) {
        let World { pool, nats, .. } = &self.world;
        let leases = Leases::new(pool.clone(), Uuid::now_v7().to_string(), LEASE_TTL);
        let stop = self.stop.child_token();
        let replays = Replays::new(nats.clone(), pool.clone(), leases);
        let running = tokio::spawn(replays.with_schemas("https://x/schemas").run(stop.clone()));
        (stop, running)
    }

    async fn stream_is_gone(&self, stream: &str) {
        let admin = self.admin().await;
        wait_until("the end of the stream", || async { admin.get_stream(stream).await.is_err() })
            .await;
    }

    async fn endings(&self) -> Vec<Option<String>> {
        sqlx::query_scalar("select ending from integrator_replays order by id")
            .fetch_all(&self.world.pool)
            .await
            .unwrap()
    }
}

/// A partner's consumer on a stream, when it is there.
async fn consumer(client: &Client, stream: &str, consumer: &str) -> Option<PullConsumer> {
    let jetstream = ContextBuilder::new().timeout(REFUSED_AFTER).build(client.clone());
    let stream = jetstream.get_stream_no_info(stream).await.unwrap();
    stream.get_consumer::<pull::Config>(consumer).await.ok()
}

/// The consumer of a partner's replay as soon as it is there.
async fn replay_of(partner: &Partner, client: &Client) -> PullConsumer {
    let (stream, name) = (&partner.names.replay_stream, &partner.names.consumer);
    wait_until("the replay", || async { consumer(client, stream, name).await.is_some() }).await;
    consumer(client, stream, name).await.unwrap()
}

fn cloud(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

/// Reads and acknowledges up to `limit` events, or to the end of the replay.
async fn read(consumer: &PullConsumer, limit: usize) -> (Vec<Value>, bool) {
    let (mut events, began) = (Vec::new(), Instant::now());
    while events.len() < limit {
        assert!(began.elapsed() < 2 * PATIENCE, "the replay does not go on");
        // Never more than is wanted: what is left unacknowledged comes late, and out of its place.
        let batch = consumer.batch().max_messages((limit - events.len()).min(100));
        let mut messages = batch.expires(Duration::from_secs(1)).messages().await.unwrap();
        while let Some(message) = messages.next().await {
            let message = message.unwrap();
            message.double_ack().await.unwrap();
            let event = cloud(&message);
            if event["type"] == END {
                let fields: Vec<&str> =
                    event.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(fields, FIELDS_OF_THE_END, "as nats/asyncapi.yaml says");
                return (events, true);
            }
            let subject = message.subject.as_str();
            assert!(subject.starts_with("replay.acme.demo.account."), "{subject}");
            events.push(event);
        }
    }
    (events, false)
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_the_stream_forgot_comes_out_of_the_log_and_live_events_follow_without_a_gap() {
    let past = Past::forgotten(20).await;
    let acme = past.add("acme", Some("demo"), &["account.*"]).await;
    let (client, _) = acme.connect().await.unwrap();
    assert!(consumer(&client, &acme.names.replay_stream, &acme.names.consumer).await.is_none());
    replays::order(&past.world.pool, &acme.integrator.name, 1).await.unwrap();
    // Events that come between the order and the end, and some behind it.
    past.append(5).await;
    let _process = past.process();
    let replay = replay_of(&acme, &client).await;
    let (replayed, ended) = read(&replay, usize::MAX).await;
    assert!(ended);
    assert_eq!(ids(&replayed), past.wanted().await);
    let schema = replayed[0]["dataschema"].as_str().unwrap();
    assert!(schema.starts_with("https://x/schemas/account."), "{schema}");
    past.stream_is_gone(&acme.names.replay_stream).await;
    assert_eq!(past.endings().await, [Some("read".to_owned())]);
    let none = replays::Summary { open: 0, still_seconds: 0.0 };
    assert_eq!(replays::summary(&past.world.pool).await.unwrap(), none);

    past.append(3).await;
    past.publish_new(0).await;
    let live = consumer(&client, "EVENTS", &acme.names.consumer).await.unwrap();
    let mut seen: BTreeSet<String> = ids(&replayed).into_iter().collect();
    let mut messages = live.messages().await.unwrap();
    let wanted = past.wanted().await;
    while seen.len() < wanted.len() {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.unwrap().unwrap();
        seen.insert(cloud(message.as_ref().unwrap())["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, wanted.into_iter().collect());
}

#[tokio::test]
async fn a_replay_is_bounded_and_another_process_goes_on_with_it() {
    let past = Past::forgotten(1_300).await;
    let acme = past.add("acme", Some("demo"), &["account.*"]).await;
    let (client, _) = acme.connect().await.unwrap();
    replays::order(&past.world.pool, &acme.integrator.name, 2).await.unwrap();
    let (stop, running) = past.process();
    let replay = replay_of(&acme, &client).await;
    let admin = past.admin().await;
    let waiting = async || {
        let stream = admin.get_stream(&acme.names.replay_stream).await.unwrap();
        stream.cached_info().state.messages
    };
    wait_until("a full stream", || async { waiting().await == WAITING_MAX }).await;
    // Nobody reads it, and monitoring can tell.
    wait_until("it stands still", || async {
        let seen = replays::summary(&past.world.pool).await.unwrap();
        seen.open == 1 && seen.still_seconds > 1.0
    })
    .await;
    let (mut events, ended) = read(&replay, 200).await;
    assert!(!ended);
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    // A process that is killed leaves no word either; what it began is repeated at most.
    let _another = past.process();
    let (rest, ended) = read(&replay, usize::MAX).await;
    assert!(ended);
    events.extend(rest);
    let mut once = Vec::new();
    for id in ids(&events) {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    assert_eq!(once, past.wanted().await, "nothing is left out, and the first of each in order");
    past.stream_is_gone(&acme.names.replay_stream).await;
}

#[tokio::test]
async fn a_replay_whose_stream_was_lost_begins_again() {
    let past = Past::forgotten(30).await;
    let acme = past.add("acme", Some("demo"), &["account.*"]).await;
    let (client, _) = acme.connect().await.unwrap();
    replays::order(&past.world.pool, &acme.integrator.name, 1).await.unwrap();
    let _process = past.process();
    let (events, _) = read(&replay_of(&acme, &client).await, 3).await;
    past.admin().await.delete_stream(&acme.names.replay_stream).await.unwrap();
    let (again, ended) = read(&replay_of(&acme, &client).await, usize::MAX).await;
    assert!(ended);
    assert_eq!(ids(&again), past.wanted().await);
    assert_eq!(ids(&events), ids(&again)[..3]);
}

#[tokio::test]
async fn nobody_reads_the_replay_of_another_and_no_foreign_events_are_in_it() {
    let past = Past::forgotten(3).await;
    let acme = past.add("acme", Some("demo"), &["account.*"]).await;
    let spy = past.add("spy", Some("other"), &["*"]).await;
    replays::order(&past.world.pool, &acme.integrator.name, 1).await.unwrap();
    replays::order(&past.world.pool, &spy.integrator.name, 1).await.unwrap();
    let _process = past.process();
    let (client, mut heard) = spy.connect().await.unwrap();
    let (acmes, own) = (&acme.names.replay_stream, &spy.names.consumer);
    for subject in [
        format!("$JS.API.CONSUMER.INFO.{acmes}.{}", acme.names.consumer),
        format!("$JS.API.CONSUMER.MSG.NEXT.{acmes}.{}", acme.names.consumer),
        format!("$JS.API.CONSUMER.CREATE.{acmes}.{own}"),
        format!("$JS.API.STREAM.INFO.{acmes}"),
        format!("$JS.API.STREAM.PURGE.{}", spy.names.replay_stream),
        "replay.acme.demo.account.renamed".to_owned(),
    ] {
        let asked = client.request(subject.clone(), "{}".into());
        let answer = tokio::time::timeout(REFUSED_AFTER, asked).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{subject}: {answer:?}");
        let refusal = next_refusal(&mut heard).await;
        assert!(refusal.contains("ermissions"), "{subject}: {refusal}");
    }
    // Its own holds its tenant's events alone.
    let replay = replay_of(&spy, &client).await;
    let mut messages = replay.messages().await.unwrap();
    let mut tenants = Vec::new();
    loop {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.unwrap().unwrap();
        let event = cloud(message.as_ref().unwrap());
        if event["type"] == END {
            break;
        }
        tenants.push(event["tenant"].as_str().unwrap().to_owned());
    }
    let of_other = "select count(*) from events where tenant = 'other'";
    let count: i64 = sqlx::query_scalar(of_other).fetch_one(&past.world.pool).await.unwrap();
    assert_eq!(i64::try_from(tenants.len()).unwrap(), count);
    assert!(tenants.iter().all(|tenant| tenant == "other"), "{tenants:?}");
}

#[tokio::test]
async fn an_order_replaces_the_one_before_and_ends_with_its_integrator() {
    let past = Past::forgotten(10).await;
    let acme = past.add("acme", Some("demo"), &["account.*"]).await;
    let (pool, name) = (&past.world.pool, &acme.integrator.name);
    let (client, _) = acme.connect().await.unwrap();
    let _process = past.process();
    replays::order(pool, name, 1).await.unwrap();
    read(&replay_of(&acme, &client).await, 2).await;
    let from = past.log().await[6].position;
    let order = replays::order(pool, name, from).await.unwrap();
    let admin = past.admin().await;
    wait_until("the stream of the second order", || async {
        let stream = admin.get_stream(&acme.names.replay_stream).await;
        stream.is_ok_and(|stream| {
            let description = stream.cached_info().config.description.clone();
            description.is_some_and(|description| description.contains(&order.id.to_string()))
        })
    })
    .await;
    let (events, ended) = read(&replay_of(&acme, &client).await, usize::MAX).await;
    assert!(ended);
    let first: i64 = events[0]["position"].as_str().unwrap().parse().unwrap();
    assert_eq!(first, from);
    past.stream_is_gone(&acme.names.replay_stream).await;

    replays::order(pool, name, 1).await.unwrap();
    replay_of(&acme, &client).await;
    assert!(replays::cancel(pool, name).await.unwrap());
    assert!(!replays::cancel(pool, name).await.unwrap());
    replays::order(pool, name, 1).await.unwrap();
    replay_of(&acme, &client).await;
    integrators::revoke(pool, name).await.unwrap().unwrap();
    assert!(replays::open(pool).await.unwrap().is_empty());
    let unknown = replays::order(pool, name, 1).await.unwrap_err();
    assert!(unknown.to_string().contains("there is no integrator `acme`"), "{unknown}");
    let leases = Leases::new(pool.clone(), Uuid::now_v7().to_string(), LEASE_TTL);
    let others = Replays::new(past.world.nats.clone(), pool.clone(), leases);
    others.tidy().await.unwrap();
    past.stream_is_gone(&acme.names.replay_stream).await;
    let endings: Vec<String> = past.endings().await.into_iter().flatten().collect();
    assert_eq!(endings, ["replaced", "read", "cancelled", "revoked"]);
}
