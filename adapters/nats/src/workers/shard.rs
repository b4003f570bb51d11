//! One shard: hold its lease, pull its commands.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::consumer::{PullConsumer, pull};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kontor_postgres::KeptLease;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    delivery::Delivery,
    lanes::Lanes,
    session::{FENCED_PAUSE, Session},
};
use crate::names;

/// How long one request for commands stays open. Short, because it has to run out before a shard
/// can be given back without losing what is on its way.
const PULL_EXPIRY: Duration = Duration::from_secs(1);
/// How much longer than its expiry the end of a request is waited for.
const PULL_GRACE: Duration = Duration::from_secs(2);
/// How much later than promised the broker may give a command out again.
const REDELIVERY_GRACE: Duration = Duration::from_millis(200);
/// The pause after a failed request for commands.
const PULL_PAUSE: Duration = Duration::from_millis(500);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves the shard whenever its lease can be had, until `stop`.
pub(super) async fn run(shared: Arc<Shared>, shard: u32, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match shared.leases.hold(&names::lease(shard), &stop).await {
            Ok(Some(lease)) => {
                let epoch = lease.lease().epoch;
                tracing::info!(shard, epoch, "Serving shard {shard}");
                serve(&shared, shard, lease, &stop).await;
                tracing::info!(shard, "Left shard {shard}");
            }
            Ok(None) => {}
            Err(err) => tracing::warn!(shard, error = %err, "The lease of shard {shard} failed"),
        }
        let pause = shared.settings.take_over_pause;
        let pause = rand::random_range(pause / 2..=pause);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[expect(clippy::significant_drop_tightening, reason = "the lanes are used up before the lease")]
async fn serve(shared: &Arc<Shared>, shard: u32, lease: KeptLease, stop: &CancellationToken) {
    // Ends with `stop`, or alone when the shard goes to another process. What was taken is carried
    // out before the lease is given back: so the next owner begins behind it, in order.
    let lanes = pull(shared, shard, &Session::of(&lease)).await;
    let settings = &shared.settings;
    let limit = if stop.is_cancelled() { settings.drain_limit } else { settings.hand_over_limit };
    lanes.finish(limit).await;
    if let Err(err) = lease.release().await {
        tracing::warn!(shard, error = %err, "The lease of shard {shard} was not given back");
    }
}

/// Pulls commands until the session is over; what is in the lanes then is still to be finished.
async fn pull(shared: &Arc<Shared>, shard: u32, session: &Session) -> Lanes {
    let places = Arc::new(Semaphore::new(shared.settings.in_flight_max));
    let mut lanes = Lanes::start(shared, session);
    let mut left = await_what_was_left(shared, shard, session).await;
    while !session.is_over() {
        let pulled = pull_once(shared, shard, (&places, &mut lanes, &mut left), session).await;
        if let Err(err) = pulled {
            tracing::warn!(shard, error = %err, "The commands of shard {shard} cannot be pulled");
            recover(shared, session).await;
        }
    }
    lanes
}

/// Waits until the broker gives out again what an owner that died had taken: fresh commands of the
/// same aggregates would otherwise go first. After an orderly end nothing is left and nobody waits.
/// How many there were.
async fn await_what_was_left(shared: &Shared, shard: u32, session: &Session) -> usize {
    let consumer: Result<PullConsumer, _> = shared
        .nats
        .jetstream()
        .get_consumer_from_stream(names::consumer(shard), names::COMMANDS)
        .await;
    // Without an answer the first request for commands fails too, and is tried again.
    let left = consumer.map_or(0, |consumer| consumer.cached_info().num_ack_pending);
    if left == 0 {
        return 0;
    }
    tracing::info!(shard, left, "Shard {shard} waits for commands that its last owner left");
    tokio::select! {
        () = session.over() => {}
        () = tokio::time::sleep(shared.nats.schema().ack_wait + REDELIVERY_GRACE) => {}
    }
    left
}

/// Makes the streams again in case they are gone, and pauses.
async fn recover(shared: &Shared, session: &Session) {
    if shared.nats.is_connected()
        && let Err(err) = shared.nats.ensure().await
    {
        tracing::warn!(error = %err, "The streams are not as they should be");
    }
    tokio::select! {
        () = session.over() => {}
        () = tokio::time::sleep(PULL_PAUSE) => {}
    }
}

/// One session with the shard's consumer: requests for commands, one after the other. The first is
/// for what a last owner left, as far as there is room.
#[expect(clippy::significant_drop_tightening, reason = "the first place goes with its command")]
async fn pull_once(
    shared: &Arc<Shared>,
    shard: u32,
    (places, lanes, left): (&Arc<Semaphore>, &mut Lanes, &mut usize),
    session: &Session,
) -> Result<(), BoxError> {
    let consumer: PullConsumer = shared
        .nats
        .jetstream()
        .get_consumer_from_stream(names::consumer(shard), names::COMMANDS)
        .await?;
    while !session.is_over() {
        let first = tokio::select! {
            () = session.over() => return Ok(()),
            place = Arc::clone(places).acquire_owned() => place?,
        };
        let room = places.available_permits() + 1;
        let batch = |most| consumer.batch().max_messages(most).expires(PULL_EXPIRY).messages();
        if *left > 0 {
            let left = std::mem::take(left).min(room);
            let deliveries = deliveries(batch(left).await?);
            let mut deliveries: Vec<_> = deliveries.try_collect().await?;
            // The broker gives out again in the order in which its patience ended, and a report of
            // progress has lengthened it for some.
            deliveries.sort_by_key(|delivery| delivery.sequence);
            let deliveries = stream::iter(deliveries.into_iter().map(Ok));
            take(deliveries, (first, places), lanes, session).await?;
        } else {
            take(deliveries(batch(room).await?), (first, places), lanes, session).await?;
        }
    }
    Ok(())
}

/// The commands of one request, until it has run out.
fn deliveries(batch: pull::Batch) -> impl Stream<Item = Result<Delivery, BoxError>> + Unpin + Send {
    let end = tokio::time::sleep(PULL_EXPIRY + PULL_GRACE);
    Box::pin(batch.take_until(end).filter_map(async |message| match message.map(Delivery::read) {
        Ok(Ok(delivery)) => Some(Ok(delivery)),
        Ok(Err(err)) => {
            tracing::warn!(error = %err, "A message of the command stream is no delivery");
            None
        }
        Err(err) => Some(Err(err)),
    }))
}

/// Gives the commands of one request to their lanes, also those that come after the session's end:
/// sent back, they would come again behind later ones. Only when the shard may be another's already
/// they are left to it.
async fn take(
    mut deliveries: impl Stream<Item = Result<Delivery, BoxError>> + Unpin + Send,
    (first, places): (OwnedSemaphorePermit, &Arc<Semaphore>),
    lanes: &mut Lanes,
    session: &Session,
) -> Result<(), BoxError> {
    let mut spare = Some(first);
    while let Some(delivery) = deliveries.try_next().await? {
        if session.is_fenced() {
            delivery.return_after(FENCED_PAUSE).await;
            continue;
        }
        let place = match spare.take() {
            Some(place) => place,
            None => Arc::clone(places).acquire_owned().await?,
        };
        lanes.put(delivery, place)?;
    }
    Ok(())
}
