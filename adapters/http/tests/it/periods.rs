//! Months over HTTP: closed with reasons, reported with a hash, late entries, opened again by two.

use std::time::Duration;

use chrono::{DateTime, Days, Months, Utc};
use kontor_commands::{Envelope, Outcome, Sent, clock};
use kontor_domain::{Actor, accounting_period::Month, credit_ledger::house_ledger_id};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    operations::{ORIGIN, form, page, session},
    reconciliation::accountants,
    support::{Answer, World},
};

const CLEARING: &str = "assets:clearing:stripe";

/// The month before this one in Moscow, and this one.
fn months() -> (Month, Month) {
    let now = clock::now().with_timezone(&chrono_tz::Europe::Moscow).date_naive();
    let last = Month::of(now.checked_sub_months(Months::new(1)).unwrap());
    (last, last.next())
}

/// The last minute of a month in Moscow.
fn last_minute(month: Month) -> DateTime<Utc> {
    month.next().begins(chrono_tz::Europe::Moscow) - chrono::TimeDelta::seconds(1)
}

/// Books a fee in the ledger of the house which holds from an instant; where it stands in the log.
async fn book(world: &World, effective_at: DateTime<Utc>, amount_minor: i64) -> i64 {
    let (id, tenant) = (Uuid::now_v7(), "moscow".parse().unwrap());
    let command = json!({
        "type": "adjust", "adjustment_id": id, "cause": "statement", "about": id,
        "effective_at": effective_at,
        "postings": [{
            "debit": "expenses:provider_fees", "credit": CLEARING,
            "amount": {"amount_minor": amount_minor, "currency": "USD"},
        }],
    });
    let address = (tenant, "credit_ledger", house_ledger_id(&"moscow".parse().unwrap()));
    let actor = Actor::System { name: "test".to_owned() };
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sent = world.sender.send(envelope, Duration::from_secs(20)).await.unwrap();
    let Sent::Done { outcome: Outcome::Accepted(accepted), .. } = sent else { panic!("{sent:?}") };
    accepted.last_position.unwrap()
}

async fn read(world: &World, key: &str, (address, position): (&str, i64)) -> Value {
    let sign = if address.contains('?') { '&' } else { '?' };
    let answer = world.get(key, &format!("{address}{sign}min_position={position}")).await;
    assert_eq!(answer.status, 200, "{address}: {answer}");
    answer.json()
}

fn acknowledged() -> Value {
    let known = |check: &str| json!({"check": check, "reason": "settles_later"});
    json!({"acknowledged": [known("clearing_open"), known("bookings_unsealed")]})
}

fn position(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["position"].as_i64().unwrap()
}

fn closing(report: &Value, name: &str) -> Value {
    let rows = report["accounts"].as_array().unwrap();
    let row = rows.iter().find(|row| row["account"] == CLEARING).unwrap();
    row[name].clone()
}

#[tokio::test]
async fn a_month_is_closed_once_in_order_and_with_reasons() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let (last, this) = months();
    let empty = world.get(&anna, "/v1/periods").await.json();
    assert_eq!((&empty["next"], &empty["items"]), (&Value::Null, &json!([])));
    let booked = book(&world, last_minute(last), 45).await;
    let listed = read(&world, &anna, ("/v1/periods", booked)).await;
    assert_eq!(listed["next"]["month"], json!(last.to_string()));
    assert_eq!(listed["next"]["is_over"], true);
    let draft = read(&world, &anna, (&format!("/v1/periods/{last}/draft"), booked)).await;
    let found: Vec<&str> = draft["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["check"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["clearing_open", "bookings_unsealed"]);
    assert_eq!((&draft["bookings"], closing(&draft, "closing")), (&json!(1), json!("-0.45")));

    let close = format!("/v1/periods/{last}/close");
    let refused = world.post(&anna, &close, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "not_acknowledged"));
    assert!(refused.text.contains("clearing_open"), "{refused}");
    let early = world.post(&anna, &format!("/v1/periods/{this}/close"), acknowledged()).await;
    assert_eq!(early.code(), "month_not_over", "{early}");
    let once = [("idempotency-key", "close-1")];
    let closed = world.send(&anna, ("POST", &close), &once, Some(acknowledged())).await;
    let at = position(&closed);
    // Books that moved on in between change nothing about a repetition.
    book(&world, last_minute(last), 5).await;
    let again = world.send(&anna, ("POST", &close), &once, Some(acknowledged())).await;
    assert_eq!((position(&again), again.header("idempotent-replay")), (at, "true"));
    let twice = world.post(&anna, &close, acknowledged()).await;
    assert_eq!(twice.code(), "already_closed", "{twice}");
    let gap = Month::of(this.first_day().checked_add_days(Days::new(40)).unwrap());
    let gap = world.post(&anna, &format!("/v1/periods/{gap}/close"), acknowledged()).await;
    assert_eq!(gap.code(), "not_next", "{gap}");
    for (text, code) in [("2026-13", 400), ("november", 400), ("2019-01", 404)] {
        let answer = world.get(&anna, &format!("/v1/periods/{text}")).await;
        assert_eq!(answer.status.as_u16(), code, "{answer}");
    }
    let hidden = world.get(&world.stranger, &format!("/v1/periods/{last}")).await;
    assert_eq!(hidden.code(), "period_not_closed", "{hidden}");
}

#[tokio::test]
async fn a_report_carries_its_hash_and_stays_while_late_entries_count_later() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let (last, this) = months();
    book(&world, last_minute(last), 45).await;
    let closed = world.post(&anna, &format!("/v1/periods/{last}/close"), acknowledged()).await;
    let closed = position(&closed);
    let late = book(&world, last_minute(last), 5).await;
    let own = book(&world, clock::now(), 1).await;

    let address = format!("/v1/periods/{last}");
    let shown = read(&world, &anna, (&address, closed.max(own))).await;
    assert_eq!((&shown["hash_holds"], &shown["period"]["state"]), (&json!(true), &json!("closed")));
    let (then, now) = (closing(&shown, "closing"), closing(&shown, "closing_now"));
    assert_eq!((then, now), (json!("-0.45"), json!("-0.50")));
    let hash = shown["period"]["report_sha256"].as_str().unwrap().to_owned();
    let report = format!("{address}/report");
    let text = world.send(&anna, ("GET", &report), &[("accept", "text/plain")], None).await;
    assert_eq!(hex::encode(Sha256::digest(text.text.as_bytes())), hash, "{text}");
    let table = world.send(&anna, ("GET", &report), &[("accept", "text/csv")], None).await;
    assert!(table.text.contains(&hash) && table.text.contains(CLEARING), "{table}");

    let entries = format!("/v1/periods/{this}/late-entries");
    let found = read(&world, &anna, (&entries, own)).await;
    let items = found["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{found}");
    for item in items {
        assert_eq!(item["position"], late);
        assert_eq!(item["late_of"], json!(last.to_string()));
        assert_eq!(item["counts_in"], json!(this.to_string()));
    }
    let table = world.send(&anna, ("GET", &entries), &[("accept", "text/csv")], None).await;
    assert_eq!(table.text.lines().count(), 3, "{table}");
    let statement = format!("/v1/books/accounts/{CLEARING}/statement");
    let statement = read(&world, &anna, (&statement, own)).await;
    let marks: Vec<&Value> =
        statement["items"].as_array().unwrap().iter().map(|line| &line["late_of"]).collect();
    assert_eq!(marks, [&Value::Null, &json!(last.to_string()), &Value::Null]);
    let draft = read(&world, &anna, (&format!("/v1/periods/{this}/draft"), own)).await;
    assert_eq!((&draft["is_over"], &draft["late_bookings"]), (&json!(false), &json!(1)));
    assert_eq!(closing(&draft, "late_credits"), "0.05");
}

#[tokio::test]
async fn a_month_is_opened_again_by_two_people_and_closed_anew() {
    let world = World::new().await;
    let (anna, boris) = accountants(&world).await;
    let (last, _) = months();
    book(&world, last_minute(last), 45).await;
    let address = format!("/v1/periods/{last}");
    let close = format!("{address}/close");
    position(&world.post(&anna, &close, acknowledged()).await);
    book(&world, last_minute(last), 5).await;
    let reason = json!({"reason": "bookings_missing", "reference": "LETTER-7"});
    let alone = world.post(&boris, &format!("{address}/reopen/approve"), reason.clone()).await;
    assert_eq!(alone.code(), "nothing_requested", "{alone}");
    let asked = world.post(&anna, &format!("{address}/reopen"), reason.clone()).await;
    let shown = read(&world, &boris, (&address, position(&asked))).await;
    assert_eq!(shown["period"]["state"], "reopen_requested");
    assert_eq!(shown["period"]["reopen_request"]["reference"], "LETTER-7");
    let herself = world.post(&anna, &format!("{address}/reopen/approve"), reason.clone()).await;
    assert_eq!(herself.code(), "second_person_needed", "{herself}");
    let named = json!({"reason": "audit", "reference": "Anna"});
    let named = world.post(&boris, &format!("{address}/reopen/approve"), named).await;
    assert_eq!(named.code(), "field_out_of_range", "{named}");
    let agreed = world.post(&boris, &format!("{address}/reopen/approve"), reason).await;
    let shown = read(&world, &anna, (&address, position(&agreed))).await;
    assert_eq!(shown["period"]["state"], "reopened");
    let again = world.post(&anna, &close, acknowledged()).await;
    let shown = read(&world, &anna, (&address, position(&again))).await;
    assert_eq!(
        (&shown["period"]["revision"], closing(&shown, "closing")),
        (&json!(2), json!("-0.50"))
    );
    let listed = read(&world, &anna, ("/v1/periods", position(&again))).await;
    let states: Vec<&Value> =
        listed["items"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["closed", "reopened"]);
}

#[tokio::test]
async fn only_the_month_that_comes_next_has_figures() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let (last, this) = months();
    let booked = book(&world, last_minute(last), 45).await;
    let cookie = session(&world, &anna).await;
    // Before the first close any month may be the first one.
    read(&world, &anna, (&format!("/v1/periods/{this}/draft"), booked)).await;
    position(&world.post(&anna, &format!("/v1/periods/{last}/close"), acknowledged()).await);

    let of_last = world.get(&anna, &format!("/v1/periods/{last}/draft")).await;
    assert_eq!((of_last.status.as_u16(), of_last.code().as_str()), (422, "already_closed"));
    let before = Month::of(last.first_day().checked_sub_months(Months::new(1)).unwrap());
    for other in [before, this.next()] {
        let refused = world.get(&anna, &format!("/v1/periods/{other}/draft")).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "not_next"));
        assert_eq!(refused.json()["details"]["next"], json!(this.to_string()), "{refused}");
        let shown = page(&world, &cookie, &format!("/admin/periods/{other}")).await;
        assert_eq!(shown.status, 200, "{shown}");
        let link = format!("href=\"/admin/periods/{this}?");
        assert!(shown.text.contains(&link), "{shown}");
        assert!(
            !shown.text.contains(CLEARING) && !shown.text.contains("id=\"figures\""),
            "{shown}"
        );
    }
    let shown = page(&world, &cookie, &format!("/admin/periods/{this}")).await;
    assert!(shown.text.contains(CLEARING) && shown.text.contains("id=\"figures\""), "{shown}");
}

#[tokio::test]
async fn the_page_of_the_first_closed_month_shows_what_came_late_from_before_it_and_says_of_more() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let (last, _) = months();
    book(&world, last_minute(last), 45).await;
    let cookie = session(&world, &anna).await;
    position(&world.post(&anna, &format!("/v1/periods/{last}/close"), acknowledged()).await);
    let before = Month::of(last.first_day().checked_sub_months(Months::new(1)).unwrap());
    let address = format!("/admin/periods/{last}");
    let shown = async |position: i64| {
        read(&world, &anna, (&format!("/v1/periods/{last}"), position)).await;
        page(&world, &cookie, &address).await.text
    };

    let late = book(&world, last_minute(before), 5).await;
    let text = shown(late).await;
    assert!(text.contains("Booked after the close"), "{text}");
    let link = format!("/admin/books/bookings/{late}?");
    assert_eq!(text.matches(&link).count(), 2, "both lines of the booking: {text}");
    assert!(!text.contains("are shown"), "{text}");

    let mut booked = late;
    for _ in 0..49 {
        booked = book(&world, last_minute(last), 1).await;
    }
    assert!(!shown(booked).await.contains("are shown"), "a hundred lines are all of them");
    let booked = book(&world, last_minute(last), 1).await;
    let text = shown(booked).await;
    assert!(text.contains("The first 100 are shown."), "{text}");
    assert!(!text.contains(&format!("/admin/books/bookings/{booked}?")), "{text}");
}

/// Sends the form of a month with the counts that a page showed.
async fn close_by_form(
    world: &World,
    cookie: &str,
    month: Month,
    counts: &[(&str, i64)],
) -> Answer {
    let once = format!("once={}", Uuid::now_v7());
    let known =
        counts.iter().map(|(check, count)| format!("{check}=settles_later&{check}_count={count}"));
    let body = std::iter::once(once).chain(known).collect::<Vec<_>>().join("&");
    form(world, &format!("/admin/periods/{month}/close"), (cookie, ORIGIN), body).await
}

#[tokio::test]
async fn nobody_closes_on_more_than_was_shown() {
    let world = World::new().await;
    let (anna, _) = accountants(&world).await;
    let (last, _) = months();
    let booked = book(&world, last_minute(last), 45).await;
    let cookie = session(&world, &anna).await;
    let draft = read(&world, &anna, (&format!("/v1/periods/{last}/draft"), booked)).await;
    let unsealed = draft["findings"][1]["count"].as_i64().unwrap();
    assert_eq!(draft["findings"][1]["check"], "bookings_unsealed");
    let field = |count: i64| format!("name=\"bookings_unsealed_count\" value=\"{count}\"");
    let shown = page(&world, &cookie, &format!("/admin/periods/{last}")).await;
    assert!(shown.text.contains(&field(unsealed)), "{shown}");

    book(&world, last_minute(last), 5).await;
    let seen = [("clearing_open", 1), ("bookings_unsealed", unsealed)];
    let refused = close_by_form(&world, &cookie, last, &seen).await;
    assert_eq!(refused.status, 422, "{refused}");
    assert!(refused.text.contains("put it right first: bookings unsealed."), "{refused}");
    assert!(refused.text.contains(&field(unsealed + 1)), "{refused}");
    let known = |count: i64| {
        let mut body = acknowledged();
        body["acknowledged"][1]["count"] = json!(count);
        body
    };
    let close = format!("/v1/periods/{last}/close");
    let refused = world.post(&anna, &close, known(unsealed)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "not_acknowledged"));
    assert_eq!(refused.json()["details"]["checks"], json!(["bookings_unsealed"]), "{refused}");

    let seen = [("clearing_open", 1), ("bookings_unsealed", unsealed + 1)];
    let closed = close_by_form(&world, &cookie, last, &seen).await;
    assert_eq!(closed.status, 303, "{closed}");
    assert_eq!(closed.header("location"), format!("/admin/periods/{last}?done=close"));
    let twice = world.post(&anna, &close, known(unsealed + 1)).await;
    assert_eq!(twice.code(), "already_closed", "{twice}");
}
