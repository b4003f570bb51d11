//! What happens to credit ledgers.

use serde_json::{Value, json};

use super::{EventContract, first};
use crate::shapes::{always, flag, instant, list, object, sometimes, uuid, whole, word};

const SOURCES: [&str; 5] = ["purchase", "welcome", "tutorial", "gift", "promo"];
pub(super) const PERIODS: [&str; 3] = ["day", "week", "month"];
const PROVIDERS: [&str; 4] = ["stripe", "yookassa", "telegram_stars", "manual"];
const REASONS: [&str; 6] =
    ["not_delivered", "customer_asked", "mistake", "fraud", "goodwill", "uncollectible"];

pub(super) fn events() -> Vec<EventContract> {
    [sales(), spends(), notices(), corrections(), parts(), disputes(), passes()].concat()
}

fn sales() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.opened",
            "A credit ledger was opened.",
            vec![
                always("ledger_id", uuid("The ledger's own id")),
                always("account_id", uuid("The account that it belongs to")),
                always("booking", booking()),
            ],
            &[
                r#"{"ledger_id":"00000000-0000-0000-0000-000000000090","account_id":"00000000-0000-0000-0000-00000000000a","booking":{"number":1,"at":"2026-11-16T09:00:00Z","head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.granted",
            "A customer got credits.",
            vec![
                always("grant_id", uuid("The grant, or the pass")),
                always("source", word("Where the credits come from", &SOURCES)),
                always("credits", credits("How many credits")),
                sometimes("payment", payment()),
                sometimes("expires_at", instant("When it runs out")),
                always("priority", whole("Which credits are spent first: the lower one", 0, 100)),
                always("booking", booking()),
            ],
            &[
                r#"{"grant_id":"00000000-0000-0000-0000-000000000091","source":"purchase","credits":25,"payment":{"payment_id":"00000000-0000-0000-0000-000000000095","provider":"stripe","price":{"amount_minor":500,"currency":"USD"}},"expires_at":"2027-11-16T09:00:00Z","priority":50,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"equity:issued:paid","unit":"CR","amount":25},{"account":"liabilities:credits:paid","unit":"CR","amount":-25,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"assets:clearing:stripe","unit":"USD","amount":500},{"account":"liabilities:deferred_revenue","unit":"USD","amount":-500,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
                r#"{"grant_id":"00000000-0000-0000-0000-000000000091","source":"gift","credits":3,"priority":0,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"equity:issued:promo","unit":"CR","amount":3},{"account":"liabilities:credits:promo","unit":"CR","amount":-3,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.grant_expired",
            "The credits of a grant ran out.",
            vec![
                always("slice", slice()),
                always("effective_at", instant("When they ran out")),
                always("booking", booking()),
            ],
            &[
                r#"{"slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":5,"value":{"amount_minor":100,"currency":"USD"}},"effective_at":"2026-11-16T09:00:00Z","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":5,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:expired","unit":"CR","amount":-5},{"account":"liabilities:deferred_revenue","unit":"USD","amount":100,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"income:breakage","unit":"USD","amount":-100}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

fn spends() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.spent",
            "A customer sent messages, for credits or under a pass.",
            vec![
                always("spend_id", uuid("The spend")),
                always("messages", whole("How many messages", 1, 1000)),
                always("credits", credits("How many credits")),
                sometimes("slices", list("The parts, grant by grant, in order", &slice())),
                sometimes("pass_id", uuid("The pass")),
                always("balance", credits("How many credits may be spent after it")),
                always("booking", booking()),
            ],
            &[
                r#"{"spend_id":"00000000-0000-0000-0000-000000000093","messages":1,"credits":1,"slices":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":1,"value":{"amount_minor":20,"currency":"USD"}}],"pass_id":"00000000-0000-0000-0000-000000000092","balance":24,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":1,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:deferred_revenue","unit":"USD","amount":20,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:consumed","unit":"CR","amount":-1},{"account":"income:messages","unit":"USD","amount":-20}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
                r#"{"spend_id":"00000000-0000-0000-0000-000000000093","messages":1,"credits":0,"pass_id":"00000000-0000-0000-0000-000000000092","balance":24,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"usage:messages","unit":"MSG","amount":1},{"account":"usage:passes","unit":"MSG","amount":-1,"grant_id":"00000000-0000-0000-0000-000000000092"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.held",
            "Credits were put aside for messages that are under way.",
            vec![
                always("hold_id", uuid("The hold")),
                always("messages", whole("How many messages", 1, 1000)),
                always("credits", credits("How many credits")),
                sometimes("slices", list("The parts, grant by grant, in order", &slice())),
                sometimes("pass_id", uuid("The pass")),
                always("expires_at", instant("When it runs out")),
                always("balance", credits("How many credits may be spent after it")),
                always("booking", booking()),
            ],
            &[
                r#"{"hold_id":"00000000-0000-0000-0000-000000000094","messages":2,"credits":2,"slices":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":2}],"pass_id":"00000000-0000-0000-0000-000000000092","expires_at":"2026-11-16T09:15:00Z","balance":23,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":2,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:credits:held","unit":"CR","amount":-2,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.hold_captured",
            "What was put aside was spent, in whole or in part.",
            vec![
                always("hold_id", uuid("The hold")),
                always("messages", whole("How many messages", 1, 1000)),
                always("credits", credits("How many credits")),
                sometimes("slices", list("The parts, grant by grant, in order", &slice())),
                sometimes("released", list("What was given back, grant by grant", &slice())),
                sometimes("pass_id", uuid("The pass")),
                always("balance", credits("How many credits may be spent after it")),
                always("booking", booking()),
            ],
            &[
                r#"{"hold_id":"00000000-0000-0000-0000-000000000094","messages":2,"credits":1,"slices":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":1,"value":{"amount_minor":20,"currency":"USD"}}],"released":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":1}],"pass_id":"00000000-0000-0000-0000-000000000092","balance":24,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:held","unit":"CR","amount":1,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:deferred_revenue","unit":"USD","amount":20,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:consumed","unit":"CR","amount":-1},{"account":"income:messages","unit":"USD","amount":-20},{"account":"liabilities:credits:held","unit":"CR","amount":1,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:credits:paid","unit":"CR","amount":-1,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.hold_released",
            "What was put aside was given back.",
            vec![
                always("hold_id", uuid("The hold")),
                always("cause", word("Why", &["released", "timed_out", "dispute_lost"])),
                sometimes("slices", list("The parts, grant by grant, in order", &slice())),
                always("booking", booking()),
            ],
            &[
                r#"{"hold_id":"00000000-0000-0000-0000-000000000094","cause":"timed_out","slices":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":2}],"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:held","unit":"CR","amount":2,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:credits:paid","unit":"CR","amount":-2,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

/// What moves nothing.
fn notices() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.low",
            "A customer has few credits left; said once until there were more again.",
            vec![
                always("balance", credits("How many credits may be spent")),
                always("threshold", whole("The threshold that was reached", 1, 1000)),
                always("booking", booking()),
            ],
            &[
                r#"{"balance":5,"threshold":5,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.reset_begun",
            "A customer of a tenant that is there for tests began anew.",
            vec![
                always("round", whole("How often, with this time", 1, i64::MAX)),
                always("booking", booking()),
            ],
            &[
                r#"{"round":1,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

fn parts() -> Vec<EventContract> {
    vec![first(
        "credit_ledger.part_refunded",
        "A part of the price went back.",
        vec![
            always("refund_id", uuid("The refund")),
            always("slice", slice()),
            always("amount", money("The money that went back")),
            always("is_last", flag("Nothing of the price is left")),
            always("payment_id", uuid("The payment")),
            always("reason", word("Why", &REASONS)),
            always("booking", booking()),
        ],
        &[
            r#"{"refund_id":"00000000-0000-0000-0000-000000000097","slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":4,"value":{"amount_minor":80,"currency":"USD"}},"amount":{"amount_minor":95,"currency":"USD"},"is_last":false,"payment_id":"00000000-0000-0000-0000-000000000095","reason":"customer_asked","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":4,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:issued:paid","unit":"CR","amount":-4},{"account":"liabilities:deferred_revenue","unit":"USD","amount":80,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"expenses:bad_debt","unit":"USD","amount":15},{"account":"assets:clearing:stripe","unit":"USD","amount":-95}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
        ],
    )]
}

fn corrections() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.spend_reversed",
            "Spent credits were given back.",
            vec![
                always("reversal_id", uuid("The reversal")),
                always("spend_id", uuid("The spend")),
                always("credits", credits("How many credits")),
                always("slices", list("The parts, grant by grant, in order", &slice())),
                always("reason", word("Why", &REASONS)),
                always("booking", booking()),
            ],
            &[
                r#"{"reversal_id":"00000000-0000-0000-0000-000000000096","spend_id":"00000000-0000-0000-0000-000000000093","credits":1,"slices":[{"grant_id":"00000000-0000-0000-0000-000000000091","credits":1,"value":{"amount_minor":20,"currency":"USD"}}],"reason":"not_delivered","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":-1,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"liabilities:deferred_revenue","unit":"USD","amount":-20,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:consumed","unit":"CR","amount":1},{"account":"income:messages","unit":"USD","amount":20}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.grant_refunded",
            "Bought credits were taken back against their money.",
            vec![
                always("refund_id", uuid("The refund")),
                always("slice", slice()),
                always("payment_id", uuid("The payment")),
                always("reason", word("Why", &REASONS)),
                always("booking", booking()),
            ],
            &[
                r#"{"refund_id":"00000000-0000-0000-0000-000000000097","slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":10,"value":{"amount_minor":200,"currency":"USD"}},"payment_id":"00000000-0000-0000-0000-000000000095","reason":"customer_asked","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":10,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:issued:paid","unit":"CR","amount":-10},{"account":"liabilities:deferred_revenue","unit":"USD","amount":200,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"assets:clearing:stripe","unit":"USD","amount":-200}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.refund_returned",
            "The money of a refund came back, and so did its credits.",
            vec![
                always("refund_id", uuid("The refund")),
                always("slice", slice()),
                always("booking", booking()),
            ],
            &[
                r#"{"refund_id":"00000000-0000-0000-0000-000000000097","slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":10,"value":{"amount_minor":200,"currency":"USD"}},"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":-10,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:issued:paid","unit":"CR","amount":10},{"account":"liabilities:deferred_revenue","unit":"USD","amount":-200,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"assets:clearing:stripe","unit":"USD","amount":200}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.grant_revoked",
            "Given credits were taken back.",
            vec![
                always("slice", slice()),
                always("reason", word("Why", &REASONS)),
                always("booking", booking()),
            ],
            &[
                r#"{"slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":3},"reason":"mistake","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:promo","unit":"CR","amount":3,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"equity:revoked","unit":"CR","amount":-3}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

fn disputes() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.dispute_opened",
            "The payment of a grant or pass is disputed.",
            vec![
                always("dispute_id", uuid("The dispute")),
                always("grant_id", uuid("The grant, or the pass")),
                always("amount", money("What the provider holds back, gave back or keeps")),
                always("booking", booking()),
            ],
            &[
                r#"{"dispute_id":"00000000-0000-0000-0000-000000000098","grant_id":"00000000-0000-0000-0000-000000000091","amount":{"amount_minor":500,"currency":"USD"},"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"assets:dispute_reserve","unit":"USD","amount":500},{"account":"assets:clearing:stripe","unit":"USD","amount":-500}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.dispute_closed",
            "A dispute ended.",
            vec![
                always("dispute_id", uuid("The dispute")),
                always("grant_id", uuid("The grant, or the pass")),
                always("outcome", word("How it ended", &["won", "lost"])),
                always("amount", money("What the provider holds back, gave back or keeps")),
                always("revoked", credits("How many unused credits were taken back")),
                always("owed", credits("How many spent credits the customer owes")),
                always("unearned_minor", minor("The money that was not earned yet")),
                always("booking", booking()),
            ],
            &[
                r#"{"dispute_id":"00000000-0000-0000-0000-000000000098","grant_id":"00000000-0000-0000-0000-000000000091","outcome":"lost","amount":{"amount_minor":500,"currency":"USD"},"revoked":20,"owed":5,"unearned_minor":400,"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"assets:receivable","unit":"CR","amount":5},{"account":"equity:revoked","unit":"CR","amount":-25},{"account":"assets:dispute_reserve","unit":"USD","amount":-500},{"account":"liabilities:deferred_revenue","unit":"USD","amount":400,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"expenses:bad_debt","unit":"USD","amount":100},{"account":"liabilities:credits:paid","unit":"CR","amount":20,"grant_id":"00000000-0000-0000-0000-000000000091"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.debt_covered",
            "Bought credits covered what the customer owed.",
            vec![always("slice", slice()), always("booking", booking())],
            &[
                r#"{"slice":{"grant_id":"00000000-0000-0000-0000-000000000091","credits":5,"value":{"amount_minor":100,"currency":"USD"}},"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:credits:paid","unit":"CR","amount":5,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"assets:receivable","unit":"CR","amount":-5},{"account":"liabilities:deferred_revenue","unit":"USD","amount":100,"grant_id":"00000000-0000-0000-0000-000000000091"},{"account":"income:recovered","unit":"USD","amount":-100}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.debt_written_off",
            "What the customer owed was forgiven.",
            vec![
                always("credits", credits("How many credits")),
                always("reason", word("Why", &REASONS)),
                always("booking", booking()),
            ],
            &[
                r#"{"credits":5,"reason":"uncollectible","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"equity:written_off","unit":"CR","amount":5},{"account":"assets:receivable","unit":"CR","amount":-5}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

fn passes() -> Vec<EventContract> {
    vec![
        first(
            "credit_ledger.pass_granted",
            "A customer got a pass: messages without credits for a time.",
            vec![
                always("pass_id", uuid("The pass")),
                always("period", word("How long it lasts", &PERIODS)),
                always("starts_at", instant("When it begins")),
                always("ends_at", instant("The first instant at which it is over")),
                sometimes("payment", payment()),
                always("booking", booking()),
            ],
            &[
                r#"{"pass_id":"00000000-0000-0000-0000-000000000092","period":"week","starts_at":"2026-11-16T09:00:00Z","ends_at":"2026-11-23T09:00:00Z","payment":{"payment_id":"00000000-0000-0000-0000-000000000095","provider":"stripe","price":{"amount_minor":500,"currency":"USD"}},"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"assets:clearing:stripe","unit":"USD","amount":500},{"account":"liabilities:deferred_revenue","unit":"USD","amount":-500,"grant_id":"00000000-0000-0000-0000-000000000092"}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.pass_recognised",
            "A part of a pass is over and earned.",
            vec![
                always("pass_id", uuid("The pass")),
                always("days", whole("How many of its days are over", 0, 30)),
                sometimes("value", money("The money that moves with it")),
                always("booking", booking()),
            ],
            &[
                r#"{"pass_id":"00000000-0000-0000-0000-000000000092","days":1,"value":{"amount_minor":71,"currency":"USD"},"booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:deferred_revenue","unit":"USD","amount":71,"grant_id":"00000000-0000-0000-0000-000000000092"},{"account":"income:passes","unit":"USD","amount":-71}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
        first(
            "credit_ledger.pass_refunded",
            "A pass was ended against what was left of its money.",
            vec![
                always("pass_id", uuid("The pass")),
                always("value", money("The money that moves with it")),
                always("payment_id", uuid("The payment")),
                always("reason", word("Why", &REASONS)),
                always("booking", booking()),
            ],
            &[
                r#"{"pass_id":"00000000-0000-0000-0000-000000000092","value":{"amount_minor":429,"currency":"USD"},"payment_id":"00000000-0000-0000-0000-000000000095","reason":"goodwill","booking":{"number":2,"at":"2026-11-16T09:00:00Z","entries":[{"account":"liabilities:deferred_revenue","unit":"USD","amount":429,"grant_id":"00000000-0000-0000-0000-000000000092"},{"account":"assets:clearing:stripe","unit":"USD","amount":-429}],"head":"abababababababababababababababababababababababababababababababab"}}"#,
            ],
        ),
    ]
}

/// A number of credits.
pub(super) fn credits(description: &str) -> Value {
    whole(description, 0, 1_000_000_000)
}

/// Minor units of a currency.
fn minor(description: &str) -> Value {
    json!({ "type": "integer", "description": format!("{description}, in minor units") })
}

pub(super) fn money(description: &str) -> Value {
    let currency = json!({ "type": "string", "description": "ISO 4217, or XTR for Stars" });
    let amount = minor("How much");
    let mut money = object(vec![always("amount_minor", amount), always("currency", currency)]);
    money["description"] = json!(description);
    money
}

fn payment() -> Value {
    object(vec![
        always("payment_id", uuid("The payment")),
        always("provider", word("Who took it", &PROVIDERS)),
        always("price", money("The price of all that was bought")),
    ])
}

fn slice() -> Value {
    object(vec![
        always("grant_id", uuid("The grant")),
        always("credits", credits("How many of its credits")),
        sometimes("value", money("The part of its price that moves with them")),
    ])
}

pub(super) fn booking() -> Value {
    let account = "The account of the books, such as `liabilities:credits:paid`";
    let unit = "`CR` for credits, `MSG` for messages, or a currency";
    let entry = object(vec![
        always("account", json!({ "type": "string", "description": account })),
        always("unit", json!({ "type": "string", "description": unit })),
        always("amount", json!({ "type": "integer", "description": "Debits are positive" })),
        sometimes("grant_id", uuid("The grant or pass that divides the account")),
    ]);
    let head = "SHA-256 over this event and all before it";
    object(vec![
        always("number", whole("Its number in the ledger", 1, i64::MAX)),
        always("at", instant("When it was booked")),
        sometimes("entries", list("The lines; in each unit their sum is zero", &entry)),
        always(
            "head",
            json!({ "type": "string", "description": head, "pattern": "^[0-9a-f]{64}$" }),
        ),
    ])
}
