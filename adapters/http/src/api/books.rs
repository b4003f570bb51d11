//! The books of a tenant, for accountants.

pub(crate) mod bounds;
pub(crate) mod tables;

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use kontor_domain::{
    accounting_period::{ClosedBounds, Month},
    credit_ledger::{BookAccount, Unit},
};
use kontor_projections::{
    PageRequest,
    books::{self, AccountBalance, AsOf, Movement, Period, Statement, Subject, Turnover},
    credits, periods,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::bounds::Calendar;
use super::{
    documents::{AsOfParameters, Failures, PageParameters, PeriodParameters, ReadParameters},
    ledgers::ledger_unknown,
    periods::lines::late_of,
};
use crate::{
    access::{PathOf, Read, ReadBooks},
    problem::Problem,
    state::ApiState,
};

/// The read model behind these pages.
const READ_MODEL: &str = "books";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(show_trial_balance))
        .routes(routes!(list_book_accounts))
        .routes(routes!(show_account_statement))
        .routes(routes!(show_ledger_statement))
}

/// What is on all accounts. In each unit debits and credits are the same in sum.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBalanceBody {
    /// The zone of the tenant's days.
    #[schema(example = "Europe/Moscow")]
    pub(crate) time_zone: String,
    /// What holds from this instant on is not counted; null when all is.
    pub(crate) effective_before: Option<DateTime<Utc>>,
    /// What was recorded from this instant on is not counted; null when all is.
    pub(crate) recorded_before: Option<DateTime<Utc>>,
    pub(crate) rows: Vec<TrialBalanceRow>,
    /// The sums by unit.
    pub(crate) sums: Vec<UnitSumBody>,
}

/// What went over an account in one unit. Amounts are decimal texts, so that no program rounds them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialBalanceRow {
    #[schema(example = "income:messages")]
    pub(crate) account: &'static str,
    /// What stands on the account.
    pub(crate) about: &'static str,
    /// `CR` for credits, `MSG` for messages, or the code of a currency.
    #[schema(example = "RUB")]
    pub(crate) unit: String,
    #[schema(example = "0.00")]
    pub(crate) debits: String,
    #[schema(example = "499.00")]
    pub(crate) credits: String,
    /// Debits less credits.
    #[schema(example = "-499.00")]
    pub(crate) balance: String,
}

/// Debits and credits over all accounts in one unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitSumBody {
    pub(crate) unit: String,
    pub(crate) debits: String,
    pub(crate) credits: String,
}

/// An account of the books.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookAccountBody {
    #[schema(example = "income:messages")]
    account: &'static str,
    /// What stands on it.
    about: &'static str,
    /// Whether it is divided by grant or pass.
    is_divided: bool,
    /// What is on it, by unit; empty when nothing ever went over it.
    balances: Vec<UnitBalanceBody>,
}

/// What is on an account in one unit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitBalanceBody {
    #[schema(example = "RUB")]
    unit: String,
    /// Debits are positive, credits negative; a decimal text.
    #[schema(example = "-499.00")]
    balance: String,
}

/// A statement: what was there, what came and went, and what is there then.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatementBody {
    pub(crate) time_zone: String,
    /// The first instant of the period; null when it has no beginning.
    pub(crate) from: Option<DateTime<Utc>>,
    /// The first instant behind the period; null when it has no end.
    pub(crate) to: Option<DateTime<Utc>>,
    /// What was recorded from this instant on is not counted; null when all is.
    pub(crate) recorded_before: Option<DateTime<Utc>>,
    /// By account and unit, for the whole period.
    pub(crate) turnovers: Vec<TurnoverBody>,
    /// The lines in the order in which they hold.
    pub(crate) items: Vec<MovementBody>,
    /// Pass it on as `cursor` for the next page; null after the last.
    pub(crate) next_cursor: Option<String>,
}

/// What happened on an account: opening, and debits less credits, make the closing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnoverBody {
    pub(crate) account: &'static str,
    pub(crate) unit: String,
    pub(crate) opening: String,
    pub(crate) debits: String,
    pub(crate) credits: String,
    pub(crate) closing: String,
}

/// One line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MovementBody {
    /// The booking's position in the log.
    pub(crate) position: i64,
    /// Which line of the booking, from 0.
    pub(crate) line: i64,
    /// The event without its aggregate.
    #[schema(example = "spent")]
    pub(crate) kind: String,
    pub(crate) ledger_id: Uuid,
    pub(crate) account: &'static str,
    pub(crate) unit: String,
    /// Debits are positive, credits negative.
    #[schema(example = "-19.96")]
    pub(crate) amount: String,
    /// What is on the account behind it.
    #[schema(example = "-499.00")]
    pub(crate) balance: String,
    /// The grant or pass, where the account is divided by them.
    pub(crate) grant_id: Option<Uuid>,
    /// From when on it holds.
    pub(crate) effective_at: DateTime<Utc>,
    /// When the log accepted it.
    pub(crate) recorded_at: DateTime<Utc>,
    /// The closed month that it came too late for; null when it did not.
    #[schema(value_type = Option<String>, example = "2026-11")]
    pub(crate) late_of: Option<Month>,
    /// The month in which a late entry counts.
    #[schema(value_type = Option<String>, example = "2026-12")]
    pub(crate) counts_in: Option<Month>,
}

impl From<&AccountBalance> for TrialBalanceRow {
    fn from(row: &AccountBalance) -> Self {
        Self {
            account: row.account.name(),
            about: row.account.about(),
            unit: row.unit.to_string(),
            debits: row.unit.decimal(row.debits),
            credits: row.unit.decimal(row.credits),
            balance: row.unit.decimal(row.balance()),
        }
    }
}

impl From<&Turnover> for TurnoverBody {
    fn from(row: &Turnover) -> Self {
        Self {
            account: row.account.name(),
            unit: row.unit.to_string(),
            opening: row.unit.decimal(row.opening),
            debits: row.unit.decimal(row.debits),
            credits: row.unit.decimal(row.credits),
            closing: row.unit.decimal(row.closing),
        }
    }
}

impl MovementBody {
    pub(crate) fn new(closed: &[ClosedBounds], Movement { line, balance }: Movement) -> Self {
        let (late_of, counts_in) = late_of(closed, &line);
        Self {
            position: line.position(),
            line: line.line(),
            kind: line.kind,
            ledger_id: line.ledger_id,
            account: line.account.name(),
            unit: line.unit.to_string(),
            amount: line.unit.decimal(line.amount),
            balance: line.unit.decimal(balance),
            grant_id: line.grant_id,
            effective_at: line.effective_at,
            recorded_at: line.recorded_at,
            late_of,
            counts_in,
        }
    }
}

impl TrialBalanceBody {
    pub(crate) fn new(calendar: &Calendar, as_of: AsOf, rows: &[AccountBalance]) -> Self {
        let mut sums = BTreeMap::<Unit, (i128, i128)>::new();
        for row in rows {
            let (debits, credits) = sums.entry(row.unit).or_default();
            *debits = debits.saturating_add(row.debits);
            *credits = credits.saturating_add(row.credits);
        }
        let sums = sums.into_iter().map(|(unit, (debits, credits))| UnitSumBody {
            unit: unit.to_string(),
            debits: unit.decimal(debits),
            credits: unit.decimal(credits),
        });
        Self {
            time_zone: calendar.time_zone.name().to_owned(),
            effective_before: as_of.effective_before,
            recorded_before: as_of.recorded_before,
            rows: rows.iter().map(Into::into).collect(),
            sums: sums.collect(),
        }
    }
}

impl StatementBody {
    pub(crate) fn new(
        (calendar, closed): (&Calendar, &[ClosedBounds]),
        period: Period,
        statement: Statement,
    ) -> Self {
        let movements = statement.movements.items.into_iter();
        Self {
            time_zone: calendar.time_zone.name().to_owned(),
            from: period.from,
            to: period.to,
            recorded_before: period.recorded_before,
            turnovers: statement.turnovers.iter().map(Into::into).collect(),
            next_cursor: statement.movements.next.map(|cursor| cursor.to_string()),
            items: movements.map(|it| MovementBody::new(closed, it)).collect(),
        }
    }
}

/// Show what is on all accounts, at any instant and as known at any instant. `Accept: text/csv` gives
/// a table.
#[utoipa::path(
    get, path = "/v1/books/trial-balance", tag = "books", params(AsOfParameters, ReadParameters),
    responses((status = 200, content((TrialBalanceBody), (String = "text/csv"))), Failures)
)]
async fn show_trial_balance(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let calendar = Calendar::of(&state, &read.tenant).await?;
    let as_of = calendar.as_of(&read.parameters)?;
    read.reach(&state, &[READ_MODEL]).await?;
    let rows = books::trial_balance(&state.pool, &read.tenant, as_of).await?;
    let body = TrialBalanceBody::new(&calendar, as_of, &rows);
    if tables::is_wanted(&headers) {
        return tables::trial_balance(&state, &body);
    }
    Ok(varying(Json(body)))
}

/// List the chart of accounts with what is on each, at any instant and as known at any instant.
#[utoipa::path(
    get, path = "/v1/books/accounts", tag = "books", params(AsOfParameters, ReadParameters),
    responses((status = 200, body = Vec<BookAccountBody>), Failures)
)]
async fn list_book_accounts(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<Vec<BookAccountBody>>, Problem> {
    let calendar = Calendar::of(&state, &read.tenant).await?;
    let as_of = calendar.as_of(&read.parameters)?;
    read.reach(&state, &[READ_MODEL]).await?;
    let rows = books::trial_balance(&state.pool, &read.tenant, as_of).await?;
    let accounts = BookAccount::ALL.map(|account| BookAccountBody {
        account: account.name(),
        about: account.about(),
        is_divided: account.is_divided(),
        balances: rows
            .iter()
            .filter(|row| row.account == account)
            .map(|row| UnitBalanceBody {
                unit: row.unit.to_string(),
                balance: row.unit.decimal(row.balance()),
            })
            .collect(),
    });
    Ok(Json(accounts.into()))
}

/// Show what came and went on an account within a period, over all customers. `Accept: text/csv` gives
/// all lines as a table.
#[utoipa::path(
    get, path = "/v1/books/accounts/{account}/statement", tag = "books",
    params(("account" = String, Path, description = "The account, such as `income:messages`"),
        PeriodParameters, PageParameters, ReadParameters),
    responses((status = 200, content((StatementBody), (String = "text/csv"))), Failures)
)]
async fn show_account_statement(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(account): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let account: BookAccount = account.parse().map_err(|_| {
        let detail = "there is no such account; `/v1/books/accounts` lists all";
        Problem::not_found("account_unknown", detail)
    })?;
    read.reach(&state, &[READ_MODEL]).await?;
    show(&state, (&read, &headers), Subject::Account(account)).await
}

/// Show what came and went on all accounts by one customer's ledger within a period. `Accept:
/// text/csv` gives all lines as a table.
#[utoipa::path(
    get, path = "/v1/ledgers/{id}/statement", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"),
        PeriodParameters, PageParameters, ReadParameters),
    responses((status = 200, content((StatementBody), (String = "text/csv"))), Failures)
)]
async fn show_ledger_statement(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    read.reach(&state, &["credits", READ_MODEL]).await?;
    credits::find(&state.pool, &read.tenant, id).await?.ok_or_else(ledger_unknown)?;
    show(&state, (&read, &headers), Subject::Ledger(id)).await
}

async fn show(
    state: &ApiState,
    (read, headers): (&Read, &HeaderMap),
    subject: Subject,
) -> Result<Response, Problem> {
    let calendar = Calendar::of(state, &read.tenant).await?;
    let period = calendar.period(&read.parameters)?;
    let page = read.parameters.page()?;
    if tables::is_wanted(headers) {
        return tables::statement(state, &read.tenant, (subject, period)).await;
    }
    let of = (subject, period);
    let statement = books::statement(&state.pool, &read.tenant, of, &page).await?;
    let closed = periods::closed_bounds(&state.pool, &read.tenant).await?;
    Ok(varying(Json(StatementBody::new((&calendar, &closed), period, statement))))
}

/// An answer that depends on what the caller accepts.
fn varying(body: impl IntoResponse) -> Response {
    ([(header::VARY, "accept")], body).into_response()
}

/// The largest page of lines, for tables.
fn large_page() -> PageRequest {
    PageRequest::first(PageRequest::LIMIT_MAX)
}
