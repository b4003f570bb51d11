//! The same as tables for a spreadsheet.

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use futures::stream;
use kontor_domain::TenantId;
use kontor_projections::{
    PageRequest,
    reconciliation::{self, Filter},
};

use super::bodies::{DayBody, DifferenceBody};
use crate::{
    operations::csv::{self, Page},
    problem::Problem,
    state::ApiState,
};

const DIFFERENCES: [&str; 15] = [
    "id",
    "kind",
    "state",
    "age_days",
    "provider",
    "ours",
    "item",
    "external_id",
    "references",
    "amount",
    "fee",
    "net",
    "currency",
    "at",
    "other_amount",
];

const DAYS: [&str; 10] = [
    "day",
    "provider",
    "currency",
    "our_count",
    "our_sum",
    "their_count",
    "their_sum",
    "fees",
    "matched",
    "unsettled",
];

/// All differences that a filter leaves, page by page.
pub(crate) fn differences(
    state: &ApiState,
    tenant: &TenantId,
    filter: Filter,
) -> Result<Response, Problem> {
    let (pool, tenant) = (state.pool.clone(), tenant.clone());
    let first = Some(PageRequest::first(PageRequest::LIMIT_MAX));
    let pages = stream::unfold(first, move |request| {
        let (pool, tenant) = (pool.clone(), tenant.clone());
        async move {
            let request = request?;
            match reconciliation::differences(&pool, &tenant, filter, &request).await {
                Ok(page) => {
                    let next = page.next.map(|next| PageRequest { after: Some(next), ..request });
                    let rows: Page = page.items.into_iter().map(|it| row(it.into())).collect();
                    Some((Ok(rows), next))
                }
                Err(err) => Some((Err(err.into()), None)),
            }
        }
    });
    Ok(by_accept(csv::answer(state, ("differences", &DIFFERENCES), pages)?))
}

fn row(it: DifferenceBody) -> Vec<String> {
    vec![
        it.id.to_string(),
        it.kind.to_owned(),
        it.state.to_owned(),
        it.age_days.to_string(),
        it.item.provider.to_owned(),
        it.item.ours.to_string(),
        it.item.kind.to_owned(),
        it.item.external_id,
        it.item.references.join(" "),
        it.item.amount,
        it.item.fee,
        it.item.net,
        it.item.currency.to_owned(),
        it.item.at.to_rfc3339(),
        it.partner.map_or_else(String::new, |partner| partner.amount),
    ]
}

pub(crate) fn days(state: &ApiState, days: &[DayBody]) -> Result<Response, Problem> {
    let rows: Page = days
        .iter()
        .map(|it| {
            vec![
                it.day.to_string(),
                it.provider.to_owned(),
                it.currency.to_owned(),
                it.our_count.to_string(),
                it.our_sum.clone(),
                it.their_count.to_string(),
                it.their_sum.clone(),
                it.fees.clone(),
                it.matched.to_string(),
                it.unsettled.to_string(),
            ]
        })
        .collect();
    Ok(by_accept(csv::answer(state, ("days", &DAYS), stream::iter([Ok(rows)]))?))
}

/// The answer depends on what the caller accepts.
fn by_accept(mut response: Response) -> Response {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
