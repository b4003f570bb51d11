//! `kontor log`: the events as they stand in the log.

use std::time::Duration;

use anyhow::{Context, bail};
use kontor_domain::{Recorded, TenantId};
use kontor_postgres::{
    EventReader, Vault,
    inspect::{self, Scope, index},
};
use sqlx::PgPool;

use super::{
    events::{self, EventView},
    mask::Shown,
    personal,
};
use crate::{
    cli::{EventRef, IndexAction, LogVerb, TailArgs},
    failure::Failure,
    output,
};

/// How many positions are read at once.
const PAGE: u32 = 1_000;
/// How far back the last events are looked for: some seconds of reading.
const LOOK_BACK_MAX: i64 = 200_000;
/// How often new events are looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(300);

/// Carries out a verb.
pub(super) async fn run((pool, vault): (&PgPool, &Vault), verb: LogVerb) -> Result<(), Failure> {
    match verb {
        LogVerb::Tail(args) => Tail::new((pool, vault), &args).await?.run(&args).await?,
        LogVerb::Show { id, all, personal, output } => {
            let mut event = find(pool, id, all).await?;
            let subject = format!("position {}", event.position);
            let shown = personal::shown(pool, personal.personal, "log show", &subject).await?;
            if personal.personal {
                let opened = vault.open(std::slice::from_mut(&mut event)).await;
                opened.context("nothing is shown")?;
            }
            if output.json {
                output::json(&EventView::of(&event, shown))?;
            } else {
                events::detail(&event, shown)?;
            }
        }
        LogVerb::Index { action, output } => index(pool, action, output.json).await?,
    }
    Ok(())
}

/// The event that somebody names, or what to do to find it.
pub(crate) async fn find(pool: &PgPool, id: EventRef, all: bool) -> anyhow::Result<Recorded> {
    match id {
        EventRef::Position(position) => {
            let Some(event) = inspect::at(pool, position).await? else {
                let head = EventReader::new(pool.clone()).head().await?;
                bail!("there is no event at {position}; the log ends at {head}");
            };
            Ok(event)
        }
        EventRef::Id(id) => {
            let scope = if all { Scope::Whole } else { Scope::Near { positions: 0 } };
            inspect::event(pool, id, scope).await?.with_context(|| {
                if all {
                    "there is no event with this id".to_owned()
                } else {
                    "no event with this id was recorded around the time in it; --all searches the \
                     whole log"
                        .to_owned()
                }
            })
        }
    }
}

async fn index(pool: &PgPool, action: IndexAction, json: bool) -> anyhow::Result<()> {
    match action {
        IndexAction::Build => index::build(pool).await?,
        IndexAction::Drop => index::drop_index(pool).await?,
        IndexAction::State => {}
    }
    let (state, sentence) = match index::state(pool).await? {
        index::State::Missing => ("missing", "There is no index: conversations are searched for."),
        index::State::Broken => ("broken", "A build was interrupted: `kontor log index build`."),
        index::State::Ready => ("ready", "The index of conversations is in use."),
    };
    if json {
        return output::json(&serde_json::json!({ "index": state }));
    }
    output::line(sentence);
    Ok(())
}

/// Which events are wanted.
struct Filter {
    /// Full names; empty when all are wanted, or some by the name of their aggregate.
    types: Vec<String>,
    patterns: Vec<String>,
    tenant: Option<TenantId>,
}

impl Filter {
    fn new(args: &TailArgs) -> Self {
        let by_aggregate = args.types.iter().any(|name| name.ends_with('*'));
        Self {
            types: if by_aggregate { Vec::new() } else { args.types.clone() },
            patterns: if by_aggregate { args.types.clone() } else { Vec::new() },
            tenant: args.tenant.clone(),
        }
    }

    fn wants(&self, event: &Recorded) -> bool {
        let by_type = self.patterns.is_empty()
            || self.patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => event.event_type.starts_with(start),
                None => event.event_type == *pattern,
            });
        by_type
            && (self.types.is_empty() || self.types.contains(&event.event_type))
            && self.tenant.as_ref().is_none_or(|tenant| event.tenant == *tenant)
    }
}

struct Tail {
    reader: EventReader,
    filter: Filter,
    shown: Shown,
    json: bool,
    /// The last position that was looked at.
    last: i64,
    limit: usize,
}

impl Tail {
    async fn new((pool, vault): (&PgPool, &Vault), args: &TailArgs) -> anyhow::Result<Self> {
        let subject = format!(
            "from {}, types {:?}, tenant {}",
            args.from.unwrap_or_default(),
            args.types,
            args.tenant.as_ref().map_or("(all)", |tenant| tenant.as_str())
        );
        let shown = personal::shown(pool, args.personal.personal, "log tail", &subject).await?;
        Ok(Self {
            // What is masked anyway need not be opened.
            reader: if args.personal.personal {
                EventReader::opened(pool.clone(), vault.clone())
            } else {
                EventReader::new(pool.clone())
            },
            filter: Filter::new(args),
            shown,
            json: args.output.json,
            last: 0,
            limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
        })
    }

    async fn run(mut self, args: &TailArgs) -> anyhow::Result<()> {
        if !self.json {
            output::line(&events::titles());
        }
        let printed = match args.from {
            Some(from) => {
                self.last = from - 1;
                self.forward(if args.follow { usize::MAX } else { self.limit }).await?
            }
            None => self.last_events().await?,
        };
        if printed == 0 && !args.follow && !self.json {
            output::note("No event matches.");
        }
        if !args.follow {
            return Ok(());
        }
        // Until Ctrl-C, or until nobody reads any more.
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            self.forward(usize::MAX).await?;
        }
    }

    /// Prints what comes after the last position, up to a number of events.
    async fn forward(&mut self, limit: usize) -> anyhow::Result<usize> {
        let mut printed = 0;
        while printed < limit {
            let (events, full) = self.page().await?;
            for event in events {
                if printed == limit {
                    return Ok(printed);
                }
                self.print(&event)?;
                printed += 1;
            }
            if !full {
                break;
            }
        }
        Ok(printed)
    }

    /// The wanted events of the next page, and whether more may follow.
    async fn page(&mut self) -> anyhow::Result<(Vec<Recorded>, bool)> {
        let types: Vec<&str> = self.filter.types.iter().map(String::as_str).collect();
        let page = self.reader.page(self.last, PAGE, &types).await?;
        let Some(last) = page.last_position else { return Ok((Vec::new(), false)) };
        self.last = last;
        let events = page.events.into_iter().filter(|event| self.filter.wants(event));
        Ok((events.collect(), page.full))
    }

    /// Prints the last events that are wanted, in order; looks back page by page.
    async fn last_events(&mut self) -> anyhow::Result<usize> {
        let head = self.reader.head().await?;
        let (mut found, mut after): (Vec<Recorded>, i64) = (Vec::new(), head);
        while after > 0 && found.len() < self.limit && head - after < LOOK_BACK_MAX {
            let before = after;
            after = (after - i64::from(PAGE)).max(0);
            self.last = after;
            let (mut events, _) = self.page().await?;
            events.retain(|event| event.position <= before);
            events.append(&mut found);
            found = events;
        }
        if after > 0 && found.len() < self.limit {
            let text = format!("Looked back to position {after}; `--from 1` begins at the start.");
            output::note(&text);
        }
        self.last = head;
        let unwanted = found.len().saturating_sub(self.limit);
        for event in &found[unwanted..] {
            self.print(event)?;
        }
        Ok(found.len() - unwanted)
    }

    fn print(&self, event: &Recorded) -> anyhow::Result<()> {
        if self.json {
            return output::json(&EventView::of(event, self.shown));
        }
        output::line(&events::line(event));
        if self.shown == Shown::Personal {
            output::line(&format!("           {}", self.shown.payload(event)));
        }
        Ok(())
    }
}
