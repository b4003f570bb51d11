//! The deliveries that one person is in.

use serde_json::Value;
use sqlx::PgConnection;

use crate::{DatabaseError, error::failed};

/// The deliveries of these sources that are of this key, or in which the person's number stands as
/// an `id` at any depth: what they said in a group is theirs too.
macro_rules! of_person {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " where source = any($1) and (key = $2 or jsonb_path_exists(payload, \
               '$.**.id ? (@ == $person)', jsonb_build_object('person', $3::bigint)))",
            $after
        )
    };
}

/// Empties a person's deliveries and ends those that wait, in the caller's transaction.
///
/// Source and number stay, so that the same delivery is still recognised when it comes again.
/// Returns how many there were.
///
/// # Errors
/// When the database fails.
pub async fn erase(
    db: &mut PgConnection,
    sources: &[String],
    key: &str,
    person: i64,
) -> Result<u64, DatabaseError> {
    let erased = sqlx::query(of_person!(
        "update inbox set payload = '{}', key = 'erased', last_error = null, state = 'done', \
             done_at = coalesce(done_at, clock_timestamp())",
        ""
    ))
    .bind(sources)
    .bind(key)
    .bind(person)
    .execute(db)
    .await
    .map_err(failed("erase a person's deliveries"))?;
    Ok(erased.rows_affected())
}

/// A person's deliveries as JSON, in order of arrival.
///
/// # Errors
/// When the database fails.
pub async fn export(
    db: &mut PgConnection,
    sources: &[String],
    key: &str,
    person: i64,
) -> Result<Vec<Value>, DatabaseError> {
    sqlx::query_scalar(of_person!("select to_jsonb(inbox) from inbox", " order by arrival"))
        .bind(sources)
        .bind(key)
        .bind(person)
        .fetch_all(db)
        .await
        .map_err(failed("read a person's deliveries"))
}
