//! What the pages of the months show.

use askama::Template;
use axum::{
    extract::{OriginalUri, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use kontor_commands::clock;
use kontor_domain::accounting_period::{
    AccountingPeriodRefusal, AcknowledgementReason, Month, ReopenReason,
};
use kontor_projections::{
    PageRequest,
    periods::{self, LateScope, PeriodRow, PeriodState},
};
use uuid::Uuid;

use super::super::desk::{self, Desk, Shell};
use crate::{
    access::PathOf,
    api::periods::{
        bodies::{DraftBody, NextBody, PeriodBody, ReportAccountBody, ReportBody, SumsBody},
        draft, last_close, late, late_scope,
        lines::LateLineBody,
        month_of, next, refused as refused_problem, report, tables,
    },
    operations::{operator::Person, shell::html},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// How many late entries stand on a page; the table has all.
const LINES: u32 = 100;

/// A month as the list shows it.
struct Line {
    it: PeriodBody,
    closed_at: String,
}

#[derive(Template)]
#[template(path = "periods/list.html")]
struct ListPage {
    shell: Shell,
    time_zone: String,
    next: Option<(NextBody, String)>,
    /// Whether any month is closed; else the first one may be chosen.
    is_begun: bool,
    lines: Vec<Line>,
}

/// `/admin/periods`
pub(super) async fn list(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    if let Some(chosen) = desk.parameters.text("month") {
        let place = format!("/admin/periods/{}?{}", month_of(chosen)?, desk.shell.query);
        return Ok(Redirect::to(&place).into_response());
    }
    let Desk { shell, tenant, calendar, .. } = desk;
    let rows = periods::list(&state.pool, &tenant).await?;
    let next = next(&state, &tenant, &calendar).await?;
    html(&ListPage {
        time_zone: calendar.time_zone.name().to_owned(),
        next: next.map(|it| {
            let ends_at = calendar.local(&it.ends_at);
            (it, ends_at)
        }),
        is_begun: rows.iter().any(PeriodRow::counts),
        lines: rows
            .iter()
            .map(|row| Line { it: row.into(), closed_at: calendar.local(&row.closed_at) })
            .collect(),
        shell,
    })
}

/// A late entry as it is shown.
struct Late {
    it: LateLineBody,
    holds_from: String,
    recorded: String,
}

/// What stands on the page of every month.
struct Sheet {
    time_zone: String,
    month: Month,
    accounts: Vec<ReportAccountBody>,
    sums: SumsBody,
    bookings: i64,
    late_bookings: i64,
    /// Late entries that count in this month.
    late: Vec<Late>,
    /// Whether there are more of them than are shown.
    has_more: bool,
    /// Makes sure that a form that is sent twice does one thing.
    once: Uuid,
    said: Option<String>,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "periods/open.html")]
struct OpenPage {
    shell: Shell,
    sheet: Sheet,
    it: DraftBody,
    ends_at: String,
    reasons: Vec<(&'static str, String)>,
}

/// A month that is neither closed nor the next one. It has no figures yet: those of a month go on from
/// the month before it.
#[derive(Template)]
#[template(path = "periods/waiting.html")]
struct WaitingPage {
    shell: Shell,
    month: Month,
    next: Month,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "periods/closed.html")]
struct ClosedPage {
    shell: Shell,
    sheet: Sheet,
    it: PeriodBody,
    hash_holds: bool,
    closed_at: String,
    /// Lines that hold within it and were booked after its close. Those of the first closed month may
    /// also hold from before it: no other month has them.
    after_lines: Vec<Late>,
    /// Whether there are more of them than are shown.
    has_more_after: bool,
    is_first: bool,
    /// Whether it is the last closed month, which alone can be opened again.
    is_last: bool,
    is_requested: bool,
    by_reader: bool,
    reasons: Vec<(&'static str, String)>,
}

/// `/admin/periods/{month}`
pub(super) async fn period(
    State(state): State<ApiState>,
    person: Person,
    PathOf(month): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    let said = said(Parameters::of(&uri).text("done"));
    period_page(&state, &person, (month, &uri), (said, None)).await
}

/// The page of a month, with what is to be said about the last step.
pub(super) async fn period_page(
    state: &ApiState,
    person: &Person,
    (month, uri): (Month, &Uri),
    (said, refused): (Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let desk = match Desk::of(state, person, uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let rows = periods::of_month(&state.pool, &desk.tenant, month).await?;
    let page = match rows.into_iter().next().filter(PeriodRow::counts) {
        Some(row) => closed_page(state, person, desk, (row, said, refused)).await?,
        None => open_page(state, desk, (month, said, refused)).await?,
    };
    Ok((status, page).into_response())
}

async fn open_page(
    state: &ApiState,
    desk: Desk,
    (month, said, refused): (Month, Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let draft = match draft(state, (&desk.tenant, &desk.calendar), month).await? {
        Ok(draft) => draft,
        Err(AccountingPeriodRefusal::NotNext { next }) => {
            return html(&WaitingPage { shell: desk.shell, month, next, refused });
        }
        Err(refusal) => return Err(refused_problem(&refusal)),
    };
    let mut it = DraftBody::new(&draft, clock::now());
    let (accounts, ends_at) = (std::mem::take(&mut it.accounts), desk.calendar.local(&it.ends_at));
    let scope = late_scope(state, &desk.tenant, month).await?;
    let (late, has_more) = late_lines(state, &desk, scope).await?;
    let sums = SumsBody::of(&draft.close.figures);
    let sheet = Sheet {
        time_zone: desk.calendar.time_zone.name().to_owned(),
        month,
        accounts,
        sums,
        bookings: it.bookings,
        late_bookings: it.late_bookings,
        late,
        has_more,
        once: Uuid::now_v7(),
        said,
        refused,
    };
    let reasons = AcknowledgementReason::ALL.map(|it| (it.name(), words(it.name()))).into();
    html(&OpenPage { shell: desk.shell, sheet, it, ends_at, reasons })
}

async fn closed_page(
    state: &ApiState,
    person: &Person,
    desk: Desk,
    (row, said, refused): (PeriodRow, Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let ReportBody { period: it, hash_holds, accounts, sums } =
        report(state, &desk.tenant, &row).await?;
    let scope = late_scope(state, &desk.tenant, row.month).await?;
    let (late, has_more) = late_lines(state, &desk, scope).await?;
    let books = &row.closed.books;
    let after = LateScope {
        from: books.previous_position.map(|_| books.starts_at),
        before: books.ends_at,
        after_position: books.position,
        to_position: None,
    };
    let (after_lines, has_more_after) = late_lines(state, &desk, Some(after)).await?;
    let is_first = books.previous_position.is_none();
    let last = periods::last(&state.pool, &desk.tenant).await?;
    let sheet = Sheet {
        time_zone: desk.calendar.time_zone.name().to_owned(),
        month: row.month,
        accounts,
        sums,
        bookings: it.bookings,
        late_bookings: it.late_bookings,
        late,
        has_more,
        once: Uuid::now_v7(),
        said,
        refused,
    };
    let reader = super::work::name_of(person);
    html(&ClosedPage {
        sheet,
        hash_holds,
        closed_at: desk.calendar.local(&it.closed_at),
        after_lines,
        has_more_after,
        is_first,
        is_last: last.is_some_and(|last| last.month == row.month),
        is_requested: row.state == PeriodState::ReopenRequested,
        by_reader: it.reopen_request.as_ref().is_some_and(|request| request.by == reader),
        reasons: ReopenReason::ALL.map(|it| (it.name(), words(it.name()))).into(),
        it,
        shell: desk.shell,
    })
}

/// The first late entries of a scope, and whether there are more.
async fn late_lines(
    state: &ApiState,
    desk: &Desk,
    scope: Option<LateScope>,
) -> Result<(Vec<Late>, bool), Problem> {
    let page = late(state, &desk.tenant, scope, &PageRequest::first(LINES)).await?;
    let lines = page.items.into_iter().map(|it| Late {
        holds_from: desk.calendar.local(&it.effective_at),
        recorded: desk.calendar.local(&it.recorded_at),
        it,
    });
    Ok((lines.collect(), page.next_cursor.is_some()))
}

/// `/admin/periods/{month}/report.csv`
pub(super) async fn report_table(
    State(state): State<ApiState>,
    person: Person,
    PathOf(month): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => {
            let row = last_close(&state, &desk.tenant, month).await?;
            tables::report(&state, &report(&state, &desk.tenant, &row).await?)
        }
        Err(choice) => Ok(choice),
    }
}

/// `/admin/periods/{month}/report.txt`
pub(super) async fn report_text(
    State(state): State<ApiState>,
    person: Person,
    PathOf(month): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => {
            let row = last_close(&state, &desk.tenant, month).await?;
            Ok(tables::text(&desk.tenant, &row))
        }
        Err(choice) => Ok(choice),
    }
}

/// `/admin/periods/{month}/report.xlsx`
pub(super) async fn report_workbook(
    State(state): State<ApiState>,
    person: Person,
    PathOf(month): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => {
            let row = last_close(&state, &desk.tenant, month).await?;
            tables::workbook(&state, &desk.tenant, &row)
        }
        Err(choice) => Ok(choice),
    }
}

/// `/admin/periods/{month}/late-entries.csv`
pub(super) async fn late_table(
    State(state): State<ApiState>,
    person: Person,
    PathOf(month): PathOf<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => {
            let scope = late_scope(&state, &desk.tenant, month).await?;
            tables::late(&state, &desk.tenant, (month, scope)).await
        }
        Err(choice) => Ok(choice),
    }
}

/// A name as people read it.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// Whether a figure is not zero.
fn is_something(figure: &str) -> bool {
    figure.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

fn said(done: Option<&str>) -> Option<String> {
    let text = match done? {
        "close" => "The month is closed. What is booked later counts in the next one.",
        "reopen" => "You asked to open it again. Somebody else must agree with a key of their own.",
        "approve" => "The month is open again. Close it anew when all is in order.",
        "decline" => "The month stays closed.",
        "later" => "It is taken on and will be done in a moment; look again.",
        _ => return None,
    };
    Some(text.to_owned())
}
