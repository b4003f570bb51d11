//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Personal, Recorded,
    meter::{MeterEvent, Registered, Zone},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Archival, MeterRow, Meters, select_meters};
use crate::{
    ApplyError, Projection,
    columns::{column, milli, name_of},
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Meters {
    fn name(&self) -> &'static str {
        "meters"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "meter.registered",
            "meter.reading_submitted",
            "meter.reading_corrected",
            "meter.verification_renewed",
            "meter.archived",
            "meter.holder_erased",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["meter_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_meters!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        write(db, &fold(loaded, events)?).await
    }
}

impl StreamRow for MeterRow {
    type Fact = MeterEvent;

    fn stream_id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: MeterEvent) -> Option<Self> {
        let mut row = match fact {
            MeterEvent::Registered(registered) => opened(event, registered),
            MeterEvent::ReadingSubmitted(submitted) => Self {
                last_values: submitted.values_milli,
                last_taken_on: Some(submitted.taken_on),
                last_reading_id: Some(submitted.reading_id),
                ..row?
            },
            MeterEvent::ReadingCorrected(corrected) => {
                Self { last_values: corrected.values_milli, ..row? }
            }
            MeterEvent::VerificationRenewed(renewed) => {
                Self { verification_due_on: Some(renewed.verification_due_on), ..row? }
            }
            MeterEvent::Archived(archived) => {
                let archival = Archival { at: event.occurred_at, reason: shown(archived.reason) };
                Self { archived: Some(archival), ..row? }
            }
            MeterEvent::HolderErased(_) => {
                let row = row?;
                let at = row.archived.as_ref().map_or(event.occurred_at, |archival| archival.at);
                let archived = Some(Archival { at, reason: String::new() });
                Self { place: String::new(), archived, ..row }
            }
        };
        row.position = event.position;
        row.version = event.version;
        Some(row)
    }
}

/// A text as pages show it: nothing where it is gone with its person.
fn shown(text: Personal<String>) -> String {
    text.into_known().unwrap_or_default()
}

fn opened(event: &Recorded, registered: Registered) -> MeterRow {
    MeterRow {
        tenant: event.tenant.clone(),
        id: event.stream_id,
        account_id: registered.account_id,
        kind: registered.kind,
        zones: registered.zones,
        digits: registered.digits,
        serial_number: registered.serial_number,
        place: shown(registered.place),
        verification_due_on: registered.verification_due_on,
        registered_on: registered.registered_on,
        archived: None,
        last_values: registered.initial_values_milli,
        last_taken_on: None,
        last_reading_id: None,
        created_position: event.position,
        position: event.position,
        version: event.version,
    }
}

async fn write(db: &mut PgConnection, rows: &[MeterRow]) -> Result<(), ApplyError> {
    let kinds: Result<Vec<_>, _> = rows.iter().map(|row| name_of(&row.kind)).collect();
    sqlx::query(
        "insert into meter_directory as row (id, tenant, account_id, kind, zones, digits, \
             serial_number, place, verification_due_on, registered_on, archived_at, \
             archived_reason, last_t1_milli, last_t2_milli, last_t3_milli, last_taken_on, \
             last_reading_id, created_position, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::smallint[], \
             $6::smallint[], $7::text[], $8::text[], $9::date[], $10::date[], \
             $11::timestamptz[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[], \
             $16::date[], $17::uuid[], $18::bigint[], $19::bigint[], $20::bigint[]) \
         on conflict (id) do update set place = excluded.place, \
             verification_due_on = excluded.verification_due_on, \
             archived_at = excluded.archived_at, archived_reason = excluded.archived_reason, \
             last_t1_milli = excluded.last_t1_milli, last_t2_milli = excluded.last_t2_milli, \
             last_t3_milli = excluded.last_t3_milli, last_taken_on = excluded.last_taken_on, \
             last_reading_id = excluded.last_reading_id, position = excluded.position, \
             version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.account_id))
    .bind(kinds?)
    .bind(column(rows, |row| i16::from(row.zones)))
    .bind(column(rows, |row| i16::from(row.digits)))
    .bind(column(rows, |row| row.serial_number.as_str()))
    .bind(column(rows, |row| row.place.as_str()))
    .bind(column(rows, |row| row.verification_due_on))
    .bind(column(rows, |row| row.registered_on))
    .bind(column(rows, |row| row.archived.as_ref().map(|archived| archived.at)))
    .bind(column(rows, |row| row.archived.as_ref().map(|archived| archived.reason.as_str())))
    .bind(column(rows, |row| milli(&row.last_values, Zone::T1)))
    .bind(column(rows, |row| milli(&row.last_values, Zone::T2)))
    .bind(column(rows, |row| milli(&row.last_values, Zone::T3)))
    .bind(column(rows, |row| row.last_taken_on))
    .bind(column(rows, |row| row.last_reading_id))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .execute(db)
    .await?;
    Ok(())
}
