//! Effects outside the database: at least once, in order.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use kontor_domain::Recorded;
use kontor_postgres::{Follower, FollowerError, FollowerSettings, Step};
use kontor_projections::{Reactor, ReactorError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    ledger::{checkpoint, hasty},
    support::{PATIENCE, World, fill, until, world},
};

/// Collects the positions it gets; fails as often as it is told to.
#[derive(Default)]
struct Outside {
    pages: Mutex<Vec<Vec<i64>>>,
    failures: AtomicU32,
    panics: AtomicU32,
    hangs: AtomicU32,
    hanging: Notify,
}

impl Outside {
    fn pages(&self) -> Vec<Vec<i64>> {
        self.pages.lock().unwrap().clone()
    }
}

fn one_less(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

#[async_trait]
impl Reactor for Outside {
    fn name(&self) -> &'static str {
        "outside"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[]
    }

    async fn react(&self, events: &[Recorded]) -> Result<(), ReactorError> {
        self.pages.lock().unwrap().push(events.iter().map(|event| event.position).collect());
        if one_less(&self.failures) {
            return Err(ReactorError {
                what: "cannot publish".to_owned(),
                source: "no responders".into(),
            });
        }
        assert!(!one_less(&self.panics), "the test asked for a panic");
        if one_less(&self.hangs) {
            self.hanging.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

fn reactor(world: &World, outside: &Arc<Outside>, settings: FollowerSettings) -> Follower {
    Follower::reactor(world.pool.clone(), Arc::clone(outside) as Arc<dyn Reactor>, settings)
}

#[tokio::test]
async fn a_failed_page_is_repeated_until_it_succeeds_and_nothing_is_parked() {
    let world = world().await;
    let (log, _) = world.log();
    let outside = Arc::new(Outside::default());
    let mut follower = reactor(&world, &outside, hasty());
    fill(&log, 2).await;
    outside.failures.store(2, Ordering::Relaxed);
    outside.panics.store(1, Ordering::Relaxed);
    for _ in 0..2 {
        let error = follower.step().await.unwrap_err();
        assert!(matches!(error, FollowerError::React(_)), "{error:?}");
    }
    let (position, state, error) = checkpoint(&world.pool).await;
    assert_eq!((position, state.as_str()), (0, "retrying"));
    assert_eq!(error.unwrap(), "the reactor failed: cannot publish: no responders");
    let error = follower.step().await.unwrap_err();
    assert!(matches!(error, FollowerError::Panicked), "{error:?}");

    assert!(matches!(follower.step().await.unwrap(), Step::Advanced { .. }));
    while follower.step().await.unwrap() != Step::Idle {}
    assert_eq!(checkpoint(&world.pool).await, (2, "live".to_owned(), None));
    assert_eq!(world.count("select count(*) from dead_letters").await, 0);
    let pages = outside.pages();
    assert_eq!(pages[0], [1, 2]);
    assert!(pages[1..].iter().all(|page| page[0] == 1 || page == &[2]), "{pages:?}");
    assert_eq!(pages.last().unwrap().last(), Some(&2));
}

#[tokio::test]
async fn the_loop_carries_everything_out_in_order_through_failures() {
    let world = world().await;
    let (log, head) = world.log();
    let outside = Arc::new(Outside::default());
    outside.failures.store(5, Ordering::Relaxed);
    let stop = CancellationToken::new();
    let running = tokio::spawn(reactor(&world, &outside, hasty()).run(head, stop.clone()));
    fill(&log, 50).await;
    until("the reactor is through", || async {
        world.count("select coalesce(max(position), 0) from checkpoints").await == 50
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    // A repeated page starts where the failed one started; nothing is left out.
    let mut reached = 0;
    for page in outside.pages() {
        assert!(page[0] <= reached + 1, "a gap before {page:?}");
        reached = reached.max(*page.last().unwrap());
    }
    assert_eq!(reached, 50);
}

#[tokio::test]
async fn a_hanging_reactor_does_not_hold_up_the_end() {
    let world = world().await;
    let (log, head) = world.log();
    let outside = Arc::new(Outside::default());
    outside.hangs.store(1, Ordering::Relaxed);
    fill(&log, 1).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(reactor(&world, &outside, hasty()).run(head, stop.clone()));
    tokio::time::timeout(PATIENCE, outside.hanging.notified()).await.unwrap();
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    assert_eq!(checkpoint(&world.pool).await, (0, "stopped".to_owned(), None));
    // The next one repeats the page.
    let mut next = reactor(&world, &outside, hasty());
    assert!(matches!(next.step().await.unwrap(), Step::Advanced { position: 1, .. }));
    assert_eq!(outside.pages(), [[1], [1]]);
}

#[tokio::test]
async fn a_reactor_that_loses_its_lease_is_stopped_in_the_middle() {
    let world = world().await;
    let (log, _) = world.log();
    let outside = Arc::new(Outside::default());
    outside.hangs.store(1, Ordering::Relaxed);
    fill(&log, 1).await;
    let settings = FollowerSettings { lease_ttl: Duration::from_secs(3), ..hasty() };
    let mut follower = reactor(&world, &outside, settings);
    let stepping = tokio::spawn(async move { follower.step().await });
    tokio::time::timeout(PATIENCE, outside.hanging.notified()).await.unwrap();
    let operator =
        kontor_postgres::Leases::new(world.pool.clone(), "operator", Duration::from_secs(60));
    operator.seize("follower.outside.v1").await.unwrap();
    let step = tokio::time::timeout(PATIENCE, stepping).await.unwrap().unwrap();
    assert_eq!(step.unwrap(), Step::Lost);
    assert_eq!(checkpoint(&world.pool).await.0, 0);
}
