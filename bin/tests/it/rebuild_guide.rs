//! The guide to rebuilding a read model, typed as it stands there while people write and read.
//!
//! The commands are taken out of the guide itself, so that it cannot promise what the program does not
//! do. What the readers see is compared with what the writers did: every answer is a state that really
//! was, and none is older than the one before.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    program::{Up, command, run, text},
    start::Api,
};

/// How many meters are written side by side, each by one writer and read by two readers.
const METERS: usize = 3;
/// How many readings of a meter a reader looks at.
const PAGE: u64 = 20;
/// How many steps of all meters there are before the first command is typed, so that a rebuild has
/// something to do.
const STEPS_BEFORE: u64 = 240;
/// A pause of a reader or writer: enough load that every switch falls between answers, not so much
/// that a small machine does nothing else.
const PAUSE: Duration = Duration::from_millis(10);
/// Far above what the steps take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The lines of the guide's code blocks that are commands, in order, without `$`, remarks and `kontor`.
fn commands(guide: &str) -> Vec<Vec<String>> {
    let blocks = guide.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(str::lines).map(|line| line.strip_prefix("$ ").unwrap_or(line));
    lines
        .filter_map(|line| line.strip_prefix("kontor "))
        .map(|line| line.split('#').next().unwrap_or_default())
        .map(|line| line.split_whitespace().map(ToOwned::to_owned).collect())
        .collect()
}

/// What a meter was told, step by step: a reading, its correction, the next reading and so on. The
/// values of a step are a function of its number, and so is everything that an answer may show.
struct Meter {
    path: String,
    /// The steps that were begun, and those whose outcome is known.
    begun: AtomicU64,
    done: AtomicU64,
}

/// What the readings and writings of a run came to.
#[derive(Default)]
struct Tally {
    reads: AtomicU64,
    slowest_read_us: AtomicU64,
    /// Reads of one's own write that a paused read model did not answer in time.
    behind: AtomicU64,
    /// Requests that were answered with "try again in a moment": no answer, and no wrong one.
    busy: AtomicU64,
}

impl Tally {
    /// Asks again while the answer is "in a moment".
    async fn ask<F: Future<Output = (u16, Value)>>(&self, ask: impl Fn() -> F) -> Value {
        let begun = Instant::now();
        loop {
            match ask().await {
                (200..300, answer) => return answer,
                (503, _) if begun.elapsed() < PATIENCE => {
                    self.busy.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(PAUSE).await;
                }
                (status, answer) => panic!("{status}: {answer}"),
            }
        }
    }
}

impl Meter {
    async fn register(api: &Api, tally: &Tally, number: usize) -> Self {
        let person = json!({ "display_name": format!("Жилец {number}"), "language": "ru" });
        let account = api.post("/v1/accounts", &person).await["id"].clone();
        let meter = json!({
            "account_id": account, "kind": "cold_water", "digits": 9,
            "serial_number": format!("guide-{number}"),
        });
        let meter = api.post("/v1/meters", &meter).await;
        let path = format!("/v1/meters/{}/readings", meter["id"].as_str().unwrap());
        // Readers know of no position: the meter must be there before they come.
        let seen = format!("{path}?min_position={}", meter["position"]);
        tally.ask(|| api.ask(&seen)).await;
        Self { path, begun: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// Which step an answer shows; every reading in it must be as that step left it.
    fn step_of(answer: &Value) -> u64 {
        let items = answer["items"].as_array().unwrap();
        let Some(newest) = items.first() else { return 0 };
        let reading: u64 = newest["values"]["t1"].as_str().unwrap().parse::<u64>().unwrap() / 10;
        let step = 2 * reading - 1 + newest["corrections"].as_u64().unwrap();
        let expected = reading.min(PAGE);
        assert_eq!(u64::try_from(items.len()).unwrap(), expected, "step {step}: {answer}");
        for (item, reading) in items.iter().zip((1..=reading).rev()) {
            // All but the newest were corrected before the next one came.
            let corrected = u64::from(2 * reading <= step);
            let value = (10 * reading + corrected).to_string();
            assert_eq!(item["values"]["t1"], value, "step {step}: {answer}");
            assert_eq!(item["corrections"], corrected, "step {step}: {answer}");
        }
        step
    }

    /// Takes step after step, and reads what it wrote.
    async fn write(&self, api: &Api, tally: &Tally, stop: &AtomicBool) {
        let mut reading = Uuid::nil();
        while !stop.load(Ordering::SeqCst) {
            let step = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let number = step.div_ceil(2);
            let (path, body) = if step % 2 == 1 {
                reading = Uuid::now_v7();
                let values = json!({ "t1": (10 * number).to_string() });
                let body = json!({ "reading_id": reading, "values": values, "confirmed": true });
                (self.path.clone(), body)
            } else {
                let values = json!({ "t1": (10 * number + 1).to_string() });
                let body = json!({ "values": values, "confirmed": true, "reason": "Опечатка" });
                (format!("{}/{reading}/corrections", self.path), body)
            };
            let key = Uuid::now_v7().to_string();
            let outcome = tally.ask(|| api.try_post(&path, &body, &key)).await;
            self.done.store(step, Ordering::SeqCst);
            // An outcome that is not known yet has no position to wait for.
            let Some(position) = outcome["position"].as_i64() else { continue };
            let own = format!("{}?limit={PAGE}&min_position={position}", self.path);
            match api.ask(&own).await {
                (200, answer) => assert_eq!(Self::step_of(&answer), step, "one's own write"),
                (503, _) => {
                    tally.behind.fetch_add(1, Ordering::SeqCst);
                }
                (status, answer) => panic!("{own}: {status}: {answer}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads again and again; no answer is older than the one before, or newer than what was written.
    async fn read(&self, api: &Api, tally: &Tally, stop: &AtomicBool) {
        let path = format!("{}?limit={PAGE}", self.path);
        let mut seen = 0;
        while !stop.load(Ordering::SeqCst) {
            let began = Instant::now();
            let answer = tally.ask(|| api.ask(&path)).await;
            let step = Self::step_of(&answer);
            let took = u64::try_from(began.elapsed().as_micros()).unwrap();
            tally.slowest_read_us.fetch_max(took, Ordering::SeqCst);
            tally.reads.fetch_add(1, Ordering::SeqCst);
            assert!(step >= seen, "{path} went back from step {seen} to {step}");
            let begun = self.begun.load(Ordering::SeqCst);
            assert!(step <= begun, "{path} shows step {step}, and {begun} were begun");
            seen = step;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Writers and readers under way.
struct Crowd {
    meters: Vec<Arc<Meter>>,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<()>>,
}

impl Crowd {
    async fn start(api: &Api) -> Self {
        let (tally, stop) = (Arc::<Tally>::default(), Arc::<AtomicBool>::default());
        let (mut meters, mut people) = (Vec::new(), Vec::new());
        for number in 0..METERS {
            let meter = Arc::new(Meter::register(api, &tally, number).await);
            for reads in [false, true, true] {
                let (api, meter) = (api.clone(), Arc::clone(&meter));
                let (tally, stop) = (Arc::clone(&tally), Arc::clone(&stop));
                people.push(tokio::spawn(async move {
                    if reads {
                        meter.read(&api, &tally, &stop).await;
                    } else {
                        meter.write(&api, &tally, &stop).await;
                    }
                }));
            }
            meters.push(meter);
        }
        Self { meters, tally, stop, people }
    }

    fn steps(&self) -> u64 {
        self.meters.iter().map(|meter| meter.done.load(Ordering::SeqCst)).sum()
    }

    /// Waits until so many more steps were taken, and fails as soon as somebody saw something wrong.
    async fn more(&self, steps: u64) {
        let (enough, begun) = (self.steps() + steps, Instant::now());
        while self.steps() < enough {
            assert!(begun.elapsed() < PATIENCE, "the writers stand still");
            assert!(self.people.iter().all(|person| !person.is_finished()), "somebody gave up");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn finish(self, api: &Api) {
        self.stop.store(true, Ordering::SeqCst);
        for person in self.people {
            tokio::time::timeout(PATIENCE, person).await.unwrap().unwrap();
        }
        for meter in &self.meters {
            let begun = Instant::now();
            let wanted = meter.begun.load(Ordering::SeqCst);
            let path = format!("{}?limit={PAGE}", meter.path);
            while Meter::step_of(&self.tally.ask(|| api.ask(&path)).await) < wanted {
                assert!(begun.elapsed() < PATIENCE, "a last step does not show");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn guide() -> String {
    std::fs::read_to_string("../docs/guides/rebuild-a-projection.md").unwrap()
}

#[test]
fn the_guide_has_every_verb_of_projections_in_its_code() {
    let commands = commands(&guide());
    for verb in ["list", "rebuild", "promote", "retire", "pause", "resume"] {
        let typed = |line: &Vec<String>| line[..2] == ["projection", verb];
        assert!(commands.iter().any(typed), "{verb}: {commands:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_follows_the_guide_under_load_and_nobody_reads_anything_wrong() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let mut program = command(folder.path(), &["up", "--json"]);
    program
        .env("KONTOR_LOG", "warn,kontor_postgres=info")
        .env("KONTOR_HTTP_RATE_PER_KEY", "100000")
        .env("KONTOR_HTTP_RATE_PER_ADDRESS", "100000")
        .stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let up = Up::start_with(program).await;
    let api = Api::of(&up, folder.path());
    let crowd = Crowd::start(&api).await;
    crowd.more(STEPS_BEFORE).await;
    let mut log_of_commands = String::new();
    for arguments in commands(&guide()) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut typed = command(folder.path(), &arguments);
        typed.env("KONTOR_LOG", "kontor_postgres=info");
        let output = run(typed).await;
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{errors}");
        println!("$ kontor {}\n{}", arguments.join(" "), said.trim_end());
        log_of_commands.push_str(&errors);
        // The load goes on between the commands, also while a read model stands still.
        crowd.more(u64::try_from(METERS).unwrap() * 2).await;
    }
    let (steps, tally) = (crowd.steps(), Arc::clone(&crowd.tally));
    crowd.finish(&api).await;
    let verify = ["verify", "--projections", "readings"];
    let verified = run(command(folder.path(), &verify)).await;
    assert!(verified.status.success(), "{}", text(&verified.stdout));

    // Those that came by themselves, and those that were ordered.
    let said = std::fs::read_to_string(&log).unwrap() + &log_of_commands;
    let switches: Vec<&str> = said.lines().filter(|line| line.contains("is active now")).collect();
    assert_eq!(switches.len(), 5, "{said}");
    println!("{}", switches.join("\n"));
    println!(
        "{steps} steps, {} reads, the slowest took {} us, {} reads of an own write came too early, \
         {} requests were asked to come again",
        tally.reads.load(Ordering::SeqCst),
        tally.slowest_read_us.load(Ordering::SeqCst),
        tally.behind.load(Ordering::SeqCst),
        tally.busy.load(Ordering::SeqCst),
    );
    up.stop().await;
}
