//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    credit_ledger::CreditRules,
    tenant::{ReadingReminders, TenantEvent},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{TenantRow, Tenants, select_tenants};
use crate::{
    ApplyError, Projection,
    columns::{column, json_of, name_of},
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Tenants {
    fn name(&self) -> &'static str {
        "tenants"
    }

    fn version(&self) -> i32 {
        2
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "tenant.created",
            "tenant.renamed",
            "tenant.locale_changed",
            "tenant.meter_rules_changed",
            "tenant.reading_reminders_changed",
            "tenant.reading_reminders_due",
            "tenant.credit_rules_changed",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["tenant_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let loaded = load(db, events).await?;
        write(db, &fold(loaded, events)?).await
    }
}

impl StreamRow for TenantRow {
    type Fact = TenantEvent;

    fn stream_id(&self) -> Uuid {
        self.id.stream_id()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: TenantEvent) -> Option<Self> {
        let mut row = match fact {
            TenantEvent::Created(created) => Self {
                id: created.id,
                name: created.name,
                kind: created.kind,
                language: created.language,
                time_zone: created.time_zone,
                meter_rules: created.meter_rules,
                reading_reminders: ReadingReminders::default(),
                credit_rules: CreditRules::default(),
                created_at: event.occurred_at,
                created_position: event.position,
                position: event.position,
                version: event.version,
            },
            TenantEvent::Renamed(renamed) => Self { name: renamed.name, ..row? },
            TenantEvent::LocaleChanged(changed) => {
                Self { language: changed.language, time_zone: changed.time_zone, ..row? }
            }
            TenantEvent::MeterRulesChanged(changed) => {
                Self { meter_rules: changed.meter_rules, ..row? }
            }
            TenantEvent::ReadingRemindersChanged(changed) => {
                Self { reading_reminders: changed.reading_reminders, ..row? }
            }
            TenantEvent::CreditRulesChanged(changed) => {
                Self { credit_rules: changed.credit_rules, ..row? }
            }
            // It changes the version alone, which whoever pins a command must know.
            TenantEvent::ReadingRemindersDue(_) => row?,
        };
        row.position = event.position;
        row.version = event.version;
        Some(row)
    }
}

async fn load(db: &mut PgConnection, events: &[Recorded]) -> Result<Vec<TenantRow>, ApplyError> {
    let streams = continued(events);
    let mut slugs: Vec<&str> = events
        .iter()
        .filter(|event| streams.contains(&event.stream_id))
        .map(|event| event.tenant.as_str())
        .collect();
    slugs.sort_unstable();
    slugs.dedup();
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(select_tenants!("where id = any($1)")).bind(slugs);
    Ok(rows.fetch_all(db).await?)
}

async fn write(db: &mut PgConnection, rows: &[TenantRow]) -> Result<(), ApplyError> {
    let kinds: Result<Vec<_>, _> = rows.iter().map(|row| name_of(&row.kind)).collect();
    let rules: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.meter_rules)).collect();
    let reminders: Result<Vec<_>, _> =
        rows.iter().map(|row| json_of(&row.reading_reminders)).collect();
    let credit_rules: Result<Vec<_>, _> =
        rows.iter().map(|row| json_of(&row.credit_rules)).collect();
    sqlx::query(
        "insert into tenant_directory as row (id, name, kind, language, time_zone, meter_rules, \
             created_at, created_position, position, version, reading_reminders, credit_rules) \
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], \
             $6::jsonb[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::bigint[], \
             $11::jsonb[], $12::jsonb[]) \
         on conflict (id) do update set name = excluded.name, kind = excluded.kind, \
             language = excluded.language, time_zone = excluded.time_zone, \
             meter_rules = excluded.meter_rules, position = excluded.position, \
             version = excluded.version, reading_reminders = excluded.reading_reminders, \
             credit_rules = excluded.credit_rules \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id.as_str()))
    .bind(column(rows, |row| row.name.as_str()))
    .bind(kinds?)
    .bind(column(rows, |row| row.language.code()))
    .bind(column(rows, |row| row.time_zone.name()))
    .bind(rules?)
    .bind(column(rows, |row| row.created_at))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .bind(reminders?)
    .bind(credit_rules?)
    .execute(db)
    .await?;
    Ok(())
}
