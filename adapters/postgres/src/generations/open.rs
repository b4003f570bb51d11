//! Which generations a process fills; the first process of a new version makes one.

use kontor_projections::Projection;
use sqlx::{PgConnection, PgPool};

use super::{Generation, GenerationError, Standing, list, schema, schema_of};
use crate::{DatabaseError, Segment, error::failed};

/// The generations that processes of this projection's version fill. When the version is new, its
/// first generation is made here and begins at position 0.
///
/// # Errors
/// [`GenerationError::LeftOver`] when the version is not new and none of its generations is left, so
/// that a process from before a deployment takes nothing back.
pub async fn followed(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<Vec<Generation>, GenerationError> {
    schema::check(projection)?;
    let (name, own) = (projection.name(), projection.version());
    let found = of_version(list(pool, Some(name)).await?, own);
    if !found.is_empty() {
        return Ok(found);
    }
    let mut tx = pool.begin().await.map_err(failed("begin a generation"))?;
    lock(&mut tx, name).await?;
    // Looked at again under the lock: another process may have been first.
    let found = of_version(list(&mut *tx, Some(name)).await?, own);
    if !found.is_empty() {
        return Ok(found);
    }
    let newest: Option<i32> =
        sqlx::query_scalar("select max(code_version) from projection_generations where name = $1")
            .bind(name)
            .fetch_one(&mut *tx)
            .await
            .map_err(failed("look for newer generations"))?;
    if newest.is_some_and(|newest| newest >= own) {
        return Err(GenerationError::LeftOver { name: name.to_owned(), own });
    }
    let made = make(&mut tx, projection, Segment::WHOLE.count(), true).await?;
    tx.commit().await.map_err(failed("commit a generation"))?;
    Ok(vec![made])
}

/// Begins one more generation of this program's version, on an operator's order.
///
/// Processes of the version fill it from position 0, in so many segments; it is promoted when it has
/// caught up, unless that is left to the operator.
///
/// # Errors
/// [`GenerationError::Building`] when one is being built already.
pub async fn begin(
    pool: &PgPool,
    projection: &dyn Projection,
    segments: i32,
    auto_promote: bool,
) -> Result<Generation, GenerationError> {
    schema::check(projection)?;
    Segment::all(segments)?;
    let name = projection.name();
    let mut tx = pool.begin().await.map_err(failed("begin a generation"))?;
    lock(&mut tx, name).await?;
    let own = of_version(list(&mut *tx, Some(name)).await?, projection.version());
    if let Some(building) = own.iter().find(|it| it.standing == Standing::Building) {
        let number = building.number;
        return Err(GenerationError::Building { name: name.to_owned(), number });
    }
    let made = make(&mut tx, projection, segments, auto_promote).await?;
    tx.commit().await.map_err(failed("commit a generation"))?;
    Ok(made)
}

fn of_version(generations: Vec<Generation>, version: i32) -> Vec<Generation> {
    generations.into_iter().filter(|it| it.code_version == version).collect()
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
pub(super) async fn lock(db: &mut PgConnection, name: &str) -> Result<(), DatabaseError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('kontor.generations.' || $1, 0))")
        .bind(name)
        .execute(db)
        .await
        .map_err(failed("lock the generations"))?;
    Ok(())
}

/// Makes the next generation, under the lock. While the log is empty there is nothing to fill: the
/// first generation of a projection is active at once then.
async fn make(
    db: &mut PgConnection,
    projection: &dyn Projection,
    segments: i32,
    auto_promote: bool,
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
    .bind(segments)
    .bind(auto_promote)
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
    .bind(segments)
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
