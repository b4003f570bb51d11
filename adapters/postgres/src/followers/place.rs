//! Which rows of the bookkeeping are a follower's own, and where its effect goes.

use kontor_projections::Projection;
use sqlx::{PgConnection, PgPool};

use crate::{
    DatabaseError, Segment,
    generations::{self, Generation, GenerationError},
};

/// Where a follower stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The follower's name.
    pub(super) name: &'static str,
    /// `version` in checkpoints and dead letters: the number of a projection's generation; without
    /// generations, the version of the code.
    pub(super) version: i32,
    /// Its part of the log.
    pub(super) segment: Segment,
    /// The schema of the generation's tables.
    schema: Option<String>,
}

impl Place {
    /// A follower without generations.
    pub(super) fn plain(name: &'static str, version: i32) -> Self {
        Self { name, version, segment: Segment::WHOLE, schema: None }
    }

    /// A part of a generation.
    pub(super) fn of(name: &'static str, generation: &Generation, segment: Segment) -> Self {
        Self { name, version: generation.number, segment, schema: Some(generation.schema()) }
    }

    /// Where a projection's rows are when nobody said which generation is meant.
    pub(super) async fn find(
        pool: &PgPool,
        projection: &dyn Projection,
    ) -> Result<Self, GenerationError> {
        if projection.tables().is_empty() {
            return Ok(Self::plain(projection.name(), projection.version()));
        }
        let generation = generations::newest(pool, projection).await?;
        if generation.segments != Segment::WHOLE.count() {
            return Err(GenerationError::InSegments {
                name: generation.name,
                number: generation.number,
            });
        }
        Ok(Self::of(projection.name(), &generation, Segment::WHOLE))
    }

    /// Whether its tables belong to a generation.
    pub(super) fn is_generation(&self) -> bool {
        self.schema.is_some()
    }

    /// The name of its lease.
    pub(super) fn lease_name(&self) -> String {
        let Self { name, version, segment, schema: _ } = self;
        match segment.index() {
            0 => format!("follower.{name}.v{version}"),
            index => format!("follower.{name}.v{version}.s{index}"),
        }
    }

    /// Leads a transaction to the generation's tables. To be called after the bookkeeping: its
    /// statements would be planned anew for each search path.
    pub(super) async fn enter(&self, db: &mut PgConnection) -> Result<(), DatabaseError> {
        match &self.schema {
            Some(schema) => generations::enter(db, schema).await,
            None => Ok(()),
        }
    }
}
