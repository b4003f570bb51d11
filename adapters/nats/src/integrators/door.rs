//! Answers the broker's question whether somebody may enter, and what they may do inside: NATS' auth
//! callout (ADR-26 of NATS).

use std::time::Duration;

use async_nats::Message;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use kontor_commands::clock;
use kontor_postgres::integrators::{self, Integrator};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BrokerNames, Issuer, integrator_of, jwt};
use crate::{Nats, NatsError};

/// Where the broker asks.
const QUESTIONS: &str = "$SYS.REQ.USER.AUTH";
/// Several processes share the questions.
const GROUP: &str = "kontor_door";
/// To whom a question must be addressed.
const AUDIENCE: &str = "nats-authorization-request";
/// The most questions that are being answered at once; each takes a connection of the pool.
const ANSWERS_MAX: usize = 8;
/// How long an answer may take: the broker gives up after two seconds.
const ANSWER_LIMIT: Duration = Duration::from_millis(1_500);
/// The most subscriptions of an integrator; a client needs one or two.
const SUBSCRIPTIONS_MAX: i64 = 32;
/// The largest message of an integrator, in bytes; it sends requests and confirmations only.
const PAYLOAD_MAX: i64 = 64 * 1024;

/// The task `door`: lets integrators in who have the right secret. Kontor's own users are named in
/// the broker's configuration and never come here.
#[derive(Clone)]
pub struct Doorkeeper {
    nats: Nats,
    pool: PgPool,
    issuer: Issuer,
    account: String,
}

#[derive(Deserialize)]
struct Question {
    aud: String,
    nats: QuestionDetails,
}

#[derive(Deserialize)]
struct QuestionDetails {
    server_id: Server,
    user_nkey: String,
    #[serde(default)]
    connect_opts: Login,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Default, Deserialize)]
struct Login {
    #[serde(default)]
    user: String,
    #[serde(default)]
    pass: SecretString,
}

/// Claims as all JWTs of NATS have them.
#[derive(Serialize)]
struct Claims<D> {
    jti: String,
    iat: i64,
    iss: String,
    sub: String,
    aud: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    nats: D,
}

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "type")]
    kind: &'static str,
    version: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

#[derive(Serialize)]
struct User {
    #[serde(rename = "type")]
    kind: &'static str,
    version: u8,
    #[serde(rename = "pub")]
    publishes: Allowed,
    #[serde(rename = "sub")]
    subscribes: Allowed,
    subs: i64,
    data: i64,
    payload: i64,
}

#[derive(Serialize)]
struct Allowed {
    allow: Vec<String>,
}

impl Doorkeeper {
    /// A doorkeeper for integrators in an account of the broker, `$G` when it has no accounts of its
    /// own.
    pub fn new(nats: Nats, pool: PgPool, issuer: Issuer, account: impl Into<String>) -> Self {
        Self { nats, pool, issuer, account: account.into() }
    }

    /// Answers until `stop`.
    ///
    /// # Errors
    /// When the broker refuses the subscription.
    pub async fn run(self, stop: CancellationToken) -> Result<(), NatsError> {
        let client = self.nats.client();
        let questions = client.queue_subscribe(QUESTIONS, GROUP.to_owned()).await;
        let questions = questions
            .map_err(|source| NatsError::Subscribe { subject: QUESTIONS.to_owned(), source })?;
        questions
            .take_until(stop.cancelled_owned())
            .for_each_concurrent(ANSWERS_MAX, |question| self.answer(question))
            .await;
        Ok(())
    }

    async fn answer(&self, message: Message) {
        let question = jwt::read_of_server::<Question>(&message.payload);
        let (Some(reply), Some(question)) = (message.reply, question) else {
            tracing::warn!("A question about a NATS user was not from a NATS server");
            return;
        };
        let QuestionDetails { server_id, user_nkey, connect_opts } = question.nats;
        if question.aud != AUDIENCE {
            tracing::warn!("A question about a NATS user was addressed to somebody else");
            return;
        }
        let entered = match tokio::time::timeout(ANSWER_LIMIT, self.find(&connect_opts)).await {
            Ok(Ok(Some(integrator))) => self.user(&integrator, &user_nkey).ok_or("try again later"),
            Ok(Ok(None)) => Err("no such integrator, or a wrong secret"),
            Ok(Err(err)) => {
                tracing::warn!(error = %err, "Nobody can enter NATS while PostgreSQL fails");
                Err("try again later")
            }
            Err(_) => Err("try again later"),
        };
        if let Err(reason) = entered {
            tracing::info!(reason, "A NATS client was turned away");
        }
        let answer = Answer {
            kind: "authorization_response",
            version: 2,
            error: entered.as_ref().err().copied(),
            jwt: entered.ok(),
        };
        let claims = self.claims(user_nkey, server_id.id, None, answer);
        let Some(signed) = self.issuer.sign(&claims) else {
            tracing::error!("An answer about a NATS user cannot be signed");
            return;
        };
        if let Err(err) = self.nats.client().publish(reply, signed.into()).await {
            tracing::warn!(error = %err, "An answer about a NATS user was not sent");
        }
    }

    async fn find(
        &self,
        login: &Login,
    ) -> Result<Option<Integrator>, kontor_postgres::DatabaseError> {
        let Some(name) = integrator_of(&login.user) else { return Ok(None) };
        integrators::authenticate(&self.pool, &name, &login.pass).await
    }

    /// The signed permissions of an integrator.
    fn user(&self, integrator: &Integrator, user_nkey: &str) -> Option<String> {
        let names = BrokerNames::of(&integrator.name);
        let user = User {
            kind: "user",
            version: 2,
            publishes: Allowed { allow: names.publishes() },
            subscribes: Allowed { allow: names.subscribes() },
            subs: SUBSCRIPTIONS_MAX,
            data: -1,
            payload: PAYLOAD_MAX,
        };
        let account = self.account.clone();
        self.issuer.sign(&self.claims(user_nkey.to_owned(), account, Some(names.user), user))
    }

    fn claims<D>(&self, sub: String, aud: String, name: Option<String>, nats: D) -> Claims<D> {
        let now: DateTime<Utc> = clock::now();
        let (jti, iss) = (Uuid::now_v7().simple().to_string(), self.issuer.public_key());
        Claims { jti, iat: now.timestamp(), iss, sub, aud, name, nats }
    }
}
