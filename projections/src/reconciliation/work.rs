//! The work on differences.

use chrono::{DateTime, Utc};
use kontor_domain::{
    Actor, Recorded, TenantId,
    credit_ledger::Posting,
    reconciliation::{Explanation, ReconciliationEvent, Standing},
};
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    ApplyError,
    columns::{column, json_of, name_of, named},
    streams::{StreamRow, fold},
};

/// How far the work on a difference is.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    /// The difference.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: TenantId,
    /// How far it is.
    pub standing: Standing,
    /// Who takes care of it, by the name of their key.
    pub assignee: Option<String>,
    /// Who proposed to give it up.
    pub proposed_by: Option<String>,
    /// Who did the last step.
    pub last_by: String,
    /// How it was explained.
    pub explanation: Option<Explanation>,
    /// Where more is written.
    pub reference: Option<String>,
    /// What is booked, or to be booked.
    pub posting: Option<Posting>,
    /// When the last step was done.
    pub changed_at: DateTime<Utc>,
    /// The position of its last event.
    pub position: i64,
    /// Its version after that event.
    pub version: i64,
}

impl WorkRow {
    fn begun(event: &Recorded) -> Self {
        Self {
            id: event.stream_id,
            tenant: event.tenant.clone(),
            standing: Standing::Open,
            assignee: None,
            proposed_by: None,
            last_by: String::new(),
            explanation: None,
            reference: None,
            posting: None,
            changed_at: event.occurred_at,
            position: event.position,
            version: event.version,
        }
    }
}

impl StreamRow for WorkRow {
    type Fact = ReconciliationEvent;

    fn stream_id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: ReconciliationEvent) -> Option<Self> {
        use ReconciliationEvent as E;
        let mut row = row.unwrap_or_else(|| Self::begun(event));
        match fact {
            E::Assigned(assigned) => {
                row.standing = Standing::Assigned;
                row.assignee = Some(assigned.by);
            }
            E::Explained(explained) => {
                row.standing = Standing::Explained;
                (row.explanation, row.reference) =
                    (Some(explained.explanation), explained.reference);
            }
            E::Adjusted(adjusted) => {
                row.standing = Standing::Adjusted;
                (row.explanation, row.reference) = (Some(adjusted.explanation), adjusted.reference);
                row.posting = Some(adjusted.posting);
            }
            E::WriteOffProposed(proposed) => {
                row.standing = Standing::WriteOffProposed;
                (row.posting, row.reference) = (Some(proposed.posting), proposed.reference);
                row.proposed_by = Some(proposed.by);
            }
            E::WrittenOff(written) => {
                row.standing = Standing::WrittenOff;
                row.posting = Some(written.posting);
            }
            E::Reopened(_) => row = Self::begun(event),
        }
        row.last_by = match &event.metadata.actor {
            Actor::Operator { name } | Actor::System { name } => name.clone(),
            Actor::Customer { .. } => String::new(),
        };
        row.changed_at = event.occurred_at;
        (row.position, row.version) = (event.position, event.version);
        Some(row)
    }
}

pub(super) async fn apply(db: &mut PgConnection, events: &[&Recorded]) -> Result<(), ApplyError> {
    if events.is_empty() {
        return Ok(());
    }
    let events: Vec<Recorded> = events.iter().map(|event| (*event).clone()).collect();
    let loaded: Vec<WorkRow> = sqlx::query_as("select * from recon_work where id = any($1)")
        .bind(column(&events, |event| event.stream_id))
        .fetch_all(&mut *db)
        .await?;
    write(db, &fold(loaded, &events)?).await
}

async fn write(db: &mut PgConnection, rows: &[WorkRow]) -> Result<(), ApplyError> {
    let explanations: Result<Vec<Option<String>>, _> =
        rows.iter().map(|row| row.explanation.as_ref().map(name_of).transpose()).collect();
    let postings: Result<Vec<_>, _> =
        rows.iter().map(|row| row.posting.as_ref().map(json_of).transpose()).collect();
    sqlx::query(
        "insert into recon_work as row (id, tenant, standing, assignee, proposed_by, last_by, \
             explanation, reference, posting, changed_at, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
             $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::timestamptz[], $11::bigint[], \
             $12::bigint[]) \
         on conflict (id) do update set standing = excluded.standing, \
             assignee = excluded.assignee, proposed_by = excluded.proposed_by, \
             last_by = excluded.last_by, explanation = excluded.explanation, \
             reference = excluded.reference, posting = excluded.posting, \
             changed_at = excluded.changed_at, position = excluded.position, \
             version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.standing.name()))
    .bind(column(rows, |row| row.assignee.as_deref()))
    .bind(column(rows, |row| row.proposed_by.as_deref()))
    .bind(column(rows, |row| row.last_by.as_str()))
    .bind(explanations?)
    .bind(column(rows, |row| row.reference.as_deref()))
    .bind(postings?)
    .bind(column(rows, |row| row.changed_at))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .execute(db)
    .await?;
    Ok(())
}

impl FromRow<'_, PgRow> for WorkRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let explanation: Option<String> = row.try_get("explanation")?;
        let posting: Option<sqlx::types::Json<Posting>> = row.try_get("posting")?;
        Ok(Self {
            id: row.try_get("id")?,
            tenant: named(row, "tenant")?,
            standing: named(row, "standing")?,
            assignee: row.try_get("assignee")?,
            proposed_by: row.try_get("proposed_by")?,
            last_by: row.try_get("last_by")?,
            explanation: explanation.map(|_| named(row, "explanation")).transpose()?,
            reference: row.try_get("reference")?,
            posting: posting.map(|json| json.0),
            changed_at: row.try_get("changed_at")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}
