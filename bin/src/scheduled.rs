//! `kontor scheduled`: what policies have ordered for later, and cancelling it.

use anyhow::bail;
use kontor_domain::TenantId;
use kontor_postgres::policies::scheduled::{self, Cancelled};
use sqlx::PgPool;

use crate::{
    cli::{ScheduledArgs, ScheduledVerb},
    output,
};

/// The most rows that are listed; the next ones come first.
const LIST_MAX: u32 = 500;

pub(crate) async fn run(pool: &PgPool, verb: ScheduledVerb) -> anyhow::Result<()> {
    match verb {
        ScheduledVerb::List { tenant, all, output } => {
            list(pool, tenant.as_ref(), all, output.json).await
        }
        ScheduledVerb::Cancel(args) => cancel(pool, args).await,
    }
}

async fn list(
    pool: &PgPool,
    tenant: Option<&TenantId>,
    all: bool,
    json: bool,
) -> anyhow::Result<()> {
    let rows = scheduled::list(pool, tenant.map(TenantId::as_str), all, LIST_MAX).await?;
    if json {
        return output::json(&rows);
    }
    if rows.is_empty() {
        output::line("Nothing is scheduled.");
        return Ok(());
    }
    let cells: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| {
            let refused = row.outcome.as_ref().and_then(|outcome| {
                outcome.pointer("/refusal/code").and_then(|code| code.as_str().map(str::to_owned))
            });
            vec![
                row.id.to_string(),
                row.due_at.format("%Y-%m-%d %H:%M").to_string(),
                row.state,
                row.policy,
                row.tenant,
                format!("{} {}", row.aggregate, row.command.unwrap_or_default()),
                row.attempts.to_string(),
                refused.or(row.last_error).unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["ID", "DUE (UTC)", "STATE", "POLICY", "TENANT", "COMMAND", "ATTEMPTS", "REASON"];
    output::table(&head, &cells);
    Ok(())
}

async fn cancel(pool: &PgPool, args: ScheduledArgs) -> anyhow::Result<()> {
    let id = args.id;
    match scheduled::cancel(pool, id).await? {
        Cancelled::Yes => {}
        Cancelled::TooLate => {
            bail!("the command {id} is being sent or was sent; it is too late to cancel it")
        }
        Cancelled::EndedBefore => bail!("the command {id} came to its end before; nothing changed"),
        Cancelled::Unknown => {
            bail!("there is no command {id}; `kontor scheduled list` shows them")
        }
    }
    if args.output.json {
        return output::json(&serde_json::json!({ "id": id, "state": "cancelled" }));
    }
    output::line(&format!("The command {id} is cancelled; it will not be sent."));
    Ok(())
}
