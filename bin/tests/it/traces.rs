//! Traces and log lines as they come out of processes of different roles: one reading is one trace,
//! its lines have its ids, and nobody is known by any of it.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use kontor_commands::TraceParent;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bots::{self, Chat, Sandbox, open_tenant},
    collector::{Above, Collector, Step, Told},
    fleet::{Fleet, Process},
    log_lines::LogLines,
    program::eventually,
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID: &str = "b7ad6b7169203331";
/// A request's id that is a UUID is the correlation id of what it leads to.
const REQUEST_ID: &str = "01a2211e-fbe0-71f2-b195-cc74f42a50a4";
/// Words that are nowhere else: of a name, of a place, of a message.
const NAME: &str = "Феодулия Выхухоль";
const PLACE: &str = "Закуток";
const GREETING: &str = "Тушканчик";
const WORDS: [&str; 4] = ["Феодулия", "Выхухоль", PLACE, GREETING];
/// Far above what anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Traces for a collector, and everything of ours in the log.
fn telling(collector: &str) -> Vec<(String, String)> {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("KONTOR_LOG_FORMAT", "json"),
        ("KONTOR_LOG", "info,kontor=debug"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// What becomes of a command of one process in the others.
fn through_the_house(sender: &'static str) -> Vec<Step> {
    let command = || Above::Span("kontor-work", "command");
    vec![
        ("kontor-work", "command", Above::Span(sender, "send")),
        ("kontor-work", "route", command()),
        ("kontor-work", "append", command()),
        ("kontor-relay", "publish", command()),
        ("kontor-project", "apply", command()),
    ]
}

/// No span tells of anybody, and whatever names the command is in its trace.
fn check_spans(collector: &Collector, command_id: Uuid, trace_id: &str) {
    let received = collector.received();
    let told = format!("{received:?}");
    for word in WORDS {
        assert!(!told.contains(word), "a span tells of somebody: {word}");
    }
    let command_id = command_id.to_string();
    let of_command = |told: &&Told| told.attribute("command.id").as_ref() == Some(&command_id);
    for told in received.iter().filter(of_command) {
        assert_eq!(told.trace_id(), trace_id, "{told:?}");
    }
}

/// Ends the processes; returns their roles and their lines.
async fn stop(processes: impl IntoIterator<Item = Process>) -> Vec<(&'static str, LogLines)> {
    let mut logs = Vec::new();
    for process in processes {
        let role = process.role();
        logs.push((role, LogLines::read(&process.stop().await, &WORDS)));
    }
    logs
}

/// How many lines of each process are about the command.
fn lines_about(
    logs: &[(&'static str, LogLines)],
    command_id: Uuid,
    others: &[(&str, &str)],
) -> Vec<&'static str> {
    let told = logs.iter().filter(|(_, lines)| lines.about(command_id, others) > 0);
    told.map(|(role, _)| *role).collect()
}

/// The API of `kontor serve`, with a key of the tenant.
struct Api {
    url: String,
    key: String,
    client: reqwest::Client,
}

impl Api {
    async fn reach(fleet: &Fleet, address: &str) -> Self {
        let create = ["key", "create", "--tenant", "bureau", "--role", "operator"];
        let made = fleet.kontor(&[&create[..], &["--label", "test", "--json"]].concat()).await;
        let made: Value = serde_json::from_str(&made).unwrap();
        let (key, client) = (made["key"].as_str().unwrap().to_owned(), reqwest::Client::new());
        let api = Self { url: format!("http://{address}"), key, client };
        let begun = Instant::now();
        while api.client.get(&api.url).send().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the API does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        api
    }

    /// Makes something; returns the id of the command and that of the thing.
    async fn post(&self, path: &str, body: &Value) -> (Uuid, Uuid) {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let request = request
            .header("X-Auth-Key", &self.key)
            .header("X-Request-Id", REQUEST_ID)
            .header(TraceParent::HEADER, format!("00-{TRACE_ID}-{SPAN_ID}-01"));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{answer}");
        let id = |field: &str| answer[field].as_str().unwrap().parse().unwrap();
        (id("command_id"), id("id"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_by_http_is_one_trace_and_its_lines_have_its_ids() {
    let fleet = Fleet::new().await;
    let collector = Collector::start().await;
    let mut settings = telling(&collector.url);
    let address = free_address();
    settings.push(("KONTOR_HTTP_ADDRESS".to_owned(), address.clone()));
    let roles = ["serve", "work", "project", "relay"].map(|role| fleet.start_with(role, &settings));
    open_tenant(&fleet).await;
    let api = Api::reach(&fleet, &address).await;
    let (_, account) = api.post("/v1/accounts", &json!({ "display_name": NAME })).await;
    fleet.quiet().await;
    let meter = json!({
        "account_id": account, "kind": "cold_water", "digits": 5, "serial_number": "7",
        "place": PLACE, "initial_values": { "t1": "1" },
    });
    let (_, meter) = api.post("/v1/meters", &meter).await;
    // Otherwise a page might hold events of two requests.
    fleet.quiet().await;
    let reading = json!({ "values": { "t1": "2" } });
    let (command_id, _) = api.post(&format!("/v1/meters/{meter}/readings"), &reading).await;

    let mut steps = through_the_house("kontor-serve");
    steps.push(("kontor-serve", "request", Above::Outside(SPAN_ID.to_owned())));
    steps.push(("kontor-serve", "send", Above::Span("kontor-serve", "request")));
    collector.await_trace(TRACE_ID, &steps).await;
    check_spans(&collector, command_id, TRACE_ID);

    // And one that nobody can read.
    let unread = Uuid::now_v7();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", unread.to_string());
    headers.insert(TraceParent::HEADER, format!("00-{TRACE_ID}-{SPAN_ID}-01"));
    let body = json!({ "type": "greet", "text": GREETING }).to_string();
    let subject = format!("cmd.bureau.account.{account}");
    let client = fleet.client().await;
    client.publish_with_headers(subject, headers, body.into()).await.unwrap();
    client.flush().await.unwrap();
    eventually(|| async {
        let letters = sqlx::query_scalar::<_, i64>("select count(*) from command_dead_letters");
        (letters.fetch_one(&fleet.pool).await.unwrap() == 1).then_some(())
    })
    .await;

    let logs = stop(roles).await;
    let others = [("correlation.id", REQUEST_ID), ("trace.id", TRACE_ID)];
    assert_eq!(lines_about(&logs, command_id, &others), ["serve", "work"]);
    assert_eq!(lines_about(&logs, unread, &[("trace.id", TRACE_ID)]), ["work"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_sent_to_the_bot_is_one_trace_up_to_its_reply() {
    let fleet = Fleet::new().await;
    let collector = Collector::start().await;
    let chat = Chat::new(0, NAME);
    let (mut settings, url) = bots::settings(std::slice::from_ref(&chat));
    settings.extend(telling(&collector.url));
    let sandbox = Sandbox::start(&fleet, &settings, url).await;
    let mut roles =
        vec![fleet.start_with("work", &settings), fleet.start_with("project", &settings)];
    open_tenant(&fleet).await;
    chat.furnish(&fleet, &sandbox).await;
    roles.push(fleet.start_with("relay", &settings));
    fleet.quiet().await;
    roles.push(fleet.start_with("bot", &settings));
    chat.write(&sandbox, "2").await;
    let update: String = eventually(|| async {
        let first = sqlx::query_scalar("select external_id from inbox where state = 'done'");
        first.fetch_optional(&fleet.pool).await.unwrap()
    })
    .await;
    let tenant: kontor_domain::TenantId = "bureau".parse().unwrap();
    let command_id = format!("telegram:{}:{update}:0", chat.bot);
    let command_id = Uuid::new_v5(&tenant.stream_id(), command_id.as_bytes());
    let trace = TraceParent::of_cause(command_id);
    let cause = trace.as_str().split('-').nth(2).unwrap().to_owned();

    let mut steps = through_the_house("kontor-bot");
    // The trace begins with the update, which is what everything else calls its cause.
    steps.push(("kontor-bot", "update", Above::Outside(String::new())));
    steps.push(("kontor-bot", "reply", Above::Span("kontor-bot", "update")));
    steps.push(("kontor-bot", "turn", Above::Span("kontor-bot", "update")));
    steps.push(("kontor-bot", "send", Above::Span("kontor-bot", "turn")));
    steps.push(("kontor-bot", "reply", Above::Outside(cause)));
    collector.await_trace(trace.trace_id(), &steps).await;
    chat.write(&sandbox, GREETING).await;
    eventually(|| async {
        let done = sqlx::query_scalar::<_, i64>("select count(*) from inbox where state = 'done'");
        (done.fetch_one(&fleet.pool).await.unwrap() == 2).then_some(())
    })
    .await;

    let logs = stop(roles).await;
    check_spans(&collector, command_id, trace.trace_id());
    let correlation_id = command_id.to_string();
    let others = [("correlation.id", correlation_id.as_str()), ("trace.id", trace.trace_id())];
    assert_eq!(lines_about(&logs, command_id, &others), ["work", "bot"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_or_hangs_harms_nothing_and_the_loss_is_counted() {
    let fleet = Fleet::new().await;
    // Connections are taken by the system, and nobody ever reads one.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = hanging.local_addr().map(|address| (hanging, address)).unwrap();
    let metrics = free_address();
    let with = |collector: String, metrics: &str| {
        let mut settings = telling(&format!("http://{collector}"));
        settings.push(("KONTOR_METRICS_ADDRESS".to_owned(), metrics.to_owned()));
        settings
    };
    let work = fleet.start_with("work", &with(free_address(), &metrics));
    let project = fleet.start_with("project", &with(hanging.1.to_string(), &free_address()));
    open_tenant(&fleet).await;
    for number in 0..5 {
        Chat::new(number, NAME).register(&fleet).await;
    }
    let client = reqwest::Client::new();
    eventually(|| async {
        let figures = client.get(format!("http://{metrics}/metrics")).send().await.ok()?;
        let figures = figures.text().await.unwrap();
        let lost = figures.lines().find_map(|line| {
            line.strip_prefix("kontor_trace_spans_total{state=\"failed\"} ")?.parse::<u64>().ok()
        });
        (lost? > 0).then_some(())
    })
    .await;
    // Within the promise of an orderly stop.
    stop([work, project]).await;
}
