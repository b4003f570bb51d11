//! What happens to accounts.

use serde_json::Value;

use super::{EventContract, first};
use crate::shapes::{
    always, by_kind, day, instant, or_null, personal, short_text, sometimes, text, whole, word,
};

const ERASURE_GROUNDS: [&str; 4] =
    ["person_asked", "consent_withdrawn", "purpose_ended", "authority_ordered"];
pub(super) const LANGUAGES: [&str; 2] = ["ru", "en"];

pub(super) fn events() -> Vec<EventContract> {
    let mut events = vec![
        first(
            "account.registered",
            "An account was opened.",
            vec![
                always("display_name", name()),
                always("language", language()),
                always("origin", origin()),
                sometimes("phone", personal(&phone())),
            ],
            &[
                r#"{"display_name":"Анна Петрова","language":"ru","origin":{"kind":"telegram","bot":"demo","user_id":1001,"username":"anna"},"phone":"+79161234567"}"#,
                r#"{"display_name":"John Smith","language":"en","origin":{"kind":"api","external_id":"42"}}"#,
            ],
        ),
        first(
            "account.renamed",
            "The holder of an account got another name.",
            vec![always("display_name", name())],
            &[r#"{"display_name":"Анна Иванова"}"#],
        ),
        first(
            "account.language_changed",
            "The holder of an account chose another language.",
            vec![always("language", language())],
            &[r#"{"language":"en"}"#],
        ),
        first(
            "account.phone_changed",
            "The telephone number of an account changed or was removed.",
            vec![always("phone", personal(&or_null(&phone())))],
            &[r#"{"phone":"+79161234567"}"#, r#"{"phone":null}"#],
        ),
    ];
    events.extend(circumstances());
    events.extend(reminders());
    events
}

fn circumstances() -> Vec<EventContract> {
    let bot = || text("The bot's name in the configuration");
    vec![
        first(
            "account.consent_given",
            "The holder agreed to the processing of personal data.",
            vec![always("document_version", text("The version of the text that was shown"))],
            &[r#"{"document_version":"2026-11"}"#],
        ),
        first(
            "account.consent_withdrawn",
            "The holder withdrew the consent to the processing of personal data.",
            Vec::new(),
            &["{}"],
        ),
        first(
            "account.bot_blocked",
            "The holder blocked a bot.",
            vec![always("bot", bot())],
            &[r#"{"bot":"demo"}"#],
        ),
        first(
            "account.bot_unblocked",
            "The holder unblocked a bot.",
            vec![always("bot", bot())],
            &[r#"{"bot":"demo"}"#],
        ),
        first(
            "account.erased",
            "Everything personal about the holder was erased; what was sealed can be read nowhere.",
            vec![always("ground", word("Why", &ERASURE_GROUNDS))],
            &[r#"{"ground":"person_asked"}"#],
        ),
    ]
}

/// Reminders of readings.
fn reminders() -> Vec<EventContract> {
    let occasion = || word("Why the holder is reminded", &["window_closes", "window_opens"]);
    let period = || day("The month, as its first day");
    vec![
        first(
            "account.reading_reminder_asked",
            "The holder wants to be told when readings are taken again.",
            vec![
                always("period", period()),
                always("opens_on", day("The day on which the window opens")),
                always("due_at", instant("When they are to be told")),
            ],
            &[r#"{"period":"2026-12-01","opens_on":"2026-12-15","due_at":"2026-12-15T07:00:00Z"}"#],
        ),
        first(
            "account.reading_reminders_muted",
            "The holder wants no reminders before the end of a window.",
            Vec::new(),
            &["{}"],
        ),
        first(
            "account.reading_reminders_unmuted",
            "The holder wants reminders again.",
            Vec::new(),
            &["{}"],
        ),
        first(
            "account.reading_reminder_postponed",
            "A reminder came at a time at which nobody is disturbed, or too early.",
            vec![
                always("occasion", occasion()),
                always("period", period()),
                always("due_at", instant("When it comes instead")),
            ],
            &[
                r#"{"occasion":"window_closes","period":"2026-11-01","due_at":"2026-11-23T07:00:00Z"}"#,
            ],
        ),
        first(
            "account.reading_reminder_due",
            "The holder is to be reminded of readings now.",
            vec![
                always("occasion", occasion()),
                always("period", period()),
                always("closes_on", day("The last day on which its readings are taken")),
            ],
            &[r#"{"occasion":"window_closes","period":"2026-11-01","closes_on":"2026-11-25"}"#],
        ),
    ]
}

fn name() -> Value {
    personal(&short_text("What the holder is called", 80))
}

fn language() -> Value {
    word("The language in which the holder is addressed", &LANGUAGES)
}

fn phone() -> Value {
    text("The holder's telephone number with its country code")
}

fn origin() -> Value {
    // Telegram promises no more than 52 significant bits.
    let user = whole("Telegram's id of the user", 1, (1 << 52) - 1);
    personal(&by_kind(
        "Where the holder came from",
        vec![
            (
                "telegram",
                vec![
                    always("bot", text("The bot's name in the configuration")),
                    always("user_id", user),
                    sometimes("username", text("The user's name in Telegram")),
                ],
            ),
            ("api", vec![sometimes("external_id", text("The caller's own id of the account"))]),
        ],
    ))
}
