//! The reconciliation: payments against what providers and banks say, and the work on differences.

pub(crate) mod bodies;
pub(crate) mod statements;
pub(crate) mod tables;
mod work;

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use kontor_commands::clock;
use kontor_domain::{TenantId, credit_ledger::PaymentProvider};
use kontor_projections::{
    books,
    reconciliation::{self as read_model, DifferenceKind, Filter},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::bodies::{
    ClearingBody, DayBody, DifferenceBody, FileBody, KindBody, PayoutBody, SummaryBody,
};
use super::{
    books::{bounds::Calendar, tables::is_wanted},
    documents::{Failures, PageParameters, ReadParameters},
    values::Paged,
};
use crate::{
    access::{PathOf, ReadBooks},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// The read model behind these pages.
pub(crate) const READ_MODEL: &str = "reconciliation";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(show_summary))
        .routes(routes!(list_differences))
        .routes(routes!(find_difference))
        .routes(routes!(list_days))
        .routes(routes!(list_payouts))
        .routes(routes!(list_files))
        .merge(statements::router())
        .merge(work::router())
}

/// Show what each provider and the books say, open differences by kind and age, and what is still on
/// the accounts between customer and bank.
#[utoipa::path(
    get, path = "/v1/reconciliation", tag = "reconciliation", params(ReadParameters),
    responses((status = 200, body = SummaryBody), Failures)
)]
async fn show_summary(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<SummaryBody>, Problem> {
    read.reach(&state, &[READ_MODEL, "books"]).await?;
    Ok(Json(summary(&state, &read.tenant).await?))
}

/// The figures of the first page.
pub(crate) async fn summary(state: &ApiState, tenant: &TenantId) -> Result<SummaryBody, Problem> {
    let sides = read_model::sides(&state.pool, tenant).await?;
    let kinds = read_model::kinds(&state.pool, tenant, clock::now()).await?;
    let accounts = &bodies::ON_THE_WAY;
    let as_of = books::AsOf::default();
    let balances = books::account_balances(&state.pool, tenant, accounts, as_of).await?;
    Ok(SummaryBody {
        providers: sides.iter().map(Into::into).collect(),
        differences: kinds.iter().map(KindBody::from).collect(),
        accounts: balances.iter().map(ClearingBody::from).collect(),
    })
}

/// What a list of differences is narrowed to.
pub(crate) fn filter(parameters: &Parameters, calendar: &Calendar) -> Result<Filter, Problem> {
    let period = calendar.period(parameters)?;
    let closed = match parameters.text("state") {
        None | Some("open") => Some(false),
        Some("closed") => Some(true),
        Some("all") => None,
        Some(_) => return Err(Problem::parameter("state", "give `open`, `closed` or `all`")),
    };
    Ok(Filter {
        provider: provider(parameters)?,
        kind: named(parameters, "kind", &DifferenceKind::ALL, |kind| kind.name())?,
        closed,
        before: period.to,
        from: period.from,
    })
}

fn provider(parameters: &Parameters) -> Result<Option<PaymentProvider>, Problem> {
    named(parameters, "provider", &bodies::PROVIDERS, |it| bodies::provider_name(*it))
}

fn named<T: Copy>(
    parameters: &Parameters,
    name: &str,
    all: &[T],
    name_of: impl Fn(&T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let Some(text) = parameters.text(name) else { return Ok(None) };
    let found = all.iter().find(|it| name_of(it) == text);
    found.copied().map(Some).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(name_of).collect();
        Problem::parameter(name, format!("it is one of {}", names.join(", ")))
    })
}

/// List the differences, newest first; the open ones unless `state` says otherwise. `Accept: text/csv`
/// gives a table of all.
#[utoipa::path(
    get, path = "/v1/reconciliation/differences", tag = "reconciliation",
    params(
        ("provider" = Option<String>, Query, description = "Of one provider: stripe, yookassa or telegram_stars"),
        ("kind" = Option<String>, Query, description = "Of one kind, such as missing_with_us"),
        ("state" = Option<String>, Query, description = "`open` (as without it), `closed` or `all`"),
        ("from" = Option<String>, Query, description = "Moved from this day or instant on"),
        ("to" = Option<String>, Query, description = "Moved up to this day, included, or before this instant"),
        PageParameters,
        ReadParameters,
    ),
    responses(
        (status = 200, content((Paged<DifferenceBody>), (String = "text/csv"))), Failures
    )
)]
async fn list_differences(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let calendar = Calendar::of(&state, &read.tenant).await?;
    let filter = filter(&read.parameters, &calendar)?;
    let page = read.parameters.page()?;
    read.reach(&state, &[READ_MODEL]).await?;
    if is_wanted(&headers) {
        return tables::differences(&state, &read.tenant, filter);
    }
    let found = read_model::differences(&state.pool, &read.tenant, filter, &page).await?;
    Ok(axum::response::IntoResponse::into_response(Json(Paged::<DifferenceBody>::of(found))))
}

/// Show a difference with what it belongs to and the work on it.
#[utoipa::path(
    get, path = "/v1/reconciliation/differences/{id}", tag = "reconciliation",
    params(("id" = Uuid, Path, description = "The difference"), ReadParameters),
    responses((status = 200, body = DifferenceBody), Failures)
)]
async fn find_difference(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Json<DifferenceBody>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let found = read_model::difference(&state.pool, &read.tenant, id).await?;
    Ok(Json(found.ok_or_else(difference_unknown)?.into()))
}

pub(crate) fn difference_unknown() -> Problem {
    Problem::not_found(
        "difference_unknown",
        "there is no such difference: it was settled by what came later, or never was one",
    )
}

/// Show day by day what the books and each provider say; the last 400. `Accept: text/csv` gives a table.
#[utoipa::path(
    get, path = "/v1/reconciliation/days", tag = "reconciliation",
    params(
        ("provider" = Option<String>, Query, description = "Of one provider"),
        ReadParameters,
    ),
    responses((status = 200, content((Vec<DayBody>), (String = "text/csv"))), Failures)
)]
async fn list_days(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let calendar = Calendar::of(&state, &read.tenant).await?;
    let provider = provider(&read.parameters)?;
    read.reach(&state, &[READ_MODEL]).await?;
    let days = read_model::days(&state.pool, &read.tenant, provider, calendar.time_zone).await?;
    let days: Vec<DayBody> = days.iter().map(Into::into).collect();
    if is_wanted(&headers) {
        return tables::days(&state, &days);
    }
    Ok(axum::response::IntoResponse::into_response(Json(days)))
}

/// Show the payouts on their way from a provider to the bank, newest first; the last 400.
#[utoipa::path(
    get, path = "/v1/reconciliation/payouts", tag = "reconciliation", params(ReadParameters),
    responses((status = 200, body = Vec<PayoutBody>), Failures)
)]
async fn list_payouts(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<Vec<PayoutBody>>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let payouts = read_model::payouts(&state.pool, &read.tenant).await?;
    Ok(Json(payouts.into_iter().map(Into::into).collect()))
}

/// Show the files that lines came from, newest first; the last 400.
#[utoipa::path(
    get, path = "/v1/reconciliation/statements", tag = "reconciliation", params(ReadParameters),
    responses((status = 200, body = Vec<FileBody>), Failures)
)]
async fn list_files(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
) -> Result<Json<Vec<FileBody>>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let files = read_model::files(&state.pool, &read.tenant).await?;
    Ok(Json(files.into_iter().map(Into::into).collect()))
}
