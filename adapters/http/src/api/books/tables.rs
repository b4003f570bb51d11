//! The same as tables for a spreadsheet.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures::stream;
use kontor_commands::clock;
use kontor_domain::{
    TenantId,
    accounting_period::{ClosedBounds, Month},
};
use kontor_projections::{
    books::{self, Period, Subject},
    periods,
};

use super::{MovementBody, TrialBalanceBody, TurnoverBody, large_page};
use crate::{
    operations::csv::{self, Page},
    problem::Problem,
    state::ApiState,
};

const TRIAL_BALANCE: [&str; 6] = ["account", "about", "unit", "debits", "credits", "balance"];

const STATEMENT: [&str; 13] = [
    "position",
    "line",
    "effective_at",
    "recorded_at",
    "kind",
    "ledger_id",
    "account",
    "unit",
    "amount",
    "balance",
    "grant_id",
    "late_of",
    "counts_in",
];

/// Whether the caller asks for a table.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("text/csv")
    })
}

pub(crate) fn trial_balance(
    state: &ApiState,
    body: &TrialBalanceBody,
) -> Result<Response, Problem> {
    let rows = body.rows.iter().map(|row| {
        let [debits, credits, balance] =
            [&row.debits, &row.credits, &row.balance].map(Clone::clone);
        let (account, about) = (row.account.to_owned(), row.about.to_owned());
        vec![account, about, row.unit.clone(), debits, credits, balance]
    });
    let page: Page = rows.collect();
    answer(state, ("trial-balance", &TRIAL_BALANCE), stream::iter([Ok(page)]))
}

/// All lines of a statement between its opening and its closing. What is recorded while it is written
/// does not count, so that they add up.
pub(crate) async fn statement(
    state: &ApiState,
    tenant: &TenantId,
    (subject, period): (Subject, Period),
) -> Result<Response, Problem> {
    let recorded_before = period.recorded_before.unwrap_or_else(clock::now);
    let of = (subject, Period { recorded_before: Some(recorded_before), ..period });
    let closed = periods::closed_bounds(&state.pool, tenant).await?;
    let first = books::statement(&state.pool, tenant, of, &large_page()).await?;
    let turnovers: Vec<TurnoverBody> = first.turnovers.iter().map(Into::into).collect();
    let opening = turnovers.iter().map(|it| edge("opening", it, &it.opening)).collect();
    let closing = turnovers.iter().map(|it| edge("closing", it, &it.closing)).collect();
    let rest = stream::unfold(Some(first.movements), {
        let (pool, tenant) = (state.pool.clone(), tenant.clone());
        move |page| {
            let (pool, tenant, closed) = (pool.clone(), tenant.clone(), closed.clone());
            async move {
                let page = page?;
                let rows: Page = page.items.into_iter().map(|it| row(&closed, it)).collect();
                let Some(next) = page.next else { return Some((Ok(rows), None)) };
                let after = kontor_projections::PageRequest { after: Some(next), ..large_page() };
                match books::statement(&pool, &tenant, of, &after).await {
                    Ok(statement) => Some((Ok(rows), Some(statement.movements))),
                    Err(err) => Some((Err(err.into()), None)),
                }
            }
        }
    });
    let pages = futures::StreamExt::chain(stream::iter([Ok(opening)]), rest);
    let pages = futures::StreamExt::chain(pages, stream::iter([Ok(closing)]));
    answer(state, ("statement", &STATEMENT), pages)
}

fn answer(
    state: &ApiState,
    table: (&str, &[&str]),
    pages: impl futures::Stream<Item = Result<Page, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let mut response = csv::answer(state, table, pages)?;
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// The row at the beginning or end of a statement.
fn edge(kind: &str, turnover: &TurnoverBody, balance: &str) -> Vec<String> {
    let mut cells = vec![String::new(); STATEMENT.len()];
    cells[4] = kind.to_owned();
    cells[6] = turnover.account.to_owned();
    cells[7].clone_from(&turnover.unit);
    cells[9] = balance.to_owned();
    cells
}

fn row(closed: &[ClosedBounds], movement: books::Movement) -> Vec<String> {
    let it = MovementBody::new(closed, movement);
    let named = |month: Option<Month>| month.map_or_else(String::new, |month| month.to_string());
    vec![
        it.position.to_string(),
        it.line.to_string(),
        it.effective_at.to_rfc3339(),
        it.recorded_at.to_rfc3339(),
        it.kind,
        it.ledger_id.to_string(),
        it.account.to_owned(),
        it.unit,
        it.amount,
        it.balance,
        it.grant_id.map_or_else(String::new, |id| id.to_string()),
        named(it.late_of),
        named(it.counts_in),
    ]
}
