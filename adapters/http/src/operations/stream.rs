//! "Why is this so?": the events of one aggregate, what each of them changed, and the state at a
//! version.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kontor_commands::{CoveredFold, Folds, Sight};
use kontor_domain::{Actor, Recorded, TenantId};
use kontor_postgres::{
    VaultError,
    inspect::{self, StreamFilter},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use super::filters::Filters;
use crate::{problem::Problem, state::ApiState};

/// The events of one page.
const PAGE: u32 = 50;

/// The most events that are folded for a look; a longer stream shows its events without states.
const FOLD_MAX: i64 = 20_000;

/// The events that are read at once while a stream is folded.
const READ_AT_ONCE: u32 = 500;

/// The most changed fields that one event lists; the rest is in the states.
const CHANGES_MAX: usize = 60;

/// The events of an aggregate up to a version, the newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct History {
    pub(super) tenant: String,
    #[schema(example = "meter")]
    pub(super) aggregate: String,
    pub(super) id: Uuid,
    /// The newest version that there is.
    pub(super) last_version: i64,
    /// The version that is shown.
    pub(super) version: i64,
    /// What was asked for of the events up to this version: at most 50.
    pub(super) events: Vec<Event>,
    /// The version to ask for to see older ones; null when there are none.
    pub(super) older: Option<i64>,
    /// The version to ask for to see newer ones; null when there are none.
    pub(super) newer: Option<i64>,
    /// The state at the version that is shown; null when this build cannot fold the events.
    #[schema(value_type = Object)]
    pub(super) state: Value,
    /// Why there is no state.
    pub(super) state_missing: Option<String>,
    /// Whether what belongs to people is covered.
    pub(super) covered: bool,
}

/// One event with what it changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    pub(super) version: i64,
    pub(super) position: i64,
    pub(super) event_id: Uuid,
    #[schema(example = "meter.reading_submitted")]
    pub(super) event_type: String,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    /// `customer`, `operator` or `system`.
    pub(super) actor_kind: &'static str,
    /// The account, the key or the part of Kontor that acted.
    pub(super) actor: String,
    pub(super) command_id: Uuid,
    pub(super) correlation_id: Uuid,
    /// The command or event that caused the command.
    pub(super) causation_id: Option<Uuid>,
    /// W3C `traceparent`.
    pub(super) trace: Option<String>,
    /// At most 60 fields.
    pub(super) changes: Vec<Change>,
    #[schema(value_type = Object)]
    pub(super) payload: Value,
}

/// A field before and after an event; absent where it did not exist.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct Change {
    #[schema(example = "device.archived")]
    pub(super) field: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// The stream of an aggregate.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) tenant: TenantId,
    pub(super) aggregate: String,
    pub(super) id: Uuid,
    pub(super) last_version: i64,
}

/// The stream of an id; none when there is no event of it.
pub(super) async fn open(pool: &PgPool, id: Uuid) -> Result<Option<Stream>, Problem> {
    let row: Option<(String, String, i64)> = sqlx::query_as(
        "select tenant, stream_type, version from events where stream_id = $1 \
         order by version desc limit 1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await?;
    row.map(|(tenant, aggregate, last_version)| {
        let tenant = tenant.parse().map_err(|err| Problem::internal(&err))?;
        Ok(Stream { tenant, aggregate, id, last_version })
    })
    .transpose()
}

/// What of a stream is to be seen.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Up to this version, or up to the newest.
    pub(super) version: Option<i64>,
    /// Whether what belongs to people is covered.
    pub(super) covered: bool,
    /// Which events.
    pub(super) filter: StreamFilter,
}

/// The filter of a stream's events; the tenant and the aggregate are the stream's own.
pub(super) fn filter(filters: &Filters) -> Result<StreamFilter, Problem> {
    let about = filters.id.as_deref().map(str::parse).transpose();
    Ok(StreamFilter {
        event_type: filters.kind.clone(),
        from: filters.from,
        until: filters.until,
        about: about.map_err(|_| Problem::parameter("about", "give a uuid"))?,
    })
}

/// The versions of one page.
struct Shown {
    versions: BTreeSet<i64>,
    older: Option<i64>,
    newer: Option<i64>,
}

impl Stream {
    async fn shown(
        &self,
        pool: &PgPool,
        filter: &StreamFilter,
        version: i64,
    ) -> Result<Shown, Problem> {
        let failed = |err| Problem::internal(&err);
        let down = inspect::versions_down(pool, self.id, filter, (version, PAGE + 1)).await;
        let mut down = down.map_err(failed)?;
        let up = inspect::versions_up(pool, self.id, filter, (version, PAGE)).await;
        let newer = up.map_err(failed)?.last().copied();
        let older = if down.len() > PAGE as usize { down.pop() } else { None };
        Ok(Shown { versions: down.into_iter().collect(), older, newer })
    }

    /// The events up to a version, or up to the newest, with what each changed.
    pub(super) async fn history(&self, state: &ApiState, view: &View) -> Result<History, Problem> {
        let version = view.version.unwrap_or(self.last_version).clamp(1, self.last_version);
        let (filter, covered) = (&view.filter, view.covered);
        let ApiState { pool, folds, vault, .. } = state;
        let Shown { versions, older, newer } = self.shown(pool, filter, version).await?;
        let mut fold =
            if version <= FOLD_MAX { folds.start_covered(&self.aggregate) } else { None };
        let mut missing = fold.is_none().then(|| self.no_fold(version));
        let folding = fold.is_some();
        let first = versions.first().map_or(version, |first| first - 1);
        let mut after = if folding { 0 } else { first };
        let mut events = Vec::new();
        while after < version {
            let limit = u32::try_from(version - after).unwrap_or(u32::MAX).min(READ_AT_ONCE);
            let page = if folding {
                inspect::stream(pool, self.id, after, limit).await
            } else {
                // Nothing is folded, so only what is shown is read.
                inspect::selected(pool, self.id, filter, (after, limit)).await
            };
            let mut page = page.map_err(|err| Problem::internal(&err))?;
            page.retain(|event| event.version <= version);
            match vault.open(&mut page).await {
                Ok(()) => {}
                // The events stand as they are stored; nothing personal can be read in them.
                Err(VaultError::Locked) => {
                    fold = None;
                    missing = Some("this process has no master key (KONTOR_MASTER_KEY)".to_owned());
                }
                Err(err) => return Err(Problem::internal(&err)),
            }
            let Some(last) = page.last() else { break };
            after = last.version;
            for event in page {
                let shown = versions.contains(&event.version);
                let before = fold.as_ref().filter(|_| shown).map(|fold| state_of(fold, covered));
                if let Some(Err(err)) = fold.as_mut().map(|fold| fold.apply(&event)) {
                    missing = Some(err.to_string());
                    fold = None;
                }
                if shown {
                    let now = fold.as_ref().map(|fold| state_of(fold, covered));
                    let folds = covered.then_some(&**folds);
                    events.push(Event::new(&event, before.zip(now), folds));
                }
            }
        }
        events.reverse();
        let state = fold.map_or(Value::Null, |fold| state_of(&fold, covered).covered);
        Ok(History {
            tenant: self.tenant.to_string(),
            aggregate: self.aggregate.clone(),
            id: self.id,
            last_version: self.last_version,
            version,
            events,
            older,
            newer,
            state,
            state_missing: missing,
            covered,
        })
    }

    /// Why there is no state at a version.
    fn no_fold(&self, version: i64) -> String {
        if version > FOLD_MAX {
            return format!("the stream is longer than the {FOLD_MAX} events that are folded");
        }
        format!("this build does not know the aggregate `{}`", self.aggregate)
    }
}

/// The changes that are in sight; the others unfold.
const CHANGES_IN_SIGHT: usize = 8;

impl Event {
    /// The changes in sight, and the others.
    pub(super) fn changes_in_two(&self) -> [&[Change]; 2] {
        let (first, rest) = self.changes.split_at(self.changes.len().min(CHANGES_IN_SIGHT));
        [first, rest]
    }

    /// With `folds` what belongs to people is covered.
    pub(super) fn new(
        event: &Recorded,
        states: Option<(Sight, Sight)>,
        folds: Option<&Folds>,
    ) -> Self {
        let payload = match folds {
            Some(folds) => folds.covered_payload(event),
            None => serde_json::from_str(&event.payload).unwrap_or(Value::Null),
        };
        let metadata = &event.metadata;
        let (actor_kind, actor) = match &metadata.actor {
            Actor::Customer { account_id } => ("customer", account_id.to_string()),
            Actor::Operator { name } => ("operator", name.clone()),
            Actor::System { name } => ("system", name.clone()),
        };
        Self {
            version: event.version,
            position: event.position,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            actor_kind,
            actor,
            command_id: metadata.command_id,
            correlation_id: metadata.correlation_id,
            causation_id: metadata.causation_id,
            trace: metadata.trace.clone(),
            changes: states.map_or_else(Vec::new, |(old, new)| changes(&old, &new)),
            payload,
        }
    }
}

/// The state of a stream; nothing when it has no JSON, which is a defect of its type.
fn state_of(fold: &CoveredFold, covered: bool) -> Sight {
    let state = fold.state().unwrap_or_default();
    if covered { state } else { Sight::open(state.whole) }
}

/// A value of a state: how it reads, and what it really is where that is shortened or covered.
struct Leaf {
    shown: String,
    whole: Value,
}

/// The fields that differ between two states.
fn changes(before: &Sight, after: &Sight) -> Vec<Change> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten("", (&before.whole, &before.covered), &mut old);
    flatten("", (&after.whole, &after.covered), &mut new);
    let fields: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let whole = |leaves: &BTreeMap<String, Leaf>, field: &str| {
        leaves.get(field).map(|leaf| leaf.whole.clone())
    };
    let changed = fields.into_iter().filter(|field| whole(&old, field) != whole(&new, field));
    let shown = |leaf: Option<&Leaf>| {
        leaf.filter(|leaf| !leaf.whole.is_null()).map(|leaf| leaf.shown.clone())
    };
    changed
        .map(|field| Change {
            field: field.clone(),
            before: shown(old.get(field)),
            after: shown(new.get(field)),
        })
        .filter(|change| change.before.is_some() || change.after.is_some())
        .take(CHANGES_MAX)
        .collect()
}

/// The values of a state by their paths. A list of things is told by its length: which of them moved
/// to which place helps nobody, and the state shows them all. What is covered has no parts.
fn flatten(path: &str, (whole, covered): (&Value, &Value), into: &mut BTreeMap<String, Leaf>) {
    let shown = match (whole, covered) {
        (Value::Object(fields), Value::Object(others)) if !fields.is_empty() => {
            for (name, value) in fields {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let Some(other) = others.get(name) else { continue };
                flatten(&below, (value, other), into);
            }
            return;
        }
        (Value::Array(items), Value::Array(_)) if items.iter().any(Value::is_object) => {
            format!("{} items", items.len())
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    };
    into.insert(path.to_owned(), Leaf { shown, whole: whole.clone() });
}

#[cfg(test)]
mod tests {
    use kontor_commands::COVER;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_event_changed_is_told_field_by_field() {
        let before = json!({"holder": null});
        let after = json!({"holder": {"display_name": "Анна", "language": "ru", "bots": []}});
        let change = |field: &str, before: Option<&str>, after: Option<&str>| Change {
            field: field.to_owned(),
            before: before.map(ToOwned::to_owned),
            after: after.map(ToOwned::to_owned),
        };
        let covered = json!({"holder": {"display_name": COVER, "language": "ru", "bots": []}});
        let registered = Sight { whole: after.clone(), covered };
        assert_eq!(
            changes(&Sight::open(before), &registered),
            [
                change("holder.bots", None, Some("[]")),
                change("holder.display_name", None, Some("•••")),
                change("holder.language", None, Some("ru")),
            ]
        );
        let after = Sight::open(after);
        let renamed = json!({"holder": {"display_name": "Аня", "language": "ru", "bots": []}});
        assert_eq!(
            changes(&after, &Sight::open(renamed)),
            [change("holder.display_name", Some("Анна"), Some("Аня"))]
        );
        assert_eq!(changes(&after, &after), []);
        let list =
            |first: i64| Sight::open(json!({"list": [{"n": first}, {"n": 2}], "few": [first]}));
        assert_eq!(
            changes(&list(1), &list(3)),
            [
                change("few", Some("[1]"), Some("[3]")),
                change("list", Some("2 items"), Some("2 items")),
            ]
        );
    }
}
