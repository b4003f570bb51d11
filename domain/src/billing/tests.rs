//! The rules of billing: agreeing, charging, stopping, each by hand, and all orders of them.

mod charges;
mod property;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use cqrs_es::Aggregate;
use uuid::Uuid;

use super::*;
use crate::{
    Actor, Decider, EventBody, Issued, Language, Money, TenantFacts,
    credit_ledger::{PassPeriod, PaymentProvider},
    payment::ProductSold,
    product::Gives,
    tenant::Tenant,
};

const ANNA: Uuid = Uuid::from_u128(0xa);
const BORIS: Uuid = Uuid::from_u128(0xb);
const CHANNEL: &str = "stripe/shop";

fn dollars(cents: i64) -> Money {
    Money::new(cents, "USD".parse().unwrap())
}

fn card() -> Card {
    let (brand, last4) = ("visa".to_owned(), "4242".to_owned());
    Card { brand, last4, expiry_month: Some(12), expiry_year: Some(2030) }
}

/// 25 credits for 4.99 below 5, at most 15.00 in a month.
fn terms() -> RechargeTerms {
    RechargeTerms {
        threshold_credits: 5,
        product: ProductSold {
            product_id: Uuid::from_u128(0xb1),
            version: 3,
            gives: Gives::Credits(25),
        },
        price: dollars(499),
        monthly_cap: dollars(1_500),
        provider: PaymentProvider::Stripe,
        channel: CHANNEL.to_owned(),
        words: "Когда остаётся меньше 5 кредитов…".to_owned(),
        language: Language::Ru,
    }
}

fn save(method: u128) -> BillingCommand {
    BillingCommand::SaveMethod(SaveMethod {
        account_id: ANNA,
        method_id: Uuid::from_u128(method),
        provider: PaymentProvider::Stripe,
        channel: CHANNEL.to_owned(),
        card: Some(card().into()),
    })
}

fn enable(terms: RechargeTerms) -> BillingCommand {
    BillingCommand::EnableRecharge(EnableRecharge { account_id: ANNA, terms, credits_left: 20 })
}

fn disable(reason: DisableReason) -> BillingCommand {
    BillingCommand::DisableRecharge(DisableRecharge { reason })
}

fn left(credits_left: i64) -> BillingCommand {
    BillingCommand::RequestRecharge(RequestRecharge { credits_left })
}

fn begin(payment_id: Uuid) -> BillingCommand {
    BillingCommand::BeginCharge(BeginCharge { payment_id })
}

fn failed(payment_id: Uuid, reason: &str) -> BillingCommand {
    let reason = reason.to_owned();
    BillingCommand::RecordRechargeFailure(RecordRechargeFailure { payment_id, reason })
}

fn succeeded(payment_id: Uuid) -> BillingCommand {
    BillingCommand::RecordRechargeSuccess(RecordRechargeSuccess { payment_id })
}

/// Why an agreement ended, when it did.
fn why_ended(events: &[BillingEvent]) -> Option<DisableReason> {
    let BillingEvent::RechargeDisabled(disabled) = events.first()? else { return None };
    Some(disabled.reason)
}

fn anna() -> Actor {
    Actor::Customer { account_id: ANNA }
}

fn kontor() -> Actor {
    Actor::System { name: "stripe".to_owned() }
}

fn staff() -> Actor {
    Actor::Operator { name: "desk".to_owned() }
}

/// Anna's billing with the tenant around it.
#[derive(Clone)]
struct Desk {
    billing: Billing,
    facts: TenantFacts,
    at: DateTime<Utc>,
}

impl Desk {
    fn new() -> Self {
        let mut facts =
            TenantFacts { exists: true, ..Tenant::default().facts("demo".parse().unwrap()) };
        facts.credit_rules.enabled = true;
        let at = "2026-11-16T09:00:00Z".parse().unwrap();
        Self { billing: Billing::default(), facts, at }
    }

    /// A card is kept.
    fn with_card() -> Self {
        let mut desk = Self::new();
        desk.hear(save(1)).unwrap();
        desk
    }

    /// Anna has agreed.
    fn agreed() -> Self {
        let mut desk = Self::with_card();
        desk.ask(anna(), enable(terms())).unwrap();
        desk
    }

    fn ask(
        &mut self,
        actor: Actor,
        command: BillingCommand,
    ) -> Result<Vec<BillingEvent>, BillingRefusal> {
        let tenant = Arc::new(self.facts.clone());
        let issued = Issued { id: billing_id(ANNA), at: self.at, actor, tenant, command };
        let events = self.billing.decide(issued)?;
        for event in &events {
            self.billing.apply(event.clone());
        }
        Ok(events)
    }

    fn hear(&mut self, command: BillingCommand) -> Result<Vec<BillingEvent>, BillingRefusal> {
        self.ask(kontor(), command)
    }

    fn types(&mut self, actor: Actor, command: BillingCommand) -> Vec<String> {
        let events = self.ask(actor, command).unwrap();
        events.iter().map(cqrs_es::DomainEvent::event_type).collect()
    }

    /// Few credits are left; the payment that is wanted.
    fn want(&mut self) -> Option<Uuid> {
        self.hear(left(4)).unwrap().iter().find_map(|event| match event {
            BillingEvent::RechargeRequested(requested) => Some(requested.payment_id),
            BillingEvent::MethodSaved(_)
            | BillingEvent::MethodRemoved(_)
            | BillingEvent::RechargeEnabled(_)
            | BillingEvent::RechargeDisabled(_)
            | BillingEvent::ChargeBegun(_)
            | BillingEvent::RechargeSucceeded(_)
            | BillingEvent::RechargeFailed(_)
            | BillingEvent::CapReached(_)
            | BillingEvent::Closed(_) => None,
        })
    }

    /// One recharge from beginning to end.
    fn recharge(&mut self) -> bool {
        let Some(payment_id) = self.want() else { return false };
        self.hear(begin(payment_id)).unwrap();
        self.hear(succeeded(payment_id)).unwrap();
        true
    }
}

#[test]
fn one_card_is_kept_and_another_takes_its_place() {
    let mut desk = Desk::with_card();
    assert_eq!(desk.hear(save(1)).unwrap(), vec![], "the same again changes nothing");
    assert_eq!(desk.types(kontor(), save(2)), ["billing.method_removed", "billing.method_saved"]);
    let remove = |method: u128| {
        let (method_id, reason) = (Uuid::from_u128(method), RemoveReason::Customer);
        BillingCommand::RemoveMethod(RemoveMethod { method_id, reason })
    };
    assert_eq!(desk.ask(anna(), remove(1)).unwrap(), vec![], "it is not kept any more");
    assert_eq!(desk.types(anna(), remove(2)), ["billing.method_removed"]);
    let refused = desk.ask(anna(), enable(terms())).unwrap_err();
    assert_eq!(refused, BillingRefusal::NoMethod);
}

#[test]
fn removing_the_card_ends_the_agreement_and_what_was_not_charged_yet() {
    let mut desk = Desk::agreed();
    let payment_id = desk.want().unwrap();
    let (method_id, reason) = (Uuid::from_u128(1), RemoveReason::Customer);
    let remove = BillingCommand::RemoveMethod(RemoveMethod { method_id, reason });
    let events = desk.ask(anna(), remove).unwrap();
    let types: Vec<_> = events.iter().map(EventBody::wire_type).collect();
    assert_eq!(
        types,
        ["billing.recharge_disabled", "billing.recharge_failed", "billing.method_removed"]
    );
    assert_eq!(why_ended(&events), Some(DisableReason::MethodRemoved));
    assert_eq!(desk.hear(begin(payment_id)).unwrap_err(), BillingRefusal::ChargeStopped);
    assert_eq!(desk.want(), None);
}

#[test]
fn a_card_in_the_same_place_goes_on_with_what_was_agreed_and_one_elsewhere_ends_it() {
    let mut desk = Desk::agreed();
    desk.hear(save(2)).unwrap();
    assert!(desk.want().is_some());
    let mut desk = Desk::agreed();
    let elsewhere = BillingCommand::SaveMethod(SaveMethod {
        account_id: ANNA,
        method_id: Uuid::from_u128(3),
        provider: PaymentProvider::Yookassa,
        channel: "yookassa/shop".to_owned(),
        card: None,
    });
    let events = desk.ask(kontor(), elsewhere).unwrap();
    let types: Vec<_> = events.iter().map(EventBody::wire_type).collect();
    assert_eq!(
        types,
        ["billing.recharge_disabled", "billing.method_removed", "billing.method_saved"]
    );
    assert_eq!(why_ended(&events), Some(DisableReason::MethodReplaced), "and this is told");
    let refused = desk.ask(anna(), enable(terms())).unwrap_err();
    let (kept, asked) = ("yookassa/shop".to_owned(), CHANNEL.to_owned());
    assert_eq!(refused, BillingRefusal::OtherChannel { kept, asked });
}

#[test]
fn whoever_agrees_with_little_left_is_filled_up_at_once() {
    let mut desk = Desk::with_card();
    let agree = |credits_left| {
        let (account_id, terms) = (ANNA, terms());
        BillingCommand::EnableRecharge(EnableRecharge { account_id, terms, credits_left })
    };
    let now = desk.types(anna(), agree(4));
    assert_eq!(now, ["billing.recharge_enabled", "billing.recharge_requested"]);
    assert_eq!(desk.ask(anna(), agree(4)).unwrap(), vec![], "the same again agrees to nothing new");
    let mut desk = Desk::with_card();
    assert_eq!(desk.types(anna(), agree(5)), ["billing.recharge_enabled"]);
}

#[test]
fn only_the_customer_agrees_and_the_staff_only_ends_it() {
    let mut desk = Desk::with_card();
    let boris = Actor::Customer { account_id: BORIS };
    for actor in [staff(), kontor(), boris.clone()] {
        let refused = desk.ask(actor, enable(terms())).unwrap_err();
        assert_eq!(refused, BillingRefusal::NotAllowed);
    }
    for command in [save(2), left(1), begin(Uuid::nil()), succeeded(Uuid::nil())] {
        assert_eq!(desk.ask(anna(), command.clone()), Err(BillingRefusal::NotAllowed));
        assert_eq!(desk.ask(staff(), command), Err(BillingRefusal::NotAllowed));
    }
    let mut desk = Desk::agreed();
    let by_customer = disable(DisableReason::Customer);
    assert_eq!(desk.ask(boris, by_customer.clone()), Err(BillingRefusal::NotAllowed));
    assert_eq!(desk.ask(staff(), by_customer), Err(BillingRefusal::NotAllowed));
    let ended = desk.types(staff(), disable(DisableReason::Staff));
    assert_eq!(ended, ["billing.recharge_disabled"]);
    assert_eq!(desk.ask(staff(), disable(DisableReason::Staff)).unwrap(), vec![]);
}

#[test]
fn terms_that_make_no_sense_are_refused_by_name() {
    let wrong = |change: fn(&mut RechargeTerms)| {
        let mut wrong = terms();
        change(&mut wrong);
        Desk::with_card().ask(anna(), enable(wrong)).unwrap_err()
    };
    let range =
        |field: &str, min, max| BillingRefusal::OutOfRange { field: field.into(), min, max };
    assert_eq!(wrong(|it| it.threshold_credits = 26), range("threshold_credits", 1, 25));
    assert_eq!(wrong(|it| it.threshold_credits = 0), range("threshold_credits", 1, 25));
    let cap = wrong(|it| it.monthly_cap = dollars(498));
    assert_eq!(cap, range("monthly_cap", 499, 100_000_000_000));
    let rubles = wrong(|it| it.monthly_cap = Money::new(1_500, "RUB".parse().unwrap()));
    assert_eq!(rubles, BillingRefusal::CurrencyDiffers);
    let pass = wrong(|it| it.product.gives = Gives::Pass(PassPeriod::Week));
    assert_eq!(pass, BillingRefusal::NotCredits);
    let stars = wrong(|it| it.provider = PaymentProvider::TelegramStars);
    assert_eq!(stars, BillingRefusal::ProviderUnfit);
    let words = wrong(|it| it.words = String::new());
    assert!(matches!(words, BillingRefusal::Malformed { field, .. } if field == "words"));
}

#[test]
fn an_erased_person_is_charged_and_kept_no_more() {
    let mut desk = Desk::agreed();
    let close = || BillingCommand::Close(Close { account_id: ANNA });
    assert_eq!(
        desk.types(kontor(), close()),
        ["billing.recharge_disabled", "billing.method_removed", "billing.closed"]
    );
    assert_eq!(desk.hear(close()).unwrap(), vec![]);
    assert_eq!(desk.hear(save(2)), Err(BillingRefusal::BillingClosed));
    assert_eq!(desk.ask(anna(), enable(terms())), Err(BillingRefusal::BillingClosed));
    assert_eq!(Desk::new().types(kontor(), close()), ["billing.closed"]);
}

#[test]
fn another_billing_is_nobodys() {
    let mut desk = Desk::new();
    let account_id = BORIS;
    let foreign = BillingCommand::SaveMethod(SaveMethod {
        account_id,
        method_id: Uuid::from_u128(1),
        provider: PaymentProvider::Stripe,
        channel: CHANNEL.to_owned(),
        card: None,
    });
    let expected = billing_id(BORIS);
    assert_eq!(desk.hear(foreign), Err(BillingRefusal::IdMismatch { expected }));
    desk.facts.credit_rules.enabled = false;
    assert_eq!(desk.hear(save(1)), Err(BillingRefusal::CreditsOff));
    desk.facts.exists = false;
    assert_eq!(desk.hear(save(1)), Err(BillingRefusal::TenantUnknown));
}
