//! One version of a reactor takes over from another.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use kontor_domain::Recorded;
use kontor_postgres::{
    Follower, FollowerSettings,
    followers::{HandOverError, hand_over},
    pauses,
};
use kontor_projections::{Reactor, ReactorError};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    ledger::hasty,
    support::{World, fill, until, world},
};

/// What all versions sent: version and position, in order.
type Sent = Arc<Mutex<Vec<(i32, i64)>>>;

struct Courier {
    version: i32,
    sent: Sent,
}

#[async_trait]
impl Reactor for Courier {
    fn name(&self) -> &'static str {
        "courier"
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[]
    }

    async fn react(&self, events: &[Recorded]) -> Result<(), ReactorError> {
        for event in events {
            // Slow, so that a switch meets it in the middle of a page.
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.sent.lock().unwrap().push((self.version, event.position));
        }
        Ok(())
    }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(world: &World, version: i32, sent: &Sent, head: &watch::Receiver<i64>) -> Self {
        let settings = FollowerSettings {
            owner: Uuid::now_v7().to_string(),
            orders_look_every: Duration::from_millis(20),
            ..hasty()
        };
        let courier = Arc::new(Courier { version, sent: Arc::clone(sent) });
        let follower = Follower::reactor(world.pool.clone(), courier, settings);
        let stop = CancellationToken::new();
        let task = tokio::spawn(follower.run(head.clone(), stop.clone()));
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Each position once and in order, whichever version sent it.
fn assert_once(sent: &Sent, count: i64) {
    let positions: Vec<i64> = sent.lock().unwrap().iter().map(|(_, position)| *position).collect();
    assert_eq!(positions, (1..=count).collect::<Vec<_>>());
}

async fn until_sent(sent: &Sent, count: usize) {
    until("so many events are sent", || async { sent.lock().unwrap().len() >= count }).await;
}

fn sent_by(sent: &Sent, version: i32) -> usize {
    sent.lock().unwrap().iter().filter(|it| it.0 == version).count()
}

#[tokio::test]
async fn a_new_version_goes_on_where_the_running_old_one_ends_and_sends_nothing_twice() {
    let world = world().await;
    let (log, head) = world.log();
    let sent = Sent::default();
    let old = Running::start(&world, 1, &sent, &head);
    fill(&log, 50).await;
    until_sent(&sent, 5).await;
    let new = Running::start(&world, 2, &sent, &head);
    fill(&log, 50).await;
    until_sent(&sent, 100).await;
    fill(&log, 10).await;
    until_sent(&sent, 110).await;
    assert_once(&sent, 110);
    assert!(sent_by(&sent, 2) >= 10);
    // The old one stays quiet, also when it starts again.
    old.stop().await;
    let old = Running::start(&world, 1, &sent, &head);
    fill(&log, 10).await;
    until_sent(&sent, 120).await;
    assert_once(&sent, 120);

    // Handed back, it goes on behind the new one.
    assert!(hand_over(&world.pool, "courier", 1).await.unwrap());
    assert!(!hand_over(&world.pool, "courier", 1).await.unwrap());
    let before = sent_by(&sent, 1);
    until("the old version has the place", || async {
        fill(&log, 1).await;
        sent_by(&sent, 1) > before
    })
    .await;
    let head_position = world.count("select max(position) from events").await;
    until_sent(&sent, usize::try_from(head_position).unwrap()).await;
    assert_once(&sent, head_position);
    let error = hand_over(&world.pool, "courier", 9).await.unwrap_err();
    assert!(matches!(error, HandOverError::Unknown { version: 9, .. }), "{error:?}");
    old.stop().await;
    new.stop().await;
}

#[tokio::test]
async fn a_new_version_takes_over_from_a_stopped_one_and_an_older_one_never_begins_beside_it() {
    let world = world().await;
    let (log, head) = world.log();
    let sent = Sent::default();
    let second = Running::start(&world, 2, &sent, &head);
    fill(&log, 7).await;
    until_sent(&sent, 7).await;
    second.stop().await;
    let first = Running::start(&world, 1, &sent, &head);
    let third = Running::start(&world, 3, &sent, &head);
    fill(&log, 7).await;
    until_sent(&sent, 14).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_once(&sent, 14);
    assert_eq!((sent_by(&sent, 1), sent_by(&sent, 2), sent_by(&sent, 3)), (0, 7, 7));
    first.stop().await;
    third.stop().await;
}

#[tokio::test]
async fn a_paused_reactor_sends_nothing_and_leaves_nothing_out() {
    let world = world().await;
    let (log, head) = world.log();
    let sent = Sent::default();
    let running = Running::start(&world, 1, &sent, &head);
    fill(&log, 3).await;
    until_sent(&sent, 3).await;
    pauses::pause(&world.pool, "courier", pauses::WHOLE).await.unwrap();
    until("it stands still", || async {
        world.count("select count(*) from checkpoints where state = 'paused'").await == 1
    })
    .await;
    fill(&log, 30).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_once(&sent, 3);
    pauses::resume(&world.pool, "courier", pauses::WHOLE).await.unwrap();
    until_sent(&sent, 33).await;
    assert_once(&sent, 33);
    running.stop().await;
}
