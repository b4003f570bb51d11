//! A read model is a function of the log, however the log is cut into pages.

use kontor_domain::{
    Recorded,
    account::{AccountEvent, BotBlocked, ConsentGiven, Renamed},
    credit_ledger::{
        CreditLedgerCommand, CreditRules, DebtPolicy, PassPeriod, Spend, credit_ledger_id,
    },
    meter::{Archived, MeterEvent, VerificationRenewed},
    payment::PaymentEvent,
    product::{self, Gives, ProductEvent},
    tenant::{self, TenantEvent},
};

use uuid::Uuid;

use crate::{
    payments,
    support::{
        Places, World, corrected, day, id, name, purchase, registered_account, registered_meter,
        submitted, tenant, terms, till::Till,
    },
};

/// What a customer buys and spends in 14 rounds.
fn till(account: Uuid) -> Till {
    let mut till = Till::open(account);
    till.ask(purchase(&account.to_string(), 100, 999));
    for round in 0..11 {
        let spend_id = Uuid::new_v5(&account, &[round]);
        till.ask(CreditLedgerCommand::Spend(Spend { spend_id, messages: 1 + i64::from(round) }));
    }
    till
}

/// What happens to a payment in each round.
fn paid(round: usize) -> PaymentEvent {
    match round {
        0 => payments::begun("anna"),
        _ if round % 2 == 1 => payments::succeeded("anna"),
        _ => payments::refund_requested(),
    }
}

/// A history of 12 accounts with 3 meters and a ledger each in 2 tenants, all streams interleaved.
fn history() -> Vec<Recorded> {
    let mut places = Places::default();
    let mut events = Vec::new();
    for slug in ["north", "south"] {
        let tenant = tenant(slug);
        let created = TenantEvent::Created(tenant::Created {
            id: tenant.clone(),
            name: name("Ёлки & Палки"),
            kind: tenant::TenantKind::Utility,
            language: kontor_domain::Language::Ru,
            time_zone: chrono_tz::Europe::Moscow,
            meter_rules: Default::default(),
        });
        events.push(places.record(&tenant, tenant.stream_id(), &created));
        let credit_rules = CreditRules { debt: DebtPolicy::Owe, ..CreditRules::default() };
        let changed = TenantEvent::CreditRulesChanged(tenant::CreditRulesChanged { credit_rules });
        events.push(places.record(&tenant, tenant.stream_id(), &changed));
    }
    let tills: Vec<Till> = (0..12).map(|person| till(id(&format!("account {person}")))).collect();
    for round in 0..14_usize {
        for person in 0..12_usize {
            let slug = tenant(["north", "south"][person % 2]);
            let account = id(&format!("account {person}"));
            let fact = match round {
                0 => registered_account(&format!("Человек {person}"), 1000),
                1 => AccountEvent::ConsentGiven(ConsentGiven { document_version: "1".into() }),
                3 => AccountEvent::BotBlocked(BotBlocked { bot: "demo".to_owned() }),
                _ => AccountEvent::Renamed(Renamed {
                    display_name: name(&format!("Ч {round}")).into(),
                }),
            };
            events.push(places.record(&slug, account, &fact));
            let product = id(&format!("product {person}"));
            let fact = match round {
                0 => ProductEvent::Created(terms(Gives::Credits(5), 10).into()),
                _ if round % 3 == 1 => ProductEvent::Activated(product::Activated {}),
                _ if round % 3 == 2 => {
                    let ordinal = i64::try_from(round).unwrap();
                    ProductEvent::Changed(terms(Gives::Pass(PassPeriod::Day), ordinal).into())
                }
                _ => ProductEvent::Deactivated(product::Deactivated {}),
            };
            events.push(places.record(&slug, product, &fact));
            let payment = id(&format!("payment {person}"));
            events.push(places.record(&slug, payment, &paid(round)));
            let ledger = credit_ledger_id(account);
            events.push(places.record(&slug, ledger, &tills[person].events[round]));
            for number in 0..3 {
                let meter = id(&format!("meter {person} {number}"));
                let reading = format!("reading {person} {number} {}", round / 2);
                let value = i64::try_from(round).unwrap() * 1000;
                let fact = match round {
                    0 => registered_meter(account, 1),
                    5 => MeterEvent::VerificationRenewed(VerificationRenewed {
                        verification_due_on: day("2033-03-03"),
                    }),
                    13 => MeterEvent::Archived(Archived {
                        account_id: None,
                        reason: "замена".to_owned().into(),
                    }),
                    _ if round % 2 == 0 => submitted(&reading, &[value], "2026-11-20"),
                    1 => submitted(&reading, &[value], "2026-11-20"),
                    _ => corrected(&reading, &[value + 1], "ой"),
                };
                events.push(places.record(&slug, meter, &fact));
            }
        }
    }
    events
}

async fn run(world: &World, events: &[Recorded], page: usize) {
    for projection in kontor_projections::all() {
        for page in events.chunks(page) {
            world.apply(projection.as_ref(), page).await;
        }
    }
}

#[tokio::test]
async fn rows_are_the_same_however_the_log_is_cut_into_pages() {
    let world = World::new().await;
    let events = history();
    run(&world, &events, 2_000).await;
    let expected = world.hash().await;
    assert!(expected.contains("reading_history 252 "), "{expected}");
    assert!(expected.contains("credit_history 168 "), "{expected}");
    for page in [1, 7, 100] {
        world.clear().await;
        assert_ne!(world.hash().await, expected);
        run(&world, &events, page).await;
        assert_eq!(world.hash().await, expected, "pages of {page}");
    }
}

#[tokio::test]
async fn pages_that_come_again_change_nothing() {
    let world = World::new().await;
    let events = history();
    run(&world, &events, 100).await;
    let expected = world.hash().await;
    for page in [1, 33, 100, 2_000] {
        run(&world, &events, page).await;
        assert_eq!(world.hash().await, expected, "pages of {page}");
    }
}

#[tokio::test]
async fn an_empty_page_changes_nothing() {
    let world = World::new().await;
    let before = world.hash().await;
    run(&world, &history()[..0], 1).await;
    for projection in kontor_projections::all() {
        world.apply(projection.as_ref(), &[]).await;
    }
    assert_eq!(world.hash().await, before);
}

#[tokio::test]
async fn pages_that_overlap_apply_each_event_once() {
    let world = World::new().await;
    let events = history();
    run(&world, &events, 2_000).await;
    let expected = world.hash().await;
    world.clear().await;
    for projection in kontor_projections::all() {
        for start in (0..events.len()).step_by(50) {
            let end = (start + 120).min(events.len());
            world.apply(projection.as_ref(), &events[start..end]).await;
        }
    }
    assert_eq!(world.hash().await, expected);
}
