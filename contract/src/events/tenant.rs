//! What happens to tenants.

use serde_json::Value;

use super::{EventContract, account::LANGUAGES, first, meter::SOURCES};
use crate::shapes::{
    always, day, flag, list, map, object, short_text, sometimes, text, whole, word,
};

const KINDS: [&str; 5] = ["utility", "shop", "salon", "enterprise", "bureau"];

pub(super) fn events() -> Vec<EventContract> {
    vec![
        first(
            "tenant.created",
            "A tenant was opened.",
            vec![
                always("id", short_text("Its slug", 40)),
                always("name", name()),
                always("kind", word("Its line of business", &KINDS)),
                always("language", language()),
                always("time_zone", time_zone()),
                always("meter_rules", meter_rules()),
            ],
            &[
                r#"{"id":"demo_utility","name":"Горводоканал","kind":"utility","language":"ru","time_zone":"Europe/Moscow","meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"warn","by_source":{}}}"#,
            ],
        ),
        first(
            "tenant.renamed",
            "A tenant got another name.",
            vec![always("name", name())],
            &[r#"{"name":"Водоканал"}"#],
        ),
        first(
            "tenant.locale_changed",
            "A tenant's language or time zone changed.",
            vec![always("language", language()), always("time_zone", time_zone())],
            &[r#"{"language":"en","time_zone":"Asia/Tashkent"}"#],
        ),
        first(
            "tenant.meter_rules_changed",
            "A tenant takes readings by other rules.",
            vec![always("meter_rules", meter_rules())],
            &[
                r#"{"meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"block","by_source":{"web":{"window":false,"confirmation":true,"photo":true}}}}"#,
            ],
        ),
        first(
            "tenant.reading_reminders_changed",
            "A tenant reminds its customers of readings in another way.",
            vec![always("reading_reminders", reading_reminders())],
            &[r#"{"reading_reminders":{"enabled":true,"days_before":3,"hour":10}}"#],
        ),
        first(
            "tenant.reading_reminders_due",
            "The readings of a month are due soon, and customers are reminded of them.",
            vec![
                always("period", day("The month, as its first day")),
                always("closes_on", day("The last day on which its readings are taken")),
            ],
            &[r#"{"period":"2026-11-01","closes_on":"2026-11-25"}"#],
        ),
        first(
            "tenant.credit_rules_changed",
            "A tenant deals with credits by other rules.",
            vec![always("credit_rules", credit_rules())],
            &[
                r#"{"credit_rules":{"enabled":true,"message_cost":1,"welcome_credits":3,"tutorial_credits":2,"low_credits":5,"hold_seconds":900,"messages_per_minute_max":60,"credits_per_day_max":10000,"gifts_per_day_max":1000,"balance_max":1000000,"debt":"block","packages":[10,25,50,100],"test_switch":false}}"#,
            ],
        ),
    ]
}

fn credit_rules() -> Value {
    let debt = "What becomes of credits that were spent before their payment was lost";
    object(vec![
        sometimes("enabled", flag("Whether the tenant deals with credits; no when absent")),
        always("message_cost", whole("What a message costs in credits", 0, 1000)),
        always("welcome_credits", whole("What a new customer is given", 0, 1000)),
        always("tutorial_credits", whole("What the tutorial is rewarded with", 0, 1000)),
        always("low_credits", whole("At which balance a customer is warned", 0, 1000)),
        always("hold_seconds", whole("How long a hold waits for its capture", 30, 86_400)),
        always("messages_per_minute_max", whole("Messages in a minute", 1, 10_000)),
        always("credits_per_day_max", whole("Credits spent in 24 hours", 1, 1_000_000)),
        always("gifts_per_day_max", whole("Credits given in 24 hours", 0, 1_000_000)),
        always("balance_max", whole("Credits that a customer may own", 1, 1_000_000_000)),
        always("debt", word(debt, &["block", "owe", "forgive"])),
        sometimes(
            "packages",
            list("The packages that are offered, in credits", &whole("Credits", 1, 1_000_000)),
        ),
        sometimes("test_switch", flag("Whether customers may begin anew, for tests")),
    ])
}

fn reading_reminders() -> Value {
    object(vec![
        always("enabled", flag("Whether customers are reminded at all")),
        always("days_before", whole("How many days before the window's last day", 0, 10)),
        always("hour", whole("At which hour of the tenant's time zone", 9, 19)),
    ])
}

fn name() -> Value {
    short_text("What the tenant is called", 80)
}

fn language() -> Value {
    word("The language that replies start in", &LANGUAGES)
}

fn time_zone() -> Value {
    text("Its IANA time zone")
}

fn meter_rules() -> Value {
    let rules = object(vec![
        always("window", flag("Readings are taken inside the window only")),
        always("confirmation", flag("An unusual reading must be confirmed")),
        always("photo", flag("A reading needs a photo")),
    ]);
    let verification = "What an overdue verification does to a reading";
    object(vec![
        always("window_first_day", whole("The first day of the month's window", 1, 28)),
        always("window_last_day", whole("Its last day", 1, 31)),
        always("unusual_factor", whole("How many times the usual counts as unusual", 2, 100)),
        always("verification", word(verification, &["warn", "block"])),
        always("by_source", map("Rules that differ by how a reading came in", &SOURCES, &rules)),
    ])
}
