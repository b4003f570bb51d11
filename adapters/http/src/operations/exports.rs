//! The lists as tables: the rows that the page's filters let through, covered as on the page.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream::unfold};
use kontor_postgres::{inspect, journal::EntryFilter};
use uuid::Uuid;

use super::{
    actions::{self, Entry},
    csv::{self, Page},
    filters::Filters,
    letters::{Kind, Letter, Pages},
    operator::Operator,
    pages,
    stream::{self, Event},
};
use crate::{access::PathOf, problem::Problem, state::ApiState};

/// How many events of a stream are read at once.
const READ_AT_ONCE: u32 = 500;

const LETTER_COLUMNS: [&str; 13] = [
    "id",
    "kind",
    "tenant",
    "what",
    "reason",
    "attempts",
    "since",
    "next_attempt_at",
    "waiting_behind",
    "state",
    "aggregate_id",
    "event_version",
    "command",
];

const EVENT_COLUMNS: [&str; 13] = [
    "version",
    "position",
    "type",
    "recorded_at",
    "occurred_at",
    "actor_kind",
    "actor",
    "event_id",
    "command_id",
    "correlation_id",
    "causation_id",
    "trace",
    "payload",
];

const ENTRY_COLUMNS: [&str; 8] =
    ["id", "at", "what", "to_what", "tenant", "outcome", "key", "request_id"];

/// `/admin/operations/dead-letters.csv`
pub(super) async fn letters(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let filters = Filters::of(&uri)?;
    let commands = Pages::new(&state, &operator, &filters, Kind::Command)?;
    let followers = Pages::new(&state, &operator, &filters, Kind::Follower)?;
    let rows = |pages: Pages| {
        unfold(pages, |mut pages| async move {
            let page = pages.next().await.transpose()?;
            Some((page.map(|page| page.into_iter().map(of_letter).collect()), pages))
        })
    };
    csv::answer(&state, ("dead-letters", &LETTER_COLUMNS), rows(commands).chain(rows(followers)))
}

/// `/admin/operations/streams/{id}/events.csv`: the oldest first.
pub(super) async fn events(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let filter = stream::filter(&Filters::of(&uri)?)?;
    let aggregate = pages::open_stream(&state, &operator, id).await?.aggregate;
    let (pool, folds) = (state.pool.clone(), state.folds.clone());
    let rows = unfold(Some(0), move |after| {
        let (pool, folds, filter) = (pool.clone(), folds.clone(), filter.clone());
        async move {
            let page = inspect::selected(&pool, id, &filter, (after?, READ_AT_ONCE)).await;
            let page = match page {
                Ok(page) => page,
                Err(err) => return Some((Err(Problem::internal(&err)), None)),
            };
            let next = page.last()?.version;
            // Nothing is opened for it: what belongs to people is covered as it is stored.
            let event = |event| of_event(&Event::new(event, None, Some(&folds)));
            Some((Ok(page.iter().map(event).collect::<Page>()), Some(next)))
        }
    });
    csv::answer(&state, (&format!("{aggregate}-{id}"), &EVENT_COLUMNS), rows)
}

/// `/admin/operations/actions.csv`: the newest first.
pub(super) async fn actions(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let filter = actions::filter(&operator, &Filters::of(&uri)?)?;
    let rows = unfold(Some((filter, None)), {
        let pool = state.pool.clone();
        move |place: Option<(EntryFilter, Option<i64>)>| {
            let pool = pool.clone();
            async move {
                let (filter, before) = place?;
                let entries = match actions::list(&pool, &filter, before).await {
                    Ok(entries) => entries,
                    Err(problem) => return Some((Err(problem), None)),
                };
                let next = actions::older(&entries).map(|before| (filter, Some(before)));
                Some((Ok(entries.iter().map(of_entry).collect::<Page>()), next))
            }
        }
    });
    csv::answer(&state, ("journal", &ENTRY_COLUMNS), rows)
}

fn of_letter(letter: Letter) -> Vec<String> {
    vec![
        letter.id,
        letter.kind.to_owned(),
        letter.tenant,
        letter.what,
        letter.reason,
        letter.attempts.to_string(),
        exact(&letter.since),
        letter.next_attempt_at.as_ref().map_or_else(String::new, exact),
        letter.waiting.to_string(),
        letter.state,
        optional(letter.aggregate_id),
        optional(letter.event_version),
        if letter.command.is_null() { String::new() } else { letter.command.to_string() },
    ]
}

fn of_event(event: &Event) -> Vec<String> {
    vec![
        event.version.to_string(),
        event.position.to_string(),
        event.event_type.clone(),
        exact(&event.recorded_at),
        exact(&event.occurred_at),
        event.actor_kind.to_owned(),
        event.actor.clone(),
        event.event_id.to_string(),
        event.command_id.to_string(),
        event.correlation_id.to_string(),
        optional(event.causation_id),
        event.trace.clone().unwrap_or_default(),
        event.payload.to_string(),
    ]
}

fn of_entry(entry: &Entry) -> Vec<String> {
    vec![
        entry.id.to_string(),
        exact(&entry.at),
        entry.action.clone(),
        entry.target.clone(),
        entry.tenant.clone().unwrap_or_default(),
        entry.outcome.clone(),
        entry.key_prefix.clone(),
        entry.request_id.clone(),
    ]
}

fn exact(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
