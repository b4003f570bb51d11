//! What a command to an account leads to.

use uuid::Uuid;

use super::{
    Account, AccountCommand, AccountEvent, AccountRefusal, BotBlocked, BotName, BotUnblocked,
    ConsentGiven, ConsentWithdrawn, Erased, GiveConsent, LanguageChanged, Origin, PhoneChanged,
    ReadingRemindersMuted, ReadingRemindersUnmuted, Register, Registered, Renamed,
    reminders::{decide_ask, decide_remind},
    state::Holder,
};
use crate::{Actor, Decider, Issued, values::plain_text};

/// The longest version of a consent text, in characters: a date or a short number.
const DOCUMENT_VERSION_LENGTH_MAX: usize = 20;
/// The longest bot name of the configuration, in characters.
const BOT_LENGTH_MAX: usize = 40;
/// The longest public name, in characters; Telegram itself allows 32.
const USERNAME_LENGTH_MAX: usize = 64;
/// The longest customer number of another system, in characters.
const EXTERNAL_ID_LENGTH_MAX: usize = 80;
/// How many blocked bots are remembered: far more than one tenant runs, and few enough that the
/// state of an account stays small.
const BLOCKED_BOTS_MAX: usize = 20;

type Decision = Result<Vec<AccountEvent>, AccountRefusal>;

impl Decider for Account {
    type Order = AccountCommand;
    type Fact = AccountEvent;
    type Reason = AccountRefusal;

    fn decide(&self, issued: Issued<AccountCommand>) -> Decision {
        if !issued.tenant.exists {
            return Err(AccountRefusal::TenantUnknown);
        }
        match issued.actor {
            Actor::Customer { account_id } if account_id != issued.id => {
                return Err(AccountRefusal::NotAllowed);
            }
            Actor::Customer { .. } | Actor::Operator { .. } | Actor::System { .. } => {}
        }
        if self.erased {
            return match issued.command {
                AccountCommand::Erase(_) => Ok(vec![]),
                AccountCommand::Register(_)
                | AccountCommand::Rename(_)
                | AccountCommand::ChangeLanguage(_)
                | AccountCommand::ChangePhone(_)
                | AccountCommand::GiveConsent(_)
                | AccountCommand::WithdrawConsent(_)
                | AccountCommand::BlockBot(_)
                | AccountCommand::UnblockBot(_)
                | AccountCommand::AskReadingReminder(_)
                | AccountCommand::MuteReadingReminders(_)
                | AccountCommand::UnmuteReadingReminders(_)
                | AccountCommand::RemindOfReadings(_) => Err(AccountRefusal::AccountErased),
            };
        }
        match &self.holder {
            Some(holder) => decide_change(issued, holder),
            None => {
                let AccountCommand::Register(register) = issued.command else {
                    return Err(AccountRefusal::AccountUnknown);
                };
                decide_first_register(register)
            }
        }
    }

    /// The account's own holder.
    fn subject(&self, id: Uuid) -> Option<Uuid> {
        Some(id)
    }

    fn personal_fields(order: &AccountCommand) -> Option<&'static [&'static str]> {
        Some(match order {
            AccountCommand::Register(_) => &["/display_name", "/origin", "/phone"],
            AccountCommand::Rename(_) => &["/display_name"],
            AccountCommand::ChangePhone(_) => &["/phone"],
            AccountCommand::ChangeLanguage(_)
            | AccountCommand::GiveConsent(_)
            | AccountCommand::WithdrawConsent(_)
            | AccountCommand::BlockBot(_)
            | AccountCommand::UnblockBot(_)
            | AccountCommand::AskReadingReminder(_)
            | AccountCommand::MuteReadingReminders(_)
            | AccountCommand::UnmuteReadingReminders(_)
            | AccountCommand::RemindOfReadings(_)
            | AccountCommand::Erase(_) => &[],
        })
    }
}

fn decide_first_register(register: Register) -> Decision {
    let Register { display_name, language, origin, phone } = register;
    let origin = checked_origin(origin)?;
    Ok(vec![AccountEvent::Registered(Registered {
        display_name: display_name.into(),
        language,
        origin: origin.into(),
        phone: phone.map(Into::into),
    })])
}

/// Whether two origins name the same person: in Telegram the user, whichever bot they came through
/// and whatever they call themselves today; elsewhere the caller's own number.
fn same_person(known: &Origin, given: &Origin) -> bool {
    match (known, given) {
        (Origin::Telegram { user_id: known, .. }, Origin::Telegram { user_id: given, .. }) => {
            known == given
        }
        (Origin::Api { external_id: known }, Origin::Api { external_id: given }) => known == given,
        (Origin::Telegram { .. }, Origin::Api { .. })
        | (Origin::Api { .. }, Origin::Telegram { .. }) => false,
    }
}

fn checked_origin(origin: Origin) -> Result<Origin, AccountRefusal> {
    Ok(match origin {
        Origin::Telegram { bot, user_id, username } => Origin::Telegram {
            bot: checked_text("bot", &bot, BOT_LENGTH_MAX)?,
            user_id,
            username: username
                .map(|username| checked_text("username", &username, USERNAME_LENGTH_MAX))
                .transpose()?,
        },
        Origin::Api { external_id } => Origin::Api {
            external_id: external_id
                .map(|id| checked_text("external_id", &id, EXTERNAL_ID_LENGTH_MAX))
                .transpose()?,
        },
    })
}

fn decide_change(issued: Issued<AccountCommand>, holder: &Holder) -> Decision {
    let event = match issued.command.clone() {
        AccountCommand::Register(register) => {
            let origin = checked_origin(register.origin)?;
            if !holder.origin.known().is_some_and(|known| same_person(known, &origin)) {
                return Err(AccountRefusal::AccountExists);
            }
            None
        }
        AccountCommand::Rename(rename) => {
            let display_name = rename.display_name.into();
            (holder.display_name != display_name)
                .then_some(AccountEvent::Renamed(Renamed { display_name }))
        }
        AccountCommand::ChangeLanguage(change) => (change.language != holder.language).then_some(
            AccountEvent::LanguageChanged(LanguageChanged { language: change.language }),
        ),
        AccountCommand::ChangePhone(change) => {
            let phone = change.phone.map(Into::into);
            (holder.phone != phone).then_some(AccountEvent::PhoneChanged(PhoneChanged { phone }))
        }
        AccountCommand::GiveConsent(consent) => decide_consent(&consent, holder)?,
        AccountCommand::WithdrawConsent(_) => {
            holder.consent.is_some().then_some(AccountEvent::ConsentWithdrawn(ConsentWithdrawn {}))
        }
        AccountCommand::BlockBot(bot) => decide_block(&bot, holder)?,
        AccountCommand::UnblockBot(bot) => {
            let bot = checked_text("bot", &bot.bot, BOT_LENGTH_MAX)?;
            holder
                .blocked_bots
                .contains(&bot)
                .then_some(AccountEvent::BotUnblocked(BotUnblocked { bot }))
        }
        AccountCommand::AskReadingReminder(ask) => decide_ask(&ask, &issued, holder)?,
        AccountCommand::MuteReadingReminders(_) => (!holder.reminders.muted)
            .then_some(AccountEvent::ReadingRemindersMuted(ReadingRemindersMuted {})),
        AccountCommand::UnmuteReadingReminders(_) => holder
            .reminders
            .muted
            .then_some(AccountEvent::ReadingRemindersUnmuted(ReadingRemindersUnmuted {})),
        AccountCommand::RemindOfReadings(remind) => match issued.actor {
            Actor::Customer { .. } => return Err(AccountRefusal::NotAllowed),
            Actor::Operator { .. } | Actor::System { .. } => {
                decide_remind(remind, &issued, holder)?
            }
        },
        AccountCommand::Erase(erase) => Some(AccountEvent::Erased(Erased { ground: erase.ground })),
    };
    Ok(event.into_iter().collect())
}

fn decide_consent(
    consent: &GiveConsent,
    holder: &Holder,
) -> Result<Option<AccountEvent>, AccountRefusal> {
    let document_version =
        checked_text("document_version", &consent.document_version, DOCUMENT_VERSION_LENGTH_MAX)?;
    if holder.consent.as_ref() == Some(&document_version) {
        return Ok(None);
    }
    Ok(Some(AccountEvent::ConsentGiven(ConsentGiven { document_version })))
}

fn decide_block(bot: &BotName, holder: &Holder) -> Result<Option<AccountEvent>, AccountRefusal> {
    let bot = checked_text("bot", &bot.bot, BOT_LENGTH_MAX)?;
    if holder.blocked_bots.contains(&bot) {
        return Ok(None);
    }
    if holder.blocked_bots.len() >= BLOCKED_BOTS_MAX {
        return Err(AccountRefusal::TooManyBots { bots_max: BLOCKED_BOTS_MAX });
    }
    Ok(Some(AccountEvent::BotBlocked(BotBlocked { bot })))
}

fn checked_text(field: &str, text: &str, length_max: usize) -> Result<String, AccountRefusal> {
    plain_text(text, 1..=length_max)
        .ok_or_else(|| AccountRefusal::TextOutOfRange { field: field.to_owned(), length_max })
}
