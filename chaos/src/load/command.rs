//! One command, as it goes over NATS and over HTTP: the same id and the same question either way.

use std::collections::BTreeMap;

use kontor_domain::{
    Language, Quantity, TenantId,
    account::{self, AccountCommand, Origin, Rename},
    meter::{self, MeterCommand, MeterKind, MeterRules, ReadingSource, SubmitReading, Zone},
    tenant::{Create, TenantCommand, TenantKind},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::senders::NewId;

/// A command.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// The command id, and the `Idempotency-Key` that makes it.
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) stream: Uuid,
    pub(crate) aggregate: &'static str,
    /// As the aggregate takes it.
    pub(crate) body: Value,
    /// As the API takes it, for what is sent over HTTP.
    pub(crate) request: Option<(Method, String, Value)>,
}

impl Command {
    fn new(id: NewId, (aggregate, stream): (&'static str, Uuid), body: Value) -> Self {
        Self { id: id.id, key: id.key, stream, aggregate, body, request: None }
    }

    pub(super) fn open_tenant(id: NewId, tenant: &TenantId) -> anyhow::Result<Self> {
        let create = TenantCommand::Create(Create {
            name: "Хаос".parse()?,
            kind: TenantKind::Utility,
            language: Language::Ru,
            time_zone: chrono_tz::UTC,
            // People in chats send readings on every day.
            meter_rules: MeterRules {
                window_first_day: 1,
                window_last_day: 31,
                ..MeterRules::default()
            },
        });
        Ok(Self::new(id, ("tenant", tenant.stream_id()), serde_json::to_value(create)?))
    }

    pub(super) fn register_account(id: NewId, account: Uuid) -> anyhow::Result<Self> {
        let register = AccountCommand::Register(account::Register {
            display_name: "Анна Петрова".parse()?,
            language: Language::Ru,
            origin: Origin::Api { external_id: None },
            phone: None,
        });
        Ok(Self::new(id, ("account", account), serde_json::to_value(register)?))
    }

    /// The account of a person who came through a bot.
    pub(crate) fn register_person(
        id: NewId,
        account: Uuid,
        ((bot, user_id), name): ((&str, i64), &str),
    ) -> anyhow::Result<Self> {
        let register = AccountCommand::Register(account::Register {
            display_name: name.parse()?,
            language: Language::Ru,
            origin: Origin::Telegram { bot: bot.to_owned(), user_id, username: None },
            phone: None,
        });
        Ok(Self::new(id, ("account", account), serde_json::to_value(register)?))
    }

    pub(crate) fn consent(id: NewId, account: Uuid) -> anyhow::Result<Self> {
        let document_version = "2026-11".to_owned();
        let consent = AccountCommand::GiveConsent(account::GiveConsent { document_version });
        Ok(Self::new(id, ("account", account), serde_json::to_value(consent)?))
    }

    pub(crate) fn erase(id: NewId, account: Uuid) -> anyhow::Result<Self> {
        let erase =
            AccountCommand::Erase(account::Erase { ground: account::ErasureGround::default() });
        Ok(Self::new(id, ("account", account), serde_json::to_value(erase)?))
    }

    /// Reminders would come whenever their day does.
    pub(crate) fn mute(id: NewId, account: Uuid) -> anyhow::Result<Self> {
        let mute = AccountCommand::MuteReadingReminders(account::MuteReadingReminders {});
        Ok(Self::new(id, ("account", account), serde_json::to_value(mute)?))
    }

    pub(crate) fn register_meter(
        id: NewId,
        meter: Uuid,
        (owner, place): (Uuid, &str),
    ) -> anyhow::Result<Self> {
        let register = MeterCommand::Register(meter::Register {
            account_id: owner,
            kind: MeterKind::Electricity,
            zones: 1,
            digits: 9,
            serial_number: format!("Х-{}", meter.simple()),
            place: place.to_owned(),
            verification_due_on: None,
            initial_values_milli: BTreeMap::from([(Zone::T1, Quantity(1))]),
        });
        Ok(Self::new(id, ("meter", meter), serde_json::to_value(register)?))
    }

    pub(super) fn rename(id: NewId, account: Uuid, name: &str) -> anyhow::Result<Self> {
        let rename = AccountCommand::Rename(Rename { display_name: name.parse()? });
        let path = format!("/v1/accounts/{account}");
        let request = (Method::PATCH, path, json!({ "display_name": name }));
        let command = Self::new(id, ("account", account), serde_json::to_value(rename)?);
        Ok(Self { request: Some(request), ..command })
    }

    /// A reading by import, which is bound to no window and asks for no confirmation.
    pub(crate) fn submit(id: NewId, meter: Uuid, value_milli: i64) -> anyhow::Result<Self> {
        let value = Quantity(value_milli);
        let submit = MeterCommand::SubmitReading(SubmitReading {
            reading_id: id.id,
            values_milli: BTreeMap::from([(Zone::T1, value)]),
            taken_on: None,
            source: ReadingSource::Import,
            confirmed: false,
            photo: None,
        });
        let path = format!("/v1/meters/{meter}/readings");
        let values = json!({ "t1": value.to_string() });
        let request = (Method::POST, path, json!({ "values": values, "source": "import" }));
        let command = Self::new(id, ("meter", meter), serde_json::to_value(submit)?);
        Ok(Self { request: Some(request), ..command })
    }
}
