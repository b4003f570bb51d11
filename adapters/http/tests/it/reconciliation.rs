//! The reconciliation over HTTP: files in, differences out, and the work on them by two people.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use kontor_http::keys::Role;
use serde_json::{Value, json};

use crate::{
    operations::{ORIGIN, form, page},
    support::{Answer, World, key},
};

pub(crate) const STARS: &str = "id,date,amount,kind\nstx_1,2026-11-20 10:00:00,250,charge\n\
                     stx_2,2026-11-21 10:00:00,500,charge\n";

/// Two accountants of `moscow`.
pub(crate) async fn accountants(world: &World) -> (String, String) {
    let moscow = Some("moscow");
    (
        key(&world.pool, moscow, Role::Accountant).await,
        key(&world.pool, moscow, Role::Accountant).await,
    )
}

pub(crate) async fn upload(
    world: &World,
    key: &str,
    source: &str,
    text: impl Into<Body>,
) -> Answer {
    let address = format!(
        "/v1/reconciliation/statements/{source}?file=%D0%BD%D0%BE%D1%8F%D0%B1%D1%80%D1%8C.csv"
    );
    let request = Request::post(address)
        .header("x-auth-key", key)
        .header("content-type", "application/octet-stream");
    world.call(request.body(text.into()).unwrap()).await
}

/// Reads as soon as a position is visible.
async fn after(world: &World, key: &str, address: &str, answer: &Answer) -> Answer {
    let position = &answer.json()["position"];
    let sign = if address.contains('?') { '&' } else { '?' };
    world.get(key, &format!("{address}{sign}min_position={position}")).await
}

const LIST: &str = "/v1/reconciliation/differences";

#[tokio::test]
async fn a_file_becomes_differences_once_and_a_broken_one_nothing() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let broken = upload(&world, &anna, "telegram_stars", STARS.replace("500", "5.5")).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let said = broken.json();
    assert_eq!(broken.code(), "statement_unreadable");
    assert_eq!(
        (&said["details"]["line"], &said["details"]["column"]),
        (&json!(3), &json!("amount"))
    );
    let detail = said["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("ноябрь.csv, line 3, column `amount`: `5.5` is no amount"),
        "{detail}"
    );
    assert_eq!(world.get(&anna, LIST).await.json()["items"], json!([]));

    let taken = upload(&world, &anna, "telegram_stars", STARS).await;
    let body = taken.json();
    assert_eq!(
        (&body["lines"], &body["changed"], &body["whole"]),
        (&json!(2), &json!(true), &json!(true))
    );
    let listed = after(&world, &anna, LIST, &taken).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(listed["items"][0]["kind"], "missing_with_us");
    assert_eq!(listed["items"][0]["posting"]["debit"], "assets:clearing:telegram_stars");
    // The same file, and one that overlaps it and has one more.
    let again = upload(&world, &anna, "telegram_stars", STARS).await.json();
    assert_eq!((&again["changed"], &again["position"]), (&json!(false), &Value::Null));
    let more = format!("{STARS}stx_3,2026-11-22 10:00:00,100,charge\n");
    let more = upload(&world, &anna, "telegram_stars", more).await;
    let listed = after(&world, &anna, LIST, &more).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    let files = world.get(&anna, "/v1/reconciliation/statements").await.json();
    assert_eq!((&files[0]["first_lines"], &files[1]["first_lines"]), (&json!(1), &json!(2)));

    // Others see nothing of it, and may do nothing.
    let elsewhere = world.get(&world.stranger, LIST).await.json();
    assert_eq!(elsewhere["items"], json!([]));
    let reader = upload(&world, &world.reader, "telegram_stars", STARS).await;
    assert_eq!((reader.status.as_u16(), reader.code()), (403, "role_insufficient".to_owned()));
    let unknown = upload(&world, &anna, "paypal", STARS).await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "source_unknown".to_owned()));
    let empty = upload(&world, &anna, "bank", "").await;
    assert!(empty.json()["detail"].as_str().unwrap().contains("it is empty"), "{empty}");
    let huge = upload(&world, &anna, "bank", vec![b'a'; kontor_statements::BYTES_MAX + 2]).await;
    assert_eq!((huge.status.as_u16(), huge.code()), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn reports_come_as_data_and_as_tables() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let taken = upload(&world, &anna, "telegram_stars", STARS).await;
    let summary = after(&world, &anna, "/v1/reconciliation", &taken).await.json();
    let side = &summary["providers"][0];
    assert_eq!((&side["their_count"], &side["their_sum"]), (&json!(2), &json!("750")));
    let kind = &summary["differences"][0];
    assert_eq!((&kind["kind"], &kind["sum"]), (&json!("missing_with_us"), &json!("750")));
    let days = world.get(&anna, "/v1/reconciliation/days?provider=telegram_stars").await.json();
    assert_eq!((&days[0]["day"], &days[0]["unsettled"]), (&json!("2026-11-21"), &json!(1)));
    let accept = [("accept", "text/csv")];
    let table = world.send(&anna, ("GET", LIST), &accept, None).await;
    assert_eq!(table.text.lines().count(), 3, "{}", table.text);
    assert!(table.text.contains("missing_with_us") && table.text.contains("stx_2"));
    let table = world.send(&anna, ("GET", "/v1/reconciliation/days"), &accept, None).await;
    assert!(table.text.contains("2026-11-20,telegram_stars,XTR,0,0,1,250"), "{}", table.text);
    for (query, count) in [
        ("?provider=stripe", 0),
        ("?kind=late", 0),
        ("?kind=missing_with_us&from=2026-11-21", 1),
        ("?to=2026-11-20", 1),
        ("?state=closed", 0),
        ("?state=all", 2),
    ] {
        let listed = world.get(&anna, &format!("{LIST}{query}")).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{query}");
    }
    for wrong in ["?provider=paypal", "?kind=odd", "?state=x", "?from=x", "?cursor=x"] {
        let answer = world.get(&anna, &format!("{LIST}{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {answer}");
    }
    let mut seen = Vec::new();
    let mut address = format!("{LIST}?limit=1");
    while seen.len() < 5 {
        let listed = world.get(&anna, &address).await.json();
        seen.push(listed["items"][0]["item"]["external_id"].as_str().unwrap().to_owned());
        let Some(next) = listed["next_cursor"].as_str() else { break };
        address = format!("{LIST}?limit=1&cursor={next}");
    }
    assert_eq!(seen, ["stx_2", "stx_1"]);
}

#[tokio::test]
async fn a_difference_is_taken_over_given_up_by_two_and_opened_again() {
    let world = World::new().await;
    let (anna, boris) = accountants(&world).await;
    let taken = upload(&world, &anna, "telegram_stars", STARS).await;
    let listed = after(&world, &anna, LIST, &taken).await.json();
    let on = format!("{LIST}/{}", listed["items"][0]["id"].as_str().unwrap());
    let assigned = world.post(&anna, &format!("{on}/assign"), json!({})).await;
    assert_eq!(assigned.status, StatusCode::OK, "{assigned}");
    let shown = world.read(&boris, &on, &assigned).await.json();
    assert_eq!(shown["state"], "assigned");
    assert!(shown["assignee"].as_str().unwrap().starts_with("api_key:"));

    let early = world.post(&boris, &format!("{on}/write-off/confirm"), json!({})).await;
    assert_eq!((early.status.as_u16(), early.code()), (422, "nothing_proposed".to_owned()));
    let body = json!({"reference": "TICKET-17"});
    let proposed = world.post(&anna, &format!("{on}/write-off"), body).await;
    assert_eq!(proposed.status, StatusCode::OK, "{proposed}");
    let alone = world.post(&anna, &format!("{on}/write-off/confirm"), json!({})).await;
    assert_eq!((alone.status.as_u16(), alone.code()), (422, "second_person_needed".to_owned()));
    let agreed = world.post(&boris, &format!("{on}/write-off/confirm"), json!({})).await;
    let shown = world.read(&anna, &on, &agreed).await.json();
    assert_eq!(
        (&shown["state"], &shown["reference"]),
        (&json!("written_off"), &json!("TICKET-17"))
    );
    let open = world.get(&anna, LIST).await.json();
    assert_eq!(open["items"].as_array().unwrap().len(), 1);
    let again = world.post(&anna, &format!("{on}/reopen"), json!({})).await;
    let shown = world.read(&anna, &on, &again).await.json();
    assert_eq!(shown["state"], "open");

    let explain = json!({"explanation": "timing", "reference": "Анна"});
    let named = world.post(&anna, &format!("{on}/explain"), explain).await;
    assert_eq!((named.status.as_u16(), named.code()), (422, "field_out_of_range".to_owned()));
    let posting = json!({
        "debit": "assets:clearing:telegram_stars", "credit": "income:messages",
        "amount": {"amount_minor": 500, "currency": "XTR"},
    });
    let adjust = json!({"explanation": "our_error", "posting": posting});
    let wrong = world.post(&anna, &format!("{on}/adjust"), adjust).await;
    assert_eq!(
        (wrong.code(), &wrong.json()["details"]["field"]),
        ("field_out_of_range".into(), &json!("posting.credit"))
    );
    let bare = world.post(&anna, &format!("{on}/adjust"), json!({"explanation": "fee"})).await;
    assert_eq!((bare.status, bare.code()), (StatusCode::BAD_REQUEST, "body_invalid".to_owned()));
    let amount = json!({"amount_minor": 500, "currency": "XTR"});
    let posting = |credit: &str| {
        let posting = json!({
            "debit": "assets:clearing:telegram_stars", "credit": credit, "amount": amount,
        });
        json!({"explanation": "our_error", "posting": posting})
    };
    let given_up = posting("expenses:differences");
    let given_up = world.post(&anna, &format!("{on}/adjust"), given_up).await;
    assert_eq!(given_up.json()["details"]["field"], "posting.credit", "that takes two");
    let right = posting("assets:clearing:manual");
    let adjusted = world.post(&anna, &format!("{on}/adjust"), right).await;
    let shown = world.read(&anna, &on, &adjusted).await.json();
    assert_eq!((&shown["state"], &shown["posting"]["amount"]), (&json!("adjusted"), &json!("500")));

    for (who, address) in [
        (&world.stranger, on.clone()),
        (&anna, format!("{LIST}/0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d")),
    ] {
        let answer = world.post(who, &format!("{address}/assign"), json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "difference_unknown".to_owned()));
    }
}

/// Logs in with a key.
async fn enter(world: &World, key: &str) -> String {
    let body = format!("key={key}&next=/admin/reconciliation?kind=late");
    let answer = form(world, "/login", ("", ORIGIN), body).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert_eq!(answer.header("location"), "/admin/reconciliation?kind=late");
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Sends a file by the form of the page.
async fn send_file(world: &World, cookie: &str, source: &str, text: &str) -> Answer {
    let part = |name: &str, content: &str| {
        format!("--cut\r\nContent-Disposition: form-data; name={name}\r\n\r\n{content}\r\n")
    };
    let file = part("\"file\"; filename=\"stars.csv\"", text);
    let body = format!("{}{file}--cut--\r\n", part("\"source\"", source));
    let request = Request::post("/admin/reconciliation/statements")
        .header("content-type", "multipart/form-data; boundary=cut")
        .header("cookie", cookie)
        .header("origin", ORIGIN);
    world.call(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_file_is_taken_in_the_browser_once_and_whole() {
    let world = World::new().await;
    let anna = enter(&world, &accountants(&world).await.0).await;
    let blank = page(&world, &anna, "/admin/reconciliation").await;
    assert_eq!(blank.status, StatusCode::OK, "{}", blank.text);
    assert!(blank.text.contains("no file was taken"), "{}", blank.text);
    let broken = send_file(&world, &anna, "telegram_stars", &STARS.replace("500", "5.5")).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(broken.text.contains("stars.csv, line 3, column `amount`"), "{}", broken.text);
    let unnamed = send_file(&world, &anna, "", STARS).await;
    assert!(unnamed.text.contains("Say whose file it is"), "{}", unnamed.text);
    let taken = send_file(&world, &anna, "telegram_stars", STARS).await;
    assert_eq!(taken.header("location"), "/admin/reconciliation?done=taken", "{}", taken.text);
    let again = send_file(&world, &anna, "telegram_stars", STARS).await;
    assert_eq!(again.header("location"), "/admin/reconciliation?done=known");
    let list = page(&world, &anna, "/admin/reconciliation?done=known").await;
    for words in
        ["Nothing new", "missing with us", "Telegram Stars", "stx_2", "750", "role=\"status\""]
    {
        assert!(list.text.contains(words), "{words}: {}", list.text);
    }
    let none = page(&world, &anna, "/admin/reconciliation?kind=late&provider=&state=open").await;
    assert!(none.text.contains("Nothing of that kind"), "{}", none.text);
    let days = page(&world, &anna, "/admin/reconciliation/days").await;
    assert!(days.text.contains("2026-11-21"), "{}", days.text);
    for (table, rows) in [("differences", 3), ("days", 3)] {
        let table = page(&world, &anna, &format!("/admin/reconciliation/{table}.csv")).await;
        assert_eq!(table.text.lines().count(), rows, "{}", table.text);
    }
}

#[tokio::test]
async fn two_accountants_settle_a_difference_in_the_browser() {
    let world = World::new().await;
    let (anna, boris) = accountants(&world).await;
    let (anna, boris) = (enter(&world, &anna).await, enter(&world, &boris).await);
    let taken = send_file(&world, &anna, "telegram_stars", STARS).await;
    assert_eq!(taken.header("location"), "/admin/reconciliation?done=taken", "{}", taken.text);
    let list = page(&world, &anna, "/admin/reconciliation").await;
    let on = list.text.split("/admin/reconciliation/differences/").nth(2).unwrap();
    let on = format!("/admin/reconciliation/differences/{}", &on[..36]);
    let shown = page(&world, &anna, &on).await;
    assert!(
        shown.text.contains("Book and close") && shown.text.contains("nobody yet"),
        "{}",
        shown.text
    );
    let sender = (anna.as_str(), ORIGIN);
    let vague = form(&world, &format!("{on}/explain"), sender, "explanation=".to_owned()).await;
    assert_eq!(vague.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(vague.text.contains("Choose why there is a difference"), "{}", vague.text);
    let proposed =
        form(&world, &format!("{on}/write-off"), sender, "reference=T-17".to_owned()).await;
    assert_eq!(proposed.header("location"), format!("{on}?done=write-off"), "{}", proposed.text);
    let hers = page(&world, &anna, &on).await;
    assert!(
        hers.text.contains("Somebody else must agree") && !hers.text.contains("Agree to write off")
    );
    let alone = form(&world, &format!("{on}/confirm"), sender, String::new()).await;
    assert!(alone.text.contains("needs two people"), "{}", alone.text);
    let his = page(&world, &boris, &on).await;
    assert!(his.text.contains("Agree to write off"), "{}", his.text);
    let agreed = form(&world, &format!("{on}/confirm"), (&boris, ORIGIN), String::new()).await;
    assert_eq!(agreed.header("location"), format!("{on}?done=confirm"), "{}", agreed.text);
    let after = page(&world, &boris, &format!("{on}?done=confirm")).await;
    assert!(
        after.text.contains("written off") && after.text.contains("Open again"),
        "{}",
        after.text
    );

    let foreign = (anna.as_str(), "https://evil.example");
    let foreign = form(&world, &format!("{on}/reopen"), foreign, String::new()).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let odd = form(&world, &format!("{on}/forget"), sender, String::new()).await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
    let stranger = enter(&world, &world.stranger).await;
    assert_eq!(page(&world, &stranger, &on).await.status, StatusCode::NOT_FOUND);
    assert_eq!(page(&world, "", &on).await.header("location"), format!("/login?next={on}"));
    let platform = enter(&world, &world.admin).await;
    let choice = page(&world, &platform, "/admin/reconciliation").await;
    assert!(choice.text.contains("/admin/reconciliation?tenant=moscow"), "{}", choice.text);
    let chosen = page(&world, &platform, "/admin/reconciliation?tenant=moscow").await;
    assert!(chosen.text.contains("stx_2"), "{}", chosen.text);
}
