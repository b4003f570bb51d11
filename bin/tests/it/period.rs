//! `kontor period verify`: reports made anew from the log, and logs that somebody meddled with.

use chrono::{DateTime, Months, Utc};
use kontor_commands::{Outcome, clock};
use kontor_domain::{
    accounting_period::{Ledgers, Month, accounting_period_id},
    credit_ledger::{chain::Head, house_ledger_id},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ledger::meddle,
    records::{Records, tenant},
};

fn last_month() -> Month {
    let now = clock::now().with_timezone(&chrono_tz::Europe::Moscow).date_naive();
    Month::of(now.checked_sub_months(Months::new(1)).unwrap())
}

/// Books a fee in the ledger of the house; where it stands in the log.
async fn book(records: &Records, effective_at: DateTime<Utc>, amount_minor: i64) -> i64 {
    let id = Uuid::now_v7();
    let adjust = json!({
        "type": "adjust", "adjustment_id": id, "cause": "statement", "about": id,
        "effective_at": effective_at,
        "postings": [{
            "debit": "expenses:provider_fees", "credit": "assets:clearing:stripe",
            "amount": {"amount_minor": amount_minor, "currency": "USD"},
        }],
    });
    accepted(records.send("credit_ledger", house_ledger_id(&tenant()), adjust).await.1)
}

fn accepted(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Accepted(accepted) => accepted.last_position.unwrap(),
        Outcome::Refused { refusal } => panic!("{refusal:?}"),
    }
}

/// A tenant whose last month is closed with two fees of 45 and 5 cents, and has a late entry since.
async fn closed() -> Records {
    let records = Records::empty().await;
    let create = json!({ "type": "create", "name": "Ёлка", "kind": "shop", "language": "ru",
        "time_zone": "Europe/Moscow" });
    records.send("tenant", tenant().stream_id(), create).await;
    let (month, zone) = (last_month(), chrono_tz::Europe::Moscow);
    let (starts_at, ends_at) = (month.begins(zone), month.next().begins(zone));
    let within = ends_at - chrono::TimeDelta::seconds(1);
    book(&records, within, 45).await;
    let position = book(&records, starts_at, 5).await;
    let (version, head): (i64, String) = sqlx::query_as(
        "select version, payload #>> '{booking,head}' from events where position = $1",
    )
    .bind(position)
    .fetch_one(&records.pool)
    .await
    .unwrap();
    let end = (house_ledger_id(&tenant()), version, Head::try_from(head).unwrap());
    let row = |account: &str, debits: &str, credits: &str, closing: &str| {
        json!({"account": account, "unit": "USD", "opening": "0", "debits": debits,
            "credits": credits, "late_debits": "0", "late_credits": "0", "closing": closing})
    };
    let close = json!({
        "type": "close", "month": month, "starts_at": starts_at, "ends_at": ends_at,
        "position": position, "ledgers": Ledgers::of(&tenant(), vec![end]),
        "figures": {
            "accounts": [
                row("assets:clearing:stripe", "0", "50", "-50"),
                row("expenses:provider_fees", "50", "0", "50"),
            ],
            "payments": [{"account": "assets:clearing:stripe", "unit": "USD",
                "kind": "settlement", "count": 2, "amount": "-50"}],
            "bookings": 2, "late_bookings": 0,
        },
    });
    accepted(records.send("accounting_period", accounting_period_id(&tenant()), close).await.1);
    book(&records, within, 7).await;
    records
}

async fn verify(records: &Records) -> (i32, Value) {
    let slug = tenant();
    let words = ["period", "verify", "--tenant", slug.as_str(), "--json"];
    let (code, output, errors) = records.kontor(&words).await;
    let told = serde_json::from_str(&output);
    (code, told.unwrap_or_else(|err| panic!("{err}: {output}{errors}")))
}

#[tokio::test]
async fn a_report_holds_and_whatever_is_changed_under_it_is_named() {
    let records = closed().await;
    let (code, told) = verify(&records).await;
    assert_eq!((code, &told[0]["holds"]), (0, &json!(true)), "{told}");
    for (change, word) in [
        (
            "update events set payload = replace(payload::text, '-45', '-46')::jsonb \
             where position = (select min(position) from events where event_type = 'credit_ledger.adjusted')",
            "assets:clearing:stripe",
        ),
        (
            "update events set payload = jsonb_set(payload, '{books,figures,bookings}', '3') \
             where event_type = 'accounting_period.closed'",
            "another hash",
        ),
        (
            "update events set payload = jsonb_set(payload, '{booking,head}', to_jsonb(repeat('ab', 32))) \
             where position = (select max(position) from events where event_type = 'credit_ledger.adjusted' \
                 and position < (select position from events where event_type = 'accounting_period.closed'))",
            "the ledgers end otherwise",
        ),
    ] {
        let records = closed().await;
        meddle(&records, change).await;
        let (code, told) = verify(&records).await;
        assert_eq!((code, &told[0]["holds"]), (1, &json!(false)), "{change}: {told}");
        assert!(told[0]["differs"].to_string().contains(word), "{word}: {told}");
    }
}

#[tokio::test]
async fn an_export_marks_what_came_after_the_close() {
    let records = closed().await;
    let folder = tempfile::tempdir().unwrap();
    let books = folder.path().join("books");
    let slug = tenant();
    let words = ["ledger", "export", books.to_str().unwrap(), "--tenant", slug.as_str(), "--json"];
    let told = records.json(&words).await;
    assert_eq!(told[0]["books"]["late_bookings"], 1, "{told:?}");
    let body = std::fs::read_to_string(books.join("body.journal")).unwrap();
    let (of, counts_in) = (last_month(), last_month().next());
    assert_eq!(body.matches(&format!("late_of: {of}\n    ; counts_in: {counts_in}\n")).count(), 1);
}
