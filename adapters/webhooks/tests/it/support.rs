//! A log, a webhook, and its courier under a lease.

use std::time::Duration;

use chrono::TimeDelta;
use kontor_commands::{Append, AppendOutcome, EventStore, Expected, NewEvent, clock};
use kontor_domain::{Actor, Metadata};
use kontor_postgres::{
    AppenderSettings, EventLog, KeptLease, Leases, MasterKeys, Vault,
    integrators::{Channel, EventFilter, Integrator, NewIntegrator},
    webhooks::{self, Job},
};
use kontor_webhooks::{Caller, Courier, Next};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Far above what a call to a server that does not answer takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) pool: PgPool,
    pub(crate) vault: Vault,
    pub(crate) integrator: Integrator,
    pub(crate) secret: SecretString,
    pub(crate) head: watch::Receiver<i64>,
    log: EventLog,
}

/// A webhook at `url` that sees readings of the tenant `demo`.
pub(crate) async fn world(url: &str) -> World {
    let database = kontor_engines::testing::database().await;
    let pool = kontor_postgres::connect(&database.url, 8).await.unwrap();
    kontor_postgres::migrate(&pool).await.unwrap();
    let keys = MasterKeys::parse(MasterKeys::generate().expose_secret()).unwrap();
    let vault = Vault::new(pool.clone(), keys);
    let new = NewIntegrator {
        name: "billing".parse().unwrap(),
        tenant: Some("demo".parse().unwrap()),
        events: EventFilter::new(&["meter.*".to_owned()]).unwrap(),
        channel: Channel::Webhook,
    };
    let (integrator, secret) = webhooks::add(&pool, &vault, (new, url)).await.unwrap();
    let (sender, head) = watch::channel(0);
    let log = EventLog::start(pool.clone(), AppenderSettings::default(), sender);
    World { pool, vault, integrator, secret, head, log }
}

impl World {
    /// Appends readings to a stream of the tenant and returns their ids.
    pub(crate) async fn readings(&self, stream: Uuid, count: usize) -> Vec<String> {
        self.append("demo", ("meter", "meter.reading_submitted"), stream, count).await
    }

    pub(crate) async fn append(
        &self,
        tenant: &str,
        (stream_type, event_type): (&'static str, &'static str),
        stream_id: Uuid,
        count: usize,
    ) -> Vec<String> {
        let command_id = Uuid::now_v7();
        let tenant = tenant.parse().unwrap();
        let version = self.log.load(&tenant, stream_id, 0).await.unwrap().events.len();
        let events: Vec<NewEvent> = (0..count)
            .map(|_| NewEvent {
                event_id: Uuid::now_v7(),
                event_type,
                schema_version: 1,
                payload: r#"{"note":"счётчик"}"#.to_owned(),
                personal_fields: &[],
            })
            .collect();
        let ids = events.iter().map(|event| event.event_id.to_string()).collect();
        let append = Append {
            tenant,
            command_id,
            fingerprint: *command_id.as_bytes(),
            stream_type,
            stream_id,
            subject: None,
            expected: match version {
                0 => Expected::NoStream,
                version => Expected::version(version.try_into().unwrap()),
            },
            events,
            refusal: None,
            metadata: Metadata {
                actor: Actor::System { name: "test".to_owned() },
                command_id,
                correlation_id: command_id,
                causation_id: None,
                trace: None,
            },
            occurred_at: clock::now(),
        };
        let outcome = self.log.append(append).await.unwrap();
        assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
        ids
    }

    pub(crate) fn leases(&self) -> Leases {
        Leases::new(self.pool.clone(), Uuid::now_v7().to_string(), Duration::from_secs(20))
    }

    /// The lease of the webhook, from whoever had it.
    pub(crate) async fn lease(&self) -> KeptLease {
        let leases = self.leases();
        let name = format!("webhook/{}", self.integrator.id);
        let lease = leases.seize(&name).await.unwrap();
        leases.keep(lease, &CancellationToken::new())
    }

    pub(crate) async fn job(&self) -> Job {
        webhooks::jobs(&self.pool).await.unwrap().remove(0)
    }

    pub(crate) async fn courier(&self) -> Courier {
        self.courier_of(true).await
    }

    pub(crate) async fn courier_of(&self, loopback: bool) -> Courier {
        self.courier_by(Caller::new(loopback).unwrap()).await
    }

    pub(crate) async fn courier_by(&self, caller: Caller) -> Courier {
        Courier::new(self.pool.clone(), self.vault.clone(), caller, self.job().await)
    }

    /// A fresh courier, as after a restart, works until nothing is to be done now.
    pub(crate) async fn work(&self) -> Next {
        let (mut courier, lease) = (self.courier().await, self.lease().await);
        loop {
            let next = tokio::time::timeout(PATIENCE, courier.step(&lease)).await.unwrap().unwrap();
            if next != Next::More {
                return next;
            }
        }
    }

    /// As if so much time had passed for what waits.
    pub(crate) async fn pass(&self, time: TimeDelta) {
        let milliseconds = time.num_milliseconds();
        for statement in [
            "update webhook_deliveries set next_at = next_at - $1 * interval '1 millisecond',
                 first_at = first_at - $1 * interval '1 millisecond',
                 tried_at = tried_at - $1 * interval '1 millisecond'",
            "update webhooks set failing_since = failing_since - $1 * interval '1 millisecond',
                 last_attempt_at = last_attempt_at - $1 * interval '1 millisecond',
                 wait_until = wait_until - $1 * interval '1 millisecond'",
        ] {
            sqlx::query(statement).bind(milliseconds).execute(&self.pool).await.unwrap();
        }
    }

    pub(crate) async fn webhook(&self) -> webhooks::Webhook {
        webhooks::find(&self.pool, &self.integrator.name).await.unwrap().unwrap()
    }
}
