//! `kontor period verify`: every report anew from the log, booking by booking.

use std::collections::HashMap;

use anyhow::Context;
use kontor_domain::{
    TenantId,
    accounting_period::{
        AccountingPeriodEvent, Bounds, Closed, Ledgers, Line, Month, PeriodBooks, Tally,
        accounting_period_id,
    },
    credit_ledger::{CreditLedgerEvent, chain::Head},
};
use kontor_postgres::{inspect, seals};
use kontor_projections::{PageRequest, tenants};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{cli::PeriodVerifyArgs, failure::Failure, ledger::newest, output};

/// How many events are read from the database at a time.
const PAGE: u32 = 1_000;

/// What came of one close.
struct Verified {
    tenant: TenantId,
    month: Month,
    revision: i64,
    /// What differs; nothing when all holds.
    differs: Vec<String>,
}

pub(super) async fn verify(pool: &PgPool, args: &PeriodVerifyArgs) -> Result<(), Failure> {
    let mut found = Vec::new();
    match &args.tenant {
        Some(tenant) => found.extend(of_tenant(pool, tenant).await?),
        None => {
            let mut page = PageRequest::first(PageRequest::LIMIT_MAX);
            loop {
                let tenants = tenants::list(pool, &page).await.map_err(anyhow::Error::from)?;
                for row in &tenants.items {
                    found.extend(of_tenant(pool, &row.id).await?);
                }
                page.after = tenants.next;
                if page.after.is_none() {
                    break;
                }
            }
        }
    }
    tell(&found, args)?;
    if found.iter().all(|it| it.differs.is_empty()) { Ok(()) } else { Err(Failure::Told) }
}

/// A close and what the log makes of it.
struct Remade {
    closed: Closed,
    bounds: Bounds,
    tally: Tally,
    ledgers: Option<Ledgers>,
}

/// Where the ledgers of a tenant stand.
#[derive(Default)]
struct Ends {
    by_ledger: HashMap<Uuid, (i64, Head, bool)>,
}

impl Ends {
    /// Those with lines, as a close names them.
    fn ledgers(&self, tenant: &TenantId) -> Ledgers {
        let with_lines = self.by_ledger.iter().filter(|(_, (.., has_lines))| *has_lines);
        let ends = with_lines.map(|(id, (version, head, _))| (*id, *version, *head));
        Ledgers::of(tenant, ends.collect())
    }
}

async fn of_tenant(pool: &PgPool, tenant: &TenantId) -> anyhow::Result<Vec<Verified>> {
    let mut remade = closes(pool, tenant).await?;
    let Some(until) = remade.iter().map(|it| it.bounds.position).max() else {
        return Ok(Vec::new());
    };
    let (mut ends, mut after) = (Ends::default(), 0);
    'log: loop {
        let page = inspect::aggregates(pool, (tenant, "credit_ledger"), after, PAGE).await;
        let page = page.context("the log cannot be read")?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for stored in page {
            let (position, ledger_id, version) =
                (stored.position, stored.stream_id, stored.version);
            settle(&mut remade, tenant, (&ends, position));
            if position > until {
                break 'log;
            }
            for event in newest::<CreditLedgerEvent>(stored)? {
                take(&mut remade, position, &event);
                let booking = event.booking();
                let known = ends.by_ledger.entry(ledger_id).or_insert((0, booking.head, false));
                *known = (version, booking.head, known.2 || !booking.entries.is_empty());
            }
        }
    }
    settle(&mut remade, tenant, (&ends, i64::MAX));
    let mut verified = Vec::with_capacity(remade.len());
    for it in remade {
        verified.push(compare(pool, tenant, it).await?);
    }
    Ok(verified)
}

/// All closes of a tenant, also those that were opened again.
async fn closes(pool: &PgPool, tenant: &TenantId) -> anyhow::Result<Vec<Remade>> {
    let (mut remade, mut version) = (Vec::new(), 0);
    loop {
        let page = inspect::stream(pool, accounting_period_id(tenant), version, PAGE).await?;
        let Some(last) = page.last() else { return Ok(remade) };
        version = last.version;
        for stored in page {
            for event in newest::<AccountingPeriodEvent>(stored)? {
                let AccountingPeriodEvent::Closed(closed) = event else { continue };
                let PeriodBooks { starts_at, ends_at, position, previous_position, .. } =
                    closed.books;
                let bounds = Bounds { starts_at, ends_at, position, previous_position };
                let tally = Tally::default();
                remade.push(Remade { closed: *closed, bounds, tally, ledgers: None });
            }
        }
    }
}

/// Notes where the ledgers stood for all closes that hold nothing from this position on.
fn settle(remade: &mut [Remade], tenant: &TenantId, (ends, position): (&Ends, i64)) {
    let due = |it: &&mut Remade| it.ledgers.is_none() && it.bounds.position < position;
    for it in remade.iter_mut().filter(due) {
        it.ledgers = Some(ends.ledgers(tenant));
    }
}

fn take(remade: &mut [Remade], position: i64, event: &CreditLedgerEvent) {
    let name = kontor_domain::EventBody::wire_type(event);
    let kind = name.split_once('.').map_or(name, |(_, kind)| kind);
    let effective_at = event.effective_at();
    for it in remade {
        for entry in &event.booking().entries {
            let (account, unit, amount) = (entry.account, entry.unit, entry.amount);
            let line = Line { position, effective_at, kind, account, unit, amount };
            it.tally.take(&it.bounds, &line);
        }
    }
}

async fn compare(pool: &PgPool, tenant: &TenantId, it: Remade) -> anyhow::Result<Verified> {
    let Remade { closed, tally, ledgers, .. } = it;
    let (books, figures) = (&closed.books, tally.figures());
    let mut differs = Vec::new();
    if books.report_sha256(tenant) != closed.report_sha256 {
        differs.push("the event says another hash than its own figures have".to_owned());
    }
    for row in &books.figures.accounts {
        let of_log =
            figures.accounts.iter().find(|it| (it.account, it.unit) == (row.account, row.unit));
        if of_log != Some(row) {
            let found =
                of_log.map_or_else(|| "nothing".to_owned(), |it| it.unit.decimal(it.closing.0));
            let closing = row.unit.decimal(row.closing.0);
            differs.push(format!(
                "{} in {}: closed with {closing}, the log makes {found}",
                row.account, row.unit
            ));
        }
    }
    if differs.is_empty() && figures != books.figures {
        differs.push("the log has accounts, payments or counts that the report has not".to_owned());
    }
    if ledgers != Some(books.ledgers) {
        differs.push("the ledgers end otherwise; run `kontor ledger verify`".to_owned());
    }
    if let Some(named) = closed.seal {
        let seal = seals::find(pool, named.number).await?;
        let holds = seal.is_some_and(|it| (it.position, it.root) == (named.position, named.root));
        if !holds {
            differs.push(format!("seal {} is gone or another one", named.number));
        }
    }
    let (month, revision) = (books.month, books.revision);
    Ok(Verified { tenant: tenant.clone(), month, revision, differs })
}

fn tell(found: &[Verified], args: &PeriodVerifyArgs) -> anyhow::Result<()> {
    if args.output.json {
        let items: Vec<_> = found
            .iter()
            .map(|it| {
                json!({ "tenant": it.tenant, "month": it.month, "revision": it.revision,
                    "holds": it.differs.is_empty(), "differs": it.differs })
            })
            .collect();
        return output::json(&items);
    }
    for Verified { tenant, month, revision, differs } in found {
        for what in differs {
            output::line(&format!("→ {tenant} {month}, close {revision}: {what}"));
        }
    }
    let broken = found.iter().filter(|it| !it.differs.is_empty()).count();
    output::line(&match (found.len(), broken) {
        (0, _) => "No month was closed yet.".to_owned(),
        (all, 0) => {
            format!(
                "Closes that hold: {all} of {all}. The log makes the same reports, to the last byte."
            )
        }
        (all, broken) => format!("Closes that hold: {} of {all}.", all.saturating_sub(broken)),
    });
    Ok(())
}
