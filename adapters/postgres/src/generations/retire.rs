//! The end of a generation: its tables, checkpoints and dead letters go.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::{
    Standing, find, list,
    open::lock,
    promote::{is_lock_timeout, lock_timeout},
    schema::quoted,
};
use crate::{DatabaseError, error::failed};

/// The longest wait for a page of the generation, or for readers of its tables, in milliseconds.
const LOCK_MS: u32 = 5_000;

/// Why a generation was not retired. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum RetirementError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such generation, or it was retired before.
    #[error("`{name}` has no generation {number}; kontor projection list shows those there are")]
    Unknown {
        /// The projection.
        name: String,
        /// The number that was asked for.
        number: i32,
    },
    /// It is the one that is read.
    #[error("generation {number} of `{name}` is read; promote another one first")]
    Active {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
    },
    /// Somebody reads its tables or changes the generations.
    #[error(
        "generation {number} of `{name}` is in use by a long query or another order; try again"
    )]
    Busy {
        /// The projection.
        name: String,
        /// The generation.
        number: i32,
    },
}

/// Drops a generation that is not read, with its checkpoints and dead letters. Followers that fill it
/// are fenced and stop.
///
/// # Errors
/// [`RetirementError`]; nothing has changed then.
pub async fn retire(pool: &PgPool, name: &str, number: i32) -> Result<(), RetirementError> {
    let mut tx = pool.begin().await.map_err(failed("begin a retirement"))?;
    match carry_out(&mut tx, name, number).await {
        Ok(()) => {}
        Err(RetirementError::Database(error)) if is_lock_timeout(&error) => {
            return Err(RetirementError::Busy { name: name.to_owned(), number });
        }
        Err(error) => return Err(error),
    }
    tx.commit().await.map_err(failed("commit a retirement"))?;
    tracing::info!(
        follower = name,
        generation = number,
        "Generation {number} of the read model {name} is retired",
    );
    Ok(())
}

async fn carry_out(db: &mut PgConnection, name: &str, number: i32) -> Result<(), RetirementError> {
    lock_timeout(db, LOCK_MS).await?;
    lock(db, name).await?;
    let generations = list(&mut *db, Some(name)).await?;
    let Some(generation) = find(&generations, number) else {
        return Err(RetirementError::Unknown { name: name.to_owned(), number });
    };
    if generation.standing == Standing::Active {
        return Err(RetirementError::Active { name: name.to_owned(), number });
    }
    // The checkpoints first: a page under way ends before, and the next one is fenced.
    for bookkeeping in ["checkpoints", "dead_letters", "follower_pauses"] {
        let sql = format!("delete from {bookkeeping} where name = $1 and version = $2");
        sqlx::query(AssertSqlSafe(sql))
            .bind(name)
            .bind(number)
            .execute(&mut *db)
            .await
            .map_err(failed("forget a generation"))?;
    }
    let schema = quoted(&generation.schema());
    let tables: Vec<String> =
        generation.tables.iter().map(|table| format!("{schema}.{}", quoted(table))).collect();
    // Not by cascade: a view that somebody made on the tables is not dropped along with them.
    let sql = format!("drop table {}; drop schema {schema} cascade", tables.join(", "));
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *db)
        .await
        .map_err(failed("drop the tables of a generation"))?;
    sqlx::query(
        "update projection_generations set state = 'retired', retired_at = clock_timestamp()
         where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(number)
    .execute(db)
    .await
    .map_err(failed("retire a generation"))?;
    Ok(())
}
