//! The pages for people. Each also answers to a poll: what is marked `data-live` is replaced.

use askama::Template;
use axum::{
    extract::{OriginalUri, Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use kontor_postgres::letters::{Done, LetterId};
use serde_json::{Map, Value};

use super::{
    actions::{self, Action, Entry},
    charts::{self, Chart, Table},
    filters::{FilterForm, Filters},
    find::{self, Found},
    letters::{self, Letter, Listed},
    operator::Operator,
    overview::Overview,
    shell::{Shell, html, shell},
    stream::{self, History, Stream, View},
    words::{self, When, pretty},
};
use crate::{access::PathOf, parameters::Parameters, problem::Problem, state::ApiState};

/// `/admin`
pub(super) async fn home() -> Redirect {
    Redirect::to("/admin/operations")
}

#[derive(Template)]
#[template(path = "operations/overview.html")]
struct OverviewPage {
    shell: Shell,
    overview: Overview,
    charts: Vec<(Chart, Table)>,
    /// The options of the charts that have points, as JSON.
    figures: String,
}

/// `/admin/operations`
pub(super) async fn overview(
    State(state): State<ApiState>,
    operator: Operator,
) -> Result<Response, Problem> {
    let seen = state.recorder.look(&state).await;
    let kept = state.recorder.kept();
    let charts = charts::all(&kept);
    let drawn = charts.iter().filter(|chart| !chart.is_empty());
    let figures: Map<String, Value> =
        drawn.map(|chart| (chart.id.to_owned(), chart.option())).collect();
    let charts = charts.into_iter().map(|chart| {
        let table = chart.table();
        (chart, table)
    });
    html(&OverviewPage {
        shell: shell(&state, &operator, "overview").await,
        overview: Overview::of(&state, &seen, &operator),
        charts: charts.collect(),
        figures: Value::Object(figures).to_string(),
    })
}

#[derive(Template)]
#[template(path = "operations/processes.html")]
struct ProcessesPage {
    shell: Shell,
    overview: Overview,
}

/// `/admin/operations/processes`
pub(super) async fn processes(
    State(state): State<ApiState>,
    operator: Operator,
) -> Result<Response, Problem> {
    let seen = state.recorder.look(&state).await;
    let overview = Overview::of(&state, &seen, &operator);
    html(&ProcessesPage { shell: shell(&state, &operator, "processes").await, overview })
}

/// The dead letters, and their table.
const LETTER_PLACES: (&str, &str) =
    ("/admin/operations/dead-letters", "/admin/operations/dead-letters.csv");

/// The journal, and its table.
const JOURNAL_PLACES: (&str, &str) = ("/admin/operations/actions", "/admin/operations/actions.csv");

/// What dead letters are filtered by.
const LETTER_FIELDS: [(&str, &str, &str); 6] = [
    ("tenant", "Tenant", "moscow"),
    ("aggregate", "Aggregate", "meter"),
    ("type", "Type", "rename, or meter.*"),
    ("from", "Since, from (UTC)", ""),
    ("until", "Since, before (UTC)", ""),
    ("about", "Id", "a letter, command, aggregate or position"),
];

/// What the events of a stream are filtered by; it has one tenant and one aggregate.
const STREAM_FIELDS: [(&str, &str, &str); 4] = [
    ("type", "Type", "meter.archived, or meter.*"),
    ("from", "Recorded from (UTC)", ""),
    ("until", "Recorded before (UTC)", ""),
    ("about", "Id", "an event, command, conversation or cause"),
];

/// What the journal is filtered by.
const JOURNAL_FIELDS: [(&str, &str, &str); 5] = [
    ("tenant", "Tenant", "moscow"),
    ("type", "What", ""),
    ("from", "From (UTC)", ""),
    ("until", "Before (UTC)", ""),
    ("about", "To what", "a part of the id"),
];

#[derive(Template)]
#[template(path = "operations/letters.html")]
struct LettersPage {
    shell: Shell,
    letters: Vec<Letter>,
    said: Option<&'static str>,
    is_cut: bool,
    filter: FilterForm,
}

/// `/admin/operations/dead-letters`
pub(super) async fn letters(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let said = Parameters::of(&uri).parsed::<String>("done", "a word")?;
    let filters = Filters::of(&uri)?;
    let Listed { letters, is_cut } = letters::list(&state, &operator, &filters).await?;
    html(&LettersPage {
        shell: shell(&state, &operator, "letters").await,
        is_cut,
        letters,
        said: said.as_deref().and_then(sentence),
        filter: FilterForm::new(&filters, LETTER_PLACES, &LETTER_FIELDS),
    })
}

/// What a person reads after a retry or a skip.
fn sentence(done: &str) -> Option<&'static str> {
    Some(match done {
        "marked" => "The follower tries it again within a few seconds.",
        "accepted" => "Sent again and accepted.",
        "refused" => "Sent again and refused by the business; that is its outcome.",
        "sent" => "Sent again; its outcome is not known yet.",
        "skipped" => "Skipped. Its reason stays on record.",
        "gone" => "It was not parked any more; nothing was done.",
        _ => return None,
    })
}

#[derive(Template)]
#[template(path = "operations/letter.html")]
struct LetterPage {
    shell: Shell,
    letter: Letter,
    command: String,
}

/// `/admin/operations/dead-letters/{id}`
pub(super) async fn letter(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse::<LetterId>().map_err(|_| letters::unknown())?;
    let letter = letters::find(&state, &operator, &id).await?.ok_or_else(letters::unknown)?;
    let command = pretty(&letter.command);
    html(&LetterPage { shell: shell(&state, &operator, "letters").await, letter, command })
}

/// `POST /admin/operations/dead-letters/{id}/retry`
pub(super) async fn retry(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    decide(&state, &operator, (&id, Action::Retry)).await
}

/// `POST /admin/operations/dead-letters/{id}/skip`
pub(super) async fn skip(
    State(state): State<ApiState>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Redirect, Problem> {
    decide(&state, &operator, (&id, Action::Skip)).await
}

async fn decide(
    state: &ApiState,
    operator: &Operator,
    (id, action): (&str, Action),
) -> Result<Redirect, Problem> {
    let id = id.parse::<LetterId>().map_err(|_| letters::unknown())?;
    let done: Done = letters::decide(state, operator, (&id, action)).await?;
    Ok(Redirect::to(&format!("/admin/operations/dead-letters?done={}", done.name())))
}

#[derive(Template)]
#[template(path = "operations/why.html")]
struct WhyPage {
    shell: Shell,
    error: Option<&'static str>,
}

/// `/admin/operations/why?id=…`: leads to the stream, or says why not.
pub(super) async fn why(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let text = Parameters::of(&uri).parsed::<String>("id", "an id")?.unwrap_or_default();
    let mut shell = shell(&state, &operator, "why").await;
    let error = if text.trim().is_empty() {
        None
    } else {
        match find::find(&state.pool, &operator, &text).await? {
            Found::Place(place) => {
                let version = place.version.map(|version| format!("?version={version}"));
                let version = version.unwrap_or_default();
                let target = format!("/admin/operations/streams/{}{version}", place.stream_id);
                return Ok(Redirect::to(&target).into_response());
            }
            Found::Nothing => Some(
                "Nothing is known under this id. Commands are known for as long as receipts are kept.",
            ),
            Found::Unreadable => Some("This is neither an id nor a position of the log."),
        }
    };
    shell.query = text;
    let status = if error.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let mut response = html(&WhyPage { shell, error })?;
    *response.status_mut() = status;
    Ok(response)
}

#[derive(Template)]
#[template(path = "operations/stream.html")]
struct StreamPage {
    shell: Shell,
    history: History,
    state: String,
    /// The filters as a query that begins with `&`.
    filtered: String,
    filter: FilterForm,
}

/// `/admin/operations/streams/{id}`
pub(super) async fn stream(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<uuid::Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    show_stream(&state, &operator, (id, &uri, true)).await
}

/// `POST /admin/operations/streams/{id}/personal`: the same with what belongs to people, noted.
pub(super) async fn stream_personal(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<uuid::Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    show_stream(&state, &operator, (id, &uri, false)).await
}

async fn show_stream(
    state: &ApiState,
    operator: &Operator,
    (id, uri, covered): (uuid::Uuid, &Uri, bool),
) -> Result<Response, Problem> {
    let version = Parameters::of(uri).parsed("version", "a version is a whole number from 1")?;
    let filters = Filters::of(uri)?;
    let view = View { version, covered, filter: stream::filter(&filters)? };
    let history = history(state, operator, (id, &view)).await?;
    let address = format!("/admin/operations/streams/{id}");
    let places = (address.as_str(), &*format!("{address}/events.csv"));
    html(&StreamPage {
        shell: shell(state, operator, "why").await,
        state: pretty(&history.state),
        filtered: filters.and_query(),
        filter: FilterForm::new(&filters, places, &STREAM_FIELDS),
        history,
    })
}

/// The stream of an aggregate that the operator may see.
pub(super) async fn open_stream(
    state: &ApiState,
    operator: &Operator,
    id: uuid::Uuid,
) -> Result<Stream, Problem> {
    let stream = stream::open(&state.pool, id).await?;
    let stream = stream.filter(|stream| operator.may_see(stream.tenant.as_str()));
    stream.ok_or_else(|| {
        Problem::not_found("stream_unknown", "there is no event of such an aggregate")
    })
}

/// The history of an aggregate that the operator may see; a look at personal data is noted.
pub(super) async fn history(
    state: &ApiState,
    operator: &Operator,
    (id, view): (uuid::Uuid, &View),
) -> Result<History, Problem> {
    let stream = open_stream(state, operator, id).await?;
    if !view.covered {
        let (target, tenant) = (format!("{}:{id}", stream.aggregate), stream.tenant.as_str());
        let entry = (target.as_str(), Some(tenant), "done");
        actions::record(&state.pool, operator, Action::ShowPersonal, entry).await?;
    }
    stream.history(state, view).await
}

#[derive(Template)]
#[template(path = "operations/actions.html")]
struct ActionsPage {
    shell: Shell,
    entries: Vec<Entry>,
    older: Option<i64>,
    /// The filters as a query that begins with `&`.
    filtered: String,
    filter: FilterForm,
}

/// `/admin/operations/actions`
pub(super) async fn actions(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let before = Parameters::of(&uri).parsed("before", "a whole number")?;
    let filters = Filters::of(&uri)?;
    let entries =
        actions::list(&state.pool, &actions::filter(&operator, &filters)?, before).await?;
    let filter = FilterForm::new(&filters, JOURNAL_PLACES, &JOURNAL_FIELDS);
    html(&ActionsPage {
        shell: shell(&state, &operator, "actions").await,
        older: actions::older(&entries),
        entries,
        filtered: filters.and_query(),
        filter: filter.choosing(actions::names()),
    })
}
