//! The two ways of a command, and what each answer means.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use kontor_commands::{CommandSender, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{Actor, TenantId};
use kontor_nats::{Nats, NatsSender, NatsSettings};
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::Command;
use crate::{
    history::{History, Seen},
    world::{ApiKey, TENANT},
};

/// How long a sender over NATS waits for an outcome before it asks again.
const WAIT: Duration = Duration::from_secs(2);
/// How long a request may take; longer than the server waits for an outcome.
const REQUEST_LIMIT: Duration = Duration::from_secs(6);
/// What a meter counts between two readings, in thousandths.
const STEP_MILLI: i64 = 1_000;

/// The way of one attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Through NATS.
    Broker,
    /// Through HTTP, to one of the two servers.
    Http(bool),
}

/// A command id with the key that makes it over HTTP.
#[derive(Debug)]
pub(crate) struct NewId {
    pub(crate) id: Uuid,
    pub(crate) key: String,
}

/// The senders of all callers.
pub(crate) struct Senders {
    broker: NatsSender,
    http: reqwest::Client,
    servers: Vec<String>,
    key: String,
    /// What the API makes command ids in.
    namespace: Uuid,
    tenant: TenantId,
    pub(crate) history: Arc<History>,
    /// The last value of each meter that a reading was made of.
    values: Mutex<BTreeMap<Uuid, i64>>,
}

impl Senders {
    pub(crate) async fn new(
        broker_url: String,
        servers: Vec<String>,
        key: ApiKey,
        history: Arc<History>,
    ) -> anyhow::Result<Self> {
        let nats = Nats::connect(NatsSettings::new([broker_url])).await?;
        Ok(Self {
            broker: NatsSender::new(nats).await?,
            http: reqwest::Client::builder().timeout(REQUEST_LIMIT).build()?,
            servers,
            key: key.key,
            namespace: Uuid::new_v5(&key.id, TENANT.as_bytes()),
            tenant: TENANT.parse()?,
            history,
            values: Mutex::default(),
        })
    }

    /// An id that is the same over NATS and over HTTP.
    pub(crate) fn new_id(&self) -> NewId {
        let key = Uuid::now_v7().to_string();
        NewId { id: Uuid::new_v5(&self.namespace, key.as_bytes()), key }
    }

    /// A value above all that this meter was sent.
    pub(crate) fn next_value_milli(&self, meter: Uuid) -> i64 {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.get(&meter).copied().unwrap_or_default() + STEP_MILLI;
        values.insert(meter, value);
        value
    }

    /// Sends a command once, and notes what is said. Returns whether its outcome is known now.
    pub(crate) async fn send(&self, command: &Command, way: Way) -> bool {
        let said = match (way, &command.request) {
            (Way::Http(second), Some(_)) => self.over_http(command, second).await,
            (Way::Http(_) | Way::Broker, _) => self.over_broker(command).await,
        };
        match said {
            Ok(Some(seen)) => {
                self.history.saw(command.id, seen);
                true
            }
            Ok(None) => false,
            Err(err) => {
                self.history.complain(format!("command {} by {way:?}: {err:#}", command.id));
                false
            }
        }
    }

    async fn over_broker(&self, command: &Command) -> anyhow::Result<Option<Seen>> {
        let address = (self.tenant.clone(), command.aggregate, command.stream);
        let actor = Actor::System { name: "chaos".to_owned() };
        let body = command.body.clone();
        let envelope = Envelope::new(command.id, address, body, actor, clock::now());
        match self.broker.send(envelope, WAIT).await {
            Ok(Sent::Done { outcome: Outcome::Accepted(accepted), .. }) => {
                Ok(Some(Seen::Accepted {
                    version: accepted.version,
                    position: accepted.last_position,
                }))
            }
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => {
                Ok(Some(Seen::Refused { code: refusal.code }))
            }
            Ok(Sent::Unknown)
            | Err(SendError::Unavailable(_) | SendError::Unconfirmed | SendError::Overloaded) => {
                Ok(None)
            }
            Err(err @ (SendError::CommandIdReused | SendError::Malformed(_))) => Err(err.into()),
        }
    }

    async fn over_http(&self, command: &Command, second: bool) -> anyhow::Result<Option<Seen>> {
        let (method, path, body) = command.request.as_ref().context("no request")?;
        let server = self.servers.get(usize::from(second)).context("no server")?;
        let request = self.http.request(method.clone(), format!("{server}{path}"));
        let request = request.header("X-Auth-Key", &self.key).json(body);
        // Refused and lost connections leave the outcome unknown.
        let Ok(answer) = request.header("Idempotency-Key", &command.key).send().await else {
            return Ok(None);
        };
        let status = answer.status();
        let Ok(text) = answer.text().await else { return Ok(None) };
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            StatusCode::OK | StatusCode::CREATED => {
                let named = body.get("command_id").and_then(Value::as_str);
                anyhow::ensure!(
                    named == Some(command.id.to_string().as_str()),
                    "the answer is about {named:?}"
                );
                let version = body.get("version").and_then(Value::as_i64).context("no version")?;
                Ok(Some(Seen::Accepted {
                    version,
                    position: body.get("position").and_then(Value::as_i64),
                }))
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                let code = body.get("code").and_then(Value::as_str).context("no code")?;
                Ok(Some(Seen::Refused { code: code.to_owned() }))
            }
            StatusCode::ACCEPTED
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::GATEWAY_TIMEOUT => Ok(None),
            other => anyhow::bail!("HTTP answers {other}: {text}"),
        }
    }
}
