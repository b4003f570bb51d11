//! The rules of the ledger: one history by hand, all histories against a naive model, the chain.

mod adjust;
mod chains;
mod corrections;
mod history;
mod low;
mod model;
mod parts;
mod property;
mod replays;
mod reset;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::*;
use crate::{Actor, Decider, Issued, Money, TenantFacts, tenant::Tenant};

const ANNA: Uuid = Uuid::from_u128(0xa);

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x100 + number)
}

fn start() -> DateTime<Utc> {
    "2026-11-16T09:00:00Z".parse().unwrap()
}

fn usd(amount_minor: i64) -> Money {
    Money::new(amount_minor, "USD".parse().unwrap())
}

fn staff() -> Actor {
    Actor::Operator { name: "desk".to_owned() }
}

/// A ledger with the events that made it.
#[derive(Clone, Default)]
struct Desk {
    ledger: CreditLedger,
    events: Vec<CreditLedgerEvent>,
    /// How many events each command led to.
    commands: Vec<usize>,
    /// The rules of the tenant.
    rules: CreditRules,
}

impl Desk {
    fn opened() -> Self {
        // Nobody is warned, so that each booking is one event.
        let rules = CreditRules { enabled: true, low_credits: 0, ..CreditRules::default() };
        let mut desk = Self { rules, ..Self::default() };
        desk.ask(0, CreditLedgerCommand::Open(Open { account_id: ANNA })).unwrap();
        desk
    }

    fn issued(minutes: i64, command: CreditLedgerCommand) -> Issued<CreditLedgerCommand> {
        let facts = Tenant::default().facts("demo".parse().unwrap());
        Issued {
            id: credit_ledger_id(ANNA),
            at: start() + Duration::minutes(minutes),
            actor: staff(),
            tenant: Arc::new(TenantFacts { exists: true, ..facts }),
            command,
        }
    }

    /// Asks for something, so many minutes after the start; how many events it led to.
    fn ask(
        &mut self,
        minutes: i64,
        command: CreditLedgerCommand,
    ) -> Result<usize, CreditLedgerRefusal> {
        let mut issued = Self::issued(minutes, command);
        let facts = TenantFacts { credit_rules: self.rules.clone(), ..(*issued.tenant).clone() };
        issued.tenant = Arc::new(facts);
        let events = self.ledger.decide(issued)?;
        for event in &events {
            cqrs_es::Aggregate::apply(&mut self.ledger, event.clone());
        }
        self.events.extend(events.iter().cloned());
        self.commands.extend((!events.is_empty()).then_some(events.len()));
        Ok(events.len())
    }

    fn balance(&self, minutes: i64) -> i64 {
        self.ledger.balance(start() + Duration::minutes(minutes))
    }
}

fn purchase(number: u128, credits: i64, price_minor: i64) -> CreditLedgerCommand {
    let provider = PaymentProvider::Stripe;
    let payment = Payment { payment_id: id(900 + number), provider, price: usd(price_minor) };
    CreditLedgerCommand::Grant(Grant {
        grant_id: id(number),
        source: GrantSource::Purchase,
        credits,
        payment: Some(payment),
        expires_at: None,
        priority: None,
    })
}

fn spend(number: u128, messages: i64) -> CreditLedgerCommand {
    CreditLedgerCommand::Spend(Spend { spend_id: id(number), messages })
}
