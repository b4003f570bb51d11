//! The example configuration with its users, as `nats/nats-server.conf` has it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use async_nats::jetstream::{self, context::ContextBuilder};
use chrono::SubsecRound;
use kontor_commands::clock;
use kontor_domain::seals::{Digest32, Seal, SealDraft, SealingKey};
use kontor_engines::NatsBinary;
use kontor_nats::{
    Doorkeeper, Issuer, KeepConsumers, Nats, NatsAuth, NatsSender, NatsSettings, Relay, Replays,
    Workers,
};
use kontor_postgres::{
    EventReader, Leases,
    integrators::{self, Channel, EventFilter, NewIntegrator, replays},
};
use kontor_projections::Reactor;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{World, accepted, quick, quick_streams, start, wait_until};

const PASSWORD: &str = "only-for-this-test";

/// A server with the example configuration; ends with the test.
struct Example {
    server: Child,
    port: u16,
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Drop for Example {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

impl Example {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = folder.path().join("store");
        // The same file at another place.
        let text = fs::read_to_string("../../nats/nats-server.conf")
            .unwrap()
            .replace("0.0.0.0:4222", &format!("127.0.0.1:{free}"))
            .replace("http: \"127.0.0.1:8222\"", "")
            .replace("/var/lib/nats", store.to_str().unwrap());
        let file = folder.path().join("nats-server.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(NatsBinary::find().unwrap().path());
        command.arg("-c").arg(file).stderr(Stdio::null());
        for role in ["ADMIN", "GATEWAY", "WORKER", "RELAY", "SYSTEM"] {
            command.env(format!("NATS_{role}_PASSWORD"), PASSWORD);
        }
        let (issuer, _) = Issuer::generate().unwrap();
        command.env("NATS_ISSUER", issuer.public_key());
        let server = command.spawn().unwrap();
        let example = Self { server, port: free, issuer, _folder: folder };
        wait_until("the server", || async { TcpStream::connect(("127.0.0.1", free)).is_ok() })
            .await;
        example
    }

    async fn connect(&self, user: &str) -> Nats {
        let mut settings = NatsSettings::new([format!("nats://127.0.0.1:{}", self.port)]);
        let password = PASSWORD.to_owned().into();
        settings.auth = NatsAuth::UserPassword { user: user.to_owned(), password };
        settings.inbox_prefix = format!("_INBOX_{user}");
        settings.streams = quick_streams();
        Nats::connect(settings).await.unwrap()
    }

    async fn jetstream(&self, user: &str) -> jetstream::Context {
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), PASSWORD.into())
                .custom_inbox_prefix(format!("_INBOX_{user}"));
        let client = options.connect(format!("127.0.0.1:{}", self.port)).await.unwrap();
        let second = Duration::from_secs(1);
        ContextBuilder::new().timeout(second).ack_timeout(second).build(client)
    }
}

#[tokio::test]
async fn each_role_can_do_its_work() {
    let (world, example) = (World::new().await, Example::start().await);
    example.connect("admin").await.ensure().await.unwrap();
    let worker = example.connect("worker").await;
    let workers = Workers::new(worker, world.pool.clone(), world.router(), quick("one"));
    let workers = start(workers);
    let sender = NatsSender::new(example.connect("gateway").await).await.unwrap();
    assert_eq!(accepted(&sender, world.register(Uuid::now_v7())).await, 1);
    workers.stop().await;

    let log = EventReader::new(world.pool.clone()).page(0, 10, &[]).await.unwrap();
    let relay = Relay::new(example.connect("relay").await, world.pool.clone());
    relay.react(&log.events).await.unwrap();
    let admin = example.jetstream("admin").await;
    let events = admin.get_stream("EVENTS").await.unwrap();
    assert_eq!(events.cached_info().state.messages, 2);
    let commands = admin.get_stream("COMMANDS").await.unwrap();
    assert_eq!(commands.cached_info().state.messages, 0);
}

#[tokio::test]
async fn no_role_can_do_the_work_of_another() {
    let example = Example::start().await;
    example.connect("admin").await.ensure().await.unwrap();
    for (user, subject) in [
        ("gateway", "evt.demo.meter.registered"),
        ("worker", "evt.demo.meter.registered"),
        ("worker", "cmd.demo.meter.1"),
        ("relay", "cmd.demo.meter.1"),
    ] {
        let sent = example.jetstream(user).await.publish(subject, "x".into()).await;
        sent.unwrap().await.unwrap_err();
    }
    for user in ["gateway", "worker", "relay"] {
        let jetstream = example.jetstream(user).await;
        assert!(jetstream.delete_stream("EVENTS").await.is_err());
        assert!(jetstream.delete_stream("COMMANDS").await.is_err());
        assert!(jetstream.get_stream("COMMANDS").await.is_err());
    }
    let admin = example.jetstream("admin").await;
    for stream in ["COMMANDS", "EVENTS"] {
        let stream = admin.get_stream(stream).await.unwrap();
        assert_eq!(stream.cached_info().state.messages, 0);
    }
}

#[tokio::test]
async fn the_relay_publishes_seals_and_nobody_takes_one_out() {
    let example = Example::start().await;
    example.connect("admin").await.ensure().await.unwrap();
    let relay = example.connect("relay").await;
    assert_eq!(relay.last_seal().await.unwrap(), None);
    let mut seals: Vec<Seal> = Vec::new();
    for number in 1..=3 {
        let draft = SealDraft {
            position: number,
            ledgers: 1,
            bookings: number,
            changed: 1,
            root: Digest32::ZERO,
            sealed_at: clock::now().trunc_subsecs(6),
        };
        let seal = Seal::sign(&draft, seals.last(), &[SealingKey::new(&[1; 32])]).unwrap();
        // A confirmation that was lost: the same again is not kept twice.
        relay.publish_seal(&seal).await.unwrap();
        relay.publish_seal(&seal).await.unwrap();
        assert_eq!(relay.last_seal().await.unwrap().as_ref(), Some(&seal));
        seals.push(seal);
    }
    let admin = example.jetstream("admin").await;
    let stream = admin.get_stream("SEALS").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 3);
    assert!(stream.delete_message(2).await.is_err());
    assert!(stream.purge().await.is_err());
    for user in ["gateway", "worker"] {
        let sent = example.jetstream(user).await.publish("seal.ledgers", "x".into()).await;
        sent.unwrap().await.unwrap_err();
    }
    for user in ["gateway", "worker", "relay"] {
        assert!(example.jetstream(user).await.delete_stream("SEALS").await.is_err());
    }
    // A stream that is gone is empty again, and says so.
    admin.delete_stream("SEALS").await.unwrap();
    let ensuring = example.connect("admin").await;
    assert_eq!(ensuring.last_seal().await.unwrap(), None);
    ensuring.publish_seal(&seals[0]).await.unwrap();
    assert_eq!(relay.last_seal().await.unwrap().as_ref(), Some(&seals[0]));
}

#[tokio::test]
async fn the_relay_lets_integrators_in_and_the_system_account_shows_them_out() {
    let (world, example) = (World::new().await, Example::start().await);
    example.connect("admin").await.ensure().await.unwrap();
    let relay = example.connect("relay").await;
    let issuer = example.issuer.clone();
    let door = Doorkeeper::new(relay.clone(), world.pool.clone(), issuer, "$G");
    let stop = CancellationToken::new();
    tokio::spawn(door.run(stop.clone()));
    let new = NewIntegrator {
        name: "acme".parse().unwrap(),
        tenant: None,
        events: EventFilter::new(&["*".to_owned()]).unwrap(),
        channel: Channel::Nats,
    };
    let (acme, secret) = integrators::add(&world.pool, new).await.unwrap();
    let keeper = KeepConsumers::new(relay.clone(), world.pool.clone());
    assert_eq!(keeper.compare().await.unwrap(), 1);
    let leases = Leases::new(world.pool.clone(), "relay", Duration::from_secs(1));
    let replaying = Replays::new(relay, world.pool.clone(), leases);
    tokio::spawn(replaying.clone().run(stop.clone()));
    replays::order(&world.pool, &acme.name, 1).await.unwrap();
    let admin = example.jetstream("admin").await;
    let published = async || {
        // The tenant's event, and the end.
        let stream = admin.get_stream("REPLAY_acme").await;
        stream.is_ok_and(|stream| stream.cached_info().state.messages == 2)
    };
    wait_until("the replay", published).await;

    let password = secret.unwrap().expose_secret().to_owned();
    let options =
        async_nats::ConnectOptions::with_user_and_password("integrator_acme".into(), password)
            .custom_inbox_prefix("_INBOX_integrator_acme");
    let client = options.connect(format!("127.0.0.1:{}", example.port)).await.unwrap();
    let stream = jetstream::new(client).get_stream_no_info("EVENTS").await.unwrap();
    let consumer = stream.get_consumer::<jetstream::consumer::pull::Config>("integrator_acme");
    assert_eq!(consumer.await.unwrap().cached_info().num_pending, 0);

    integrators::revoke(&world.pool, &acme.name).await.unwrap().unwrap();
    assert_eq!(keeper.compare().await.unwrap(), 1);
    replaying.tidy().await.unwrap();
    assert!(admin.get_stream("REPLAY_acme").await.is_err());
    let system = example.connect("system").await;
    assert_eq!(system.end_connections(&acme.name).await.unwrap(), 1);
    stop.cancel();
}
