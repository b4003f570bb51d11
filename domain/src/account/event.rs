//! What has happened to an account.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{ErasureGround, Origin, ReminderOccasion};
use crate::{
    DisplayName, EventBody, EventDecodeError, EventSchema, Language, Personal, Phone,
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
    /// `account.reading_reminder_asked`
    ReadingReminderAsked(ReadingReminderAsked),
    /// `account.reading_reminders_muted`
    ReadingRemindersMuted(ReadingRemindersMuted),
    /// `account.reading_reminders_unmuted`
    ReadingRemindersUnmuted(ReadingRemindersUnmuted),
    /// `account.reading_reminder_postponed`
    ReadingReminderPostponed(ReadingReminderPostponed),
    /// `account.reading_reminder_due`
    ReadingReminderDue(ReadingReminderDue),
    /// `account.erased`
    Erased(Erased),
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
        EventSchema::new("account.reading_reminder_asked", 1),
        EventSchema::new("account.reading_reminders_muted", 1),
        EventSchema::new("account.reading_reminders_unmuted", 1),
        EventSchema::new("account.reading_reminder_postponed", 1),
        EventSchema::new("account.reading_reminder_due", 1),
        EventSchema::new("account.erased", 1),
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
            Self::ReadingReminderAsked(_) => "account.reading_reminder_asked",
            Self::ReadingRemindersMuted(_) => "account.reading_reminders_muted",
            Self::ReadingRemindersUnmuted(_) => "account.reading_reminders_unmuted",
            Self::ReadingReminderPostponed(_) => "account.reading_reminder_postponed",
            Self::ReadingReminderDue(_) => "account.reading_reminder_due",
            Self::Erased(_) => "account.erased",
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
            | Self::BotUnblocked(_)
            | Self::ReadingReminderAsked(_)
            | Self::ReadingRemindersMuted(_)
            | Self::ReadingRemindersUnmuted(_)
            | Self::ReadingReminderPostponed(_)
            | Self::ReadingReminderDue(_)
            | Self::Erased(_) => 1,
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
            Self::ReadingReminderAsked(payload) => serde_json::to_string(payload),
            Self::ReadingRemindersMuted(payload) => serde_json::to_string(payload),
            Self::ReadingRemindersUnmuted(payload) => serde_json::to_string(payload),
            Self::ReadingReminderPostponed(payload) => serde_json::to_string(payload),
            Self::ReadingReminderDue(payload) => serde_json::to_string(payload),
            Self::Erased(payload) => serde_json::to_string(payload),
        }
    }

    fn personal_fields(&self) -> &'static [&'static str] {
        match self {
            // The origin names a person in Telegram or in the caller's own system.
            Self::Registered(_) => &["/display_name", "/origin", "/phone"],
            Self::Renamed(_) => &["/display_name"],
            Self::PhoneChanged(_) => &["/phone"],
            Self::LanguageChanged(_)
            | Self::ConsentGiven(_)
            | Self::ConsentWithdrawn(_)
            | Self::BotBlocked(_)
            | Self::BotUnblocked(_)
            | Self::ReadingReminderAsked(_)
            | Self::ReadingRemindersMuted(_)
            | Self::ReadingRemindersUnmuted(_)
            | Self::ReadingReminderPostponed(_)
            | Self::ReadingReminderDue(_)
            | Self::Erased(_) => &[],
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
            ("account.reading_reminder_asked", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingReminderAsked)
            }
            ("account.reading_reminders_muted", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingRemindersMuted)
            }
            ("account.reading_reminders_unmuted", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingRemindersUnmuted)
            }
            ("account.reading_reminder_postponed", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingReminderPostponed)
            }
            ("account.reading_reminder_due", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingReminderDue)
            }
            ("account.erased", 1) => decode_payload(wire_type, payload).map(Self::Erased),
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(AccountEvent);

/// The account was opened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Registered {
    /// What the holder is called.
    pub display_name: Personal<DisplayName>,
    /// The language they are addressed in.
    pub language: Language,
    /// Where they came from.
    pub origin: Personal<Origin>,
    /// Their telephone number, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal<Phone>>,
}

/// The holder got another name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Renamed {
    /// What the holder is called from now on.
    pub display_name: Personal<DisplayName>,
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
    pub phone: Option<Personal<Phone>>,
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

/// The holder wants to be told when readings are taken again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingReminderAsked {
    /// The month of that window, as its first day.
    pub period: NaiveDate,
    /// The tenant's local day on which it opens.
    pub opens_on: NaiveDate,
    /// When they are to be told.
    pub due_at: DateTime<Utc>,
}

/// The holder wants no reminders before the end of a window.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingRemindersMuted {}

/// The holder wants them again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingRemindersUnmuted {}

/// A reminder came at a time at which nobody is disturbed, or too early.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingReminderPostponed {
    /// Why the holder is reminded.
    pub occasion: ReminderOccasion,
    /// The month, as its first day.
    pub period: NaiveDate,
    /// When it comes instead.
    pub due_at: DateTime<Utc>,
}

/// The holder is to be reminded of readings now.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingReminderDue {
    /// Why.
    pub occasion: ReminderOccasion,
    /// The month, as its first day.
    pub period: NaiveDate,
    /// The tenant's last local day on which its readings are taken.
    pub closes_on: NaiveDate,
}

/// Everything personal about the holder was erased. Who did it stands in the event's metadata.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Erased {
    /// Why.
    pub ground: ErasureGround,
}
