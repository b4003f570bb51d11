//! `kontor reconcile`: files of providers and banks into the log, and what matches.

use std::time::Duration;

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{Actor, provider_statement::ProviderStatementCommand};
use kontor_projections::{reconciliation, tenants};
use kontor_statements::BYTES_MAX;
use serde_json::json;
use uuid::Uuid;

use crate::{
    COMMAND_CONNECTIONS,
    cli::{ReconcileImportArgs, ReconcileReportArgs, ReconcileVerb},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
};

/// How long one part of a file may wait for its outcome.
const WAIT: Duration = Duration::from_secs(30);

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: ReconcileVerb) -> Result<(), Failure> {
    match verb {
        ReconcileVerb::Import(args) => {
            let addresses = Addresses::find(config)?;
            Ok(import((config, &addresses), &args).await?)
        }
        ReconcileVerb::Report(args) => Ok(report(&Addresses::find(config)?, &args).await?),
    }
}

async fn import(
    (config, addresses): (&Config, &Addresses),
    args: &ReconcileImportArgs,
) -> anyhow::Result<()> {
    let ReconcileImportArgs { file, source, tenant, by, output: print } = args;
    let pool = compose::pool(addresses, COMMAND_CONNECTIONS).await?;
    let known = tenants::find(&pool, tenant).await?;
    let Some(known) = known else { bail!("there is no tenant `{tenant}`") };
    let size = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    if size > BYTES_MAX as u64 {
        let max = BYTES_MAX / (1024 * 1024);
        bail!("{} is larger than {max} MiB; divide it by days", file.display());
    }
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let name = file.display().to_string();
    let statement = kontor_statements::read(*source, &name, &bytes, known.time_zone)?;
    let sender = compose::sender(config, addresses).await?;
    let correlation_id = Uuid::now_v7();
    let mut changed = false;
    for (id, record) in statement.commands(tenant) {
        let command = serde_json::to_value(ProviderStatementCommand::Record(record))?;
        let address = (tenant.clone(), "provider_statement", id);
        let actor = Actor::Operator { name: by.clone() };
        let envelope = Envelope {
            correlation_id,
            ..Envelope::new(Uuid::now_v7(), address, command, actor, clock::now())
        };
        match sender.send(envelope, WAIT).await.context(AGAIN)? {
            Sent::Done { outcome: Outcome::Accepted(accepted), .. } => {
                changed |= accepted.last_position.is_some();
            }
            Sent::Done { outcome: Outcome::Refused { refusal }, .. } => {
                bail!("{}", refusal.message)
            }
            Sent::Unknown => bail!("a part waits in the queue; start `kontor work`. {AGAIN}"),
        }
    }
    let (lines, passed_by) = (statement.file.lines, statement.passed_by);
    if print.json {
        return output::json(&json!({
            "source": source, "sha256": statement.file.sha256, "lines": lines,
            "passed_by": passed_by, "changed": changed,
        }));
    }
    output::line(&if changed {
        format!("Taken: {lines} lines, {passed_by} of them not about payments.")
    } else {
        format!("Nothing new: all {lines} lines are there already.")
    });
    Ok(())
}

const AGAIN: &str = "call it again with the same file: what is there stays once";

async fn report(addresses: &Addresses, args: &ReconcileReportArgs) -> anyhow::Result<()> {
    let pool = compose::pool(addresses, COMMAND_CONNECTIONS).await?;
    let rows = reconciliation::tenants(&pool, args.tenant.as_ref()).await?;
    if args.output.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "tenant": row.tenant, "provider": row.provider, "currency": row.currency,
                    "our_count": row.ours.0, "our_minor": row.ours.1,
                    "their_count": row.theirs.0, "their_minor": row.theirs.1,
                    "matched": row.matched, "unsettled": row.unsettled,
                })
            })
            .collect();
        return output::json(&rows);
    }
    let titles =
        ["tenant", "provider", "currency", "books", "sum", "files", "sum", "matched", "unsettled"];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let sum =
                |minor: i64| kontor_domain::credit_ledger::Unit::Money(row.currency).decimal(minor);
            let provider = serde_json::to_value(row.provider).unwrap_or_default();
            vec![
                row.tenant.to_string(),
                provider.as_str().unwrap_or_default().to_owned(),
                row.currency.to_string(),
                row.ours.0.to_string(),
                sum(row.ours.1),
                row.theirs.0.to_string(),
                sum(row.theirs.1),
                row.matched.to_string(),
                row.unsettled.to_string(),
            ]
        })
        .collect();
    output::table(&titles, &cells);
    Ok(())
}
