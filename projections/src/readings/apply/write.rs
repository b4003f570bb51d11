//! One statement per page.

use kontor_domain::meter::Zone;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ApplyError,
    columns::{column, json_of, milli, name_of, names_of},
    readings::ReadingRow,
};

/// Inserts new rows and replaces those that were corrected since.
pub(super) async fn write(db: &mut PgConnection, rows: &[ReadingRow]) -> Result<(), ApplyError> {
    let names = Names::of(rows)?;
    sqlx::query(
        "insert into reading_history as row (meter_id, version, tenant, account_id, reading_id, \
             position, taken_on, period, value_t1_milli, value_t2_milli, value_t3_milli, \
             consumption_t1_milli, consumption_t2_milli, consumption_t3_milli, usual_milli, \
             source, confirmed, rolled_over, warnings, photo, submitted_at, corrections, \
             corrected_at, correction_reason, changed_version) \
         select meter_id, version, tenant, account_id, reading_id, position, taken_on, period, \
             v1, v2, v3, c1, c2, c3, usual, source, confirmed, \
             string_to_array(rolled_over, ','), string_to_array(warnings, ','), photo, \
             submitted_at, corrections, corrected_at, correction_reason, changed_version \
         from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], \
             $7::date[], $8::date[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], \
             $13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::boolean[], \
             $18::text[], $19::text[], $20::jsonb[], $21::timestamptz[], $22::integer[], \
             $23::timestamptz[], $24::text[], $25::bigint[]) \
             as page (meter_id, version, tenant, account_id, reading_id, position, taken_on, \
             period, v1, v2, v3, c1, c2, c3, usual, source, confirmed, rolled_over, warnings, \
             photo, submitted_at, corrections, corrected_at, correction_reason, changed_version) \
         on conflict (meter_id, version) do update set value_t1_milli = excluded.value_t1_milli, \
             value_t2_milli = excluded.value_t2_milli, value_t3_milli = excluded.value_t3_milli, \
             consumption_t1_milli = excluded.consumption_t1_milli, \
             consumption_t2_milli = excluded.consumption_t2_milli, \
             consumption_t3_milli = excluded.consumption_t3_milli, \
             usual_milli = excluded.usual_milli, source = excluded.source, \
             confirmed = excluded.confirmed, rolled_over = excluded.rolled_over, \
             warnings = excluded.warnings, corrections = excluded.corrections, \
             corrected_at = excluded.corrected_at, \
             correction_reason = excluded.correction_reason, \
             changed_version = excluded.changed_version \
         where row.changed_version < excluded.changed_version",
    )
    .bind(column(rows, |row| row.meter_id))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.account_id))
    .bind(column(rows, |row| row.reading_id))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.taken_on))
    .bind(column(rows, |row| row.period))
    .bind(column(rows, |row| milli(&row.values, Zone::T1)))
    .bind(column(rows, |row| milli(&row.values, Zone::T2)))
    .bind(column(rows, |row| milli(&row.values, Zone::T3)))
    .bind(column(rows, |row| milli(&row.consumption, Zone::T1)))
    .bind(column(rows, |row| milli(&row.consumption, Zone::T2)))
    .bind(column(rows, |row| milli(&row.consumption, Zone::T3)))
    .bind(column(rows, |row| row.usual.map(|usual| usual.milli())))
    .bind(names.sources)
    .bind(column(rows, |row| row.confirmed))
    .bind(names.rolled_over)
    .bind(names.warnings)
    .bind(names.photos)
    .bind(column(rows, |row| row.submitted_at))
    .bind(column(rows, |row| row.corrections))
    .bind(column(rows, |row| row.corrected.as_ref().map(|corrected| corrected.at)))
    .bind(column(rows, |row| row.corrected.as_ref().map(|it| it.reason.as_str())))
    .bind(column(rows, |row| row.changed_version))
    .execute(db)
    .await?;
    Ok(())
}

/// Removes what the readings of these meters say about people. Nothing comes after it in a meter's
/// stream.
pub(super) async fn erase(db: &mut PgConnection, meters: &[Uuid]) -> Result<(), ApplyError> {
    if meters.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update reading_history set photo = null, \
             correction_reason = case when corrected_at is not null then '' end \
         where meter_id = any($1) and (photo is not null or correction_reason <> '')",
    )
    .bind(meters)
    .execute(db)
    .await?;
    Ok(())
}

/// The columns whose text comes from the wire names of variants.
struct Names {
    sources: Vec<String>,
    rolled_over: Vec<String>,
    warnings: Vec<String>,
    photos: Vec<Option<serde_json::Value>>,
}

impl Names {
    fn of(rows: &[ReadingRow]) -> Result<Self, ApplyError> {
        let mut names = Self {
            sources: Vec::with_capacity(rows.len()),
            rolled_over: Vec::with_capacity(rows.len()),
            warnings: Vec::with_capacity(rows.len()),
            photos: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            names.sources.push(name_of(&row.source)?);
            names.rolled_over.push(names_of(&row.rolled_over)?);
            names.warnings.push(names_of(&row.warnings)?);
            names.photos.push(row.photo.as_ref().map(json_of).transpose()?);
        }
        Ok(names)
    }
}
