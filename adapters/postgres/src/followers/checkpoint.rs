//! The row that says how far a follower is, moved only by who holds its epoch.

use sqlx::{PgConnection, PgPool};

use super::place::Place;
use crate::{
    DatabaseError,
    error::{failed, shorten},
};

/// What a follower is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Starting,
    CatchingUp,
    Live,
    Retrying,
    Paused,
    Stopped,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::Live => "live",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// A checkpoint as its holder knows it.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub(super) place: Place,
    pub(super) epoch: i64,
    pub(super) position: i64,
    pub(super) state: State,
}

impl Checkpoint {
    /// Takes the checkpoint over under a newer epoch; makes it at position 0 when it is missing.
    /// `None` when somebody with a newer epoch has it, or when the generation was retired.
    pub(super) async fn claim(
        pool: &PgPool,
        place: &Place,
        epoch: i64,
    ) -> Result<Option<Self>, DatabaseError> {
        let position: Option<i64> = sqlx::query_scalar(
            "insert into checkpoints as c (name, version, segment, epoch)
             select $1, $2, $3, $4
             where not $5 or exists (
                 select from projection_generations
                 where name = $1 and generation = $2 and state <> 'retired'
             )
             on conflict (name, version, segment) do update
                 set epoch = excluded.epoch, state = 'starting', heartbeat_at = clock_timestamp()
                 where c.epoch < excluded.epoch
             returning position",
        )
        .bind(place.name)
        .bind(place.version)
        .bind(place.segment.index())
        .bind(epoch)
        .bind(place.is_generation())
        .fetch_optional(pool)
        .await
        .map_err(failed("claim the checkpoint"))?;
        let place = place.clone();
        Ok(position.map(|position| Self { place, epoch, position, state: State::Starting }))
    }

    /// Moves the row to `position`, in the transaction that holds the effect and before it: so two
    /// holders queue here and not on each other's rows. `false` when it is not where this holder
    /// left it, under its epoch.
    pub(super) async fn advance(
        &self,
        db: &mut PgConnection,
        position: i64,
        state: State,
    ) -> Result<bool, DatabaseError> {
        let moved = sqlx::query(
            "update checkpoints
             set position = $5, state = $6, last_error = null,
                 heartbeat_at = clock_timestamp(), updated_at = clock_timestamp()
             where name = $1 and version = $2 and segment = $3 and position = $4 and epoch = $7",
        )
        .bind(self.place.name)
        .bind(self.place.version)
        .bind(self.place.segment.index())
        .bind(self.position)
        .bind(position)
        .bind(state.as_str())
        .bind(self.epoch)
        .execute(db)
        .await
        .map_err(failed("move the checkpoint"))?;
        Ok(moved.rows_affected() == 1)
    }

    /// Remembers a move that was committed.
    pub(super) fn moved(&mut self, position: i64, state: State) {
        self.position = position;
        self.state = state;
    }

    /// Holds the row for the rest of the transaction. `false` when it is not this holder's.
    pub(super) async fn lock(&self, db: &mut PgConnection) -> Result<bool, DatabaseError> {
        let locked = sqlx::query(
            "select from checkpoints
             where name = $1 and version = $2 and segment = $3 and epoch = $4
             for no key update",
        )
        .bind(self.place.name)
        .bind(self.place.version)
        .bind(self.place.segment.index())
        .bind(self.epoch)
        .execute(db)
        .await
        .map_err(failed("lock the checkpoint"))?;
        Ok(locked.rows_affected() == 1)
    }

    /// Shows that the follower is alive and well. `false` when the row is not this holder's.
    pub(super) async fn beat(
        &mut self,
        pool: &PgPool,
        state: State,
    ) -> Result<bool, DatabaseError> {
        let beaten = self.show(pool, state, None).await?;
        self.state = state;
        Ok(beaten)
    }

    /// Shows what went wrong, as far as the database allows.
    pub(super) async fn note_error(&mut self, pool: &PgPool, error: &str) {
        // When the database is what failed, the log has it.
        if self.show(pool, State::Retrying, Some(error)).await.is_ok() {
            self.state = State::Retrying;
        }
    }

    async fn show(
        &self,
        pool: &PgPool,
        state: State,
        error: Option<&str>,
    ) -> Result<bool, DatabaseError> {
        let shown = sqlx::query(
            "update checkpoints
             set state = $5, last_error = $6, heartbeat_at = clock_timestamp()
             where name = $1 and version = $2 and segment = $3 and epoch = $4",
        )
        .bind(self.place.name)
        .bind(self.place.version)
        .bind(self.place.segment.index())
        .bind(self.epoch)
        .bind(state.as_str())
        .bind(error.map(|error| shorten(error.to_owned())))
        .execute(pool)
        .await
        .map_err(failed("show the follower's state"))?;
        Ok(shown.rows_affected() == 1)
    }
}
