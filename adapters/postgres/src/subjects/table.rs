//! The tables of the schema `kontor_keys`.

use chrono::{DateTime, Utc};
use kontor_domain::TenantId;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::master::Owner;
use crate::{DatabaseError, error::failed};

/// A person's key as it is stored.
#[derive(Debug, FromRow)]
pub(super) struct KeyRow {
    pub(super) tenant: String,
    pub(super) subject_id: Uuid,
    pub(super) key_id: Uuid,
    /// None once the person is erased.
    pub(super) wrapped_key: Option<Vec<u8>>,
    pub(super) master_key_id: Option<String>,
}

impl KeyRow {
    pub(super) fn owner(&self) -> Owner<'_> {
        Owner { tenant: &self.tenant, subject_id: self.subject_id, key_id: self.key_id }
    }
}

/// A person's key before it is stored.
pub(super) struct NewKey {
    pub(super) tenant: String,
    pub(super) subject_id: Uuid,
    pub(super) key_id: Uuid,
    pub(super) wrapped_key: Vec<u8>,
}

/// The rows of these people.
pub(super) async fn of_subjects(
    pool: &PgPool,
    subjects: &[(TenantId, Uuid)],
) -> Result<Vec<KeyRow>, DatabaseError> {
    let (tenants, ids): (Vec<&str>, Vec<Uuid>) =
        subjects.iter().map(|(tenant, id)| (tenant.as_str(), *id)).unzip();
    sqlx::query_as(
        "select k.tenant, k.subject_id, k.key_id, k.wrapped_key, k.master_key_id
         from unnest($1::text[], $2::uuid[]) as wanted (tenant, subject_id)
         join kontor_keys.subject_keys k
             on k.tenant = wanted.tenant and k.subject_id = wanted.subject_id",
    )
    .bind(tenants)
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(failed("look up people's keys"))
}

/// The rows of these keys.
pub(super) async fn by_id(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<KeyRow>, DatabaseError> {
    sqlx::query_as(
        "select tenant, subject_id, key_id, wrapped_key, master_key_id
         from kontor_keys.subject_keys
         where key_id = any($1)",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(failed("look up keys"))
}

/// Stores keys, except of people who have one or are erased.
pub(super) async fn insert(
    pool: &PgPool,
    keys: &[NewKey],
    master_key_id: &str,
) -> Result<(), DatabaseError> {
    let each = |key: &NewKey| (key.subject_id, key.key_id);
    let (subjects, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(each).unzip();
    sqlx::query(
        "insert into kontor_keys.subject_keys
             (tenant, subject_id, key_id, wrapped_key, master_key_id)
         select tenant, subject_id, key_id, wrapped_key, $5
         from unnest($1::text[], $2::uuid[], $3::uuid[], $4::bytea[])
             as new (tenant, subject_id, key_id, wrapped_key)
         on conflict (tenant, subject_id) do nothing",
    )
    .bind(keys.iter().map(|key| key.tenant.as_str()).collect::<Vec<_>>())
    .bind(subjects)
    .bind(ids)
    .bind(keys.iter().map(|key| key.wrapped_key.as_slice()).collect::<Vec<_>>())
    .bind(master_key_id)
    .execute(pool)
    .await
    .map_err(failed("store people's keys"))?;
    Ok(())
}

/// Empties a person's key for good, also when they never had one. Returns its id.
pub(super) async fn destroy(
    pool: &PgPool,
    tenant: &TenantId,
    subject_id: Uuid,
) -> Result<Uuid, DatabaseError> {
    sqlx::query_scalar(
        "insert into kontor_keys.subject_keys as k (tenant, subject_id, key_id, erased_at)
         values ($1, $2, gen_random_uuid(), clock_timestamp())
         on conflict (tenant, subject_id) do update
             set wrapped_key = null, master_key_id = null,
                 erased_at = coalesce(k.erased_at, excluded.erased_at)
         returning key_id",
    )
    .bind(tenant.as_str())
    .bind(subject_id)
    .fetch_one(pool)
    .await
    .map_err(failed("destroy a person's key"))
}

/// One row for each master key that wraps something. The index is walked from one master key to the
/// next: there are a handful, and millions of rows.
pub(super) async fn one_of_each_master_key(pool: &PgPool) -> Result<Vec<KeyRow>, DatabaseError> {
    sqlx::query_as(
        "with recursive masters as (
             (select master_key_id as id from kontor_keys.subject_keys
              where wrapped_key is not null order by master_key_id limit 1)
             union all
             select (select k.master_key_id from kontor_keys.subject_keys k
                     where k.wrapped_key is not null and k.master_key_id > masters.id
                     order by k.master_key_id limit 1)
             from masters where masters.id is not null
         )
         select k.tenant, k.subject_id, k.key_id, k.wrapped_key, k.master_key_id
         from masters
         cross join lateral (
             select * from kontor_keys.subject_keys k
             where k.master_key_id = masters.id and k.wrapped_key is not null
             order by k.key_id limit 1
         ) k",
    )
    .fetch_all(pool)
    .await
    .map_err(failed("look up the master keys in use"))
}

/// Locks rows that another master key wraps.
pub(super) async fn lock_of_other_masters(
    db: &mut PgConnection,
    master_key_id: &str,
    limit: u32,
) -> Result<Vec<KeyRow>, DatabaseError> {
    sqlx::query_as(
        "select tenant, subject_id, key_id, wrapped_key, master_key_id
         from kontor_keys.subject_keys
         where wrapped_key is not null and (master_key_id < $1 or master_key_id > $1)
         limit $2
         for update",
    )
    .bind(master_key_id)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await
    .map_err(failed("lock keys of another master key"))
}

/// How many rows another master key wraps.
pub(super) async fn count_of_other_masters(
    pool: &PgPool,
    master_key_id: &str,
) -> Result<i64, DatabaseError> {
    sqlx::query_scalar(
        "select count(*) from kontor_keys.subject_keys
         where wrapped_key is not null and master_key_id <> $1",
    )
    .bind(master_key_id)
    .fetch_one(pool)
    .await
    .map_err(failed("count keys of another master key"))
}

/// Replaces wrapped keys.
pub(super) async fn replace(
    db: &mut PgConnection,
    keys: &[(Uuid, Vec<u8>)],
    master_key_id: &str,
) -> Result<(), DatabaseError> {
    let (ids, wrapped): (Vec<Uuid>, Vec<&[u8]>) =
        keys.iter().map(|(id, wrapped)| (*id, wrapped.as_slice())).unzip();
    sqlx::query(
        "update kontor_keys.subject_keys as k
         set wrapped_key = new.wrapped_key, master_key_id = $3
         from unnest($1::uuid[], $2::bytea[]) as new (key_id, wrapped_key)
         where k.key_id = new.key_id",
    )
    .bind(ids)
    .bind(wrapped)
    .bind(master_key_id)
    .execute(db)
    .await
    .map_err(failed("replace wrapped keys"))?;
    Ok(())
}

/// Tenant, person, key and time of those who were erased after an instant.
pub(super) async fn erased_since(
    pool: &PgPool,
    since: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<(String, Uuid, Uuid, DateTime<Utc>)>, DatabaseError> {
    sqlx::query_as(
        "select tenant, subject_id, key_id, erased_at from kontor_keys.subject_keys
         where erased_at > $1 order by erased_at limit $2",
    )
    .bind(since)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("look up who was erased"))
}

/// A tenant's name in the table that is none.
pub(super) fn not_a_tenant(error: kontor_domain::ValueError) -> DatabaseError {
    DatabaseError {
        what: "read the tenant of a key",
        source: sqlx::Error::Configuration(Box::new(error)),
    }
}
