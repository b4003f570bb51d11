//! What providers and banks say moved.

use serde_json::{Value, json};

use super::{EventContract, first};
use crate::shapes::{
    always, day, flag, instant, list, object, short_text, sometimes, uuid, whole, word,
};

const SOURCES: [&str; 4] = ["stripe", "yookassa", "telegram_stars", "bank"];
const KINDS: [&str; 7] = ["charge", "refund", "dispute", "fee", "payout", "arrival", "other"];
const PROVIDERS: [&str; 4] = ["stripe", "yookassa", "telegram_stars", "manual"];

pub(super) fn events() -> Vec<EventContract> {
    let file = object(vec![
        always("sha256", short_text("The hash of its bytes, in hexadecimal digits", 64)),
        always("lines", whole("How many lines it has in all", 1, 1_000_000)),
    ]);
    vec![first(
        "provider_statement.lines_recorded",
        "Lines of a file of a provider or a bank were recorded that were not there, or said less.",
        vec![
            always("source", word("Who says it", &SOURCES)),
            always("month", day("The first day of the month, in UTC")),
            always("file", file),
            always("lines", list("The lines", &recorded())),
        ],
        &[
            r#"{"source":"stripe","month":"2026-11-01","file":{"sha256":"abababababababababababababababababababababababababababababababab","lines":3},"lines":[{"line_id":"00000000-0000-0000-0000-000000000007","line":{"kind":"charge","external_id":"txn_1","at":"2026-11-20T10:00:00Z","amount_minor":500,"fee_minor":45,"net_minor":455,"currency":"USD","references":["ch_1","pi_1"],"payout_ref":"po_1"}}]}"#,
            r#"{"source":"bank","month":"2026-11-01","file":{"sha256":"abababababababababababababababababababababababababababababababab","lines":3},"lines":[{"line_id":"00000000-0000-0000-0000-000000000008","completed":true,"line":{"kind":"arrival","external_id":"№ 7","at":"2026-11-22T00:00:00Z","amount_minor":455,"fee_minor":0,"net_minor":455,"currency":"USD","payout_ref":"po_1","from":"stripe"}}]}"#,
        ],
    )]
}

fn recorded() -> Value {
    object(vec![
        always("line_id", uuid("The line; it follows from what the line says")),
        sometimes("completed", flag("It was there, and says more than before")),
        always("line", line()),
    ])
}

fn line() -> Value {
    let minor = |description: &str| json!({ "type": "integer", "description": format!("{description}, in minor units") });
    let id = short_text("An id of the source", 255);
    object(vec![
        always("kind", word("What it is about", &KINDS)),
        always("external_id", short_text("The source's own id of the line", 255)),
        always("at", instant("When it moved")),
        always("amount_minor", minor("What moved; what came in is positive")),
        always("fee_minor", minor("What the source kept of it")),
        always("net_minor", minor("What was left")),
        always("currency", short_text("ISO 4217, or XTR for Stars", 3)),
        sometimes("references", list("The ids of what it is about", &id)),
        sometimes("payout_ref", short_text("The payout that it went into", 255)),
        sometimes("from", word("Whose money arrived at the bank", &PROVIDERS)),
    ])
}
