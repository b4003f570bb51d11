//! Processes that share leases: fair parts, hand-over, take-over.

use std::time::Duration;

use kontor_postgres::{KeptLease, Leases, Members, ProcessInfo, members};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, until, world};

const TTL: Duration = Duration::from_millis(1_500);
const NAMES: usize = 8;

fn info() -> ProcessInfo {
    ProcessInfo {
        roles: vec!["work".to_owned()],
        host: "бухгалтерия".to_owned(),
        pid: 7,
        version: "1.2.3".to_owned(),
    }
}

/// A process that works on as much as it gets, and gives back what it is asked for.
struct Process {
    members: Members,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    async fn start(world: &World, owner: &str) -> Self {
        let pool = kontor_postgres::connect(&world.url, 2).await.unwrap();
        let members = Members::join(pool, owner, info(), TTL);
        let stop = CancellationToken::new();
        let tasks = (0..NAMES)
            .map(|number| tokio::spawn(serve(members.leases(), number, stop.clone())))
            .collect();
        Self { members, stop, tasks }
    }

    /// An orderly end.
    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
        self.members.leave().await.unwrap();
    }

    /// As a crash: no lease is given back, no row removed.
    fn crash(self) {
        for task in self.tasks {
            task.abort();
        }
    }
}

async fn serve(leases: Leases, number: usize, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let name = format!("shard/{number}");
        if let Some(kept) = leases.hold(&name, &stop).await.unwrap() {
            kept.ending().cancelled().await;
            kept.release().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn loads(world: &World) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select owner, count(*) from leases where expires_at > clock_timestamp()
         group by owner order by owner",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

async fn until_loads(world: &World, expected: &[(&str, i64)]) {
    let expected: Vec<(String, i64)> =
        expected.iter().map(|(owner, load)| ((*owner).to_owned(), *load)).collect();
    until(&format!("the leases are shared as {expected:?}"), || async {
        loads(world).await == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_come_and_go_share_evenly() {
    let world = world().await;
    let first = Process::start(&world, "first").await;
    until_loads(&world, &[("first", 8)]).await;
    let second = Process::start(&world, "second").await;
    until_loads(&world, &[("first", 4), ("second", 4)]).await;
    let third = Process::start(&world, "third").await;
    until("three share eight", || async {
        let mut loads: Vec<i64> = loads(&world).await.into_iter().map(|(_, load)| load).collect();
        loads.sort_unstable();
        loads == [2, 3, 3]
    })
    .await;

    second.stop().await;
    until_loads(&world, &[("first", 4), ("third", 4)]).await;
    let listed = members::list(&world.pool).await.unwrap();
    let owners: Vec<&str> = listed.iter().map(|process| process.owner.as_str()).collect();
    assert_eq!(owners, ["first", "third"], "an orderly end leaves no row");
    assert_eq!((listed[0].host.as_str(), listed[0].pid, listed[0].alive), ("бухгалтерия", 7, true));
    let (seen_at, expires_at) = (listed[0].seen_at.unwrap(), listed[0].expires_at);
    assert_eq!(
        (expires_at - seen_at).to_std().unwrap(),
        TTL,
        "the last sign is one that was given"
    );

    first.crash();
    until_loads(&world, &[("third", 8)]).await;
    let listed = members::list(&world.pool).await.unwrap();
    assert!(!listed[0].alive && listed[1].alive, "the dead one can still be seen: {listed:?}");
    assert_eq!(members::sweep(&world.pool).await.unwrap(), 0, "for an hour");
    sqlx::query("update processes set expires_at = expires_at - interval '2 hours' where pid = 7")
        .execute(&world.pool)
        .await
        .unwrap();
    assert!(members::sweep(&world.pool).await.unwrap() >= 1);
    until("a process whose row was swept is back", || async {
        let listed = members::list(&world.pool).await.unwrap();
        listed.iter().any(|process| process.owner == "third" && process.alive)
    })
    .await;
    until_loads(&world, &[("third", 8)]).await;
    third.stop().await;
    until_loads(&world, &[]).await;
}

#[tokio::test]
async fn a_lease_stays_until_its_work_has_ended() {
    let world = world().await;
    let stop = CancellationToken::new();
    let first = Members::join(world.pool.clone(), "first", info(), TTL);
    let mut kept: Vec<KeptLease> = Vec::new();
    for name in ["follower.a", "follower.b"] {
        kept.push(first.leases().hold(name, &stop).await.unwrap().unwrap());
    }
    let second = Members::join(world.pool.clone(), "second", info(), TTL);
    let asked = async || second.leases().hold("follower.b", &stop).await.unwrap();
    until("it is asked back", || async {
        assert!(asked().await.is_none(), "the work goes on");
        kept[1].ending().is_cancelled()
    })
    .await;
    assert!(!kept[1].active().is_cancelled() && kept[1].is_held(), "it ends under its lease");
    assert!(!kept[0].ending().is_cancelled(), "nobody else wants the other one");
    tokio::time::sleep(TTL * 2).await;
    assert!(asked().await.is_none(), "however long that takes");
    assert!(kept.pop().unwrap().release().await.unwrap());
    until("the other one has it", || async { asked().await.is_some() }).await;
}

#[tokio::test]
async fn what_another_wants_and_does_not_take_is_taken_after_a_while() {
    let world = world().await;
    let stop = CancellationToken::new();
    let busy = Members::join(world.pool.clone(), "busy", info(), TTL);
    let _kept = busy.leases().hold("follower.a", &stop).await.unwrap().unwrap();
    // This one says that it wants the other lease, and never comes back for it.
    sqlx::query(
        "insert into processes (owner, roles, host, pid, version, wants, expires_at)
         values ('idle', '{project}', 'host', 8, '1', '{follower.b,follower.c}',
                 clock_timestamp() + interval '1 hour')",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let started = tokio::time::Instant::now();
    let mut taken = None;
    while taken.is_none() {
        assert!(started.elapsed() < PATIENCE);
        taken = busy.leases().hold("follower.b", &stop).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(TTL).await;
    assert!(!taken.unwrap().ending().is_cancelled(), "and stays: it would come back the same way");
}

#[tokio::test]
async fn the_dead_are_buried_by_the_beginning_of_their_names() {
    let world = world().await;
    let stop = CancellationToken::new();
    for owner in ["up-17-a", "up-170-b"] {
        let members = Members::join(world.pool.clone(), owner, info(), Duration::from_secs(600));
        let name = format!("shard/{owner}");
        // Kept alive by nobody after this block, and held for ten minutes.
        drop(members.leases().hold(&name, &stop).await.unwrap().unwrap());
    }
    members::bury(&world.pool, "up-17-").await.unwrap();
    let held = members::held_leases(&world.pool).await.unwrap();
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!((held[0].owner.as_str(), held[0].epoch), ("up-170-b", 1));
    assert_eq!(members::list(&world.pool).await.unwrap().len(), 1);
}
