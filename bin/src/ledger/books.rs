//! `kontor ledger export`: a tenant's books from the log into files.

use anyhow::{Context, bail};
use cqrs_es::Aggregate;
use kontor_books::{Books, Export, Posted, Summary};
use kontor_domain::{
    EventBody, Recorded, TenantId, Upcasters,
    accounting_period::{
        AccountingPeriodEvent, AccountingPeriods, ClosedBounds, accounting_period_id,
    },
    credit_ledger::{CreditLedgerEvent, chain::Link},
    tenant::{Tenant, TenantEvent},
};
use kontor_postgres::inspect;
use serde_json::json;
use sqlx::PgPool;

use super::chains::{Chains, Finding, Place};
use crate::{cli::LedgerExportArgs, failure::Failure, output};

/// How many events are read from the database at a time.
const PAGE: u32 = 1_000;

/// Writes the books of a tenant into a folder.
pub(super) async fn export(pool: &PgPool, args: &LedgerExportArgs) -> Result<(), Failure> {
    let books = books_of(pool, &args.tenant).await?;
    let tenant = books.tenant.clone();
    let mut export = Export::begin(books, &args.folder).map_err(anyhow::Error::from)?;
    let mut chains = Chains::new(std::collections::HashMap::default());
    let mut after = 0;
    loop {
        let page = inspect::aggregates(pool, (&tenant, "credit_ledger"), after, PAGE).await;
        let page = page.context("the log cannot be read")?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for stored in page {
            check(&mut chains, &stored)?;
            take(&mut export, stored)?;
        }
    }
    let finding = chains.finish()?;
    if !finding.is_sound() {
        return Err(unsound(&finding).into());
    }
    let summary = export.finish().map_err(anyhow::Error::from)?;
    tell(&summary, args)?;
    Ok(())
}

/// The tenant's calendar, from its own events: the read models may be on their way.
async fn books_of(pool: &PgPool, tenant: &TenantId) -> anyhow::Result<Books> {
    let (mut state, mut version) = (Tenant::default(), 0);
    loop {
        let page = inspect::stream(pool, tenant.stream_id(), version, PAGE).await?;
        let Some(last) = page.last() else { break };
        version = last.version;
        for stored in page {
            for event in newest::<TenantEvent>(stored)? {
                state.apply(event);
            }
        }
    }
    let facts = state.facts(tenant.clone());
    if !facts.exists {
        bail!("there is no tenant {tenant}; `kontor stream show tenant` and /v1/tenants name them");
    }
    let closed = closed_months(pool, tenant).await?;
    Ok(Books { tenant: tenant.clone(), time_zone: facts.time_zone, closed })
}

/// The closed months, from their own events.
async fn closed_months(pool: &PgPool, tenant: &TenantId) -> anyhow::Result<Vec<ClosedBounds>> {
    let (mut months, mut version) = (AccountingPeriods::default(), 0);
    loop {
        let page = inspect::stream(pool, accounting_period_id(tenant), version, PAGE).await?;
        let Some(last) = page.last() else { return Ok(months.closed_bounds()) };
        version = last.version;
        for stored in page {
            for event in newest::<AccountingPeriodEvent>(stored)? {
                months.apply(event);
            }
        }
    }
}

/// What a stored event says in the words of this build.
pub(crate) fn newest<E: EventBody>(stored: Recorded) -> anyhow::Result<Vec<E>> {
    let position = stored.position;
    let unreadable = || format!("the event at position {position} cannot be read by this build");
    let parts = Upcasters::current().upcast(stored).map_err(|failure| failure.0);
    let parts = parts.with_context(unreadable)?;
    let read = |it: &Recorded| E::from_wire(&it.event_type, it.schema_version, &it.payload);
    parts.iter().map(read).collect::<Result<_, _>>().with_context(unreadable)
}

fn check(chains: &mut Chains, stored: &Recorded) -> anyhow::Result<()> {
    let link = Link {
        version: stored.version,
        event_type: &stored.event_type,
        schema_version: stored.schema_version,
        actor: &stored.metadata.actor,
        payload: &stored.payload,
    };
    let (position, ledger_id) = (stored.position, stored.stream_id);
    chains.take(Place { position, ledger_id, tenant: stored.tenant.as_str() }, link)
}

fn take(export: &mut Export, stored: Recorded) -> anyhow::Result<()> {
    let Recorded { position, event_id, stream_id, recorded_at, .. } = stored;
    let command_id = stored.metadata.command_id;
    for event in newest::<CreditLedgerEvent>(stored)? {
        export.take(Posted {
            position,
            event_id,
            ledger_id: stream_id,
            command_id,
            recorded_at,
            event: &event,
        })?;
    }
    Ok(())
}

fn unsound(finding: &Finding) -> anyhow::Error {
    let first = finding.named.first().map_or_else(String::new, |damage| {
        let place = damage.position.map_or_else(String::new, |it| format!("position {it}, "));
        let ledger = damage.ledger_id.map_or_else(String::new, |id| format!("ledger {id}: "));
        format!(": {place}{ledger}{}", damage.what)
    });
    anyhow::anyhow!("the books do not hold and were not written{first}; see `kontor ledger verify`")
}

fn tell(summary: &Summary, args: &LedgerExportArgs) -> anyhow::Result<()> {
    let folder = args.folder.display();
    if args.output.json {
        return output::json(&json!({ "folder": args.folder, "books": summary }));
    }
    let Summary { bookings, entries, last_position, tenant, .. } = summary;
    output::line(&format!(
        "The books of {tenant}: {bookings} bookings with {entries} lines, up to position \
         {last_position} of the log, are in {folder}. README.txt there says how to check them."
    ));
    for line in &summary.trial_balance {
        output::line(&format!("{:>20} {:<4} {}", line.balance, line.unit, line.account));
    }
    Ok(())
}
