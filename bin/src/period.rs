//! `kontor period`: the months of the books.

mod close;
mod report;
mod verify;

pub(crate) use self::report::workbook;

use kontor_commands::clock;
use kontor_domain::accounting_period::Month;
use kontor_projections::{periods, tenants};
use serde_json::json;
use sqlx::PgPool;

use crate::{
    COMMAND_CONNECTIONS,
    cli::{PeriodListArgs, PeriodVerb},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
};

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: PeriodVerb) -> Result<(), Failure> {
    let addresses = Addresses::find(config)?;
    let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
    match verb {
        PeriodVerb::List(args) => Ok(list(&pool, &args).await?),
        PeriodVerb::Close(args) => Ok(close::close((config, &addresses), &pool, &args).await?),
        PeriodVerb::Report(args) => Ok(report::report(&pool, &args).await?),
        PeriodVerb::Verify(args) => verify::verify(&pool, &args).await,
    }
}

/// The calendar of a tenant.
async fn zone_of(pool: &PgPool, tenant: &kontor_domain::TenantId) -> anyhow::Result<chrono_tz::Tz> {
    let row = tenants::find(pool, tenant).await?;
    row.map(|row| row.time_zone).ok_or_else(|| anyhow::anyhow!("there is no tenant `{tenant}`"))
}

async fn list(pool: &PgPool, args: &PeriodListArgs) -> anyhow::Result<()> {
    let zone = zone_of(pool, &args.tenant).await?;
    let rows = periods::list(pool, &args.tenant).await?;
    let next = periods::next_month(pool, &args.tenant, zone).await?;
    if args.output.json {
        let items: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "month": row.month, "revision": row.closed.books.revision,
                    "state": row.state.name(), "closed_at": row.closed_at,
                    "closed_by": row.closed.by, "position": row.closed.books.position,
                    "report_sha256": row.closed.report_sha256,
                    "late_bookings": row.closed.books.figures.late_bookings,
                })
            })
            .collect();
        return output::json(&json!({ "next": next, "items": items }));
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let books = &row.closed.books;
            vec![
                row.month.to_string(),
                books.revision.to_string(),
                row.state.name().replace('_', " "),
                row.closed_at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
                row.closed.by.clone(),
                books.figures.bookings.to_string(),
                books.figures.late_bookings.to_string(),
                row.closed.report_sha256.to_string(),
            ]
        })
        .collect();
    let titles =
        ["month", "close", "state", "closed at", "by", "bookings", "late", "hash of the report"];
    output::table(&titles, &cells);
    output::line(&match next {
        None => "Nothing was booked yet.".to_owned(),
        Some(next) => comes_next(next, zone),
    });
    Ok(())
}

fn comes_next(next: Month, zone: chrono_tz::Tz) -> String {
    let ends_at = next.next().begins(zone);
    let local = ends_at.with_timezone(&zone).format("%Y-%m-%d %H:%M");
    if clock::now() >= ends_at {
        format!("{next} comes next and can be closed.")
    } else {
        format!("{next} comes next; it ends on {local} ({zone}).")
    }
}
