//! What happens to meters.

use serde_json::Value;

use super::{EventContract, first};
use crate::shapes::{
    Field, always, by_kind, day, flag, list, map, milli, or_null, personal, sometimes, text, uuid,
    whole, word,
};

const KINDS: [&str; 5] = ["electricity", "cold_water", "hot_water", "gas", "heat"];
const ZONES: [&str; 3] = ["t1", "t2", "t3"];
pub(super) const SOURCES: [&str; 5] = ["telegram", "web", "api", "operator", "import"];
const WARNINGS: [&str; 3] = ["verification_overdue", "unusual", "rolled_over"];

pub(super) fn events() -> Vec<EventContract> {
    let mut events = vec![registered(), reading_submitted(), reading_corrected()];
    events.extend([
        first(
            "meter.verification_renewed",
            "A meter passed a verification.",
            vec![always("verification_due_on", day("The last day on which it is valid"))],
            &[r#"{"verification_due_on":"2032-03-01"}"#],
        ),
        first(
            "meter.archived",
            "A meter was taken out of service.",
            vec![
                sometimes("account_id", uuid("The account that it counted for")),
                always("reason", reason()),
            ],
            &[
                r#"{"account_id":"00000000-0000-0000-0000-00000000000a","reason":"заменён"}"#,
                r#"{"reason":"заменён"}"#,
            ],
        ),
        first(
            "meter.holder_erased",
            "The holder of a meter was erased.",
            vec![always("account_id", account())],
            &[r#"{"account_id":"00000000-0000-0000-0000-00000000000a"}"#],
        ),
    ]);
    events
}

fn registered() -> EventContract {
    let due = or_null(&day("The last day on which its verification is valid"));
    first(
        "meter.registered",
        "A meter was put into service.",
        vec![
            always("account_id", account()),
            always("kind", word("What it counts: kWh, cubic metres or gigacalories", &KINDS)),
            always("zones", whole("How many tariff zones it shows", 1, 3)),
            always("digits", whole("Digits before the decimal point", 3, 9)),
            always("serial_number", text("The number on its case")),
            always("place", personal(&text("Where it hangs"))),
            always("verification_due_on", due),
            always("registered_on", day("The tenant's local day on which it was put into service")),
            always("initial_values_milli", by_zone("What each zone showed then")),
        ],
        &[
            r#"{"account_id":"01939c5e-0000-7000-8000-00000000000a","kind":"electricity","zones":2,"digits":6,"serial_number":"А-1234567","place":"Кухня","verification_due_on":"2030-01-01","registered_on":"2026-05-16","initial_values_milli":{"t1":1000000,"t2":500000}}"#,
            r#"{"account_id":"01939c5e-0000-7000-8000-00000000000a","kind":"cold_water","zones":1,"digits":5,"serial_number":"7","place":"","verification_due_on":null,"registered_on":"2026-05-16","initial_values_milli":{"t1":0}}"#,
        ],
    )
}

fn reading_submitted() -> EventContract {
    let mut fields = reading();
    fields.extend([
        always("taken_on", day("The tenant's local day on which it was read")),
        sometimes("photo", personal(&photo())),
    ]);
    first(
        "meter.reading_submitted",
        "A reading was accepted.",
        fields,
        &[
            r#"{"reading_id":"01939c5e-0000-7000-8000-000000000101","account_id":"01939c5e-0000-7000-8000-00000000000a","values_milli":{"t1":5000,"t2":501000},"consumption_milli":{"t1":15000,"t2":1000},"usual_milli":30000,"taken_on":"2026-11-16","period":"2026-11-01","source":"telegram","confirmed":true,"rolled_over":["t1"],"warnings":["verification_overdue","unusual","rolled_over"],"photo":{"kind":"telegram","bot":"demo","file_id":"AgAC"}}"#,
            r#"{"reading_id":"01939c5e-0000-7000-8000-000000000101","account_id":"01939c5e-0000-7000-8000-00000000000a","values_milli":{"t1":1100000},"consumption_milli":{"t1":100000},"taken_on":"2026-11-16","period":"2026-11-01","source":"api","confirmed":false}"#,
        ],
    )
}

fn reading_corrected() -> EventContract {
    let mut fields = reading();
    fields.extend([
        always("previous_values_milli", by_zone("What each zone was said to show before")),
        always("reason", reason()),
    ]);
    first(
        "meter.reading_corrected",
        "The last reading of a meter was replaced; it keeps its id, day and month.",
        fields,
        &[
            r#"{"reading_id":"01939c5e-0000-7000-8000-000000000101","account_id":"01939c5e-0000-7000-8000-00000000000a","values_milli":{"t1":1150000},"consumption_milli":{"t1":150000},"usual_milli":30000,"previous_values_milli":{"t1":1100000},"period":"2026-11-01","source":"telegram","confirmed":true,"rolled_over":["t1"],"warnings":["rolled_over"],"reason":"опечатка"}"#,
            r#"{"reading_id":"01939c5e-0000-7000-8000-000000000101","account_id":"01939c5e-0000-7000-8000-00000000000a","values_milli":{"t1":1150000},"consumption_milli":{"t1":150000},"previous_values_milli":{"t1":1100000},"period":"2026-11-01","source":"operator","confirmed":false,"reason":""}"#,
        ],
    )
}

/// What a reading and its correction have in common.
fn reading() -> Vec<Field> {
    let usual = "What is usual over as many days, over all zones; absent while too little is known";
    vec![
        always("reading_id", uuid("The reading's own id")),
        always("account_id", account()),
        always("values_milli", by_zone("What each zone shows")),
        always("consumption_milli", by_zone("What each zone consumed since the reading before")),
        sometimes("usual_milli", milli(usual)),
        always("period", day("The month it counts for, as its first day")),
        always("source", word("How it came in", &SOURCES)),
        always("confirmed", flag("The sender confirmed an unusual value or a rollover")),
        sometimes("rolled_over", {
            list("The zones whose counter passed its largest value", &word("A zone", &ZONES))
        }),
        sometimes("warnings", {
            list("What the tenant's staff should look at", &word("A warning", &WARNINGS))
        }),
    ]
}

fn account() -> Value {
    uuid("The account that the meter counts for")
}

fn reason() -> Value {
    personal(&text("Why, in the sender's words"))
}

fn by_zone(description: &str) -> Value {
    map(description, &ZONES, &milli("A zone's value"))
}

fn photo() -> Value {
    by_kind(
        "A photo of the meter; the picture itself is not in the event",
        vec![
            (
                "telegram",
                vec![
                    always("bot", text("The bot that received it")),
                    always("file_id", text("Telegram's id of the file")),
                ],
            ),
            ("url", vec![always("url", text("An https address that the sender keeps"))]),
        ],
    )
}
