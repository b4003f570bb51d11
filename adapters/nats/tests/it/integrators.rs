//! Integrators at a real server that asks about them.

use async_nats::{
    Event,
    jetstream::{self, consumer::PullConsumer, context::ContextBuilder},
};
use futures::StreamExt;
use kontor_engines::testing::{self, TestNats};
use kontor_nats::{Doorkeeper, Issuer, KeepConsumers, Nats, NatsSettings};
use kontor_postgres::integrators;
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    PATIENCE, client, connect,
    partner::{Partner, REFUSED_AFTER, next_refusal},
    quick_streams, wait_until,
};

/// A server with streams, a database, and somebody at the door.
struct Gate {
    server: TestNats,
    nats: Nats,
    pool: PgPool,
    stop: CancellationToken,
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Gate {
    async fn open() -> Self {
        let (issuer, _) = Issuer::generate().unwrap();
        let server = testing::nats_asking(issuer.public_key()).await;
        let database = testing::database().await;
        let pool = kontor_postgres::connect(&database.url, 4).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let nats = connect(&server, quick_streams()).await;
        nats.ensure().await.unwrap();
        let stop = CancellationToken::new();
        let door = Doorkeeper::new(nats.clone(), pool.clone(), issuer, "$G");
        tokio::spawn(door.run(stop.clone()));
        Self { server, nats, pool, stop }
    }

    async fn add(&self, name: &str, tenant: Option<&str>, events: &[&str]) -> Partner {
        Partner::add((&self.pool, &self.nats, &self.server), name, (tenant, events)).await
    }

    async fn publish(&self, subject: &str, position: i64) {
        let jetstream = jetstream::new(client(&self.server).await);
        let event = json!({ "position": position.to_string() }).to_string();
        jetstream.publish(subject.to_owned(), event.into()).await.unwrap().await.unwrap();
    }

    /// How many requests for events of a partner wait at the server.
    async fn waiting_pulls(&self, partner: &Partner) -> usize {
        let jetstream = jetstream::new(client(&self.server).await);
        let stream = jetstream.get_stream(partner.names.stream).await.unwrap();
        let consumer: PullConsumer = stream.get_consumer(&partner.names.consumer).await.unwrap();
        consumer.cached_info().num_waiting
    }

    /// A connection to the server's system account.
    async fn system(&self) -> Nats {
        Nats::connect(NatsSettings::new([self.server.system_url()])).await.unwrap()
    }
}

#[tokio::test]
async fn an_integrator_receives_exactly_the_events_of_its_tenant_and_types() {
    let gate = Gate::open().await;
    gate.publish("evt.moscow.meter.archived", 1).await;
    let acme = gate.add("acme", Some("moscow"), &["meter.*", "account.registered"]).await;
    let all = gate.add("all", None, &["*"]).await;
    for (position, subject) in [
        "evt.moscow.meter.archived",
        "evt.moscow.account.renamed",
        "evt.kazan.meter.archived",
        "evt.moscow.account.registered",
        "evt.moscow.meter.reading_submitted",
    ]
    .into_iter()
    .enumerate()
    {
        gate.publish(subject, i64::try_from(position).unwrap() + 2).await;
    }
    let (client, _) = acme.connect().await.unwrap();
    let seen = acme.receive(&client, 3).await;
    assert_eq!(
        seen,
        [
            "evt.moscow.meter.archived",
            "evt.moscow.account.registered",
            "evt.moscow.meter.reading_submitted"
        ]
    );
    acme.nothing_is_left(&client).await;
    let (client, _) = all.connect().await.unwrap();
    assert_eq!(all.receive(&client, 5).await.len(), 5);
    all.nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_integrator_is_refused_everything_else() {
    let gate = Gate::open().await;
    let acme = gate.add("acme", Some("moscow"), &["meter.*"]).await;
    let other = gate.add("other", None, &["*"]).await;
    gate.publish("evt.kazan.meter.archived", 1).await;
    let (client, mut heard) = acme.connect().await.unwrap();

    // What it asks for by request is never answered.
    let create = json!({ "stream_name": "EVENTS", "config": { "filter_subject": "evt.>" } });
    let theirs = &other.names.consumer;
    for (subject, body) in [
        ("$JS.API.INFO".to_owned(), String::new()),
        ("$JS.API.STREAM.INFO.EVENTS".to_owned(), String::new()),
        ("$JS.API.STREAM.INFO.COMMANDS".to_owned(), String::new()),
        ("$JS.API.STREAM.NAMES".to_owned(), String::new()),
        ("$JS.API.STREAM.MSG.GET.EVENTS".to_owned(), r#"{"seq":1}"#.to_owned()),
        ("$JS.API.DIRECT.GET.EVENTS".to_owned(), r#"{"seq":1}"#.to_owned()),
        ("$JS.API.STREAM.DELETE.EVENTS".to_owned(), String::new()),
        ("$JS.API.CONSUMER.NAMES.EVENTS".to_owned(), String::new()),
        ("$JS.API.CONSUMER.CREATE.EVENTS".to_owned(), create.to_string()),
        (format!("$JS.API.CONSUMER.CREATE.EVENTS.{}", acme.names.consumer), create.to_string()),
        (format!("$JS.API.CONSUMER.DELETE.EVENTS.{}", acme.names.consumer), String::new()),
        (format!("$JS.API.CONSUMER.INFO.EVENTS.{theirs}"), String::new()),
        (format!("$JS.API.CONSUMER.MSG.NEXT.EVENTS.{theirs}"), "1".to_owned()),
        ("$SYS.REQ.SERVER.PING".to_owned(), String::new()),
        ("$SYS.REQ.USER.AUTH".to_owned(), String::new()),
        ("cmd.moscow.meter.1".to_owned(), "{}".to_owned()),
        ("evt.moscow.meter.archived".to_owned(), "{}".to_owned()),
        ("kontor.head".to_owned(), "9".to_owned()),
    ] {
        let asked = client.request(subject.clone(), body.into());
        let answer = tokio::time::timeout(REFUSED_AFTER, asked).await;
        assert!(!matches!(answer, Ok(Ok(_))), "{subject}: {answer:?}");
        let refusal = next_refusal(&mut heard).await;
        let expected = format!("Permissions Violation for Publish to \"{subject}\"");
        assert!(refusal.to_lowercase().contains(&expected.to_lowercase()), "{subject}: {refusal}");
    }
    for subject in [
        ">",
        "evt.>",
        "evt.moscow.meter.*",
        "cmd.>",
        "_INBOX.>",
        "_INBOX_integrator_other.>",
        "$SYS.>",
    ] {
        let _subscription = client.subscribe(subject).await.unwrap();
        client.flush().await.unwrap();
        let refusal = next_refusal(&mut heard).await;
        assert!(refusal.contains("ermissions"), "{subject}: {refusal}");
    }
    let admin = jetstream::new(crate::client(&gate.server).await);
    for (stream, messages) in [("EVENTS", 1), ("COMMANDS", 0)] {
        let stream = admin.get_stream(stream).await.unwrap();
        assert_eq!(stream.cached_info().state.messages, messages);
    }
}

#[tokio::test]
async fn a_wrong_login_is_turned_away() {
    let gate = Gate::open().await;
    let acme = gate.add("acme", None, &["*"]).await;
    let secret = acme.secret.expose_secret();
    for (user, password) in [
        ("integrator_acme", "wrong"),
        ("integrator_acme", ""),
        ("integrator_nobody", secret),
        ("acme", secret),
        ("kontor", secret),
        ("listener", secret),
        ("system", secret),
        ("integrator_акме", secret),
        ("", ""),
    ] {
        let refused = acme.connect_as(user, password).await;
        assert!(refused.as_ref().is_err_and(|err| err.contains("uthorization")), "{user}");
    }
    acme.connect().await.unwrap();
    let long = "x".repeat(3_000);
    acme.connect_as("integrator_acme", &long).await.unwrap_err();
}

#[tokio::test]
async fn a_revoked_integrator_is_out_at_once() {
    let gate = Gate::open().await;
    let (acme, other) =
        (gate.add("acme", None, &["*"]).await, gate.add("other", None, &["*"]).await);
    let (client, mut heard) = acme.connect().await.unwrap();
    let (other_client, _) = other.connect().await.unwrap();
    let name = &acme.integrator.name;
    let mut messages = acme.consumer(&client).await.messages().await.unwrap();
    let pulling = tokio::spawn(async move { messages.next().await });
    // Only then does the server tell the one who pulls that there is nothing to pull from.
    wait_until("a pull waits", || async { gate.waiting_pulls(&acme).await == 1 }).await;
    assert!(integrators::revoke(&gate.pool, name).await.unwrap().is_some());
    assert!(gate.nats.remove_integrator(name).await.unwrap());
    assert!(!gate.nats.remove_integrator(name).await.unwrap(), "it is gone");

    // Even before the connection ends there is nothing left to read, and who waits is told so.
    let pulled = tokio::time::timeout(PATIENCE, pulling).await.unwrap().unwrap();
    assert!(matches!(pulled, None | Some(Err(_))), "{pulled:?}");
    let jetstream = ContextBuilder::new().timeout(REFUSED_AFTER).build(client.clone());
    let stream = jetstream.get_stream_no_info("EVENTS").await.unwrap();
    assert!(
        stream
            .get_consumer::<jetstream::consumer::pull::Config>(&acme.names.consumer)
            .await
            .is_err()
    );

    assert_eq!(gate.system().await.end_connections(name).await.unwrap(), 1);
    let ended = async { while !matches!(heard.recv().await.unwrap(), Event::Disconnected) {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    // The client comes back by itself and is refused; its own word for that is the sign.
    let refused = async {
        loop {
            let event = heard.recv().await.unwrap();
            assert!(!matches!(event, Event::Connected), "it is in again");
            if let Event::ClientError(err) = event {
                return err.to_string();
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(refused.contains("authorization"), "{refused}");
    acme.connect().await.err().unwrap();
    gate.publish("evt.moscow.meter.archived", 1).await;
    assert_eq!(other.receive(&other_client, 1).await.len(), 1, "others are not touched");

    // The name is free again, and the old secret stays refused.
    let again = gate.add("acme", None, &["*"]).await;
    again.connect().await.unwrap();
    acme.connect().await.err().unwrap();
}

#[tokio::test]
async fn only_the_system_account_ends_connections() {
    let gate = Gate::open().await;
    let acme = gate.add("acme", None, &["*"]).await;
    let (client, _) = acme.connect().await.unwrap();
    assert!(gate.nats.end_connections(&acme.integrator.name).await.is_err());
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_replay_begins_where_it_was_asked_to() {
    let gate = Gate::open().await;
    assert_eq!(gate.nats.oldest_event().await.unwrap(), None);
    gate.publish("evt.moscow.meter.archived", 7).await;
    assert_eq!(gate.nats.oldest_event().await.unwrap(), Some(7));
    let acme = gate.add("acme", None, &["*"]).await;
    gate.publish("evt.moscow.meter.registered", 8).await;
    let (client, _) = acme.connect().await.unwrap();
    assert_eq!(acme.receive(&client, 1).await, ["evt.moscow.meter.registered"]);

    let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
    let moved = integrators::start_at(&gate.pool, &acme.integrator.name, long_ago).await.unwrap();
    assert!(gate.nats.ensure_integrator(&moved.unwrap()).await.unwrap());
    let again = acme.receive(&client, 2).await;
    assert_eq!(again, ["evt.moscow.meter.archived", "evt.moscow.meter.registered"]);
}

#[tokio::test]
async fn consumers_follow_their_rows_when_the_broker_lost_them_or_was_not_told() {
    let gate = Gate::open().await;
    let acme = gate.add("acme", None, &["*"]).await;
    let gone = gate.add("gone", None, &["*"]).await;
    let keeper = KeepConsumers::new(gate.nats.clone(), gate.pool.clone());
    assert_eq!(keeper.compare().await.unwrap(), 0);
    integrators::revoke(&gate.pool, &gone.integrator.name).await.unwrap().unwrap();
    assert_eq!(keeper.compare().await.unwrap(), 1);

    let admin = jetstream::new(client(&gate.server).await);
    admin.delete_stream("EVENTS").await.unwrap();
    assert!(keeper.compare().await.is_err(), "there is no stream");
    gate.nats.ensure().await.unwrap();
    assert_eq!(keeper.compare().await.unwrap(), 1);
    gate.publish("evt.moscow.meter.archived", 1).await;
    let (client, _) = acme.connect().await.unwrap();
    assert_eq!(acme.receive(&client, 1).await.len(), 1);
}

#[tokio::test]
async fn a_door_that_nobody_keeps_stays_shut_and_opens_again() {
    let gate = Gate::open().await;
    let acme = gate.add("acme", None, &["*"]).await;
    let forged = client(&gate.server).await;
    // What is no question of a server is not answered.
    for junk in ["", "a.b.c", "{}"] {
        let asked = forged.request("$SYS.REQ.USER.AUTH", junk.into());
        assert!(!matches!(tokio::time::timeout(REFUSED_AFTER, asked).await, Ok(Ok(_))), "{junk}");
    }
    gate.stop.cancel();
    wait_until("the end of the doorkeeper", || async { acme.connect().await.is_err() }).await;
}
