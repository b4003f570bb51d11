//! Telegram Stars: what was paid and paid back, and the questions before a payment that are open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chat::ChatKey;
use super::events::Event;
use super::message::Content;
use super::people::ActError;
use super::{Draft, World, now_ms, now_seconds};
use crate::{Person, limits};

/// The only currency of Stars.
pub(crate) const CURRENCY: &str = "XTR";

/// What an invoice says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) title: String,
    pub(crate) description: String,
    /// The bot's own words; the person never sees them.
    pub(crate) payload: String,
    /// Whole Stars.
    pub(crate) amount: i64,
}

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) bot_id: i64,
    pub(crate) person_id: i64,
    pub(crate) payload: String,
    pub(crate) amount: i64,
    /// Seconds since 1970.
    pub(crate) date: i64,
    pub(crate) refunded: Option<i64>,
}

/// A pre-checkout query that waits for the bot's answer.
#[derive(Clone, Debug)]
struct Question {
    key: ChatKey,
    invoice: Invoice,
    opened_ms: i64,
}

/// Everything about Stars.
#[derive(Debug, Default)]
pub(crate) struct Stars {
    pub(crate) charges: Vec<Charge>,
    /// Not kept over a restart: their time is short.
    questions: BTreeMap<u64, Question>,
    last: u64,
}

impl Stars {
    fn number(&mut self) -> u64 {
        if self.last == 0 {
            // A number from the last run must not hit one of this run.
            self.last = now_seconds().unsigned_abs() << 20;
        }
        self.last += 1;
        self.last
    }

    /// The bot's charge of that person with that id.
    pub(crate) fn charge_mut(&mut self, key: ChatKey, id: &str) -> Option<&mut Charge> {
        self.charges.iter_mut().find(|charge| {
            charge.id == id && charge.bot_id == key.bot_id && charge.person_id == key.person_id
        })
    }
}

impl World {
    /// The person presses the button that pays: the bot is asked first. Returns the query's id.
    pub(crate) fn person_pays(&mut self, key: ChatKey, message_id: i64) -> Result<Value, ActError> {
        let chat = self.chats.get(&key).ok_or(ActError::Unknown("message"))?;
        let message = chat.message(message_id).ok_or(ActError::Unknown("message"))?;
        let Content::Invoice { invoice } = &message.content else {
            return Err(ActError::Unusable("this message is no invoice".to_owned()));
        };
        let invoice = invoice.clone();
        let number = self.stars.number();
        let query = json!({
            "id": number.to_string(),
            "from": self.people.get(&key.person_id).map(Person::user),
            "currency": CURRENCY,
            "total_amount": invoice.amount,
            "invoice_payload": invoice.payload,
        });
        let question = Question { key, invoice, opened_ms: now_ms() };
        self.stars.questions.insert(number, question);
        while self.stars.questions.len() > limits::OPEN_CALLBACKS {
            self.stars.questions.pop_first();
        }
        self.push_update(key, "pre_checkout_query", query);
        Ok(json!({"callback_id": number.to_string()}))
    }

    /// The bot answers: the money moves, or the person reads why not. `false` when nobody waits for
    /// the answer any more.
    pub(crate) fn checkout_answered(
        &mut self,
        bot_id: i64,
        id: &str,
        refusal: Option<String>,
    ) -> bool {
        let Ok(number) = id.parse::<u64>() else { return false };
        let young = self.stars.questions.get(&number).is_some_and(|question| {
            let age_ms = now_ms() - question.opened_ms;
            question.key.bot_id == bot_id && age_ms <= limits::CHECKOUT_ANSWER_MS
        });
        let Some(question) = self.stars.questions.remove(&number).filter(|_| young) else {
            return false;
        };
        let paid = refusal.is_none();
        let event = Event::CallbackAnswer {
            bot: self.bot_name(bot_id),
            person_id: question.key.person_id,
            callback_id: id.to_owned(),
            text: refusal,
            show_alert: true,
            url: None,
        };
        self.events.tell(event);
        if paid {
            self.charge(question.key, question.invoice);
        }
        true
    }

    fn charge(&mut self, key: ChatKey, invoice: Invoice) {
        let charge = Charge {
            id: format!("stxSandbox_{}", self.stars.number()),
            bot_id: key.bot_id,
            person_id: key.person_id,
            payload: invoice.payload,
            amount: invoice.amount,
            date: now_seconds(),
            refunded: None,
        };
        if self.stars.charges.len() >= limits::CHARGES {
            self.stars.charges.remove(0);
        }
        self.stars.charges.push(charge.clone());
        self.tell_payment(key, Content::Paid { charge });
    }

    /// Pays a charge back; the refusal is Telegram's.
    pub(crate) fn refund(&mut self, key: ChatKey, id: &str) -> Result<(), &'static str> {
        let charge = self.stars.charge_mut(key, id).ok_or("CHARGE_NOT_FOUND")?;
        if charge.refunded.is_some() {
            return Err("CHARGE_ALREADY_REFUNDED");
        }
        charge.refunded = Some(now_seconds());
        let charge = charge.clone();
        self.tell_payment(key, Content::PaidBack { charge });
        Ok(())
    }

    /// A message of the person that nobody wrote: Telegram says it to both sides.
    fn tell_payment(&mut self, key: ChatKey, content: Content) {
        let message = self.post(key, Draft::from_person(content));
        let wire = self.wire(key, &message);
        self.push_update(key, "message", wire);
    }
}
