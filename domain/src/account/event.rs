//! What has happened to an account.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::{
    DisplayName, EventBody, EventDecodeError, EventSchema, Language, Phone,
    decider::{decode_payload, domain_event},
};

/// A fact about an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AccountEvent {
    /// `account.registered`
    Registered(Registered),
    /// `account.renamed`
    Renamed(Renamed),
    /// `account.language_changed`
    LanguageChanged(LanguageChanged),
    /// `account.phone_changed`
    PhoneChanged(PhoneChanged),
    /// `account.consent_given`
    ConsentGiven(ConsentGiven),
    /// `account.consent_withdrawn`
    ConsentWithdrawn(ConsentWithdrawn),
    /// `account.bot_blocked`
    BotBlocked(BotBlocked),
    /// `account.bot_unblocked`
    BotUnblocked(BotUnblocked),
}

impl EventBody for AccountEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("account.registered", 1),
        EventSchema::new("account.renamed", 1),
        EventSchema::new("account.language_changed", 1),
        EventSchema::new("account.phone_changed", 1),
        EventSchema::new("account.consent_given", 1),
        EventSchema::new("account.consent_withdrawn", 1),
        EventSchema::new("account.bot_blocked", 1),
        EventSchema::new("account.bot_unblocked", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Registered(_) => "account.registered",
            Self::Renamed(_) => "account.renamed",
            Self::LanguageChanged(_) => "account.language_changed",
            Self::PhoneChanged(_) => "account.phone_changed",
            Self::ConsentGiven(_) => "account.consent_given",
            Self::ConsentWithdrawn(_) => "account.consent_withdrawn",
            Self::BotBlocked(_) => "account.bot_blocked",
            Self::BotUnblocked(_) => "account.bot_unblocked",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Registered(_)
            | Self::Renamed(_)
            | Self::LanguageChanged(_)
            | Self::PhoneChanged(_)
            | Self::ConsentGiven(_)
            | Self::ConsentWithdrawn(_)
            | Self::BotBlocked(_)
            | Self::BotUnblocked(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Registered(payload) => serde_json::to_string(payload),
            Self::Renamed(payload) => serde_json::to_string(payload),
            Self::LanguageChanged(payload) => serde_json::to_string(payload),
            Self::PhoneChanged(payload) => serde_json::to_string(payload),
            Self::ConsentGiven(payload) => serde_json::to_string(payload),
            Self::ConsentWithdrawn(payload) => serde_json::to_string(payload),
            Self::BotBlocked(payload) => serde_json::to_string(payload),
            Self::BotUnblocked(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("account.registered", 1) => decode_payload(wire_type, payload).map(Self::Registered),
            ("account.renamed", 1) => decode_payload(wire_type, payload).map(Self::Renamed),
            ("account.language_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::LanguageChanged)
            }
            ("account.phone_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::PhoneChanged)
            }
            ("account.consent_given", 1) => {
                decode_payload(wire_type, payload).map(Self::ConsentGiven)
            }
            ("account.consent_withdrawn", 1) => {
                decode_payload(wire_type, payload).map(Self::ConsentWithdrawn)
            }
            ("account.bot_blocked", 1) => decode_payload(wire_type, payload).map(Self::BotBlocked),
            ("account.bot_unblocked", 1) => {
                decode_payload(wire_type, payload).map(Self::BotUnblocked)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(AccountEvent);

/// The account was opened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Registered {
    /// What the holder is called.
    pub display_name: DisplayName,
    /// The language they are addressed in.
    pub language: Language,
    /// Where they came from.
    pub origin: Origin,
    /// Their telephone number, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
}

/// The holder got another name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Renamed {
    /// What the holder is called from now on.
    pub display_name: DisplayName,
}

/// The language changed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LanguageChanged {
    /// The language from now on.
    pub language: Language,
}

/// The telephone number changed or was removed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PhoneChanged {
    /// The number from now on.
    pub phone: Option<Phone>,
}

/// Consent to the processing of personal data was given.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ConsentGiven {
    /// The version of the text that was shown.
    pub document_version: String,
}

/// Consent was withdrawn.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ConsentWithdrawn {}

/// The holder blocked a bot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BotBlocked {
    /// The bot's name in the configuration.
    pub bot: String,
}

/// The holder unblocked a bot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BotUnblocked {
    /// The bot's name in the configuration.
    pub bot: String,
}
