//! An integrator as its own program sees the server.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, Event,
    jetstream::{consumer::PullConsumer, context::ContextBuilder},
};
use futures::StreamExt;
use kontor_engines::testing::TestNats;
use kontor_nats::{BrokerNames, Nats};
use kontor_postgres::integrators::{self, Channel, EventFilter, Integrator, NewIntegrator};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::PATIENCE;

/// How long a refused request is waited for: the server says nothing to the one who asks.
pub(crate) const REFUSED_AFTER: Duration = Duration::from_millis(600);

/// An integrator with its secret, which can enter.
pub(crate) struct Partner {
    pub(crate) integrator: Integrator,
    pub(crate) names: BrokerNames,
    pub(crate) secret: SecretString,
    port: u16,
}

impl Partner {
    /// Adds an integrator for a tenant and types of events.
    pub(crate) async fn add(
        (pool, nats, server): (&PgPool, &Nats, &TestNats),
        name: &str,
        (tenant, events): (Option<&str>, &[&str]),
    ) -> Self {
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        let new = NewIntegrator {
            name: name.parse().unwrap(),
            tenant: tenant.map(|tenant| tenant.parse().unwrap()),
            events: EventFilter::new(&events).unwrap(),
            channel: Channel::Nats,
        };
        let (integrator, secret) = integrators::add(pool, new).await.unwrap();
        assert!(nats.ensure_integrator(&integrator).await.unwrap());
        assert!(!nats.ensure_integrator(&integrator).await.unwrap(), "it is there");
        let names = BrokerNames::of(&integrator.name);
        let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
        Self { integrator, names, secret: secret.unwrap(), port }
    }

    pub(crate) async fn connect(&self) -> Result<(Client, mpsc::UnboundedReceiver<Event>), String> {
        self.connect_as(&self.names.user, self.secret.expose_secret()).await
    }

    pub(crate) async fn connect_as(
        &self,
        user: &str,
        secret: &str,
    ) -> Result<(Client, mpsc::UnboundedReceiver<Event>), String> {
        let (events, heard) = mpsc::unbounded_channel();
        let options = ConnectOptions::with_user_and_password(user.into(), secret.into())
            .custom_inbox_prefix(self.names.inbox_prefix.clone())
            .event_callback(move |event| {
                let events = events.clone();
                async move {
                    // Nobody listens any more at the end of a test.
                    drop(events.send(event));
                }
            });
        let address = format!("127.0.0.1:{}", self.port);
        let client = options.connect(address).await.map_err(|err| format!("{err:?}"))?;
        Ok((client, heard))
    }

    pub(crate) async fn consumer(&self, client: &Client) -> PullConsumer {
        let jetstream = ContextBuilder::new()
            .timeout(REFUSED_AFTER)
            .ack_timeout(REFUSED_AFTER)
            .build(client.clone());
        let stream = jetstream.get_stream_no_info(self.names.stream).await.unwrap();
        stream.get_consumer(&self.names.consumer).await.unwrap()
    }

    /// The subjects of the next `count` events, each of them confirmed.
    pub(crate) async fn receive(&self, client: &Client, count: usize) -> Vec<String> {
        let consumer = self.consumer(client).await;
        let receiving = async {
            let mut messages = consumer.messages().await.unwrap();
            let mut subjects = Vec::new();
            while subjects.len() < count {
                let message = messages.next().await.unwrap().unwrap();
                message.double_ack().await.unwrap();
                subjects.push(message.subject.to_string());
            }
            subjects
        };
        tokio::time::timeout(PATIENCE, receiving).await.unwrap()
    }

    pub(crate) async fn nothing_is_left(&self, client: &Client) {
        let consumer = self.consumer(client).await;
        assert_eq!(consumer.cached_info().num_pending, 0);
        assert_eq!(consumer.cached_info().num_ack_pending, 0);
    }
}

/// What the server said next about something that it refused.
pub(crate) async fn next_refusal(heard: &mut mpsc::UnboundedReceiver<Event>) -> String {
    loop {
        let event = tokio::time::timeout(PATIENCE, heard.recv()).await.unwrap().unwrap();
        if let Event::ServerError(err) = event {
            return err.to_string();
        }
    }
}
