//! The sending process is killed between a call and its record, with the whole program running.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;

use crate::{
    integrators::kontor,
    program::{Up, command, eventually, run, text},
};

/// Each run of the program is killed at such a call of its own: the first one, and later ones.
const KILLED_AT: [usize; 3] = [1, 3, 5];
/// How often a call looks whether the run that makes it is known already.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone)]
struct Delivered {
    id: String,
    stream: String,
    version: u64,
    cloud: Value,
}

/// The other side, which has a hand in the program's end.
#[derive(Default)]
struct Hook {
    got: Mutex<Vec<Delivered>>,
    run: Mutex<Run>,
    is_killed: AtomicBool,
}

/// One run of the program.
#[derive(Default)]
struct Run {
    /// None between two runs.
    pid: Option<u32>,
    calls: usize,
    /// How many runs were killed.
    kills: usize,
}

impl Hook {
    /// The process to kill at this call, if any; waits until it is known which process calls.
    async fn victim(&self) -> Option<u32> {
        loop {
            {
                let mut run = self.run.lock().unwrap();
                if run.pid.is_some() {
                    run.calls += 1;
                    let is_time = KILLED_AT.get(run.kills).is_some_and(|at| run.calls >= *at);
                    return if is_time { run.pid.take() } else { None };
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn receive(State(hook): State<Arc<Hook>>, headers: HeaderMap, body: Bytes) {
    let mut cloud: Value = serde_json::from_slice(&body).unwrap();
    // Each run serves the schemas at a port of its own here.
    cloud.as_object_mut().unwrap().remove("dataschema").unwrap();
    hook.got.lock().unwrap().push(Delivered {
        id: headers["webhook-id"].to_str().unwrap().to_owned(),
        stream: cloud["subject"].as_str().unwrap().to_owned(),
        version: cloud["streamversion"].as_str().unwrap().parse().unwrap(),
        cloud,
    });
    if let Some(pid) = hook.victim().await {
        // It has the event, and whoever sent it never learns that.
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        hook.run.lock().unwrap().kills += 1;
        hook.is_killed.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }
}

async fn start(folder: &TempDir, hook: &Hook) -> Up {
    let mut starting = command(folder.path(), &["up", "--json"]);
    starting.env("KONTOR_WEBHOOK_LOOPBACK", "on");
    let up = Up::start_with(starting).await;
    let mut run = hook.run.lock().unwrap();
    (run.pid, run.calls) = (Some(up.pid()), 0);
    drop(run);
    up
}

/// The first delivery of each event, by stream, and how many came again.
fn firsts(got: &[Delivered]) -> (HashMap<&str, Vec<u64>>, usize) {
    let (mut seen, mut order): (HashMap<&str, &Delivered>, HashMap<&str, Vec<u64>>) =
        (HashMap::new(), HashMap::new());
    let mut again = 0;
    for one in got {
        if let Some(before) = seen.insert(&one.id, one) {
            assert_eq!(before.cloud, one.cloud, "what comes again is the same");
            again += 1;
        } else {
            order.entry(&one.stream).or_default().push(one.version);
        }
    }
    (order, again)
}

/// How many events of meters the log holds.
async fn events_of_meters(folder: &TempDir) -> usize {
    let run = std::fs::read(folder.path().join(".kontor/run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let pool = kontor_postgres::connect(run["database_url"].as_str().unwrap(), 1).await.unwrap();
    let page = kontor_postgres::EventReader::new(pool).page(0, 1_000, &[]).await.unwrap();
    page.events.iter().filter(|event| event.event_type.starts_with("meter.")).count()
}

#[tokio::test]
async fn a_kill_between_call_and_record_repeats_events_and_keeps_their_order() {
    let hook = Arc::new(Hook::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&hook));
    let serving = tokio::spawn(axum::serve(listener, app).into_future());

    let folder = tempdir().unwrap();
    let mut up = start(&folder, &hook).await;
    let mut adding = command(
        folder.path(),
        &["integrator", "add", "crm", "--webhook", &url, "--events", "meter.*", "--json"],
    );
    adding.env("KONTOR_WEBHOOK_LOOPBACK", "on");
    let added = run(adding).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    kontor(&folder, &["integrator", "replay", "crm", "--from-position", "1", "--json"]).await;
    for _ in KILLED_AT {
        eventually(|| async { hook.is_killed.swap(false, Ordering::SeqCst).then_some(()) }).await;
        let status = tokio::time::timeout(Duration::from_secs(30), up.child.wait()).await;
        assert!(!status.unwrap().unwrap().success());
        up = start(&folder, &hook).await;
    }
    // Everything up to the head is delivered when nothing waits and nothing is unread.
    eventually(|| async {
        let listed = kontor(&folder, &["integrator", "list", "--json"]).await;
        let webhook = &listed[0]["webhook"];
        (webhook["behind"] == 0 && webhook["pending"] == 0).then_some(())
    })
    .await;
    let expected = events_of_meters(&folder).await;
    let got = hook.got.lock().unwrap().clone();
    let (order, again) = firsts(&got);
    assert!(again >= KILLED_AT.len(), "{again} came again");
    assert_eq!(got.len() - again, expected);
    for (stream, versions) in &order {
        // The first time that each came is in the order of its stream, without a hole.
        let from_one: Vec<u64> = (1..=u64::try_from(versions.len()).unwrap()).collect();
        assert_eq!(*versions, from_one, "{stream}");
    }
    up.stop().await;
    serving.abort();
}
