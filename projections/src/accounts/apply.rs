//! Events in, rows out.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_domain::{
    Personal, Recorded, TenantId,
    account::{AccountEvent, Origin, Registered},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountRow, Accounts, Consent, select_accounts};
use crate::{
    ApplyError, Projection,
    columns::{column, event_error},
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn version(&self) -> i32 {
        2
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "account.registered",
            "account.renamed",
            "account.language_changed",
            "account.phone_changed",
            "account.consent_given",
            "account.consent_withdrawn",
            "account.bot_blocked",
            "account.bot_unblocked",
            "account.reading_reminder_asked",
            "account.reading_reminders_muted",
            "account.reading_reminders_unmuted",
            "account.reading_reminder_postponed",
            "account.reading_reminder_due",
            "account.erased",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["account_directory", "account_erasures"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() { Vec::new() } else { load(db, streams).await? };
        let mut open = Vec::new();
        let mut gone = Vec::new();
        for slot in fold(loaded, events)? {
            match slot {
                Slot::Open(row) => open.push(*row),
                Slot::Gone(gone_one) => gone.push(gone_one),
            }
        }
        write(db, &open).await?;
        bury(db, &gone).await
    }
}

/// What there is of an account.
enum Slot {
    Open(Box<AccountRow>),
    Gone(Gone),
}

/// An account whose holder was erased.
struct Gone {
    id: Uuid,
    tenant: TenantId,
    erased_at: Option<DateTime<Utc>>,
    position: i64,
    version: i64,
}

impl StreamRow for Slot {
    type Fact = AccountEvent;

    fn stream_id(&self) -> Uuid {
        match self {
            Self::Open(row) => row.id,
            Self::Gone(gone) => gone.id,
        }
    }

    fn version(&self) -> i64 {
        match self {
            Self::Open(row) => row.version,
            Self::Gone(gone) => gone.version,
        }
    }

    fn after(slot: Option<Self>, event: &Recorded, fact: AccountEvent) -> Option<Self> {
        let erased_at = match &fact {
            AccountEvent::Erased(_) => Some(event.occurred_at),
            AccountEvent::Registered(_)
            | AccountEvent::Renamed(_)
            | AccountEvent::LanguageChanged(_)
            | AccountEvent::PhoneChanged(_)
            | AccountEvent::ConsentGiven(_)
            | AccountEvent::ConsentWithdrawn(_)
            | AccountEvent::BotBlocked(_)
            | AccountEvent::BotUnblocked(_)
            | AccountEvent::ReadingReminderAsked(_)
            | AccountEvent::ReadingRemindersMuted(_)
            | AccountEvent::ReadingRemindersUnmuted(_)
            | AccountEvent::ReadingReminderPostponed(_)
            | AccountEvent::ReadingReminderDue(_) => None,
        };
        let row = match slot {
            None => None,
            Some(Self::Open(row)) => Some(*row),
            Some(Self::Gone(gone)) => {
                let erased_at = erased_at.or(gone.erased_at);
                return Some(Self::Gone(Gone::after(event, erased_at)));
            }
        };
        match after(row, event, fact) {
            Change::To(row) => Some(Self::Open(row)),
            Change::Gone => Some(Self::Gone(Gone::after(event, erased_at))),
            Change::NoRow => None,
        }
    }
}

impl Gone {
    fn after(event: &Recorded, erased_at: Option<DateTime<Utc>>) -> Self {
        Self {
            id: event.stream_id,
            tenant: event.tenant.clone(),
            erased_at,
            position: event.position,
            version: event.version,
        }
    }
}

/// What an event makes of an open account.
enum Change {
    To(Box<AccountRow>),
    /// Its holder was erased. A redacted value says so too: when a read model is built anew, the key
    /// is gone long before the event is read that tells of it.
    Gone,
    /// There was none.
    NoRow,
}

fn after(row: Option<AccountRow>, event: &Recorded, fact: AccountEvent) -> Change {
    let Ok(row) = changed(row, event, fact) else { return Change::Gone };
    match row {
        Some(mut row) => {
            row.position = event.position;
            row.version = event.version;
            Change::To(Box::new(row))
        }
        None => Change::NoRow,
    }
}
/// The value is gone, and with it the person.
struct Redacted;

fn known<T>(value: Personal<T>) -> Result<T, Redacted> {
    value.into_known().ok_or(Redacted)
}

fn changed(
    row: Option<AccountRow>,
    event: &Recorded,
    fact: AccountEvent,
) -> Result<Option<AccountRow>, Redacted> {
    if let AccountEvent::Registered(registered) = fact {
        return opened(event, registered).map(Some);
    }
    let Some(mut row) = row else { return Ok(None) };
    match fact {
        AccountEvent::Registered(_) => {}
        AccountEvent::Renamed(renamed) => row.display_name = known(renamed.display_name)?,
        AccountEvent::LanguageChanged(changed) => row.language = changed.language,
        AccountEvent::PhoneChanged(changed) => {
            row.phone = changed.phone.map(known).transpose()?;
        }
        AccountEvent::ConsentGiven(given) => {
            row.consent = Some(Consent {
                document_version: given.document_version,
                given_at: event.occurred_at,
            });
        }
        AccountEvent::ConsentWithdrawn(_) => row.consent = None,
        AccountEvent::BotBlocked(blocked) => {
            if let Err(place) = row.bots_blocked.binary_search(&blocked.bot) {
                row.bots_blocked.insert(place, blocked.bot);
            }
        }
        AccountEvent::BotUnblocked(unblocked) => {
            row.bots_blocked.retain(|bot| *bot != unblocked.bot);
        }
        AccountEvent::ReadingRemindersMuted(_) => row.reminders_muted = true,
        AccountEvent::ReadingRemindersUnmuted(_) => row.reminders_muted = false,
        // They change the version alone, which whoever pins a command must know.
        AccountEvent::ReadingReminderAsked(_)
        | AccountEvent::ReadingReminderPostponed(_)
        | AccountEvent::ReadingReminderDue(_) => {}
        AccountEvent::Erased(_) => return Err(Redacted),
    }
    Ok(Some(row))
}

fn opened(event: &Recorded, registered: Registered) -> Result<AccountRow, Redacted> {
    Ok(AccountRow {
        tenant: event.tenant.clone(),
        id: event.stream_id,
        display_name: known(registered.display_name)?,
        language: registered.language,
        phone: registered.phone.map(known).transpose()?,
        consent: None,
        origin: known(registered.origin)?,
        bots_blocked: Vec::new(),
        reminders_muted: false,
        registered_at: event.occurred_at,
        created_position: event.position,
        position: event.position,
        version: event.version,
    })
}

/// A row of `account_erasures`: account, tenant, when, position, version.
type GoneRow = (Uuid, String, Option<DateTime<Utc>>, i64, i64);

/// Reads what the tables hold of these accounts.
async fn load(db: &mut PgConnection, streams: Vec<Uuid>) -> Result<Vec<Slot>, ApplyError> {
    let gone: Vec<GoneRow> = sqlx::query_as(
        "select id, tenant, erased_at, position, version from account_erasures where id = any($1)",
    )
    .bind(&streams)
    .fetch_all(&mut *db)
    .await?;
    let open: Vec<AccountRow> = sqlx::query_as(select_accounts!("where id = any($1)"))
        .bind(streams)
        .fetch_all(&mut *db)
        .await?;
    let mut slots: Vec<Slot> = open.into_iter().map(|row| Slot::Open(Box::new(row))).collect();
    for (id, tenant, erased_at, position, version) in gone {
        let tenant = tenant.parse().map_err(event_error)?;
        slots.push(Slot::Gone(Gone { id, tenant, erased_at, position, version }));
    }
    Ok(slots)
}

/// Deletes the rows of erased people and notes that they are gone.
async fn bury(db: &mut PgConnection, gone: &[Gone]) -> Result<(), ApplyError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from account_directory where id = any($1)")
        .bind(column(gone, |gone| gone.id))
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "insert into account_erasures as row (id, tenant, erased_at, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::bigint[], \
             $5::bigint[]) \
         on conflict (id) do update set erased_at = excluded.erased_at, \
             position = excluded.position, version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(gone, |gone| gone.id))
    .bind(column(gone, |gone| gone.tenant.as_str()))
    .bind(column(gone, |gone| gone.erased_at))
    .bind(column(gone, |gone| gone.position))
    .bind(column(gone, |gone| gone.version))
    .execute(db)
    .await?;
    Ok(())
}

/// An origin as columns.
#[derive(Default)]
struct OriginColumns<'a> {
    kind: &'static str,
    bot: Option<&'a str>,
    user_id: Option<i64>,
    username: Option<&'a str>,
    external_id: Option<&'a str>,
}

fn origin_columns(row: &AccountRow) -> OriginColumns<'_> {
    match &row.origin {
        Origin::Telegram { bot, user_id, username } => OriginColumns {
            kind: "telegram",
            bot: Some(bot),
            user_id: Some(*user_id),
            username: username.as_deref(),
            external_id: None,
        },
        Origin::Api { external_id } => OriginColumns {
            kind: "api",
            external_id: external_id.as_deref(),
            ..OriginColumns::default()
        },
    }
}

async fn write(db: &mut PgConnection, rows: &[AccountRow]) -> Result<(), ApplyError> {
    let origins = column_of_origins(rows);
    // Names of bots are slugs of the configuration; JSON carries them past `unnest`, which would
    // flatten an array of arrays.
    let bots_blocked = column(rows, |row| serde_json::Value::from(row.bots_blocked.clone()));
    sqlx::query(
        "insert into account_directory as row (id, tenant, display_name, language, phone, \
             consent_version, consent_at, origin_kind, telegram_bot, telegram_user_id, \
             telegram_username, external_id, bots_blocked, registered_at, created_position, \
             position, version, reminders_muted) \
         select id, tenant, name, language, phone, consent_version, consent_at, kind, bot, \
             user_id, username, external_id, \
             array(select jsonb_array_elements_text(blocked)), registered_at, created_position, \
             position, version, muted \
         from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
             $7::timestamptz[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], \
             $13::jsonb[], $14::timestamptz[], $15::bigint[], $16::bigint[], $17::bigint[], \
             $18::boolean[]) \
             as page (id, tenant, name, language, phone, consent_version, consent_at, kind, bot, \
             user_id, username, external_id, blocked, registered_at, created_position, position, \
             version, muted) \
         on conflict (id) do update set display_name = excluded.display_name, \
             language = excluded.language, phone = excluded.phone, \
             consent_version = excluded.consent_version, consent_at = excluded.consent_at, \
             bots_blocked = excluded.bots_blocked, position = excluded.position, \
             version = excluded.version, reminders_muted = excluded.reminders_muted \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.display_name.as_str()))
    .bind(column(rows, |row| row.language.code()))
    .bind(column(rows, |row| row.phone.as_ref().map(|phone| phone.as_str())))
    .bind(column(rows, |row| row.consent.as_ref().map(|it| it.document_version.as_str())))
    .bind(column(rows, |row| row.consent.as_ref().map(|it| it.given_at)))
    .bind(column(&origins, |origin| origin.kind))
    .bind(column(&origins, |origin| origin.bot))
    .bind(column(&origins, |origin| origin.user_id))
    .bind(column(&origins, |origin| origin.username))
    .bind(column(&origins, |origin| origin.external_id))
    .bind(bots_blocked)
    .bind(column(rows, |row| row.registered_at))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.reminders_muted))
    .execute(db)
    .await?;
    Ok(())
}

fn column_of_origins(rows: &[AccountRow]) -> Vec<OriginColumns<'_>> {
    rows.iter().map(origin_columns).collect()
}
