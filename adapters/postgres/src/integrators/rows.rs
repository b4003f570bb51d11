//! From a row to an integrator.

use kontor_domain::TenantId;
use sqlx::{FromRow, Row, postgres::PgRow};

use super::{Channel, EventFilter, Integrator, IntegratorName};

impl FromRow<'_, PgRow> for Integrator {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let name: String = row.try_get("name")?;
        let tenant: Option<String> = row.try_get("tenant")?;
        let events: Vec<String> = row.try_get("events")?;
        let channel: String = row.try_get("channel")?;
        let channel = match channel.as_str() {
            "nats" => Channel::Nats,
            "webhook" => Channel::Webhook,
            _ => return Err(column_error("channel", "no known channel")),
        };
        let tenant = tenant.map(TenantId::try_from).transpose();
        Ok(Self {
            id: row.try_get("id")?,
            name: name.parse::<IntegratorName>().map_err(|err| column_error("name", err))?,
            tenant: tenant.map_err(|err| column_error("tenant", err))?,
            events: EventFilter::new(&events).map_err(|err| column_error("events", err))?,
            channel,
            created_at: row.try_get("created_at")?,
            start_at: row.try_get("start_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

fn column_error(
    column: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: source.into() }
}
