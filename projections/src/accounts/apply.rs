//! Events in, rows out.

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    account::{AccountEvent, Origin, Registered},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountRow, Accounts, Consent, select_accounts};
use crate::{
    ApplyError, Projection,
    columns::column,
    streams::{StreamRow, continued, fold},
};

#[async_trait]
impl Projection for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn version(&self) -> i32 {
        1
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
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["account_directory"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_accounts!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        write(db, &fold(loaded, events)?).await
    }
}

impl StreamRow for AccountRow {
    type Fact = AccountEvent;

    fn stream_id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn after(row: Option<Self>, event: &Recorded, fact: AccountEvent) -> Option<Self> {
        let mut row = match fact {
            AccountEvent::Registered(registered) => opened(event, registered),
            AccountEvent::Renamed(renamed) => Self { display_name: renamed.display_name, ..row? },
            AccountEvent::LanguageChanged(changed) => Self { language: changed.language, ..row? },
            AccountEvent::PhoneChanged(changed) => Self { phone: changed.phone, ..row? },
            AccountEvent::ConsentGiven(given) => {
                let consent = Consent {
                    document_version: given.document_version,
                    given_at: event.occurred_at,
                };
                Self { consent: Some(consent), ..row? }
            }
            AccountEvent::ConsentWithdrawn(_) => Self { consent: None, ..row? },
            AccountEvent::BotBlocked(blocked) => {
                let mut row = row?;
                if let Err(place) = row.bots_blocked.binary_search(&blocked.bot) {
                    row.bots_blocked.insert(place, blocked.bot);
                }
                row
            }
            AccountEvent::BotUnblocked(unblocked) => {
                let mut row = row?;
                row.bots_blocked.retain(|bot| *bot != unblocked.bot);
                row
            }
            AccountEvent::ReadingRemindersMuted(_) => Self { reminders_muted: true, ..row? },
            AccountEvent::ReadingRemindersUnmuted(_) => Self { reminders_muted: false, ..row? },
            // They change the version alone, which whoever pins a command must know.
            AccountEvent::ReadingReminderAsked(_)
            | AccountEvent::ReadingReminderPostponed(_)
            | AccountEvent::ReadingReminderDue(_) => row?,
        };
        row.position = event.position;
        row.version = event.version;
        Some(row)
    }
}

fn opened(event: &Recorded, registered: Registered) -> AccountRow {
    AccountRow {
        tenant: event.tenant.clone(),
        id: event.stream_id,
        display_name: registered.display_name,
        language: registered.language,
        phone: registered.phone,
        consent: None,
        origin: registered.origin,
        bots_blocked: Vec::new(),
        reminders_muted: false,
        registered_at: event.occurred_at,
        created_position: event.position,
        position: event.position,
        version: event.version,
    }
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
