//! `kontor dead-letters`: what could not be carried out, for an operator to try again or give up.

use std::time::Duration;

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent};
use kontor_postgres::{command_dead_letters, dead_letters};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{cli::OutputArgs, failure::Failure, output};

/// The most rows that are listed; a longer list is a disaster, not a list.
const LIST_MAX: u32 = 500;
/// How long a command that is sent again may take.
const WAIT: Duration = Duration::from_secs(10);
/// The longest reason in a table; JSON has all of it.
const REASON_LENGTH_MAX: usize = 90;

/// Which dead letter: `command:17`, or `follower:readings:1:<stream>:<position>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum LetterId {
    Command(i64),
    Follower { name: String, version: i32, key: Uuid, position: i64 },
}

impl LetterId {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(text).ok_or_else(|| {
            Failure::Usage(format!(
                "`{text}` is no id of a dead letter; `kontor dead-letters list` shows them"
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "command" => rest.parse().ok().map(Self::Command),
            "follower" => {
                let mut parts = rest.split(':');
                let id = Self::Follower {
                    name: parts.next()?.to_owned(),
                    version: parts.next()?.parse().ok()?,
                    key: parts.next()?.parse().ok()?,
                    position: parts.next()?.parse().ok()?,
                };
                parts.next().is_none().then_some(id)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    what: String,
    attempts: i32,
    since: chrono::DateTime<chrono::Utc>,
    /// Later events of the same stream that wait behind it.
    waiting: i64,
    reason: String,
}

/// Lists what waits for an operator.
pub(crate) async fn list(pool: &PgPool, args: OutputArgs) -> anyhow::Result<()> {
    let parked = command_dead_letters::CommandLetterState::Parked;
    let commands = command_dead_letters::list(pool, parked, 0, LIST_MAX).await?;
    let followers = dead_letters::list(pool, None, LIST_MAX).await?;
    let commands = commands.into_iter().map(|letter| Row {
        id: format!("command:{}", letter.id),
        what: format!("a command to {} of {}", or(&letter.aggregate), or(&letter.tenant)),
        attempts: letter.attempts,
        since: letter.recorded_at,
        waiting: 0,
        reason: letter.reason,
    });
    let followers = followers.into_iter().map(|letter| Row {
        id: format!(
            "follower:{}:{}:{}:{}",
            letter.name, letter.version, letter.key, letter.position
        ),
        what: format!("event {} in {}", letter.position, letter.name),
        attempts: letter.attempts,
        since: letter.first_at,
        waiting: letter.waiting,
        reason: letter.error,
    });
    let rows: Vec<Row> = commands.chain(followers).collect();
    if args.json {
        return output::json(&rows);
    }
    if rows.is_empty() {
        output::line("There are no dead letters: everything was carried out.");
        return Ok(());
    }
    let cells: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            let since = row.since.format("%Y-%m-%d %H:%M").to_string();
            let reason: String = row.reason.chars().take(REASON_LENGTH_MAX).collect();
            vec![row.id, row.what, row.attempts.to_string(), row.waiting.to_string(), since, reason]
        })
        .collect();
    output::table(&["ID", "WHAT", "ATTEMPTS", "WAITING", "SINCE (UTC)", "REASON"], &cells);
    Ok(())
}

/// Tries one again. A command is sent as it came, under its own id, so it cannot take effect twice.
pub(crate) async fn retry(
    pool: &PgPool,
    sender: &dyn CommandSender,
    id: &LetterId,
) -> anyhow::Result<()> {
    match id {
        LetterId::Follower { name, version, key, .. } => {
            if !dead_letters::retry(pool, name, *version, *key).await? {
                bail!("nothing is parked there any more");
            }
            output::line("The follower tries it again within a few seconds.");
        }
        LetterId::Command(id) => {
            let letter = command_dead_letters::find(pool, *id).await?;
            let letter = letter.context("there is no such dead letter")?;
            let envelope = Envelope::from_bytes(&letter.message)
                .context("the message is no command and can only be skipped")?;
            let sent = sender.send(envelope, WAIT).await.context("it was not sent")?;
            if !command_dead_letters::retry(pool, *id).await? {
                bail!("it was sent, but it is not parked any more");
            }
            output::line(match sent {
                Sent::Done { outcome: Outcome::Accepted(_), .. } => "Sent and accepted.",
                Sent::Done { outcome: Outcome::Refused { .. }, .. } => "Sent and refused.",
                Sent::Unknown => "Sent; its outcome is not known yet.",
            });
        }
    }
    Ok(())
}

/// Gives one up for good.
pub(crate) async fn skip(pool: &PgPool, id: &LetterId) -> anyhow::Result<()> {
    let skipped = match id {
        LetterId::Command(id) => command_dead_letters::skip(pool, *id).await?,
        LetterId::Follower { name, version, key, position } => {
            dead_letters::skip(pool, name, *version, *key, *position).await?
        }
    };
    if !skipped {
        bail!("it is not parked any more");
    }
    output::line("Skipped; its reason stays on record.");
    Ok(())
}

fn or(text: &str) -> &str {
    if text.is_empty() { "(unknown)" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_are_listed() {
        assert_eq!(LetterId::read("command:17"), Some(LetterId::Command(17)));
        let key = Uuid::from_u128(7);
        assert_eq!(
            LetterId::read(&format!("follower:readings:1:{key}:4711")),
            Some(LetterId::Follower { name: "readings".into(), version: 1, key, position: 4711 })
        );
        for wrong in ["", "17", "command:", "command:x", "follower:readings:1", "other:1"] {
            assert_eq!(LetterId::read(wrong), None, "{wrong}");
        }
        assert_eq!(LetterId::read(&format!("follower:readings:1:{key}:4711:5")), None);
    }
}
