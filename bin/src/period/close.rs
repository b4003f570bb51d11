//! `kontor period close`.

use std::time::Duration;

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{
    Actor,
    accounting_period::{AccountingPeriodCommand, Close, Finding, accounting_period_id},
};
use kontor_projections::{checkpoints, periods};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::zone_of;
use crate::{
    cli::PeriodCloseArgs,
    compose::{self, Addresses},
    config::Config,
    output,
};

/// How long the close may wait for its outcome, and for the books to take over what was booked last.
const WAIT: Duration = Duration::from_secs(30);

pub(super) async fn close(
    (config, addresses): (&Config, &Addresses),
    pool: &PgPool,
    args: &PeriodCloseArgs,
) -> anyhow::Result<()> {
    let zone = zone_of(pool, &args.tenant).await?;
    let head = checkpoints::head_position(pool).await?;
    let names = ["periods", "books", "reconciliation"];
    if !checkpoints::wait_for(pool, &names, head, WAIT).await? {
        bail!("the books are still taking over what was booked last; `kontor check` says why");
    }
    let draft = periods::draft(pool, (&args.tenant, zone), args.month).await?;
    let close = Close { acknowledged: args.acknowledge.clone(), ..draft.close };
    if args.dry_run {
        return tell(&close, args, None);
    }
    let id = accounting_period_id(&args.tenant);
    let command = AccountingPeriodCommand::Close(Box::new(close.clone()));
    let actor = Actor::Operator { name: args.by.clone() };
    let address = (args.tenant.clone(), "accounting_period", id);
    let command = serde_json::to_value(command)?;
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sender = compose::sender(config, addresses).await?;
    match sender.send(envelope, WAIT).await.context(AGAIN)? {
        Sent::Done { outcome: Outcome::Accepted(accepted), .. } => {
            tell(&close, args, accepted.last_position)
        }
        Sent::Done { outcome: Outcome::Refused { refusal }, .. } => bail!("{}", refusal.message),
        Sent::Unknown => bail!("the close waits in the queue; start `kontor work`. {AGAIN}"),
    }
}

const AGAIN: &str = "`kontor period list` says whether the month is closed";

fn tell(close: &Close, args: &PeriodCloseArgs, position: Option<i64>) -> anyhow::Result<()> {
    if args.output.json {
        return output::json(&json!({ "closed": position.is_some(), "position": position,
            "close": close }));
    }
    let rows: Vec<Vec<String>> = close
        .figures
        .accounts
        .iter()
        .map(|row| {
            let said = |sum: kontor_domain::accounting_period::Sum| row.unit.decimal(sum.0);
            vec![
                row.account.to_string(),
                row.unit.to_string(),
                said(row.opening),
                said(row.debits),
                said(row.credits),
                said(row.closing),
            ]
        })
        .collect();
    output::table(&["account", "unit", "opening", "debits", "credits", "closing"], &rows);
    for Finding { check, count } in &close.findings {
        let known = close.acknowledged.iter().any(|it| it.check == *check);
        let word = if known { "acknowledged" } else { "needs --acknowledge" };
        output::line(&format!("{}: {count} ({word})", check.name()));
    }
    let (bookings, late) = (close.figures.bookings, close.figures.late_bookings);
    let counts = format!("bookings: {bookings}, of them late entries: {late}");
    output::line(&if position.is_some() {
        format!("{} is closed; {counts}.", close.month)
    } else {
        format!("{} would be closed; {counts}. Nothing was done.", close.month)
    });
    Ok(())
}
