//! Looking up and making people's keys: from memory, else many at once from the table.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use chrono::{DateTime, Utc};
use kontor_domain::TenantId;
use sqlx::PgPool;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    VaultError,
    cache::KeyCache,
    cipher::DataKey,
    master::{MasterKeys, Owner},
    table::{self, KeyRow, NewKey},
};
use crate::error::failed;

/// The most people whose keys are looked up at once; as many as the appender takes into one batch.
const LOOK_UP_MAX: usize = 512;

/// What there is about a person.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Key { key_id: Uuid, key: Arc<DataKey> },
    Erased,
}

type Subject = (TenantId, Uuid);

/// The keys of a process.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) pool: PgPool,
    pub(super) masters: MasterKeys,
    cache: KeyCache,
    /// Who waits for a key. Whoever has the turn looks up for all of them.
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    subject: Subject,
    reply: oneshot::Sender<Found>,
}

impl Keys {
    pub(super) fn new(pool: PgPool, masters: MasterKeys) -> Self {
        Self {
            pool,
            masters,
            cache: KeyCache::new(),
            waiting: Mutex::new(Vec::new()),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// A person's key; made when there is none. Several processes may ask at once: they get the same.
    pub(super) async fn of_subject(
        &self,
        tenant: &TenantId,
        subject: Uuid,
    ) -> Result<Found, VaultError> {
        let subject = (tenant.clone(), subject);
        if let Some(found) = self.cache.of_subject(&subject) {
            return Ok(found);
        }
        let (reply, mut answer) = oneshot::channel();
        self.lock_waiting().push(Waiting { subject, reply });
        let turn = tokio::select! {
            biased;
            found = &mut answer => return found.map_err(|_| VaultError::Interrupted),
            turn = self.turn.lock() => turn,
        };
        // The task that had the turn before may have answered, or taken the question and failed.
        match answer.try_recv() {
            Ok(found) => return Ok(found),
            Err(oneshot::error::TryRecvError::Closed) => return Err(VaultError::Interrupted),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        // The others in the queue come along; more than the bound have a turn of their own.
        let batch = {
            let mut waiting = self.lock_waiting();
            let taken = waiting.len().min(LOOK_UP_MAX);
            waiting.drain(..taken).collect::<Vec<_>>()
        };
        self.answer(batch).await?;
        drop(turn);
        answer.try_recv().map_err(|_| VaultError::Interrupted)
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, batch: Vec<Waiting>) -> Result<(), VaultError> {
        let asked_at = Instant::now();
        let mut wanted: Vec<Subject> =
            batch.iter().map(|waiting| waiting.subject.clone()).collect();
        // In one order everywhere: processes that make the same keys do not lock each other out.
        wanted.sort();
        wanted.dedup();
        let mut found = self.read(&wanted).await?;
        wanted.retain(|subject| !found.contains_key(subject));
        if !wanted.is_empty() {
            self.make(&wanted).await?;
            // Read, not taken from what was made: another process may have been faster.
            found.extend(self.read(&wanted).await?);
        }
        for (subject, found) in &found {
            self.cache.keep_subject(subject.clone(), found.clone(), asked_at);
        }
        for waiting in batch {
            if let Some(found) = found.get(&waiting.subject) {
                // Whoever no longer waits does not need it.
                drop(waiting.reply.send(found.clone()));
            }
        }
        Ok(())
    }

    async fn read(&self, subjects: &[Subject]) -> Result<HashMap<Subject, Found>, VaultError> {
        let rows = table::of_subjects(&self.pool, subjects).await?;
        rows.into_iter()
            .map(|row| {
                let found = self.found(&row)?;
                let tenant = row.tenant.parse().map_err(table::not_a_tenant)?;
                Ok(((tenant, row.subject_id), found))
            })
            .collect()
    }

    async fn make(&self, subjects: &[Subject]) -> Result<(), VaultError> {
        let new: Vec<NewKey> = subjects
            .iter()
            .map(|(tenant, subject_id)| {
                let key_id = uuid::Builder::from_random_bytes(rand::random()).into_uuid();
                let owner = Owner { tenant: tenant.as_str(), subject_id: *subject_id, key_id };
                let made = self.masters.make(&owner);
                let (_, wrapped_key) = made.ok_or(VaultError::KeyDamaged { key_id })?;
                let tenant = tenant.as_str().to_owned();
                Ok(NewKey { tenant, subject_id: *subject_id, key_id, wrapped_key })
            })
            .collect::<Result<_, VaultError>>()?;
        table::insert(&self.pool, &new, self.masters.current_id()).await?;
        Ok(())
    }

    /// The keys of these ids, all of them.
    pub(super) async fn by_id(
        &self,
        key_ids: HashSet<Uuid>,
    ) -> Result<HashMap<Uuid, Found>, VaultError> {
        let asked_at = Instant::now();
        let mut found = HashMap::with_capacity(key_ids.len());
        let mut missing = Vec::new();
        for key_id in key_ids {
            match self.cache.by_id(key_id) {
                Some(known) => drop(found.insert(key_id, known)),
                None => missing.push(key_id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for row in table::by_id(&self.pool, &missing).await? {
            let read = self.found(&row)?;
            self.cache.keep_id(row.key_id, read.clone(), asked_at);
            found.insert(row.key_id, read);
        }
        match missing.into_iter().find(|key_id| !found.contains_key(key_id)) {
            Some(key_id) => Err(VaultError::KeyMissing { key_id }),
            None => Ok(found),
        }
    }

    fn found(&self, row: &KeyRow) -> Result<Found, VaultError> {
        let (Some(wrapped), Some(master)) = (&row.wrapped_key, &row.master_key_id) else {
            return Ok(Found::Erased);
        };
        let key = self.masters.unwrap(&row.owner(), (master, wrapped))?;
        Ok(Found::key(row.key_id, key))
    }

    /// Opens one key of each master key in use.
    pub(super) async fn verify(&self) -> Result<(), VaultError> {
        for row in table::one_of_each_master_key(&self.pool).await? {
            drop(self.found(&row)?);
        }
        Ok(())
    }

    pub(super) async fn destroy(&self, tenant: &TenantId, subject: Uuid) -> Result<(), VaultError> {
        let key_id = table::destroy(&self.pool, tenant, subject).await?;
        self.cache.forget(&(tenant.clone(), subject), Some(key_id));
        Ok(())
    }

    pub(super) async fn is_erased(
        &self,
        tenant: &TenantId,
        subject: Uuid,
    ) -> Result<bool, VaultError> {
        let rows = table::of_subjects(&self.pool, &[(tenant.clone(), subject)]).await?;
        Ok(rows.iter().any(|row| row.wrapped_key.is_none()))
    }

    pub(super) async fn rewrap(&self, limit: u32) -> Result<u64, VaultError> {
        let current = self.masters.current_id();
        let mut tx = self.pool.begin().await.map_err(failed("begin to wrap keys anew"))?;
        let rows = table::lock_of_other_masters(&mut tx, current, limit).await?;
        let mut wrapped = Vec::with_capacity(rows.len());
        for row in &rows {
            let (Some(old), Some(master)) = (&row.wrapped_key, &row.master_key_id) else {
                continue;
            };
            wrapped.push((row.key_id, self.masters.rewrap(&row.owner(), (master, old))?));
        }
        table::replace(&mut tx, &wrapped, current).await?;
        let mut done = rows.len() as u64;
        if done < u64::from(limit) {
            let left = limit - u32::try_from(done).unwrap_or(limit);
            done += self.reseal_secrets(&mut tx, left).await?;
        }
        tx.commit().await.map_err(failed("wrap keys anew"))?;
        Ok(done)
    }

    pub(super) async fn to_rewrap(&self) -> Result<i64, VaultError> {
        let keys = table::count_of_other_masters(&self.pool, self.masters.current_id()).await?;
        Ok(keys + self.secrets_to_reseal().await?)
    }

    pub(super) async fn forget_erased(
        &self,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(TenantId, Uuid, DateTime<Utc>)>, VaultError> {
        self.cache.forget_old();
        let rows = table::erased_since(&self.pool, since, limit).await?;
        rows.into_iter()
            .map(|(tenant, subject, key_id, erased_at)| {
                let tenant: TenantId = tenant.parse().map_err(table::not_a_tenant)?;
                self.cache.forget(&(tenant.clone(), subject), Some(key_id));
                Ok((tenant, subject, erased_at))
            })
            .collect()
    }
}
