//! Every booking decided anew: not only whether the books add up, but whether the rules lead to them.
//!
//! The bookings of one command stand together, with its id. From them the command is read back: the
//! ids, figures and choices that its sender gave are facts in the events. It is then decided by the
//! ledger as it was before, at the instant of the booking, for the same actor, under the tenant's
//! rules of that moment. What comes out must be what the log holds, to the last byte: which grants were
//! taken from and in which order, the money of each slice, what was due, the warning, the entries and
//! the hash. So a booking that adds up and has a right hash, but which no command leads to, is found.
//!
//! What is not decided anew: commands that were refused, because they leave no booking, and the figures
//! that the sender chose, because nobody else knows them.

mod command;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use uuid::Uuid;

use self::command::command_of;
use super::{CreditLedger, CreditLedgerEvent, chain::ChainEnd};
use crate::{Actor, Issued, TenantFacts};

/// A booking as the log holds it.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The version in its stream.
    pub version: i64,
    /// The command that led to it.
    pub command_id: Uuid,
    /// Who gave it.
    pub actor: Actor,
    /// What was booked.
    pub event: CreditLedgerEvent,
}

/// The tenant's rules that a decision may have known, the most likely first. A process knows its
/// tenants as they were a moment ago, so shortly after a change there are two.
pub type RulesThen = Arc<[Arc<TenantFacts>]>;

/// Where the rules do not lead to what the log holds.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}")]
pub struct Difference {
    /// The version of the first booking that differs.
    pub version: i64,
    /// How it differs, with both figures.
    pub what: String,
}

/// One ledger on its way, from its first booking. It holds the bookings of one command.
#[derive(Debug)]
pub struct Replay {
    ledger_id: Uuid,
    ledger: CreditLedger,
    command: Vec<Booked>,
    rules: RulesThen,
    decided: u64,
}

impl Replay {
    /// A ledger of which nothing was replayed yet.
    pub fn new(ledger_id: Uuid) -> Self {
        let ledger = CreditLedger::default();
        Self { ledger_id, ledger, command: Vec::new(), rules: Arc::new([]), decided: 0 }
    }

    /// Takes the next booking, with the rules that its decision may have known. When it begins
    /// another command, the one before is decided, and its bookings are returned.
    ///
    /// # Errors
    /// Where the command before differs. The replay of this ledger ends there.
    pub fn take(
        &mut self,
        booked: Booked,
        rules: &RulesThen,
    ) -> Result<Vec<CreditLedgerEvent>, Difference> {
        let first = self.command.first();
        let ready = match first {
            Some(first) if first.command_id != booked.command_id => self.decide()?,
            Some(_) | None => vec![],
        };
        if self.command.is_empty() {
            self.rules = Arc::clone(rules);
        }
        self.command.push(booked);
        Ok(ready)
    }

    /// Decides the last command, and returns its bookings.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> Result<Vec<CreditLedgerEvent>, Difference> {
        if self.command.is_empty() { Ok(vec![]) } else { self.decide() }
    }

    /// The end of the chain after what was decided.
    pub fn end(&self) -> ChainEnd {
        self.ledger.chain_end()
    }

    /// How many commands were decided.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    fn decide(&mut self) -> Result<Vec<CreditLedgerEvent>, Difference> {
        let booked = std::mem::take(&mut self.command);
        let rules = Arc::clone(&self.rules);
        let mut differs = None;
        let mut ledger = std::mem::take(&mut self.ledger);
        for (tries, facts) in rules.iter().enumerate() {
            let is_last = tries + 1 == rules.len();
            // The ledger as it was is needed once more only when there are other rules to try.
            let own = if is_last { std::mem::take(&mut ledger) } else { ledger.clone() };
            match self.try_rules(own, &booked, facts) {
                Ok(after) => {
                    self.ledger = after;
                    self.decided = self.decided.saturating_add(1);
                    return Ok(booked.into_iter().map(|booked| booked.event).collect());
                }
                // The most likely rules tell it best.
                Err(difference) => differs = differs.or(Some(difference)),
            }
        }
        let version = booked.first().map_or(0, |booked| booked.version);
        let what = "no rules of its tenant are in the log before it".to_owned();
        Err(differs.unwrap_or(Difference { version, what }))
    }

    /// The ledger after the command under these rules, when they lead to what was booked.
    fn try_rules(
        &self,
        ledger: CreditLedger,
        booked: &[Booked],
        facts: &Arc<TenantFacts>,
    ) -> Result<CreditLedger, Difference> {
        let Some(first) = booked.first() else { return Ok(ledger) };
        let issued = Issued {
            id: self.ledger_id,
            at: first.event.booking().at,
            actor: first.actor.clone(),
            tenant: Arc::clone(facts),
            command: command_of(booked),
        };
        let name = command::name(&issued.command);
        let at = |version, what| Difference { version, what };
        match ledger.decided(&issued) {
            Ok(Some((events, after))) => match first_difference(booked, &events) {
                None => Ok(after),
                Some((version, what)) => Err(at(version, format!("`{name}` differs: {what}"))),
            },
            Ok(None) => Err(at(first.version, format!("`{name}` leads to nothing"))),
            Err(refusal) => Err(at(first.version, format!("`{name}` is refused: {refusal}"))),
        }
    }
}

/// Where what is in the log and what was decided differ first.
fn first_difference(booked: &[Booked], decided: &[CreditLedgerEvent]) -> Option<(i64, String)> {
    let pairs = booked.iter().zip(decided);
    let mut pairs = pairs.filter(|(booked, decided)| booked.event != **decided);
    if let Some((booked, decided)) = pairs.next() {
        return Some((booked.version, place_of(&booked.event, decided)));
    }
    let last = booked.last().map_or(0, |booked| booked.version);
    let next = booked.get(decided.len()).map_or(last, |booked| booked.version);
    let (log, rules) = (booked.len(), decided.len());
    (log != rules).then(|| (next, format!("the log has {log} bookings, the rules give {rules}")))
}

/// The first field that differs, with both values. The head comes last: it differs with anything.
fn place_of(booked: &CreditLedgerEvent, decided: &CreditLedgerEvent) -> String {
    let value = |event| serde_json::to_value(event).unwrap_or(Value::Null);
    let (mut booked, mut decided) = (value(booked), value(decided));
    let head = |event: &mut Value| {
        let booking = event.get_mut("booking").and_then(Value::as_object_mut);
        booking.and_then(|booking| booking.remove("head")).unwrap_or(Value::Null)
    };
    let heads = (head(&mut booked), head(&mut decided));
    let found = field("", &booked, &decided);
    let (place, log, rules) =
        found.unwrap_or_else(|| ("/booking/head".to_owned(), heads.0, heads.1));
    format!("{place} is {log} in the log, the rules give {rules}")
}

type Field = (String, Value, Value);

/// The depth is that of an event: a few levels.
fn field(place: &str, left: &Value, right: &Value) -> Option<Field> {
    if left == right {
        return None;
    }
    let at = |name: &str| format!("{place}/{name}");
    match (left, right) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            // The facts first: the entries follow from them.
            let (facts, booking): (Vec<&String>, Vec<&String>) =
                names.into_iter().partition(|name| *name != "booking");
            facts.into_iter().chain(booking).find_map(|name| {
                let side = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned();
                let (one, other) = (side(one).unwrap_or_default(), side(other).unwrap_or_default());
                field(&at(name), &one, &other)
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let items = one.iter().zip(other).enumerate();
            items
                .into_iter()
                .find_map(|(index, (one, other))| field(&at(&index.to_string()), one, other))
        }
        _ => Some((place.to_owned(), left.clone(), right.clone())),
    }
}
