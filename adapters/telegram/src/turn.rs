//! One update's turn: what is known when it is handled, how commands are sent, and what comes out.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use kontor_commands::{Accepted, CommandSender, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{
    Actor, Language, RefusalDocument, TenantId, account::telegram_account_id,
    payment::PaymentCommand,
};
use kontor_faults::Point;
use kontor_projections::{
    QueryError,
    accounts::{self, AccountRow},
    checkpoints,
    meters::{self, MeterRow},
    tenants::TenantRow,
};
use serde::Serialize;
use sqlx::PgPool;
use teloxide::types::InlineKeyboardButton;
use uuid::Uuid;

use crate::{
    conversation::menu::Intent,
    dialogue::{Dialogue, Prompt, Step},
    input::{Act, Input},
    offer::Offer,
    outgoing::{Outgoing, button},
    press::{Answer, Press},
    settings::CardAccount,
    texts::Voice,
};

/// What all turns of a bot share.
pub(crate) struct Ports {
    /// The bot's name in the configuration.
    pub(crate) bot: String,
    /// The tenant that the bot belongs to.
    pub(crate) tenant: TenantId,
    pub(crate) pool: PgPool,
    pub(crate) sender: Arc<dyn CommandSender>,
    /// The accounts that take cards.
    pub(crate) cards: Vec<CardAccount>,
    /// How long a turn waits for a command's outcome.
    pub(crate) command_wait: Duration,
    /// How long a turn waits for the read models to show its own writes.
    pub(crate) view_wait: Duration,
}

impl Ports {
    /// The id of a command that an update leads to: the same for every attempt at the update, so
    /// that a repetition finds the receipt instead of doing it twice.
    pub(crate) fn command_id(&self, cause: &str, number: u8) -> Uuid {
        let name = format!("telegram:{}:{cause}:{number}", self.bot);
        Uuid::new_v5(&self.tenant.stream_id(), name.as_bytes())
    }

    /// Records what Telegram says of a payment, outside of any turn. `cause` names what it said.
    pub(crate) async fn record(
        &self,
        cause: &str,
        payment_id: Uuid,
        command: &PaymentCommand,
        wait: Duration,
    ) -> Result<Sent, SendError> {
        let command =
            serde_json::to_value(command).map_err(|err| SendError::Malformed(err.to_string()))?;
        let address = (self.tenant.clone(), "payment", payment_id);
        let command_id = self.command_id(cause, 0);
        let mut envelope =
            Envelope::new(command_id, address, command, telegram_stars(), clock::now());
        envelope.trace = Some(kontor_traces::of_cause(command_id).into());
        self.sender.send(envelope, wait).await
    }

    /// The account that a person of this bot's tenant has now, as far as the read model shows it.
    pub(crate) async fn account_of(
        &self,
        user_id: i64,
    ) -> Result<(Uuid, Option<AccountRow>), QueryError> {
        let first = telegram_account_id(&self.tenant, user_id);
        accounts::of_person(&self.pool, &self.tenant, first).await
    }
}

/// Who records what Telegram says of payments.
fn telegram_stars() -> Actor {
    Actor::System { name: "telegram_stars".to_owned() }
}

/// Everything that is known when an update is handled.
pub(crate) struct Turn {
    pub(crate) ports: Arc<Ports>,
    pub(crate) update_id: i64,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) input: Input,
    /// Where the conversation stood before.
    pub(crate) dialogue: Dialogue,
    /// The message whose buttons belong to the question that stands, when it is known.
    pub(crate) prompt_message: Option<i32>,
    pub(crate) tenant: TenantRow,
    /// The person's account, whether or not it is open.
    pub(crate) account_id: Uuid,
    pub(crate) account: Option<AccountRow>,
    pub(crate) voice: Voice,
    /// The tenant's local day.
    pub(crate) today: NaiveDate,
    /// What a command or a button of the main menu asks for.
    pub(crate) intent: Option<Intent>,
    /// The button pressed, when it is one of ours.
    pub(crate) press: Option<Press>,
}

/// What a turn leads to. It takes effect in one transaction.
#[derive(Debug)]
pub(crate) struct Effects {
    /// Where the conversation stands afterwards.
    pub(crate) dialogue: Dialogue,
    /// What is sent, in order.
    pub(crate) outgoing: Vec<Outgoing>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted(Accepted),
    Refused(RefusalDocument),
}

/// Why a turn has no effects. Nothing of it is kept; the update is handled again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    /// The outcome of a command is not known yet.
    #[error("the outcome of a command is not known yet")]
    OutcomeUnknown,
    /// The command was not handed over.
    #[error("a command could not be handed over")]
    Busy(#[source] SendError),
    /// The command can never be carried out.
    #[error("a command is not understood")]
    Defect(#[source] SendError),
    /// The update was handled before, in a conversation that stood elsewhere: its command id
    /// belongs to another command.
    #[error("the update led to another command before")]
    Superseded,
    /// A command could not be written as JSON.
    #[error("a command cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The person's name is none, however it is cut.
    #[error("the person cannot be named")]
    Name(#[from] kontor_domain::ValueError),
    /// A read model could not be read.
    #[error("a read model cannot be read")]
    Query(#[from] QueryError),
    /// A table of Kontor's own could not be read or written.
    #[error(transparent)]
    Store(#[from] kontor_postgres::DatabaseError),
    /// The picture task ended without a picture.
    #[error("a picture was not finished")]
    Picture(#[from] tokio::task::JoinError),
}

impl Turn {
    /// The person's account when it is open and they gave consent. Before the read model shows it,
    /// the dialogue remembers.
    pub(crate) fn is_customer(&self) -> bool {
        self.account.as_ref().map_or(self.dialogue.registered, |account| account.consent.is_some())
    }

    pub(crate) fn account_id(&self) -> Uuid {
        self.account_id
    }

    /// What the tenant offers in the chat.
    pub(crate) fn offer(&self) -> Offer {
        Offer::of(&self.tenant)
    }

    pub(crate) fn language(&self) -> Language {
        self.voice.language()
    }

    /// The id of the update's command of that number.
    pub(crate) fn command_id(&self, number: u8) -> Uuid {
        self.ports.command_id(&self.update_id.to_string(), number)
    }

    /// Sends a command for the person's own account or meter and waits for its outcome. `number`
    /// tells the commands of one update apart and is fixed in the code, because a repetition must
    /// give each command its old id even when it skips another.
    pub(crate) async fn send(
        &self,
        number: u8,
        address: (&str, Uuid),
        command: &impl Serialize,
    ) -> Result<Verdict, TurnError> {
        let actor = Actor::Customer { account_id: self.account_id() };
        self.send_as(actor, number, address, command).await
    }

    /// The same for what Telegram says: Kontor itself records that, not the person.
    pub(crate) async fn send_as_kontor(
        &self,
        number: u8,
        address: (&str, Uuid),
        command: &impl Serialize,
    ) -> Result<Verdict, TurnError> {
        self.send_as(telegram_stars(), number, address, command).await
    }

    async fn send_as(
        &self,
        actor: Actor,
        number: u8,
        address: (&str, Uuid),
        command: &impl Serialize,
    ) -> Result<Verdict, TurnError> {
        let (aggregate, id) = address;
        let mut envelope = Envelope::new(
            self.command_id(number),
            (self.ports.tenant.clone(), aggregate, id),
            serde_json::to_value(command)?,
            actor,
            self.received_at,
        );
        // All commands of one update are in one conversation and in one trace.
        envelope.correlation_id = self.command_id(0);
        envelope.trace = Some(kontor_traces::of_cause(envelope.correlation_id).into());
        kontor_faults::reach(Point::TurnBeforeCommand);
        let sent = self.ports.sender.send(envelope, self.ports.command_wait).await;
        kontor_faults::reach(Point::TurnAfterCommand);
        match sent {
            Ok(Sent::Done { outcome: Outcome::Accepted(accepted), .. }) => {
                Ok(Verdict::Accepted(accepted))
            }
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => {
                Ok(Verdict::Refused(refusal))
            }
            Ok(Sent::Unknown) => Err(TurnError::OutcomeUnknown),
            Err(SendError::CommandIdReused) => Err(TurnError::Superseded),
            Err(err @ SendError::Malformed(_)) => Err(TurnError::Defect(err)),
            Err(SendError::Unconfirmed) => Err(TurnError::OutcomeUnknown),
            Err(err @ (SendError::Overloaded | SendError::Unavailable(_))) => {
                Err(TurnError::Busy(err))
            }
        }
    }

    /// Waits until read models show what a command changed. A read model that is late is no
    /// failure: the reply then says less.
    pub(crate) async fn see(&self, views: &[&str], accepted: &Accepted) -> Result<bool, TurnError> {
        let Some(position) = accepted.last_position else {
            return Ok(true);
        };
        let seen =
            checkpoints::wait_for(&self.ports.pool, views, position, self.ports.view_wait).await?;
        if !seen {
            tracing::warn!(
                bot = self.ports.bot,
                "The read models {views:?} did not reach position {position} in time"
            );
        }
        Ok(seen)
    }

    /// The person's meters in service, in the order of registration.
    pub(crate) async fn meters(&self) -> Result<Vec<MeterRow>, TurnError> {
        let rows =
            meters::of_account(&self.ports.pool, &self.ports.tenant, self.account_id()).await?;
        Ok(rows.into_iter().filter(|meter| meter.archived.is_none()).collect())
    }

    /// One of the person's own meters, in service or not.
    pub(crate) async fn own_meter(&self, id: Uuid) -> Result<Option<MeterRow>, TurnError> {
        let row = meters::find(&self.ports.pool, &self.ports.tenant, id).await?;
        Ok(row.filter(|meter| meter.account_id == self.account_id()))
    }

    /// Effects that change nothing yet.
    pub(crate) fn effects(&self) -> Effects {
        Effects { dialogue: self.dialogue.clone(), outgoing: Vec::new() }
    }

    /// The answer to the question that stands, when a button of that very question was pressed.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match &self.press {
            Some(Press::Question { revision, answer }) if *revision == self.dialogue.revision => {
                Some(answer.clone())
            }
            _ => None,
        }
    }

    /// A button of the question that is asked next.
    pub(crate) fn answer_button(&self, text: String, answer: Answer) -> InlineKeyboardButton {
        let press = Press::Question { revision: self.revision_next(), answer };
        button(text, press.to_string())
    }

    /// A text that takes the place of the message whose button was pressed, or a new message.
    pub(crate) fn reply(&self, text: String) -> Outgoing {
        match self.input.act {
            Act::Press { message_id: Some(message_id), .. } => Outgoing::edit(message_id, text),
            Act::Press { message_id: None, .. }
            | Act::Command { .. }
            | Act::Text(_)
            | Act::Photo { .. }
            | Act::Contact { .. }
            | Act::OtherMessage
            | Act::Membership { .. }
            | Act::Paid(_)
            | Act::PaidBack(_) => Outgoing::text(text),
        }
    }

    fn revision_next(&self) -> u32 {
        self.dialogue.revision.wrapping_add(1)
    }
}

impl Effects {
    /// With one more message.
    #[must_use]
    pub(crate) fn say(mut self, outgoing: Outgoing) -> Self {
        self.outgoing.push(outgoing);
        self
    }

    /// With a question: its buttons work until the next one.
    #[must_use]
    pub(crate) fn ask(mut self, turn: &Turn, step: Step, question: Outgoing) -> Self {
        self.dialogue.step = step;
        self.dialogue.revision = turn.revision_next();
        self.dialogue.prompt = Some(match question.message_id() {
            Some(id) => Prompt::Message { id },
            None => Prompt::Outbox { key: outbox_key(turn.update_id, self.outgoing.len()) },
        });
        self.say(question)
    }

    /// With no question any more.
    #[must_use]
    pub(crate) fn idle(mut self) -> Self {
        self.dialogue.step = Step::Idle;
        self.dialogue.prompt = None;
        self
    }

    /// Takes the buttons of the question away that no longer stands.
    #[must_use]
    pub(crate) fn finished(mut self, turn: &Turn) -> Self {
        let Some(old) = turn.prompt_message else {
            return self;
        };
        let stands = self.dialogue.prompt == turn.dialogue.prompt;
        let changed = self.outgoing.iter().any(|outgoing| outgoing.message_id() == Some(old));
        if !stands && !changed {
            self.outgoing.push(Outgoing::remove_keyboard(old));
        }
        self
    }
}

/// The key of an update's message of that number in the outbox.
pub(crate) fn outbox_key(update_id: i64, number: usize) -> String {
    format!("u{update_id}:{number}")
}
