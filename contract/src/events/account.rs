//! What happens to accounts.

use serde_json::Value;

use super::{EventContract, first};
use crate::shapes::{always, by_kind, or_null, personal, short_text, sometimes, text, whole, word};

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
    by_kind(
        "Where the holder came from",
        vec![
            (
                "telegram",
                vec![
                    always("bot", text("The bot's name in the configuration")),
                    always("user_id", personal(&user)),
                    sometimes("username", personal(&text("The user's name in Telegram"))),
                ],
            ),
            ("api", vec![sometimes("external_id", text("The caller's own id of the account"))]),
        ],
    )
}
