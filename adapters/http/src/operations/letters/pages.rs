//! Dead letters page by page, as the database has them.

use kontor_commands::{Envelope, Folds};
use kontor_postgres::{
    command_dead_letters::{self, CommandDeadLetter, CommandLetterFilter},
    dead_letters::{self, LetterFilter, LetterPlace},
    letters::LetterId,
};
use serde_json::Value;

use super::Letter;
use crate::{
    operations::{filters::Filters, operator::Operator},
    problem::Problem,
    state::ApiState,
};

/// How many rows are read at once; a row may hold a whole message.
const READ_AT_ONCE: u32 = 200;

/// What a letter is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::operations) enum Kind {
    /// A command.
    Command,
    /// An event that stops a follower.
    Follower,
}

/// Where the next page begins.
enum Next {
    Commands(i64),
    Followers(Option<LetterPlace>),
    Over,
}

/// Goes through the letters of a kind.
pub(in crate::operations) struct Pages {
    state: ApiState,
    filters: Filters,
    /// The tenant whose letters are shown; none for all.
    tenant: Option<String>,
    next: Next,
}

impl Pages {
    /// From the first that an operator may see.
    pub(in crate::operations) fn new(
        state: &ApiState,
        operator: &Operator,
        filters: &Filters,
        kind: Kind,
    ) -> Result<Self, Problem> {
        let next = match kind {
            Kind::Command => Next::Commands(0),
            Kind::Follower => Next::Followers(None),
        };
        let tenant = filters.tenant_for(operator)?;
        Ok(Self { state: state.clone(), filters: filters.clone(), tenant, next })
    }

    /// Whether there are no more pages.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.next, Next::Over)
    }

    /// What is wanted of the next page, which may be nothing; none at the end.
    pub(in crate::operations) async fn next(&mut self) -> Result<Option<Vec<Letter>>, Problem> {
        match std::mem::replace(&mut self.next, Next::Over) {
            Next::Commands(after) => self.commands(after).await.map(Some),
            Next::Followers(after) => self.followers(after).await.map(Some),
            Next::Over => Ok(None),
        }
    }

    async fn commands(&mut self, after: i64) -> Result<Vec<Letter>, Problem> {
        let filter = CommandLetterFilter {
            tenant: self.tenant.clone(),
            aggregate: self.filters.aggregate.clone(),
            from: self.filters.from,
            until: self.filters.until,
        };
        let page = command_dead_letters::page(&self.state.pool, &filter, after, READ_AT_ONCE).await;
        let page = page.map_err(|err| Problem::internal(&err))?;
        if let Some(last) = page.last().filter(|_| is_full(page.len())) {
            self.next = Next::Commands(last.id);
        }
        let wanted = page.into_iter().filter(|letter| self.wants(letter));
        Ok(wanted.map(|letter| of_command(letter, &self.state.folds)).collect())
    }

    /// What a command's type is, and which aggregate it is for, stands in its message.
    fn wants(&self, letter: &CommandDeadLetter) -> bool {
        let envelope = Envelope::from_bytes(&letter.message).ok();
        let kind = envelope.as_ref().and_then(type_of).unwrap_or_default();
        let ids = letter.command_id.into_iter().chain(envelope.as_ref().map(|it| it.id));
        let mut ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        ids.push(LetterId::Command(letter.id).to_string());
        // What cannot be read has no type, not even that of its aggregate.
        let qualified = match kind {
            "" => String::new(),
            kind => format!("{}.{kind}", letter.aggregate),
        };
        (self.filters.wants_type(kind) || self.filters.wants_type(&qualified))
            && self.filters.wants_one_of(&ids)
    }

    async fn followers(&mut self, after: Option<LetterPlace>) -> Result<Vec<Letter>, Problem> {
        let about = self.filters.id.clone();
        // A letter is found by its own id, too.
        let place = about.as_ref().and_then(|id| id.parse::<LetterId>().ok());
        let about = match place {
            Some(LetterId::Follower(place)) => Some(place.position.to_string()),
            Some(LetterId::Command(_)) | None => about,
        };
        let filter = LetterFilter {
            name: None,
            tenant: self.tenant.clone(),
            skipped: false,
            aggregate: self.filters.aggregate.clone(),
            event_type: self.filters.kind.clone(),
            from: self.filters.from,
            until: self.filters.until,
            about,
        };
        let page =
            dead_letters::page(&self.state.pool, &filter, after.as_ref(), READ_AT_ONCE).await;
        let page = page.map_err(|err| Problem::internal(&err))?;
        if let Some(last) = page.last().filter(|_| is_full(page.len())) {
            self.next = Next::Followers(Some(last.place.clone()));
        }
        Ok(page.into_iter().map(of_follower).collect())
    }
}

fn is_full(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows >= READ_AT_ONCE)
}

fn type_of(envelope: &Envelope) -> Option<&str> {
    envelope.command.get("type")?.as_str()
}

/// An event that stops a follower.
pub(super) fn of_follower(letter: dead_letters::Letter) -> Letter {
    let event_type = letter.event_type.as_deref().unwrap_or("an event");
    let place = &letter.place;
    Letter {
        what: format!("{} cannot apply {event_type} at {}", place.name, place.position),
        aggregate_id: Some(place.key),
        id: LetterId::Follower(letter.place).to_string(),
        kind: "follower",
        tenant: letter.tenant.unwrap_or_default(),
        reason: letter.error,
        attempts: letter.attempts,
        since: letter.first_at,
        next_attempt_at: Some(letter.next_at),
        waiting: letter.waiting,
        state: letter.state,
        event_version: letter.event_version,
        command: Value::Null,
    }
}

/// A command that could not be carried out.
pub(super) fn of_command(letter: CommandDeadLetter, folds: &Folds) -> Letter {
    let envelope = Envelope::from_bytes(&letter.message).ok();
    let kind = envelope.as_ref().and_then(type_of);
    let aggregate =
        if letter.aggregate.is_empty() { "something unreadable" } else { &letter.aggregate };
    Letter {
        what: match kind {
            Some(kind) => format!("{kind} to {aggregate}"),
            None => format!("a message to {aggregate} that is no command"),
        },
        id: LetterId::Command(letter.id).to_string(),
        kind: "command",
        tenant: letter.tenant,
        reason: letter.reason,
        attempts: letter.attempts,
        since: letter.recorded_at,
        next_attempt_at: None,
        waiting: 0,
        state: letter.state,
        aggregate_id: envelope.as_ref().map(|envelope| envelope.id),
        event_version: None,
        command: envelope.map_or(Value::Null, |envelope| {
            folds.covered_command(&letter.aggregate, &envelope.command)
        }),
    }
}
