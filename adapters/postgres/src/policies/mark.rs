//! From where on a version of a policy acts.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

/// The mark of a version.
#[derive(Clone, Copy, Debug, FromRow)]
pub(super) struct Mark {
    /// Up to here it only remembers.
    pub(super) mark_position: i64,
    /// When the log reached the mark.
    pub(super) mark_at: DateTime<Utc>,
    /// The version that acted until then.
    pub(super) replaces: Option<i32>,
    /// It acts.
    pub(super) live: bool,
    /// A newer version acts already: this one is done.
    pub(super) outdated: bool,
}

impl Mark {
    /// The mark of a version; made when it begins. It is where the newest older version stands then,
    /// or else the head of the log: nobody is surprised by commands for what happened before the
    /// policy existed.
    ///
    /// Locks the row for the page, so that versions side by side take turns.
    pub(super) async fn find(
        db: &mut PgConnection,
        name: &str,
        version: i32,
    ) -> Result<Self, sqlx::Error> {
        sqlx::query(
            "insert into policies (name, version, mark_position, mark_at, replaces)
             select $1, $2, coalesce(older.position, head.position), clock_timestamp(),
                    older.version
             from (select coalesce(max(position), 0) as position from events) head
             left join lateral (
                 select p.version, c.position
                 from policies p
                 join checkpoints c on c.name = p.name and c.version = p.version
                 where p.name = $1 and p.version < $2 and p.live_at is not null
                 order by p.version desc
                 limit 1
             ) older on true
             on conflict do nothing",
        )
        .bind(name)
        .bind(version)
        .execute(&mut *db)
        .await?;
        sqlx::query("select from policies where name = $1 order by version for update")
            .bind(name)
            .execute(&mut *db)
            .await?;
        sqlx::query_as(
            "select mark_position, mark_at, replaces, live_at is not null as live,
                    exists (select from policies n
                        where n.name = p.name and n.version > p.version and n.live_at is not null)
                        as outdated
             from policies p
             where name = $1 and version = $2",
        )
        .bind(name)
        .bind(version)
        .fetch_one(db)
        .await
    }
}
