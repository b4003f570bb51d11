//! Confirmations that are lost between the broker and the sender.

use std::time::{Duration, Instant};

use kontor_commands::{CommandSender, SendError, Sent};
use kontor_nats::{Nats, NatsSender, NatsSettings};
use uuid::Uuid;

use crate::{PATIENCE, World, accepted, done, proxy::Proxy, quick_streams, wait_until};

async fn sender_behind(proxy: &Proxy) -> NatsSender {
    let settings =
        NatsSettings { streams: quick_streams(), ..NatsSettings::new([proxy.url.clone()]) };
    NatsSender::new(Nats::connect(settings).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_confirmation_is_lost_is_put_again_and_takes_effect_once() {
    let world = World::new().await;
    let workers = world.workers("one");
    let proxy = Proxy::start(&world.server.url).await;
    let sender = sender_behind(&proxy).await;
    let id = Uuid::now_v7();
    assert_eq!(accepted(&sender, world.register(id)).await, 1);

    for (number, cuts) in [1, 2, 3].into_iter().enumerate() {
        let before = proxy.commands();
        proxy.cut_behind(cuts);
        let version = accepted(&sender, world.rename(id, &format!("Имя {cuts}"))).await;
        assert_eq!(version, i64::try_from(number).unwrap() + 2, "once");
        assert!(proxy.commands() > before, "the command was put into the stream");
    }
    assert_eq!(world.names(id).await, ["Имя 1", "Имя 2", "Имя 3"]);
    world.wait_until_empty().await;
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_confirmation_nobody_is_told_that_a_command_is_queued() {
    const WAIT: Duration = Duration::from_secs(2);
    let world = World::new().await;
    let proxy = Proxy::start(&world.server.url).await;
    let sender = sender_behind(&proxy).await;
    let id = Uuid::now_v7();
    let envelope = world.register(id);

    proxy.deafen(true);
    let begun = Instant::now();
    let sent = sender.send(envelope.clone(), WAIT).await;
    assert_eq!(sent, Err(SendError::Unconfirmed));
    assert!(begun.elapsed() >= WAIT, "it was tried as long as the caller waits");
    assert!(proxy.commands() > 1, "more than once: {}", proxy.commands());
    // It stands in the queue, once; nobody was to rely on that.
    wait_until("the command", || async { world.nats.commands_waiting().await.unwrap() == 1 }).await;

    proxy.deafen(false);
    let workers = world.workers("one");
    let give_up = Instant::now() + PATIENCE;
    let (outcome, _) = loop {
        match sender.send(envelope.clone(), WAIT).await {
            Ok(Sent::Done { outcome, replayed }) => break (outcome, replayed),
            other => assert!(Instant::now() < give_up, "{other:?}"),
        }
    };
    let direct = world.sender().await;
    assert_eq!(done(&direct, envelope).await.0, outcome, "the same command id, the same outcome");
    assert_eq!(world.names(id).await.len(), 0, "registered once, and nothing else");
    assert_eq!(accepted(&direct, world.rename(id, "Анна")).await, 2);
    workers.stop().await;
}

#[tokio::test]
async fn a_caller_who_does_not_wait_learns_whether_the_command_is_queued() {
    let world = World::new().await;
    let proxy = Proxy::start(&world.server.url).await;
    let sender = sender_behind(&proxy).await;
    let sent = sender.send(world.register(Uuid::now_v7()), Duration::ZERO).await;
    assert_eq!(sent, Ok(Sent::Unknown), "confirmed, and its outcome is not waited for");
    proxy.deafen(true);
    let sent = sender.send(world.register(Uuid::now_v7()), Duration::ZERO).await;
    assert_eq!(sent, Err(SendError::Unconfirmed));
}
