//! The first meeting: greeting, language, consent. Nothing about a person is registered before
//! they consent.

use std::sync::Arc;

use kontor_domain::{
    DisplayName, Language, ValueError,
    account::{AccountCommand, AccountRefusal, ChangeLanguage, GiveConsent, Origin, Register},
};

use super::{
    CONSENT_VERSION, CONSENT_VERSION_CREDITS, Reply, Schema, credits,
    menu::{Intent, main_keyboard},
    refusals, when,
};
use crate::{
    dialogue::Step,
    input::Person,
    offer::Offer,
    outgoing::{Outgoing, button},
    press::Press,
    texts::{Voice, say},
    turn::{Turn, Verdict},
};

/// The numbers of this module's commands; see [`Turn::send`].
const REGISTER: u8 = 0;
const CONSENT: u8 = 1;
const LANGUAGE: u8 = 0;

pub(super) fn schema() -> Schema {
    dptree::entry()
        .branch(when(|turn| turn.intent == Some(Intent::Start), start))
        .branch(when(|turn| turn.intent == Some(Intent::Language), ask_language))
        .branch(when(|turn| matches!(turn.press, Some(Press::Language(_))), choose_language))
        .branch(when(|turn| turn.press == Some(Press::Consent), consent))
        .branch(when(|turn| !turn.is_customer(), ask_consent_first))
}

/// Greets: by name the first time, shortly later. What a deep link carries is taken and not used.
async fn start(turn: Arc<Turn>) -> Reply {
    if turn.is_customer() {
        let text = say!(turn.voice, "welcome-back");
        let message = Outgoing::text(text).keyboard(&main_keyboard(turn.voice, turn.offer()));
        let effects = turn.effects().idle().say(message);
        return if turn.offer().credits {
            credits::add_card(&turn, effects).await
        } else {
            Ok(effects)
        };
    }
    let mut effects = turn.effects().idle();
    if !turn.dialogue.greeted {
        effects = effects.say(Outgoing::text(greeting(&turn)));
        effects.dialogue.greeted = true;
    }
    let question =
        consent_question(turn.voice, Outgoing::text(consent_text(turn.voice, turn.offer())));
    Ok(effects.ask(&turn, Step::Idle, question))
}

fn greeting(turn: &Turn) -> String {
    let tenant = turn.tenant.name.to_string();
    let voice = turn.voice;
    match (first_name(&turn.input.person), turn.offer().meters) {
        (Some(name), true) => say!(voice, "greeting", name = name, tenant = tenant),
        (None, true) => say!(voice, "greeting-nameless", tenant = tenant),
        (Some(name), false) => say!(voice, "greeting-credits", name = name, tenant = tenant),
        (None, false) => say!(voice, "greeting-credits-nameless", tenant = tenant),
    }
}

async fn ask_consent_first(turn: Arc<Turn>) -> Reply {
    let text = say!(turn.voice, "consent-first");
    let question =
        consent_question(turn.voice, Outgoing::text(consent_text(turn.voice, turn.offer())));
    Ok(turn.effects().say(Outgoing::text(text)).ask(&turn, Step::Idle, question))
}

/// What people agree to, with its version in [`consent_version`].
fn consent_text(voice: Voice, offer: Offer) -> String {
    match (offer.meters, offer.credits) {
        (_, false) => say!(voice, "consent-ask"),
        (false, true) => say!(voice, "consent-ask-credits"),
        (true, true) => say!(voice, "consent-ask-both"),
    }
}

fn consent_version(offer: Offer) -> String {
    if offer.credits { CONSENT_VERSION_CREDITS } else { CONSENT_VERSION }.to_owned()
}

fn consent_question(voice: Voice, message: Outgoing) -> Outgoing {
    message.buttons(vec![
        vec![button(say!(voice, "consent-button"), Press::Consent.to_string())],
        vec![other_language_button(voice)],
    ])
}

/// The button that changes to the other language, labelled in that language.
pub(super) fn other_language_button(voice: Voice) -> teloxide::types::InlineKeyboardButton {
    let other = match voice.language() {
        Language::Ru => Language::En,
        Language::En => Language::Ru,
    };
    language_button(other)
}

fn language_button(language: Language) -> teloxide::types::InlineKeyboardButton {
    let name = say!(Voice::new(language), "language-name");
    button(name, Press::Language(language).to_string())
}

async fn ask_language(turn: Arc<Turn>) -> Reply {
    let message = Outgoing::text(say!(turn.voice, "language-ask"))
        .buttons(vec![vec![language_button(Language::Ru), language_button(Language::En)]]);
    Ok(turn.effects().idle().say(message))
}

async fn choose_language(turn: Arc<Turn>) -> Reply {
    let Some(Press::Language(language)) = turn.press else {
        return Ok(turn.effects());
    };
    let voice = Voice::new(language);
    let mut effects = turn.effects().idle();
    effects.dialogue.language = Some(language);
    if !turn.is_customer() {
        let text = consent_text(voice, turn.offer());
        return Ok(effects.ask(&turn, Step::Idle, consent_question(voice, turn.reply(text))));
    }
    let command = AccountCommand::ChangeLanguage(ChangeLanguage { language });
    match turn.send(LANGUAGE, ("account", turn.account_id()), &command).await? {
        Verdict::Accepted(accepted) => {
            turn.see(&["accounts"], &accepted).await?;
            let menu = Outgoing::text(say!(voice, "menu-here"))
                .keyboard(&main_keyboard(voice, turn.offer()));
            Ok(effects.say(turn.reply(say!(voice, "language-changed"))).say(menu))
        }
        Verdict::Refused(refusal) => {
            Ok(effects.say(Outgoing::text(refusals::account(voice, &refusal))))
        }
    }
}

/// Registers the account and records the consent; the button is where personal data begins.
async fn consent(turn: Arc<Turn>) -> Reply {
    if turn.is_customer() {
        return welcome(&turn).await;
    }
    if turn.account.is_none() {
        let register = AccountCommand::Register(registration(&turn)?);
        let verdict = turn.send(REGISTER, ("account", turn.account_id()), &register).await?;
        if let Verdict::Refused(refusal) = verdict {
            // An account of another bot of this tenant, or of a name since changed, is theirs all
            // the same.
            if !matches!(refusal.to_refusal(), Ok(AccountRefusal::AccountExists)) {
                let text = refusals::account(turn.voice, &refusal);
                return Ok(turn.effects().say(Outgoing::text(text)));
            }
        }
    }
    let document_version = consent_version(turn.offer());
    let give = AccountCommand::GiveConsent(GiveConsent { document_version });
    match turn.send(CONSENT, ("account", turn.account_id()), &give).await? {
        Verdict::Refused(refusal) => {
            let text = refusals::account(turn.voice, &refusal);
            Ok(turn.effects().say(Outgoing::text(text)))
        }
        Verdict::Accepted(accepted) => {
            turn.see(&["accounts"], &accepted).await?;
            welcome(&turn).await
        }
    }
}

async fn welcome(turn: &Turn) -> Reply {
    let voice = turn.voice;
    let mut effects = turn.effects().idle().say(turn.reply(say!(voice, "consent-given")));
    effects.dialogue.registered = true;
    effects.dialogue.greeted = true;
    let menu =
        Outgoing::text(say!(voice, "menu-here")).keyboard(&main_keyboard(voice, turn.offer()));
    effects = effects.say(menu);
    if turn.offer().meters && turn.meters().await?.is_empty() {
        let add = vec![vec![button(say!(voice, "add-button"), Press::AddMeter.to_string())]];
        effects = effects.say(Outgoing::text(say!(voice, "add-first")).buttons(add));
    }
    if turn.offer().credits { credits::add_welcome(turn, effects).await } else { Ok(effects) }
}

fn registration(turn: &Turn) -> Result<Register, ValueError> {
    let person = &turn.input.person;
    Ok(Register {
        display_name: display_name(person)?,
        language: turn.language(),
        origin: Origin::Telegram {
            bot: turn.ports.bot.clone(),
            user_id: person.id,
            username: person.username.clone(),
        },
        phone: None,
    })
}

/// The person's name as Telegram gives it, cut to what a name may be.
fn display_name(person: &Person) -> Result<DisplayName, ValueError> {
    let last_name = person.last_name.as_deref().unwrap_or_default();
    let full: String = format!("{} {last_name}", person.first_name)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(DisplayName::LENGTH_MAX)
        .collect();
    full.parse().or_else(|_| format!("Telegram {}", person.id).parse())
}

/// The first name for a greeting; names that are no names are not repeated.
fn first_name(person: &Person) -> Option<String> {
    let name: String = person.first_name.chars().filter(|c| !c.is_control()).take(40).collect();
    let name = name.trim();
    name.chars().any(char::is_alphabetic).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{display_name, first_name};
    use crate::input::Person;

    fn person(first_name: &str, last_name: Option<&str>) -> Person {
        Person {
            id: 42,
            first_name: first_name.into(),
            last_name: last_name.map(str::to_owned),
            ..Person::default()
        }
    }

    #[test]
    fn any_name_that_telegram_sends_becomes_a_name() {
        let name = |first, last| display_name(&person(first, last)).unwrap().to_string();
        assert_eq!(name("Анна", Some("Петрова")), "Анна Петрова");
        assert_eq!(name("Ann", None), "Ann");
        assert_eq!(name(" \n ", None), "Telegram 42");
        assert_eq!(name("A\nB", None), "A B");
        assert_eq!(name(&"ы".repeat(200), None).chars().count(), 80);
    }

    #[test]
    fn only_names_with_letters_are_spoken() {
        assert_eq!(first_name(&person("Анна", None)), Some("Анна".into()));
        assert_eq!(first_name(&person("🙂", None)), None);
        assert_eq!(first_name(&person("", None)), None);
    }
}
