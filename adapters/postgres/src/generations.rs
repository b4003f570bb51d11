//! Read models in generations: each with tables of its own in a schema of its own.
//!
//! One generation of a projection is active: the views in `public`, which queries read, show it. A
//! changed projection is filled beside it from position 0 and takes its place in one transaction, so
//! that no reader sees a half-built model, nor an older answer than before. See migration 0100.

mod hash;
mod open;
mod progress;
mod promote;
mod replay;
mod retire;
mod schema;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor, Row, postgres::PgRow};

pub use self::{
    hash::{TableHash, hash_tables},
    open::{begin, followed, newest},
    progress::{Progress, progress},
    promote::{Promoted, PromotionError, PromotionTerms, promote},
    replay::{ReplayError, replay_into},
    retire::{RetirementError, retire},
};
pub(crate) use self::{promote::promote_built, schema::enter};
use crate::{DatabaseError, NoSuchSegment, error::failed};

/// What a generation is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It is filled from the beginning of the log, and nobody reads it yet.
    Building,
    /// It is read.
    Active,
    /// It was read before, and is kept up to date so that it can be read again.
    Standby,
    /// Its tables are gone.
    Retired,
}

impl Standing {
    /// The word for it in the database and in what programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that stands for no [`Standing`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no state of a generation")]
pub struct UnknownStanding(String);

impl FromStr for Standing {
    type Err = UnknownStanding;

    fn from_str(word: &str) -> Result<Self, UnknownStanding> {
        [Self::Building, Self::Active, Self::Standby, Self::Retired]
            .into_iter()
            .find(|standing| standing.as_str() == word)
            .ok_or_else(|| UnknownStanding(word.to_owned()))
    }
}

/// A generation of a read model.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The projection's name.
    pub name: String,
    /// Its number, from 1.
    pub number: i32,
    /// The version of the code that fills it.
    pub code_version: i32,
    /// What it is for.
    pub standing: Standing,
    /// In how many parts, by stream, it is filled side by side.
    pub segments: i32,
    /// Whether it is promoted by itself when it has caught up.
    pub auto_promote: bool,
    /// Its tables.
    pub tables: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last promoted.
    pub promoted_at: Option<DateTime<Utc>>,
    /// When it was retired.
    pub retired_at: Option<DateTime<Utc>>,
}

impl Generation {
    /// The schema of its tables.
    pub fn schema(&self) -> String {
        schema_of(&self.name, self.number)
    }
}

/// The schema of a generation's tables.
fn schema_of(name: &str, number: i32) -> String {
    format!("rm_{name}_{number}")
}

impl FromRow<'_, PgRow> for Generation {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let standing: &str = row.try_get("state")?;
        Ok(Self {
            name: row.try_get("name")?,
            number: row.try_get("generation")?,
            code_version: row.try_get("code_version")?,
            standing: standing.parse().map_err(|err| sqlx::Error::Decode(Box::new(err)))?,
            segments: row.try_get("segments")?,
            auto_promote: row.try_get("auto_promote")?,
            tables: row.try_get("tables")?,
            created_at: row.try_get("created_at")?,
            promoted_at: row.try_get("promoted_at")?,
            retired_at: row.try_get("retired_at")?,
        })
    }
}

/// Why a generation could not be made, promoted or retired.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The projection's name cannot be part of a schema's name.
    #[error("`{0}` cannot name a schema: lower-case letters, digits and `_`, at most {NAME_MAX}")]
    BadName(String),
    /// The projection has plain tables.
    #[error("`{0}` has no generations: its effect must not come twice")]
    Plain(String),
    /// A read model's table would hide one that is not a read model's.
    #[error("`{0}` is the name of another table; a read model's table needs a name of its own")]
    TableTaken(String),
    /// The projection's statements do not make a table that it names.
    #[error("the table `{table}` of `{name}` is not made by its tables_sql()")]
    TableMissing {
        /// The projection.
        name: String,
        /// The table.
        table: String,
    },
    /// A follower of the whole log was asked to fill a generation that several share.
    #[error("generation {number} of `{name}` is filled in segments, by a follower for each")]
    InSegments {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
    },
    /// The processes of this version must not take anything back.
    #[error(
        "no generation of `{name}` belongs to version {own} of its code, and a newer one had its \
         own or it was retired; to build one on purpose: kontor projection rebuild {name}"
    )]
    LeftOver {
        /// The projection.
        name: String,
        /// The program's own version.
        own: i32,
    },
    /// A generation of this version is being built already.
    #[error("generation {number} of `{name}` is being built already")]
    Building {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
    },
    /// The number of segments is not possible.
    #[error(transparent)]
    Segments(#[from] NoSuchSegment),
}

/// The longest name of a projection: with prefix and number it fits a name of PostgreSQL.
const NAME_MAX: usize = 48;

/// The generations that have tables, of one projection or of all, by name and number.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: impl PgExecutor<'_>,
    name: Option<&str>,
) -> Result<Vec<Generation>, DatabaseError> {
    sqlx::query_as(
        "select name, generation, code_version, state, segments, auto_promote, tables, created_at,
                promoted_at, retired_at
         from projection_generations
         where state <> 'retired' and ($1::text is null or name = $1)
         order by name, generation",
    )
    .bind(name)
    .fetch_all(db)
    .await
    .map_err(failed("list the generations"))
}

fn find(generations: &[Generation], number: i32) -> Option<&Generation> {
    generations.iter().find(|generation| generation.number == number)
}
