//! `kontor dead-letters`: what could not be carried out, for an operator to try again or give up.

mod rows;
mod show;

use std::time::Duration;

use anyhow::bail;
use kontor_commands::CommandSender;
use kontor_postgres::{
    journal::Action,
    letters::{self, Done, LetterId},
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

/// Reads an id that was typed.
fn parse(text: &str) -> Result<LetterId, Failure> {
    text.parse().map_err(|_| {
        Failure::Usage(format!(
            "`{text}` is no id of a dead letter; `kontor dead-letters list` shows them"
        ))
    })
}

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: DeadLetterVerb) -> Result<(), Failure> {
    // A wrong id is told before anything is connected.
    match verb {
        DeadLetterVerb::List(args) => {
            let after = args.after.as_deref().map(parse).transpose()?;
            list(&pool(config).await?, &args, after.as_ref()).await?;
        }
        DeadLetterVerb::Show { id, personal, output } => {
            let id = parse(&id)?;
            let pool = pool(config).await?;
            let (wanted, subject) = (personal.personal, id.to_string());
            let shown = operate::shown(&pool, wanted, "dead-letters show", &subject).await?;
            show::show(&pool, &id, shown, output.json).await?;
        }
        DeadLetterVerb::Retry(args) => {
            let id = args.id.as_deref().map(parse).transpose()?;
            let addresses = Addresses::find(config)?;
            let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
            let sender = compose::sender(config, &addresses).await?;
            match id {
                Some(id) => {
                    let told = retry(&pool, &sender, &id).await?;
                    print(&id.to_string(), told, args.output.json)?;
                }
                None => retry_all(&pool, &sender, args).await?,
            }
        }
        DeadLetterVerb::Skip { id, output } => {
            let id = parse(&id)?;
            let pool = pool(config).await?;
            if letters::skip(&pool, &id).await.map_err(anyhow::Error::from)? == Done::Gone {
                return Err(anyhow::anyhow!("it is not parked any more").into());
            }
            note(&pool, Action::Skip, &id, Done::Skipped).await?;
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

/// Notes who did it, and to which tenant's letter.
async fn note(pool: &PgPool, action: Action, id: &LetterId, done: Done) -> anyhow::Result<()> {
    let tenant = letters::tenant_of(pool, id).await?.filter(|tenant| !tenant.is_empty());
    let about = (id.to_string(), tenant);
    operate::note_action(pool, action, (&about.0, about.1.as_deref()), done.name()).await
}

/// Tries one again, with a note of who did it.
async fn retry(pool: &PgPool, sender: &dyn CommandSender, id: &LetterId) -> anyhow::Result<Told> {
    let done = letters::retry(pool, sender, id, WAIT).await?;
    let sentence = match done {
        Done::Marked => "The follower tries it again within a few seconds.",
        Done::Accepted => "Sent and accepted.",
        Done::Refused => "Sent and refused.",
        Done::Sent => "Sent; its outcome is not known yet.",
        Done::Skipped | Done::Gone => bail!("it is not parked any more"),
    };
    note(pool, Action::Retry, id, done).await?;
    Ok((done.name(), sentence))
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
            let id = parse(&row.id)?;
            tried += 1;
            match retry(pool, sender, &id).await {
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
