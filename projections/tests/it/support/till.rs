//! A credit ledger that takes real decisions, so that its events have true books and heads.

use std::sync::Arc;

use chrono::Duration;
use kontor_domain::{
    Actor, Decider, Issued, TenantFacts,
    credit_ledger::{
        CreditLedger, CreditLedgerCommand, CreditLedgerEvent, CreditRules, Open, credit_ledger_id,
    },
    tenant::Tenant,
};
use uuid::Uuid;

use super::instant;

pub(crate) struct Till {
    account_id: Uuid,
    ledger: CreditLedger,
    pub(crate) events: Vec<CreditLedgerEvent>,
}

impl Till {
    pub(crate) fn open(account_id: Uuid) -> Self {
        let mut till = Self { account_id, ledger: CreditLedger::default(), events: Vec::new() };
        till.ask(CreditLedgerCommand::Open(Open { account_id }));
        till
    }

    /// Asks for something, a minute after the last event.
    pub(crate) fn ask(&mut self, command: CreditLedgerCommand) {
        let facts = Tenant::default().facts("moscow".parse().unwrap());
        let minutes = i64::try_from(self.events.len()).unwrap();
        let issued = Issued {
            id: credit_ledger_id(self.account_id),
            at: instant() + Duration::minutes(minutes),
            actor: Actor::Operator { name: "desk".to_owned() },
            tenant: Arc::new(TenantFacts { exists: true, credit_rules: rules(), ..facts }),
            command,
        };
        let events = self.ledger.decide(issued).unwrap();
        for event in &events {
            cqrs_es::Aggregate::apply(&mut self.ledger, event.clone());
        }
        self.events.extend(events);
    }
}

/// Rules under which each booking of these tests is one event: nobody is warned.
fn rules() -> CreditRules {
    CreditRules { enabled: true, low_credits: 0, ..CreditRules::default() }
}
