//! The rules for products, as given / when / then.

mod property;
mod wire;

use std::sync::Arc;

use chrono::DateTime;
use cqrs_es::{
    Aggregate,
    event_sink::EventSink,
    test::{AggregateTestExecutor, TestFramework},
};
use uuid::Uuid;

use super::*;
use crate::{
    Actor, Currency, Decider, Issued, Money, TenantFacts,
    credit_ledger::{CreditRules, PassPeriod},
    tenant::Tenant,
};

fn money(amount_minor: i64, currency: &str) -> Money {
    Money::new(amount_minor, currency.parse().unwrap())
}

fn stars(amount: i64) -> Money {
    Money::new(amount, Currency::stars())
}

fn name(ru: &str, en: &str) -> ProductName {
    ProductName { ru: ru.to_owned(), en: en.to_owned() }
}

fn terms() -> ProductTerms {
    ProductTerms {
        name: name("25 сообщений", "25 messages"),
        gives: Gives::Credits(25),
        kind: ProductKind::Digital,
        prices: vec![money(49_900, "RUB"), stars(250)],
        ordinal: 20,
    }
}

fn create_from(terms: ProductTerms) -> ProductCommand {
    let ProductTerms { name, gives, kind, prices, ordinal } = terms;
    ProductCommand::Create(Create { name, gives, kind, prices, ordinal })
}

fn created() -> ProductEvent {
    ProductEvent::Created(terms().into())
}

fn changed(terms: ProductTerms) -> ProductEvent {
    ProductEvent::Changed(terms.into())
}

fn activate() -> ProductCommand {
    ProductCommand::Activate(Activate {})
}

fn activated() -> ProductEvent {
    ProductEvent::Activated(Activated {})
}

fn deactivate() -> ProductCommand {
    ProductCommand::Deactivate(Deactivate {})
}

fn deactivated() -> ProductEvent {
    ProductEvent::Deactivated(Deactivated {})
}

/// A command as the staff of a tenant gives it that deals with credits.
fn issued(command: ProductCommand) -> Issued<ProductCommand> {
    let facts = Tenant::default().facts("demo_credits".parse().unwrap());
    let credit_rules = CreditRules { enabled: true, ..CreditRules::default() };
    Issued {
        id: Uuid::from_u128(7),
        at: DateTime::UNIX_EPOCH,
        actor: Actor::Operator { name: "owner".to_owned() },
        tenant: Arc::new(TenantFacts { exists: true, credit_rules, ..facts }),
        command,
    }
}

fn given(events: Vec<ProductEvent>) -> AggregateTestExecutor<Product> {
    TestFramework::<Product>::with(()).given(events)
}

fn state(events: &[ProductEvent]) -> Product {
    let mut product = Product::default();
    for event in events {
        product.apply(event.clone());
    }
    product
}

fn all_commands() -> [ProductCommand; 4] {
    let change = Change { ordinal: Some(3), ..Change::default() };
    [create_from(terms()), ProductCommand::Change(change), activate(), deactivate()]
}

fn refused(field: &str, expected: &str) -> ProductRefusal {
    ProductRefusal::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() }
}

#[test]
fn a_product_is_made_off_sale_and_put_on_sale_afterwards() {
    given(vec![]).when(issued(create_from(terms()))).then_expect_events(vec![created()]);
    assert!(!state(&[created()]).active);
    given(vec![created()]).when(issued(activate())).then_expect_events(vec![activated()]);
    given(vec![created(), activated()]).when(issued(activate())).then_expect_events(vec![]);
    given(vec![created(), activated()])
        .when(issued(deactivate()))
        .then_expect_events(vec![deactivated()]);
    given(vec![created()]).when(issued(deactivate())).then_expect_events(vec![]);
    given(vec![created(), activated(), deactivated()])
        .when(issued(activate()))
        .then_expect_events(vec![activated()]);
}

#[test]
fn making_the_same_product_again_changes_nothing_and_another_is_refused() {
    let on_sale = || vec![created(), activated()];
    given(on_sale()).when(issued(create_from(terms()))).then_expect_events(vec![]);
    let mut turned = terms();
    turned.prices.reverse();
    turned.name.en = "  25 messages ".to_owned();
    given(on_sale()).when(issued(create_from(turned))).then_expect_events(vec![]);
    let other = ProductTerms { gives: Gives::Credits(26), ..terms() };
    given(on_sale())
        .when(issued(create_from(other)))
        .then_expect_error(ProductRefusal::ProductExists);
}

#[test]
fn a_change_leaves_what_it_does_not_name() {
    type Case = (Change, ProductTerms);
    let cases: [Case; 5] = [
        (
            Change { name: Some(name("Пачка", "A pack")), ..Change::default() },
            ProductTerms { name: name("Пачка", "A pack"), ..terms() },
        ),
        (
            Change { gives: Some(Gives::Pass(PassPeriod::Week)), ..Change::default() },
            ProductTerms { gives: Gives::Pass(PassPeriod::Week), ..terms() },
        ),
        (
            Change {
                kind: Some(ProductKind::RealWorld),
                prices: Some(vec![money(1, "EUR")]),
                ..Change::default()
            },
            ProductTerms { kind: ProductKind::RealWorld, prices: vec![money(1, "EUR")], ..terms() },
        ),
        (
            Change { prices: Some(vec![stars(300), money(599, "USD")]), ..Change::default() },
            ProductTerms { prices: vec![money(599, "USD"), stars(300)], ..terms() },
        ),
        (Change { ordinal: Some(0), ..Change::default() }, ProductTerms { ordinal: 0, ..terms() }),
    ];
    for (change, after) in cases {
        let command = || issued(ProductCommand::Change(change.clone()));
        given(vec![created()]).when(command()).then_expect_events(vec![changed(after.clone())]);
        given(vec![created(), changed(after)]).when(command()).then_expect_events(vec![]);
    }
    given(vec![created()])
        .when(issued(ProductCommand::Change(Change::default())))
        .then_expect_events(vec![]);
}

#[test]
fn a_digital_product_on_sale_has_a_price_in_stars() {
    let without = || ProductTerms { prices: vec![money(49_900, "RUB")], ..terms() };
    given(vec![ProductEvent::Created(without().into())])
        .when(issued(activate()))
        .then_expect_error(ProductRefusal::StarsPriceMissing);
    let change = || {
        let prices = Some(without().prices);
        issued(ProductCommand::Change(Change { prices, ..Change::default() }))
    };
    given(vec![created(), activated()])
        .when(change())
        .then_expect_error(ProductRefusal::StarsPriceMissing);
    given(vec![created()]).when(change()).then_expect_events(vec![changed(without())]);
}

#[test]
fn a_real_world_product_is_sold_for_money_and_never_for_stars() {
    let kind = ProductKind::RealWorld;
    given(vec![])
        .when(issued(create_from(ProductTerms { kind, ..terms() })))
        .then_expect_error(ProductRefusal::StarsForRealWorld);
    given(vec![created()])
        .when(issued(ProductCommand::Change(Change { kind: Some(kind), ..Change::default() })))
        .then_expect_error(ProductRefusal::StarsForRealWorld);
    let free = ProductTerms { kind, prices: vec![], ..terms() };
    given(vec![ProductEvent::Created(free.into())])
        .when(issued(activate()))
        .then_expect_error(ProductRefusal::MoneyPriceMissing);
    let paid = ProductTerms { kind, prices: vec![money(1, "RUB")], ..terms() };
    given(vec![ProductEvent::Created(paid.into())])
        .when(issued(activate()))
        .then_expect_events(vec![activated()]);
}

#[test]
fn nothing_is_put_on_sale_where_credits_are_off() {
    let off = |command| {
        let mut issued = issued(command);
        let facts = (*issued.tenant).clone();
        issued.tenant = Arc::new(TenantFacts { credit_rules: CreditRules::default(), ..facts });
        issued
    };
    given(vec![created()]).when(off(activate())).then_expect_error(ProductRefusal::CreditsOff);
    given(vec![created(), activated()])
        .when(off(deactivate()))
        .then_expect_events(vec![deactivated()]);
}

#[test]
fn a_figure_or_a_text_out_of_range_is_refused_by_its_field() {
    type Set = fn(&mut ProductTerms);
    let text = "a text of 1 to 64 characters without line breaks or control characters";
    let credits = "a number of credits from 1 to 1000000";
    let minor = "whole minor units from 1 to 100000000000";
    let ordinal = "a number from 0 to 9999";
    let table: [(Set, &str, &str); 13] = [
        (|terms| terms.name.ru = String::new(), "name.ru", text),
        (|terms| terms.name.ru = "Ё".repeat(65), "name.ru", text),
        (|terms| terms.name.en = " \t ".to_owned(), "name.en", text),
        (|terms| terms.name.en = "25\nmessages".to_owned(), "name.en", text),
        (|terms| terms.gives = Gives::Credits(0), "gives.credits", credits),
        (|terms| terms.gives = Gives::Credits(i64::MIN), "gives.credits", credits),
        (|terms| terms.gives = Gives::Credits(1_000_001), "gives.credits", credits),
        (|terms| terms.prices[1].amount_minor = 0, "prices.1.amount_minor", minor),
        (|terms| terms.prices[0].amount_minor = -1, "prices.0.amount_minor", minor),
        (|terms| terms.prices[0].amount_minor = i64::MAX, "prices.0.amount_minor", minor),
        (
            |terms| terms.prices[1].currency = terms.prices[0].currency,
            "prices.1.currency",
            "a currency that no other price has",
        ),
        (|terms| terms.ordinal = -1, "ordinal", ordinal),
        (|terms| terms.ordinal = 10_000, "ordinal", ordinal),
    ];
    for (set, field, expected) in table {
        let mut wrong = terms();
        set(&mut wrong);
        given(vec![])
            .when(issued(create_from(wrong.clone())))
            .then_expect_error(refused(field, expected));
        let ProductTerms { name, gives, kind, prices, ordinal } = wrong;
        let change = Change {
            name: Some(name),
            gives: Some(gives),
            kind: Some(kind),
            prices: Some(prices),
            ordinal: Some(ordinal),
        };
        given(vec![created()])
            .when(issued(ProductCommand::Change(change)))
            .then_expect_error(refused(field, expected));
    }
    let many: Vec<Money> =
        Currency::all().take(11).map(|currency| Money::new(1, currency)).collect();
    given(vec![])
        .when(issued(create_from(ProductTerms { prices: many, ..terms() })))
        .then_expect_error(refused("prices", "at most 10 prices"));
    let bounds = ProductTerms {
        name: name(&"Ё".repeat(64), "x"),
        gives: Gives::Credits(1_000_000),
        prices: vec![money(100_000_000_000, "RUB"), stars(1)],
        ordinal: 9999,
        ..terms()
    };
    given(vec![])
        .when(issued(create_from(bounds.clone())))
        .then_expect_events(vec![ProductEvent::Created(bounds.into())]);
}

#[test]
fn customers_and_strangers_decide_nothing() {
    for command in all_commands() {
        for events in [vec![], vec![created()]] {
            let actor = Actor::Customer { account_id: Uuid::nil() };
            given(events.clone())
                .when(Issued { actor, ..issued(command.clone()) })
                .then_expect_error(ProductRefusal::NotAllowed);
            let mut nowhere = issued(command.clone());
            nowhere.tenant = Arc::new(Tenant::default().facts("nowhere".parse().unwrap()));
            given(events).when(nowhere).then_expect_error(ProductRefusal::TenantUnknown);
        }
    }
    for command in all_commands().into_iter().skip(1) {
        given(vec![]).when(issued(command)).then_expect_error(ProductRefusal::ProductUnknown);
    }
}

#[test]
fn handling_writes_what_was_decided_and_leaves_the_state_that_replay_gives() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for command in all_commands() {
        let mut product = state(&[created()]);
        let decided = product.decide(issued(command.clone())).unwrap();
        let sink = EventSink::default();
        runtime.block_on(product.handle(issued(command), &(), &sink)).unwrap();
        let written = runtime.block_on(sink.collect());
        assert_eq!(written, decided);
        assert_eq!(product, state(&[vec![created()], written].concat()));
    }
}

#[test]
fn a_name_and_a_price_are_found() {
    assert_eq!(terms().name.in_language(crate::Language::En), "25 messages");
    assert_eq!(terms().name.in_language(crate::Language::Ru), "25 сообщений");
    assert_eq!(terms().price_in(Currency::stars()), Some(stars(250)));
    assert_eq!(terms().price_in("USD".parse().unwrap()), None);
}
