//! Single ownership with fencing.

use std::time::Duration;

use kontor_postgres::{Lease, Leases};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, until, world};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(1);

fn owners(world: &World, ttl: Duration) -> (Leases, Leases) {
    (Leases::new(world.pool.clone(), "first", ttl), Leases::new(world.pool.clone(), "second", ttl))
}

async fn expire(world: &World) {
    sqlx::query("update leases set expires_at = clock_timestamp()")
        .execute(&world.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_expires_and_each_holder_a_higher_epoch() {
    let world = world().await;
    let (first, second) = owners(&world, LONG);
    let held = first.acquire("work").await.unwrap().unwrap();
    assert_eq!(held, Lease { name: "work".to_owned(), epoch: 1 });
    assert_eq!(second.acquire("work").await.unwrap(), None);
    assert_eq!(first.acquire("work").await.unwrap(), None, "not even by its own owner again");
    assert_eq!(second.acquire("other work").await.unwrap().unwrap().epoch, 1);
    let holder = second.holder("work").await.unwrap().unwrap();
    assert_eq!((holder.owner.as_str(), holder.epoch), ("first", 1));

    expire(&world).await;
    assert_eq!(first.holder("work").await.unwrap(), None);
    let taken = second.acquire("work").await.unwrap().unwrap();
    assert_eq!(taken.epoch, 2);

    // The old holder is fenced: it can neither renew nor give back what is not its own.
    assert!(!first.renew(&held).await.unwrap());
    assert!(!first.release(&held).await.unwrap());
    let forged = Lease { epoch: 2, ..held };
    assert!(!first.renew(&forged).await.unwrap());
    assert!(second.renew(&taken).await.unwrap());
}

#[tokio::test]
async fn a_released_lease_is_free_at_once_and_its_epoch_goes_on() {
    let world = world().await;
    let (first, second) = owners(&world, LONG);
    let held = first.acquire("work").await.unwrap().unwrap();
    assert!(first.release(&held).await.unwrap());
    assert_eq!(second.acquire("work").await.unwrap().unwrap().epoch, 2);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_gets_it() {
    let world = world().await;
    for round in 1..=5 {
        let asking = (0..32).map(|number| {
            let leases = Leases::new(world.pool.clone(), format!("owner {number}"), LONG);
            async move { leases.acquire("work").await.unwrap() }
        });
        let got: Vec<Lease> =
            futures::future::join_all(asking).await.into_iter().flatten().collect();
        assert_eq!(got, [Lease { name: "work".to_owned(), epoch: round }]);
        expire(&world).await;
    }
}

#[tokio::test]
async fn a_kept_lease_outlives_its_time_and_is_given_back() {
    let world = world().await;
    let (first, second) = owners(&world, SHORT);
    let stop = CancellationToken::new();
    let kept = first.keep(first.acquire("work").await.unwrap().unwrap(), &stop);
    let start = tokio::time::Instant::now();
    until("three times its life has passed", || async {
        assert_eq!(second.acquire("work").await.unwrap(), None);
        start.elapsed() > SHORT * 3
    })
    .await;
    assert!(!kept.active().is_cancelled());

    // The work is told to stop, and the lease is still held while it does.
    stop.cancel();
    assert!(kept.active().is_cancelled());
    assert_eq!(second.acquire("work").await.unwrap(), None);
    assert!(kept.release().await.unwrap());
    assert_eq!(second.acquire("work").await.unwrap().unwrap().epoch, 2);
}

#[tokio::test]
async fn the_work_is_stopped_when_its_lease_is_taken_over() {
    let world = world().await;
    let (first, second) = owners(&world, SHORT);
    let stop = CancellationToken::new();
    let kept = first.keep(first.acquire("work").await.unwrap().unwrap(), &stop);
    assert_eq!(second.seize("work").await.unwrap().epoch, 2);
    tokio::time::timeout(PATIENCE, kept.active().cancelled()).await.unwrap();
    assert!(!stop.is_cancelled(), "only this work stops");
    assert!(!kept.release().await.unwrap());
}

#[tokio::test]
async fn the_work_is_stopped_when_the_lease_cannot_be_renewed_in_time() {
    let world = world().await;
    let (first, _) = owners(&world, SHORT);
    let kept = first.keep(first.acquire("work").await.unwrap().unwrap(), &CancellationToken::new());
    world.pool.close().await;
    tokio::time::timeout(PATIENCE, kept.active().cancelled()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_lease_ends_by_itself() {
    let world = world().await;
    let (first, second) = owners(&world, SHORT);
    let held = first.acquire("work").await.unwrap().unwrap();
    drop(first.keep(held, &CancellationToken::new()));
    until("the lease has expired", || async { second.acquire("work").await.unwrap().is_some() })
        .await;
}
