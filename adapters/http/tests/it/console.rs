//! The lists of the operations page: narrowed, exported and live; and who runs.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures::StreamExt;
use kontor_postgres::{Members, ProcessInfo};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    operations::{ORIGIN, form, page, poison, record, session},
    support::World,
};

/// Far above what a look takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event that `readings` cannot apply, parked at a position of the log.
async fn park(world: &World, position: i64) {
    sqlx::query(
        "insert into dead_letters (name, version, key, position, attempts, error) \
         select 'readings', 1, stream_id, position, 3, 'the row does not fit' \
         from events where position = $1",
    )
    .bind(position)
    .execute(&world.pool)
    .await
    .unwrap();
}

/// What the letters found under a query are.
async fn found(world: &World, key: &str, query: &str) -> Vec<String> {
    let answer = world.get(key, &format!("/v1/operations/dead-letters?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {answer}");
    let body = answer.json();
    let items = body["items"].as_array().unwrap();
    items.iter().map(|item| item["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn dead_letters_are_narrowed_by_all_that_they_carry() {
    let world = World::new().await;
    let (id, account) = poison(&world).await;
    record(&world, b"\xffnonsense", "not an envelope").await;
    let history = world.get(&world.operator, &format!("/v1/operations/streams/{account}")).await;
    let position = history.json()["events"][0]["position"].as_i64().unwrap();
    park(&world, position).await;
    let rename = "rename to account".to_owned();
    let nonsense = "a message to account that is no command".to_owned();
    let stuck = format!("readings cannot apply account.registered at {position}");
    let all = vec![rename.clone(), nonsense, stuck.clone()];
    let key = &world.admin;
    for query in ["", "tenant=moscow", "aggregate=account", "from=2026-01-01&until=2999-01-01"] {
        assert_eq!(found(&world, key, query).await, all, "{query}");
    }
    for (query, expected) in [
        ("type=rename".to_owned(), vec![rename.clone()]),
        // The unreadable one has no type.
        ("type=account.*".to_owned(), vec![rename.clone(), stuck.clone()]),
        ("type=account.registered".to_owned(), vec![stuck.clone()]),
        ("type=account.regist_red".to_owned(), vec![]),
        ("aggregate=meter".to_owned(), vec![]),
        ("until=2026-01-01".to_owned(), vec![]),
        ("tenant=salon".to_owned(), vec![]),
        (format!("about={id}"), vec![rename.clone()]),
        (format!("about={}", account.to_uppercase()), vec![rename.clone(), stuck.clone()]),
        (format!("about={position}"), vec![stuck.clone()]),
        (format!("about=follower:readings:1:{account}:{position}"), vec![stuck]),
        ("about=%D0%B6".to_owned(), vec![]),
    ] {
        assert_eq!(found(&world, key, &query).await, expected, "{query}");
    }
    let foreign = "/v1/operations/dead-letters?tenant=moscow";
    assert_eq!(world.get(&world.stranger, foreign).await.code(), "parameter_invalid");
    assert!(found(&world, &world.stranger, "").await.is_empty());
    let long = format!("type={}", "x".repeat(500));
    for wrong in ["from=soon", "until=%00", "about=a%00b", "type=%00", &long] {
        let answer = world.get(key, &format!("/v1/operations/dead-letters?{wrong}")).await;
        assert_eq!(answer.code(), "parameter_invalid", "{wrong}");
    }
    let follower = format!("/v1/operations/dead-letters/follower:readings:1:{account}:{position}");
    assert_eq!(world.get(key, &follower).await.json()["reason"], "the row does not fit");
    assert_eq!(world.get(&world.stranger, &follower).await.code(), "letter_unknown");
}

#[tokio::test]
async fn a_history_is_narrowed_and_its_pages_lead_to_each_other() {
    let world = World::new().await;
    let account = world.account().await;
    let address = format!("/v1/accounts/{account}");
    for number in 0..60 {
        let body = json!({"display_name": format!("Анна {number}")});
        assert_eq!(world.patch(&world.operator, &address, body).await.status, StatusCode::OK);
    }
    let look = async |query: &str| -> Value {
        let address = format!("/v1/operations/streams/{account}?{query}");
        let answer = world.get(&world.operator, &address).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer}");
        answer.json()
    };
    let newest = look("type=account.renamed").await;
    assert_eq!(newest["events"].as_array().unwrap().len(), 50);
    assert_eq!((&newest["older"], &newest["newer"]), (&json!(11), &Value::Null), "{newest}");
    let changed = &newest["events"][0]["changes"][0];
    assert_eq!(
        (&changed["field"], &changed["after"]),
        (&json!("holder.display_name"), &json!("•••"))
    );
    let older = look("type=account.renamed&version=11").await;
    assert_eq!(older["events"].as_array().unwrap().len(), 10);
    assert_eq!((&older["older"], &older["newer"]), (&Value::Null, &json!(61)), "{older}");
    let first = look("type=account.reg*").await;
    assert_eq!(first["events"][0]["version"], 1, "{first}");
    assert_eq!(first["version"], 61, "the state is the newest all the same");
    let command = first["events"][0]["command_id"].as_str().unwrap();
    let by_command = look(&format!("about={command}")).await;
    assert_eq!(by_command["events"].as_array().unwrap().len(), 1);
    assert_eq!(look("until=2026-01-01").await["events"], json!([]));
    let wrong = format!("/v1/operations/streams/{account}?about=7");
    assert_eq!(world.get(&world.operator, &wrong).await.code(), "parameter_invalid");
}

#[tokio::test]
async fn an_export_holds_what_the_page_shows_and_no_formulas() {
    let world = World::new().await;
    let (_, account) = poison(&world).await;
    record(&world, b"\xffnonsense", "=HYPERLINK(\"http://evil\"),\nж").await;
    let cookie = session(&world, &world.operator).await;
    let letters = page(&world, &cookie, "/admin/operations/dead-letters.csv?").await;
    assert_eq!(letters.status, StatusCode::OK, "{}", letters.text);
    assert_eq!(letters.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(letters.header("content-disposition").contains("dead-letters.csv"));
    assert!(letters.text.starts_with("\u{feff}id,kind,tenant,what,reason"), "{}", letters.text);
    assert!(letters.text.contains("\"'=HYPERLINK(\"\"http://evil\"\"),\nж\""), "{}", letters.text);
    assert!(letters.text.contains("•••") && !letters.text.contains("Мария"), "{}", letters.text);
    let narrowed = page(&world, &cookie, "/admin/operations/dead-letters.csv?type=rename").await;
    assert_eq!(narrowed.text.lines().count(), 2, "{}", narrowed.text);
    let events = format!("/admin/operations/streams/{account}/events.csv");
    let told = page(&world, &cookie, &events).await;
    assert!(told.text.contains("account.registered"), "{}", told.text);
    assert!(!told.text.contains("Ёлкина"), "what belongs to people is covered: {}", told.text);
    let journal = page(&world, &cookie, "/admin/operations/actions.csv?type=log_in").await;
    assert_eq!(journal.text.lines().count(), 2, "{}", journal.text);
    let packed = Request::get("/admin/operations/actions.csv")
        .header("cookie", &cookie)
        .header("accept-encoding", "gzip")
        .body(Body::empty())
        .unwrap();
    assert_eq!(world.call(packed).await.header("content-encoding"), "gzip", "and comes whole");
    let wrong = page(&world, &cookie, "/admin/operations/actions.csv?type=tidy").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text);
    let stranger = session(&world, &world.stranger).await;
    assert_eq!(page(&world, &stranger, &events).await.status, StatusCode::NOT_FOUND);
    let foreign = page(&world, &stranger, "/admin/operations/dead-letters.csv").await;
    assert_eq!(foreign.text.lines().count(), 1, "{}", foreign.text);
    assert_eq!(page(&world, "", &events).await.status, StatusCode::SEE_OTHER);
}

/// A page that is asked for as an event stream.
struct Live {
    stream: BodyDataStream,
    text: String,
}

impl Live {
    async fn open(world: &World, cookie: &str, address: &str) -> Result<Self, StatusCode> {
        let request = Request::get(address)
            .header("cookie", cookie)
            .header("accept", "text/event-stream")
            .body(Body::empty())
            .unwrap();
        let response = world.app.clone().oneshot(request).await.unwrap();
        if !response.status().is_success() {
            return Err(response.status());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self { stream: response.into_body().into_data_stream(), text: String::new() })
    }

    /// Waits until the stream has said something.
    async fn until(&mut self, wanted: &str) {
        while !self.text.contains(wanted) {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            let next = next.unwrap_or_else(|_| panic!("no {wanted} in {}", self.text));
            let Some(chunk) = next else { panic!("it ended without {wanted}: {}", self.text) };
            self.text.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
        }
        self.text.clear();
    }

    async fn ends(mut self) {
        let rest = async { while self.stream.next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, rest).await.unwrap();
    }
}

#[tokio::test]
async fn a_live_page_sends_what_changes_and_ends_with_its_session() {
    let world = World::new().await;
    let cookie = session(&world, &world.admin).await;
    let mut live = Live::open(&world, &cookie, "/admin/operations/dead-letters").await.unwrap();
    live.until("No dead letters").await;
    record(&world, b"nonsense", "not an envelope").await;
    live.until("not an envelope").await;
    assert_eq!(
        Live::open(&world, "", "/admin/operations").await.err(),
        Some(StatusCode::SEE_OTHER)
    );
    form(&world, "/logout", (&cookie, ORIGIN), String::new()).await;
    live.until("event: over").await;
    live.ends().await;
}

#[tokio::test]
async fn a_live_page_ends_with_its_key_and_with_what_it_shows() {
    let world = World::new().await;
    let (id, _) = poison(&world).await;
    let cookie = session(&world, &world.admin).await;
    let address = format!("/admin/operations/dead-letters/{id}");
    let mut letter = Live::open(&world, &cookie, &address).await.unwrap();
    letter.until("event: parts").await;
    form(&world, &format!("{address}/skip"), (&cookie, ORIGIN), String::new()).await;
    letter.until("event: gone").await;
    letter.ends().await;
    let mut overview = Live::open(&world, &cookie, "/admin/operations").await.unwrap();
    overview.until("id=\\\"followers\\\"").await;
    sqlx::query("update api_keys set revoked_at = clock_timestamp()")
        .execute(&world.pool)
        .await
        .unwrap();
    overview.until("event: over").await;
    overview.ends().await;
}

#[tokio::test]
async fn one_key_has_so_many_live_pages_and_the_next_asks_by_itself() {
    let world = World::new().await;
    let cookie = session(&world, &world.operator).await;
    let mut open = Vec::new();
    for _ in 0..12 {
        open.push(Live::open(&world, &cookie, "/admin/operations/why").await.unwrap());
    }
    let refused = Live::open(&world, &cookie, "/admin/operations/why").await;
    assert_eq!(refused.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(page(&world, &cookie, "/admin/operations/why").await.status, StatusCode::OK);
    let other = session(&world, &world.admin).await;
    assert!(Live::open(&world, &other, "/admin/operations/why").await.is_ok());
    open.clear();
    assert!(Live::open(&world, &cookie, "/admin/operations/why").await.is_ok());
}

#[tokio::test]
async fn the_processes_are_shown_with_their_parts() {
    let world = World::new().await;
    let info = ProcessInfo {
        roles: vec!["work".to_owned(), "project".to_owned()],
        host: "контора".to_owned(),
        pid: 4711,
        version: "1.2.3".to_owned(),
    };
    let ttl = Duration::from_secs(30);
    let members = Members::join(world.pool.clone(), "work-4711-x", info, ttl);
    let stop = tokio_util::sync::CancellationToken::new();
    let mut held = Vec::new();
    for name in ["shard/3", "telegram/bot_of_salon"] {
        held.push(members.leases().hold(name, &stop).await.unwrap());
    }
    let overview = world.get(&world.admin, "/v1/operations/overview").await.json();
    let process = &overview["processes"][0];
    assert_eq!(
        (&process["pid"], &process["host"]),
        (&json!(4711), &json!("контора")),
        "{overview}"
    );
    assert!(process["seen_at"].is_string() && process["alive"] == true, "{overview}");
    assert_eq!(process["shares"][0], json!({"kind": "shards", "held": 1, "of": 1}), "{overview}");
    assert!(overview.to_string().contains("bot_of_salon"));
    let own = world.get(&world.operator, "/v1/operations/overview").await;
    assert_eq!(own.json()["processes"][0]["host"], Value::Null, "{own}");
    assert!(!own.text.contains("bot_of_salon"), "a bot of another tenant: {own}");
    let cookie = session(&world, &world.admin).await;
    let shown = page(&world, &cookie, "/admin/operations/processes").await;
    assert!(shown.text.contains("1 of 1 shards"), "{}", shown.text);
}
