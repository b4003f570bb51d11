//! Dead letters of both kinds under one kind of id, and what an operator may do with them.

use std::{fmt, str::FromStr, time::Duration};

use kontor_commands::{CommandSender, Envelope, EnvelopeError, Outcome, SendError, Sent};
use sqlx::PgPool;

use crate::{
    DatabaseError, command_dead_letters,
    dead_letters::{self, LetterPlace},
    error::failed,
};

/// Which dead letter: `command:17`, or `follower:readings:1:<stream>:<position>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LetterId {
    /// A command that could not be carried out, by its row.
    Command(i64),
    /// An event that a follower could not apply, by its place.
    Follower(LetterPlace),
}

/// A text is no id of a dead letter.
#[derive(Debug, thiserror::Error)]
#[error("this is no id of a dead letter")]
pub struct NoLetterId;

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(id) => write!(f, "command:{id}"),
            Self::Follower(LetterPlace { name, version, key, position }) => {
                write!(f, "follower:{name}:{version}:{key}:{position}")
            }
        }
    }
}

impl FromStr for LetterId {
    type Err = NoLetterId;

    fn from_str(text: &str) -> Result<Self, NoLetterId> {
        let (kind, rest) = text.split_once(':').ok_or(NoLetterId)?;
        match kind {
            "command" => rest.parse().map(Self::Command).map_err(|_| NoLetterId),
            "follower" => {
                let parts: Vec<&str> = rest.split(':').collect();
                let [name, version, key, position] = parts.as_slice() else {
                    return Err(NoLetterId);
                };
                Ok(Self::Follower(LetterPlace {
                    name: (*name).to_owned(),
                    version: version.parse().map_err(|_| NoLetterId)?,
                    key: key.parse().map_err(|_| NoLetterId)?,
                    position: position.parse().map_err(|_| NoLetterId)?,
                }))
            }
            _ => Err(NoLetterId),
        }
    }
}

/// What came of a retry or a skip.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// The follower tries it again within a second or two.
    Marked,
    /// The command was sent again and accepted.
    Accepted,
    /// The command was sent again and refused by the business.
    Refused,
    /// The command was sent again; its outcome is not known yet.
    Sent,
    /// It is given up; its reason stays on record.
    Skipped,
    /// It is not parked any more.
    Gone,
}

impl Done {
    /// Its name for records and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Sent => "sent",
            Self::Skipped => "skipped",
            Self::Gone => "gone",
        }
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The message is no command and can only be skipped.
    #[error("the message is no command and can only be skipped")]
    NoCommand(#[source] EnvelopeError),
    /// The command was not sent; it stays parked.
    #[error("the command was not sent again")]
    Send(#[source] SendError),
}

/// The tenant that a dead letter is about: of the command as far as it could be read, or of the
/// event. `None` when there is no such letter or event.
///
/// # Errors
/// When the database fails.
pub async fn tenant_of(pool: &PgPool, id: &LetterId) -> Result<Option<String>, DatabaseError> {
    let query = match id {
        LetterId::Command(id) => {
            sqlx::query_scalar("select tenant from command_dead_letters where id = $1").bind(*id)
        }
        LetterId::Follower(place) => {
            sqlx::query_scalar("select tenant from events where position = $1").bind(place.position)
        }
    };
    query.fetch_optional(pool).await.map_err(failed("look up a dead letter's tenant"))
}

/// Tries one again. A command is sent as it came, under its own id, so it cannot take effect twice.
///
/// # Errors
/// [`LetterError`]; the letter then stays parked.
pub async fn retry(
    pool: &PgPool,
    sender: &dyn CommandSender,
    id: &LetterId,
    wait: Duration,
) -> Result<Done, LetterError> {
    let id = match id {
        LetterId::Follower(LetterPlace { name, version, key, .. }) => {
            let marked = dead_letters::retry(pool, name, *version, *key).await?;
            return Ok(if marked { Done::Marked } else { Done::Gone });
        }
        LetterId::Command(id) => *id,
    };
    let letter = command_dead_letters::find(pool, id).await?;
    let Some(letter) = letter.filter(|letter| letter.state == "parked") else {
        return Ok(Done::Gone);
    };
    let envelope = Envelope::from_bytes(&letter.message).map_err(LetterError::NoCommand)?;
    let sent = sender.send(envelope, wait).await.map_err(LetterError::Send)?;
    command_dead_letters::retry(pool, id).await?;
    Ok(match sent {
        Sent::Done { outcome: Outcome::Accepted(_), .. } => Done::Accepted,
        Sent::Done { outcome: Outcome::Refused { .. }, .. } => Done::Refused,
        Sent::Unknown => Done::Sent,
    })
}

/// Gives one up for good.
///
/// # Errors
/// When the database fails.
pub async fn skip(pool: &PgPool, id: &LetterId) -> Result<Done, LetterError> {
    let skipped = match id {
        LetterId::Command(id) => command_dead_letters::skip(pool, *id).await?,
        LetterId::Follower(LetterPlace { name, version, key, position }) => {
            dead_letters::skip(pool, name, *version, *key, *position).await?
        }
    };
    Ok(if skipped { Done::Skipped } else { Done::Gone })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_read_back_as_they_are_written() {
        let key = Uuid::from_u128(7);
        let place = LetterPlace { name: "readings".into(), version: 1, key, position: 4711 };
        for id in [LetterId::Command(17), LetterId::Follower(place)] {
            assert_eq!(id.to_string().parse::<LetterId>().ok(), Some(id));
        }
        let long = format!("follower:readings:1:{key}:4711:5");
        for wrong in ["", "17", "command:", "command:x", "follower:readings:1", "other:1", &long] {
            assert!(wrong.parse::<LetterId>().is_err(), "{wrong}");
        }
    }
}
