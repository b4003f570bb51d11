//! What can be asked of an account.

use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Origin, ReminderOccasion};
use crate::{DisplayName, Language, Phone, ValueError};

/// A command to an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AccountCommand {
    /// Opens the account.
    Register(Register),
    /// Gives its holder another name.
    Rename(Rename),
    /// Changes the language it is addressed in.
    ChangeLanguage(ChangeLanguage),
    /// Changes or removes its telephone number.
    ChangePhone(ChangePhone),
    /// Records consent to the processing of personal data.
    GiveConsent(GiveConsent),
    /// Withdraws that consent.
    WithdrawConsent(WithdrawConsent),
    /// Records that the holder blocked a bot.
    BlockBot(BotName),
    /// Records that the holder unblocked a bot.
    UnblockBot(BotName),
    /// Asks to be told when readings are taken again.
    AskReadingReminder(AskReadingReminder),
    /// Switches the reminders before the end of a window off.
    MuteReadingReminders(MuteReadingReminders),
    /// Switches them on again.
    UnmuteReadingReminders(UnmuteReadingReminders),
    /// Reminds the holder. Sent by Kontor itself when a reminder is due.
    RemindOfReadings(RemindOfReadings),
    /// Erases everything personal about the holder, for good.
    Erase(Erase),
}

/// Opens an account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
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

/// Gives the holder another name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// What the holder is called from now on.
    pub display_name: DisplayName,
}

/// Changes the language.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeLanguage {
    /// The language from now on.
    pub language: Language,
}

/// Changes or removes the telephone number.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePhone {
    /// The number from now on; none removes it.
    pub phone: Option<Phone>,
}

/// Records consent to the processing of personal data.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GiveConsent {
    /// The version of the text that was shown, such as `2026-11`.
    pub document_version: String,
}

/// Withdraws consent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawConsent {}

/// Names a bot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BotName {
    /// The bot's name in the configuration.
    pub bot: String,
}

/// Asks to be told when readings are taken again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AskReadingReminder {}

/// Switches the reminders before the end of a window off.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MuteReadingReminders {}

/// Switches the reminders on again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnmuteReadingReminders {}

/// Reminds the holder of readings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RemindOfReadings {
    /// Why.
    pub occasion: ReminderOccasion,
    /// The month, as its first day.
    pub period: NaiveDate,
}

/// Erases everything personal about the holder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// Why.
    pub ground: ErasureGround,
}

/// Why a person is erased. A choice and no text: the record of an erasure stays in clear for ever,
/// so it must not be able to name the person.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasureGround {
    /// The person asked for it.
    #[default]
    PersonAsked,
    /// The person withdrew the consent that the data was kept under.
    ConsentWithdrawn,
    /// The purpose that the data was kept for is over.
    PurposeEnded,
    /// An authority or a court ordered it.
    AuthorityOrdered,
}

impl FromStr for ErasureGround {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "person_asked" => Ok(Self::PersonAsked),
            "consent_withdrawn" => Ok(Self::ConsentWithdrawn),
            "purpose_ended" => Ok(Self::PurposeEnded),
            "authority_ordered" => Ok(Self::AuthorityOrdered),
            _ => Err(ValueError(
                "a ground is `person_asked`, `consent_withdrawn`, `purpose_ended` or \
                 `authority_ordered`"
                    .into(),
            )),
        }
    }
}
