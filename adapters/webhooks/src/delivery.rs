//! One event on its way: its letter, its attempt, and what the attempt means for it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::Recorded;
use kontor_postgres::{
    integrators::CloudEvent,
    webhooks::{Parked, ParkedState, Report, SigningSecret, Tried},
};
use uuid::Uuid;

use crate::{
    call::{Answer, Caller, Letter},
    figures,
    schedule::{counted, is_exhausted, pause_after},
    signature::signature,
};

/// Why a webhook is disabled after an answer 410.
const GONE: &str = "it answered 410: it wants no calls any more";

/// What all letters of a round have in common.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) url: &'a str,
    pub(crate) secrets: &'a [SigningSecret],
    /// The address below which the schemas of events are served.
    pub(crate) schemas: Option<&'a str>,
}

/// How an event came up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// From the log, for the first time.
    Log,
    /// It waited, and is due after so many attempts.
    Due(i32),
    /// It waits, and is tried out of turn after so many attempts: is the other side back?
    Probe(i32),
}

/// An event of the log in its newest forms: usually one, several when an upcaster divided it. They go
/// out together, and again together.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) position: i64,
    pub(crate) stream_id: Uuid,
    pub(crate) event_id: Uuid,
    pub(crate) event_type: String,
    pub(crate) parts: Vec<Recorded>,
    pub(crate) origin: Origin,
}

impl Item {
    /// An item of its first part.
    pub(crate) fn new(part: Recorded, origin: Origin) -> Self {
        Self {
            position: part.position,
            stream_id: part.stream_id,
            event_id: part.event_id,
            event_type: part.event_type.clone(),
            parts: vec![part],
            origin,
        }
    }

    fn attempts_before(&self) -> i32 {
        match self.origin {
            Origin::Log => 0,
            Origin::Due(attempts) | Origin::Probe(attempts) => attempts,
        }
    }

    /// Sends it once, and notes in `report` what came of it. Whether it was delivered.
    pub(crate) async fn attempt(&self, route: &Route<'_>, report: &mut Report) -> bool {
        let (at, begun) = (clock::now(), Instant::now());
        let mut answer = Answer::default();
        for part in &self.parts {
            answer = match letter(part, route, clock::now()) {
                Ok(letter) => route.caller.call(route.url, letter).await,
                Err(err) => Answer { failure: Some(err), ..Answer::default() },
            };
            if answer.failure.is_some() {
                break;
            }
        }
        figures::called(&answer);
        report.tried.push(Tried {
            position: self.position,
            event_id: self.event_id,
            event_type: self.event_type.clone(),
            attempt: self.attempts_before() + 1,
            at,
            duration_ms: i32::try_from(begun.elapsed().as_millis()).unwrap_or(i32::MAX),
            status: answer.status.and_then(|status| i16::try_from(status).ok()),
            failure: answer.failure.clone(),
        });
        report.wait_until = report.wait_until.max(answer.wait_until);
        if answer.gone {
            report.disable = Some(GONE);
        }
        let is_delivered = answer.failure.is_none();
        match (is_delivered, self.origin) {
            (true, Origin::Log) | (false, Origin::Probe(_)) => {}
            (true, Origin::Due(_) | Origin::Probe(_)) => report.delivered.push(self.position),
            (false, Origin::Log | Origin::Due(_)) => report.parked.push(self.after(answer)),
        }
        is_delivered
    }

    /// How it waits after an attempt that failed.
    fn after(&self, answer: Answer) -> Parked {
        let now = clock::now();
        let tried = self.attempts_before() + 1;
        let (attempts, next_at) = if answer.gone {
            // The webhook is disabled; the attempt said nothing about this event.
            (self.attempts_before(), now)
        } else {
            (tried, now + pause_after(tried))
        };
        let next_at = answer.wait_until.map_or(next_at, |until| until.max(next_at));
        Parked { attempts, next_at, failure: answer.failure, ..self.parked(now) }
    }

    /// Sets it aside without an attempt; what waits already goes on waiting.
    pub(crate) fn hold_back(&self, report: &mut Report) {
        match self.origin {
            Origin::Log => report.parked.push(self.parked(clock::now())),
            Origin::Due(_) | Origin::Probe(_) => {}
        }
    }

    fn parked(&self, now: DateTime<Utc>) -> Parked {
        Parked {
            position: self.position,
            stream_id: self.stream_id,
            event_id: self.event_id,
            event_type: self.event_type.clone(),
            state: ParkedState::Pending,
            attempts: self.attempts_before(),
            next_at: now,
            failure: None,
        }
    }
}

/// Gives up what had all its attempts, as far as they count: since `failing_since` the other side
/// accepted nothing, and then nothing says that it is the event's fault.
pub(crate) fn give_up(report: &mut Report, failing_since: Option<DateTime<Utc>>) {
    let accepts_others = failing_since.is_none() || report.has_success();
    let is_disabled = report.disable.is_some();
    for parked in &mut report.parked {
        parked.attempts = counted(parked.attempts, accepts_others);
        if accepts_others && !is_disabled && is_exhausted(parked.attempts) {
            parked.state = ParkedState::Failed;
        }
    }
}

fn letter(event: &Recorded, route: &Route<'_>, now: DateTime<Utc>) -> Result<Letter, String> {
    let cloud = CloudEvent::new(event, route.schemas)
        .map_err(|_| "the payload of the event is no JSON".to_owned())?;
    let body = cloud.body().map_err(|_| "the event has no JSON".to_owned())?;
    let timestamp_seconds = now.timestamp();
    let keys = route.secrets.iter().map(SigningSecret::bytes);
    let signature = signature(keys, (&cloud.id, timestamp_seconds), &body);
    Ok(Letter {
        signature,
        timestamp_seconds,
        content_type: CloudEvent::CONTENT_TYPE,
        body,
        id: cloud.id,
    })
}
