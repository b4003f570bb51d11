//! The work that all contenders do: readings of meters, decided by the same rules.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use kontor_commands::{Envelope, clock};
use kontor_domain::{
    Actor, Decider, DisplayName, Issued, Language, Money, Quantity, TenantFacts, TenantId,
    credit_ledger::{
        CreditLedgerCommand, CreditRules, Grant, GrantSource, Open, Payment, PaymentProvider,
        Spend, credit_ledger_id,
    },
    meter::{
        Meter, MeterCommand, MeterEvent, MeterKind, MeterRules, ReadingSource, Register,
        SubmitReading, Zone,
    },
    tenant::{ChangeCreditRules, Create, ReadingReminders, TenantCommand, TenantKind},
};
use uuid::Uuid;

/// How many meters a run's readings are spread over: enough that none gets a history that no real
/// meter has, few enough that they fit every cache.
pub(crate) const METERS: usize = 4096;

/// How many credits an account buys before it spends.
const CREDITS: i64 = 1_000_000;

/// How much a meter counts between two readings: one kilowatt hour.
const STEP_MILLI: i64 = 1_000;

/// One reading to submit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The meter.
    pub(crate) meter: Uuid,
    /// The reading's number on this meter, from 1.
    pub(crate) number: i64,
}

/// Who and where: the same for all contenders.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) tenant: TenantId,
    actor: Actor,
    facts: Arc<TenantFacts>,
}

impl Workload {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Self::of("bench")
    }

    /// The same work in a tenant of this name.
    pub(crate) fn of(tenant: &str) -> anyhow::Result<Self> {
        let tenant: TenantId = tenant.parse()?;
        let facts = TenantFacts {
            id: tenant.clone(),
            exists: true,
            kind: TenantKind::Utility,
            language: Language::En,
            time_zone: chrono_tz::UTC,
            meter_rules: MeterRules::default(),
            reading_reminders: ReadingReminders::default(),
            credit_rules: credit_rules(),
        };
        let actor = Actor::System { name: "bench".to_owned() };
        Ok(Self { tenant, actor, facts: Arc::new(facts) })
    }

    /// The command that opens the tenant.
    pub(crate) fn create_tenant(&self) -> anyhow::Result<Envelope> {
        let create = TenantCommand::Create(Create {
            name: "Bench".parse::<DisplayName>()?,
            kind: self.facts.kind,
            language: self.facts.language,
            time_zone: self.facts.time_zone,
            meter_rules: self.facts.meter_rules.clone(),
        });
        Ok(self.envelope("tenant", self.tenant.stream_id(), serde_json::to_value(create)?))
    }

    /// The command that lets the tenant deal with credits.
    pub(crate) fn allow_credits(&self) -> anyhow::Result<Envelope> {
        let change = ChangeCreditRules { credit_rules: self.facts.credit_rules.clone() };
        let command = serde_json::to_value(TenantCommand::ChangeCreditRules(change))?;
        Ok(self.envelope("tenant", self.tenant.stream_id(), command))
    }

    /// A command to the ledger of an account, as Kontor's envelope.
    pub(crate) fn ledger_envelope(
        &self,
        account: Uuid,
        command: &CreditLedgerCommand,
    ) -> anyhow::Result<Envelope> {
        let command = serde_json::to_value(command)?;
        Ok(self.envelope("credit_ledger", credit_ledger_id(account), command))
    }

    /// A command to the ledger of an account, as the aggregate takes it.
    pub(crate) fn ledger(
        &self,
        account: Uuid,
        command: CreditLedgerCommand,
    ) -> Issued<CreditLedgerCommand> {
        let (id, at) = (credit_ledger_id(account), clock::now());
        Issued { id, at, actor: self.actor.clone(), tenant: Arc::clone(&self.facts), command }
    }

    /// What a ledger's decisions know of the tenant.
    pub(crate) fn ledger_facts(&self) -> Arc<TenantFacts> {
        Arc::clone(&self.facts)
    }

    /// The command that puts a meter into service, as Kontor's envelope.
    pub(crate) fn register_envelope(&self, meter: Uuid) -> anyhow::Result<Envelope> {
        Ok(self.envelope("meter", meter, serde_json::to_value(register(meter))?))
    }

    /// The command that submits a reading, as Kontor's envelope.
    pub(crate) fn reading_envelope(&self, reading: Reading) -> anyhow::Result<Envelope> {
        Ok(self.envelope("meter", reading.meter, serde_json::to_value(submit(reading))?))
    }

    /// The command that puts a meter into service, as the aggregate takes it.
    pub(crate) fn register(&self, meter: Uuid) -> Issued<MeterCommand> {
        self.issued(meter, register(meter), clock::now())
    }

    /// The command that submits a reading, as the aggregate takes it.
    pub(crate) fn reading(&self, reading: Reading) -> Issued<MeterCommand> {
        self.issued(reading.meter, submit(reading), clock::now())
    }

    /// A meter's first events: put into service, then readings, decided by the meter itself.
    pub(crate) fn history(&self, meter: Uuid, events: i64) -> anyhow::Result<Vec<MeterEvent>> {
        let mut state = Meter::default();
        let mut history = Vec::new();
        for number in 0..events {
            let command =
                if number == 0 { register(meter) } else { submit(Reading { meter, number }) };
            for event in state.decide(self.issued(meter, command, clock::now()))? {
                cqrs_es::Aggregate::apply(&mut state, event.clone());
                history.push(event);
            }
        }
        Ok(history)
    }

    /// Who does all this.
    pub(crate) fn actor(&self) -> Actor {
        self.actor.clone()
    }

    fn issued(&self, id: Uuid, command: MeterCommand, at: DateTime<Utc>) -> Issued<MeterCommand> {
        Issued { id, at, actor: self.actor.clone(), tenant: Arc::clone(&self.facts), command }
    }

    /// A command to any aggregate.
    pub(crate) fn envelope(
        &self,
        aggregate: &str,
        id: Uuid,
        command: serde_json::Value,
    ) -> Envelope {
        let address = (self.tenant.clone(), aggregate, id);
        Envelope::new(Uuid::now_v7(), address, command, self.actor.clone(), clock::now())
    }
}

/// Rules under which every spend is accepted, and is one event: nobody is warned.
fn credit_rules() -> CreditRules {
    CreditRules {
        enabled: true,
        low_credits: 0,
        messages_per_minute_max: 10_000,
        credits_per_day_max: 1_000_000,
        ..CreditRules::default()
    }
}

/// Opens the ledger of an account.
pub(crate) fn open_ledger(account_id: Uuid) -> CreditLedgerCommand {
    CreditLedgerCommand::Open(Open { account_id })
}

/// Buys more credits than a run spends, at a price, so that each spend earns its part of it.
pub(crate) fn buy_credits() -> anyhow::Result<CreditLedgerCommand> {
    let price = Money::new(CREDITS * 20, "USD".parse()?);
    let payment = Payment { payment_id: Uuid::now_v7(), provider: PaymentProvider::Manual, price };
    Ok(CreditLedgerCommand::Grant(Grant {
        grant_id: Uuid::now_v7(),
        source: GrantSource::Purchase,
        credits: CREDITS,
        payment: Some(payment),
        expires_at: None,
        priority: None,
    }))
}

/// Sends one message for one credit.
pub(crate) fn spend_credit() -> CreditLedgerCommand {
    CreditLedgerCommand::Spend(Spend { spend_id: Uuid::now_v7(), messages: 1 })
}

fn register(meter: Uuid) -> MeterCommand {
    MeterCommand::Register(Register {
        account_id: meter,
        kind: MeterKind::Electricity,
        zones: 1,
        digits: 9,
        serial_number: format!("B-{}", meter.simple()),
        place: String::new(),
        verification_due_on: None,
        initial_values_milli: BTreeMap::new(),
    })
}

/// An import is bound to no window and no confirmation, so that the run measures accepted readings
/// on any day.
fn submit(reading: Reading) -> MeterCommand {
    MeterCommand::SubmitReading(SubmitReading {
        reading_id: Uuid::now_v7(),
        values_milli: BTreeMap::from([(Zone::T1, Quantity(reading.number * STEP_MILLI))]),
        taken_on: None,
        source: ReadingSource::Import,
        confirmed: false,
        photo: None,
    })
}
