//! Events in, closes out. A tenant has a few of these events in a month, so each is written by itself.

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    accounting_period::{AccountingPeriodEvent, Closed, Month},
};
use sqlx::PgConnection;

use super::{Periods, ReopenStep};
use crate::{ApplyError, Projection, columns::json_of};

#[async_trait]
impl Projection for Periods {
    fn name(&self) -> &'static str {
        "periods"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "accounting_period.closed",
            "accounting_period.reopen_requested",
            "accounting_period.reopen_declined",
            "accounting_period.reopened",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["period_closes"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        use AccountingPeriodEvent as E;
        for event in events {
            match event.body()? {
                E::Closed(closed) => add(db, event, &closed).await?,
                E::ReopenRequested(it) => {
                    let (by, at) = (it.by, event.occurred_at);
                    let step = ReopenStep { by, at, reason: it.reason, reference: it.reference };
                    change(db, event, it.month, Change::Requested(step)).await?;
                }
                E::ReopenDeclined(it) => change(db, event, it.month, Change::Declined).await?,
                E::Reopened(it) => {
                    let (by, at) = (it.by, event.occurred_at);
                    let step = ReopenStep { by, at, reason: it.reason, reference: it.reference };
                    change(db, event, it.month, Change::Approved(step)).await?;
                }
            }
        }
        Ok(())
    }
}

async fn add(db: &mut PgConnection, event: &Recorded, closed: &Closed) -> Result<(), ApplyError> {
    let books = &closed.books;
    sqlx::query(
        "insert into period_closes (place, tenant, month, revision, state, ends_at, position, \
             closed, closed_at, version) \
         values ($1, $2, $3, $4, 'closed', $5, $6, $7, $8, $9) on conflict (place) do nothing",
    )
    .bind(event.position)
    .bind(event.tenant.as_str())
    .bind(books.month.to_string())
    .bind(books.revision)
    .bind(books.ends_at)
    .bind(books.position)
    .bind(json_of(closed)?)
    .bind(event.occurred_at)
    .bind(event.version)
    .execute(db)
    .await?;
    Ok(())
}

enum Change {
    Requested(ReopenStep),
    Declined,
    Approved(ReopenStep),
}

/// Changes the close of a month that counts. What a row holds already is passed by.
async fn change(
    db: &mut PgConnection,
    event: &Recorded,
    month: Month,
    change: Change,
) -> Result<(), ApplyError> {
    let (state, request, approval) = match &change {
        Change::Requested(step) => ("reopen_requested", Some(json_of(step)?), None),
        Change::Declined => ("closed", None, None),
        Change::Approved(step) => ("reopened", None, Some(json_of(step)?)),
    };
    sqlx::query(
        "update period_closes set state = $3, approval = $5, version = $6, \
             request = case when $3 = 'reopened' then request else $4 end \
         where tenant = $1 and month = $2 and state <> 'reopened' and version < $6",
    )
    .bind(event.tenant.as_str())
    .bind(month.to_string())
    .bind(state)
    .bind(request)
    .bind(approval)
    .bind(event.version)
    .execute(db)
    .await?;
    Ok(())
}
