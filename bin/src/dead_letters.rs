//! `kontor dead-letters`: what could not be carried out, for an operator to try again or give up.

mod rows;
mod show;

use std::{fmt, time::Duration};

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent};
use kontor_postgres::{
    command_dead_letters,
    dead_letters::{self, LetterPlace},
};
use serde_json::json;
use sqlx::PgPool;

use self::rows::{Row, Wanted};
use crate::{
    COMMAND_CONNECTIONS,
    cli::{DeadLetterVerb, LetterState, ListArgs, RetryArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    operate, output,
};

/// How long a command that is sent again may take.
const WAIT: Duration = Duration::from_secs(10);
/// The longest reason in a table; JSON has all of it.
const REASON_LENGTH_MAX: usize = 90;
/// How many of one fingerprint are read at once.
const RETRY_PAGE: usize = 200;

/// Which dead letter: `command:17`, or `follower:readings:1:<stream>:<position>`.
#[derive(Clone, Debug, Eq, PartialEq)]
enum LetterId {
    Command(i64),
    Follower(LetterPlace),
}

impl LetterId {
    fn parse(text: &str) -> Result<Self, Failure> {
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
                let place = LetterPlace {
                    name: parts.next()?.to_owned(),
                    version: parts.next()?.parse().ok()?,
                    key: parts.next()?.parse().ok()?,
                    position: parts.next()?.parse().ok()?,
                };
                parts.next().is_none().then_some(Self::Follower(place))
            }
            _ => None,
        }
    }
}

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

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: DeadLetterVerb) -> Result<(), Failure> {
    // A wrong id is told before anything is connected.
    match verb {
        DeadLetterVerb::List(args) => {
            let after = args.after.as_deref().map(LetterId::parse).transpose()?;
            list(&pool(config).await?, &args, after.as_ref()).await?;
        }
        DeadLetterVerb::Show { id, personal, output } => {
            let id = LetterId::parse(&id)?;
            let pool = pool(config).await?;
            let (wanted, subject) = (personal.personal, id.to_string());
            let shown = operate::shown(&pool, wanted, "dead-letters show", &subject).await?;
            show::show(&pool, &id, shown, output.json).await?;
        }
        DeadLetterVerb::Retry(args) => {
            let id = args.id.as_deref().map(LetterId::parse).transpose()?;
            let addresses = Addresses::find(config)?;
            let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
            let sender = compose::sender(config, &addresses).await?;
            match id {
                Some(id) => {
                    let told = noted_retry(&pool, &sender, &id).await?;
                    print(&id.to_string(), told, args.output.json)?;
                }
                None => retry_all(&pool, &sender, args).await?,
            }
        }
        DeadLetterVerb::Skip { id, output } => {
            let id = LetterId::parse(&id)?;
            let pool = pool(config).await?;
            skip(&pool, &id).await?;
            operate::note_action(&pool, "dead_letter_skip", &id.to_string(), "skipped").await?;
            let told = ("skipped", "Skipped; its reason stays on record.");
            print(&id.to_string(), told, output.json)?;
        }
    }
    Ok(())
}

async fn pool(config: &Config) -> Result<PgPool, Failure> {
    Ok(compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?)
}

/// Lists what waits for an operator.
async fn list(pool: &PgPool, args: &ListArgs, after: Option<&LetterId>) -> anyhow::Result<()> {
    let wanted = Wanted {
        follower: args.follower.clone(),
        commands_only: args.commands,
        tenant: args.tenant.clone(),
        fingerprint: args.fingerprint.clone(),
        state: args.state,
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let rows = wanted.read(pool, after, limit).await?;
    if args.output.json {
        return output::json(&rows);
    }
    let Some(last) = rows.last() else {
        output::line(match args.state {
            LetterState::Parked => "There are no dead letters: everything was carried out.",
            LetterState::Skipped | LetterState::Retried => "There are none.",
        });
        return Ok(());
    };
    let next = (rows.len() == limit).then(|| format!("More: --after {}", last.id));
    let titles = ["ID", "WHAT", "ATTEMPTS", "WAITING", "SINCE (UTC)", "FINGERPRINT", "REASON"];
    output::table(&titles, &rows.iter().map(cells).collect::<Vec<_>>());
    if let Some(next) = next {
        output::note(&next);
    }
    Ok(())
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.id.clone(),
        row.what.clone(),
        row.attempts.to_string(),
        row.waiting.to_string(),
        row.since.format("%Y-%m-%d %H:%M").to_string(),
        row.fingerprint.clone(),
        row.reason.chars().take(REASON_LENGTH_MAX).collect(),
    ]
}

/// What came of a verb, in a word and in a sentence.
type Told = (&'static str, &'static str);

fn print(id: &str, (word, sentence): Told, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&json!({ "id": id, "result": word }));
    }
    output::line(sentence);
    Ok(())
}

/// As [`retry`], with a note of who did it.
async fn noted_retry(
    pool: &PgPool,
    sender: &dyn CommandSender,
    id: &LetterId,
) -> anyhow::Result<Told> {
    let told = retry(pool, sender, id).await?;
    operate::note_action(pool, "dead_letter_retry", &id.to_string(), told.0).await?;
    Ok(told)
}

/// Tries one again. A command is sent as it came, under its own id, so it cannot take effect twice.
async fn retry(pool: &PgPool, sender: &dyn CommandSender, id: &LetterId) -> anyhow::Result<Told> {
    match id {
        LetterId::Follower(LetterPlace { name, version, key, .. }) => {
            if !dead_letters::retry(pool, name, *version, *key).await? {
                bail!("nothing is parked there any more");
            }
            Ok(("asked", "The follower tries it again within a few seconds."))
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
            Ok(match sent {
                Sent::Done { outcome: Outcome::Accepted(_), .. } => {
                    ("accepted", "Sent and accepted.")
                }
                Sent::Done { outcome: Outcome::Refused { .. }, .. } => {
                    ("refused", "Sent and refused.")
                }
                Sent::Unknown => ("unknown", "Sent; its outcome is not known yet."),
            })
        }
    }
}

/// Tries all of one fingerprint again, in the order of the list; one that fails holds up no other.
async fn retry_all(
    pool: &PgPool,
    sender: &dyn CommandSender,
    args: RetryArgs,
) -> Result<(), Failure> {
    let json = args.output.json;
    let wanted = Wanted {
        follower: None,
        commands_only: false,
        tenant: None,
        fingerprint: args.all_of,
        state: LetterState::Parked,
    };
    let (mut tried, mut failed, mut after) = (0_u64, 0_u64, None);
    loop {
        let rows = wanted.read(pool, after.as_ref(), RETRY_PAGE).await?;
        for row in &rows {
            let id = LetterId::parse(&row.id)?;
            tried += 1;
            match noted_retry(pool, sender, &id).await {
                Ok((word, _)) if json => output::json(&json!({ "id": row.id, "result": word }))?,
                Ok((_, sentence)) => output::line(&format!("{}: {sentence}", row.id)),
                Err(error) => {
                    failed += 1;
                    let error = format!("{error:#}");
                    if json {
                        output::json(&json!({ "id": row.id, "result": "failed", "error": error }))?;
                    } else {
                        output::line(&format!("{}: {error}", row.id));
                    }
                }
            }
            after = Some(id);
        }
        if rows.len() < RETRY_PAGE {
            break;
        }
    }
    if tried == 0 {
        return Err(Failure::Failed(anyhow::anyhow!("nothing is parked with this fingerprint")));
    }
    if !json {
        output::line(&format!("{tried} tried again, {failed} of them in vain."));
    }
    if failed > 0 { Err(Failure::Told) } else { Ok(()) }
}

/// Gives one up for good.
async fn skip(pool: &PgPool, id: &LetterId) -> anyhow::Result<()> {
    let skipped = match id {
        LetterId::Command(id) => command_dead_letters::skip(pool, *id).await?,
        LetterId::Follower(LetterPlace { name, version, key, position }) => {
            dead_letters::skip(pool, name, *version, *key, *position).await?
        }
    };
    if !skipped {
        bail!("it is not parked any more");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_read_back_as_they_are_listed() {
        let key = Uuid::from_u128(7);
        let place = LetterPlace { name: "readings".into(), version: 1, key, position: 4711 };
        for id in [LetterId::Command(17), LetterId::Follower(place)] {
            assert_eq!(LetterId::read(&id.to_string()), Some(id));
        }
        for wrong in ["", "17", "command:", "command:x", "follower:readings:1", "other:1"] {
            assert_eq!(LetterId::read(wrong), None, "{wrong}");
        }
        assert_eq!(LetterId::read(&format!("follower:readings:1:{key}:4711:5")), None);
    }
}
