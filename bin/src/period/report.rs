//! `kontor period report`.

use std::io::Write as _;

use anyhow::{Context, bail};
use kontor_books::{report_workbook, write_report};
use kontor_domain::{TenantId, accounting_period::Closed};
use kontor_http::ExportError;
use kontor_projections::periods;
use serde_json::json;
use sqlx::PgPool;

use crate::{cli::PeriodReportArgs, output};

/// The report of a closed month as a workbook, for the page and the API.
pub(crate) fn workbook(tenant: &TenantId, closed: &Closed) -> Result<Vec<u8>, ExportError> {
    Ok(report_workbook(tenant, closed)?)
}

pub(super) async fn report(pool: &PgPool, args: &PeriodReportArgs) -> anyhow::Result<()> {
    let rows = periods::of_month(pool, &args.tenant, args.month).await?;
    let Some(row) = rows.first() else {
        bail!("the month {} of {} was never closed", args.month, args.tenant)
    };
    let (closed, text) = (&row.closed, row.closed.books.report(&args.tenant));
    if closed.books.report_sha256(&args.tenant) != closed.report_sha256 {
        bail!("the report does not have the hash that was closed; run `kontor period verify`");
    }
    if args.text {
        // As it was hashed, to the last byte.
        return std::io::stdout().lock().write_all(text.as_bytes()).context("the report");
    }
    if let Some(path) = &args.xlsx {
        write_report(&args.tenant, closed, path)?;
        output::line(&format!("{} holds the report {}.", path.display(), closed.report_sha256));
        return Ok(());
    }
    if args.output.json {
        return output::json(&json!({
            "tenant": args.tenant, "state": row.state.name(), "closed_at": row.closed_at,
            "closed": closed,
        }));
    }
    output::line(text.trim_end());
    output::line(&format!("sha256 {}", closed.report_sha256));
    if !row.counts() {
        output::line("This close was opened again; it counts no more.");
    }
    Ok(())
}
