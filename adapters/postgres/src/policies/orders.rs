//! What a policy orders, as rows.

use kontor_commands::policy::{Directive, Order, command_id};
use kontor_domain::Recorded;
use kontor_projections::ApplyError;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::mark::Mark;

/// The orders of one version of a policy during a page.
pub(super) struct Orders {
    policy: &'static str,
    version: i32,
    mark: Mark,
}

impl Orders {
    pub(super) fn new(policy: &'static str, version: i32, mark: Mark) -> Self {
        Self { policy, version, mark }
    }

    /// Carries the orders of one instance out, in order. Until the mark, commands to be sent at once
    /// are left out and timers are held.
    pub(super) async fn carry_out(
        &self,
        db: &mut PgConnection,
        (event, instance): (&Recorded, Uuid),
        orders: Vec<Order>,
    ) -> Result<(), ApplyError> {
        if self.mark.outdated {
            return Ok(());
        }
        let replayed = event.position <= self.mark.mark_position;
        for (number, order) in orders.into_iter().enumerate() {
            let id = command_id(self.policy, event.event_id, instance, number);
            match order {
                Order::Send(_) if replayed => {}
                Order::Send(directive) => {
                    self.insert(db, event, (id, None, directive)).await?;
                }
                Order::Schedule { key, due_at, directive } => {
                    self.end(db, &key, "replaced").await?;
                    self.insert(db, event, (id, Some((key, due_at)), directive)).await?;
                }
                Order::Cancel { key } => self.end(db, &key, "cancelled").await?,
            }
        }
        Ok(())
    }

    async fn insert(
        &self,
        db: &mut PgConnection,
        event: &Recorded,
        (id, timer, directive): (Uuid, Option<(String, chrono::DateTime<chrono::Utc>)>, Directive),
    ) -> Result<(), sqlx::Error> {
        // A timer begins a trace of its own.
        let trace = if timer.is_some() { None } else { event.metadata.trace.as_deref() };
        let (key, due_at) = timer.unzip();
        sqlx::query(
            "insert into scheduled_commands (policy, policy_version, key, command_id, tenant,
                 aggregate, aggregate_id, command, correlation_id, causation_id, due_at, next_at,
                 state, trace)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13)
             on conflict (policy, policy_version, command_id) do nothing",
        )
        .bind(self.policy)
        .bind(self.version)
        .bind(key)
        .bind(id)
        .bind(event.tenant.as_str())
        .bind(directive.aggregate)
        .bind(directive.id)
        .bind(directive.command)
        .bind(event.metadata.correlation_id)
        .bind(event.event_id)
        .bind(due_at.unwrap_or(event.occurred_at))
        .bind(if self.mark.live { "pending" } else { "held" })
        .bind(trace)
        .execute(db)
        .await?;
        Ok(())
    }

    /// Ends what waits under a key. What is being sent is left: it will have an outcome.
    async fn end(&self, db: &mut PgConnection, key: &str, how: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update scheduled_commands set state = $4, ended_at = clock_timestamp()
             where policy = $1 and policy_version = $2 and key = $3
                 and state in ('held', 'pending')",
        )
        .bind(self.policy)
        .bind(self.version)
        .bind(key)
        .bind(how)
        .execute(db)
        .await?;
        Ok(())
    }

    /// When the page ends at or behind the mark, the version begins to act, once: what it holds
    /// becomes pending, except what the version before has sent, and that version's timers end.
    ///
    /// A page that ends exactly at the mark need not come: the first event behind it does as well.
    pub(super) async fn pass_mark(
        &self,
        db: &mut PgConnection,
        position: i64,
    ) -> Result<(), sqlx::Error> {
        if self.mark.live || self.mark.outdated || position < self.mark.mark_position {
            return Ok(());
        }
        begin(db, (self.policy, self.version), self.mark).await
    }
}

/// Lets a version act whose checkpoint has reached the mark.
pub(super) async fn begin_when_ready(
    pool: &PgPool,
    (policy, version): (&str, i32),
) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let mark = Mark::find(&mut tx, policy, version).await?;
    if !mark.live && !mark.outdated {
        begin(&mut tx, (policy, version), mark).await?;
    }
    tx.commit().await
}

/// Lets a version act from now on.
async fn begin(
    db: &mut PgConnection,
    (policy, version): (&str, i32),
    mark: Mark,
) -> Result<(), sqlx::Error> {
    sqlx::query("update policies set live_at = clock_timestamp() where name = $1 and version = $2")
        .bind(policy)
        .bind(version)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "update scheduled_commands
         set state = case when $3 and due_at <= $4 then 'suppressed' else 'pending' end,
             ended_at = case when $3 and due_at <= $4 then clock_timestamp() end
         where policy = $1 and policy_version = $2 and state = 'held'",
    )
    .bind(policy)
    .bind(version)
    .bind(mark.replaces.is_some())
    .bind(mark.mark_at)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "update scheduled_commands set state = 'replaced', ended_at = clock_timestamp()
         where policy = $1 and policy_version < $2 and state in ('held', 'pending')",
    )
    .bind(policy)
    .bind(version)
    .execute(db)
    .await?;
    Ok(())
}
