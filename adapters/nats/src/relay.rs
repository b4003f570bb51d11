//! Carries the log into the stream of events.

mod cloud_event;

use async_nats::{
    HeaderMap,
    jetstream::{
        context::{PublishAckFuture, PublishError, PublishErrorKind},
        publish::PublishAck,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use kontor_domain::Recorded;
use kontor_projections::{Reactor, ReactorError};

use crate::{Nats, figures, names};
use cloud_event::CloudEvent;

/// The header that makes the server refuse an event unless the last one it stored is the one named:
/// so an event never overtakes one that failed, although many are on their way at once.
const EXPECTED_LAST: &str = "Nats-Expected-Last-Msg-Id";
/// The most events on their way at once. Beyond it only the latency grows.
const UNCONFIRMED_MAX: usize = 256;
/// How often one event is tried by itself before the page is given back to the follower.
const ATTEMPTS: u32 = 3;

/// The reactor `relay`: publishes every event of the log, in order and at least once.
///
/// The stream drops repeated events by their id for as long as its window lasts; subscribers that
/// must not see one twice compare ids or positions.
///
/// When the stream is gone it is made again. Its old content comes back by setting the relay's
/// checkpoint to 0.
#[derive(Clone)]
pub struct Relay {
    nats: Nats,
}

/// An event, ready to be sent.
struct Outgoing {
    id: String,
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Relay {
    /// A relay to this broker.
    pub fn new(nats: Nats) -> Self {
        Self { nats }
    }

    /// Publishes a group of events at once. Returns how many of them, from the first, are stored.
    #[expect(clippy::significant_drop_tightening, reason = "the confirmations are used up")]
    async fn publish_group(&self, group: &[Outgoing]) -> (usize, Option<PublishError>) {
        let mut confirmations = Vec::with_capacity(group.len());
        let mut before: Option<&Outgoing> = None;
        for event in group {
            match self.send(event, before).await {
                Ok(confirmation) => confirmations.push(confirmation),
                // What was sent until here is still confirmed below.
                Err(err) => {
                    tracing::debug!(error = %err, "An event was not sent");
                    break;
                }
            }
            before = Some(event);
        }
        let sent = confirmations.len();
        for (stored, confirmation) in confirmations.into_iter().enumerate() {
            if let Err(err) = confirmation.await {
                return (stored, Some(err));
            }
        }
        (sent, None)
    }

    /// Publishes one event and waits for its confirmation; makes the stream again when it is gone.
    async fn publish_one(&self, event: &Outgoing) -> Result<PublishAck, ReactorError> {
        let mut attempt = 1;
        loop {
            let result = match self.send(event, None).await {
                Ok(confirmation) => confirmation.await,
                Err(err) => Err(err),
            };
            let err = match result {
                Ok(ack) => return Ok(ack),
                Err(err) => err,
            };
            if attempt == ATTEMPTS {
                return Err(failed("an event cannot be published", err));
            }
            attempt += 1;
            if err.kind() == PublishErrorKind::StreamNotFound {
                tracing::warn!("The stream {} is gone; making it again", names::EVENTS);
                let made = self.nats.ensure().await;
                made.map_err(|err| failed("the stream of events cannot be made", err))?;
            }
        }
    }

    async fn send(
        &self,
        event: &Outgoing,
        before: Option<&Outgoing>,
    ) -> Result<PublishAckFuture, PublishError> {
        let mut headers = event.headers.clone();
        if let Some(before) = before {
            headers.insert(EXPECTED_LAST, before.id.as_str());
        }
        let (subject, body) = (event.subject.clone(), event.body.clone());
        let sending = self.nats.jetstream().publish_with_headers(subject, headers, body);
        match tokio::time::timeout(self.nats.ack_timeout(), sending).await {
            Ok(result) => result,
            Err(_) => Err(PublishError::new(PublishErrorKind::TimedOut)),
        }
    }
}

#[async_trait]
impl Reactor for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[]
    }

    async fn react(&self, events: &[Recorded]) -> Result<(), ReactorError> {
        if !self.nats.is_connected() {
            return Err(failed("events cannot be published", "the connection to NATS is down"));
        }
        for group in events.chunks(UNCONFIRMED_MAX) {
            let group = group.iter().map(Outgoing::new).collect::<Result<Vec<_>, _>>()?;
            let mut rest = group.as_slice();
            let (stored, err) = self.publish_group(rest).await;
            figures::relayed(stored);
            rest = rest.get(stored..).unwrap_or_default();
            if let Some(err) = err {
                figures::relay_failed();
                tracing::debug!(error = %err, "Publishing {} events one by one", rest.len());
            }
            // After a failure one by one: each waits for the one before it.
            for event in rest {
                self.publish_one(event).await.inspect_err(|_| figures::relay_failed())?;
                figures::relayed(1);
            }
        }
        Ok(())
    }
}

impl Outgoing {
    fn new(event: &Recorded) -> Result<Self, ReactorError> {
        let subject = names::event_subject(event.tenant.as_str(), &event.event_type);
        let subject = subject.ok_or_else(|| ReactorError {
            what: format!("the event at {} has no subject", event.position),
            source: format!("`{}` is no event type", event.event_type).into(),
        })?;
        let cloud = CloudEvent::new(event)
            .map_err(|err| failed("the payload of an event is no JSON", err))?;
        let body = serde_json::to_vec(&cloud)
            .map_err(|err| failed("an event is not representable", err))?;
        Ok(Self {
            id: event.event_id.to_string(),
            subject,
            headers: cloud.headers(),
            body: body.into(),
        })
    }
}

fn failed(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ReactorError {
    ReactorError { what: what.to_owned(), source: source.into() }
}
