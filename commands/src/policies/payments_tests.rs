//! The policy of payments with real payments and real ledgers: whatever order orders are carried out
//! in, and however often, the books say what the provider holds.

mod storm;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    Actor, Decider, EventBody, Issued, Metadata, Money, Recorded, TenantFacts,
    credit_ledger::{
        BookAccount, CreditLedger, CreditLedgerCommand, CreditLedgerEvent, CreditRules, PassPeriod,
        PaymentProvider, SettleDue, Spend, credit_ledger_id,
    },
    payment::{
        Begin, Expire, Payment, PaymentCommand, ProductSold, RecordRefund, RecordRefundFailure,
        RecordSuccess, RequestRefund, grant_id,
    },
    product::Gives,
    tenant::Tenant,
};
use proptest::sample::Index;
use serde_json::Value;
use uuid::Uuid;

use super::FulfilPayments;
use crate::policy::{AnyPolicy, Audience, Instance, Order, testing::Scenario};

const ANNA: Uuid = Uuid::from_u128(0xa);
const PAYMENT: Uuid = Uuid::from_u128(0xf1);
const REFUND: Uuid = Uuid::from_u128(0xf2);
const CHARGE: &str = "stxCharge-1";

fn stars(amount_minor: i64) -> Money {
    Money::new(amount_minor, "XTR".parse().unwrap())
}

/// A shop: one payment, one ledger, the policy between them, and a clock.
struct Shop {
    payment: Payment,
    ledger: CreditLedger,
    booked: Vec<CreditLedgerEvent>,
    memory: BTreeMap<Uuid, Value>,
    orders: Vec<(&'static str, Value)>,
    timers: BTreeMap<String, (DateTime<Utc>, &'static str, Value)>,
    now: DateTime<Utc>,
    position: i64,
    spends: u128,
}

impl Shop {
    fn offering(gives: Gives) -> Self {
        let mut shop = Self {
            payment: Payment::default(),
            ledger: CreditLedger::default(),
            booked: vec![],
            memory: BTreeMap::new(),
            orders: vec![],
            timers: BTreeMap::new(),
            now: "2026-11-16T09:00:00Z".parse().unwrap(),
            position: 0,
            spends: 0,
        };
        shop.pay(PaymentCommand::Begin(Begin {
            account_id: ANNA,
            product: ProductSold { product_id: Uuid::from_u128(1), version: 1, gives },
            price: stars(250),
            provider: PaymentProvider::TelegramStars,
            channel: "telegram/shop".to_owned(),
            expires_at: shop.now + Duration::days(1),
        }));
        shop.settle(&[]);
        shop
    }

    fn issued<C>(&self, id: Uuid, command: C) -> Issued<C> {
        let facts = Tenant::default().facts("demo".parse().unwrap());
        let credit_rules = CreditRules {
            enabled: true,
            welcome_credits: 0,
            low_credits: 0,
            ..CreditRules::default()
        };
        let tenant = Arc::new(TenantFacts { exists: true, credit_rules, ..facts });
        let actor = Actor::System { name: "test".to_owned() };
        Issued { id, at: self.now, actor, tenant, command }
    }

    fn pay(&mut self, command: PaymentCommand) {
        let Ok(events) = self.payment.decide(self.issued(PAYMENT, command)) else { return };
        for event in events {
            cqrs_es::Aggregate::apply(&mut self.payment, event.clone());
            self.tell("payment", PAYMENT, &event);
        }
    }

    /// A refusal is an outcome, too: the policy never hears of it.
    fn book(&mut self, command: CreditLedgerCommand) {
        let id = credit_ledger_id(ANNA);
        let Ok(events) = self.ledger.decide(self.issued(id, command)) else { return };
        for event in events {
            cqrs_es::Aggregate::apply(&mut self.ledger, event.clone());
            self.booked.push(event.clone());
            self.tell("credit_ledger", id, &event);
        }
    }

    fn spend(&mut self, messages: i64) {
        self.spends += 1;
        let spend_id = Uuid::from_u128(0x5000 + self.spends);
        self.book(CreditLedgerCommand::Spend(Spend { spend_id, messages }));
    }

    fn tell<E: EventBody>(&mut self, stream_type: &str, stream_id: Uuid, body: &E) {
        self.position += 1;
        let event = recorded((stream_type, stream_id), body, (self.position, self.now));
        let policy: &dyn AnyPolicy = &FulfilPayments;
        if !policy.event_types().contains(&event.event_type.as_str()) {
            return;
        }
        let Audience::One(key) = policy.audience(&event).unwrap() else { return };
        let instance = Instance { tenant: &event.tenant, key };
        let reaction = policy.react(self.memory.get(&key), instance, &event).unwrap();
        match reaction.state {
            Some(state) => drop(self.memory.insert(key, state)),
            None => drop(self.memory.remove(&key)),
        }
        for order in reaction.orders {
            match order {
                Order::Send(directive) => {
                    self.orders.push((directive.aggregate, directive.command));
                }
                Order::Schedule { key, due_at, directive } => {
                    self.timers.insert(key, (due_at, directive.aggregate, directive.command));
                }
                Order::Cancel { key } => drop(self.timers.remove(&key)),
            }
        }
    }

    fn carry_out(&mut self, (aggregate, command): (&str, Value)) {
        match aggregate {
            "payment" => self.pay(serde_json::from_value(command).unwrap()),
            _ => self.book(serde_json::from_value(command).unwrap()),
        }
    }

    /// Carries everything out that is ordered, side by side: in the order that `picks` says, and each
    /// command a second time; then the timers that are due within the hour.
    fn settle(&mut self, picks: &[Index]) {
        let mut picks = picks.iter();
        loop {
            while !self.orders.is_empty() {
                let place = picks.next().map_or(0, |pick| pick.index(self.orders.len()));
                let order = self.orders.remove(place);
                self.carry_out(order.clone());
                self.carry_out(order);
            }
            let soon = self.now + Duration::hours(1);
            let due = self.timers.iter().find(|(_, timer)| timer.0 <= soon);
            let Some(key) = due.map(|(key, _)| key.clone()) else { return };
            if let Some((due_at, aggregate, command)) = self.timers.remove(&key) {
                self.now = self.now.max(due_at);
                self.carry_out((aggregate, command));
            }
        }
    }

    fn sum(&self, account: BookAccount) -> i64 {
        let entries = self.booked.iter().flat_map(|event| &event.booking().entries);
        entries.filter(|entry| entry.account == account).map(|entry| entry.amount).sum()
    }

    /// What the books say that the provider holds for us.
    fn clearing(&self) -> i64 {
        self.sum(BookAccount::ClearingTelegramStars) + self.sum(BookAccount::DisputeReserve)
    }

    fn count(&self, wire_type: &str) -> usize {
        self.booked.iter().filter(|event| event.wire_type() == wire_type).count()
    }
}

fn recorded<E: EventBody>(
    (stream_type, stream_id): (&str, Uuid),
    body: &E,
    (position, at): (i64, DateTime<Utc>),
) -> Recorded {
    Recorded {
        position,
        tenant: "demo".parse().unwrap(),
        stream_type: stream_type.to_owned(),
        stream_id,
        version: position,
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
        occurred_at: at,
        recorded_at: at,
    }
}

fn success() -> PaymentCommand {
    let provider_ref = CHARGE.to_owned();
    PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount: stars(250) })
}

fn refunded() -> PaymentCommand {
    let (refund_id, provider_ref) = (Some(REFUND), CHARGE.to_owned());
    PaymentCommand::RecordRefund(RecordRefund {
        refund_id,
        provider_ref,
        amount: stars(250),
        refund_ref: None,
    })
}

fn refund_failed() -> PaymentCommand {
    PaymentCommand::RecordRefundFailure(RecordRefundFailure {
        refund_id: Some(REFUND),
        provider_ref: CHARGE.to_owned(),
        amount: stars(250),
        reason: "expired_card".to_owned(),
        refund_ref: None,
    })
}

fn requested() -> PaymentCommand {
    let reason = kontor_domain::credit_ledger::CorrectionReason::CustomerAsked;
    PaymentCommand::RequestRefund(RequestRefund {
        refund_id: REFUND,
        reason,
        amount: None,
        credits: None,
    })
}

const CREDITS: Gives = Gives::Credits(25);
const WEEK: Gives = Gives::Pass(PassPeriod::Week);

#[test]
fn what_was_paid_for_is_granted_once_under_the_payments_id() {
    let mut shop = Shop::offering(CREDITS);
    assert_eq!(shop.count("credit_ledger.opened"), 1, "before anything is paid");
    for _ in 0..3 {
        shop.pay(success());
        shop.settle(&[]);
    }
    assert_eq!((shop.count("credit_ledger.granted"), shop.clearing()), (1, 250));
    let granted = shop.booked.iter().find_map(|event| {
        let CreditLedgerEvent::Granted(granted) = event else { return None };
        Some(granted.grant_id)
    });
    assert_eq!(granted, Some(grant_id(PAYMENT)));
}

#[test]
fn an_offer_that_nobody_paid_ends_by_its_timer() {
    let mut shop = Shop::offering(CREDITS);
    assert_eq!(shop.timers.len(), 1);
    shop.now += Duration::days(1);
    shop.settle(&[]);
    assert_eq!(shop.timers.len(), 0);
    shop.pay(PaymentCommand::Expire(Expire {}));
    shop.pay(success());
    shop.settle(&[]);
    assert_eq!(shop.clearing(), 250, "money that comes late still buys");
}

#[test]
fn an_unused_purchase_is_refunded_and_a_used_one_is_owed() {
    for (messages, refunds, lost, owed) in [(0, 1, 0, 0), (5, 0, 1, 5), (25, 0, 1, 25)] {
        let mut shop = Shop::offering(CREDITS);
        shop.pay(success());
        shop.settle(&[]);
        if messages > 0 {
            shop.spend(messages);
        }
        shop.pay(requested());
        shop.settle(&[]);
        assert_eq!(shop.clearing(), 250, "not before the provider has paid");
        shop.pay(refunded());
        shop.settle(&[]);
        assert_eq!(shop.clearing(), 0);
        assert_eq!(shop.count("credit_ledger.grant_refunded"), refunds);
        assert_eq!(shop.count("credit_ledger.dispute_closed"), lost);
        let closed = shop.booked.iter().find_map(|event| {
            let CreditLedgerEvent::DisputeClosed(closed) = event else { return None };
            Some(closed.owed)
        });
        assert_eq!(closed.unwrap_or(0), owed);
    }
}

#[test]
fn a_pass_is_refunded_as_a_whole_or_closed() {
    for (days, refunds) in [(0, 1), (2, 0)] {
        let mut shop = Shop::offering(WEEK);
        shop.pay(success());
        shop.settle(&[]);
        shop.now += Duration::days(days);
        shop.book(CreditLedgerCommand::SettleDue(SettleDue {}));
        shop.pay(refunded());
        shop.settle(&[]);
        assert_eq!(shop.clearing(), 0);
        assert_eq!(shop.count("credit_ledger.pass_refunded"), refunds);
        assert_eq!(shop.sum(BookAccount::DeferredRevenue), 0);
    }
}

#[test]
fn a_refund_that_failed_afterwards_gives_the_credits_back() {
    let mut shop = Shop::offering(CREDITS);
    shop.pay(success());
    shop.settle(&[]);
    shop.pay(refunded());
    shop.settle(&[]);
    shop.pay(refund_failed());
    shop.settle(&[]);
    assert_eq!((shop.clearing(), shop.count("credit_ledger.refund_returned")), (250, 1));
    shop.spend(25);
    assert_eq!(shop.count("credit_ledger.spent"), 1);
}

#[test]
fn parts_take_unused_credits_and_the_last_of_them_closes_a_used_purchase() {
    let part = |minor, reference: &str| {
        PaymentCommand::RecordRefund(RecordRefund {
            refund_id: None,
            provider_ref: CHARGE.to_owned(),
            amount: stars(minor),
            refund_ref: Some(reference.to_owned()),
        })
    };
    for (messages, parts, lost) in [(0, 2, 0), (5, 1, 1)] {
        let mut shop = Shop::offering(CREDITS);
        shop.pay(success());
        shop.settle(&[]);
        if messages > 0 {
            shop.spend(messages);
        }
        shop.pay(part(100, "re_1"));
        shop.settle(&[]);
        assert_eq!(shop.clearing(), 150);
        assert_eq!(shop.sum(BookAccount::PaidCredits), -(15 - messages));
        shop.pay(part(150, "re_2"));
        shop.settle(&[]);
        assert_eq!((shop.clearing(), shop.sum(BookAccount::PaidCredits)), (0, 0));
        assert_eq!(shop.count("credit_ledger.part_refunded"), parts);
        assert_eq!(shop.count("credit_ledger.dispute_closed"), lost);
        assert_eq!(shop.sum(BookAccount::Receivable), messages, "what was used is owed");
    }
}

#[test]
fn a_second_charge_moves_nothing_in_the_ledger() {
    let mut shop = Shop::offering(CREDITS);
    shop.pay(success());
    let provider_ref = "stxCharge-2".to_owned();
    let again = RecordSuccess { provider_ref: provider_ref.clone(), amount: stars(250) };
    shop.pay(PaymentCommand::RecordSuccess(again));
    let back = RecordRefund { refund_id: None, provider_ref, amount: stars(250), refund_ref: None };
    shop.pay(PaymentCommand::RecordRefund(back));
    shop.settle(&[]);
    assert_eq!((shop.clearing(), shop.booked.len()), (250, 2));
}

#[test]
fn grants_of_the_staff_are_no_business_of_the_policy() {
    let mut shop = Shop::offering(CREDITS);
    let before = shop.memory.clone();
    let provider = PaymentProvider::Manual;
    let payment_id = Uuid::from_u128(77);
    let payment = kontor_domain::credit_ledger::Payment { payment_id, provider, price: stars(9) };
    shop.book(CreditLedgerCommand::GrantPass(kontor_domain::credit_ledger::GrantPass {
        pass_id: Uuid::from_u128(78),
        period: PassPeriod::Day,
        payment: Some(payment),
    }));
    assert_eq!((shop.memory.clone(), shop.orders.len()), (before, 0));
}

#[test]
fn the_policy_asks_for_nothing_that_it_does_not_know() {
    let at = "2026-11-16T09:00:00Z".parse().unwrap();
    let said = kontor_domain::payment::PaymentEvent::Expired(kontor_domain::payment::Expired {});
    let event = recorded(("payment", PAYMENT), &said, (1, at));
    let cancel = Order::Cancel { key: format!("expiry:{PAYMENT}:{PAYMENT}") };
    Scenario::of(&FulfilPayments).when(event).then_orders(&[cancel]).then_remembers(0);
}
