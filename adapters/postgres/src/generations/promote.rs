//! The switch: another generation becomes the one that is read, in one transaction.
//!
//! No reader sees an older answer than before. The active generation is held still by the locks on
//! its checkpoints until the new one has reached its position; only then do the views change.

use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};
use tokio::time::sleep;

use super::{Generation, Standing, find, list, open::lock, schema};
use crate::{DatabaseError, error::failed};

/// The longest wait for another operator's order, or for a page of the active generation, in
/// milliseconds.
const ORDER_LOCK_MS: u32 = 5_000;

/// The longest wait for readers to leave a view, in milliseconds: others queue behind it.
const VIEW_LOCK_MS: u32 = 100;

/// How often to look whether the new generation has arrived while the active one stands still.
const ARRIVAL_POLL: Duration = Duration::from_millis(3);

/// What a promotion demands.
#[derive(Clone, Copy, Debug)]
pub struct PromotionTerms {
    /// The most positions that the generation may be behind the log.
    pub behind_max: i64,
    /// Promote although streams are parked.
    pub with_parked: bool,
    /// How long the active generation may be held still until the new one has reached its position.
    pub stand_still_max: Duration,
}

impl Default for PromotionTerms {
    fn default() -> Self {
        Self {
            // A page; a generation is through with it in a few milliseconds.
            behind_max: 500,
            with_parked: false,
            // A follower that nobody wakes looks every 200 ms.
            stand_still_max: Duration::from_secs(1),
        }
    }
}

/// A promotion that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Promoted {
    /// The generation that is read now.
    pub generation: i32,
    /// The one that was read before; none when it was the first, the same one when nothing changed.
    pub before: Option<i32>,
    /// How long readers and the active generation were held up at most.
    pub took: Duration,
}

/// Why a generation was not promoted. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such generation, or it was retired.
    #[error("`{name}` has no generation {number}; kontor projection list shows those there are")]
    Unknown {
        /// The projection.
        name: String,
        /// The number that was asked for.
        number: i32,
    },
    /// It has not caught up with the log.
    #[error(
        "generation {number} of `{name}` is {behind} positions behind; {behind_max} are allowed"
    )]
    Behind {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
        /// Its lag.
        behind: i64,
        /// The most that the terms allow.
        behind_max: i64,
    },
    /// It did not reach the active one in time.
    #[error(
        "generation {number} of `{name}` does not arrive where the active one stands; does a \
         process of its version run, and is it not paused?"
    )]
    Stands {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
    },
    /// Some of its events could not be applied.
    #[error(
        "{count} events of generation {number} of `{name}` are parked; see kontor dead-letters list, \
         or promote it all the same with --force"
    )]
    Parked {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
        /// How many events wait.
        count: i64,
    },
    /// Long queries read the views, or somebody else changes the generations.
    #[error("the read model `{0}` is in use by a long query or another order; try again")]
    Busy(String),
}

/// Lets the views show a generation, which must have caught up; the one before stays on standby.
/// Promoting the active one again changes nothing.
///
/// # Errors
/// [`PromotionError`]; nothing has changed then.
pub async fn promote(
    pool: &PgPool,
    name: &str,
    number: i32,
    terms: &PromotionTerms,
) -> Result<Promoted, PromotionError> {
    Order { name, number, terms, built_only: false }.give(pool).await
}

/// As [`promote`], and changes nothing when the generation is no longer being built: an operator may
/// have taken it back meanwhile.
pub(crate) async fn promote_built(
    pool: &PgPool,
    name: &str,
    number: i32,
    terms: &PromotionTerms,
) -> Result<Promoted, PromotionError> {
    Order { name, number, terms, built_only: true }.give(pool).await
}

struct Order<'a> {
    name: &'a str,
    number: i32,
    terms: &'a PromotionTerms,
    built_only: bool,
}

impl Order<'_> {
    async fn give(&self, pool: &PgPool) -> Result<Promoted, PromotionError> {
        let (name, number) = (self.name, self.number);
        let mut tx = pool.begin().await.map_err(failed("begin a promotion"))?;
        let promoted = match self.carry_out(&mut tx).await {
            Ok(promoted) => promoted,
            Err(PromotionError::Database(error)) if is_lock_timeout(&error) => {
                return Err(PromotionError::Busy(name.to_owned()));
            }
            Err(error) => return Err(error),
        };
        tx.commit().await.map_err(failed("commit a promotion"))?;
        if promoted.before != Some(number) {
            tracing::info!(
                follower = name,
                generation = number,
                ms = promoted.took.as_millis(),
                "Generation {number} of the read model {name} is active now",
            );
        }
        Ok(promoted)
    }

    async fn carry_out(&self, db: &mut PgConnection) -> Result<Promoted, PromotionError> {
        let (name, number) = (self.name, self.number);
        lock_timeout(db, ORDER_LOCK_MS).await?;
        lock(db, name).await?;
        let generations = list(&mut *db, Some(name)).await?;
        let new = find(&generations, number)
            .ok_or_else(|| PromotionError::Unknown { name: name.to_owned(), number })?;
        let old = generations.iter().find(|it| it.standing == Standing::Active);
        let taken_back = self.built_only && new.standing != Standing::Building;
        if new.standing == Standing::Active || taken_back {
            let before = Some(number);
            return Ok(Promoted { generation: number, before, took: Duration::ZERO });
        }
        self.check_parked(db).await?;
        let head = self.check_lag(db).await?;
        // The first generation has nobody to overtake: it shows all that there is.
        let wanted = match old {
            Some(old) => self.hold(db, old).await?,
            None => head,
        };
        let began = Instant::now();
        self.arrive(db, wanted).await?;
        // Once more: the last pages may have parked something.
        self.check_parked(db).await?;
        lock_timeout(db, VIEW_LOCK_MS).await?;
        swap(db, old, new).await?;
        let before = old.map(|old| old.number);
        Ok(Promoted { generation: number, before, took: began.elapsed() })
    }

    async fn check_parked(&self, db: &mut PgConnection) -> Result<(), PromotionError> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from dead_letters
             where name = $1 and version = $2 and state <> 'skipped'",
        )
        .bind(self.name)
        .bind(self.number)
        .fetch_one(db)
        .await
        .map_err(failed("count parked events"))?;
        if count > 0 && !self.terms.with_parked {
            let (name, number) = (self.name.to_owned(), self.number);
            return Err(PromotionError::Parked { name, number, count });
        }
        Ok(())
    }

    /// The head of the log, from which the generation must not be far.
    async fn check_lag(&self, db: &mut PgConnection) -> Result<i64, PromotionError> {
        let head: i64 = sqlx::query_scalar("select coalesce(max(position), 0) from events")
            .fetch_one(&mut *db)
            .await
            .map_err(failed("read the head of the log"))?;
        let behind = head - self.reached(db).await?;
        let behind_max = self.terms.behind_max;
        if behind > behind_max {
            let (name, number) = (self.name.to_owned(), self.number);
            return Err(PromotionError::Behind { name, number, behind, behind_max });
        }
        Ok(head)
    }

    /// Holds the active generation still. Where it stands.
    async fn hold(&self, db: &mut PgConnection, old: &Generation) -> Result<i64, DatabaseError> {
        // In the order of the segments, as every other who locks more than one.
        let positions: Vec<i64> = sqlx::query_scalar(
            "select position from checkpoints where name = $1 and version = $2
             order by segment for no key update",
        )
        .bind(self.name)
        .bind(old.number)
        .fetch_all(db)
        .await
        .map_err(failed("hold the active generation"))?;
        Ok(positions.into_iter().max().unwrap_or(0))
    }

    /// Waits until the new generation has reached a position.
    async fn arrive(&self, db: &mut PgConnection, wanted: i64) -> Result<(), PromotionError> {
        let began = Instant::now();
        while self.reached(db).await? < wanted {
            if began.elapsed() >= self.terms.stand_still_max {
                let (name, number) = (self.name.to_owned(), self.number);
                return Err(PromotionError::Stands { name, number });
            }
            sleep(ARRIVAL_POLL).await;
        }
        Ok(())
    }

    /// The position that all segments of the new generation have reached.
    async fn reached(&self, db: &mut PgConnection) -> Result<i64, DatabaseError> {
        sqlx::query_scalar(
            "select coalesce(min(position), 0) from checkpoints where name = $1 and version = $2",
        )
        .bind(self.name)
        .bind(self.number)
        .fetch_one(db)
        .await
        .map_err(failed("read the position of a generation"))
    }
}

/// Views and states. A view whose table the new generation does not have is dropped.
async fn swap(
    db: &mut PgConnection,
    old: Option<&Generation>,
    new: &Generation,
) -> Result<(), DatabaseError> {
    let gone = old.into_iter().flat_map(|old| &old.tables);
    let gone: Vec<&String> = gone.filter(|table| !new.tables.contains(*table)).collect();
    schema::hide(db, &gone).await?;
    schema::show(db, &new.schema(), &new.tables).await?;
    sqlx::query(
        "update projection_generations set state = 'standby' where name = $1 and state = 'active'",
    )
    .bind(&new.name)
    .execute(&mut *db)
    .await
    .map_err(failed("put the old generation on standby"))?;
    sqlx::query(
        "update projection_generations set state = 'active', promoted_at = clock_timestamp()
         where name = $1 and generation = $2",
    )
    .bind(&new.name)
    .bind(new.number)
    .execute(db)
    .await
    .map_err(failed("make the new generation active"))?;
    Ok(())
}

/// Bounds the waits for locks, for the rest of the transaction.
pub(super) async fn lock_timeout(db: &mut PgConnection, ms: u32) -> Result<(), DatabaseError> {
    sqlx::query("select set_config('lock_timeout', $1, true)")
        .bind(ms.to_string())
        .execute(db)
        .await
        .map_err(failed("bound the wait for locks"))?;
    Ok(())
}

/// Whether a lock was waited for in vain.
pub(super) fn is_lock_timeout(error: &DatabaseError) -> bool {
    let code = error.source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some("55P03")
}
