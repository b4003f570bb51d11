//! Waits until nothing moves any more.

use std::{collections::BTreeMap, time::Duration};

use kontor_projections::checkpoints;
use tokio::time::{Instant, sleep};

use crate::{snapshot, world::World};

/// How long the house may take to become quiet after a fault: pauses between attempts grow to 30 s.
const LIMIT: Duration = Duration::from_secs(90);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far everything is.
#[derive(Debug)]
struct Progress {
    head: i64,
    /// The positions of the followers that are behind.
    behind: BTreeMap<&'static str, i64>,
    waiting_commands: u64,
    published: u64,
    /// Messages that have not come in, updates that are not handled, replies that are not sent.
    open_in_chats: i64,
}

impl Progress {
    async fn look(world: &World) -> anyhow::Result<Self> {
        let pool = world.pool();
        let head = checkpoints::head_position(pool).await?;
        let mut behind = BTreeMap::new();
        let projections = kontor_projections::all();
        for name in projections.iter().map(|projection| projection.name()).chain(["relay"]) {
            let position = checkpoints::position(pool, name).await?;
            if position < head {
                behind.insert(name, position);
            }
        }
        Ok(Self {
            head,
            behind,
            waiting_commands: snapshot::commands_waiting(world).await?,
            published: snapshot::events_published(world).await?,
            open_in_chats: snapshot::chats_open(world).await?,
        })
    }

    fn is_quiet(&self) -> bool {
        self.behind.is_empty()
            && self.waiting_commands == 0
            && self.open_in_chats == 0
            && i64::try_from(self.published).unwrap_or(i64::MAX) >= self.head
    }
}

/// Waits until all commands are done, all followers at the end of the log, and all events published.
/// What is still moving at the limit is a violation; what is merely missing is told by the checks.
pub(crate) async fn wait(world: &World) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let progress = Progress::look(world).await;
        if progress.as_ref().is_ok_and(Progress::is_quiet) {
            return Ok(());
        }
        if begun.elapsed() > LIMIT {
            return Err(match progress {
                Ok(progress) => format!("not quiet after {LIMIT:?}: {progress:?}"),
                Err(err) => format!("not quiet after {LIMIT:?}: {err:#}"),
            });
        }
        sleep(LOOK_EVERY).await;
    }
}
