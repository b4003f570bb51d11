use std::time::Duration;

use kontor_commands::{CommandSender, Outcome, SendError, Sent};
use kontor_nats::{Nats, NatsSender, StreamSettings};
use serde_json::json;
use uuid::Uuid;

use crate::{PATIENCE, World, accepted, done, quick_streams, settings, wait_until};

#[tokio::test]
async fn a_command_comes_back_with_its_outcome() {
    let world = World::new().await;
    let (workers, sender) = (world.workers("one"), world.sender().await);
    let id = Uuid::now_v7();
    assert_eq!(accepted(&sender, world.register(id)).await, 1);
    assert_eq!(accepted(&sender, world.rename(id, "Anna B")).await, 2);

    let (outcome, replayed) = done(&sender, world.rename(Uuid::now_v7(), "Nobody")).await;
    let Outcome::Refused { refusal } = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.code, "account_unknown");
    assert!(!replayed);

    workers.stop().await;
    world.wait_until_empty().await;
}

#[tokio::test]
async fn a_command_sent_again_returns_the_first_outcome() {
    let world = World::new().await;
    let (workers, sender) = (world.workers("one"), world.sender().await);
    let envelope = world.register(Uuid::now_v7());
    let (first, replayed) = done(&sender, envelope.clone()).await;
    assert!(!replayed);
    // Within the duplicate window, from this process and from another one.
    let other = NatsSender::new(world.nats.clone()).await.unwrap();
    for sender in [&sender, &other] {
        assert_eq!(done(sender, envelope.clone()).await, (first.clone(), true));
    }
    let mut changed = envelope.clone();
    changed.command["display_name"] = json!("Somebody else");
    let reused = sender.send(changed, PATIENCE).await;
    assert_eq!(reused, Err(SendError::CommandIdReused));
    assert_eq!(world.names(envelope.id).await, [""; 0]);

    workers.stop().await;
    world.wait_until_empty().await;
}

#[tokio::test]
async fn a_full_backlog_turns_commands_away_and_keeps_those_it_took() {
    let streams = StreamSettings { commands_max_messages: 3, ..quick_streams() };
    let world = World::with(streams).await;
    let sender = world.sender().await;
    let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        let sent = sender.send(world.register(*id), Duration::ZERO).await;
        assert_eq!(sent, Ok(Sent::Unknown));
    }
    let turned_away = world.register(Uuid::now_v7());
    let sent = sender.send(turned_away.clone(), PATIENCE).await;
    assert_eq!(sent, Err(SendError::Overloaded));
    assert_eq!(world.nats.commands_waiting().await.unwrap(), 3);

    let workers = world.workers("one");
    world.wait_until_empty().await;
    for id in ids {
        assert_eq!(accepted(&sender, world.rename(id, "Later")).await, 2);
    }
    assert_eq!(accepted(&sender, turned_away).await, 1);
    workers.stop().await;
}

#[tokio::test]
async fn without_stream_or_server_a_command_is_not_taken() {
    let mut world = World::new().await;
    let sender = world.sender().await;
    let client = async_nats::jetstream::new(crate::client(&world.server).await);
    client.delete_stream("COMMANDS").await.unwrap();
    let sent = sender.send(world.register(Uuid::now_v7()), PATIENCE).await;
    assert!(matches!(&sent, Err(SendError::Unavailable(_))), "{sent:?}");

    world.server.kill();
    wait_until("the loss of the connection", || async { !world.nats.is_connected() }).await;
    let sent = sender.send(world.register(Uuid::now_v7()), PATIENCE).await;
    assert!(matches!(&sent, Err(SendError::Unavailable(_))), "{sent:?}");
    let mut impatient = settings(&world.server, quick_streams());
    impatient.connect_timeout = Duration::from_millis(300);
    assert!(Nats::connect(impatient).await.is_err());
}

#[tokio::test]
async fn a_command_that_fits_no_subject_or_message_is_malformed() {
    let world = World::new().await;
    let sender = world.sender().await;
    for aggregate in ["", "a.b", ">", "account "] {
        let sent =
            sender.send(world.envelope(aggregate, Uuid::now_v7(), json!({})), PATIENCE).await;
        assert!(matches!(&sent, Err(SendError::Malformed(_))), "{sent:?}");
    }
    let long = json!({ "type": "rename", "display_name": "x".repeat(70_000) });
    let sent = sender.send(world.envelope("account", Uuid::now_v7(), long), PATIENCE).await;
    assert!(matches!(&sent, Err(SendError::Malformed(_))), "{sent:?}");
    assert_eq!(world.nats.commands_waiting().await.unwrap(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let world = World::new().await;
    let mut wrong = settings(&world.server, quick_streams());
    let host = world.server.url.rsplit('@').next().unwrap();
    wrong.urls = vec![format!("nats://kontor:wrong@{host}")];
    let err = Nats::connect(wrong).await.unwrap_err();
    assert!(matches!(err, kontor_nats::NatsError::Connect(_)), "{err}");
}
