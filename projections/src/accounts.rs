//! The directory of accounts: who the customers of a tenant are and how they are reached.

mod apply;
mod erasures;

use chrono::{DateTime, Utc};
use kontor_domain::{DisplayName, Language, Phone, TenantId, account::Origin};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

pub use erasures::{RETURNS_MAX, is_erased, of_person};

use crate::{
    Page, PageRequest, QueryError,
    columns::{Shape, decode_error, named},
    paging::List,
};

/// The projection behind this directory; its follower is called `accounts`.
#[derive(Clone, Copy, Debug)]
pub struct Accounts;

/// An account as pages and replies see it. It holds personal data: never log it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRow {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// What the holder is called.
    pub display_name: DisplayName,
    /// The language they are addressed in.
    pub language: Language,
    /// Their telephone number, when known.
    pub phone: Option<Phone>,
    /// The consent that is in force, if any.
    pub consent: Option<Consent>,
    /// Where they came from. The bot of a Telegram origin is the one they first wrote to.
    pub origin: Origin,
    /// The bots that the holder blocked, by name, sorted.
    pub bots_blocked: Vec<String>,
    /// The holder wants no reminders of readings.
    pub reminders_muted: bool,
    /// When the account was opened.
    pub registered_at: DateTime<Utc>,
    /// The position of the event that opened it; lists are in this order.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

/// A consent to the processing of personal data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Consent {
    /// The version of the text that was shown.
    pub document_version: String,
    /// When it was given.
    pub given_at: DateTime<Utc>,
}

macro_rules! select_accounts {
    ($rest:literal) => {
        concat!(
            "select tenant, id, display_name, language, phone, consent_version, consent_at, \
             origin_kind, telegram_bot, telegram_user_id, telegram_username, external_id, \
             bots_blocked, reminders_muted, registered_at, created_position, position, version \
             from account_directory ",
            $rest
        )
    };
}

use select_accounts;

/// The account of that id, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<AccountRow>, QueryError> {
    let row = sqlx::query_as(select_accounts!("where id = $1 and tenant = $2"))
        .bind(id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// The account of a Telegram user, the first one when there are several.
///
/// # Errors
/// When the database fails.
pub async fn find_by_telegram(
    pool: &PgPool,
    tenant: &TenantId,
    user_id: i64,
) -> Result<Option<AccountRow>, QueryError> {
    let row = sqlx::query_as(select_accounts!(
        "where tenant = $1 and telegram_user_id = $2 order by created_position limit 1"
    ))
    .bind(tenant.as_str())
    .bind(user_id);
    Ok(row.fetch_optional(pool).await?)
}

/// The tenant's accounts in the order in which they were opened.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn list(
    pool: &PgPool,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<AccountRow>, QueryError> {
    let rows = sqlx::query_as(select_accounts!(
        "where tenant = $1 and created_position > $2 order by created_position limit $3"
    ))
    .bind(tenant.as_str())
    .bind(page.key(List::Accounts, 0)?)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Accounts, rows, |row: &AccountRow| row.created_position))
}

impl FromRow<'_, PgRow> for AccountRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let phone: Option<String> = row.try_get("phone")?;
        Ok(Self {
            tenant: named(row, "tenant")?,
            id: row.try_get("id")?,
            display_name: named(row, "display_name")?,
            language: named(row, "language")?,
            phone: phone
                .map(Phone::try_from)
                .transpose()
                .map_err(|err| decode_error("phone", err))?,
            consent: consent(row)?,
            origin: origin(row)?,
            bots_blocked: row.try_get("bots_blocked")?,
            reminders_muted: row.try_get("reminders_muted")?,
            registered_at: row.try_get("registered_at")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}

fn consent(row: &PgRow) -> Result<Option<Consent>, sqlx::Error> {
    let version: Option<String> = row.try_get("consent_version")?;
    let given_at: Option<DateTime<Utc>> = row.try_get("consent_at")?;
    Ok(version
        .zip(given_at)
        .map(|(document_version, given_at)| Consent { document_version, given_at }))
}

fn origin(row: &PgRow) -> Result<Origin, sqlx::Error> {
    match row.try_get("origin_kind")? {
        "telegram" => Ok(Origin::Telegram {
            bot: row.try_get("telegram_bot")?,
            user_id: row.try_get("telegram_user_id")?,
            username: row.try_get("telegram_username")?,
        }),
        "api" => Ok(Origin::Api { external_id: row.try_get("external_id")? }),
        other => Err(decode_error("origin_kind", Shape(format!("`{other}` is no origin")))),
    }
}
