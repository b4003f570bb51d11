use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc;

use super::*;

/// Far above what any step of these tests takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A role that reports its stop.
fn reporting(
    name: &'static str,
    phase: Phase,
    report: mpsc::UnboundedSender<&'static str>,
) -> Role {
    Role::new(name, phase, move |stop| {
        let report = report.clone();
        async move {
            stop.cancelled().await;
            report.send(name)?;
            Ok(())
        }
    })
}

#[tokio::test]
async fn roles_stop_in_the_order_of_their_phases() {
    let (report, mut reports) = mpsc::unbounded_channel();
    let mut supervisor = Supervisor::default();
    supervisor.run(reporting("sandbox", Phase::Support, report.clone()));
    supervisor.run(reporting("project", Phase::Follow, report.clone()));
    supervisor.run(reporting("serve", Phase::Intake, report.clone()));
    supervisor.run(reporting("work", Phase::Work, report));
    // A role that is stopped before its first step never begins.
    let board = supervisor.board();
    for _ in 0..1_000 {
        if board.states().len() == 4 {
            break;
        }
        tokio::task::yield_now().await;
    }
    supervisor.stop(LIMIT).await;
    let mut order = Vec::new();
    while let Some(name) = reports.recv().await {
        order.push(name);
    }
    assert_eq!(order, ["serve", "work", "project", "sandbox"]);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_fails_or_panics_starts_again_and_the_reason_is_shown() {
    let starts = Arc::new(AtomicU32::new(0));
    let (report, mut reports) = mpsc::unbounded_channel();
    let counter = starts.clone();
    let mut supervisor = Supervisor::default();
    supervisor.run(Role::new("fragile", Phase::Work, move |stop| {
        let (counter, report) = (counter.clone(), report.clone());
        async move {
            match counter.fetch_add(1, Ordering::SeqCst) {
                0 => anyhow::bail!("the first attempt failed"),
                1 => panic!("the second attempt panicked"),
                _ => {}
            }
            report.send(())?;
            stop.cancelled().await;
            Ok(())
        }
    }));
    let board = supervisor.board();
    reports.recv().await;
    let state = board.states().remove("fragile").unwrap();
    assert_eq!(state.activity, Activity::Running);
    assert_eq!(state.failures, 2);
    assert_eq!(state.last_error.as_deref(), Some("it panicked; the log names the place"));
    supervisor.stop(LIMIT).await;
    assert_eq!(starts.load(Ordering::SeqCst), 3);
    assert_eq!(board.states()["fragile"].activity, Activity::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_ends_by_itself_is_started_again() {
    let (report, mut reports) = mpsc::unbounded_channel();
    let mut supervisor = Supervisor::default();
    supervisor.run(Role::new("brief", Phase::Intake, move |_| {
        let sent = report.send(());
        async move { Ok(sent?) }
    }));
    reports.recv().await;
    reports.recv().await;
    let board = supervisor.board();
    supervisor.stop(LIMIT).await;
    assert_eq!(board.states()["brief"].last_error.as_deref(), Some("it ended by itself"));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_does_not_stop_is_cut_off_within_its_share() {
    let mut supervisor = Supervisor::default();
    supervisor.run(Role::new("deaf", Phase::Intake, |_| std::future::pending()));
    let begun = tokio::time::Instant::now();
    supervisor.stop(LIMIT).await;
    assert!(begun.elapsed() < LIMIT);
}

#[test]
fn pauses_double_up_to_their_limit_and_are_spread_by_jitter() {
    assert_eq!(pause_after(1, 0), PAUSE_FIRST / 2);
    assert_eq!(pause_after(2, 0), PAUSE_FIRST);
    assert!(pause_after(1, u32::MAX) <= PAUSE_FIRST);
    for failures in 1..=40 {
        let pause = pause_after(failures, 12_345);
        assert!(pause >= PAUSE_FIRST / 2 && pause <= PAUSE_MAX, "{failures}: {pause:?}");
    }
}
