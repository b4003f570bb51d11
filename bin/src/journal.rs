//! `kontor journal`: who did what by hand, on the operations page and on the command line.

use kontor_postgres::journal::{self, Entry, EntryFilter};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{cli::JournalArgs, output};

/// Prints the journal, the newest first.
pub(crate) async fn list(pool: &PgPool, args: JournalArgs) -> anyhow::Result<()> {
    let filter = EntryFilter {
        visible_to: None,
        tenant: args.tenant.map(|tenant| tenant.to_string()),
        action: args.action,
        by: args.by,
        target: args.about,
        from: args.from,
        until: args.until,
    };
    let entries = journal::page(pool, &filter, args.after, args.limit).await?;
    if args.output.json {
        return output::json(&entries.iter().map(as_value).collect::<Vec<_>>());
    }
    let Some(last) = entries.last() else {
        output::line("There are no such entries.");
        return Ok(());
    };
    let titles = ["ID", "WHEN (UTC)", "BY", "ACTION", "TO WHAT", "TENANT", "OUTCOME"];
    output::table(&titles, &entries.iter().map(cells).collect::<Vec<_>>());
    if usize::try_from(args.limit).is_ok_and(|limit| entries.len() == limit) {
        output::note(&format!("More: --after {}", last.id));
    }
    Ok(())
}

fn cells(entry: &Entry) -> Vec<String> {
    vec![
        entry.id.to_string(),
        entry.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        entry.by.clone(),
        entry.action.clone(),
        entry.target.clone(),
        entry.tenant.clone().unwrap_or_default(),
        entry.outcome.clone(),
    ]
}

fn as_value(entry: &Entry) -> Value {
    json!({
        "id": entry.id, "at": entry.at, "by": entry.by, "action": entry.action,
        "target": entry.target, "tenant": entry.tenant, "outcome": entry.outcome,
        "request_id": entry.request_id,
    })
}
