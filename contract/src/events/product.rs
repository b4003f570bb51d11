//! What happens to products.

use serde_json::{Value, json};

use super::{
    EventContract,
    credit_ledger::{PERIODS, money},
    first,
};
use crate::shapes::{Field, always, list, object, short_text, whole, word};

const KINDS: [&str; 2] = ["digital", "real_world"];

pub(super) fn events() -> Vec<EventContract> {
    vec![
        first("product.created", "A product was made; it is not on sale yet.", terms(), &EXAMPLES),
        first(
            "product.changed",
            "A product's terms changed, for whoever buys it from now on.",
            terms(),
            &EXAMPLES,
        ),
        first("product.activated", "A product is on sale.", vec![], &["{}"]),
        first("product.deactivated", "A product is not on sale any more.", vec![], &["{}"]),
    ]
}

const EXAMPLES: [&str; 2] = [
    r#"{"name":{"ru":"25 сообщений","en":"25 messages"},"gives":{"credits":25},"kind":"digital","prices":[{"amount_minor":49900,"currency":"RUB"},{"amount_minor":250,"currency":"XTR"}],"ordinal":20}"#,
    r#"{"name":{"ru":"Неделя","en":"A week"},"gives":{"pass":"week"},"kind":"real_world","prices":[],"ordinal":0}"#,
];

fn terms() -> Vec<Field> {
    let name = object(vec![
        always("ru", short_text("In Russian", 64)),
        always("en", short_text("In English", 64)),
    ]);
    let kind = "`digital` is sold for Telegram Stars in the chat, `real_world` for money";
    let prices = "What it costs, once in each currency";
    vec![
        always("name", name),
        always("gives", gives()),
        always("kind", word(kind, &KINDS)),
        always("prices", list(prices, &money("A price"))),
        always("ordinal", whole("Its place in lists, lowest first", 0, 9999)),
    ]
}

pub(super) fn gives() -> Value {
    let credits = whole("How many credits", 1, 1_000_000);
    let pass = word("Messages without credits for that time", &PERIODS);
    json!({
        "description": "What whoever buys it gets",
        "oneOf": [object(vec![always("credits", credits)]), object(vec![always("pass", pass)])],
    })
}
