//! What is booked in the ledger of the house, and the work on differences that leads there.

use serde_json::{Value, json};

use super::{
    EventContract,
    credit_ledger::{booking, money},
    first,
};
use crate::shapes::{always, instant, list, object, short_text, sometimes, text, uuid, word};

const CAUSES: [&str; 3] = ["statement", "correction", "write_off"];
const EXPLANATIONS: [&str; 8] = [
    "timing",
    "provider_error",
    "our_error",
    "bank_error",
    "paid_elsewhere",
    "test",
    "exchange_rate",
    "fee",
];

pub(super) fn events() -> Vec<EventContract> {
    [adjusted(), work(), ends()].concat()
}

fn adjusted() -> Vec<EventContract> {
    vec![first(
        "credit_ledger.adjusted",
        "Something was booked that belongs to no customer: a fee, a payout, a correction.",
        vec![
            always("adjustment_id", uuid("The booking, as it was asked for")),
            always("cause", word("Why", &CAUSES)),
            always("about", uuid("The statement or the difference that it is about")),
            always("effective_at", instant("From when on it holds")),
            always("postings", list("What was moved", &posting("One movement"))),
            always("booking", booking()),
        ],
        &[
            r#"{"adjustment_id":"00000000-0000-0000-0000-000000000099","cause":"statement","about":"00000000-0000-0000-0000-0000000000c1","effective_at":"2026-11-15T23:59:59Z","postings":[{"debit":"expenses:provider_fees","credit":"assets:clearing:stripe","amount":{"amount_minor":45,"currency":"USD"}}],"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"expenses:provider_fees","unit":"USD","amount":45},{"account":"assets:clearing:stripe","unit":"USD","amount":-45}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
        ],
    )]
}

fn work() -> Vec<EventContract> {
    vec![
        first(
            "reconciliation.assigned",
            "Somebody takes care of a difference between the books and a provider or bank.",
            vec![always("by", text("Who, by the name of their key"))],
            &[r#"{"by":"api_key:kt_1"}"#],
        ),
        first(
            "reconciliation.explained",
            "A difference was explained and closed.",
            vec![always("explanation", word("Why there is one", &EXPLANATIONS)), reference()],
            &[r#"{"explanation":"timing","reference":"T-17"}"#, r#"{"explanation":"test"}"#],
        ),
        first(
            "reconciliation.reopened",
            "A difference was opened again. What was booked stays booked.",
            vec![],
            &["{}"],
        ),
    ]
}

fn ends() -> Vec<EventContract> {
    vec![
        first(
            "reconciliation.adjusted",
            "A difference was put right by a booking and closed.",
            vec![
                always("explanation", word("Why there was one", &EXPLANATIONS)),
                always("posting", posting("What is booked")),
                reference(),
            ],
            &[
                r#"{"explanation":"fee","posting":{"debit":"expenses:differences","credit":"assets:clearing:stripe","amount":{"amount_minor":500,"currency":"USD"}},"reference":"T-17"}"#,
            ],
        ),
        first(
            "reconciliation.write_off_proposed",
            "Somebody proposed to give a difference up.",
            vec![
                always("by", text("Who, by the name of their key")),
                always("posting", posting("What is to be booked")),
                reference(),
            ],
            &[
                r#"{"by":"api_key:kt_1","posting":{"debit":"expenses:differences","credit":"assets:clearing:stripe","amount":{"amount_minor":500,"currency":"USD"}},"reference":"T-17"}"#,
            ],
        ),
        first(
            "reconciliation.written_off",
            "A second person agreed: a difference was given up and closed.",
            vec![
                always("posting", posting("What is booked")),
                always("proposed_by", text("Who proposed it, by the name of their key")),
            ],
            &[
                r#"{"posting":{"debit":"expenses:differences","credit":"assets:clearing:stripe","amount":{"amount_minor":500,"currency":"USD"}},"proposed_by":"api_key:kt_1"}"#,
            ],
        ),
    ]
}

fn reference() -> crate::shapes::Field {
    sometimes("reference", short_text("Where more is written, such as the number of a letter", 64))
}

fn posting(description: &str) -> Value {
    let account = |side: &str| {
        let about = format!("The account that it comes {side}, such as `assets:clearing:stripe`");
        json!({ "type": "string", "description": about })
    };
    let mut posting = object(vec![
        always("debit", account("to")),
        always("credit", account("from")),
        always("amount", money("How much")),
    ]);
    posting["description"] = json!(description);
    posting
}
