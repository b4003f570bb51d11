//! The rules of payments: one purchase by hand, each refusal, all orders of what a provider says.

mod parts;
mod property;
mod receipts;
mod refunds;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use uuid::Uuid;

use super::*;
use crate::{
    Actor, Decider, Issued, Money, TenantFacts,
    credit_ledger::{CorrectionReason, DisputeOutcome, PassPeriod, PaymentProvider},
    product::Gives,
    tenant::Tenant,
};

const ANNA: Uuid = Uuid::from_u128(0xa);
const BORIS: Uuid = Uuid::from_u128(0xb);
const PAYMENT: Uuid = Uuid::from_u128(0xf1);
const CHARGE: &str = "stxCharge-1";

fn start() -> DateTime<Utc> {
    "2026-11-16T09:00:00Z".parse().unwrap()
}

fn stars(amount_minor: i64) -> Money {
    Money::new(amount_minor, "XTR".parse().unwrap())
}

fn begin() -> Begin {
    Begin {
        account_id: ANNA,
        product: ProductSold {
            product_id: Uuid::from_u128(0xb1),
            version: 3,
            gives: Gives::Credits(25),
        },
        price: stars(250),
        provider: PaymentProvider::TelegramStars,
        channel: "telegram/shop_bot".to_owned(),
        expires_at: start() + Duration::days(1),
    }
}

fn success(charge: &str) -> PaymentCommand {
    let provider_ref = charge.to_owned();
    PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount: stars(250) })
}

fn check_out(payer: Uuid, amount: Money) -> PaymentCommand {
    PaymentCommand::CheckOut(CheckOut { amount, payer })
}

fn kontor() -> Actor {
    Actor::System { name: "telegram_stars".to_owned() }
}

fn staff() -> Actor {
    Actor::Operator { name: "desk".to_owned() }
}

fn customer(account_id: Uuid) -> Actor {
    Actor::Customer { account_id }
}

/// A payment with the tenant around it.
#[derive(Clone)]
struct Till {
    payment: Payment,
    facts: TenantFacts,
    at: DateTime<Utc>,
}

impl Till {
    fn new() -> Self {
        let mut facts =
            TenantFacts { exists: true, ..Tenant::default().facts("demo".parse().unwrap()) };
        facts.credit_rules.enabled = true;
        Self { payment: Payment::default(), facts, at: start() }
    }

    fn begun() -> Self {
        let mut till = Self::new();
        till.ask(customer(ANNA), PaymentCommand::Begin(begin())).unwrap();
        till
    }

    fn paid() -> Self {
        let mut till = Self::begun();
        till.hear(success(CHARGE)).unwrap();
        till
    }

    fn ask(
        &mut self,
        actor: Actor,
        command: PaymentCommand,
    ) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
        let tenant = Arc::new(self.facts.clone());
        let events =
            self.payment.decide(Issued { id: PAYMENT, at: self.at, actor, tenant, command })?;
        for event in &events {
            self.payment.apply(event.clone());
        }
        Ok(events)
    }

    /// What Kontor itself has heard.
    fn hear(&mut self, command: PaymentCommand) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
        self.ask(kontor(), command)
    }
}

#[test]
fn a_purchase_is_offered_checked_out_and_paid_once() {
    let mut till = Till::begun();
    assert_eq!(till.ask(customer(ANNA), PaymentCommand::Begin(begin())).unwrap(), vec![]);
    let pending = till.hear(check_out(ANNA, stars(250))).unwrap();
    assert_eq!(pending, vec![PaymentEvent::Pending(Pending { provider_ref: None })]);
    assert_eq!(till.hear(check_out(ANNA, stars(250))).unwrap(), vec![]);
    let paid = till.hear(success(CHARGE)).unwrap();
    let succeeded = Succeeded {
        provider_ref: CHARGE.to_owned(),
        account_id: ANNA,
        product: begin().product,
        price: stars(250),
        provider: PaymentProvider::TelegramStars,
    };
    assert_eq!(paid, vec![PaymentEvent::Succeeded(succeeded)]);
    assert_eq!(till.hear(success(CHARGE)).unwrap(), vec![]);
    assert_eq!(till.hear(check_out(ANNA, stars(250))), Err(PaymentRefusal::AlreadyPaid));
}

#[test]
fn a_check_out_that_does_not_fit_is_refused_before_money_moves() {
    let mut till = Till::begun();
    assert_eq!(till.hear(check_out(BORIS, stars(250))), Err(PaymentRefusal::OtherPayer));
    let expected = stars(250);
    for wrong in [stars(249), stars(0), Money::new(250, "USD".parse().unwrap())] {
        let refused = till.hear(check_out(ANNA, wrong));
        assert_eq!(refused, Err(PaymentRefusal::PriceDiffers { expected }));
    }
    till.at = start() + Duration::days(1);
    let expired_at = till.at;
    let refused = till.hear(check_out(ANNA, stars(250)));
    assert_eq!(refused, Err(PaymentRefusal::OfferExpired { expired_at }));
    let mut nobody = Till::new();
    assert_eq!(nobody.hear(check_out(ANNA, stars(250))), Err(PaymentRefusal::PaymentUnknown));
}

#[test]
fn money_that_came_after_the_offer_ended_still_buys() {
    let mut till = Till::begun();
    assert_eq!(till.hear(PaymentCommand::Expire(Expire {})).unwrap(), vec![], "too early");
    till.at = start() + Duration::days(2);
    let expired = till.hear(PaymentCommand::Expire(Expire {})).unwrap();
    assert_eq!(expired, vec![PaymentEvent::Expired(Expired {})]);
    let paid = till.hear(success(CHARGE)).unwrap();
    assert!(matches!(paid[..], [PaymentEvent::Succeeded(_)]), "{paid:?}");
    assert_eq!(till.hear(PaymentCommand::Expire(Expire {})).unwrap(), vec![]);
}

#[test]
fn an_unknown_outcome_stays_unknown_until_the_provider_speaks() {
    let mut till = Till::begun();
    till.hear(PaymentCommand::RecordUnknown(RecordUnknown {})).unwrap();
    till.at = start() + Duration::days(2);
    assert_eq!(till.hear(PaymentCommand::Expire(Expire {})).unwrap(), vec![]);
    assert_eq!(till.payment.standing, Standing::Unknown);
    till.hear(success(CHARGE)).unwrap();
    assert_eq!(till.payment.standing, Standing::Succeeded);
}

#[test]
fn a_charge_with_another_amount_or_currency_buys_nothing_and_goes_back() {
    let mut till = Till::begun();
    for (field, found) in
        [("amount", stars(1)), ("currency", Money::new(250, "RUB".parse().unwrap()))]
    {
        let provider_ref = format!("charge-{field}");
        let command = RecordSuccess { provider_ref: provider_ref.clone(), amount: found };
        let said = till.hear(PaymentCommand::RecordSuccess(command.clone())).unwrap();
        let expected = Contradicted {
            fact: Fact::Success,
            provider_ref: provider_ref.clone(),
            field: field.to_owned(),
            expected: stars(250),
            found,
        };
        let paid = SurplusPaid { provider_ref: provider_ref.clone(), amount: found };
        let back = RefundRequested {
            refund_id: derived(PAYMENT, "surplus", &provider_ref),
            provider_ref: provider_ref.clone(),
            amount: found,
            reason: CorrectionReason::Mistake,
            surplus: true,
            part: None,
        };
        let all = vec![
            PaymentEvent::Contradicted(expected),
            PaymentEvent::SurplusPaid(paid),
            PaymentEvent::RefundRequested(back),
        ];
        assert_eq!(said, all);
        assert_eq!(till.hear(PaymentCommand::RecordSuccess(command)).unwrap(), vec![], "once");
        // What goes back is what was charged, whatever was agreed on.
        let refund =
            RecordRefund { refund_id: None, provider_ref, amount: found, refund_ref: None };
        let back = till.hear(PaymentCommand::RecordRefund(refund)).unwrap();
        assert!(matches!(&back[..], [PaymentEvent::Refunded(it)] if it.surplus), "{back:?}");
    }
    assert_eq!(till.payment.standing, Standing::Intent);
    // And what was agreed on can still be paid.
    let paid = till.hear(success(CHARGE)).unwrap();
    assert!(matches!(paid[..], [PaymentEvent::Succeeded(_)]), "{paid:?}");
}

#[test]
fn a_contradiction_that_was_only_recorded_once_still_goes_back_when_it_is_heard_again() {
    let mut till = Till::begun();
    let provider_ref = "charge-old".to_owned();
    // So it stands in logs from before charges like this went back.
    till.payment.apply(PaymentEvent::Contradicted(Contradicted {
        fact: Fact::Success,
        provider_ref: provider_ref.clone(),
        field: "amount".to_owned(),
        expected: stars(250),
        found: stars(1),
    }));
    let success = RecordSuccess { provider_ref, amount: stars(1) };
    let said = till.hear(PaymentCommand::RecordSuccess(success)).unwrap();
    let [PaymentEvent::SurplusPaid(_), PaymentEvent::RefundRequested(_)] = &said[..] else {
        panic!("{said:?}")
    };
}

#[test]
fn money_that_came_after_a_refusal_still_buys() {
    let mut till = Till::begun();
    let failure = RecordFailure { reason: "insufficient_funds".to_owned() };
    till.hear(PaymentCommand::RecordFailure(failure)).unwrap();
    let paid = till.hear(success(CHARGE)).unwrap();
    assert!(matches!(paid[..], [PaymentEvent::Succeeded(_)]), "{paid:?}");
    assert_eq!(till.payment.standing, Standing::Succeeded);
}

#[test]
fn who_says_that_something_was_paid_is_kontor_itself() {
    for actor in [staff(), customer(ANNA)] {
        let refused = Till::begun().ask(actor, success(CHARGE));
        assert_eq!(refused, Err(PaymentRefusal::NotAllowed));
    }
    let refused = Till::new().ask(customer(BORIS), PaymentCommand::Begin(begin()));
    assert_eq!(refused, Err(PaymentRefusal::NotAllowed));
    let refund = RequestRefund {
        refund_id: BORIS,
        reason: CorrectionReason::Goodwill,
        amount: None,
        credits: None,
    };
    let refused = Till::paid().ask(customer(ANNA), PaymentCommand::RequestRefund(refund));
    assert_eq!(refused, Err(PaymentRefusal::NotAllowed));
}

#[test]
fn an_offer_out_of_range_is_refused_by_the_fields_name() {
    let refused = |change: fn(&mut Begin)| {
        let mut offer = begin();
        change(&mut offer);
        let refusal = Till::new().hear(PaymentCommand::Begin(offer)).unwrap_err();
        refusal.to_string().split('`').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(refused(|offer| offer.price = stars(0)), "price");
    assert_eq!(refused(|offer| offer.price = stars(i64::MAX)), "price");
    let credits = |offer: &mut Begin| offer.product.gives = Gives::Credits(1_000_001);
    assert_eq!(refused(credits), "product.gives.credits");
    assert_eq!(refused(|offer| offer.channel = "канал".to_owned()), "channel");
    assert_eq!(refused(|offer| offer.channel = String::new()), "channel");
    assert_eq!(refused(|offer| offer.expires_at = start()), "expires_at");
    assert_eq!(refused(|offer| offer.expires_at = start() + Duration::days(32)), "expires_at");
    let mut till = Till::begun();
    for reference in ["", "two words", "платёж", &"x".repeat(256)] {
        let refused = till.hear(success(reference)).unwrap_err();
        assert!(refused.to_string().contains("`provider_ref`"), "{refused}");
    }
    let failure = RecordFailure { reason: "Anna had no money".to_owned() };
    let refused = till.hear(PaymentCommand::RecordFailure(failure)).unwrap_err();
    assert!(refused.to_string().contains("`reason`"), "{refused}");
}

#[test]
fn an_id_belongs_to_one_purchase_and_credits_must_be_on() {
    let mut other = begin();
    other.product.gives = Gives::Pass(PassPeriod::Week);
    let refused = Till::begun().hear(PaymentCommand::Begin(other));
    assert_eq!(refused, Err(PaymentRefusal::IdReused { id: PAYMENT }));
    let mut till = Till::new();
    till.facts.credit_rules.enabled = false;
    assert_eq!(till.hear(PaymentCommand::Begin(begin())), Err(PaymentRefusal::CreditsOff));
    till.facts.exists = false;
    assert_eq!(till.hear(PaymentCommand::Begin(begin())), Err(PaymentRefusal::TenantUnknown));
}
