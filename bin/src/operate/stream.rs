//! `kontor stream`: why an aggregate is as it is.

use anyhow::{Context, bail};
use kontor_commands::{CoveredFold, Folds, Sight};
use kontor_domain::Recorded;
use kontor_postgres::{Vault, inspect};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    diff::{self, Change},
    events::{self, EventView},
    mask::Shown,
    personal,
};
use crate::{
    cli::{StreamArgs, StreamVerb},
    compose,
    failure::Failure,
    output,
};

/// How many events are read at once.
const PAGE: u32 = 500;

/// Carries out a verb.
pub(super) async fn run(place: (&PgPool, &Vault), verb: StreamVerb) -> Result<(), Failure> {
    let (pool, _) = place;
    match verb {
        StreamVerb::Show(args) => {
            let mut walk = Walk::new(place, &args.aggregate, args.id)?;
            let subject = format!("{} {}", args.aggregate, args.id);
            let wanted = args.personal.personal;
            walk.shown = personal::shown(pool, wanted, "stream show", &subject).await?;
            show(walk, &args).await?;
        }
        StreamVerb::Diff { aggregate, id, before, after, personal, output } => {
            if after < before {
                return Err(Failure::Usage("the earlier version comes first".to_owned()));
            }
            let mut walk = Walk::new(place, &aggregate, id)?;
            let subject = format!("{aggregate} {id} versions {before} and {after}");
            walk.shown = personal::shown(pool, personal.personal, "stream diff", &subject).await?;
            let old = walk.state_at(before).await?;
            let new = walk.state_at(after).await?;
            let changes = diff::changes(&walk.shown.state(old), &walk.shown.state(new));
            if output.json {
                output::json(&json!({ "before": before, "after": after, "changes": changes }))?;
            } else {
                print_changes(&changes, "");
            }
        }
    }
    Ok(())
}

/// A stream that is read and folded in pages.
struct Walk<'a> {
    pool: &'a PgPool,
    vault: &'a Vault,
    aggregate: &'a str,
    id: Uuid,
    fold: CoveredFold,
    state: Sight,
    version: i64,
    page: std::vec::IntoIter<Recorded>,
    shown: Shown,
}

impl<'a> Walk<'a> {
    fn new(
        (pool, vault): (&'a PgPool, &'a Vault),
        aggregate: &'a str,
        id: Uuid,
    ) -> Result<Self, Failure> {
        let folds: Folds = compose::folds();
        let Some(fold) = folds.start_covered(aggregate) else {
            let known = folds.names().join(", ");
            let text = format!("there is no aggregate `{aggregate}`; there are {known}");
            return Err(Failure::Usage(text));
        };
        let state = fold.state().context("the state has no JSON")?;
        let page = Vec::new().into_iter();
        let shown = Shown::Masked;
        Ok(Self { pool, vault, aggregate, id, fold, state, version: 0, page, shown })
    }

    /// The next event and what it changed; `None` at the end.
    async fn next(&mut self) -> anyhow::Result<Option<(Recorded, Sight)>> {
        let event = match self.page.next() {
            Some(event) => event,
            None => {
                let mut page = inspect::stream(self.pool, self.id, self.version, PAGE).await?;
                self.vault.open(&mut page).await?;
                self.page = page.into_iter();
                let Some(event) = self.page.next() else { return Ok(None) };
                event
            }
        };
        if event.stream_type != self.aggregate {
            bail!("{} is a {}, not a {}", self.id, event.stream_type, self.aggregate);
        }
        self.version = event.version;
        self.fold
            .apply(&event)
            .with_context(|| format!("version {} cannot be applied", event.version))?;
        let before = std::mem::replace(&mut self.state, self.fold.state()?);
        Ok(Some((event, before)))
    }

    /// The state at a version, from where the walk stands.
    async fn state_at(&mut self, version: i64) -> anyhow::Result<Sight> {
        while self.version < version {
            if self.next().await?.is_none() {
                bail!("the stream ends at version {}", self.version);
            }
        }
        Ok(self.state.clone())
    }
}

/// Prints the events as they are read, so that a long stream needs no memory.
async fn show(mut walk: Walk<'_>, args: &StreamArgs) -> anyhow::Result<()> {
    let until = args.at.unwrap_or(i64::MAX);
    let mut printed: u32 = 0;
    let mut left_out: u64 = 0;
    while walk.version < until {
        let Some((event, before)) = walk.next().await? else { break };
        if event.version < args.from {
            continue;
        }
        if printed == args.limit {
            left_out += 1;
            continue;
        }
        printed += 1;
        let now = walk.shown.state(walk.state.clone());
        let changes = diff::changes(&walk.shown.state(before), &now);
        print_event(&event, &changes, walk.shown, args.output.json)?;
    }
    if walk.version == 0 {
        bail!("there is no {} {}", args.aggregate, args.id);
    }
    if walk.version < until && args.at.is_some() {
        bail!("the stream ends at version {}", walk.version);
    }
    let state = walk.shown.state(walk.state).covered;
    if args.output.json {
        return output::json(
            &json!({ "version": walk.version, "state": state, "left_out": left_out }),
        );
    }
    if left_out > 0 {
        let next = args.from + i64::from(printed);
        output::note(&format!("{left_out} more events: --from {next}, or a higher --limit."));
    }
    output::line(&format!("State at version {}:", walk.version));
    output::line(&serde_json::to_string_pretty(&state)?);
    Ok(())
}

fn print_event(
    event: &Recorded,
    changes: &[Change],
    shown: Shown,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        let mut value = serde_json::to_value(EventView::of(event, shown))?;
        value["changes"] = serde_json::to_value(changes)?;
        return output::json(&value);
    }
    let metadata = &event.metadata;
    output::line(&format!(
        "{}  {}  {}  position {}",
        event.version,
        events::time(event.recorded_at),
        event.event_type,
        event.position
    ));
    output::line(&format!(
        "    by {}, command {}",
        events::actor(&metadata.actor),
        metadata.command_id
    ));
    if let Some(cause) = metadata.causation_id {
        output::line(&format!("    because of {cause}"));
    }
    print_changes(changes, "    ");
    Ok(())
}

fn print_changes(changes: &[Change], indent: &str) {
    if changes.is_empty() {
        output::line(&format!("{indent}no field of the state changed"));
    }
    for change in changes {
        output::line(&format!("{indent}{}", change.line()));
    }
}
