//! What a close of a month would say now: its figures, what they rest on, and what the checks found.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use kontor_domain::{
    TenantId,
    accounting_period::{
        AccountingPeriods, Bounds, Close, Figures, Finding, Ledgers, Month, Part, SealNamed, Tally,
    },
    credit_ledger::{BookAccount, chain::Head},
};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use super::{PeriodRow, checks, last_of};
use crate::{
    QueryError, checkpoints,
    columns::{decode_error, named},
    credits::LINES_MAX,
};

/// A close that nobody has ordered yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The command; what is found is in it, and nothing is acknowledged.
    pub close: Close,
    /// The last closed month.
    pub last: Option<Month>,
}

/// The month that is closed next: the one behind the last closed one, the first one when it was opened
/// again, or that of the first booking. None when nothing was ever booked.
///
/// # Errors
/// When the database fails.
pub async fn next_month(
    pool: &PgPool,
    tenant: &TenantId,
    zone: Tz,
) -> Result<Option<Month>, QueryError> {
    if let Some(last) = last_of(pool, tenant).await? {
        return Ok(Some(last.month.next()));
    }
    if let Some(first) = first_of(pool, tenant).await? {
        return Ok(Some(first));
    }
    let first: Option<DateTime<Utc>> =
        sqlx::query_scalar("select min(effective_at) from book_lines where tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(pool)
            .await?;
    Ok(first.map(|at| Month::at(at, zone)))
}

/// The first month that was ever closed, whether or not it counts.
async fn first_of(pool: &PgPool, tenant: &TenantId) -> Result<Option<Month>, sqlx::Error> {
    let first: Option<String> =
        sqlx::query_scalar("select min(month) from period_closes where tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(pool)
            .await?;
    first.map(|it| it.parse().map_err(|err| decode_error("month", err))).transpose()
}

/// What a close of a month would say now. All of it is read from one state of the database: the
/// position is that up to which the read model `books` has the log.
///
/// # Errors
/// When the database fails.
pub async fn draft(
    pool: &PgPool,
    (tenant, zone): (&TenantId, Tz),
    month: Month,
) -> Result<Draft, QueryError> {
    let mut tx = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    let last = last_of(&mut *tx, tenant).await?;
    let position = checkpoints::lowest_position(&mut *tx, &["books"]).await?;
    let last_ends_at = last.as_ref().map(|row| row.closed.books.ends_at);
    let (starts_at, ends_at) = AccountingPeriods::span(last_ends_at, month, zone);
    let previous_position = last.as_ref().map(|row| row.closed.books.position);
    let bounds = Bounds { starts_at, ends_at, position, previous_position };
    let figures = figures(&mut tx, tenant, (bounds, last.as_ref())).await?;
    let ledgers = ledgers(&mut tx, tenant, position).await?;
    let seal = seal(&mut tx, position).await?;
    let seal_position = seal.map_or(0, |seal| seal.position);
    let findings: Vec<Finding> =
        checks::all(&mut tx, tenant, (bounds, &figures, seal_position)).await?;
    tx.commit().await?;
    let close = Close {
        month,
        starts_at,
        ends_at,
        position,
        previous_position,
        ledgers,
        figures,
        seal,
        findings,
        acknowledged: Vec::new(),
    };
    Ok(Draft { close, last: last.map(|row| row.month) })
}

/// The first place that a position leaves out.
pub(super) fn behind(position: i64) -> i64 {
    position.saturating_add(1).saturating_mul(LINES_MAX)
}

/// The lines that count in a month: those that hold from within it, and late entries. Where nothing
/// was closed before (`$6`), also those of its opening; otherwise that is what was closed. Late entries
/// are looked for by their place, so that a long history is not read again each month.
macro_rules! with_counted {
    ($rest:literal) => {
        concat!(
            "with counted as ( \
                 select place, account, unit, kind, amount::numeric as amount, \
                     case when effective_at >= $3 then 'month' else 'opening' end as part \
                 from book_lines where tenant = $1 and account = any($2) and place < $5 \
                     and effective_at < $4 \
                     and effective_at >= case when $6 then '-infinity'::timestamptz else $3 end \
                 union all \
                 select place, account, unit, kind, amount::numeric, 'late' \
                 from book_lines where not $6 and tenant = $1 and account = any($2) \
                     and place >= $7 and place < $5 and effective_at < $3 \
             ) ",
            $rest
        )
    };
}

async fn figures(
    db: &mut PgConnection,
    tenant: &TenantId,
    (bounds, last): (Bounds, Option<&PeriodRow>),
) -> Result<Figures, sqlx::Error> {
    let mut tally = match last {
        Some(last) => {
            let rows = last.closed.books.figures.accounts.iter();
            Tally::after(rows.map(|row| (row.account, row.unit, row.closing)))
        }
        None => Tally::default(),
    };
    let sums = with_counted!(
        "select account, unit, kind, part, sum(greatest(amount, 0))::text as debits, \
             sum(greatest(-amount, 0))::text as credits, count(*) as lines \
         from counted group by account, unit, kind, part"
    );
    for row in counted(db, sums, tenant, bounds).await? {
        let kind: String = row.try_get("kind")?;
        let part: Part = named(&row, "part")?;
        let key = (named(&row, "account")?, named(&row, "unit")?, kind.as_str());
        let moved = (wide(&row, "debits")?, wide(&row, "credits")?, row.try_get("lines")?);
        tally.add(key, part, moved);
    }
    let bookings = with_counted!(
        "select part, count(distinct place / 1000) as bookings from counted group by part"
    );
    for row in counted(db, bookings, tenant, bounds).await? {
        tally.count(named(&row, "part")?, row.try_get("bookings")?);
    }
    Ok(tally.figures())
}

async fn counted(
    db: &mut PgConnection,
    statement: &'static str,
    tenant: &TenantId,
    bounds: Bounds,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let accounts: Vec<&str> = BookAccount::ALL.iter().map(|account| account.name()).collect();
    sqlx::query(statement)
        .bind(tenant.as_str())
        .bind(accounts)
        .bind(bounds.starts_at)
        .bind(bounds.ends_at)
        .bind(behind(bounds.position))
        .bind(bounds.previous_position.is_none())
        .bind(bounds.previous_position.map_or(0, behind))
        .fetch_all(db)
        .await
}

/// Where the ledgers with lines end at a position.
async fn ledgers(
    db: &mut PgConnection,
    tenant: &TenantId,
    position: i64,
) -> Result<Ledgers, sqlx::Error> {
    let rows = sqlx::query(
        "select ledger.ledger_id, last.version, last.head from \
             (select distinct ledger_id from book_lines where tenant = $1 and place < $2) as ledger, \
             lateral (select version, payload #>> '{booking,head}' as head from events \
                 where stream_id = ledger.ledger_id and position <= $3 \
                 order by version desc limit 1) as last",
    )
    .bind(tenant.as_str())
    .bind(behind(position))
    .bind(position)
    .fetch_all(db)
    .await?;
    let end = |row: &PgRow| -> Result<(Uuid, i64, Head), sqlx::Error> {
        let head: String = row.try_get("head")?;
        let head = Head::try_from(head).map_err(|err| decode_error("head", err))?;
        Ok((row.try_get("ledger_id")?, row.try_get("version")?, head))
    };
    let ends = rows.iter().map(end).collect::<Result<_, _>>()?;
    Ok(Ledgers::of(tenant, ends))
}

/// The last seal whose bookings all stand at or before a position.
async fn seal(db: &mut PgConnection, position: i64) -> Result<Option<SealNamed>, sqlx::Error> {
    let row = sqlx::query(
        "select number, position, seal ->> 'root' as root from ledger_seals where position <= $1 \
         order by number desc limit 1",
    )
    .bind(position)
    .fetch_optional(db)
    .await?;
    let read = |row: PgRow| -> Result<SealNamed, sqlx::Error> {
        Ok(SealNamed {
            number: row.try_get("number")?,
            position: row.try_get("position")?,
            root: named(&row, "root")?,
        })
    };
    row.map(read).transpose()
}

/// Reads a sum, which comes as text because it may be wider than any number of the database.
fn wide(row: &PgRow, column: &str) -> Result<i128, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|err| decode_error(column, err))
}
