//! The log, the receipts and the wrapped keys of people as lines of JSON, out of one database and
//! into an empty one.
//!
//! PostgreSQL itself writes a row as JSON and reads it back, so that every column comes along as it
//! is: positions, ids, times, and payloads in the form in which they are stored.

use sqlx::{Connection, PgConnection, PgPool};

use crate::{DatabaseError, error::failed};

/// How many rows are read or written in one statement.
pub const BATCH: usize = 500;

/// The lock of the append function (migration 0002): while an import holds it, nobody appends.
const APPEND_LOCK: i64 = 118_126_338_666_354;

/// How many rows there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events, which is also the last position.
    pub events: i64,
    /// Receipts.
    pub receipts: i64,
    /// Keys of people, wrapped by the master key; of those who were erased only that they were.
    pub keys: i64,
}

/// A log that is being read, in one snapshot.
#[derive(Debug)]
pub struct Export {
    db: PgConnection,
    last_position: i64,
    last_receipt: (uuid::Uuid, String),
    last_key: uuid::Uuid,
}

impl Export {
    /// Begins a snapshot.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn begin(pool: &PgPool) -> Result<(Self, Counts), DatabaseError> {
        let mut db = connection(pool).await?;
        sqlx::raw_sql("begin isolation level repeatable read read only")
            .execute(&mut db)
            .await
            .map_err(failed("begin a snapshot"))?;
        let (events, receipts, keys) = sqlx::query_as(
            "select (select count(*) from events), (select count(*) from receipts),
                    (select count(*) from kontor_keys.subject_keys)",
        )
        .fetch_one(&mut db)
        .await
        .map_err(failed("count the log"))?;
        let (last_receipt, last_key) = ((uuid::Uuid::nil(), String::new()), uuid::Uuid::nil());
        let export = Self { db, last_position: 0, last_receipt, last_key };
        Ok((export, Counts { events, receipts, keys }))
    }

    /// The next events in order of position; empty at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events(&mut self) -> Result<Vec<String>, DatabaseError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "select position, to_jsonb(e)::text from events e
             where position > $1 order by position limit $2",
        )
        .bind(self.last_position)
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(&mut self.db)
        .await
        .map_err(failed("read events"))?;
        self.last_position = rows.last().map_or(self.last_position, |(position, _)| *position);
        Ok(rows.into_iter().map(|(_, line)| line).collect())
    }

    /// The next receipts by command; empty at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn receipts(&mut self) -> Result<Vec<String>, DatabaseError> {
        let rows: Vec<(uuid::Uuid, String, String)> = sqlx::query_as(
            "select command_id, tenant, to_jsonb(r)::text from receipts r
             where (command_id, tenant) > ($1, $2) order by command_id, tenant limit $3",
        )
        .bind(self.last_receipt.0)
        .bind(&self.last_receipt.1)
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(&mut self.db)
        .await
        .map_err(failed("read receipts"))?;
        if let Some((command, tenant, _)) = rows.last() {
            self.last_receipt = (*command, tenant.clone());
        }
        Ok(rows.into_iter().map(|(_, _, line)| line).collect())
    }

    /// The next keys of people; empty at the end. Without the master key they open nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn keys(&mut self) -> Result<Vec<String>, DatabaseError> {
        let rows: Vec<(uuid::Uuid, String)> = sqlx::query_as(
            "select key_id, to_jsonb(k)::text from kontor_keys.subject_keys k
             where key_id > $1 order by key_id limit $2",
        )
        .bind(self.last_key)
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .fetch_all(&mut self.db)
        .await
        .map_err(failed("read the keys of people"))?;
        self.last_key = rows.last().map_or(self.last_key, |(key, _)| *key);
        Ok(rows.into_iter().map(|(_, line)| line).collect())
    }
}

/// Why an import stopped. Nothing of it stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It holds something already.
    #[error("the log is not empty; a log is imported into a new database")]
    NotEmpty,
    /// A row is not one that the log can hold. Only the message of the database: its details quote
    /// the row.
    #[error("{reason}")]
    Row {
        /// Which of the rows that were given, from 0.
        index: usize,
        /// What the database said.
        reason: String,
    },
    /// An event contradicts the ones before it.
    #[error("position {position}: {reason}")]
    Contradiction {
        /// The event.
        position: i64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Which table a row belongs to, in the order in which they come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// `events`
    Event,
    /// `receipts`
    Receipt,
    /// `kontor_keys.subject_keys`
    Key,
}

impl Kind {
    fn insert(self) -> &'static str {
        match self {
            Self::Event => {
                "insert into events select * from jsonb_populate_recordset(null::events, $1::jsonb)"
            }
            Self::Receipt => {
                "insert into receipts
                 select * from jsonb_populate_recordset(null::receipts, $1::jsonb)"
            }
            Self::Key => {
                "insert into kontor_keys.subject_keys
                 select * from jsonb_populate_recordset(null::kontor_keys.subject_keys, $1::jsonb)"
            }
        }
    }
}

/// A log that is being written, in one transaction that shuts everybody else out.
#[derive(Debug)]
pub struct Import {
    db: PgConnection,
}

impl Import {
    /// Begins, when log, receipts and keys are empty and no follower has passed anything.
    ///
    /// # Errors
    /// [`ImportError::NotEmpty`], or when the database fails.
    pub async fn begin(pool: &PgPool) -> Result<Self, ImportError> {
        let mut db = connection(pool).await?;
        sqlx::raw_sql("begin").execute(&mut db).await.map_err(failed("begin an import"))?;
        sqlx::query("select pg_advisory_xact_lock($1)")
            .bind(APPEND_LOCK)
            .execute(&mut db)
            .await
            .map_err(failed("shut out writers"))?;
        let empty: bool = sqlx::query_scalar(
            "select not exists (select from events) and not exists (select from receipts)
                 and not exists (select from kontor_keys.subject_keys)
                 and not exists (select from checkpoints where position > 0)",
        )
        .fetch_one(&mut db)
        .await
        .map_err(failed("look whether the log is empty"))?;
        if empty { Ok(Self { db }) } else { Err(ImportError::NotEmpty) }
    }

    /// Writes rows.
    ///
    /// # Errors
    /// [`ImportError::Row`] names the first row that cannot be held.
    pub async fn rows(&mut self, kind: Kind, rows: &[String]) -> Result<(), ImportError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run("savepoint batch").await?;
        if self.insert(kind, rows).await.is_ok() {
            return Ok(self.run("release savepoint batch").await?);
        }
        // One by one it shows which of them is guilty.
        self.run("rollback to savepoint batch").await?;
        for (index, row) in rows.iter().enumerate() {
            if let Err(error) = self.insert(kind, std::slice::from_ref(row)).await {
                let reason = match error.as_database_error() {
                    Some(error) => error.message().to_owned(),
                    None => return Err(failed("write a row")(error).into()),
                };
                return Err(ImportError::Row { index, reason });
            }
        }
        Ok(())
    }

    async fn insert(&mut self, kind: Kind, rows: &[String]) -> Result<(), sqlx::Error> {
        let array = format!("[{}]", rows.join(","));
        sqlx::query(kind.insert()).bind(array).execute(&mut self.db).await.map(drop)
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), DatabaseError> {
        let ran = sqlx::raw_sql(statement).execute(&mut self.db).await;
        ran.map(drop).map_err(failed("carry out an import"))
    }

    /// Holds the events against each other and commits.
    ///
    /// # Errors
    /// [`ImportError::Contradiction`], or when the database fails.
    pub async fn finish(mut self) -> Result<(), ImportError> {
        let wrong: Option<(i64, bool)> = sqlx::query_as(
            "select position, version <> coalesce(before, 0) + 1 from (
                 select position, version, tenant, stream_type,
                        lag(version) over stream as before, lag(position) over stream as earlier,
                        lag(tenant) over stream as old_tenant,
                        lag(stream_type) over stream as old_type
                 from events window stream as (partition by stream_id order by version)
             ) e
             where version <> coalesce(before, 0) + 1 or earlier > position
                 or old_tenant <> tenant or old_type <> stream_type
             order by position limit 1",
        )
        .fetch_optional(&mut self.db)
        .await
        .map_err(failed("compare the events of streams"))?;
        if let Some((position, gap)) = wrong {
            let reason = if gap {
                "its version does not follow the one before it in its stream"
            } else {
                "its stream had another tenant, another aggregate or another order"
            };
            return Err(ImportError::Contradiction { position, reason });
        }
        let twice: Option<i64> = sqlx::query_scalar(
            "select max(position) from events group by event_id having count(*) > 1
             order by 1 limit 1",
        )
        .fetch_optional(&mut self.db)
        .await
        .map_err(failed("look for repeated event ids"))?;
        if let Some(position) = twice {
            let reason = "its event id stands twice";
            return Err(ImportError::Contradiction { position, reason });
        }
        self.run("commit").await?;
        // Closing may fail only when the connection is gone already.
        drop(self.db.close().await);
        Ok(())
    }
}

/// A connection in UTC whose statements may take their time.
async fn connection(pool: &PgPool) -> Result<PgConnection, DatabaseError> {
    let mut db = PgConnection::connect_with(&pool.connect_options())
        .await
        .map_err(failed("connect to the database"))?;
    sqlx::query(
        "select set_config('timezone', 'UTC', false), set_config('jit', 'off', false),
                set_config('application_name', 'kontor-transfer', false)",
    )
    .execute(&mut db)
    .await
    .map_err(failed("prepare the connection"))?;
    Ok(db)
}
