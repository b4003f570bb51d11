//! One dead letter with all that is known of it.

use anyhow::Context;
use kontor_commands::{Envelope, Outcome};
use kontor_postgres::{
    command_dead_letters,
    dead_letters::{self, LetterPlace},
    inspect,
    letters::LetterId,
};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::rows::Row;
use crate::{
    operate::{EventView, Shown},
    output,
};

/// The most bytes of a message that is no command, printed as text.
const MESSAGE_MAX: usize = 4_096;

/// The most entries of its history.
const HISTORY_MAX: i64 = 20;

/// Prints it.
pub(super) async fn show(
    pool: &PgPool,
    id: &LetterId,
    shown: Shown,
    json: bool,
) -> anyhow::Result<()> {
    let mut value = match id {
        LetterId::Command(id) => command(pool, *id, shown).await?,
        LetterId::Follower(place) => follower(pool, place, shown).await?,
    };
    value["history"] = history(pool, &id.to_string()).await?.into();
    if json {
        return output::json(&value);
    }
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => output::line(&format!("{name:12}  {text}")),
                Value::Object(_) | Value::Array(_) => {
                    output::line(&format!("{name}:"));
                    output::line(&serde_json::to_string_pretty(&value)?);
                }
                Value::Bool(_) | Value::Number(_) => {
                    output::line(&format!("{name:12}  {value}"));
                }
            }
        }
    }
    Ok(())
}

async fn command(pool: &PgPool, id: i64, shown: Shown) -> anyhow::Result<Value> {
    let letter = command_dead_letters::find(pool, id).await?;
    let letter = letter.context("there is no such dead letter")?;
    let message = match Envelope::from_bytes(&letter.message) {
        Ok(envelope) => {
            let mut message = serde_json::to_value(&envelope)?;
            message["command"] = shown.command(&envelope.aggregate, &envelope.command);
            message
        }
        Err(error) => {
            let size = letter.message.len();
            let text = String::from_utf8_lossy(&letter.message[..size.min(MESSAGE_MAX)]);
            json!({
                "error": error.to_string(),
                "size_bytes": size,
                // What it is, nobody knows: it may hold anything.
                "text": if shown == Shown::Personal { text } else { crate::operate::MASK.into() },
            })
        }
    };
    let outcome = outcome(pool, letter.command_id).await?;
    let message_fingerprint = letter.fingerprint.clone();
    let command_id = letter.command_id;
    let mut value = serde_json::to_value(Row::from(letter))?;
    value["command_id"] = json!(command_id);
    value["message_fingerprint"] = message_fingerprint.into();
    value["message"] = message;
    value["outcome"] = outcome;
    Ok(value)
}

/// When, by whom, what, and what came of it.
type Action = (chrono::DateTime<chrono::Utc>, String, String, String);

/// What operators did with it, newest first.
async fn history(pool: &PgPool, id: &str) -> anyhow::Result<Vec<Value>> {
    let actions: Vec<Action> = sqlx::query_as(
        "select at, key_prefix, action, outcome from operator_actions
         where target = $1 order by id desc limit $2",
    )
    .bind(id)
    .bind(HISTORY_MAX)
    .fetch_all(pool)
    .await
    .context("the journal cannot be read")?;
    let entry = |(at, by, action, outcome): Action| json!({ "at": at, "by": by, "action": action, "outcome": outcome });
    Ok(actions.into_iter().map(entry).collect())
}

/// What became of the command otherwise: it may have been sent again by its sender.
async fn outcome(pool: &PgPool, command_id: Option<uuid::Uuid>) -> anyhow::Result<Value> {
    let Some(command_id) = command_id else { return Ok(Value::Null) };
    let receipts = inspect::receipts(pool, command_id).await?;
    Ok(match receipts.first().map(|(_, receipt)| &receipt.outcome) {
        None => "none is known".into(),
        Some(Outcome::Accepted(_)) => "it was accepted meanwhile; skip it".into(),
        Some(Outcome::Refused { refusal }) => {
            format!("it was refused meanwhile ({}); skip it", refusal.code).into()
        }
    })
}

async fn follower(pool: &PgPool, place: &LetterPlace, shown: Shown) -> anyhow::Result<Value> {
    let letter = dead_letters::find(pool, place).await?;
    let letter = letter.context("there is no such dead letter")?;
    let event = inspect::at(pool, place.position).await?;
    let event = event.as_ref().map(|event| EventView::of(event, shown));
    let behind: Vec<Value> = dead_letters::behind(pool, place)
        .await?
        .into_iter()
        .map(|(position, event_type)| json!({ "position": position, "type": event_type }))
        .collect();
    let (next_at, state) = (letter.next_at, letter.state.clone());
    let mut value = serde_json::to_value(Row::from(letter))?;
    value["next_attempt"] = match state.as_str() {
        "skipped" => "never: it was skipped".into(),
        "retry" => "now, an operator asked for it".into(),
        _ => format!("{} UTC, unless its attempts are used up", next_at.format("%F %T")).into(),
    };
    value["event"] = serde_json::to_value(event)?;
    value["behind"] = behind.into();
    Ok(value)
}
