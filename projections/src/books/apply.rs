//! Events in, lines and sums out.

use async_trait::async_trait;
use kontor_domain::{Recorded, TenantId, credit_ledger::CreditLedgerEvent};
use sqlx::PgConnection;

use super::{Books, LineRow};
use crate::{
    ApplyError, Projection,
    columns::{Shape, column, event_error},
    credits::LINES_MAX,
};

#[async_trait]
impl Projection for Books {
    fn name(&self) -> &'static str {
        "books"
    }

    fn version(&self) -> i32 {
        2
    }

    /// All that may have lines: opening a ledger, a warning and a reset move nothing by themselves.
    fn event_types(&self) -> &'static [&'static str] {
        &[
            "credit_ledger.granted",
            "credit_ledger.pass_granted",
            "credit_ledger.spent",
            "credit_ledger.held",
            "credit_ledger.hold_captured",
            "credit_ledger.hold_released",
            "credit_ledger.spend_reversed",
            "credit_ledger.grant_expired",
            "credit_ledger.grant_refunded",
            "credit_ledger.refund_returned",
            "credit_ledger.grant_revoked",
            "credit_ledger.dispute_opened",
            "credit_ledger.dispute_closed",
            "credit_ledger.debt_covered",
            "credit_ledger.debt_written_off",
            "credit_ledger.adjusted",
            "credit_ledger.pass_recognised",
            "credit_ledger.pass_refunded",
            "credit_ledger.part_refunded",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["book_lines", "book_days"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let mut lines = Vec::new();
        for event in events {
            add_lines(event, &mut lines)?;
        }
        if lines.is_empty() {
            return Ok(());
        }
        write(db, &lines).await
    }
}

/// A line with the tenant that it belongs to.
type Line<'a> = (&'a TenantId, LineRow);

fn add_lines<'a>(event: &'a Recorded, lines: &mut Vec<Line<'a>>) -> Result<(), ApplyError> {
    let fact: CreditLedgerEvent = event.body()?;
    let kind = event.event_type.split_once('.').map_or(&*event.event_type, |(_, kind)| kind);
    for (line, entry) in (0..).zip(&fact.booking().entries) {
        let place = event.position.checked_mul(LINES_MAX).filter(|_| line < LINES_MAX);
        let place = place.and_then(|place| place.checked_add(line)).ok_or_else(|| {
            event_error(Shape(format!(
                "`{}` at position {} has more than {LINES_MAX} lines",
                event.event_type, event.position
            )))
        })?;
        let row = LineRow {
            place,
            ledger_id: event.stream_id,
            version: event.version,
            kind: kind.to_owned(),
            account: entry.account,
            unit: entry.unit,
            amount: entry.amount,
            grant_id: entry.grant_id,
            effective_at: fact.effective_at(),
            recorded_at: event.recorded_at,
        };
        lines.push((&event.tenant, row));
    }
    Ok(())
}

/// Adds the lines, and to the sums only what was not there yet. Sums come out the same in any order,
/// so streams may overtake each other; they are touched in one order, so that segments of a rebuild
/// wait for each other and never in a circle.
async fn write(db: &mut PgConnection, lines: &[Line<'_>]) -> Result<(), ApplyError> {
    sqlx::query(
        "with added as ( \
             insert into book_lines (place, tenant, ledger_id, version, kind, account, unit, \
                 amount, grant_id, effective_at, recorded_at) \
             select * from unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], \
                 $6::text[], $7::text[], $8::bigint[], $9::uuid[], $10::timestamptz[], \
                 $11::timestamptz[]) \
             on conflict (place) do nothing \
             returning tenant, account, unit, amount::numeric as amount, \
                 (effective_at at time zone 'UTC')::date as effective_on, \
                 (recorded_at at time zone 'UTC')::date as recorded_on \
         ) \
         insert into book_days as day (tenant, account, unit, effective_on, recorded_on, debits, \
             credits) \
         select tenant, account, unit, effective_on, recorded_on, sum(greatest(amount, 0)), \
             sum(greatest(-amount, 0)) \
         from added group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5 \
         on conflict (tenant, account, unit, effective_on, recorded_on) do update \
         set debits = day.debits + excluded.debits, credits = day.credits + excluded.credits",
    )
    .bind(column(lines, |(_, row)| row.place))
    .bind(column(lines, |(tenant, _)| tenant.as_str()))
    .bind(column(lines, |(_, row)| row.ledger_id))
    .bind(column(lines, |(_, row)| row.version))
    .bind(column(lines, |(_, row)| row.kind.as_str()))
    .bind(column(lines, |(_, row)| row.account.name()))
    .bind(column(lines, |(_, row)| row.unit.to_string()))
    .bind(column(lines, |(_, row)| row.amount))
    .bind(column(lines, |(_, row)| row.grant_id))
    .bind(column(lines, |(_, row)| row.effective_at))
    .bind(column(lines, |(_, row)| row.recorded_at))
    .execute(db)
    .await?;
    Ok(())
}
