//! Events in, rows out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use kontor_domain::{
    Personal, Recorded,
    meter::{MeterEvent, ReadingCorrected, ReadingSubmitted},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Correction, ReadingRow, Readings, select_readings};
use crate::{ApplyError, Projection, streams::no_row};

mod write;

#[async_trait]
impl Projection for Readings {
    fn name(&self) -> &'static str {
        "readings"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["meter.reading_submitted", "meter.reading_corrected", "meter.holder_erased"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["reading_history"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let facts: Result<Vec<(&Recorded, MeterEvent)>, ApplyError> =
            events.iter().map(|event| Ok((event, event.body()?))).collect();
        let facts = facts?;
        let mut rows = Rows::load(db, &facts).await?;
        let mut erased = Vec::new();
        for (event, fact) in facts {
            match fact {
                MeterEvent::ReadingSubmitted(submitted) => rows.submit(event, submitted),
                MeterEvent::ReadingCorrected(corrected) => rows.correct(event, corrected)?,
                MeterEvent::HolderErased(_) => erased.push(event.stream_id),
                // Not asked for in `event_types`.
                MeterEvent::Registered(_)
                | MeterEvent::VerificationRenewed(_)
                | MeterEvent::Archived(_) => {}
            }
        }
        write::write(db, &rows.into_rows()).await?;
        write::erase(db, &erased).await
    }
}

/// The rows that a page touches, by meter and version.
struct Rows {
    rows: BTreeMap<(Uuid, i64), ReadingRow>,
    /// The newest row of each reading, by meter and reading id.
    newest: HashMap<(Uuid, Uuid), i64>,
}

impl Rows {
    /// Reads the rows that the page corrects and does not bring itself.
    async fn load(
        db: &mut PgConnection,
        facts: &[(&Recorded, MeterEvent)],
    ) -> Result<Self, ApplyError> {
        let mut brought = BTreeSet::new();
        let mut wanted = BTreeSet::new();
        for (event, fact) in facts {
            match fact {
                MeterEvent::ReadingSubmitted(submitted) => {
                    brought.insert((event.stream_id, submitted.reading_id));
                }
                MeterEvent::ReadingCorrected(corrected) => {
                    wanted.insert((event.stream_id, corrected.reading_id));
                }
                MeterEvent::Registered(_)
                | MeterEvent::VerificationRenewed(_)
                | MeterEvent::Archived(_)
                | MeterEvent::HolderErased(_) => {}
            }
        }
        let (meters, readings): (Vec<Uuid>, Vec<Uuid>) =
            wanted.difference(&brought).copied().unzip();
        let mut rows = Self { rows: BTreeMap::new(), newest: HashMap::new() };
        if meters.is_empty() {
            return Ok(rows);
        }
        let loaded = sqlx::query_as(select_readings!(
            "join unnest($1::uuid[], $2::uuid[]) as wanted (meter, reading) \
             on meter_id = meter and reading_id = reading order by version"
        ))
        .bind(meters)
        .bind(readings);
        for row in loaded.fetch_all(db).await? {
            rows.insert(row);
        }
        Ok(rows)
    }

    fn insert(&mut self, row: ReadingRow) {
        self.newest.insert((row.meter_id, row.reading_id), row.version);
        self.rows.insert((row.meter_id, row.version), row);
    }

    fn submit(&mut self, event: &Recorded, submitted: ReadingSubmitted) {
        self.insert(ReadingRow {
            tenant: event.tenant.clone(),
            meter_id: event.stream_id,
            account_id: submitted.account_id,
            reading_id: submitted.reading_id,
            version: event.version,
            position: event.position,
            taken_on: submitted.taken_on,
            period: submitted.period,
            values: submitted.values_milli,
            consumption: submitted.consumption_milli,
            usual: submitted.usual_milli,
            source: submitted.source,
            confirmed: submitted.confirmed,
            rolled_over: submitted.rolled_over,
            warnings: submitted.warnings,
            photo: submitted.photo.and_then(Personal::into_known),
            submitted_at: event.occurred_at,
            corrections: 0,
            corrected: None,
            changed_version: event.version,
        });
    }

    fn correct(&mut self, event: &Recorded, corrected: ReadingCorrected) -> Result<(), ApplyError> {
        let row = self
            .newest
            .get(&(event.stream_id, corrected.reading_id))
            .and_then(|version| self.rows.get_mut(&(event.stream_id, *version)))
            .ok_or_else(|| no_row(event))?;
        if row.changed_version >= event.version {
            return Ok(());
        }
        row.values = corrected.values_milli;
        row.consumption = corrected.consumption_milli;
        row.usual = corrected.usual_milli;
        row.source = corrected.source;
        row.confirmed = corrected.confirmed;
        row.rolled_over = corrected.rolled_over;
        row.warnings = corrected.warnings;
        row.corrections = row.corrections.saturating_add(1);
        // Nothing where it is gone with its person.
        let reason = corrected.reason.into_known().unwrap_or_default();
        row.corrected = Some(Correction { at: event.occurred_at, reason });
        row.changed_version = event.version;
        Ok(())
    }

    fn into_rows(self) -> Vec<ReadingRow> {
        self.rows.into_values().collect()
    }
}
