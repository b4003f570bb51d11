//! What happens to payments.

use serde_json::{Value, json};

use super::{
    EventContract,
    credit_ledger::{credits, money},
    first,
    product::gives,
};
use crate::shapes::{always, flag, instant, object, sometimes, text, uuid, word};

const PROVIDERS: [&str; 4] = ["stripe", "yookassa", "telegram_stars", "manual"];
const REASONS: [&str; 6] =
    ["not_delivered", "customer_asked", "mistake", "fraud", "goodwill", "uncollectible"];
const FACTS: [&str; 5] = ["success", "refund", "refund_failure", "dispute", "dispute_closed"];

/// What is said of a receipt, of a charge and of a refund.
const RECEIPT_OF_CHARGE: &str =
    r#"{"of":"charge","provider_ref":"2d1a7e10-000f-5000-8000-18db351245c7"}"#;
const RECEIPT_OF_REFUND: &str =
    r#"{"of":"refund","provider_ref":"2d1a7e10-0015-5000-8000-1b2c3d4e5f60"}"#;

pub(super) fn events() -> Vec<EventContract> {
    [purchases(), ends(), refunds(), disputes(), receipts()].concat()
}

fn purchases() -> Vec<EventContract> {
    vec![
        first(
            "payment.begun",
            "A purchase was begun.",
            vec![
                always("account_id", uuid("Who buys")),
                always("product", product()),
                always("price", money("What it costs")),
                always("provider", word("Who takes the money", &PROVIDERS)),
                always("channel", text("Through which of the provider's doors")),
                always("expires_at", instant("Until when it can be paid")),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":250,"currency":"XTR"},"provider":"telegram_stars","channel":"telegram/shop_bot","expires_at":"2026-11-17T09:00:00Z"}"#,
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":1,"gives":{"pass":"week"}},"price":{"amount_minor":19900,"currency":"RUB"},"provider":"yookassa","channel":"yookassa/54401","expires_at":"2026-11-17T09:00:00Z"}"#,
            ],
        ),
        first(
            "payment.pending",
            "The customer is paying.",
            vec![sometimes("provider_ref", text("The provider's id of it"))],
            &[r#"{"provider_ref":"pi_1"}"#, r#"{}"#],
        ),
        first(
            "payment.succeeded",
            "It was paid.",
            vec![
                always("provider_ref", text("The provider's id of the charge")),
                always("account_id", uuid("Who buys")),
                always("product", product()),
                always("price", money("What it costs")),
                always("provider", word("Who takes the money", &PROVIDERS)),
            ],
            &[
                r#"{"provider_ref":"stxCharge-1","account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":250,"currency":"XTR"},"provider":"telegram_stars"}"#,
            ],
        ),
        first(
            "payment.surplus_paid",
            "It was paid once more than needed; that charge goes back.",
            vec![
                always("provider_ref", text("The provider's id of the charge")),
                always("amount", money("The amount of the charge")),
            ],
            &[r#"{"provider_ref":"stxCharge-2","amount":{"amount_minor":250,"currency":"XTR"}}"#],
        ),
    ]
}

fn ends() -> Vec<EventContract> {
    vec![
        first(
            "payment.failed",
            "The provider refused it.",
            vec![always("reason", text("The provider's code"))],
            &[r#"{"reason":"insufficient_funds"}"#],
        ),
        first("payment.expired", "Nobody paid it in time.", vec![], &[r#"{}"#]),
        first(
            "payment.outcome_unknown",
            "The provider has not said what came of it.",
            vec![],
            &[r#"{}"#],
        ),
        first(
            "payment.contradicted",
            "A provider said what cannot be. Nothing is delivered for it; a charge goes back.",
            vec![
                always("fact", word("What kind of fact it was", &FACTS)),
                always("provider_ref", text("The provider's id of the charge")),
                always("field", word("What contradicts", &["amount", "currency"])),
                always("expected", money("What the purchase says")),
                always("found", money("What the provider said")),
            ],
            &[
                r#"{"fact":"success","provider_ref":"stxCharge-1","field":"amount","expected":{"amount_minor":250,"currency":"XTR"},"found":{"amount_minor":1,"currency":"XTR"}}"#,
            ],
        ),
    ]
}

fn refunds() -> Vec<EventContract> {
    vec![
        first(
            "payment.refund_requested",
            "The provider is to pay a charge back.",
            vec![
                always("refund_id", uuid("The refund")),
                always("provider_ref", text("The provider's id of the charge")),
                always("amount", money("The amount of the charge")),
                always("reason", word("Why", &REASONS)),
                always(
                    "surplus",
                    flag("The charge was one too many: nothing was delivered for it"),
                ),
                sometimes("part", part()),
            ],
            &[
                r#"{"refund_id":"00000000-0000-0000-0000-0000000000c2","provider_ref":"pi_1","amount":{"amount_minor":400,"currency":"USD"},"reason":"goodwill","surplus":false,"part":{"credits":10,"is_last":false}}"#,
                r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"reason":"customer_asked","surplus":false}"#,
            ],
        ),
        first(
            "payment.refunded",
            "A charge was paid back.",
            vec![
                always("refund_id", uuid("The refund")),
                always("provider_ref", text("The provider's id of the charge")),
                always("amount", money("The amount of the charge")),
                always(
                    "surplus",
                    flag("The charge was one too many: nothing was delivered for it"),
                ),
                sometimes("part", part()),
            ],
            &[
                r#"{"refund_id":"00000000-0000-0000-0000-0000000000c2","provider_ref":"pi_1","amount":{"amount_minor":599,"currency":"USD"},"surplus":false,"part":{"credits":15,"is_last":true}}"#,
                r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"surplus":false}"#,
            ],
        ),
        first(
            "payment.refund_failed",
            "A charge could not be paid back, or the money came back.",
            vec![
                always("refund_id", uuid("The refund")),
                always("provider_ref", text("The provider's id of the charge")),
                always("amount", money("The amount of the charge")),
                always("reason", text("The provider's code")),
                always(
                    "surplus",
                    flag("The charge was one too many: nothing was delivered for it"),
                ),
            ],
            &[
                r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"reason":"charge_not_found","surplus":false}"#,
            ],
        ),
    ]
}

/// A refund that is not all of the charge in one go.
fn part() -> Value {
    object(vec![
        sometimes("credits", credits("The price of how many credits it is")),
        always("is_last", flag("Nothing of the charge is left after it")),
    ])
}

fn disputes() -> Vec<EventContract> {
    vec![
        first(
            "payment.dispute_opened",
            "The payer contests a charge.",
            vec![
                always("dispute_id", uuid("The dispute")),
                always("dispute_ref", text("The provider's id of the dispute")),
                always("provider_ref", text("The provider's id of the charge")),
                always("amount", money("The amount of the charge")),
                always(
                    "surplus",
                    flag("The charge was one too many: nothing was delivered for it"),
                ),
            ],
            &[
                r#"{"dispute_id":"00000000-0000-0000-0000-0000000000d1","dispute_ref":"dp_1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"surplus":false}"#,
            ],
        ),
        first(
            "payment.dispute_closed",
            "A dispute ended.",
            vec![
                always("dispute_id", uuid("The dispute")),
                always("outcome", word("How it ended", &["won", "lost"])),
                always(
                    "surplus",
                    flag("The charge was one too many: nothing was delivered for it"),
                ),
            ],
            &[
                r#"{"dispute_id":"00000000-0000-0000-0000-0000000000d1","outcome":"lost","surplus":false}"#,
            ],
        ),
    ]
}

fn receipts() -> Vec<EventContract> {
    let fields = || {
        vec![
            always("of", word("Of what it is", &["charge", "refund"])),
            always("provider_ref", text("The provider's id of the charge or refund that it is of")),
        ]
    };
    vec![
        first(
            "payment.receipt_requested",
            "The provider is to register a fiscal receipt.",
            fields(),
            &[RECEIPT_OF_CHARGE],
        ),
        first(
            "payment.receipt_failed",
            "A fiscal receipt could not be registered; the seller has to see to it.",
            fields(),
            &[RECEIPT_OF_REFUND],
        ),
        first(
            "payment.receipt_registered",
            "A fiscal receipt is registered.",
            fields(),
            &[RECEIPT_OF_CHARGE],
        ),
    ]
}

pub(super) fn product() -> Value {
    object(vec![
        always("product_id", uuid("The product")),
        always("version", json!({ "type": "integer", "description": "Its version" })),
        always("gives", gives()),
    ])
}
