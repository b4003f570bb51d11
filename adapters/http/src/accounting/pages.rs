//! The trial balance and the statements.

use askama::Template;
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use kontor_domain::credit_ledger::BookAccount;
use kontor_projections::{
    books::{self, AsOf, Period, Subject},
    credits, periods,
};
use uuid::Uuid;

use super::desk::{self, Desk, Shell};
use crate::{
    access::PathOf,
    api::{
        books::{
            MovementBody, StatementBody, TrialBalanceBody, TrialBalanceRow, TurnoverBody,
            UnitSumBody,
            bounds::{Calendar, Edge},
            tables,
        },
        ledgers::ledger_unknown,
    },
    operations::{operator::Person, shell::html},
    problem::Problem,
    state::ApiState,
};

/// The accounts of one unit.
struct Sheet {
    sum: UnitSumBody,
    rows: Vec<TrialBalanceRow>,
}

impl Sheet {
    fn is_even(&self) -> bool {
        self.sum.debits == self.sum.credits
    }

    fn name(&self) -> &str {
        match self.sum.unit.as_str() {
            "CR" => "Credits",
            "MSG" => "Messages under passes",
            "XTR" => "Telegram Stars",
            currency => currency,
        }
    }
}

#[derive(Template)]
#[template(path = "books/trial.html")]
struct TrialPage {
    shell: Shell,
    time_zone: String,
    effective_before: String,
    recorded_before: String,
    /// Leads on to statements of the same bounds.
    bounds: String,
    sheets: Vec<Sheet>,
}

/// `/admin/books`
pub(super) async fn trial_balance(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let as_of = desk.calendar.as_of(&desk.parameters)?;
    let rows = books::trial_balance(&state.pool, &desk.tenant, as_of).await?;
    let mut body = TrialBalanceBody::new(&desk.calendar, as_of, &rows);
    let sheets = body.sums.into_iter().map(|sum| {
        let rows = body.rows.extract_if(.., |row| row.unit == sum.unit).collect();
        Sheet { sum, rows }
    });
    html(&TrialPage {
        sheets: sheets.collect(),
        time_zone: body.time_zone,
        effective_before: desk.calendar.written(as_of.effective_before, Edge::Begins),
        recorded_before: desk.calendar.written(as_of.recorded_before, Edge::Begins),
        bounds: bounds(&desk.calendar, as_of),
        shell: desk.shell,
    })
}

/// What a statement that ends where a trial balance does is asked for with.
fn bounds(calendar: &Calendar, as_of: AsOf) -> String {
    let to = calendar.written(as_of.effective_before, Edge::Ends);
    let recorded_before = calendar.written(as_of.recorded_before, Edge::Begins);
    let named = [("to", to), ("recorded_before", recorded_before)];
    let given = named.into_iter().filter(|(_, text)| !text.is_empty());
    given.map(|(name, text)| format!("&{name}={text}")).collect()
}

/// `/admin/books/trial-balance.csv`
pub(super) async fn trial_balance_table(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let as_of = desk.calendar.as_of(&desk.parameters)?;
    let rows = books::trial_balance(&state.pool, &desk.tenant, as_of).await?;
    tables::trial_balance(&state, &TrialBalanceBody::new(&desk.calendar, as_of, &rows))
}

/// A line as it is shown.
struct Row {
    it: MovementBody,
    holds_from: String,
    /// Given where it was recorded on a later day.
    recorded: Option<String>,
    /// Given where it came after the close of its month.
    late: Option<String>,
}

#[derive(Template)]
#[template(path = "books/statement.html")]
struct StatementPage {
    shell: Shell,
    time_zone: String,
    title: String,
    about: &'static str,
    /// Where this page is, without a query.
    place: String,
    /// Whether lines of many accounts stand here.
    is_ledger: bool,
    from: String,
    to: String,
    recorded_before: String,
    turnovers: Vec<TurnoverBody>,
    rows: Vec<Row>,
    /// The query of this period, for links.
    bounds: String,
    next_cursor: Option<String>,
    /// Whether earlier pages were passed by.
    is_later_page: bool,
}

/// `/admin/books/accounts/{account}`
pub(super) async fn account(
    State(state): State<ApiState>,
    person: Person,
    PathOf(account): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let account = known(&account)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => show(&state, desk, Subject::Account(account)).await,
        Err(choice) => Ok(choice),
    }
}

/// `/admin/books/accounts/{account}/statement.csv`
pub(super) async fn account_table(
    State(state): State<ApiState>,
    person: Person,
    PathOf(account): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let account = known(&account)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => table(&state, &desk, Subject::Account(account)).await,
        Err(choice) => Ok(choice),
    }
}

/// `/admin/books/ledgers/{id}`
pub(super) async fn ledger(
    State(state): State<ApiState>,
    person: Person,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => show(&state, desk, Subject::Ledger(id)).await,
        Err(choice) => Ok(choice),
    }
}

/// `/admin/books/ledgers/{id}/statement.csv`
pub(super) async fn ledger_table(
    State(state): State<ApiState>,
    person: Person,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => table(&state, &desk, Subject::Ledger(id)).await,
        Err(choice) => Ok(choice),
    }
}

fn known(account: &str) -> Result<BookAccount, Problem> {
    account.parse().map_err(|_| {
        Problem::not_found("account_unknown", "the books have no account of this name")
    })
}

async fn table(state: &ApiState, desk: &Desk, subject: Subject) -> Result<Response, Problem> {
    check(state, desk, subject).await?;
    let period = desk.calendar.period(&desk.parameters)?;
    tables::statement(state, &desk.tenant, (subject, period)).await
}

/// Whether there is such a ledger.
async fn check(state: &ApiState, desk: &Desk, subject: Subject) -> Result<(), Problem> {
    match subject {
        Subject::Account(_) => Ok(()),
        Subject::Ledger(id) => {
            let found = credits::find(&state.pool, &desk.tenant, id).await?;
            found.map(|_| ()).ok_or_else(ledger_unknown)
        }
    }
}

async fn show(state: &ApiState, desk: Desk, subject: Subject) -> Result<Response, Problem> {
    check(state, &desk, subject).await?;
    let Desk { shell, tenant, calendar, parameters } = desk;
    let period = calendar.period(&parameters)?;
    let page = parameters.page()?;
    let statement = books::statement(&state.pool, &tenant, (subject, period), &page).await?;
    let closed = periods::closed_bounds(&state.pool, &tenant).await?;
    let body = StatementBody::new((&calendar, &closed), period, statement);
    let (title, about, place) = match subject {
        Subject::Account(account) => {
            (account.to_string(), account.about(), format!("/admin/books/accounts/{account}"))
        }
        Subject::Ledger(id) => {
            let about = "All accounts, as far as this customer's bookings went over them";
            (format!("Ledger {id}"), about, format!("/admin/books/ledgers/{id}"))
        }
    };
    let rows = body.items.into_iter().map(|it| {
        let (holds_from, recorded) =
            (calendar.local(&it.effective_at), calendar.local(&it.recorded_at));
        let is_late = recorded.get(..10) > holds_from.get(..10);
        let late = it.late_of.zip(it.counts_in);
        let late = late.map(|(of, counts_in)| format!("late entry of {of}, counts in {counts_in}"));
        Row { it, holds_from, recorded: is_late.then_some(recorded), late }
    });
    let Period { from, to, recorded_before } = period;
    let (from, to) = (calendar.written(from, Edge::Begins), calendar.written(to, Edge::Ends));
    let recorded_before = calendar.written(recorded_before, Edge::Begins);
    let named = [("from", &from), ("to", &to), ("recorded_before", &recorded_before)];
    let given = named.into_iter().filter(|(_, text)| !text.is_empty());
    html(&StatementPage {
        bounds: given.map(|(name, text)| format!("&{name}={text}")).collect(),
        rows: rows.collect(),
        is_ledger: matches!(subject, Subject::Ledger(_)),
        is_later_page: page.after.is_some(),
        turnovers: body.turnovers,
        next_cursor: body.next_cursor,
        time_zone: body.time_zone,
        shell,
        title,
        about,
        place,
        from,
        to,
        recorded_before,
    })
}
