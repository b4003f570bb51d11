//! The months of the books: closed with a report, opened again by two people.

use serde_json::{Value, json};

use super::{EventContract, first};
use crate::shapes::{always, instant, list, object, short_text, sometimes, text, whole, word};

const CHECKS: [&str; 7] = [
    "bookings_parked",
    "differences_open",
    "clearing_open",
    "statements_missing",
    "credits_held",
    "bookings_unsealed",
    "earlier_bookings",
];
const ACKNOWLEDGEMENTS: [&str; 4] = ["settles_later", "checked", "immaterial", "in_work"];
const REASONS: [&str; 5] =
    ["bookings_missing", "bookings_wrong", "statement_late", "audit", "mistake"];
const PAYMENTS: [&str; 5] = ["payment", "refund", "refund_returned", "dispute", "settlement"];

pub(super) fn events() -> Vec<EventContract> {
    [closed(), reopening()].concat()
}

fn closed() -> Vec<EventContract> {
    let finding = object(vec![
        always("check", word("What was looked at", &CHECKS)),
        always("count", whole("How many it found", 1, i64::MAX)),
    ]);
    let acknowledged = object(vec![
        always("check", word("The check", &CHECKS)),
        always("reason", word("Why it does not stand against the close", &ACKNOWLEDGEMENTS)),
        reference(),
    ]);
    vec![first(
        "accounting_period.closed",
        "A month of the books was closed. What is booked later and holds within it is a late entry.",
        vec![
            always("by", by("Who closed it")),
            always("books", books()),
            always("report_sha256", hash("The SHA-256 of the report's text")),
            sometimes("seal", seal()),
            sometimes("findings", list("What the checks found", &finding)),
            sometimes("acknowledged", list("Why that did not stand against it", &acknowledged)),
        ],
        &[
            r#"{"by":"api_key:kt_1","books":{"month":"2026-12","revision":1,"time_zone":"Europe/Moscow","starts_at":"2026-11-30T21:00:00Z","ends_at":"2026-12-31T21:00:00Z","position":90,"previous_position":70,"ledgers":{"count":1,"bookings":3,"root":"0707070707070707070707070707070707070707070707070707070707070707"},"figures":{"accounts":[{"account":"assets:clearing:yookassa","unit":"RUB","opening":"500","debits":"540","credits":"0","late_debits":"20","late_credits":"0","closing":"1040"},{"account":"liabilities:deferred_revenue","unit":"RUB","opening":"-500","debits":"0","credits":"540","late_debits":"0","late_credits":"20","closing":"-1040"}],"payments":[{"account":"assets:clearing:yookassa","unit":"RUB","kind":"payment","count":2,"amount":"540"}],"bookings":2,"late_bookings":1}},"report_sha256":"abababababababababababababababababababababababababababababababab","seal":{"number":3,"position":69,"root":"0707070707070707070707070707070707070707070707070707070707070707"},"findings":[{"check":"clearing_open","count":1}],"acknowledged":[{"check":"clearing_open","reason":"settles_later","reference":"T-17"}]}"#,
            r#"{"by":"api_key:kt_1","books":{"month":"2026-12","revision":1,"time_zone":"Europe/Moscow","starts_at":"2026-11-30T21:00:00Z","ends_at":"2026-12-31T21:00:00Z","position":90,"ledgers":{"count":1,"bookings":3,"root":"0707070707070707070707070707070707070707070707070707070707070707"},"figures":{"accounts":[],"payments":[],"bookings":0,"late_bookings":0}},"report_sha256":"abababababababababababababababababababababababababababababababab"}"#,
        ],
    )]
}

fn reopening() -> Vec<EventContract> {
    vec![
        first(
            "accounting_period.reopen_requested",
            "Somebody asked to open the last closed month again.",
            vec![
                always("month", month()),
                always("by", by("Who asked")),
                always("reason", word("Why", &REASONS)),
                reference(),
            ],
            &[
                r#"{"month":"2026-11","by":"api_key:kt_1","reason":"statement_late","reference":"T-17"}"#,
                r#"{"month":"2026-11","by":"api_key:kt_1","reason":"mistake"}"#,
            ],
        ),
        first(
            "accounting_period.reopen_declined",
            "The request was declined or taken back. The month stays closed.",
            vec![always("month", month()), always("by", by("Who declined it"))],
            &[r#"{"month":"2026-11","by":"api_key:kt_2"}"#],
        ),
        first(
            "accounting_period.reopened",
            "A second person agreed: the month is open again.",
            vec![
                always("month", month()),
                always("by", by("Who agreed")),
                always("requested_by", by("Who asked")),
                always("reason", word("Why", &REASONS)),
                reference(),
            ],
            &[
                r#"{"month":"2026-11","by":"api_key:kt_2","requested_by":"api_key:kt_1","reason":"bookings_missing","reference":"T-17"}"#,
                r#"{"month":"2026-11","by":"api_key:kt_2","requested_by":"api_key:kt_1","reason":"audit"}"#,
            ],
        ),
    ]
}

fn books() -> Value {
    let mut books = object(vec![
        always("month", month()),
        always("revision", whole("How often it was closed, with this time", 1, i64::MAX)),
        always("time_zone", text("The zone of the tenant's calendar")),
        always("starts_at", instant("Its first instant")),
        always("ends_at", instant("The first instant behind it")),
        always("position", whole("The position of the log up to which it counts", 0, i64::MAX)),
        sometimes("previous_position", whole("That of the month before", 0, i64::MAX)),
        always("ledgers", ledgers()),
        always("figures", figures()),
    ]);
    books["description"] = json!("What the report says");
    books
}

fn ledgers() -> Value {
    let mut ledgers = object(vec![
        always("count", whole("How many ledgers have lines", 0, i64::MAX)),
        always("bookings", whole("How many events they have", 0, i64::MAX)),
        always("root", hash("The root of the tree over their ends, in the order of their ids")),
    ]);
    ledgers["description"] = json!("The ledgers that it rests on");
    ledgers
}

fn figures() -> Value {
    let account = || json!({ "type": "string", "description": "Such as `income:messages`" });
    let unit = || json!({ "type": "string", "description": "`CR`, `MSG` or a currency's code" });
    let row = object(vec![
        always("account", account()),
        always("unit", unit()),
        always("opening", sum("What was on it; debits are positive")),
        always("debits", sum("What came")),
        always("credits", sum("What went")),
        always("late_debits", sum("Which of the debits are late entries")),
        always("late_credits", sum("Which of the credits are late entries")),
        always("closing", sum("What is on it at the end")),
    ]);
    let payment = object(vec![
        always("account", account()),
        always("unit", unit()),
        always("kind", word("What it was", &PAYMENTS)),
        always("count", whole("How many lines", 0, i64::MAX)),
        always("amount", sum("Their sum")),
    ]);
    let mut figures = object(vec![
        always("accounts", list("By account and unit", &row)),
        always("payments", list("By provider, unit and kind", &payment)),
        always("bookings", whole("How many bookings count in it", 0, i64::MAX)),
        always("late_bookings", whole("Which of them are late entries", 0, i64::MAX)),
    ]);
    figures["description"] = json!("The figures, in whole credits, messages or minor units");
    figures
}

fn seal() -> Value {
    let mut seal = object(vec![
        always("number", whole("Its number", 1, i64::MAX)),
        always("position", whole("The position of the last booking in it", 0, i64::MAX)),
        always("root", hash("Its root")),
    ]);
    seal["description"] = json!("The last seal at that time");
    seal
}

/// A sum may be wider than the numbers that JSON's readers can hold.
fn sum(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^-?[0-9]+$", "description": description })
}

fn hash(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": description })
}

fn month() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "description": "The month" })
}

fn by(description: &str) -> Value {
    text(&format!("{description}, by the name of their key"))
}

fn reference() -> crate::shapes::Field {
    sometimes("reference", short_text("Where more is written, such as the number of a letter", 64))
}
