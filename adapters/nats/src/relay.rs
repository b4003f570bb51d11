//! Carries the log into the stream of events.

pub(crate) mod outgoing;
mod tail;
mod unsent;

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_trait::async_trait;
use kontor_domain::Recorded;
use kontor_faults::Point;
use kontor_postgres::EventReader;
use kontor_projections::{Reactor, ReactorError};
use sqlx::PgPool;
use tracing::Instrument;

use self::{
    outgoing::{Outgoing, Predecessor},
    tail::{Tail, look},
    unsent::Unsent,
};
use crate::{Nats, figures};

/// The most events on their way at once. Beyond it only the latency grows.
const UNCONFIRMED_MAX: usize = 256;
/// How often a group may fail in a row before the page is given back to the follower.
const ATTEMPTS: u32 = 3;

/// The reactor `relay`: publishes every event of the log, in order and at least once.
///
/// The server takes an event only behind the one that the relay believes to be the last. So the
/// stream holds a stretch of the log without holes at any time, and where it ends says what is
/// missing: after a restart, beside another relay, and after the loss of the whole stream, which is
/// filled again from the log without any order from outside.
///
/// The stream drops repeated events by their id for as long as its window lasts; subscribers that
/// must not see one twice compare ids or positions.
#[derive(Clone)]
pub struct Relay {
    nats: Nats,
    log: EventReader,
    /// Where the stream ended when this relay last saw it; unknown at first and after failures.
    tail: Arc<Mutex<Option<Tail>>>,
    schemas: Option<String>,
}

impl Relay {
    /// A relay to this broker, which reads from the log in `pool` what a lost stream must get again.
    pub fn new(nats: Nats, pool: PgPool) -> Self {
        Self { nats, log: EventReader::new(pool), tail: Arc::default(), schemas: None }
    }

    /// The same relay, whose events name the address of their schema below `schemas`, such as
    /// `https://api.example.org/schemas`.
    #[must_use]
    pub fn with_schemas(self, schemas: impl Into<String>) -> Self {
        Self { schemas: Some(schemas.into()), ..self }
    }

    /// Publishes whatever the stream does not have of the log up to `until`. `page` is the log's end
    /// up to there, as far as it is at hand.
    async fn bring_up_to(&self, until: i64, page: &[Recorded]) -> Result<(), ReactorError> {
        // What is before the page was published once, as the checkpoint says.
        let mut believed = page.first().map_or(until, |first| first.position - 1);
        let mut tail = self.take_tail().filter(|tail| tail.position == believed);
        let mut failures = 0;
        loop {
            let end = match tail.take() {
                Some(tail) => tail,
                None => look(&self.nats, &self.log, believed).await?,
            };
            if end.position >= until {
                self.keep_tail(end);
                return Ok(());
            }
            let missing = self.missing(end, until, page).await?;
            believed = end.position;
            match self.publish_group(&missing, end).await {
                Ok(new_end) => {
                    figures::relayed(missing.len());
                    failures = 0;
                    tail = new_end;
                    believed = missing.last().map_or(believed, |event| event.position);
                }
                Err(Unsent { position, error }) => {
                    figures::relay_failed();
                    if unsent::is_too_large(&error) {
                        return Err(self.too_large(position, error, page).await);
                    }
                    failures += 1;
                    if failures == ATTEMPTS {
                        return Err(failed("events cannot be published", error));
                    }
                    tracing::debug!(error = %error, "A group of events was not published whole");
                }
            }
        }
    }

    /// The next events after the end of the stream, out of the page or else out of the log.
    async fn missing(
        &self,
        end: Tail,
        until: i64,
        page: &[Recorded],
    ) -> Result<Vec<Outgoing>, ReactorError> {
        let next = end.position + 1;
        if let Some(start) = page.iter().position(|event| event.position == next) {
            let group = page.iter().skip(start).take(UNCONFIRMED_MAX);
            return group.map(|event| self.outgoing(event)).collect();
        }
        tracing::info!(position = next, "The stream of events is filled from {next} on");
        let limit = usize::try_from(until - end.position).unwrap_or(usize::MAX);
        let limit = u32::try_from(limit.min(UNCONFIRMED_MAX)).unwrap_or(u32::MAX);
        let found = self.log.page(end.position, limit, &[]).await;
        let found = found.map_err(|err| failed("the log cannot be read", err))?;
        if found.events.first().map(|event| event.position) != Some(next) {
            return Err(failed(
                "the log cannot be read",
                format!("it holds no readable event {next}"),
            ));
        }
        found.events.iter().map(|event| self.outgoing(event)).collect()
    }

    /// The event as a message. What is none holds the relay up, so its ids are told.
    fn outgoing(&self, event: &Recorded) -> Result<Outgoing, ReactorError> {
        Outgoing::new(event, self.schemas.as_deref()).inspect_err(|_| unsent::tell(event))
    }

    /// Tells which event is larger than the broker takes: no attempt changes that, so the relay waits
    /// there for an operator.
    async fn too_large(
        &self,
        position: i64,
        error: PublishError,
        page: &[Recorded],
    ) -> ReactorError {
        let what = format!("the event at {position} is larger than the broker takes");
        if let Some(event) = page.iter().find(|event| event.position == position) {
            unsent::tell(event);
        } else if let Ok(found) = self.log.page(position - 1, 1, &[]).await {
            found.events.iter().for_each(unsent::tell);
        }
        ReactorError { what, source: error.into() }
    }

    /// Publishes a group of events at once behind `end`. Returns where the stream ends now, as far
    /// as the server said so.
    async fn publish_group(&self, group: &[Outgoing], end: Tail) -> Result<Option<Tail>, Unsent> {
        let mut confirmations = Vec::with_capacity(group.len());
        let mut before = Predecessor::Sequence(end.sequence);
        for event in group {
            let position = event.position;
            let sent = self.send(event, before).await;
            confirmations.push((sent.map_err(|error| Unsent { position, error })?, position));
            kontor_faults::reach(Point::RelaySent);
            before = Predecessor::Event(&event.id);
        }
        let mut new_end = None;
        for (confirmation, position) in confirmations {
            let ack = confirmation.await.map_err(|error| Unsent { position, error })?;
            // A repeated event has the place of its first copy, which need not be the last place.
            new_end = (!ack.duplicate).then_some(Tail { sequence: ack.sequence, position });
        }
        Ok(new_end)
    }

    async fn send(
        &self,
        event: &Outgoing,
        before: Predecessor<'_>,
    ) -> Result<PublishAckFuture, PublishError> {
        let (subject, headers, body) = event.message(before);
        let sending = self.nats.jetstream().publish_with_headers(subject, headers, body);
        match tokio::time::timeout(self.nats.ack_timeout(), sending).await {
            Ok(result) => result,
            Err(_) => Err(PublishError::new(PublishErrorKind::TimedOut)),
        }
    }

    fn take_tail(&self) -> Option<Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep_tail(&self, tail: Tail) {
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = Some(tail);
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
        let Some(last) = events.last() else { return Ok(()) };
        if !self.nats.is_connected() {
            return Err(failed("events cannot be published", "the connection to NATS is down"));
        }
        let span = tracing::debug_span!(
            "publish",
            otel.kind = "producer",
            events = events.len(),
            position = last.position,
        );
        kontor_traces::join(&span, events.iter().map(|event| event.metadata.trace.as_deref()));
        self.bring_up_to(last.position, events).instrument(span).await?;
        kontor_faults::reach(Point::RelayPublished);
        Ok(())
    }

    /// Fills a lost stream also when nothing new is to be published.
    async fn tend(&self, position: i64) -> Result<(), ReactorError> {
        if position == 0 || !self.nats.is_connected() {
            return Ok(());
        }
        // Looked at anew: what this relay saw last says nothing of a loss since then.
        *self.tail.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.bring_up_to(position, &[]).await
    }
}

fn failed(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ReactorError {
    ReactorError { what: what.to_owned(), source: source.into() }
}
