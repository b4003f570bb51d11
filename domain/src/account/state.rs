//! What an account must know to decide.

use std::collections::BTreeSet;

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    AccountCommand, AccountEvent, AccountRefusal, Origin, Registered, ReminderOccasion,
    reminders::Reminders,
};
use crate::{DisplayName, Issued, Language, Personal, Phone, decider::decide_into};

/// The account aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Account {
    /// Its holder; none until it is registered.
    pub(super) holder: Option<Holder>,
    /// Its holder was erased, for good.
    #[serde(default)]
    pub(super) erased: bool,
}

/// The holder of an account that exists.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Holder {
    pub(super) display_name: Personal<DisplayName>,
    pub(super) language: Language,
    pub(super) origin: Personal<Origin>,
    pub(super) phone: Option<Personal<Phone>>,
    /// The version of the text that the consent in force was given to.
    pub(super) consent: Option<String>,
    pub(super) blocked_bots: BTreeSet<String>,
    #[serde(default)]
    pub(super) reminders: Reminders,
}

impl From<Registered> for Holder {
    fn from(registered: Registered) -> Self {
        let Registered { display_name, language, origin, phone } = registered;
        Self {
            display_name,
            language,
            origin,
            phone,
            consent: None,
            blocked_bots: BTreeSet::new(),
            reminders: Reminders::default(),
        }
    }
}

impl Holder {
    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Registered(registered) => *self = registered.into(),
            AccountEvent::Renamed(renamed) => self.display_name = renamed.display_name,
            AccountEvent::LanguageChanged(changed) => self.language = changed.language,
            AccountEvent::PhoneChanged(changed) => self.phone = changed.phone,
            AccountEvent::ConsentGiven(given) => self.consent = Some(given.document_version),
            AccountEvent::ConsentWithdrawn(_) => self.consent = None,
            AccountEvent::BotBlocked(blocked) => {
                self.blocked_bots.insert(blocked.bot);
            }
            AccountEvent::BotUnblocked(unblocked) => {
                self.blocked_bots.remove(&unblocked.bot);
            }
            AccountEvent::ReadingReminderAsked(asked) => {
                self.reminders.asked_for = Some(asked.opens_on);
            }
            AccountEvent::ReadingRemindersMuted(_) => {
                self.reminders.muted = true;
                self.reminders.asked_for = None;
            }
            AccountEvent::ReadingRemindersUnmuted(_) => self.reminders.muted = false,
            AccountEvent::ReadingReminderPostponed(_) => {}
            AccountEvent::ReadingReminderDue(due) => match due.occasion {
                ReminderOccasion::WindowCloses => self.reminders.reminded_of = Some(due.period),
                ReminderOccasion::WindowOpens => self.reminders.asked_for = None,
            },
            // Taken by the account itself, which then has no holder any more.
            AccountEvent::Erased(_) => {}
        }
    }
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";

    type Command = Issued<AccountCommand>;
    type Event = AccountEvent;
    type Error = AccountRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: AccountEvent) {
        match (event, &mut self.holder) {
            (AccountEvent::Registered(registered), holder) => *holder = Some(registered.into()),
            (AccountEvent::Erased(_), holder) => {
                *holder = None;
                self.erased = true;
            }
            (event, Some(holder)) => holder.apply(event),
            // A change of nothing: no decision leads to it, and replay must not stop at it.
            (_, None) => {}
        }
    }
}
