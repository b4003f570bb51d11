//! What becomes of one delivery.

use std::time::{Duration, Instant};

use kontor_commands::{Envelope, RouteError, Routed, TraceParent};
use kontor_faults::Point;
use tracing::Instrument;

use super::{
    Shared, WorkerSettings, dead,
    delivery::Delivery,
    session::{FENCED_PAUSE, Session},
};
use crate::{FailureKind, Reply, figures};

/// The pause after the first attempt that failed for the moment; it doubles and is jittered.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause.
const ATTEMPT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// How a delivery ended.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Settled {
    /// The message left the stream.
    Done,
    /// It comes again after this pause.
    Returned(Duration),
}

/// Carries out a delivered command: commit, answer, acknowledge, in this order.
pub(super) async fn handle(shared: &Shared, delivery: &Delivery, session: &Session) -> Settled {
    figures::delivered(delivery.deliveries);
    let envelope = match delivery.envelope() {
        Ok(envelope) => envelope,
        Err(reason) => {
            figures::unreadable();
            let span = span_of_unreadable(delivery);
            let reply = Reply::Failed { kind: FailureKind::Malformed, message: reason.clone() };
            let done = set_aside(shared, delivery, session, (&reason, Some(reply)));
            return done.instrument(span).await;
        }
    };
    // Every line about a command can be found by its ids, whatever becomes of it.
    let span = tracing::info_span!(
        "command",
        otel.kind = "consumer",
        tenant = %envelope.tenant,
        command.id = %envelope.command_id,
        correlation.id = %envelope.correlation_id,
        trace.id = envelope.trace_id(),
        delivery = delivery.deliveries,
    );
    kontor_traces::continue_from(&span, envelope.trace.as_deref());
    carry_out(shared, delivery, session, envelope).instrument(span).await
}

/// What the headers say is all that is known of a command that cannot be read.
fn span_of_unreadable(delivery: &Delivery) -> tracing::Span {
    let trace = delivery.trace();
    let span = tracing::info_span!(
        "command",
        otel.kind = "consumer",
        command.id = delivery.command_id().map(tracing::field::display),
        trace.id = trace.as_ref().map(TraceParent::trace_id),
        delivery = delivery.deliveries,
    );
    kontor_traces::continue_from(&span, trace.as_ref().map(TraceParent::as_str));
    span
}

async fn carry_out(
    shared: &Shared,
    delivery: &Delivery,
    session: &Session,
    mut envelope: Envelope,
) -> Settled {
    // The events go on from here.
    if let Some(trace) = kontor_traces::current() {
        envelope.trace = Some(trace.into());
    }
    if delivery.deliveries > shared.settings.unfinished_deliveries_max {
        let reason = format!("delivered {} times and never finished", delivery.deliveries);
        return set_aside(shared, delivery, session, (&reason, None)).await;
    }
    let (aggregate, issued_at) = figures::of(&envelope);
    let routed = route(shared, envelope, session).await;
    let goes_back = |error: &RouteError| {
        may_pass(error) && delivery.deliveries < shared.settings.deliveries_max
    };
    if !routed.as_ref().is_err_and(goes_back) {
        figures::commanded(&aggregate, issued_at, &routed);
    }
    match routed {
        Ok(Routed { outcome, replayed }) => {
            kontor_faults::reach(Point::ReplyBefore);
            delivery.reply(&shared.nats, &Reply::Done { outcome, replayed }).await;
            kontor_faults::reach(Point::AckBefore);
            delivery.done().await;
            kontor_faults::reach(Point::AckAfter);
            Settled::Done
        }
        Err(error @ RouteError::CommandIdReused) => {
            // The first command under this id has its outcome; this one is its sender's mistake.
            if let Some(reply) = Reply::from_error(&error) {
                delivery.reply(&shared.nats, &reply).await;
            }
            delivery.done().await;
            Settled::Done
        }
        Err(error) if goes_back(&error) => {
            figures::returned();
            let pause = pause_before_delivery(&shared.settings, delivery.deliveries);
            tracing::warn!(
                error = %error,
                deliveries = delivery.deliveries,
                "A command goes back for {pause:?}",
            );
            delivery.return_after(pause).await;
            Settled::Returned(pause)
        }
        Err(error) => {
            let reason = describe(&error);
            set_aside(shared, delivery, session, (&reason, Reply::from_error(&error))).await
        }
    }
}

/// Tries again at once while the error is of the moment, and the session lasts.
async fn route(
    shared: &Shared,
    envelope: Envelope,
    session: &Session,
) -> Result<Routed, RouteError> {
    let started = Instant::now();
    let mut longest = ATTEMPT_PAUSE;
    loop {
        let error = match shared.router.route(envelope.clone()).await {
            Ok(routed) => return Ok(routed),
            Err(error) => error,
        };
        let patience = match &error {
            RouteError::Contended | RouteError::Overloaded => shared.settings.contended_patience,
            RouteError::Store(_) => shared.settings.store_patience,
            RouteError::UnknownAggregate
            | RouteError::Malformed(_)
            | RouteError::CommandIdReused
            | RouteError::Undecodable(_)
            | RouteError::Defect(_)
            | RouteError::LimitExceeded(_) => return Err(error),
        };
        let pause = rand::random_range(longest / 2..=longest);
        if session.is_over() || started.elapsed() + pause > patience {
            return Err(error);
        }
        tokio::select! {
            () = session.over() => {}
            () = tokio::time::sleep(pause) => {}
        }
        longest = longest.saturating_mul(2).min(ATTEMPT_PAUSE_MAX);
    }
}

/// Whether another delivery may succeed: also an event of a newer build, which another process may
/// be able to read.
fn may_pass(error: &RouteError) -> bool {
    match error {
        RouteError::Contended
        | RouteError::Overloaded
        | RouteError::Store(_)
        | RouteError::Undecodable(_) => true,
        RouteError::UnknownAggregate
        | RouteError::Malformed(_)
        | RouteError::CommandIdReused
        | RouteError::Defect(_)
        | RouteError::LimitExceeded(_) => false,
    }
}

/// Keeps the command as a dead letter, answers and ends it. Without the dead letter the message
/// must not leave the stream. A process that is fenced gives nothing up: the next owner may succeed.
async fn set_aside(
    shared: &Shared,
    delivery: &Delivery,
    session: &Session,
    (reason, reply): (&str, Option<Reply>),
) -> Settled {
    if session.is_fenced() {
        delivery.return_after(FENCED_PAUSE).await;
        return Settled::Returned(FENCED_PAUSE);
    }
    if let Err(err) = dead::record(&shared.pool, delivery, reason).await {
        tracing::error!(error = %err, "A dead letter was not recorded; the command stays");
        let pause = pause_before_delivery(&shared.settings, delivery.deliveries);
        delivery.return_after(pause).await;
        return Settled::Returned(pause);
    }
    if let Some(reply) = reply {
        delivery.reply(&shared.nats, &reply).await;
    }
    delivery.set_aside().await;
    figures::set_aside();
    Settled::Done
}

fn pause_before_delivery(settings: &WorkerSettings, deliveries: i64) -> Duration {
    let doublings = u32::try_from(deliveries).unwrap_or(0).clamp(1, 16) - 1;
    let longest = settings.nak_pause.saturating_mul(1 << doublings).min(settings.nak_pause_max);
    rand::random_range(longest / 2..=longest)
}

fn describe(error: &RouteError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_deliveries_grow_to_their_limit() {
        let settings = WorkerSettings::new("test");
        assert!(pause_before_delivery(&settings, 1) <= settings.nak_pause);
        for deliveries in [10, 100, i64::MAX] {
            let pause = pause_before_delivery(&settings, deliveries);
            assert!(pause <= settings.nak_pause_max, "{pause:?}");
        }
        assert!(pause_before_delivery(&settings, 19) >= settings.nak_pause_max / 2);
    }
}
