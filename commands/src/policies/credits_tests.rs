//! The policies of credit ledgers, as given / when / then.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    Actor, Decider, EventBody, Issued, Language, Metadata, Personal, Recorded, TenantFacts,
    TenantId,
    account::{self, AccountEvent, Origin},
    credit_ledger::{
        CaptureHold, CorrectionReason, CreditLedger, CreditLedgerCommand as Command, CreditRules,
        Grant, GrantPass, GrantSource, Hold, Open, PassPeriod, Payment, PaymentProvider,
        RefundPass, ReleaseHold, SettleDue, credit_ledger_id,
    },
    tenant::{CreditRulesChanged, Tenant, TenantEvent},
};
use serde_json::json;
use uuid::Uuid;

use super::{CreditDues, WelcomeCredits};
use crate::policy::{Directive, Order, testing::Scenario};

const ANNA: Uuid = Uuid::from_u128(0xa);
const GIFT: Uuid = Uuid::from_u128(0xb);
const HOLD: Uuid = Uuid::from_u128(0xc);
const PASS: Uuid = Uuid::from_u128(0xd);

fn at(hours: i64) -> DateTime<Utc> {
    "2026-11-16T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::hours(hours)
}

/// A ledger that takes real decisions, and tells those of its events that the policy asks for.
struct Till {
    ledger: CreditLedger,
    version: i64,
}

impl Till {
    fn open() -> Self {
        let mut till = Self { ledger: CreditLedger::default(), version: 0 };
        till.ask(0, Command::Open(Open { account_id: ANNA }));
        till
    }

    fn ask(&mut self, hours: i64, command: Command) -> Vec<Recorded> {
        let facts = Tenant::default().facts("demo".parse().unwrap());
        let issued = Issued {
            id: credit_ledger_id(ANNA),
            at: at(hours),
            actor: Actor::Operator { name: "desk".to_owned() },
            tenant: Arc::new(TenantFacts { exists: true, credit_rules: rules(true), ..facts }),
            command,
        };
        let events = self.ledger.decide(issued).unwrap();
        let mut told = Vec::new();
        for event in events {
            cqrs_es::Aggregate::apply(&mut self.ledger, event.clone());
            self.version += 1;
            told.push(self.recorded(hours, &event));
        }
        let wanted = crate::policy::Policy::event_types(&CreditDues);
        told.retain(|event| wanted.contains(&event.event_type.as_str()));
        told
    }

    fn recorded<E: EventBody>(&self, hours: i64, body: &E) -> Recorded {
        Recorded {
            position: self.version,
            tenant: "demo".parse().unwrap(),
            stream_type: "credit_ledger".to_owned(),
            stream_id: credit_ledger_id(ANNA),
            version: self.version,
            event_id: Uuid::nil(),
            event_type: body.wire_type().to_owned(),
            schema_version: body.schema_version(),
            payload: body.to_payload().unwrap(),
            metadata: Metadata {
                actor: Actor::System { name: "test".to_owned() },
                command_id: Uuid::nil(),
                correlation_id: Uuid::nil(),
                causation_id: None,
                trace: None,
            },
            occurred_at: at(hours),
            recorded_at: at(hours),
        }
    }
}

fn key(kind: &str, id: Uuid) -> String {
    format!("{kind}:{}:{id}", credit_ledger_id(ANNA))
}

fn timer(kind: &str, id: Uuid, due_at: DateTime<Utc>) -> Order {
    let command = json!({"type": "settle_due"});
    let directive = Directive { aggregate: "credit_ledger", id: credit_ledger_id(ANNA), command };
    Order::Schedule { key: key(kind, id), due_at, directive }
}

fn cancelled(kind: &str, id: Uuid) -> Order {
    Order::Cancel { key: key(kind, id) }
}

fn gift(expires_at: Option<DateTime<Utc>>) -> Command {
    Command::Grant(Grant {
        grant_id: GIFT,
        source: GrantSource::Gift,
        credits: 5,
        payment: None,
        expires_at,
        priority: None,
    })
}

fn week() -> Command {
    let price = kontor_domain::Money::new(700, "USD".parse().unwrap());
    let provider = PaymentProvider::Manual;
    let payment = Some(Payment { payment_id: Uuid::from_u128(1), provider, price });
    Command::GrantPass(GrantPass { pass_id: PASS, period: PassPeriod::Week, payment })
}

fn rules(enabled: bool) -> CreditRules {
    CreditRules { enabled, ..CreditRules::default() }
}

fn registered() -> Recorded {
    let registered = account::Registered {
        display_name: "Анна".parse().unwrap(),
        language: Language::Ru,
        origin: Personal::Known(Origin::Api { external_id: None }),
        phone: None,
    };
    Recorded {
        stream_type: "account".to_owned(),
        stream_id: ANNA,
        ..Till::open().recorded(0, &AccountEvent::Registered(registered))
    }
}

fn switched(enabled: bool) -> Recorded {
    let tenant: TenantId = "demo".parse().unwrap();
    let changed =
        TenantEvent::CreditRulesChanged(CreditRulesChanged { credit_rules: rules(enabled) });
    Recorded {
        stream_type: "tenant".to_owned(),
        stream_id: tenant.stream_id(),
        ..Till::open().recorded(0, &changed)
    }
}

#[test]
fn a_registered_account_gets_its_ledger_where_credits_are_on() {
    let command = json!({"type": "open", "account_id": ANNA});
    let id = credit_ledger_id(ANNA);
    let order = Order::Send(Directive { aggregate: "credit_ledger", id, command });
    Scenario::of(&WelcomeCredits)
        .given([switched(true)])
        .when(registered())
        .then_orders(&[order])
        .then_remembers(1);
}

#[test]
fn where_credits_are_off_no_account_gets_a_ledger() {
    Scenario::of(&WelcomeCredits).when(registered()).then_orders(&[]).then_remembers(0);
    Scenario::of(&WelcomeCredits)
        .given([switched(true), switched(false)])
        .when(registered())
        .then_orders(&[])
        .then_remembers(0);
}

#[test]
fn credits_that_run_out_have_a_timer_until_they_ran_out() {
    let mut till = Till::open();
    let granted = till.ask(1, gift(Some(at(48)))).remove(0);
    let scenario =
        Scenario::of(&CreditDues).when(granted).then_orders(&[timer("expiry", GIFT, at(48))]);
    let expired = till.ask(48, Command::SettleDue(SettleDue {})).remove(0);
    assert_eq!(expired.event_type, "credit_ledger.grant_expired");
    scenario.when(expired).then_orders(&[cancelled("expiry", GIFT)]).then_remembers(0);
}

#[test]
fn credits_without_an_end_have_no_timer() {
    let granted = Till::open().ask(1, gift(None)).remove(0);
    Scenario::of(&CreditDues).when(granted).then_orders(&[]);
}

#[test]
fn a_hold_has_a_timer_until_it_is_captured_or_released() {
    let hold = Command::Hold(Hold { hold_id: HOLD, messages: 1 });
    let due_at = at(1) + Duration::seconds(900);
    for end in [
        Command::CaptureHold(CaptureHold { hold_id: HOLD, credits: None }),
        Command::ReleaseHold(ReleaseHold { hold_id: HOLD }),
    ] {
        let mut till = Till::open();
        let held = till.ask(1, hold.clone()).remove(0);
        let ended = till.ask(1, end).remove(0);
        Scenario::of(&CreditDues)
            .when(held)
            .then_orders(&[timer("hold", HOLD, due_at)])
            .when(ended)
            .then_orders(&[cancelled("hold", HOLD)]);
    }
    let mut till = Till::open();
    till.ask(1, hold);
    let late = till.ask(2, Command::SettleDue(SettleDue {})).remove(0);
    assert_eq!(late.event_type, "credit_ledger.hold_released");
    Scenario::of(&CreditDues).when(late).then_orders(&[cancelled("hold", HOLD)]);
}

#[test]
fn the_timer_of_a_pass_moves_from_day_to_day_until_its_end() {
    let mut till = Till::open();
    let granted = till.ask(0, week()).remove(0);
    let mut scenario = Scenario::of(&CreditDues)
        .when(granted)
        .then_orders(&[timer("pass", PASS, at(24))])
        .then_remembers(1);
    // Settled late, the next day is still that of the pass.
    for (hours, next) in [(24, 48), (50, 72), (120, 144)] {
        let recognised = till.ask(hours, Command::SettleDue(SettleDue {})).remove(0);
        scenario = scenario.when(recognised).then_orders(&[timer("pass", PASS, at(next))]);
    }
    let last = till.ask(168, Command::SettleDue(SettleDue {})).remove(0);
    scenario.when(last).then_orders(&[cancelled("pass", PASS)]).then_remembers(0);
}

#[test]
fn a_pass_that_is_refunded_has_no_timer_any_more() {
    let mut till = Till::open();
    let granted = till.ask(0, week()).remove(0);
    let reason = CorrectionReason::CustomerAsked;
    let refunded =
        till.ask(1, Command::RefundPass(RefundPass { pass_id: PASS, reason, value: None }));
    let refunded = refunded.into_iter().last().unwrap();
    Scenario::of(&CreditDues)
        .given([granted])
        .when(refunded)
        .then_orders(&[cancelled("pass", PASS)])
        .then_remembers(0);
}
