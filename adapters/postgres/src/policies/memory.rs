//! What a policy remembers, read and written in sets.

use std::collections::BTreeMap;

use kontor_domain::TenantId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// The memory of one version of a policy during a page.
pub(super) struct Memory {
    policy: &'static str,
    version: i32,
    /// What changed and is not written yet: state, none when it is forgotten, and position.
    changed: BTreeMap<(TenantId, Uuid), (Option<Value>, i64)>,
}

impl Memory {
    pub(super) fn new(policy: &'static str, version: i32) -> Self {
        Self { policy, version, changed: BTreeMap::new() }
    }

    /// What is remembered of an instance.
    pub(super) async fn state(
        &self,
        db: &mut PgConnection,
        (tenant, key): (&TenantId, Uuid),
    ) -> Result<Option<Value>, sqlx::Error> {
        if let Some((state, _)) = self.changed.get(&(tenant.clone(), key)) {
            return Ok(state.clone());
        }
        sqlx::query_scalar(
            "select state from process_instances
             where policy = $1 and version = $2 and tenant = $3 and key = $4",
        )
        .bind(self.policy)
        .bind(self.version)
        .bind(tenant.as_str())
        .bind(key)
        .fetch_optional(db)
        .await
    }

    /// The next instances of a tenant, in the order of their keys. Everything must be written.
    pub(super) async fn batch(
        &self,
        db: &mut PgConnection,
        tenant: &TenantId,
        (after, limit): (Option<Uuid>, i64),
    ) -> Result<Vec<(Uuid, Value)>, sqlx::Error> {
        sqlx::query_as(
            "select key, state from process_instances
             where policy = $1 and version = $2 and tenant = $3 and ($4::uuid is null or key > $4)
             order by key
             limit $5",
        )
        .bind(self.policy)
        .bind(self.version)
        .bind(tenant.as_str())
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await
    }

    /// Remembers, or forgets.
    pub(super) fn keep(
        &mut self,
        (tenant, key): (&TenantId, Uuid),
        state: Option<Value>,
        position: i64,
    ) {
        self.changed.insert((tenant.clone(), key), (state, position));
    }

    /// Writes what changed.
    pub(super) async fn write(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut forgotten: (Vec<String>, Vec<Uuid>) = Default::default();
        let mut kept: (Vec<String>, Vec<Uuid>, Vec<Value>, Vec<i64>) = Default::default();
        for ((tenant, key), (state, position)) in std::mem::take(&mut self.changed) {
            match state {
                None => {
                    forgotten.0.push(tenant.to_string());
                    forgotten.1.push(key);
                }
                Some(state) => {
                    kept.0.push(tenant.to_string());
                    kept.1.push(key);
                    kept.2.push(state);
                    kept.3.push(position);
                }
            }
        }
        if !kept.0.is_empty() {
            sqlx::query(
                "insert into process_instances (policy, version, tenant, key, state, position)
                 select $1, $2, tenant, key, state, position
                 from unnest($3::text[], $4::uuid[], $5::jsonb[], $6::bigint[])
                     as page (tenant, key, state, position)
                 on conflict (policy, version, tenant, key) do update
                     set state = excluded.state, position = excluded.position",
            )
            .bind(self.policy)
            .bind(self.version)
            .bind(kept.0)
            .bind(kept.1)
            .bind(kept.2)
            .bind(kept.3)
            .execute(&mut *db)
            .await?;
        }
        if !forgotten.0.is_empty() {
            sqlx::query(
                "delete from process_instances p
                 using unnest($3::text[], $4::uuid[]) as page (tenant, key)
                 where p.policy = $1 and p.version = $2 and p.tenant = page.tenant
                     and p.key = page.key",
            )
            .bind(self.policy)
            .bind(self.version)
            .bind(forgotten.0)
            .bind(forgotten.1)
            .execute(db)
            .await?;
        }
        Ok(())
    }
}
