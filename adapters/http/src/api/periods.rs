//! The months of the books: what is closed with what report, what a close would say, and what came
//! late.

pub(crate) mod bodies;
pub(crate) mod lines;
pub(crate) mod tables;
pub(crate) mod work;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use kontor_commands::clock;
use kontor_domain::{
    RefusalDocument, TenantId,
    accounting_period::{AccountingPeriodRefusal, Month},
};
use kontor_projections::{
    PageRequest,
    books::{self, AsOf},
    checkpoints,
    periods::{self, Draft, LateScope, PeriodRow},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    bodies::{DraftBody, NextBody, PeriodBody, PeriodsBody, ReportBody},
    lines::LateLineBody,
};
use super::{
    books::{bounds::Calendar, tables::is_wanted},
    documents::{Failures, PageParameters, ReadParameters},
    values::Paged,
};
use crate::{
    access::{PathOf, ReadBooks},
    problem::Problem,
    state::ApiState,
};

/// The read models behind these pages.
pub(crate) const READ_MODELS: [&str; 2] = ["periods", "books"];

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_periods))
        .routes(routes!(find_period))
        .routes(routes!(draft_period))
        .routes(routes!(show_period_report))
        .routes(routes!(list_late_entries))
        .merge(work::router())
}

/// Reads a month out of a path.
pub(crate) fn month_of(text: &str) -> Result<Month, Problem> {
    text.parse().map_err(|err: kontor_domain::ValueError| {
        Problem::unreadable("month_malformed", err.to_string())
    })
}

pub(crate) fn not_closed(month: Month) -> Problem {
    Problem::not_found("period_not_closed", format!("the month {month} was never closed"))
}

/// List the months that were closed, the latest first, and say which one comes next.
#[utoipa::path(
    get, path = "/v1/periods", tag = "periods", params(ReadParameters),
    responses((status = 200, body = PeriodsBody), Failures)
)]
async fn list_periods(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<PeriodsBody>, Problem> {
    let calendar = Calendar::of(&state, &read.tenant).await?;
    read.reach(&state, &READ_MODELS).await?;
    let rows = periods::list(&state.pool, &read.tenant).await?;
    Ok(Json(PeriodsBody {
        time_zone: calendar.time_zone.name().to_owned(),
        next: next(&state, &read.tenant, &calendar).await?,
        items: rows.iter().map(PeriodBody::from).collect(),
    }))
}

/// The month that is closed next, and whether it is over.
pub(crate) async fn next(
    state: &ApiState,
    tenant: &TenantId,
    calendar: &Calendar,
) -> Result<Option<NextBody>, Problem> {
    let month = periods::next_month(&state.pool, tenant, calendar.time_zone).await?;
    Ok(month.map(|month| {
        let ends_at = month.next().begins(calendar.time_zone);
        NextBody { month, ends_at, is_over: clock::now() >= ends_at }
    }))
}

/// Show a month that was closed: its report, beside what the books say of it now.
#[utoipa::path(
    get, path = "/v1/periods/{month}", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"), ReadParameters),
    responses((status = 200, body = ReportBody), Failures)
)]
async fn find_period(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(month): PathOf<String>,
) -> Result<Json<ReportBody>, Problem> {
    let month = month_of(&month)?;
    read.reach(&state, &READ_MODELS).await?;
    let row = last_close(&state, &read.tenant, month).await?;
    Ok(Json(report(&state, &read.tenant, &row).await?))
}

/// The last close of a month, also one that was opened again.
pub(crate) async fn last_close(
    state: &ApiState,
    tenant: &TenantId,
    month: Month,
) -> Result<PeriodRow, Problem> {
    let rows = periods::of_month(&state.pool, tenant, month).await?;
    rows.into_iter().next().ok_or_else(|| not_closed(month))
}

pub(crate) async fn report(
    state: &ApiState,
    tenant: &TenantId,
    row: &PeriodRow,
) -> Result<ReportBody, Problem> {
    let as_of = AsOf { effective_before: Some(row.closed.books.ends_at), recorded_before: None };
    let now = books::trial_balance(&state.pool, tenant, as_of).await?;
    Ok(ReportBody::new(tenant, row, &now))
}

/// Show what a close of a month would say now, and what stands against it.
#[utoipa::path(
    get, path = "/v1/periods/{month}/draft", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"), ReadParameters),
    responses((status = 200, body = DraftBody), Failures)
)]
async fn draft_period(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(month): PathOf<String>,
) -> Result<Json<DraftBody>, Problem> {
    let month = month_of(&month)?;
    let calendar = Calendar::of(&state, &read.tenant).await?;
    read.reach(&state, &READ_MODELS).await?;
    let draft = draft(&state, (&read.tenant, &calendar), month).await?;
    let draft = draft.map_err(|refusal| refused(&refusal))?;
    Ok(Json(DraftBody::new(&draft, clock::now())))
}

/// The answer to a close that is refused before anything is sent.
pub(crate) fn refused(refusal: &AccountingPeriodRefusal) -> Problem {
    match RefusalDocument::from_refusal(refusal) {
        Ok(document) => Problem::refused(&document, false),
        Err(err) => Problem::internal(&err),
    }
}

/// Why no close can be made of a month: it is closed, or another one comes before it. Its figures go
/// on from those of the last closed month, so for any other month they would be wrong.
async fn out_of_order(
    state: &ApiState,
    tenant: &TenantId,
    month: Month,
) -> Result<Option<AccountingPeriodRefusal>, Problem> {
    let closed = periods::closed_bounds(&state.pool, tenant).await?;
    if closed.iter().any(|it| it.month == month) {
        return Ok(Some(AccountingPeriodRefusal::AlreadyClosed { month }));
    }
    let next = closed.last().map(|last| last.month.next());
    Ok(next.filter(|next| *next != month).map(|next| AccountingPeriodRefusal::NotNext { next }))
}

/// What a close would say, of all that the log holds now; or why there can be none of this month.
pub(crate) async fn draft(
    state: &ApiState,
    (tenant, calendar): (&TenantId, &Calendar),
    month: Month,
) -> Result<Result<Draft, AccountingPeriodRefusal>, Problem> {
    let names = ["periods", "books", super::reconciliation::READ_MODEL];
    let head = checkpoints::head_position(&state.pool).await?;
    let wait = state.settings.read_wait;
    if !checkpoints::wait_for(&state.pool, &names, head, wait).await? {
        let detail = "the books are still taking over what was booked last; try again";
        return Err(Problem::busy("read_model_behind", detail).with("min_position", head));
    }
    if let Some(refusal) = out_of_order(state, tenant, month).await? {
        return Ok(Err(refusal));
    }
    Ok(Ok(periods::draft(&state.pool, (tenant, calendar.time_zone), month).await?))
}

/// Show the report of a closed month. `Accept: text/csv` gives a table, the type of XLSX a workbook,
/// `text/plain` the text whose SHA-256 stands in the log.
#[utoipa::path(
    get, path = "/v1/periods/{month}/report", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-11`"), ReadParameters),
    responses(
        (status = 200, content((ReportBody), (String = "text/csv"), (String = "text/plain"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        Failures
    )
)]
async fn show_period_report(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(month): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    read.reach(&state, &READ_MODELS).await?;
    let row = last_close(&state, &read.tenant, month).await?;
    let mut response = if is_wanted(&headers) {
        tables::report(&state, &report(&state, &read.tenant, &row).await?)?
    } else if accepts(&headers, tables::XLSX) {
        tables::workbook(&state, &read.tenant, &row)?
    } else if accepts(&headers, "text/plain") {
        tables::text(&read.tenant, &row)
    } else {
        Json(report(&state, &read.tenant, &row).await?).into_response()
    };
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("accept"));
    Ok(response)
}

/// Whether the caller asks for a type.
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case(wanted)
    })
}

/// List the late entries that count in a month: what holds from before it and was booked after that
/// was closed. `Accept: text/csv` gives all of them as a table.
#[utoipa::path(
    get, path = "/v1/periods/{month}/late-entries", tag = "periods",
    params(("month" = String, Path, description = "The month, such as `2026-12`"),
        PageParameters, ReadParameters),
    responses((status = 200, content((Paged<LateLineBody>), (String = "text/csv"))), Failures)
)]
async fn list_late_entries(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(month): PathOf<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let month = month_of(&month)?;
    read.reach(&state, &READ_MODELS).await?;
    let scope = late_scope(&state, &read.tenant, month).await?;
    if is_wanted(&headers) {
        return tables::late(&state, &read.tenant, (month, scope)).await;
    }
    let page = late(&state, &read.tenant, scope, &read.parameters.page()?).await?;
    Ok(([(header::VARY, "accept")], Json(page)).into_response())
}

/// Which late entries count in a month; none where no month before it is closed.
pub(crate) async fn late_scope(
    state: &ApiState,
    tenant: &TenantId,
    month: Month,
) -> Result<Option<LateScope>, Problem> {
    let closed = periods::closed_bounds(&state.pool, tenant).await?;
    let before = closed.iter().rev().find(|it| it.month < month);
    let own = closed.iter().find(|it| it.month == month);
    // Behind the first open month nothing counts yet.
    let before = before.filter(|it| it.month.next() == month);
    Ok(before
        .map(|it| LateScope::counting_in(it.ends_at, it.position, own.map(|own| own.position))))
}

/// A page of late entries.
pub(crate) async fn late(
    state: &ApiState,
    tenant: &TenantId,
    scope: Option<LateScope>,
    page: &PageRequest,
) -> Result<Paged<LateLineBody>, Problem> {
    let Some(scope) = scope else {
        return Ok(Paged { items: Vec::new(), next_cursor: None });
    };
    let closed = periods::closed_bounds(&state.pool, tenant).await?;
    let lines = periods::late_lines(&state.pool, tenant, scope, page).await?;
    Ok(Paged {
        next_cursor: lines.next.map(|cursor| cursor.to_string()),
        items: lines.items.into_iter().map(|line| LateLineBody::new(&closed, line)).collect(),
    })
}
