//! Events that a projection cannot apply.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use kontor_commands::{EventStore, Expected};
use kontor_postgres::{
    EventLog, Follower, FollowerError, FollowerSettings,
    dead_letters::{DeadLetter, list, retry, skip},
};
use uuid::Uuid;

use crate::{
    ledger::{Fault, Ledger, catch_up, checkpoint, follower, hasty, rows, versions},
    support::{World, append, fill, world},
};

/// Retries by themselves are an hour away.
fn patient() -> FollowerSettings {
    let hour = Duration::from_secs(3_600);
    FollowerSettings { parked_pause_first: hour, parked_pause_max: hour, ..hasty() }
}

async fn more(log: &EventLog, stream: Uuid, count: usize) {
    for _ in 0..count {
        log.append(append(stream, Expected::StreamExists, &["{}"])).await.unwrap();
    }
}

async fn parked(world: &World) -> Vec<DeadLetter> {
    list(&world.pool, Some("ledger"), 100).await.unwrap()
}

/// A world with three streams of two events, of which the second stream is broken and parked.
async fn parked_world(
    fault: Fault,
    settings: FollowerSettings,
) -> (World, EventLog, Arc<Ledger>, Follower, Vec<Uuid>) {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let streams = fill(&log, 3).await;
    for stream in &streams {
        more(&log, *stream, 1).await;
    }
    ledger.break_stream(streams[1], fault);
    let mut follower = follower(&world, &ledger, settings);
    catch_up(&mut follower).await;
    (world, log, ledger, follower, streams)
}

#[tokio::test]
async fn a_poison_event_parks_its_stream_and_the_others_flow() {
    for fault in [Fault::Unreadable, Fault::DoesNotFit, Fault::Panic] {
        let (world, log, ledger, mut follower, streams) = parked_world(fault, patient()).await;
        more(&log, streams[1], 2).await;
        more(&log, streams[0], 1).await;
        catch_up(&mut follower).await;
        assert_eq!(versions(&world.pool, streams[0]).await, [1, 2, 3]);
        assert_eq!(versions(&world.pool, streams[1]).await, [0_i64; 0]);
        assert_eq!(versions(&world.pool, streams[2]).await, [1, 2]);
        assert_eq!(checkpoint(&world.pool).await, (9, "live".to_owned(), None));

        let letters = parked(&world).await;
        assert_eq!(letters.len(), 1);
        let head = &letters[0];
        assert_eq!((head.key, head.position, head.attempts), (streams[1], 2, 1));
        assert_eq!((head.state.as_str(), head.waiting), ("parked", 3));
        assert!(!head.error.is_empty());

        // The fault is mended, an operator asks for a retry: the stream comes in order.
        ledger.mend(streams[1]);
        catch_up(&mut follower).await;
        assert_eq!(versions(&world.pool, streams[1]).await, [0_i64; 0], "it is not due yet");
        assert!(retry(&world.pool, "ledger", 3, streams[1]).await.unwrap());
        catch_up(&mut follower).await;
        assert_eq!(versions(&world.pool, streams[1]).await, [1, 2, 3, 4]);
        assert_eq!(world.count("select count(*) from dead_letters").await, 0);
        more(&log, streams[1], 1).await;
        catch_up(&mut follower).await;
        assert_eq!(versions(&world.pool, streams[1]).await, [1, 2, 3, 4, 5]);
        assert!(!retry(&world.pool, "ledger", 3, streams[1]).await.unwrap());
    }
}

#[tokio::test]
async fn a_parked_event_is_retried_by_itself_up_to_a_bound_and_then_waits() {
    let settings = FollowerSettings { parked_attempts_max: 3, ..hasty() };
    let (world, _, ledger, mut follower, streams) = parked_world(Fault::Unreadable, settings).await;
    for _ in 0..10 {
        catch_up(&mut follower).await;
    }
    assert_eq!(parked(&world).await[0].attempts, 3);

    // An operator's retry is one more attempt.
    assert!(retry(&world.pool, "ledger", 3, streams[1]).await.unwrap());
    for _ in 0..5 {
        catch_up(&mut follower).await;
    }
    let head = parked(&world).await.remove(0);
    assert_eq!((head.attempts, head.state.as_str()), (4, "parked"));

    ledger.mend(streams[1]);
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [0_i64; 0], "the bound holds");
    retry(&world.pool, "ledger", 3, streams[1]).await.unwrap();
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [1, 2]);
}

/// The log of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_lines_about_a_parked_event_name_it_and_its_command() {
    // Beside a single subscriber, call sites that other tests reach first are judged without it.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _told = tracing::subscriber::set_default(subscriber);
    let (world, _, _, mut follower, streams) = parked_world(Fault::Unreadable, hasty()).await;
    for _ in 0..5 {
        catch_up(&mut follower).await;
    }
    let (position, event_id, command_id): (i64, Uuid, Uuid) = sqlx::query_as(
        "select position, event_id, (metadata->>'command_id')::uuid from events
         where stream_id = $1 and version = 1",
    )
    .bind(streams[1])
    .fetch_one(&world.pool)
    .await
    .unwrap();
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for said in ["its stream is parked", "A parked event could not be applied again"] {
        let line = log.lines().find(|line| line.contains(said));
        let line = line.unwrap_or_else(|| panic!("{said} is missing in {log}"));
        let fields = &serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"];
        assert_eq!(fields["position"], position, "{line}");
        assert_eq!(fields["event.id"], event_id.to_string(), "{line}");
        assert_eq!(fields["stream"], streams[1].to_string(), "{line}");
        for field in ["command.id", "correlation.id"] {
            assert_eq!(fields[field], command_id.to_string(), "{line}");
        }
        assert!(fields["trace.id"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn a_mended_fault_heals_by_itself() {
    let (world, _, ledger, mut follower, streams) = parked_world(Fault::Unreadable, hasty()).await;
    assert_eq!(parked(&world).await.len(), 1);
    ledger.mend(streams[1]);
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [1, 2]);
    assert!(parked(&world).await.is_empty());
}

#[tokio::test]
async fn a_skipped_event_is_left_out_and_its_stream_goes_on() {
    let (world, log, ledger, mut follower, streams) =
        parked_world(Fault::Unreadable, patient()).await;
    let head = parked(&world).await.remove(0);
    let skip_at = |position| skip(&world.pool, "ledger", 3, streams[1], position);
    assert!(!skip_at(head.position + 3).await.unwrap(), "only the head can be skipped");
    assert!(skip_at(head.position).await.unwrap());
    assert!(!skip_at(head.position).await.unwrap(), "a second click skips nothing more");

    // What comes in before the follower looks keeps its place behind the rest.
    ledger.mend(streams[1]);
    more(&log, streams[1], 1).await;
    catch_up(&mut follower).await;
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [2, 3]);
    assert!(parked(&world).await.is_empty());
    assert_eq!(
        world.count("select count(*) from dead_letters where state = 'skipped'").await,
        1,
        "the mark of it stays"
    );

    more(&log, streams[1], 1).await;
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [2, 3, 4]);
}

#[tokio::test]
async fn the_next_holder_knows_what_is_parked() {
    let (world, log, ledger, one, streams) = parked_world(Fault::Unreadable, patient()).await;
    drop(one);
    sqlx::query("update leases set expires_at = clock_timestamp()")
        .execute(&world.pool)
        .await
        .unwrap();
    ledger.mend(streams[1]);
    more(&log, streams[1], 2).await;
    let mut next = follower(&world, &ledger, patient());
    catch_up(&mut next).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [0_i64; 0], "nothing overtakes the head");
    assert_eq!(parked(&world).await[0].waiting, 3);
    retry(&world.pool, "ledger", 3, streams[1]).await.unwrap();
    catch_up(&mut next).await;
    assert_eq!(versions(&world.pool, streams[1]).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_long_queue_behind_a_parked_event_drains_in_order_while_more_comes_in() {
    let (world, log, ledger, mut follower, streams) =
        parked_world(Fault::Unreadable, patient()).await;
    let payloads = vec!["{}"; 450];
    log.append(append(streams[1], Expected::Any, &payloads)).await.unwrap();
    catch_up(&mut follower).await;
    ledger.mend(streams[1]);
    retry(&world.pool, "ledger", 3, streams[1]).await.unwrap();
    for _ in 0..5 {
        more(&log, streams[1], 1).await;
        follower.step().await.unwrap();
    }
    catch_up(&mut follower).await;
    let expected: Vec<i64> = (1..=457).collect();
    assert_eq!(versions(&world.pool, streams[1]).await, expected);
    assert!(parked(&world).await.is_empty());
}

#[tokio::test]
async fn too_many_parked_streams_stop_the_projection() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let settings = FollowerSettings { parked_streams_max: 2, ..patient() };
    let mut follower = follower(&world, &ledger, settings);
    let streams = fill(&log, 4).await;
    for stream in &streams[..3] {
        ledger.break_stream(*stream, Fault::Unreadable);
    }
    let mut error = follower.step().await;
    // In smaller and smaller pages it comes as far as the bound allows.
    for _ in 0..10 {
        error = follower.step().await;
    }
    assert!(matches!(error, Err(FollowerError::TooManyParked { limit: 2 })), "{error:?}");
    let (position, state, shown) = checkpoint(&world.pool).await;
    assert_eq!((position, state.as_str()), (2, "retrying"));
    assert!(shown.unwrap().contains("2 streams are parked"));
    assert!(rows(&world.pool).await.is_empty());

    skip(&world.pool, "ledger", 3, streams[0], 1).await.unwrap();
    catch_up(&mut follower).await;
    assert_eq!(versions(&world.pool, streams[3]).await, [1]);
}
