//! Ending the connections of an integrator, as the broker's system account may.

use std::time::Duration;

use futures::StreamExt;
use kontor_postgres::integrators::IntegratorName;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::BrokerNames;
use crate::{Nats, NatsError};

/// Where all servers of a cluster are asked for their connections.
const CONNECTIONS: &str = "$SYS.REQ.SERVER.PING.CONNZ";
/// How long the next server may take to answer; nobody knows how many there are.
const NEXT_ANSWER: Duration = Duration::from_millis(700);
/// The most servers that are heard.
const SERVERS_MAX: usize = 100;
/// The most connections of one server that are ended at once.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a server may take to end a connection.
const KICK_LIMIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
struct Report {
    server: Server,
    data: Connections,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Deserialize)]
struct Connections {
    #[serde(default)]
    connections: Vec<Connection>,
}

#[derive(Deserialize)]
struct Connection {
    cid: u64,
    #[serde(default)]
    authorized_user: String,
}

impl Nats {
    /// Ends the connections of an integrator at all servers. `self` must have entered the broker's
    /// system account; others are not answered. Returns how many connections were ended.
    ///
    /// # Errors
    /// When the broker refuses or does not answer.
    pub async fn end_connections(&self, name: &IntegratorName) -> Result<usize, NatsError> {
        let user = BrokerNames::of(name).user;
        let mut ended = 0;
        for report in self.connections_of(&user).await? {
            let theirs = report.data.connections.iter();
            let theirs = theirs.filter(|connection| connection.authorized_user == user);
            for connection in theirs.take(CONNECTIONS_MAX) {
                let subject = format!("$SYS.REQ.SERVER.{}.KICK", report.server.id);
                let order = json!({ "cid": connection.cid }).to_string();
                let kicked = self.client().request(subject, order.into());
                match timeout(KICK_LIMIT, kicked).await {
                    Ok(Ok(_)) => ended += 1,
                    Ok(Err(err)) => return Err(no_answer("the end of a connection", err)),
                    Err(err) => return Err(no_answer("the end of a connection", err)),
                }
            }
        }
        Ok(ended)
    }

    async fn connections_of(&self, user: &str) -> Result<Vec<Report>, NatsError> {
        const WHAT: &str = "the list of connections";
        let inbox = self.client().new_inbox();
        let mut answers = self
            .client()
            .subscribe(inbox.clone())
            .await
            .map_err(|source| NatsError::Subscribe { subject: inbox.clone(), source })?;
        let question = json!({ "auth": true, "user": user, "limit": CONNECTIONS_MAX }).to_string();
        let asked = self.client().publish_with_reply(CONNECTIONS, inbox, question.into()).await;
        asked.map_err(|err| no_answer(WHAT, err))?;
        let mut reports = Vec::new();
        while reports.len() < SERVERS_MAX {
            let Ok(Some(answer)) = timeout(NEXT_ANSWER, answers.next()).await else { break };
            if answer.status.is_some() {
                return Err(no_answer(WHAT, "nobody answers; is this the system account?"));
            }
            let report = serde_json::from_slice(&answer.payload);
            reports.push(report.map_err(|err| no_answer(WHAT, err))?);
        }
        Ok(reports)
    }
}

fn no_answer(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> NatsError {
    NatsError::Request { what: what.to_owned(), source: source.into() }
}
