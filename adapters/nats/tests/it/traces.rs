use std::time::Duration;

use async_nats::jetstream;
use kontor_commands::{CommandSender, Sent};
use kontor_nats::Relay;
use kontor_postgres::EventReader;
use kontor_projections::Reactor;
use serde_json::Value;
use uuid::Uuid;

use crate::{World, client};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// What a client that is not ours may have put into an envelope.
const HOSTILE: &str = "00-1\r\nNats-Msg-Id: other";

/// The header of a stored message and its body.
async fn stored(world: &World, stream: &str, sequence: u64) -> (Option<String>, Value) {
    let jetstream = jetstream::new(client(&world.server).await);
    let stream = jetstream.get_stream(stream).await.unwrap();
    let message = stream.get_raw_message(sequence).await.unwrap();
    let trace = message.headers.get("traceparent").map(ToString::to_string);
    (trace, serde_json::from_slice(&message.payload).unwrap())
}

#[tokio::test]
async fn a_trace_goes_from_the_command_through_the_log_to_the_published_event() {
    let world = World::new().await;
    let sender = world.sender().await;
    let traced = |trace: Option<&str>| {
        let mut envelope = world.register(Uuid::now_v7());
        envelope.trace = trace.map(str::to_owned);
        envelope
    };
    for (sequence, trace) in [(1, Some(TRACE)), (2, None), (3, Some(HOSTILE))] {
        assert_eq!(sender.send(traced(trace), Duration::ZERO).await, Ok(Sent::Unknown));
        let (header, envelope) = stored(&world, "COMMANDS", sequence).await;
        assert_eq!(header.as_deref(), trace.filter(|trace| *trace == TRACE));
        assert_eq!(envelope["trace"].as_str(), trace);
    }

    let workers = world.workers("one");
    world.wait_until_empty().await;
    let log = EventReader::new(world.pool.clone()).page(0, 10, &[]).await.unwrap().events;
    Relay::new(world.nats.clone(), world.pool.clone()).react(&log).await.unwrap();
    let mut published = Vec::new();
    // The tenant's own event comes first.
    for sequence in 2..=4 {
        let (header, cloud) = stored(&world, "EVENTS", sequence).await;
        assert_eq!(header.as_deref(), cloud.get("traceparent").and_then(Value::as_str));
        published.push(header);
    }
    published.sort();
    assert_eq!(published, [None, None, Some(TRACE.to_owned())]);
    workers.stop().await;
}
