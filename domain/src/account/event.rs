//! What has happened to an account.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::{DisplayName, Language, Phone};

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
