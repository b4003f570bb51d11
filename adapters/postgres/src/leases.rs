//! Work that only one process may do: a row with an owner, an epoch and an end.
//!
//! The epoch is what makes it safe: whoever writes under a lease carries its epoch along, and a
//! holder that lost the lease without noticing is recognised by the old one. One statement renews
//! all that an owner holds; with [`crate::Members`] it is also shared out among the processes.

mod balance;
mod heart;
mod keep;
mod share;

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use self::keep::{KeptLease, LeaseGuard};
pub(crate) use self::share::Share;
use self::{heart::Heart, keep::Hold};
use crate::{DatabaseError, error::failed};

/// The leases as one owner sees them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leases {
    pool: PgPool,
    owner: Arc<str>,
    ttl: Duration,
    heart: Arc<Heart>,
    /// Dropped with the last clone; then the leases end by themselves.
    _beating: Arc<AbortOnDropHandle<()>>,
}

/// A lease that was acquired.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Grows with each holder of the name.
    pub epoch: i64,
}

/// Who holds a lease.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// The owner's name.
    pub owner: String,
    /// The epoch.
    pub epoch: i64,
}

impl Leases {
    /// Leases for an owner. The name must be unique to the process, for example with a fresh uuid in
    /// it. `ttl` is how long a lease lasts without renewal: the longest time that the work stands
    /// still after a crash.
    pub fn new(pool: PgPool, owner_name: impl Into<Arc<str>>, ttl: Duration) -> Self {
        Self::start(pool, owner_name.into(), ttl, None)
    }

    /// The same for an owner that shares with others.
    pub(crate) fn shared(pool: PgPool, owner: Arc<str>, ttl: Duration, share: Share) -> Self {
        Self::start(pool, owner, ttl, Some(share))
    }

    fn start(pool: PgPool, owner: Arc<str>, ttl: Duration, share: Option<Share>) -> Self {
        let heart = Arc::new(Heart::new(pool.clone(), Arc::clone(&owner), ttl, share));
        let beating = tokio::spawn(Arc::clone(&heart).run());
        let beating = Arc::new(AbortOnDropHandle::new(beating));
        Self { pool, owner, ttl, heart, _beating: beating }
    }

    /// Takes the lease when it is free and this owner's turn, and keeps it renewed until it is lost,
    /// released or dropped. `None` when it is not to be had now; ask again after a pause. Whoever
    /// shares with other processes is asked to give it back when another has too little: the work
    /// must run under [`KeptLease::ending`]. With `stop` the owner wants nothing any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(
        &self,
        name: &str,
        stop: &CancellationToken,
    ) -> Result<Option<KeptLease>, DatabaseError> {
        let Some(turn) = self.heart.turn(name, stop).await else { return Ok(None) };
        // Counted from before the request: the server may have counted from any moment after it.
        let held_until = Instant::now() + self.ttl;
        let Some(lease) = self.acquire(name).await? else { return Ok(None) };
        let hold = Hold::new(lease, held_until, stop, turn.stays_until);
        Ok(Some(KeptLease::start(self.clone(), hold)))
    }

    /// How long a lease lasts without renewal.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Takes the lease when it is free or has expired by the database's clock. `None` when somebody
    /// holds it, the same owner included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn acquire(&self, name: &str) -> Result<Option<Lease>, DatabaseError> {
        let epoch: Option<i64> = sqlx::query_scalar(
            "insert into leases as l (name, owner, epoch, expires_at)
             values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
             on conflict (name) do update
                 set owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at
                 where l.expires_at <= clock_timestamp()
             returning epoch",
        )
        .bind(name)
        .bind(&*self.owner)
        .bind(self.ttl_ms())
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("acquire a lease"))?;
        Ok(epoch.map(|epoch| Lease { name: name.to_owned(), epoch }))
    }

    /// Takes the lease whoever holds it; the holder finds itself fenced by the new epoch. For an
    /// operator's orders, such as a rebuild.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seize(&self, name: &str) -> Result<Lease, DatabaseError> {
        let epoch = sqlx::query_scalar(
            "insert into leases as l (name, owner, epoch, expires_at)
             values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
             on conflict (name) do update
                 set owner = excluded.owner, epoch = l.epoch + 1, expires_at = excluded.expires_at
             returning epoch",
        )
        .bind(name)
        .bind(&*self.owner)
        .bind(self.ttl_ms())
        .fetch_one(&self.pool)
        .await
        .map_err(failed("seize a lease"))?;
        Ok(Lease { name: name.to_owned(), epoch })
    }

    /// Prolongs the lease by the time to live. `false` when it is no longer held under this epoch:
    /// then the work must stop.
    ///
    /// # Errors
    /// When the database fails; the lease may still be held until it expires.
    pub async fn renew(&self, lease: &Lease) -> Result<bool, DatabaseError> {
        let renewed = sqlx::query(
            "update leases set expires_at = clock_timestamp() + $4 * interval '1 millisecond'
             where name = $1 and owner = $2 and epoch = $3",
        )
        .bind(&lease.name)
        .bind(&*self.owner)
        .bind(lease.epoch)
        .bind(self.ttl_ms())
        .execute(&self.pool)
        .await
        .map_err(failed("renew a lease"))?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Gives the lease back, so that another owner need not wait for its end. `false` when it was
    /// not held any more.
    ///
    /// # Errors
    /// When the database fails; the lease then ends by itself.
    pub async fn release(&self, lease: &Lease) -> Result<bool, DatabaseError> {
        let released = sqlx::query(
            "update leases set expires_at = clock_timestamp()
             where name = $1 and owner = $2 and epoch = $3",
        )
        .bind(&lease.name)
        .bind(&*self.owner)
        .bind(lease.epoch)
        .execute(&self.pool)
        .await
        .map_err(failed("release a lease"))?;
        Ok(released.rows_affected() == 1)
    }

    /// Who holds the lease now; `None` when nobody does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holder(&self, name: &str) -> Result<Option<Holder>, DatabaseError> {
        let holder: Option<(String, i64)> = sqlx::query_as(
            "select owner, epoch from leases where name = $1 and expires_at > clock_timestamp()",
        )
        .bind(name)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("look up a lease"))?;
        Ok(holder.map(|(owner, epoch)| Holder { owner, epoch }))
    }

    /// Renews a lease that was acquired by [`Self::acquire`] or [`Self::seize`] in the background,
    /// until it is lost, released or dropped. The work must run under [`KeptLease::active`].
    pub fn keep(&self, lease: Lease, stop: &CancellationToken) -> KeptLease {
        KeptLease::start(self.clone(), Hold::new(lease, Instant::now() + self.ttl, stop, None))
    }

    /// Ends the heartbeat: what is still held ends by itself.
    pub(crate) async fn stop(&self) {
        self.heart.stop().await;
    }

    fn heart(&self) -> &Heart {
        &self.heart
    }

    fn ttl_ms(&self) -> i64 {
        milliseconds(self.ttl)
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
