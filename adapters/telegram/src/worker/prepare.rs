//! Gathers what a turn needs to know.

use kontor_commands::clock;
use kontor_domain::Language;
use kontor_postgres::inbox::InboxRow;
use kontor_projections::tenants;

use super::{Failure, Worker};
use crate::{
    conversation::menu::Intent,
    dialogue::{self, Dialogue, DialogueKey, Prompt},
    input::{self, Act, Input, Person},
    offer::Offer,
    outbox,
    outgoing::Outgoing,
    press::Press,
    texts::{Voice, say},
    turn::{Effects, Turn},
};

/// What an update amounts to.
pub(super) enum Prepared {
    /// It asks for nothing.
    Nothing,
    /// It is answered without a conversation.
    Reply(Box<(Input, Effects)>),
    /// It is handled.
    Turn(Box<Turn>),
}

impl Worker {
    pub(super) async fn prepare(&self, row: &InboxRow) -> Result<Prepared, Failure> {
        let Some(update_id) = input::update_id(&row.payload) else {
            return Ok(Prepared::Nothing);
        };
        let Some(input) = input::read(&row.payload) else {
            return Ok(Prepared::Nothing);
        };
        let pool = &self.ports.pool;
        let dialogue = dialogue::load(pool, &self.dialogue_key(&input)).await?;
        let Some(tenant) = tenants::find(pool, &self.ports.tenant).await? else {
            return Ok(no_tenant(input, dialogue));
        };
        let (account_id, account) = self.ports.account_of(input.person.id).await?;
        let prompt_message = match &dialogue.prompt {
            Some(Prompt::Message { id }) => Some(*id),
            Some(Prompt::Outbox { key }) => outbox::message_id(pool, &self.ports.bot, key).await?,
            None => None,
        };
        let language = account
            .as_ref()
            .map(|account| account.language)
            .or(dialogue.language)
            .unwrap_or_else(|| spoken(&input.person, tenant.language));
        let press = match &input.act {
            Act::Press { data, .. } => Press::parse(data),
            Act::Command { .. }
            | Act::Text(_)
            | Act::Photo { .. }
            | Act::Contact { .. }
            | Act::OtherMessage
            | Act::Membership { .. }
            | Act::Paid(_)
            | Act::PaidBack(_) => None,
        };
        Ok(Prepared::Turn(Box::new(Turn {
            ports: std::sync::Arc::clone(&self.ports),
            update_id,
            received_at: row.received_at,
            today: clock::now().with_timezone(&tenant.time_zone).date_naive(),
            intent: Intent::of(&input.act).filter(|intent| intent.is_offered(Offer::of(&tenant))),
            press,
            voice: Voice::new(language),
            input,
            dialogue,
            prompt_message,
            tenant,
            account_id,
            account,
        })))
    }

    pub(super) fn dialogue_key(&self, input: &Input) -> DialogueKey {
        DialogueKey {
            bot: self.ports.bot.clone(),
            chat_id: input.chat_id,
            user_id: input.person.id,
        }
    }
}

/// The language that a person's Telegram is set to, when it is one of ours or close to one.
pub(crate) fn spoken(person: &Person, otherwise: Language) -> Language {
    let Some(code) = person.language_code.as_deref() else {
        return otherwise;
    };
    match code.split(['-', '_']).next().unwrap_or_default() {
        "ru" | "be" | "uk" | "kk" | "ky" | "tg" | "uz" => Language::Ru,
        "" => otherwise,
        _ => Language::En,
    }
}

/// The bot runs before its tenant was created: nothing can be recorded yet.
fn no_tenant(input: Input, dialogue: Dialogue) -> Prepared {
    let talks = match input.act {
        Act::Membership { .. } | Act::Paid(_) | Act::PaidBack(_) => false,
        Act::Command { .. }
        | Act::Text(_)
        | Act::Photo { .. }
        | Act::Contact { .. }
        | Act::OtherMessage
        | Act::Press { .. } => input.is_private,
    };
    if !talks {
        return Prepared::Nothing;
    }
    let voice = Voice::new(spoken(&input.person, Language::default()));
    let outgoing = vec![Outgoing::text(say!(voice, "refused-tenant-unknown"))];
    Prepared::Reply(Box::new((input, Effects { dialogue, outgoing })))
}

#[cfg(test)]
mod tests {
    use kontor_domain::Language;

    use super::spoken;
    use crate::input::Person;

    #[test]
    fn the_language_follows_telegram_and_then_the_tenant() {
        let person = |code: Option<&str>| Person {
            language_code: code.map(str::to_owned),
            ..Person::default()
        };
        assert_eq!(spoken(&person(Some("ru-RU")), Language::En), Language::Ru);
        assert_eq!(spoken(&person(Some("uk")), Language::En), Language::Ru);
        assert_eq!(spoken(&person(Some("de")), Language::Ru), Language::En);
        assert_eq!(spoken(&person(None), Language::Ru), Language::Ru);
        assert_eq!(spoken(&person(None), Language::En), Language::En);
    }
}
