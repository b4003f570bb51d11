mod figures;
mod reopen;
mod wire;

use std::sync::Arc;

use cqrs_es::Aggregate;
use uuid::Uuid;

use super::{
    AccountFigures, AccountingPeriodCommand as C, AccountingPeriodEvent as E,
    AccountingPeriodRefusal as No, AccountingPeriods, Acknowledgement, AcknowledgementReason,
    Check, Close, Figures, Finding, Ledgers, Month, Sum, accounting_period_id,
};
use crate::{
    Actor, Decider, Issued, TenantFacts, TenantId,
    credit_ledger::{BookAccount, Unit},
    seals::Digest32,
    tenant::Tenant,
};

fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn facts(zone: &str) -> TenantFacts {
    let facts = Tenant::default().facts(tenant());
    TenantFacts { exists: true, time_zone: zone.parse().unwrap(), ..facts }
}

fn at(instant: &str, by: &str, command: C) -> Issued<C> {
    Issued {
        id: accounting_period_id(&tenant()),
        at: instant.parse().unwrap(),
        actor: Actor::Operator { name: by.to_owned() },
        tenant: Arc::new(facts("Europe/Moscow")),
        command,
    }
}

/// What was earned and is due in a month: opening and movement of both accounts.
fn figures(opening: i128, moved: i128) -> Figures {
    let row = |account, opening: i128, moved: i128| AccountFigures {
        account,
        unit: Unit::Money("RUB".parse().unwrap()),
        opening: Sum(opening),
        debits: Sum(moved.max(0)),
        credits: Sum(-moved.min(0)),
        late_debits: Sum(0),
        late_credits: Sum(0),
        closing: Sum(opening + moved),
    };
    let accounts = vec![
        row(BookAccount::DeferredRevenue, opening, moved),
        row(BookAccount::IncomeMessages, -opening, -moved),
    ];
    Figures { accounts, payments: vec![], bookings: 1, late_bookings: 0 }
}

fn close_of(of: &str, (previous, position): (Option<i64>, i64), figures: Figures) -> Close {
    let zone = "Europe/Moscow".parse().unwrap();
    let (starts_at, ends_at) = AccountingPeriods::span(None, month(of), zone);
    Close {
        month: month(of),
        starts_at,
        ends_at,
        position,
        previous_position: previous,
        ledgers: Ledgers { count: 1, bookings: 1, root: Digest32::new([7; 32]) },
        figures,
        seal: None,
        findings: vec![],
        acknowledged: vec![],
    }
}

fn november() -> Close {
    close_of("2026-11", (None, 70), figures(0, 500))
}

fn december() -> Close {
    close_of("2026-12", (Some(70), 90), figures(500, 40))
}

fn closing(close: Close) -> C {
    C::Close(Box::new(close))
}

/// What comes of commands by whom, in February of the next year.
fn after(commands: &[(&str, C)]) -> Result<(AccountingPeriods, Vec<E>), No> {
    let (mut state, mut events) = (AccountingPeriods::default(), Vec::new());
    for (by, command) in commands {
        for event in state.decide(at("2027-02-10T08:00:00Z", by, command.clone()))? {
            state.apply(event.clone());
            events.push(event);
        }
    }
    Ok((state, events))
}

fn refused(commands: &[(&str, C)]) -> No {
    after(commands).unwrap_err()
}

#[test]
fn a_month_is_closed_with_its_figures_and_the_hash_of_its_report() {
    let (_, events) = after(&[("anna", closing(november()))]).unwrap();
    let [E::Closed(closed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((closed.by.as_str(), closed.books.revision), ("anna", 1));
    assert_eq!(closed.report_sha256, closed.books.report_sha256(&tenant()));
    assert_eq!(closed.books.time_zone, "Europe/Moscow");
    assert_eq!(closed.books.starts_at.to_rfc3339(), "2026-10-31T21:00:00+00:00");
    // Whatever is changed in it afterwards gives another hash.
    let mut other = closed.books.clone();
    other.figures.accounts[0].closing = Sum(501);
    assert_ne!(other.report_sha256(&tenant()), closed.report_sha256);
    let stranger = "other".parse().unwrap();
    assert_ne!(closed.books.report_sha256(&stranger), closed.report_sha256);
}

#[test]
fn a_month_that_is_not_over_in_the_tenants_zone_is_not_closed() {
    let state = AccountingPeriods::default();
    // 23:59:59 of the last day in Moscow, and still the day before in New York.
    for (instant, is_over) in [("2026-11-30T20:59:59Z", false), ("2026-11-30T21:00:00Z", true)] {
        let decided = state.decide(at(instant, "anna", closing(november())));
        assert_eq!(decided.is_ok(), is_over, "{instant}: {decided:?}");
        if let Err(refusal) = decided {
            let ends_at = "2026-11-30T21:00:00Z".parse().unwrap();
            assert_eq!(refusal, No::MonthNotOver { month: month("2026-11"), ends_at });
        }
    }
    let mut elsewhere = at("2026-11-30T21:00:00Z", "anna", closing(november()));
    elsewhere.tenant = Arc::new(facts("America/New_York"));
    assert!(matches!(state.decide(elsewhere), Err(No::MonthNotOver { .. })));
}

#[test]
fn months_are_closed_in_order_and_once() {
    let (first, second) = (closing(november()), closing(december()));
    assert!(after(&[("anna", first.clone()), ("boris", second)]).is_ok());
    assert_eq!(
        refused(&[("anna", first.clone()), ("anna", first.clone())]),
        No::AlreadyClosed { month: month("2026-11") }
    );
    for other in ["2027-01", "2026-10"] {
        let gap = closing(close_of(other, (Some(70), 90), figures(500, 40)));
        assert_eq!(
            refused(&[("anna", first.clone()), ("anna", gap)]),
            No::NotNext { next: month("2026-12") }
        );
    }
}

#[test]
fn figures_go_on_from_the_month_before() {
    let spoiled = |spoil: fn(&mut Close)| {
        let mut close = december();
        spoil(&mut close);
        refused(&[("anna", closing(november())), ("anna", closing(close))])
    };
    let outdated = |field: &str| No::Outdated { field: field.to_owned() };
    assert_eq!(spoiled(|it| it.previous_position = Some(69)), outdated("previous_position"));
    assert_eq!(spoiled(|it| it.previous_position = None), outdated("previous_position"));
    assert_eq!(spoiled(|it| it.position = 69), outdated("position"));
    assert_eq!(
        spoiled(|it| it.ends_at += chrono::TimeDelta::days(1)),
        outdated("starts_at, ends_at")
    );
    let wrong = |field: &str| No::FiguresWrong { field: field.to_owned() };
    assert_eq!(spoiled(|it| it.figures = figures(499, 41)), wrong("opening"));
}

#[test]
fn figures_that_do_not_add_up_are_refused_by_name() {
    let spoiled = |spoil: fn(&mut Figures)| {
        let mut close = november();
        spoil(&mut close.figures);
        let refusal = refused(&[("anna", closing(close))]);
        let No::FiguresWrong { field } = refusal else { panic!("{refusal:?}") };
        field
    };
    assert_eq!(spoiled(|it| it.accounts[0].closing = Sum(1)), "closing");
    assert_eq!(spoiled(|it| it.accounts[0].late_debits = Sum(501)), "closing");
    assert_eq!(spoiled(|it| it.accounts.reverse()), "accounts");
    let one_side = |it: &mut Figures| it.accounts.truncate(1);
    assert_eq!(spoiled(one_side), "sums");
    assert_eq!(spoiled(|it| it.late_bookings = 2), "bookings");
}

#[test]
fn what_a_check_found_is_acknowledged_with_a_reason_or_stands_against_the_close() {
    let found = |check| vec![Finding { check, count: 2 }];
    let acknowledged = |check, reference: Option<&str>| Acknowledgement {
        check,
        reason: AcknowledgementReason::SettlesLater,
        reference: reference.map(str::to_owned),
    };
    let with = |findings, acknowledged| closing(Close { findings, acknowledged, ..november() });
    let open = with(found(Check::DifferencesOpen), vec![]);
    let checks = vec![Check::DifferencesOpen];
    assert_eq!(refused(&[("anna", open)]), No::NotAcknowledged { checks: checks.clone() });
    let other = with(found(Check::DifferencesOpen), vec![acknowledged(Check::ClearingOpen, None)]);
    assert_eq!(refused(&[("anna", other)]), No::NotAcknowledged { checks });
    let known = vec![acknowledged(Check::DifferencesOpen, Some("TICKET-17"))];
    let (_, events) =
        after(&[("anna", with(found(Check::DifferencesOpen), known.clone()))]).unwrap();
    let [E::Closed(closed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(closed.acknowledged, known);
    // Some things nobody may pass over, and no reason may name a person.
    let blocked =
        with(found(Check::BookingsParked), vec![acknowledged(Check::BookingsParked, None)]);
    assert!(matches!(refused(&[("anna", blocked)]), No::Blocked { .. }));
    let named = with(
        found(Check::DifferencesOpen),
        vec![acknowledged(Check::DifferencesOpen, Some("Anna"))],
    );
    assert!(matches!(refused(&[("anna", named)]), No::FieldOutOfRange { .. }));
}

#[test]
fn customers_and_strangers_close_nothing() {
    let mut customer = at("2027-02-10T08:00:00Z", "anna", closing(november()));
    customer.actor = Actor::Customer { account_id: Uuid::nil() };
    assert_eq!(AccountingPeriods::default().decide(customer), Err(No::NotAllowed));
    let mut nowhere = at("2027-02-10T08:00:00Z", "anna", closing(november()));
    nowhere.tenant = Arc::new(TenantFacts { exists: false, ..facts("Europe/Moscow") });
    assert_eq!(AccountingPeriods::default().decide(nowhere), Err(No::TenantUnknown));
}
