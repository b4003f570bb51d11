use std::collections::HashSet;

use chrono::DateTime;
use kontor_commands::{Append, Expected, NewEvent};
use kontor_domain::{Actor, Metadata};
use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BatchBounds, Job, Waiting};

const BOUNDS: BatchBounds = BatchBounds { appends_max: 4, bytes_max: 10_000 };

fn job(stream: u128, command: u128, payload_size: usize) -> Job {
    let append = Append {
        tenant: "demo".parse().unwrap(),
        command_id: Uuid::from_u128(command),
        fingerprint: [0; 16],
        stream_type: "meter",
        stream_id: Uuid::from_u128(stream),
        subject: None,
        expected: Expected::Any,
        events: vec![NewEvent {
            event_id: Uuid::from_u128(command),
            event_type: "meter.registered",
            schema_version: 1,
            payload: format!("\"{}\"", "x".repeat(payload_size)),
            personal_fields: &[],
        }],
        refusal: None,
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id: Uuid::from_u128(command),
            correlation_id: Uuid::from_u128(command),
            causation_id: None,
            trace: None,
        },
        occurred_at: DateTime::UNIX_EPOCH,
    };
    Job::new(append, oneshot::channel().0).unwrap()
}

/// All batches of the given jobs, each as (stream, command).
async fn batches(jobs: Vec<Job>) -> Vec<Vec<(u128, u128)>> {
    let (sender, receiver) = mpsc::channel(64);
    for job in jobs {
        sender.try_send(job).unwrap();
    }
    drop(sender);
    let mut waiting = Waiting::new(receiver, CancellationToken::new());
    let mut batches = Vec::new();
    while let Some(batch) = waiting.next_batch(BOUNDS).await {
        batches.push(
            batch
                .iter()
                .map(|job| (job.append.stream_id.as_u128(), job.append.command_id.as_u128()))
                .collect(),
        );
    }
    batches
}

#[tokio::test]
async fn a_batch_holds_one_append_of_each_stream_in_order_of_arrival() {
    let jobs = vec![job(1, 1, 1), job(1, 2, 1), job(2, 3, 1), job(1, 4, 1), job(3, 5, 1)];
    let expected = vec![vec![(1, 1), (2, 3), (3, 5)], vec![(1, 2)], vec![(1, 4)]];
    assert_eq!(batches(jobs).await, expected);
}

#[tokio::test]
async fn an_append_waits_for_an_earlier_one_of_its_stream_that_is_held_back() {
    // The second is held back for its command, so the third of the same stream must not overtake it.
    let jobs = vec![job(1, 1, 1), job(2, 1, 1), job(2, 2, 1)];
    assert_eq!(batches(jobs).await, vec![vec![(1, 1)], vec![(2, 1)], vec![(2, 2)]]);
}

#[tokio::test]
async fn a_batch_keeps_its_bounds_in_appends_and_bytes() {
    let many = (1..=6).map(|n| job(n, n, 1)).collect();
    let sizes: Vec<usize> = batches(many).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 2]);

    let large = vec![job(1, 1, 6_000), job(2, 2, 6_000), job(3, 3, 20_000), job(4, 4, 1)];
    assert_eq!(
        batches(large).await,
        vec![vec![(1, 1), (4, 4)], vec![(2, 2)], vec![(3, 3)]],
        "a small append may pass a large one of another stream"
    );
}

#[tokio::test]
async fn a_closing_queue_yields_what_waits_and_ends() {
    let (sender, receiver) = mpsc::channel(64);
    sender.try_send(job(1, 1, 1)).unwrap();
    let closing = CancellationToken::new();
    let mut waiting = Waiting::new(receiver, closing.clone());
    closing.cancel();
    assert_eq!(waiting.next_batch(BOUNDS).await.unwrap().len(), 1);
    assert!(waiting.next_batch(BOUNDS).await.is_none());
    assert!(sender.try_send(job(2, 2, 1)).is_err());
}

proptest! {
    #[test]
    fn every_append_goes_once_alone_of_its_stream_and_in_its_order(
        wanted in prop::collection::vec((1..6_u128, 1..40_u128, 0..6_000_usize), 0..60),
    ) {
        let jobs = wanted.iter().map(|(stream, command, size)| job(*stream, *command, *size));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let batches = runtime.block_on(batches(jobs.collect()));

        for batch in &batches {
            prop_assert!(!batch.is_empty() && batch.len() <= BOUNDS.appends_max);
            let streams: HashSet<u128> = batch.iter().map(|(stream, _)| *stream).collect();
            let commands: HashSet<u128> = batch.iter().map(|(_, command)| *command).collect();
            prop_assert_eq!((streams.len(), commands.len()), (batch.len(), batch.len()));
        }
        for stream in 1..6 {
            let of_stream = |(found, _): &&(u128, u128)| *found == stream;
            let sent: Vec<u128> = wanted.iter().filter(|(found, ..)| *found == stream).map(|(_, command, _)| *command).collect();
            let carried: Vec<u128> = batches.iter().flatten().filter(of_stream).map(|(_, command)| *command).collect();
            prop_assert_eq!(sent, carried);
        }
    }
}
