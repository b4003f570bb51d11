//! What the pages of the reconciliation show.

use askama::Template;
use axum::{
    extract::{OriginalUri, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use kontor_domain::{
    credit_ledger::BookAccount,
    reconciliation::{Explanation, Standing},
};
use kontor_projections::{
    PageRequest,
    reconciliation::{self, Difference, DifferenceKind},
};
use uuid::Uuid;

use super::super::desk::{self, Desk, Shell};
use crate::{
    access::PathOf,
    api::{
        books::bounds::{Calendar, Edge},
        reconciliation::{
            bodies::{
                DayBody, DifferenceBody, FileBody, ItemBody, PROVIDERS, PayoutBody, SummaryBody,
                provider_name,
            },
            difference_unknown, filter, summary, tables,
        },
    },
    operations::{operator::Person, shell::html},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// How many differences stand on a page.
const LINES: u32 = 50;
/// How many of the last payouts and files stand on the first page.
const SHOWN: usize = 8;

/// A difference as the list shows it.
struct Line {
    it: DifferenceBody,
    at: String,
}

/// A choice of a filter.
struct Choice {
    name: &'static str,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "reconciliation/overview.html")]
struct OverviewPage {
    shell: Shell,
    time_zone: String,
    summary: SummaryBody,
    lines: Vec<Line>,
    next_cursor: Option<String>,
    is_later_page: bool,
    payouts: Vec<(PayoutBody, String, Option<String>)>,
    files: Vec<(FileBody, String)>,
    providers: Vec<Choice>,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    from: String,
    to: String,
    /// The query of this list, for links.
    bounds: String,
    said: Option<String>,
    refused: Option<String>,
}

/// `/admin/reconciliation`
pub(super) async fn overview(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let said = said(desk.parameters.text("done"));
    overview_page(&state, desk, (said, None)).await
}

/// The first page, with what is to be said about the last step.
pub(super) async fn overview_page(
    state: &ApiState,
    desk: Desk,
    (said, refused): (Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let Desk { shell, tenant, calendar, parameters } = desk;
    let wanted = filter(&parameters, &calendar)?;
    let page = PageRequest { limit: LINES, ..parameters.page()? };
    let found = reconciliation::differences(&state.pool, &tenant, wanted, &page).await?;
    let payouts = reconciliation::payouts(&state.pool, &tenant).await?;
    let files = reconciliation::files(&state.pool, &tenant).await?;
    let local = |at: &chrono::DateTime<chrono::Utc>| calendar.local(at);
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = html(&OverviewPage {
        time_zone: calendar.time_zone.name().to_owned(),
        summary: summary(state, &tenant).await?,
        next_cursor: found.next.map(|cursor| cursor.to_string()),
        is_later_page: page.after.is_some(),
        lines: found.items.into_iter().map(|it| line(it, &calendar)).collect(),
        payouts: payouts
            .into_iter()
            .take(SHOWN)
            .map(|row| {
                let (sent, arrived) = (local(&row.at), row.arrived_at.as_ref().map(local));
                (row.into(), sent, arrived)
            })
            .collect(),
        files: files
            .into_iter()
            .take(SHOWN)
            .map(|row| {
                let at = local(&row.recorded_at);
                (row.into(), at)
            })
            .collect(),
        providers: choices(PROVIDERS.map(provider_name), parameters.text("provider")),
        kinds: choices(DifferenceKind::ALL.map(DifferenceKind::name), parameters.text("kind")),
        states: choices(["open", "closed", "all"], parameters.text("state")),
        from: calendar.written(wanted.from, Edge::Begins),
        to: calendar.written(wanted.before, Edge::Ends),
        bounds: bounds(&parameters),
        said,
        refused,
        shell,
    })?;
    Ok((status, page).into_response())
}

fn line(it: Difference, calendar: &Calendar) -> Line {
    Line { at: calendar.local(&it.item.at), it: it.into() }
}

fn choices<const N: usize>(names: [&'static str; N], chosen: Option<&str>) -> Vec<Choice> {
    let choice =
        |name: &'static str| Choice { name, words: words(name), chosen: chosen == Some(name) };
    names.into_iter().map(choice).collect()
}

/// A name as people read it.
pub(super) fn words(name: &str) -> String {
    match name {
        "stripe" => "Stripe".to_owned(),
        "yookassa" => "YooKassa".to_owned(),
        "telegram_stars" => "Telegram Stars".to_owned(),
        other => other.replace('_', " "),
    }
}

/// The filters that a link keeps.
fn bounds(parameters: &Parameters) -> String {
    let names = ["provider", "kind", "state", "from", "to"];
    let given = names.into_iter().filter_map(|name| {
        let text = parameters.text(name)?;
        Some(format!("&{name}={}", crate::operations::in_query(text)))
    });
    given.collect()
}

/// What a page says about the step before it.
fn said(done: Option<&str>) -> Option<String> {
    let words = match done? {
        "taken" => "The file was taken. What it says stands below within a moment.",
        "known" => "Nothing new: all lines of this file are there already.",
        "partly" => "A part of the file was taken. Send the same file again for the rest.",
        "assign" => "You take care of it now.",
        "explain" => "Explained and closed.",
        "adjust" => "Booked and closed.",
        "write-off" => "Proposed. Somebody else must agree with a key of their own.",
        "confirm" => "Given up, booked and closed.",
        "reopen" => "Open again. What was booked stays booked.",
        "later" => "It waits to be carried out. Look again in a moment.",
        _ => return None,
    };
    Some(words.to_owned())
}

/// `/admin/reconciliation/differences.csv`
pub(super) async fn differences_table(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    tables::differences(&state, &desk.tenant, filter(&desk.parameters, &desk.calendar)?)
}

#[derive(Template)]
#[template(path = "reconciliation/days.html")]
struct DaysPage {
    shell: Shell,
    time_zone: String,
    days: Vec<DayBody>,
}

async fn days_of(state: &ApiState, desk: &Desk) -> Result<Vec<DayBody>, Problem> {
    let zone = desk.calendar.time_zone;
    let days = reconciliation::days(&state.pool, &desk.tenant, None, zone).await?;
    Ok(days.iter().map(Into::into).collect())
}

/// `/admin/reconciliation/days`
pub(super) async fn days(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let days = days_of(&state, &desk).await?;
    let time_zone = desk.calendar.time_zone.name().to_owned();
    html(&DaysPage { shell: desk.shell, time_zone, days })
}

/// `/admin/reconciliation/days.csv`
pub(super) async fn days_table(
    State(state): State<ApiState>,
    person: Person,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let desk = match Desk::of(&state, &person, &uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    tables::days(&state, &days_of(&state, &desk).await?)
}

#[derive(Template)]
#[template(path = "reconciliation/difference.html")]
struct DifferencePage {
    shell: Shell,
    time_zone: String,
    it: DifferenceBody,
    about: &'static str,
    items: Vec<(ItemBody, String)>,
    changed: Option<String>,
    is_open: bool,
    /// Whether somebody proposed to give it up, and whether that was the reader.
    proposed: bool,
    by_reader: bool,
    /// Whether a correction can be offered.
    can_book: bool,
    explanations: Vec<(&'static str, String)>,
    /// The accounts against which it can be booked.
    accounts: Vec<&'static str>,
    /// Makes sure that a form that is sent twice does one thing.
    once: Uuid,
    said: Option<String>,
    refused: Option<String>,
}

/// `/admin/reconciliation/differences/{id}`
pub(super) async fn difference(
    State(state): State<ApiState>,
    person: Person,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let said = said(Parameters::of(&uri).text("done"));
    difference_page(&state, &person, (id, &uri), (said, None)).await
}

/// The page of a difference, with what is to be said about the last step.
pub(super) async fn difference_page(
    state: &ApiState,
    person: &Person,
    (id, uri): (Uuid, &Uri),
    (said, refused): (Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let Desk { shell, tenant, calendar, .. } = match Desk::of(state, person, uri).await? {
        Ok(desk) => desk,
        Err(choice) => return Ok(choice),
    };
    let found = reconciliation::difference(&state.pool, &tenant, id).await?;
    let found = found.ok_or_else(difference_unknown)?;
    let (standing, about, can_book) =
        (found.standing(), about(found.kind), found.posting().is_some());
    let items = [Some(found.item.clone()), found.partner.clone()].into_iter().flatten();
    let items: Vec<(ItemBody, String)> = items
        .map(|item| {
            let at = calendar.local(&item.at);
            (item.into(), at)
        })
        .collect();
    let it = DifferenceBody::from(found);
    let reader = super::super::forms::name_of(person);
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = html(&DifferencePage {
        time_zone: calendar.time_zone.name().to_owned(),
        about,
        items,
        changed: it.changed_at.as_ref().map(|at| calendar.local(at)),
        is_open: !standing.is_closed() && standing != Standing::WriteOffProposed,
        proposed: standing == Standing::WriteOffProposed,
        by_reader: it.proposed_by.as_deref() == Some(reader.as_str()),
        can_book,
        explanations: Explanation::ALL.map(|it| (it.name(), words(it.name()))).into(),
        accounts: super::work::corrections().map(BookAccount::name).collect(),
        once: Uuid::now_v7(),
        it,
        shell,
        said,
        refused,
    })?;
    Ok((status, page).into_response())
}

/// What a kind of difference means, for people who keep books.
fn about(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::MissingAtProvider => {
            "It is in the books, and the provider's files do not have it, though they cover its day."
        }
        DifferenceKind::MissingWithUs => "The provider says it, and the books do not have it.",
        DifferenceKind::AmountDiffers => "Both have it, with different amounts.",
        DifferenceKind::CurrencyDiffers => "Both have it, in different currencies.",
        DifferenceKind::Duplicate => "One side has it more often than the other.",
        DifferenceKind::FeeUnexplained => "Amount less fee is not what was left.",
        DifferenceKind::Late => "Both have it, but days apart.",
        DifferenceKind::PayoutNotArrived => {
            "The provider says that it sent this, and the bank did not get it."
        }
        DifferenceKind::ArrivalUnknown => {
            "The bank got this, and the provider did not say that it sent it."
        }
        DifferenceKind::ReceiptMissing => {
            "The provider could not register this fiscal receipt. Register it there, or at your cash register."
        }
    }
}
