//! One replay, step by step: a page of the log, filtered, into the integrator's stream.

use std::{mem, sync::Arc};

use async_nats::jetstream::context::PublishAckFuture;
use chrono::TimeDelta;
use kontor_commands::clock;
use kontor_domain::Recorded;
use kontor_postgres::{
    EventReader,
    integrators::{
        Integrator,
        replays::{self, Ending, Replay},
    },
};
use sqlx::PgPool;

use super::stream::{BYTES_MAX, MESSAGES_MAX};
use crate::{
    Nats,
    integrators::BrokerNames,
    relay::outgoing::{Outgoing, Predecessor},
    streams::{self, Fill},
};

/// The positions of the log in one step: what is published twice at most after a crash.
const PAGE: u32 = 500;
/// The most events on their way at once, as for the relay.
const UNCONFIRMED_MAX: usize = 256;
/// A replay that nobody reads for so long is ended: its integrator may order it again.
const ABANDONED_AFTER: TimeDelta = TimeDelta::days(7);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// When to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// At once.
    Now,
    /// When the integrator has read something.
    Later,
    /// Not: it has ended, or is another's.
    Ended,
}

/// Carries out one replay.
pub(super) struct Replayer {
    nats: Nats,
    pool: PgPool,
    log: EventReader,
    schemas: Option<Arc<str>>,
    names: BrokerNames,
    replay: Replay,
    epoch: i64,
    stage: Stage,
}

/// How far it is, as far as that is known.
enum Stage {
    /// Not looked at yet, or forgotten after a failure.
    Unknown,
    /// Every event up to here is published.
    At(i64),
    /// A page on its way.
    Sending(Batch),
    /// All of it is published.
    Published,
}

struct Batch {
    messages: Vec<Outgoing>,
    sent: usize,
    up_to: i64,
    /// The log has no more: the last message tells the integrator so.
    ends: bool,
}

impl Replayer {
    pub(super) fn new(
        (nats, pool): (Nats, PgPool),
        replay: Replay,
        epoch: i64,
        schemas: Option<Arc<str>>,
    ) -> Self {
        let log = EventReader::new(pool.clone());
        let names = BrokerNames::of(&replay.integrator.name);
        Self { nats, pool, log, schemas, names, replay, epoch, stage: Stage::Unknown }
    }

    /// What is believed of the stream is looked up anew.
    pub(super) fn forget(&mut self) {
        self.stage = Stage::Unknown;
    }

    /// Does the next piece. Cancelling it is safe; what was sent may be sent again.
    pub(super) async fn step(&mut self) -> Result<Next, Failure> {
        match mem::replace(&mut self.stage, Stage::Unknown) {
            Stage::Unknown => self.begin().await,
            Stage::At(position) => {
                self.stage = Stage::Sending(self.read(position).await?);
                Ok(Next::Now)
            }
            Stage::Sending(batch) => self.send(batch).await,
            Stage::Published => self.await_reader().await,
        }
    }

    /// Takes the replay over, and makes its stream when it is not there.
    async fn begin(&mut self) -> Result<Next, Failure> {
        let claimed = replays::claim(&self.pool, self.replay.id, self.epoch).await?;
        let Some((mut position, mut published)) = claimed else { return Ok(Next::Ended) };
        let made = self.nats.ensure_replay(&self.replay).await?;
        let first = self.replay.from_position - 1;
        if made && (position > first || published) {
            // What was in it and not read yet is lost, and nobody knows what that was.
            tracing::warn!(integrator = %self.replay.integrator.name,
                "The stream of a replay was lost; it begins again");
            (position, published) = (first, false);
            if !self.advance(position, published).await? {
                return Ok(Next::Ended);
            }
        }
        self.stage = if published { Stage::Published } else { Stage::At(position) };
        Ok(Next::Now)
    }

    async fn read(&self, position: i64) -> Result<Batch, Failure> {
        let page = self.log.page(position, PAGE, &[]).await?;
        if let Some(position) = page.unreadable.first() {
            let text = format!("no upcaster reads the event at {position}; is this build too old?");
            return Err(text.into());
        }
        let up_to = page.last_position.unwrap_or(position);
        let wanted = page.events.iter().filter(|event| is_for(&self.replay.integrator, event));
        let messages: Result<Vec<Outgoing>, _> = wanted
            .map(|event| Outgoing::new(event, self.schemas.as_deref()))
            .map(|made| made.map(|message| message.under(&self.names.replay_subjects)))
            .collect();
        let mut messages = messages?;
        let ends = !page.full;
        if ends {
            messages.push(Outgoing::end_of(&self.replay, up_to, &self.names.replay_subjects)?);
        }
        Ok(Batch { messages, sent: 0, up_to, ends })
    }

    /// Sends as much of a page as the stream has room for.
    async fn send(&mut self, mut batch: Batch) -> Result<Next, Failure> {
        if batch.sent == batch.messages.len() {
            if !self.advance(batch.up_to, batch.ends).await? {
                return Ok(Next::Ended);
            }
            self.stage = if batch.ends { Stage::Published } else { Stage::At(batch.up_to) };
            return Ok(Next::Now);
        }
        let fill = streams::fill(self.nats.jetstream(), &self.names.replay_stream).await?;
        // It is made again, and the replay begins again.
        let Some(fill) = fill else { return Ok(Next::Later) };
        let rest = batch.messages.get(batch.sent..).unwrap_or_default();
        let group = rest.get(..count_that_fits(rest, &fill)).unwrap_or_default();
        if group.is_empty() {
            self.stage = Stage::Sending(batch);
            return self.look_after_reader().await;
        }
        self.publish(group, fill.last_sequence).await?;
        batch.sent += group.len();
        self.stage = Stage::Sending(batch);
        Ok(Next::Now)
    }

    /// Publishes a group, each message behind the one before it or not at all.
    async fn publish(&self, group: &[Outgoing], end: u64) -> Result<(), Failure> {
        for confirmation in self.hand_over(group, end).await? {
            confirmation.await?;
        }
        Ok(())
    }

    async fn hand_over(
        &self,
        group: &[Outgoing],
        end: u64,
    ) -> Result<Vec<PublishAckFuture>, Failure> {
        let mut before = Predecessor::Sequence(end);
        let mut confirmations = Vec::with_capacity(group.len());
        for event in group {
            let (subject, headers, body) = event.message(before);
            let sending = self.nats.jetstream().publish_with_headers(subject, headers, body);
            confirmations.push(tokio::time::timeout(self.nats.ack_timeout(), sending).await??);
            before = Predecessor::Event(&event.id);
        }
        Ok(confirmations)
    }

    /// Waits until everything was read; then the stream is not needed any more.
    async fn await_reader(&mut self) -> Result<Next, Failure> {
        let fill = streams::fill(self.nats.jetstream(), &self.names.replay_stream).await?;
        let Some(fill) = fill else { return Ok(Next::Later) };
        if fill.messages > 0 {
            self.stage = Stage::Published;
            return self.look_after_reader().await;
        }
        self.end(Ending::Read).await
    }

    /// While the integrator reads nothing: was the order taken back, or does nobody come?
    async fn look_after_reader(&mut self) -> Result<Next, Failure> {
        if clock::now() - self.replay.moved_at > ABANDONED_AFTER {
            return self.end(Ending::Abandoned).await;
        }
        let claimed = replays::claim(&self.pool, self.replay.id, self.epoch).await?;
        Ok(if claimed.is_some() { Next::Later } else { Next::Ended })
    }

    async fn end(&self, ending: Ending) -> Result<Next, Failure> {
        let name = &self.replay.integrator.name;
        if replays::end(&self.pool, (self.replay.id, self.epoch), ending).await? {
            self.nats.remove_replay(name).await?;
            tracing::info!(integrator = %name, ?ending, "A replay out of the log has ended");
        }
        Ok(Next::Ended)
    }

    async fn advance(&mut self, position: i64, published: bool) -> Result<bool, Failure> {
        let place = (self.replay.id, self.epoch);
        self.replay.moved_at = clock::now();
        Ok(replays::advance(&self.pool, place, position, published).await?)
    }
}

/// How many of these messages the stream has room for.
fn count_that_fits(messages: &[Outgoing], fill: &Fill) -> usize {
    let room = MESSAGES_MAX.saturating_sub(fill.messages);
    let room = usize::try_from(room).unwrap_or_default().min(UNCONFIRMED_MAX);
    let mut bytes = fill.bytes;
    let fits = |message: &&Outgoing| {
        bytes = bytes.saturating_add(message.size());
        bytes <= BYTES_MAX
    };
    messages.iter().take(room).take_while(fits).count()
}

/// Whether an integrator may see an event: its tenant and its types, and nothing else.
fn is_for(integrator: &Integrator, event: &Recorded) -> bool {
    integrator.tenant.as_ref().is_none_or(|tenant| *tenant == event.tenant)
        && integrator.events.matches(&event.event_type)
}
