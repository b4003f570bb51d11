//! Storing a delivery.

use serde_json::Value;

use super::{Inbox, InboxError, Stored};
use crate::error::failed;

impl Inbox {
    /// Stores a delivery. The same external id of the same source again is a duplicate and changes
    /// nothing. The character U+0000, which PostgreSQL cannot keep, is replaced by U+FFFD: to refuse
    /// the delivery would make the sender repeat it for ever.
    ///
    /// # Errors
    /// [`InboxError`]; the delivery is then not stored and must not be acknowledged.
    pub async fn store(
        &self,
        source: &str,
        external_id: &str,
        key: &str,
        payload: &Value,
    ) -> Result<Stored, InboxError> {
        for (what, name) in [("a source", source), ("an external id", external_id), ("a key", key)]
        {
            if name.is_empty() || name.len() > Self::NAME_SIZE_MAX || name.contains('\0') {
                return Err(InboxError::InvalidName { what, limit: Self::NAME_SIZE_MAX });
            }
        }
        let mut text = payload.to_string();
        if text.len() > Self::PAYLOAD_SIZE_MAX {
            return Err(InboxError::TooLarge { size: text.len() });
        }
        if text.contains("\\u0000") {
            text = without_zeros(payload.clone()).to_string();
        }
        if self.insert(source, external_id, key, &text).await? {
            return Ok(Stored::New);
        }
        // Nothing was inserted: it is there already, or there is no room.
        let known: bool = sqlx::query_scalar(
            "select exists (select 1 from inbox where source = $1 and external_id = $2)",
        )
        .bind(source)
        .bind(external_id)
        .fetch_one(&self.pool)
        .await
        .map_err(failed("look up a delivery"))?;
        if known {
            Ok(Stored::Duplicate)
        } else {
            let limit = self.settings.backlog_max;
            Err(InboxError::Full { source_name: source.to_owned(), limit })
        }
    }

    /// Inserts unless it is known or the backlog is full. The backlog is counted up to its bound, by
    /// an index that holds pending rows only, and is short as long as the worker runs.
    async fn insert(
        &self,
        source: &str,
        external_id: &str,
        key: &str,
        payload: &str,
    ) -> Result<bool, InboxError> {
        let inserted = sqlx::query(
            "insert into inbox (source, external_id, key, payload)
             select $1, $2, $3, $4::jsonb
             where (
                 select count(*)
                 from (
                     select 1 from inbox where source = $1 and state = 'pending' limit $5
                 ) backlog
             ) < $5
             on conflict (source, external_id) do nothing",
        )
        .bind(source)
        .bind(external_id)
        .bind(key)
        .bind(payload)
        .bind(i64::from(self.settings.backlog_max))
        .execute(&self.pool)
        .await
        .map_err(failed("store a delivery"))?;
        Ok(inserted.rows_affected() == 1)
    }
}

fn without_zeros(value: Value) -> Value {
    let clean = |text: String| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(without_zeros).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (clean(name), without_zeros(value))).collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}
