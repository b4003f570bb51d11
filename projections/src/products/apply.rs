//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    product::{Gives, ProductEvent, ProductTerms},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ProductRow, Products, select_products};
use crate::{
    ApplyError, Projection,
    columns::{column, json_of, name_of},
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Products {
    fn name(&self) -> &'static str {
        "products"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["product.created", "product.changed", "product.activated", "product.deactivated"]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["product_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_products!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        write(db, &fold(loaded, events)?).await
    }
}

impl StreamRow for ProductRow {
    type Fact = ProductEvent;

    fn stream_id(&self) -> Uuid {
        self.product_id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: ProductEvent) -> Option<Self> {
        let mut row = match fact {
            ProductEvent::Created(created) => made(event, created.into()),
            ProductEvent::Changed(changed) => row?.with(changed.into()),
            ProductEvent::Activated(_) => Self { active: true, ..row? },
            ProductEvent::Deactivated(_) => Self { active: false, ..row? },
        };
        row.position = event.position;
        row.version = event.version;
        Some(row)
    }
}

impl ProductRow {
    fn with(self, terms: ProductTerms) -> Self {
        let ProductTerms { name, gives, kind, prices, ordinal } = terms;
        let (credits, pass) = match gives {
            Gives::Credits(credits) => (Some(credits), None),
            Gives::Pass(period) => (None, Some(period)),
        };
        let (name_ru, name_en) = (name.ru, name.en);
        Self { name_ru, name_en, credits, pass, kind, prices, ordinal, ..self }
    }
}

fn made(event: &Recorded, terms: ProductTerms) -> ProductRow {
    let row = ProductRow {
        product_id: event.stream_id,
        tenant: event.tenant.clone(),
        name_ru: String::new(),
        name_en: String::new(),
        credits: None,
        pass: None,
        kind: terms.kind,
        prices: Vec::new(),
        active: false,
        ordinal: 0,
        created_at: event.occurred_at,
        created_position: event.position,
        position: event.position,
        version: event.version,
    };
    row.with(terms)
}

async fn write(db: &mut PgConnection, rows: &[ProductRow]) -> Result<(), ApplyError> {
    let kinds: Result<Vec<_>, _> = rows.iter().map(|row| name_of(&row.kind)).collect();
    let passes: Result<Vec<_>, _> =
        rows.iter().map(|row| row.pass.as_ref().map(name_of).transpose()).collect();
    let prices: Result<Vec<_>, _> = rows.iter().map(|row| json_of(&row.prices)).collect();
    sqlx::query(
        "insert into product_directory as row (id, tenant, name_ru, name_en, credits, pass, kind, \
             prices, active, ordinal, created_at, created_position, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], \
             $6::text[], $7::text[], $8::jsonb[], $9::boolean[], $10::bigint[], \
             $11::timestamptz[], $12::bigint[], $13::bigint[], $14::bigint[]) \
         on conflict (id) do update set name_ru = excluded.name_ru, name_en = excluded.name_en, \
             credits = excluded.credits, pass = excluded.pass, kind = excluded.kind, \
             prices = excluded.prices, active = excluded.active, ordinal = excluded.ordinal, \
             position = excluded.position, version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.product_id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.name_ru.as_str()))
    .bind(column(rows, |row| row.name_en.as_str()))
    .bind(column(rows, |row| row.credits))
    .bind(passes?)
    .bind(kinds?)
    .bind(prices?)
    .bind(column(rows, |row| row.active))
    .bind(column(rows, |row| row.ordinal))
    .bind(column(rows, |row| row.created_at))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .execute(db)
    .await?;
    Ok(())
}
