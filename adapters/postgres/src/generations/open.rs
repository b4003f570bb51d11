//! Which generations a process fills; the first process of a new version makes one.

use kontor_projections::Projection;
use sqlx::{PgConnection, PgPool};

use super::{Generation, GenerationError, Standing, list, schema, schema_of};
use crate::{Segment, error::failed};

/// How a generation is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Making {
    pub(super) segments: i32,
    pub(super) auto_promote: bool,
}

/// The generations that processes of this projection's version fill. When there is none, because the
/// version is new, it is made here and begins at position 0.
///
/// # Errors
/// [`GenerationError::Older`] when only newer versions have generations: a process that is left over
/// from before must not take anything back.
pub async fn followed(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<Vec<Generation>, GenerationError> {
    schema::check(projection)?;
    let (name, own) = (projection.name(), projection.version());
    let of_own_version = |generations: Vec<Generation>| {
        let own = generations.into_iter().filter(|it| it.code_version == own);
        own.collect::<Vec<_>>()
    };
    let found = of_own_version(list(pool, Some(name)).await?);
    if !found.is_empty() {
        return Ok(found);
    }
    let mut tx = pool.begin().await.map_err(failed("begin a generation"))?;
    lock(&mut tx, name).await?;
    // Looked at again under the lock: another process may have been first.
    let generations = list(&mut *tx, Some(name)).await?;
    let newest = generations.iter().map(|it| it.code_version).max();
    let found = of_own_version(generations);
    if !found.is_empty() {
        return Ok(found);
    }
    if let Some(newest) = newest.filter(|newest| *newest > own) {
        return Err(GenerationError::Older { name: name.to_owned(), newest, own });
    }
    let making = Making { segments: 1, auto_promote: true };
    let made = make(&mut tx, projection, making).await?;
    tx.commit().await.map_err(failed("commit a generation"))?;
    Ok(vec![made])
}

/// The youngest of [`followed`].
///
/// # Errors
/// As [`followed`].
pub async fn newest(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<Generation, GenerationError> {
    let youngest = followed(pool, projection).await?.into_iter().max_by_key(|it| it.number);
    youngest.ok_or_else(|| GenerationError::Plain(projection.name().to_owned()))
}

/// One at a time changes the generations of a projection; until the end of the transaction.
pub(super) async fn lock(db: &mut PgConnection, name: &str) -> Result<(), GenerationError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('kontor.generations.' || $1, 0))")
        .bind(name)
        .execute(db)
        .await
        .map_err(failed("lock the generations"))?;
    Ok(())
}

/// Makes the next generation, under the lock. While the log is empty there is nothing to fill: the
/// first generation of a projection is active at once then.
pub(super) async fn make(
    db: &mut PgConnection,
    projection: &dyn Projection,
    making: Making,
) -> Result<Generation, GenerationError> {
    let name = projection.name();
    let number: i32 = sqlx::query_scalar(
        "select coalesce(max(generation), 0) + 1 from projection_generations where name = $1",
    )
    .bind(name)
    .fetch_one(&mut *db)
    .await
    .map_err(failed("number a generation"))?;
    let schema = schema_of(name, number);
    schema::make(db, projection, &schema).await?;
    let generation: Generation = sqlx::query_as(
        "insert into projection_generations (
             name, generation, code_version, state, segments, auto_promote, tables, promoted_at
         )
         select $1, $2, $3, case when at_once then 'active' else 'building' end, $4, $5, $6,
                case when at_once then clock_timestamp() end
         from (
             select not exists (select from events)
                 and not exists (
                     select from projection_generations where name = $1 and state = 'active'
                 ) as at_once
         ) new
         returning name, generation, code_version, state, segments, auto_promote, tables,
             created_at, promoted_at, retired_at",
    )
    .bind(name)
    .bind(number)
    .bind(projection.version())
    .bind(making.segments)
    .bind(making.auto_promote)
    .bind(projection.tables())
    .fetch_one(&mut *db)
    .await
    .map_err(failed("make a generation"))?;
    // All its checkpoints at once: so nobody takes one segment's position for that of all.
    sqlx::query(
        "insert into checkpoints (name, version, segment)
         select $1, $2, segment from generate_series(0, $3 - 1) segment",
    )
    .bind(name)
    .bind(number)
    .bind(making.segments)
    .execute(&mut *db)
    .await
    .map_err(failed("make the checkpoints of a generation"))?;
    if generation.standing == Standing::Active {
        schema::show(db, &schema, &generation.tables).await?;
    }
    tracing::info!(
        follower = name,
        generation = number,
        state = generation.standing.as_str(),
        "Generation {number} of the read model {name} begins",
    );
    Ok(generation)
}

impl Generation {
    /// The parts in which it is filled, each by a follower.
    pub fn parts(&self) -> Vec<Segment> {
        // The table allows no other numbers.
        Segment::all(self.segments).unwrap_or_else(|_| vec![Segment::WHOLE])
    }
}
