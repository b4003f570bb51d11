//! Events that no attempt can publish: the relay waits, and says at which one.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::jetstream;
use kontor_domain::Recorded;
use kontor_nats::Relay;
use kontor_postgres::{EventReader, Follower, FollowerSettings};
use kontor_projections::{Reactor, ReactorError};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{PATIENCE, World, client, wait_until};

/// The lines that this thread logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Collects until the guard is dropped.
    fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    /// The fields of the lines that say that the event cannot be published.
    fn about(&self, event: &Recorded) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let said = format!("The event {} cannot be published", event.position);
        let lines = text.lines().filter(|line| line.contains(&said));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// That a line names the event as an operator needs it, and says nothing of what is in it.
    fn assert_names(&self, event: &Recorded) {
        let lines = self.about(event);
        let line = lines.first().unwrap_or_else(|| panic!("no line about {}", event.position));
        let fields = &line["fields"];
        assert_eq!(line["level"], "ERROR");
        assert_eq!(fields["position"], event.position);
        assert_eq!(fields["event.id"], event.event_id.to_string());
        assert_eq!(fields["stream"], event.stream_id.to_string());
        let metadata = &event.metadata;
        assert_eq!(fields["command.id"], metadata.command_id.to_string());
        assert_eq!(fields["correlation.id"], metadata.correlation_id.to_string());
        assert!(fields["trace.id"].is_string(), "{line}");
        assert!(!line.to_string().contains("display_name"), "{line}");
    }
}

/// The tenant's own event and those of so many accounts.
async fn history(world: &World, accounts: usize) -> Vec<Recorded> {
    for _ in 0..accounts {
        world.router().route(world.register(Uuid::now_v7())).await.unwrap();
    }
    EventReader::new(world.pool.clone()).page(0, 100, &[]).await.unwrap().events
}

/// Lets the stream of events take messages of this size at most; -1 is no limit of its own.
async fn limit(world: &World, bytes: i32) {
    let jetstream = jetstream::new(client(&world.server).await);
    let mut config = jetstream.get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    config.max_message_size = bytes;
    jetstream.update_stream(config).await.unwrap();
}

async fn stored(world: &World) -> u64 {
    let jetstream = jetstream::new(client(&world.server).await);
    jetstream.get_stream("EVENTS").await.unwrap().cached_info().state.messages
}

fn said(error: &ReactorError) -> String {
    format!("{error}: {}", error.source().unwrap())
}

#[tokio::test]
async fn an_event_that_is_no_message_is_named_and_nothing_behind_it_is_published() {
    // Beside a single subscriber, call sites that other tests reach first are judged without it.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let lines = Lines::default();
    let _collecting = lines.collect();
    let world = World::new().await;
    let log = history(&world, 3).await;
    let relay = Relay::new(world.nats.clone(), world.pool.clone());
    relay.react(&log[..2]).await.unwrap();

    let mut nameless = log.clone();
    nameless[2].event_type = "no type > at all".to_owned();
    let error = relay.react(&nameless[2..]).await.unwrap_err();
    assert_eq!(said(&error), "the event at 3 has no subject: `no type > at all` is no event type");
    lines.assert_names(&log[2]);

    let mut heavy = log.clone();
    heavy[2].payload = serde_json::json!({ "display_name": "x".repeat(1_100_000) }).to_string();
    let error = relay.react(&heavy[2..]).await.unwrap_err();
    let said = said(&error);
    assert!(said.starts_with("the event at 3 is larger than the broker takes: max pay"), "{said}");
    assert!(said.len() < 300, "{said}");
    assert_eq!(lines.about(&log[2]).len(), 2, "no attempt is repeated in vain");
    assert!(lines.about(&log[3]).is_empty(), "the one behind it is not at fault");

    assert_eq!(stored(&world).await, 2, "what stands behind waits");
    relay.react(&log[2..]).await.unwrap();
    assert_eq!(stored(&world).await, 4);
}

#[tokio::test]
async fn an_operator_sees_which_event_is_too_large_and_the_relay_goes_on_when_there_is_room() {
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let lines = Lines::default();
    let _collecting = lines.collect();
    let world = World::new().await;
    let log = history(&world, 3).await;
    let first = Relay::new(world.nats.clone(), world.pool.clone());
    first.react(&log[..1]).await.unwrap();
    limit(&world, 100).await;

    let settings = FollowerSettings {
        pause_first: Duration::from_millis(20),
        pause_max: Duration::from_millis(50),
        ..FollowerSettings::default()
    };
    let relay = Arc::new(Relay::new(world.nats.clone(), world.pool.clone()));
    let follower = Follower::reactor(world.pool.clone(), relay, settings);
    let stop = CancellationToken::new();
    let (_head, head) = watch::channel(0);
    let running = tokio::spawn(follower.run(head, stop.clone()));
    let shown = || async {
        let text = "select last_error from checkpoints where name = 'relay'";
        let found: Option<Option<String>> =
            sqlx::query_scalar(text).fetch_optional(&world.pool).await.unwrap();
        found.flatten()
    };
    wait_until("the failure", || async { shown().await.is_some() }).await;
    let text = shown().await.unwrap();
    assert!(text.contains("the event at 2 is larger than the broker takes: publish"), "{text}");
    lines.assert_names(&log[1]);
    assert!(lines.about(&log[2]).is_empty(), "the one behind it is not at fault");
    assert_eq!(stored(&world).await, 1);

    limit(&world, -1).await;
    wait_until("the rest", || async { stored(&world).await == 4 }).await;
    wait_until("a failure that is over", || async { shown().await.is_none() }).await;
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}
