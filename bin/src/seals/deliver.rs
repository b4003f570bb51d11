//! Seals on their way out of the database: what a place lacks is what stands behind its last seal.

use anyhow::bail;
use kontor_domain::seals::Seal;
use kontor_nats::Nats;
use kontor_postgres::seals::{self, Sealed};
use sqlx::PgPool;

use super::SealFile;

/// How many seals are taken from the table at a time.
const PAGE: i64 = 16;

/// Where seals are kept for others.
pub(crate) enum Place<'a> {
    /// The broker.
    Nats(&'a Nats),
    /// The file.
    File(&'a mut SealFile),
}

/// Why a place did not get what it lacks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lagging {
    /// The place is out of reach; it gets them later.
    #[error("{place} lacks seals: {source:#}")]
    Later { place: String, source: anyhow::Error },
    /// It holds other seals than the database.
    #[error(
        "{place} ends with seal {number}, which is not the one of this database: the database was \
         replaced, restored from a backup or rewritten. Keep what is there; docs/guides/ledger.md says \
         how to go on"
    )]
    OtherSeals { place: String, number: i64 },
}

impl Place<'_> {
    fn name(&self) -> String {
        match self {
            Self::Nats(_) => "the stream SEALS".to_owned(),
            Self::File(file) => format!("the file {}", file.path().display()),
        }
    }

    async fn last(&self) -> anyhow::Result<Option<Seal>> {
        match self {
            Self::Nats(nats) => Ok(nats.last_seal().await?),
            Self::File(file) => Ok(file.last().cloned()),
        }
    }

    async fn add(&mut self, seals: &[Sealed]) -> anyhow::Result<()> {
        match self {
            Self::Nats(nats) => {
                for sealed in seals {
                    nats.publish_seal(&sealed.seal).await?;
                }
                Ok(())
            }
            // A few lines and one sync, by the only task that waits for them.
            Self::File(file) => tokio::task::block_in_place(|| file.add(seals)),
        }
    }
}

/// Gives a place what it lacks.
pub(crate) async fn bring_up(pool: &PgPool, mut place: Place<'_>) -> Result<(), Lagging> {
    match missing(pool, &mut place).await {
        Ok(None) => Ok(()),
        Ok(Some(number)) => Err(Lagging::OtherSeals { place: place.name(), number }),
        Err(source) => Err(Lagging::Later { place: place.name(), source }),
    }
}

/// Adds what is missing; the number of the seal with which the place ends when it is a strange one.
async fn missing(pool: &PgPool, place: &mut Place<'_>) -> anyhow::Result<Option<i64>> {
    let mut number = 0;
    if let Some(last) = place.last().await? {
        number = last.number;
        let own = seals::find(pool, number).await?;
        if own.is_none_or(|own| own.hash() != last.hash()) {
            return Ok(Some(number));
        }
    }
    loop {
        let page = seals::after(pool, number, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        if last.seal.number <= number {
            bail!("the table of seals is not in order");
        }
        number = last.seal.number;
        place.add(&page).await?;
    }
}
