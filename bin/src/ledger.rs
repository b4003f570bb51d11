//! `kontor ledger`: the chains of the credit ledgers, in the database or in an export, and the books
//! for accountants' tools.

mod books;
mod chains;
mod ends;
mod exported;

use anyhow::Context;
use kontor_domain::{Actor, credit_ledger::chain::Link};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use self::chains::{Chains, Finding};
use crate::{
    COMMAND_CONNECTIONS,
    cli::{LedgerVerb, LedgerVerifyArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
};

/// How many events are read from the database at a time.
const PAGE: i64 = 1_000;

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: LedgerVerb) -> Result<(), Failure> {
    match verb {
        LedgerVerb::Verify(args) => verify(config, &args).await,
        LedgerVerb::Export(args) => {
            let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
            books::export(&pool, &args).await
        }
    }
}

async fn verify(config: &Config, args: &LedgerVerifyArgs) -> Result<(), Failure> {
    let kept = args.ends.as_deref().map(ends::read).transpose()?;
    let mut chains = Chains::new(kept.unwrap_or_default());
    match &args.file {
        Some(file) => exported::read(file, &mut chains)?,
        None => {
            let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
            read_log(&pool, &mut chains).await?;
        }
    }
    let finding = chains.finish();
    tell(&finding, args)?;
    if !finding.is_sound() {
        return Err(Failure::Told);
    }
    if let Some(keep) = &args.keep {
        ends::write(keep, &finding.ends)?;
    }
    Ok(())
}

/// The bookings of the database in the order of the log.
async fn read_log(pool: &PgPool, chains: &mut Chains) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let rows: Vec<(i64, Uuid, i64, String, i32, String, String)> = sqlx::query_as(
            "select position, stream_id, version, event_type, schema_version, payload::text, \
                 (metadata -> 'actor')::text \
             from events where stream_type = 'credit_ledger' and position > $1 \
             order by position limit $2",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(pool)
        .await
        .context("the log cannot be read")?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = *last;
        for (position, ledger_id, version, event_type, schema_version, payload, actor) in &rows {
            let Ok(actor) = serde_json::from_str::<Actor>(actor) else {
                chains.reject((*position, *ledger_id), *version)?;
                continue;
            };
            let (event_type, schema_version) = (event_type.as_str(), *schema_version);
            let (version, actor) = (*version, &actor);
            let link = Link { version, event_type, schema_version, actor, payload };
            chains.take((*position, *ledger_id), link)?;
        }
    }
}

fn tell(finding: &Finding, args: &LedgerVerifyArgs) -> anyhow::Result<()> {
    let Finding { events, broken, named, .. } = finding;
    let ledgers = finding.ends.len();
    if args.output.json {
        let named: Vec<_> = named
            .iter()
            .map(|damage| {
                json!({ "position": damage.position, "ledger_id": damage.ledger_id,
                    "what": damage.what })
            })
            .collect();
        let sound = finding.is_sound();
        return output::json(&json!({ "sound": sound, "ledgers": ledgers, "events": events,
            "broken": broken, "first": named }));
    }
    for damage in named {
        let place = damage.position.map_or_else(String::new, |it| format!("position {it}, "));
        output::line(&format!("→ {place}ledger {}: {}", damage.ledger_id, damage.what));
    }
    let unnamed = broken.saturating_sub(named.len());
    if unnamed > 0 {
        output::line(&format!("→ and {unnamed} ledgers more like these"));
    }
    if finding.is_sound() {
        output::line(&format!("{ledgers} ledgers with {events} bookings hold."));
    } else {
        output::line(&format!(
            "{broken} of {ledgers} ledgers do not hold. Stop writing to them, restore a copy beside \
             this database and compare: docs/guides/ledger.md."
        ));
    }
    Ok(())
}
