//! What whoever can write the table would do: change bookings and compute all hashes anew. Written from
//! the description of the chain alone.

use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

/// Computes the hashes of a ledger anew, from its first booking.
pub(crate) async fn rechain(pool: &PgPool, ledger: Uuid) {
    let rows: Vec<(i64, String, i32, Value, Value)> = sqlx::query_as(
        "select position, event_type, schema_version, metadata -> 'actor', payload from events \
         where stream_id = $1 order by version",
    )
    .bind(ledger)
    .fetch_all(pool)
    .await
    .unwrap();
    let mut head = vec![0; 32];
    for (number, (position, event_type, schema_version, actor, mut payload)) in (1..).zip(rows) {
        let booking = payload["booking"].as_object_mut().unwrap();
        booking.remove("head");
        booking.insert("number".to_owned(), Value::from(number));
        let mut bytes = vec![0];
        bytes.extend(&head);
        text(&mut bytes, &event_type);
        bytes.extend(i64::from(schema_version).to_be_bytes());
        value(&mut bytes, &actor);
        value(&mut bytes, &payload);
        head = Sha256::digest(&bytes).to_vec();
        payload["booking"]["head"] = hex::encode(&head).into();
        let mut db = pool.acquire().await.unwrap();
        sqlx::raw_sql("alter table events disable trigger events_append_only")
            .execute(&mut *db)
            .await
            .unwrap();
        sqlx::query("update events set payload = $2, version = $3 where position = $1")
            .bind(position)
            .bind(payload)
            .bind(number)
            .execute(&mut *db)
            .await
            .unwrap();
    }
}

fn value(bytes: &mut Vec<u8>, it: &Value) {
    match it {
        Value::Null => bytes.push(b'n'),
        Value::Bool(it) => bytes.push(if *it { b't' } else { b'f' }),
        Value::Number(it) => {
            bytes.push(b'i');
            bytes.extend(it.as_i64().unwrap().to_be_bytes());
        }
        Value::String(it) => text(bytes, it),
        Value::Array(items) => {
            bytes.push(b'a');
            bytes.extend(u32::try_from(items.len()).unwrap().to_be_bytes());
            items.iter().for_each(|item| value(bytes, item));
        }
        Value::Object(fields) => {
            bytes.push(b'o');
            bytes.extend(u32::try_from(fields.len()).unwrap().to_be_bytes());
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_bytes());
            for (name, field) in fields {
                text(bytes, name);
                value(bytes, field);
            }
        }
    }
}

fn text(bytes: &mut Vec<u8>, it: &str) {
    bytes.push(b's');
    bytes.extend(u32::try_from(it.len()).unwrap().to_be_bytes());
    bytes.extend(it.as_bytes());
}
