//! Statements: what was on an account, what came and went, and what was on it then.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kontor_domain::{
    TenantId,
    credit_ledger::{BookAccount, Unit},
};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{AccountBalance, AsOf, LineRow, balances};
use crate::{CursorError, Page, PageRequest, QueryError, credits::LINES_MAX, paging::List};

/// What a statement is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// One account, over all customers.
    Account(BookAccount),
    /// All accounts, as far as one customer's ledger went over them.
    Ledger(Uuid),
}

/// From when to when, and as known when.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Period {
    /// The first instant of the period; from the beginning when absent.
    pub from: Option<DateTime<Utc>>,
    /// The first instant behind the period; without an end when absent.
    pub to: Option<DateTime<Utc>>,
    /// Lines that were recorded before this instant; all when absent.
    pub recorded_before: Option<DateTime<Utc>>,
}

/// What happened on an account in one unit. Opening, debits less credits, and closing add up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turnover {
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// What was on it when the period began.
    pub opening: i128,
    /// What came by debits within the period.
    pub debits: i128,
    /// What went by credits within the period.
    pub credits: i128,
    /// What was on it when the period ended.
    pub closing: i128,
}

/// One line of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Movement {
    /// The line.
    pub line: LineRow,
    /// What is on the account behind it, as far as the statement's subject goes.
    pub balance: i128,
}

/// A statement with one page of its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// By account and unit, for the whole period.
    pub turnovers: Vec<Turnover>,
    /// In the order in which they hold, those of one instant in the order of the log.
    pub movements: Page<Movement>,
}

/// A place in the order of a statement: by instant, and within one instant by the order of the log.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Mark {
    /// Before all lines.
    Beginning,
    /// Before the line at this place, and all that hold from later on.
    Before(DateTime<Utc>, i64),
    /// Behind all lines.
    End,
}

/// The debits and credits before a place, by account and unit.
type Sums = BTreeMap<(BookAccount, Unit), (i128, i128)>;

macro_rules! select_lines {
    ($rest:literal) => {
        concat!(
            "select place, ledger_id, version, kind, account, unit, amount, grant_id, effective_at, \
             recorded_at from book_lines ",
            $rest
        )
    };
}

pub(crate) use select_lines;

macro_rules! sum_lines {
    ($which:literal) => {
        concat!(
            "select account, unit, sum(greatest(amount::numeric, 0))::text as debits, \
             sum(greatest(-amount::numeric, 0))::text as credits from book_lines where ",
            $which,
            " and recorded_at < coalesce($5, 'infinity'::timestamptz) group by account, unit"
        )
    };
}

macro_rules! lines_between {
    ($subject:literal) => {
        concat!(
            select_lines!("where "),
            $subject,
            " = $1 and tenant = $2 \
             and (effective_at, place) >= (coalesce($3, '-infinity'::timestamptz), $4) \
             and (effective_at, place) < (coalesce($5, 'infinity'::timestamptz), $6) \
             and recorded_at < coalesce($7, 'infinity'::timestamptz) \
             order by effective_at, place limit $8"
        )
    };
}

/// A statement. It is read in one view of the database: opening, lines and closing belong together.
/// From page to page late lines may come in between, unless `recorded_before` says what counts.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn statement(
    pool: &PgPool,
    tenant: &TenantId,
    (subject, period): (Subject, Period),
    page: &PageRequest,
) -> Result<Statement, QueryError> {
    let mut tx = pool.begin_with("begin isolation level repeatable read read only").await?;
    let of = Of { tenant, subject, recorded_before: period.recorded_before };
    let from = period.from.map_or(Mark::Beginning, |from| Mark::Before(from, 0));
    let to = period.to.map_or(Mark::End, |to| Mark::Before(to, 0));
    let opening = of.sums(&mut tx, from).await?;
    let closing = of.sums(&mut tx, to).await?;
    let key = page.key(List::BookLines, 0)?;
    let (start, mut running) = if key == 0 {
        (from, opening.clone())
    } else {
        let start = of.behind(&mut tx, key).await?.max(from);
        (start, of.sums(&mut tx, start).await?)
    };
    let rows = of.lines(&mut tx, (start, to), page.rows_to_read()).await?;
    tx.commit().await?;
    let movements = rows.into_iter().map(|line| {
        let (debits, credits) = running.entry((line.account, line.unit)).or_default();
        let amount = i128::from(line.amount);
        *debits = debits.saturating_add(amount.max(0));
        *credits = credits.saturating_sub(amount.min(0));
        Movement { balance: debits.saturating_sub(*credits), line }
    });
    let movements = page.cut(List::BookLines, movements.collect(), |it: &Movement| it.line.place);
    Ok(Statement { turnovers: turnovers(&opening, &closing), movements })
}

/// The lines of one booking, in its order; none when there is no such booking of the tenant.
///
/// # Errors
/// When the database fails.
pub async fn booking(
    pool: &PgPool,
    tenant: &TenantId,
    position: i64,
) -> Result<Vec<LineRow>, QueryError> {
    let Some(first) = position.checked_mul(LINES_MAX) else { return Ok(Vec::new()) };
    let rows = sqlx::query_as(select_lines!(
        "where tenant = $1 and place >= $2 and place < $3 order by place"
    ))
    .bind(tenant.as_str())
    .bind(first)
    .bind(first.saturating_add(LINES_MAX))
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// What a statement reads.
struct Of<'a> {
    tenant: &'a TenantId,
    subject: Subject,
    recorded_before: Option<DateTime<Utc>>,
}

impl Of<'_> {
    /// The sums of all lines before a place. Those of an account cost days, those of a ledger the
    /// lines of one customer.
    async fn sums(&self, db: &mut PgConnection, mark: Mark) -> Result<Sums, sqlx::Error> {
        let (effective_before, place) = match mark {
            Mark::Beginning => return Ok(Sums::new()),
            Mark::Before(at, place) => (Some(at), place),
            Mark::End => (None, 0),
        };
        let mut rows = match self.subject {
            Subject::Account(account) => {
                let as_of = AsOf { effective_before, recorded_before: self.recorded_before };
                balances::of(db, self.tenant, &[account], as_of).await?
            }
            Subject::Ledger(_) => Vec::new(),
        };
        rows.extend(self.line_sums(db, (effective_before, place)).await?);
        let mut sums = Sums::new();
        for row in rows {
            let (debits, credits) = sums.entry((row.account, row.unit)).or_default();
            *debits = debits.saturating_add(row.debits);
            *credits = credits.saturating_add(row.credits);
        }
        Ok(sums)
    }

    /// The sums that are not in those of days: for a ledger all before a place, for an account those
    /// of the very instant.
    async fn line_sums(
        &self,
        db: &mut PgConnection,
        (at, place): (Option<DateTime<Utc>>, i64),
    ) -> Result<Vec<AccountBalance>, sqlx::Error> {
        let sums = match self.subject {
            Subject::Account(_) if place == 0 => return Ok(Vec::new()),
            Subject::Account(account) => sqlx::query_as(sum_lines!(
                "tenant = $1 and account = $2 and effective_at = $3 and place < $4"
            ))
            .bind(self.tenant.as_str())
            .bind(account.name()),
            Subject::Ledger(id) => sqlx::query_as(sum_lines!(
                "tenant = $1 and ledger_id = $2 \
                 and (effective_at, place) < (coalesce($3, 'infinity'::timestamptz), $4)"
            ))
            .bind(self.tenant.as_str())
            .bind(id),
        };
        sums.bind(at).bind(place).bind(self.recorded_before).fetch_all(db).await
    }

    /// The lines between two places.
    async fn lines(
        &self,
        db: &mut PgConnection,
        (start, end): (Mark, Mark),
        limit: i64,
    ) -> Result<Vec<LineRow>, sqlx::Error> {
        let lines = match self.subject {
            Subject::Account(account) => {
                sqlx::query_as(lines_between!("account")).bind(account.name())
            }
            Subject::Ledger(id) => sqlx::query_as(lines_between!("ledger_id")).bind(id),
        };
        let (start, start_place) = bound(start);
        let (end, end_place) = bound(end);
        lines
            .bind(self.tenant.as_str())
            .bind(start)
            .bind(start_place)
            .bind(end)
            .bind(end_place)
            .bind(self.recorded_before)
            .bind(limit)
            .fetch_all(db)
            .await
    }

    /// The place behind the line that a page ended with.
    async fn behind(&self, db: &mut PgConnection, place: i64) -> Result<Mark, QueryError> {
        let at: Option<DateTime<Utc>> = sqlx::query_scalar(
            "select effective_at from book_lines where place = $1 and tenant = $2",
        )
        .bind(place)
        .bind(self.tenant.as_str())
        .fetch_optional(db)
        .await?;
        let at = at.ok_or(CursorError)?;
        Ok(Mark::Before(at, place.saturating_add(1)))
    }
}

/// The instant of a place, or none for an end of time.
fn bound(mark: Mark) -> (Option<DateTime<Utc>>, i64) {
    match mark {
        Mark::Beginning | Mark::End => (None, 0),
        Mark::Before(at, place) => (Some(at), place),
    }
}

fn turnovers(opening: &Sums, closing: &Sums) -> Vec<Turnover> {
    closing
        .iter()
        .map(|(&(account, unit), &(debits, credits))| {
            let (debits_before, credits_before) =
                opening.get(&(account, unit)).copied().unwrap_or_default();
            Turnover {
                account,
                unit,
                opening: debits_before.saturating_sub(credits_before),
                debits: debits.saturating_sub(debits_before),
                credits: credits.saturating_sub(credits_before),
                closing: debits.saturating_sub(credits),
            }
        })
        .collect()
}
