use std::{collections::BTreeSet, time::Duration};

use kontor_engines::testing;
use kontor_nats::{NatsError, StreamSettings, names};
use uuid::Uuid;

use crate::{client, connect, quick_streams};

#[tokio::test]
async fn a_stream_changed_by_hand_is_found_and_put_right() {
    let server = testing::nats().await;
    let nats = connect(&server, quick_streams()).await;
    assert!(matches!(nats.check().await, Err(NatsError::Refused { code: 10059, .. })));
    nats.ensure().await.unwrap();
    nats.ensure().await.unwrap();
    nats.check().await.unwrap();

    let jetstream = async_nats::jetstream::new(client(&server).await);
    let mut stream = jetstream.get_stream("EVENTS").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_age = Duration::from_secs(3600);
    config.max_bytes = 1_000_000;
    jetstream.update_stream(config).await.unwrap();
    let err = nats.check().await.unwrap_err();
    let NatsError::Mismatch { object, differences } = &err else { panic!("{err}") };
    let fields: BTreeSet<&str> = differences.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(object, "stream EVENTS");
    assert_eq!(fields, BTreeSet::from(["config.max_age", "config.max_bytes"]));
    assert!(err.to_string().contains("got 3600000000000"), "{err}");
    nats.ensure().await.unwrap();
    nats.check().await.unwrap();
}

#[tokio::test]
async fn settings_change_the_streams_of_a_running_server() {
    let server = testing::nats().await;
    connect(&server, quick_streams()).await.ensure().await.unwrap();
    let larger = StreamSettings {
        commands_max_messages: 5,
        ack_wait: Duration::from_secs(7),
        events_max_age: Duration::from_secs(86_400),
        ..quick_streams()
    };
    let nats = connect(&server, larger).await;
    assert!(matches!(nats.check().await, Err(NatsError::Mismatch { .. })));
    nats.ensure().await.unwrap();
    nats.check().await.unwrap();
}

#[tokio::test]
async fn what_a_server_cannot_do_is_refused_and_named() {
    let server = testing::nats().await;
    let replicated = StreamSettings { replicas: 3, ..quick_streams() };
    let err = connect(&server, replicated).await.ensure().await.unwrap_err();
    assert!(matches!(&err, NatsError::Refused { what, .. } if what == "stream COMMANDS"), "{err}");
}

#[tokio::test]
async fn a_stream_that_reserves_more_than_the_server_has_is_named_with_what_helps() {
    let server = testing::nats().await;
    // More than what a private server allows for all streams together, whatever its disk has.
    let vast = StreamSettings { events_max_bytes: 70_000_000_000, ..quick_streams() };
    let err = connect(&server, vast).await.ensure().await.unwrap_err();
    assert!(
        matches!(&err, NatsError::NoRoom { stream, bytes: 70_000_000_000 } if stream == "EVENTS"),
        "{err}"
    );
    assert!(err.to_string().contains("KONTOR_NATS_EVENTS_BYTES_MAX"), "{err}");
    // What fits on the same server is taken.
    connect(&server, quick_streams()).await.ensure().await.unwrap();
}

#[tokio::test]
async fn the_server_puts_commands_into_the_shards_that_the_names_say() {
    let server = testing::nats().await;
    connect(&server, quick_streams()).await.ensure().await.unwrap();
    let jetstream = async_nats::jetstream::new(client(&server).await);
    let stream = jetstream.get_stream("COMMANDS").await.unwrap();
    for n in 1..=50_u64 {
        let id = Uuid::now_v7().to_string();
        let subject = names::command_subject("demo", "meter", &id).unwrap();
        jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
        let stored = stream.get_raw_message(n).await.unwrap();
        let shard = names::shard_of(&id);
        assert_eq!(stored.subject.as_str(), format!("shard.{shard}.demo.meter.{id}"));
    }
}
