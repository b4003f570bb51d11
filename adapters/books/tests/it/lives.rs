//! Customers who buy, spend, ask back and let run out, at random and over months.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use kontor_books::{Export, Posted};
use kontor_domain::{
    Actor, Decider, Issued, Money, TenantFacts, TenantId,
    credit_ledger::{
        Adjust, AdjustmentCause, BookAccount, CaptureHold, ClaimTutorialBonus, CloseDispute,
        CorrectionReason, CreditLedger, CreditLedgerCommand as C, CreditLedgerEvent, CreditRules,
        DisputeOutcome, Grant, GrantPass, GrantSource, Hold, Open, OpenDispute, PassPeriod,
        Payment, PaymentProvider, Posting, RefundGrant, RefundPart, RefundPass, ReleaseHold, Reset,
        ReturnRefund, ReverseSpend, RevokeGrant, SettleDue, Spend, Unit, WriteOffDebt,
        credit_ledger_id, house_ledger_id,
    },
    tenant::Tenant,
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use uuid::Uuid;

/// How many customers there are: enough for their bookings to mix.
const CUSTOMERS: usize = 5;

/// A booking as the log would hold it.
pub(crate) struct Kept {
    pub(crate) ledger_id: Uuid,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) event: CreditLedgerEvent,
}

/// One thing that somebody tries: who, what, with which figures, and how long after the last one.
type Attempt = (usize, u8, u8, u8, u16);

/// The bookings of everybody, in the order of the log.
pub(crate) fn lives(seed: u8, attempts: usize) -> Vec<Kept> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let one = (0..CUSTOMERS, 0_u8..18, any::<u8>(), any::<u8>(), any::<u16>());
    let plan = vec(one, attempts).new_tree(&mut runner).unwrap().current();
    let mut town = Town::open();
    for attempt in plan {
        town.attempt(attempt);
    }
    town.log
}

/// Writes bookings one after the other.
pub(crate) fn write(export: &mut Export, log: &[Kept]) {
    for (position, kept) in (1..).zip(log) {
        let id = Uuid::from_u128(u128::try_from(position).unwrap());
        let posted = Posted {
            position,
            event_id: id,
            ledger_id: kept.ledger_id,
            command_id: id,
            recorded_at: kept.recorded_at,
            event: &kept.event,
        };
        export.take(posted).unwrap();
    }
}

/// What is on each account over all customers, counted here and not by the exporter.
pub(crate) fn totals(log: &[Kept]) -> BTreeMap<(BookAccount, Unit), i128> {
    let mut totals = BTreeMap::new();
    for entry in log.iter().flat_map(|kept| &kept.event.booking().entries) {
        *totals.entry((entry.account, entry.unit)).or_default() += i128::from(entry.amount);
    }
    totals.retain(|_, total| *total != 0);
    totals
}

struct Town {
    now: DateTime<Utc>,
    next: u128,
    ledgers: Vec<CreditLedger>,
    /// What belongs to no customer.
    house: CreditLedger,
    /// The newest grant, pass, spend, hold, refund, dispute and reversal of each customer.
    newest: Vec<[Uuid; 7]>,
    /// What came about for the last time of a kind, once it is accepted.
    asked: Option<(usize, Uuid)>,
    /// The newest purchase of each customer, and its price.
    bought: Vec<(Uuid, Money)>,
    log: Vec<Kept>,
}

const GRANT: usize = 0;
const PASS: usize = 1;
const SPEND: usize = 2;
const HOLD: usize = 3;
const REFUND: usize = 4;
const DISPUTE: usize = 5;
const REVERSAL: usize = 6;

impl Town {
    fn open() -> Self {
        let mut town = Self {
            // Near the end of a month and of a day in Moscow.
            now: "2026-01-31T20:30:00Z".parse().unwrap(),
            next: 1_000,
            ledgers: vec![CreditLedger::default(); CUSTOMERS],
            house: CreditLedger::default(),
            newest: vec![[Uuid::nil(); 7]; CUSTOMERS],
            asked: None,
            bought: vec![(Uuid::nil(), price(0, 0)); CUSTOMERS],
            log: Vec::new(),
        };
        for customer in 0..CUSTOMERS {
            town.ask(customer, town.now, C::Open(Open { account_id: account(customer) }));
        }
        town
    }

    fn attempt(&mut self, (customer, what, a, b, pause): Attempt) {
        // Moments or a day: a hold waits for minutes, a grant runs out after weeks.
        let pause = i64::from(pause);
        self.now += Duration::seconds(if pause % 3 == 0 { pause / 600 } else { pause * 3 });
        // Some commands have waited for days before the log took them.
        let waited = if b.is_multiple_of(11) { i64::from(b) } else { 0 };
        let issued_at = self.now - Duration::hours(waited);
        self.asked = None;
        let command = self.command(customer, what, (a, b));
        self.ask(customer, issued_at, command);
        if what == 4 {
            self.settle(a, b);
        }
        if what == 8 && b % 2 == 1 {
            // The message is delivered a moment later, in whole or in part.
            self.now += Duration::seconds(20);
            let credits = a.is_multiple_of(2).then_some(1);
            let hold_id = self.newest[customer][HOLD];
            self.ask(customer, self.now, C::CaptureHold(CaptureHold { hold_id, credits }));
        }
    }

    fn fresh(&mut self, kind: usize) -> Uuid {
        self.next += 1;
        let id = Uuid::from_u128(self.next);
        self.asked = Some((kind, id));
        id
    }

    fn command(&mut self, customer: usize, what: u8, (a, b): (u8, u8)) -> C {
        let newest = self.newest[customer];
        let few = i64::from(a % 4) + 1;
        let reason = CorrectionReason::CustomerAsked;
        match what {
            0..=2 => self.purchase(a, b),
            3 => C::Grant(Grant {
                grant_id: self.fresh(GRANT),
                source: if a.is_multiple_of(2) { GrantSource::Gift } else { GrantSource::Promo },
                credits: i64::from(a % 9) + 1,
                payment: None,
                expires_at: Some(self.now + Duration::days(i64::from(b % 40) + 1)),
                priority: None,
            }),
            4..=7 => C::Spend(Spend { spend_id: self.fresh(SPEND), messages: few }),
            8 => C::Hold(Hold { hold_id: self.fresh(HOLD), messages: few }),
            9 => C::CaptureHold(CaptureHold { hold_id: newest[HOLD], credits: None }),
            10 => C::ReleaseHold(ReleaseHold { hold_id: newest[HOLD] }),
            11 => C::ReverseSpend(ReverseSpend {
                reversal_id: self.fresh(REVERSAL),
                spend_id: newest[SPEND],
                credits: (a.is_multiple_of(2)).then_some(1),
                reason,
            }),
            12 if b.is_multiple_of(3) => {
                let (grant_id, price) = self.bought[customer];
                let refund_id = self.fresh(REFUND);
                C::RefundPart(part(refund_id, grant_id, price, (a, b)))
            }
            12 => C::RefundGrant(RefundGrant {
                refund_id: self.fresh(REFUND),
                grant_id: self.bought[customer].0,
                credits: (a.is_multiple_of(2)).then_some(few),
                reason,
            }),
            13 if a.is_multiple_of(2) => C::OpenDispute(OpenDispute {
                dispute_id: self.fresh(DISPUTE),
                grant_id: self.bought[customer].0,
                amount: self.bought[customer].1,
            }),
            13 => C::CloseDispute(CloseDispute {
                dispute_id: newest[DISPUTE],
                outcome: [DisputeOutcome::Won, DisputeOutcome::Lost][usize::from(b % 2)],
            }),
            14 => C::GrantPass(GrantPass {
                pass_id: self.fresh(PASS),
                period: [PassPeriod::Day, PassPeriod::Week, PassPeriod::Month][usize::from(b % 3)],
                payment: Some(self.payment(a, b)),
            }),
            15 if a.is_multiple_of(2) => {
                C::RefundPass(RefundPass { pass_id: newest[PASS], reason, value: None })
            }
            15 => C::RevokeGrant(RevokeGrant { grant_id: newest[GRANT], reason }),
            16 if a.is_multiple_of(2) => {
                C::ReturnRefund(ReturnRefund { refund_id: newest[REFUND] })
            }
            16 => C::ClaimTutorialBonus(ClaimTutorialBonus {}),
            17 if a % 16 == 3 => C::Reset(Reset {}),
            17 if !a.is_multiple_of(4) => C::WriteOffDebt(WriteOffDebt { reason }),
            _ => C::SettleDue(SettleDue {}),
        }
    }

    /// A provider keeps a fee, sends the rest, or gives something back, which holds from days before.
    fn settle(&mut self, a: u8, b: u8) {
        let sides = [
            (BookAccount::ProviderFees, BookAccount::ClearingStripe),
            (BookAccount::InTransit, BookAccount::ClearingStripe),
            (BookAccount::Bank, BookAccount::InTransit),
            (BookAccount::ClearingYookassa, BookAccount::Differences),
        ];
        self.next += 1;
        let (debit, credit) = sides[usize::from(a % 4)];
        let adjust = Adjust {
            adjustment_id: Uuid::from_u128(self.next),
            cause: AdjustmentCause::Statement,
            about: Uuid::from_u128(self.next),
            effective_at: self.now - Duration::days(i64::from(b % 5)),
            postings: vec![Posting { debit, credit, amount: price(a, b) }],
        };
        let tenant: TenantId = "demo".parse().unwrap();
        let ledger_id = house_ledger_id(&tenant);
        let issued = Issued {
            id: ledger_id,
            at: self.now,
            actor: Actor::System { name: "policy/settle_books".to_owned() },
            tenant: Arc::new(TenantFacts { exists: true, ..Tenant::default().facts(tenant) }),
            command: C::Adjust(adjust),
        };
        for event in self.house.decide(issued).unwrap() {
            self.house.apply(event.clone());
            self.log.push(Kept { ledger_id, recorded_at: self.now, event });
        }
    }

    fn purchase(&mut self, a: u8, b: u8) -> C {
        let expires = b.is_multiple_of(4).then(|| self.now + Duration::days(i64::from(a % 60) + 1));
        C::Grant(Grant {
            grant_id: self.fresh(GRANT),
            source: GrantSource::Purchase,
            credits: i64::from(a % 30) + 1,
            payment: Some(self.payment(a, b)),
            expires_at: expires,
            priority: None,
        })
    }

    fn payment(&mut self, a: u8, b: u8) -> Payment {
        self.next += 1;
        let providers = [
            PaymentProvider::Stripe,
            PaymentProvider::Yookassa,
            PaymentProvider::TelegramStars,
            PaymentProvider::Manual,
        ];
        let provider = providers[usize::from(b % 4)];
        Payment { payment_id: Uuid::from_u128(self.next), provider, price: price(a, b) }
    }

    /// Asks; a refusal is part of life and leaves nothing in the log.
    fn ask(&mut self, customer: usize, at: DateTime<Utc>, command: C) {
        let facts = Tenant::default().facts("demo".parse().unwrap());
        let ledger_id = credit_ledger_id(account(customer));
        let issued = Issued {
            id: ledger_id,
            at,
            actor: Actor::Operator { name: "desk".to_owned() },
            tenant: Arc::new(TenantFacts { exists: true, credit_rules: rules(), ..facts }),
            command,
        };
        let Ok(events) = self.ledgers[customer].decide(issued) else { return };
        if let Some((kind, id)) = self.asked {
            self.newest[customer][kind] = id;
        }
        for event in events {
            if let CreditLedgerEvent::Granted(granted) = &event
                && let Some(payment) = &granted.payment
            {
                self.bought[customer] = (granted.grant_id, payment.price);
            }
            self.ledgers[customer].apply(event.clone());
            self.log.push(Kept { ledger_id, recorded_at: self.now, event });
        }
    }
}

/// A part of a price that went back, with or without credits of its own.
fn part(refund_id: Uuid, grant_id: Uuid, price: Money, (a, b): (u8, u8)) -> RefundPart {
    let amount_minor = price.amount_minor.min(i64::from(b % 60) + 1);
    RefundPart {
        refund_id,
        grant_id,
        amount: Money { amount_minor, ..price },
        credits: a.is_multiple_of(3).then_some(i64::from(a % 3)),
        is_last: a.is_multiple_of(7),
        reason: CorrectionReason::CustomerAsked,
    }
}

/// A tenant that deals with credits, and whose customers may begin anew.
fn rules() -> CreditRules {
    CreditRules { enabled: true, test_switch: true, ..CreditRules::default() }
}

fn account(customer: usize) -> Uuid {
    Uuid::from_u128(0xa0 + u128::try_from(customer).unwrap())
}

fn price(a: u8, b: u8) -> Money {
    let currency = ["RUB", "USD", "XTR", "KWD"][usize::from(b % 4)];
    Money::new(i64::from(a) * 37 + 99, currency.parse().unwrap())
}
