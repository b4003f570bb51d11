//! What happens to the cards that customers keep, and to what is bought with them by itself.

use serde_json::{Value, json};

use super::{EventContract, credit_ledger::money, first, payment::product};
use crate::shapes::{always, day, instant, object, personal, sometimes, text, uuid, whole, word};

const PROVIDERS: [&str; 2] = ["stripe", "yookassa"];
const REMOVALS: [&str; 4] = ["customer", "replaced", "provider", "erased"];
const ENDS: [&str; 8] = [
    "customer",
    "staff",
    "method_removed",
    "method_replaced",
    "declined",
    "disputed",
    "product_changed",
    "consent_withdrawn",
];

pub(super) fn events() -> Vec<EventContract> {
    [methods(), agreements(), charges()].concat()
}

fn methods() -> Vec<EventContract> {
    vec![
        first(
            "billing.method_saved",
            "A card is kept.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("method_id", uuid("The card")),
                always("provider", word("Who keeps it", &PROVIDERS)),
                always("channel", text("Through which of the provider's doors")),
                sometimes("card", personal(&card())),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000001","provider":"stripe","channel":"stripe/shop","card":{"brand":"visa","last4":"4242","expiry_month":12,"expiry_year":2030}}"#,
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000002","provider":"yookassa","channel":"yookassa/shop"}"#,
            ],
        ),
        first(
            "billing.method_removed",
            "A card is not kept any more.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("method_id", uuid("The card")),
                always("reason", word("Why", &REMOVALS)),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000001","reason":"customer"}"#,
            ],
        ),
        first(
            "billing.closed",
            "Nothing is kept or charged for this person any more.",
            vec![always("account_id", uuid("Whose billing it is"))],
            &[r#"{"account_id":"00000000-0000-0000-0000-00000000000a"}"#],
        ),
    ]
}

fn agreements() -> Vec<EventContract> {
    vec![
        first(
            "billing.recharge_enabled",
            "The customer agreed that credits are bought by themselves.",
            vec![always("account_id", uuid("Whose billing it is")), always("terms", terms())],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","terms":{"threshold_credits":5,"product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":499,"currency":"USD"},"monthly_cap":{"amount_minor":1500,"currency":"USD"},"provider":"stripe","channel":"stripe/shop","words":"Когда остаётся меньше 5 кредитов…","language":"ru"}}"#,
            ],
        ),
        first(
            "billing.recharge_disabled",
            "Credits are not bought by themselves any more.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("reason", word("Why", &ENDS)),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","reason":"product_changed"}"#,
            ],
        ),
        first(
            "billing.cap_reached",
            "One more package would cost more than was agreed for the month. Said once in a month.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("month", day("The tenant's month, as its first day")),
                always("monthly_cap", money("How much may be spent in it")),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","month":"2026-11-01","monthly_cap":{"amount_minor":1500,"currency":"USD"}}"#,
            ],
        ),
    ]
}

fn charges() -> Vec<EventContract> {
    vec![
        first(
            "billing.recharge_requested",
            "Few credits were left, so a package is bought as agreed.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("payment_id", uuid("The payment by which it is paid")),
                always("method_id", uuid("The card that is charged")),
                always("provider", word("Who takes the money", &PROVIDERS)),
                always("channel", text("Through which of the provider's doors")),
                always("product", product()),
                always("price", money("What it costs")),
                always("month", day("The tenant's month that it counts in, as its first day")),
                always(
                    "credits_left",
                    json!({ "type": "integer", "description": "How many credits were left" }),
                ),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","method_id":"00000000-0000-0000-0000-000000000001","provider":"stripe","channel":"stripe/shop","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":499,"currency":"USD"},"month":"2026-11-01","credits_left":4}"#,
            ],
        ),
        first(
            "billing.charge_begun",
            "The card is about to be charged; from now on it cannot be stopped.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("payment_id", uuid("The payment")),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
            ],
        ),
        first(
            "billing.recharge_succeeded",
            "What was bought is in the ledger.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("payment_id", uuid("The payment")),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
            ],
        ),
        first(
            "billing.recharge_failed",
            "A charge came to nothing.",
            vec![
                always("account_id", uuid("Whose billing it is")),
                always("payment_id", uuid("The payment")),
                always("reason", text("The provider's code, or `stopped`")),
                sometimes("retry_at", instant("Before that nothing is tried again")),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","reason":"insufficient_funds","retry_at":"2026-11-16T10:00:00Z"}"#,
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","reason":"stopped"}"#,
            ],
        ),
    ]
}

fn card() -> Value {
    object(vec![
        always("brand", text("The card's network, as the provider names it")),
        always("last4", text("The last four digits")),
        sometimes("expiry_month", whole("The month in which it expires", 1, 12)),
        sometimes("expiry_year", whole("The year in which it expires", 2000, 9999)),
    ])
}

fn terms() -> Value {
    object(vec![
        always(
            "threshold_credits",
            whole("Below how many credits something is bought", 1, 1_000_000),
        ),
        always("product", product()),
        always("price", money("What it costs each time")),
        always("monthly_cap", money("How much at most in a calendar month of the tenant")),
        always("provider", word("Who takes the money", &PROVIDERS)),
        always("channel", text("Through which of the provider's doors")),
        always("words", text("The words that were agreed to, exactly as they were shown")),
        always("language", word("The language of the words", &["ru", "en"])),
    ])
}
