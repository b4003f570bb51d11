//! The role that seals: one process at a time, by its lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kontor_commands::clock;
use kontor_domain::seals::SealingKey;
use kontor_nats::Nats;
use kontor_postgres::{
    Leases,
    seals::{LEASE, Sealer},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::{Place, SealFile, bring_up, find, path_of_file};
use crate::{
    compose::Parts,
    config::Config,
    supervise::{Phase, Role},
};

/// The role's name.
const SEALS: &str = "seals";
/// How often the lease is asked for.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// What the role works with.
struct Office {
    config: Arc<Config>,
    pool: PgPool,
    nats: Nats,
    leases: Leases,
    keys: Vec<SealingKey>,
    file: Option<PathBuf>,
}

/// The role; none without a key.
pub(crate) fn seals(parts: &Parts) -> anyhow::Result<Option<Role>> {
    let Some(keys) = find(&parts.config)? else {
        tracing::info!("Credit ledgers are not sealed: KONTOR_SEAL_KEY is not set");
        return Ok(None);
    };
    let office = Arc::new(Office {
        config: Arc::clone(&parts.config),
        pool: parts.follow.clone(),
        nats: parts.nats.clone(),
        leases: parts.members().leases(),
        keys: keys.keys().to_vec(),
        file: path_of_file(&parts.config),
    });
    Ok(Some(Role::new(SEALS, Phase::Follow, move |stop| {
        let office = Arc::clone(&office);
        async move { office.run(stop).await }
    })))
}

impl Office {
    async fn run(&self, stop: CancellationToken) -> anyhow::Result<()> {
        while !stop.is_cancelled() {
            match self.leases.hold(LEASE, &stop).await? {
                Some(kept) => {
                    let sealed = self.seal(kept.ending()).await;
                    kept.release().await?;
                    sealed?;
                }
                None => pause(ASK_EVERY, &stop).await,
            }
        }
        Ok(())
    }

    /// Seals until the lease ends. Whatever fails is tried again from the beginning, by the supervisor.
    async fn seal(&self, ending: &CancellationToken) -> anyhow::Result<()> {
        let every = self.config.seals.every;
        let seconds = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let mut sealer = Sealer::new(self.pool.clone(), self.keys.clone(), seconds);
        let mut file = self.file.as_deref().map(SealFile::open).transpose()?;
        while !ending.is_cancelled() {
            let looked = sealer.look(clock::now()).await;
            // Both are tried, also when nothing new could be sealed: what stands in the way of one
            // does not keep the other from its seals.
            let mut delivered = Vec::with_capacity(2);
            if let Some(file) = &mut file {
                delivered.push(bring_up(&self.pool, Place::File(file)).await);
            }
            delivered.push(bring_up(&self.pool, Place::Nats(&self.nats)).await);
            let (sealed, more) = looked?;
            delivered.into_iter().collect::<Result<(), _>>()?;
            if let Some(sealed) = &sealed {
                let seal = &sealed.seal;
                tracing::debug!(number = seal.number, position = seal.position, "Sealed");
            }
            if !more {
                pause(every, ending).await;
            }
        }
        Ok(())
    }
}

async fn pause(time: Duration, stop: &CancellationToken) {
    stop.run_until_cancelled(tokio::time::sleep(time)).await;
}
