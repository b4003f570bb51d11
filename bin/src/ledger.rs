//! `kontor ledger`: the chains of the credit ledgers, in the database or in an export, and the books
//! for accountants' tools.

mod books;
mod chains;
mod ends;
mod exported;
mod prove;
mod replay;
mod witness;

use anyhow::Context;
use kontor_domain::{Actor, credit_ledger::chain::Link};
use serde_json::json;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

pub(crate) use self::books::newest;
use self::{
    chains::{Chains, Finding, Place},
    witness::Witness,
};
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
        LedgerVerb::Seal(output) => prove::seal(config, output).await,
        LedgerVerb::SealKey(output) => prove::seal_key(config, output),
        LedgerVerb::Prove(args) => prove::prove(config, &args).await,
        LedgerVerb::Replay(args) => replay::replay(config, &args).await,
    }
}

async fn verify(config: &Config, args: &LedgerVerifyArgs) -> Result<(), Failure> {
    let kept = args.ends.as_deref().map(ends::read).transpose()?;
    let witness = args.seals.as_deref().map(|seals| Witness::open(config, seals, &args.trust));
    let witness = witness.transpose()?;
    let mut chains = Chains::new(kept.unwrap_or_default()).sealed_by(witness);
    match &args.file {
        Some(file) => exported::read(file, &mut chains)?,
        None => {
            let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
            read_log(&pool, &mut chains).await?;
        }
    }
    let finding = chains.finish()?;
    tell(&finding, args)?;
    if !finding.is_sound() {
        return Err(Failure::Told);
    }
    if let Some(keep) = &args.keep {
        ends::write(keep, &finding.ends)?;
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    position: i64,
    stream_id: Uuid,
    version: i64,
    event_type: String,
    schema_version: i32,
    payload: String,
    actor: Option<String>,
    tenant: String,
}

/// The bookings of the database in the order of the log.
async fn read_log(pool: &PgPool, chains: &mut Chains) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let rows: Vec<Row> = sqlx::query_as(
            "select position, stream_id, version, event_type, schema_version, \
                 payload::text as payload, \
                 (metadata -> 'actor')::text as actor, tenant \
             from events where stream_type = 'credit_ledger' and position > $1 \
             order by position limit $2",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(pool)
        .await
        .context("the log cannot be read")?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.position;
        for row in &rows {
            let Row { position, stream_id: ledger_id, version, schema_version, .. } = *row;
            let place = Place { position, ledger_id, tenant: &row.tenant };
            let actor = row.actor.as_deref().map(serde_json::from_str::<Actor>);
            let Some(Ok(actor)) = actor else {
                chains.reject(place, version)?;
                continue;
            };
            let (event_type, actor, payload) = (row.event_type.as_str(), &actor, &row.payload);
            let link = Link { version, event_type, schema_version, actor, payload };
            chains.take(place, link)?;
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
        let mut told = json!({ "sound": sound, "ledgers": ledgers, "events": events,
            "broken": broken, "first": named });
        if let Some(sighting) = &finding.sighting {
            told["seals"] = json!(sighting);
        }
        return output::json(&told);
    }
    for damage in named {
        let place = damage.position.map_or_else(String::new, |it| format!("position {it}, "));
        let ledger = damage.ledger_id.map_or_else(String::new, |id| format!("ledger {id}: "));
        output::line(&format!("→ {place}{ledger}{}", damage.what));
    }
    let unnamed = broken.saturating_sub(named.len());
    if unnamed > 0 {
        output::line(&format!("→ and {unnamed} more like these"));
    }
    if finding.is_sound() {
        output::line(&format!("{ledgers} ledgers with {events} bookings hold."));
        if let Some(sighting) = &finding.sighting {
            output::line(&sighting.to_string());
        }
    } else {
        output::line(&format!(
            "{broken} faults in {ledgers} ledgers. Stop writing to them, restore a copy beside \
             this database and compare: docs/guides/ledger.md."
        ));
    }
    Ok(())
}
