//! What follows from the answer to a call.

use std::time::Duration;

use serde_json::Value;

use crate::{
    api::CallError,
    outbox::{End, OutboxRow},
    outgoing::Method,
    pause::pause,
    settings::TelegramSettings,
};

/// How often a message may perhaps have arrived: once. A second uncertain attempt ends it, because
/// a person who reads the same thing three times believes that the bot is broken.
pub(crate) const UNCERTAIN_MAX: i32 = 1;

/// How often a message is sent again because its sender ended with the row in hand. Such an end says
/// little about the message, which had left in few of these cases: an answer that never comes is
/// worse than one that comes twice. The bound is for a message that ends its senders.
pub(crate) const INTERRUPTED_MAX: i32 = 5;

/// How often a message is tried at all, refusals for haste and lost networks included: with the
/// pauses between them about three hours.
const ATTEMPTS_MAX: i32 = 200;

/// What to do with a row after a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum After {
    /// It is over.
    End(End),
    /// The message to change is gone: send it as a new one.
    SendAnew,
    /// Try again.
    Again { pause: Duration, uncertain: bool, error: String },
    /// Telegram asked to wait.
    Wait { pause: Duration, error: String },
    /// Telegram cannot be reached: the bot rests.
    Unreachable { pause: Duration, error: String },
    /// The token is refused: the bot stops.
    Suspend { error: String },
}

/// Judges the answer to a call.
pub(crate) fn verdict(
    row: &OutboxRow,
    result: Result<Value, CallError>,
    settings: &TelegramSettings,
) -> After {
    let err = match result {
        Ok(message) => {
            let message_id = message.get("message_id").and_then(Value::as_i64);
            // Zero stands for a message that is sent later and has no number yet.
            let message_id = message_id.and_then(|id| i32::try_from(id).ok()).filter(|id| *id > 0);
            return After::End(End::Sent { message_id });
        }
        Err(err) => err,
    };
    let error = err.to_string();
    if row.attempts >= ATTEMPTS_MAX {
        return After::End(End::Failed(error));
    }
    if let Some(wait) = err.retry_after() {
        // A little more than asked, not the same for all.
        return After::Wait { pause: wait + pause(1, settings.retry_pause_first, wait), error };
    }
    let attempt = u32::try_from(row.attempts).unwrap_or(1);
    let next = pause(attempt, settings.retry_pause_first, settings.retry_pause_max);
    match &err {
        CallError::Answered { status: 400..=499, description, .. } if err.is_token_refused() => {
            tracing::debug!("The token is refused: {description}");
            After::Suspend { error }
        }
        CallError::Answered { status: 429, .. } => After::Wait { pause: next, error },
        CallError::Answered { status: 400..=499, description, .. } => {
            refused(row, &description.to_lowercase(), error)
        }
        CallError::Answered { .. } | CallError::Unanswered(_) | CallError::Unreadable { .. } => {
            uncertain(row, next, error)
        }
        CallError::NotSent(_) => After::Unreachable { pause: next, error },
        CallError::Unsendable(_) => After::End(End::Failed(error)),
    }
}

/// Telegram will never accept this call.
fn refused(row: &OutboxRow, description: &str, error: String) -> After {
    let gone = ["bot was blocked by the user", "user is deactivated"];
    if gone.iter().any(|words| description.contains(words)) {
        return After::End(End::Blocked(error));
    }
    if description.contains("message is not modified") {
        return After::End(End::Sent { message_id: None });
    }
    let lost = ["message to edit not found", "message can't be edited"];
    if row.method == Method::EditMessageText.name()
        && lost.iter().any(|words| description.contains(words))
    {
        return After::SendAnew;
    }
    After::End(End::Failed(error))
}

/// The call may have had its effect. A change of a message can be repeated at will; a new text is
/// tried once more; a picture is not, because its text follows anyway, nor a file, which is there at
/// the press of a button.
fn uncertain(row: &OutboxRow, pause: Duration, error: String) -> After {
    let again = match Method::named(&row.method) {
        Some(Method::EditMessageText | Method::EditMessageReplyMarkup) => true,
        // A second invoice is paid once at most: the payment refuses the other.
        Some(Method::SendMessage | Method::SendInvoice) => row.uncertain < UNCERTAIN_MAX,
        Some(Method::SendPhoto | Method::SendDocument) | None => false,
    };
    if again {
        After::Again { pause, uncertain: true, error }
    } else {
        After::End(End::Unknown(error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{After, verdict};
    use crate::{
        api::CallError,
        outbox::{End, OutboxRow},
        settings::TelegramSettings,
    };

    fn row(method: &str, uncertain: i32) -> OutboxRow {
        OutboxRow {
            key: "u1:0".to_owned(),
            id: 1,
            chat_id: 42,
            method: method.into(),
            payload: json!({}),
            picture: None,
            file_name: None,
            attempts: 1,
            uncertain,
        }
    }

    fn answered(status: u16, description: &str, retry_after: Option<u64>) -> CallError {
        CallError::Answered {
            status,
            description: description.into(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn judge(row: &OutboxRow, err: CallError) -> After {
        verdict(row, Err(err), &TelegramSettings::default())
    }

    #[test]
    fn a_sent_message_has_its_number() {
        let settings = TelegramSettings::default();
        let sent = |value| verdict(&row("sendMessage", 0), Ok(value), &settings);
        assert_eq!(sent(json!({"message_id": 7})), After::End(End::Sent { message_id: Some(7) }));
        assert_eq!(sent(json!({"message_id": 0})), After::End(End::Sent { message_id: None }));
        assert_eq!(sent(json!(true)), After::End(End::Sent { message_id: None }));
    }

    #[test]
    fn waiting_is_as_long_as_telegram_asks() {
        let after = judge(
            &row("sendMessage", 0),
            answered(429, "Too Many Requests: retry after 7", Some(7)),
        );
        let After::Wait { pause, .. } = after else { panic!("{after:?}") };
        assert!((Duration::from_secs(7)..Duration::from_secs(8)).contains(&pause));
    }

    #[test]
    fn people_who_are_gone_are_told_apart_from_other_refusals() {
        for words in ["Forbidden: bot was blocked by the user", "Forbidden: user is deactivated"] {
            let after = judge(&row("sendMessage", 0), answered(403, words, None));
            assert!(matches!(after, After::End(End::Blocked(_))), "{after:?}");
        }
        for words in [
            "Forbidden: bot can't initiate conversation with a user",
            "Bad Request: chat not found",
        ] {
            let after = judge(&row("sendMessage", 0), answered(403, words, None));
            assert!(matches!(after, After::End(End::Failed(_))), "{after:?}");
        }
    }

    #[test]
    fn a_change_that_changes_nothing_is_done_and_a_lost_message_is_sent_anew() {
        let same = answered(400, "Bad Request: message is not modified: specified new", None);
        let after = judge(&row("editMessageText", 0), same);
        assert_eq!(after, After::End(End::Sent { message_id: None }));
        let lost = || answered(400, "Bad Request: message to edit not found", None);
        assert_eq!(judge(&row("editMessageText", 0), lost()), After::SendAnew);
        let after = judge(&row("editMessageReplyMarkup", 0), lost());
        assert!(matches!(after, After::End(End::Failed(_))), "{after:?}");
    }

    #[test]
    fn an_uncertain_text_is_tried_once_more_and_a_picture_is_not() {
        let broken = || answered(502, "Bad Gateway", None);
        let first = judge(&row("sendMessage", 0), broken());
        assert!(matches!(first, After::Again { uncertain: true, .. }), "{first:?}");
        let second = judge(&row("sendMessage", 1), broken());
        assert!(matches!(second, After::End(End::Unknown(_))), "{second:?}");
        let picture = judge(&row("sendPhoto", 0), broken());
        assert!(matches!(picture, After::End(End::Unknown(_))), "{picture:?}");
        let edit = judge(&row("editMessageText", 5), broken());
        assert!(matches!(edit, After::Again { .. }), "{edit:?}");
    }

    #[test]
    fn a_refused_token_stops_the_bot() {
        let after = judge(&row("sendMessage", 0), answered(401, "Unauthorized", None));
        assert!(matches!(after, After::Suspend { .. }), "{after:?}");
    }
}
