//! Reports and late entries as files. Each carries the hash of the report.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use kontor_domain::{TenantId, accounting_period::Month};
use kontor_projections::{
    PageRequest,
    periods::{self, LateScope, PeriodRow},
};

use super::{bodies::ReportBody, lines::LateLineBody};
use crate::{
    operations::csv::{self, Page},
    problem::Problem,
    state::ApiState,
};

const REPORT: [&str; 9] = [
    "section",
    "name",
    "unit",
    "opening",
    "debits",
    "credits",
    "late_debits",
    "late_credits",
    "closing",
];

const LATE: [&str; 11] = [
    "position",
    "line",
    "kind",
    "ledger_id",
    "account",
    "unit",
    "amount",
    "effective_at",
    "recorded_at",
    "late_of",
    "counts_in",
];

/// The report as one table: first whose it is and its hash, then the accounts, then the sums.
pub(crate) fn report(state: &ApiState, body: &ReportBody) -> Result<Response, Problem> {
    let name = format!("report-{}", body.period.month);
    let page = rows(body);
    csv::answer(state, (&name, &REPORT), stream::iter([Ok(page)]))
}

fn rows(body: &ReportBody) -> Page {
    let period = &body.period;
    let mut rows = Page::new();
    let mut add = |section: &str, name: &str, cells: [&str; 7]| {
        let cells = [section, name].into_iter().chain(cells).map(str::to_owned);
        rows.push(cells.collect());
    };
    let (month, revision) = (period.month.to_string(), period.revision.to_string());
    let (position, closed_at) = (period.position.to_string(), period.closed_at.to_rfc3339());
    for (name, value) in [
        ("month", month.as_str()),
        ("revision", &revision),
        ("state", period.state),
        ("time_zone", &period.time_zone),
        ("position", &position),
        ("closed_at", &closed_at),
        ("closed_by", &period.closed_by),
        ("report_sha256", &period.report_sha256),
        ("ledgers_root", &period.ledgers_root),
    ] {
        add("report", name, ["", "", "", "", "", "", value]);
    }
    for row in &body.accounts {
        let late = (row.late_debits.as_str(), row.late_credits.as_str());
        let moved = [&*row.unit, &row.opening, &row.debits, &row.credits, late.0, late.1];
        add(
            "account",
            row.account,
            [moved[0], moved[1], moved[2], moved[3], moved[4], moved[5], &row.closing],
        );
    }
    for row in &body.sums.revenue {
        add("revenue", "recognised", [&row.unit, "", "", "", "", "", &row.recognised]);
        add("revenue", "deferred", [&row.unit, "", "", "", "", "", &row.deferred]);
    }
    let credits = &body.sums.credits;
    for (name, value) in [
        ("paid", &credits.paid),
        ("promotional", &credits.promotional),
        ("held", &credits.held),
        ("owed", &credits.owed),
    ] {
        add("credits", name, ["CR", "", "", "", "", "", value]);
    }
    for row in &body.sums.payments {
        let name = format!("{} {} x{}", row.account, row.kind, row.count);
        add("payments", &name, [&row.unit, "", "", "", "", "", &row.amount]);
    }
    rows
}

/// The text whose SHA-256 stands in the log, as it was hashed.
pub(crate) fn text(tenant: &TenantId, row: &PeriodRow) -> Response {
    let mut response = row.closed.books.report(tenant).into_response();
    let name = format!("report-{tenant}-{}.txt", row.month);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The type of a workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The report as a workbook.
pub(crate) fn workbook(
    state: &ApiState,
    tenant: &TenantId,
    row: &PeriodRow,
) -> Result<Response, Problem> {
    let make = state.workbook.ok_or_else(|| {
        Problem::not_found("workbook_unavailable", "no workbooks are made here; take the table")
    })?;
    let bytes = make(tenant, &row.closed).map_err(|err| Problem::internal(&*err))?;
    let mut response = bytes.into_response();
    let name = format!("report-{tenant}-{}.xlsx", row.month);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XLSX));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// All late entries that count in a month.
pub(crate) async fn late(
    state: &ApiState,
    tenant: &TenantId,
    (month, scope): (Month, Option<LateScope>),
) -> Result<Response, Problem> {
    let closed = periods::closed_bounds(&state.pool, tenant).await?;
    let first = scope.map(|scope| (scope, PageRequest::first(PageRequest::LIMIT_MAX)));
    let pages = stream::unfold(first, {
        let (pool, tenant) = (state.pool.clone(), tenant.clone());
        move |next| {
            let (pool, tenant, closed) = (pool.clone(), tenant.clone(), closed.clone());
            async move {
                let (scope, page) = next?;
                match periods::late_lines(&pool, &tenant, scope, &page).await {
                    Ok(lines) => {
                        let next = lines
                            .next
                            .map(|after| (scope, PageRequest { after: Some(after), ..page }));
                        let lines = lines.items.into_iter();
                        let rows = lines.map(|line| row(LateLineBody::new(&closed, line)));
                        Some((Ok(rows.collect::<Page>()), next))
                    }
                    Err(err) => Some((Err(err.into()), None)),
                }
            }
        }
    });
    let name = format!("late-entries-{month}");
    let mut response = csv::answer(state, (&name, &LATE), pages)?;
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn row(it: LateLineBody) -> Vec<String> {
    let named = |month: Option<Month>| month.map_or_else(String::new, |month| month.to_string());
    vec![
        it.position.to_string(),
        it.line.to_string(),
        it.kind,
        it.ledger_id.to_string(),
        it.account.to_owned(),
        it.unit,
        it.amount,
        it.effective_at.to_rfc3339(),
        it.recorded_at.to_rfc3339(),
        named(it.late_of),
        named(it.counts_in),
    ]
}
