//! The operations page and its API: who gets in, what they see, what they may do.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use kontor_commands::{Envelope, clock};
use kontor_domain::Actor;
use kontor_http::{ApiSettings, keys};
use kontor_postgres::command_dead_letters::{self, NewCommandDeadLetter};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Answer, World, settings};

pub(crate) const ORIGIN: &str = "http://127.0.0.1:8080";

pub(crate) async fn form(
    world: &World,
    address: &str,
    (cookie, origin): (&str, &str),
    body: String,
) -> Answer {
    let request = Request::post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .header("origin", origin);
    world.call(request.body(Body::from(body)).unwrap()).await
}

pub(crate) async fn page(world: &World, cookie: &str, address: &str) -> Answer {
    world.call(Request::get(address).header("cookie", cookie).body(Body::empty()).unwrap()).await
}

async fn log_in(world: &World, key: &str) -> Answer {
    form(world, "/login", ("", ORIGIN), format!("key={key}&next=/admin/operations/actions")).await
}

/// The cookie of a new session.
pub(crate) async fn session(world: &World, key: &str) -> String {
    let answer = log_in(world, key).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_becomes_a_session_and_the_session_ends() {
    let world = World::new().await;
    let away = page(&world, "", "/admin/operations/why?id=7").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    assert_eq!(away.header("location"), "/login?next=/admin/operations/why%3Fid%3D7");
    let entered = log_in(&world, &world.admin).await;
    assert_eq!(entered.header("location"), "/admin/operations/actions");
    let cookie = entered.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let overview = page(&world, cookie, "/admin/operations").await;
    assert_eq!(overview.status, StatusCode::OK, "{}", overview.text);
    assert!(overview.text.contains("readings") && overview.text.contains("Dead letters"));
    let policy = overview.header("content-security-policy");
    assert!(policy.contains("form-action 'self'") && !policy.contains("unsafe"), "{policy}");
    let hash: Vec<u8> =
        sqlx::query_scalar("select hash from web_sessions").fetch_one(&world.pool).await.unwrap();
    let value = cookie.split_once('=').unwrap().1;
    assert_eq!(hash.len(), 32);
    assert_ne!(hash, hex_bytes(value), "the table must not hold what the cookie holds");
    let left = form(&world, "/logout", (cookie, ORIGIN), String::new()).await;
    assert_eq!(left.header("location"), "/login");
    assert_eq!(page(&world, cookie, "/admin/operations").await.status, StatusCode::SEE_OTHER);
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

#[tokio::test]
async fn wrong_keys_are_turned_away_in_words_and_recorded() {
    let world = World::new().await;
    let unknown = format!("kontor_{}_{}", "ab".repeat(6), "cd".repeat(32));
    for (key, word) in [
        ("", "not known"),
        ("Анна", "not known"),
        (unknown.as_str(), "not known"),
        (world.reader.as_str(), "only reads"),
    ] {
        let answer = log_in(&world, key).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key}");
        assert!(answer.text.contains(word) && answer.text.contains("aria-invalid"), "{key}");
        assert!(answer.header("set-cookie").is_empty(), "{key}");
    }
    let recorded = ["key_unknown", "key_unknown", "key_unknown", "role_insufficient"];
    assert_eq!(world.denied().await, recorded);
    // One address gets only so many attempts at once, whatever it tries.
    let mut last = log_in(&world, "x").await;
    for _ in 0..20 {
        last = log_in(&world, "x").await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.text.contains("Too many attempts"), "{}", last.text);
}

#[tokio::test]
async fn what_another_site_sends_is_refused() {
    let world = World::new().await;
    let cookie = session(&world, &world.admin).await;
    let address = "/admin/operations/dead-letters/command:1/skip";
    for origin in ["https://evil.example", "null", "http://127.0.0.1:8081"] {
        let answer = form(&world, address, (&cookie, origin), String::new()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(answer.text.contains("<html"), "{}", answer.text);
        let login = form(&world, "/login", ("", origin), "key=x".to_owned()).await;
        assert_eq!(login.status, StatusCode::FORBIDDEN, "{origin}");
    }
    let nobody = form(&world, address, ("", ORIGIN), String::new()).await;
    assert_eq!(nobody.header("location"), "/login");
    let denied = world.denied().await;
    assert_eq!(denied.len(), 7, "{denied:?}");
    assert_eq!(denied.last().unwrap(), "session_missing");
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_host_and_https() {
    let public_url = "https://kontor.example".to_owned();
    let world = World::with(ApiSettings { public_url, ..settings() }).await;
    let body = format!("key={}", world.admin);
    let answer = form(&world, "/login", ("", "https://kontor.example"), body).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-kontor_session=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_at_its_time() {
    let world = World::new().await;
    let cookie = session(&world, &world.operator).await;
    assert_eq!(page(&world, &cookie, "/admin/operations").await.status, StatusCode::OK);
    sqlx::query("update web_sessions set expires_at = now()").execute(&world.pool).await.unwrap();
    assert_eq!(page(&world, &cookie, "/admin/operations").await.status, StatusCode::SEE_OTHER);
    let cookie = session(&world, &world.operator).await;
    let listed = keys::list(&world.pool, Some(&"moscow".parse().unwrap())).await.unwrap();
    let key = listed.iter().find(|key| key.role == keys::Role::Operator).unwrap();
    assert!(keys::revoke(&world.pool, key.id).await.unwrap());
    assert_eq!(page(&world, &cookie, "/admin/operations").await.status, StatusCode::SEE_OTHER);
}

/// A poison command of `moscow`: it renames an account, and can be carried out by now.
pub(crate) async fn poison(world: &World) -> (String, String) {
    let account = world.account().await;
    let command = json!({"type": "rename", "display_name": "Мария Ли"});
    let actor = Actor::Operator { name: "test".to_owned() };
    let address = ("moscow".parse().unwrap(), "account", account.parse().unwrap());
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let message = serde_json::to_vec(&envelope).unwrap();
    let id = record(world, &message, "an event of the aggregate cannot be read").await;
    (format!("command:{id}"), account)
}

pub(crate) async fn record(world: &World, message: &[u8], reason: &str) -> i64 {
    let letter = NewCommandDeadLetter {
        tenant: "moscow",
        aggregate: "account",
        command_id: None,
        fingerprint: &Uuid::now_v7().to_string(),
        reason,
        attempts: 20,
        message,
    };
    command_dead_letters::record(&world.pool, &letter).await.unwrap()
}

#[tokio::test]
async fn a_dead_letter_is_tried_again_once_and_who_did_it_is_written_down() {
    let world = World::new().await;
    let (id, account) = poison(&world).await;
    let listed = world.get(&world.operator, "/v1/operations/dead-letters").await;
    assert_eq!(listed.json()["items"][0]["what"], "rename to account", "{listed}");
    assert_eq!(listed.json()["items"][0]["command"]["display_name"], "•••", "{listed}");
    let strange = world.get(&world.stranger, "/v1/operations/dead-letters").await;
    assert_eq!(strange.json()["items"], json!([]), "{strange}");
    let retry = format!("/v1/operations/dead-letters/{id}/retry");
    let foreign = world.send(&world.stranger, ("POST", &retry), &[], None).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{foreign}");
    let reader = world.send(&world.reader, ("POST", &retry), &[], None).await;
    assert_eq!(reader.code(), "role_insufficient");
    let tried = world.send(&world.operator, ("POST", &retry), &[], None).await;
    assert_eq!(tried.json()["outcome"], "accepted", "{tried}");
    let again = world.send(&world.operator, ("POST", &retry), &[], None).await;
    assert_eq!(again.json()["outcome"], "gone", "{again}");
    let history = format!("/v1/operations/streams/{account}?personal=show");
    let history = world.get(&world.operator, &history).await;
    assert_eq!(history.json()["state"]["holder"]["display_name"], "Мария Ли", "{history}");
    let journal = world.get(&world.operator, "/v1/operations/actions").await;
    let entries = journal.json()["items"].clone();
    let entry = |place: usize, field: &str| entries[place][field].as_str().unwrap().to_owned();
    assert_eq!(entry(0, "action"), "personal_data_shown", "{journal}");
    assert_eq!((entry(2, "action"), entry(2, "target")), ("dead_letter_retry".to_owned(), id));
    assert_eq!(entry(2, "outcome"), "accepted");
    assert_eq!(
        world.get(&world.stranger, "/v1/operations/actions").await.json()["items"],
        json!([])
    );
    for sql in ["delete from operator_actions", "update operator_actions set outcome = ''"] {
        assert!(sqlx::query(sql).execute(&world.pool).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_message_that_is_no_command_can_only_be_skipped() {
    let world = World::new().await;
    let id = format!("command:{}", record(&world, b"\xffnonsense", "not an envelope").await);
    let cookie = session(&world, &world.admin).await;
    let address = format!("/admin/operations/dead-letters/{id}");
    let shown = page(&world, &cookie, &address).await;
    assert!(shown.text.contains("not an envelope"), "{}", shown.text);
    let retried = form(&world, &format!("{address}/retry"), (&cookie, ORIGIN), String::new()).await;
    assert_eq!(retried.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(retried.text.contains("can only be skipped"), "{}", retried.text);
    let skipped = form(&world, &format!("{address}/skip"), (&cookie, ORIGIN), String::new()).await;
    assert_eq!(skipped.header("location"), "/admin/operations/dead-letters?done=skipped");
    let list = page(&world, &cookie, skipped.header("location")).await;
    assert!(
        list.text.contains("Skipped.") && list.text.contains("No dead letters"),
        "{}",
        list.text
    );
    for wrong in ["command:x", "nonsense", "follower:a:b", "command:999999"] {
        let gone = page(&world, &cookie, &format!("/admin/operations/dead-letters/{wrong}")).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn the_history_of_a_thing_tells_every_change_and_covers_people() {
    let world = World::new().await;
    let account = world.account().await;
    let renamed = json!({"display_name": "Ёлка <b>&", "language": "en"});
    let answer = world.patch(&world.operator, &format!("/v1/accounts/{account}"), renamed).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let address = format!("/v1/operations/streams/{account}");
    let covered = world.get(&world.operator, &address).await;
    let text = covered.text.clone();
    assert!(!text.contains("Анна") && !text.contains("Ёлка"), "{text}");
    let body = covered.json();
    assert_eq!((&body["version"], &body["covered"]), (&json!(3), &json!(true)), "{covered}");
    let changes = body["events"][0]["changes"].clone();
    assert_eq!(changes[0]["field"], "holder.language", "{covered}");
    assert_eq!((&changes[0]["before"], &changes[0]["after"]), (&json!("ru"), &json!("en")));
    let before = world.get(&world.operator, &format!("{address}?version=1")).await;
    assert_eq!(before.json()["state"]["holder"]["language"], "ru", "{before}");
    assert_eq!(before.json()["events"].as_array().unwrap().len(), 1);
    let cookie = session(&world, &world.operator).await;
    let shown = format!("/admin/operations/streams/{account}/personal");
    let shown = form(&world, &shown, (&cookie, ORIGIN), String::new()).await;
    assert!(shown.text.contains("Ёлка &#60;b&#62;&#38;"), "{}", shown.text);
    assert!(!shown.text.contains("<b>&"), "what people wrote must not become markup");
    assert_eq!(world.get(&world.stranger, &address).await.code(), "stream_unknown");
    for version in ["0", "999999", "-5"] {
        let clamped = world.get(&world.operator, &format!("{address}?version={version}")).await;
        assert_eq!(clamped.status, StatusCode::OK, "{version}");
    }
    let wrong = world.get(&world.operator, &format!("{address}?version=new")).await;
    assert_eq!(wrong.code(), "parameter_invalid");
}

#[tokio::test]
async fn ids_of_all_kinds_lead_to_the_history() {
    let world = World::new().await;
    let account = world.account().await;
    let history = world.get(&world.operator, &format!("/v1/operations/streams/{account}")).await;
    let event = history.json()["events"][0].clone();
    let position = event["position"].to_string();
    let text = |field: &str| event[field].as_str().unwrap().to_owned();
    for id in [account.clone(), text("command_id"), text("event_id"), position] {
        let address = format!("/v1/operations/find?id={id}");
        let found = world.get(&world.operator, &address).await;
        assert_eq!(found.json()["id"], account, "{id}: {found}");
        let foreign = world.get(&world.stranger, &address).await;
        assert_eq!(foreign.code(), "place_unknown", "{id}");
    }
    let find = async |id: &str| {
        world.get(&world.operator, &format!("/v1/operations/find?id={id}")).await.code()
    };
    assert_eq!(find(&Uuid::now_v7().to_string()).await, "place_unknown");
    assert_eq!(find(&Uuid::nil().to_string()).await, "place_unknown");
    assert_eq!(find("999999999").await, "place_unknown");
    assert_eq!(find("-1").await, "place_unknown");
    assert_eq!(find("anna").await, "parameter_invalid");
    assert_eq!(find("").await, "parameter_invalid");
    let cookie = session(&world, &world.operator).await;
    let address = format!("/admin/operations/why?id={}", text("event_id"));
    let led = page(&world, &cookie, &address).await;
    assert_eq!(led.header("location"), format!("/admin/operations/streams/{account}?version=1"));
    let lost = page(&world, &cookie, "/admin/operations/why?id=%3Cscript%3E").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    assert!(!lost.text.contains("<script>alert") && lost.text.contains("neither an id"));
}

#[tokio::test]
async fn the_overview_tells_how_everything_is() {
    let world = World::new().await;
    let overview = world.get(&world.operator, "/v1/operations/overview").await;
    let body = overview.json();
    assert_eq!(body["engines"][0]["up"], true, "{overview}");
    // This process has no broker to show.
    assert_eq!(body["engines"][1]["up"], false, "{overview}");
    assert!(body["head"].as_i64().unwrap() > 0, "{overview}");
    let read_models = kontor_projections::all().len();
    assert_eq!(body["followers"].as_array().unwrap().len(), read_models, "{overview}");
    assert_eq!(world.get(&world.reader, "/v1/operations/overview").await.status, 403);
    assert_eq!(world.get("", "/v1/operations/overview").await.status, 401);
}

#[tokio::test]
async fn without_a_database_the_pages_say_so() {
    let world = World::new().await;
    let cookie = session(&world, &world.admin).await;
    world.pool.close().await;
    let answer = page(&world, &cookie, "/admin/operations").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("That did not work"), "{}", answer.text);
}
