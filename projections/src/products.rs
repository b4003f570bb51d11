//! The directory of products: what a tenant sells, and for how much.

mod apply;

use chrono::{DateTime, Utc};
use kontor_domain::{
    Currency, Language, Money, TenantId,
    credit_ledger::PassPeriod,
    product::{Gives, ProductKind},
};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    Page, PageRequest, QueryError,
    columns::{json, named},
    paging::List,
};

/// The projection behind this directory; its follower is called `products`.
#[derive(Clone, Copy, Debug)]
pub struct Products;

/// The most products that [`active`] returns: a price list in a chat has a handful of lines, and
/// nobody reads a hundred.
pub const ACTIVE_MAX: i64 = 100;

/// The most products that [`catalogue`] returns: what a person looks through on one page; longer lists
/// are paged with [`list`].
pub const CATALOGUE_MAX: i64 = 200;

/// A product as pages and replies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductRow {
    /// Its id.
    pub product_id: Uuid,
    /// The tenant that sells it.
    pub tenant: TenantId,
    /// What it is called in Russian.
    pub name_ru: String,
    /// What it is called in English.
    pub name_en: String,
    /// How many credits it gives; none when it gives a pass.
    pub credits: Option<i64>,
    /// The pass that it gives; none when it gives credits.
    pub pass: Option<PassPeriod>,
    /// How it may be sold.
    pub kind: ProductKind,
    /// What it costs, once in each currency, by the currency's code.
    pub prices: Vec<Money>,
    /// Whether it is on sale.
    pub active: bool,
    /// Its place in lists, lowest first.
    pub ordinal: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The position of the event that made it; lists with a cursor are in this order.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

impl ProductRow {
    /// What it gives.
    pub fn gives(&self) -> Gives {
        match self.pass {
            Some(period) => Gives::Pass(period),
            None => Gives::Credits(self.credits.unwrap_or_default()),
        }
    }

    /// What it is called in a language.
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::Ru => &self.name_ru,
            Language::En => &self.name_en,
        }
    }

    /// What it costs in a currency.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.prices.iter().find(|price| price.currency == currency).copied()
    }
}

macro_rules! select_products {
    ($rest:literal) => {
        concat!(
            "select id, tenant, name_ru, name_en, credits, pass, kind, prices, active, ordinal, \
             created_at, created_position, position, version from product_directory ",
            $rest
        )
    };
}

use select_products;

/// The product of that id, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<ProductRow>, QueryError> {
    let row = sqlx::query_as(select_products!("where id = $1 and tenant = $2"))
        .bind(id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// What the tenant sells, in the order that its staff gave it, at most [`ACTIVE_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn active(pool: &PgPool, tenant: &TenantId) -> Result<Vec<ProductRow>, QueryError> {
    let rows = sqlx::query_as(select_products!(
        "where tenant = $1 and active order by ordinal, created_position limit $2"
    ))
    .bind(tenant.as_str())
    .bind(ACTIVE_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// All products of a tenant in the order that its staff gave them, on sale or not, at most
/// [`CATALOGUE_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn catalogue(pool: &PgPool, tenant: &TenantId) -> Result<Vec<ProductRow>, QueryError> {
    let rows = sqlx::query_as(select_products!(
        "where tenant = $1 order by ordinal, created_position limit $2"
    ))
    .bind(tenant.as_str())
    .bind(CATALOGUE_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// The tenant's products, on sale and off, in the order in which they were made; those on sale or
/// off alone when `active` says so.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn list(
    pool: &PgPool,
    tenant: &TenantId,
    active: Option<bool>,
    page: &PageRequest,
) -> Result<Page<ProductRow>, QueryError> {
    let rows = sqlx::query_as(select_products!(
        "where tenant = $1 and created_position > $2 and ($3::boolean is null or active = $3) \
         order by created_position limit $4"
    ))
    .bind(tenant.as_str())
    .bind(page.key(List::Products, 0)?)
    .bind(active)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Products, rows, |row: &ProductRow| row.created_position))
}

impl FromRow<'_, PgRow> for ProductRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let pass: Option<String> = row.try_get("pass")?;
        Ok(Self {
            product_id: row.try_get("id")?,
            tenant: named(row, "tenant")?,
            name_ru: row.try_get("name_ru")?,
            name_en: row.try_get("name_en")?,
            credits: row.try_get("credits")?,
            pass: pass.map(|_| named(row, "pass")).transpose()?,
            kind: named(row, "kind")?,
            prices: json(row, "prices")?,
            active: row.try_get("active")?,
            ordinal: row.try_get("ordinal")?,
            created_at: row.try_get("created_at")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}
