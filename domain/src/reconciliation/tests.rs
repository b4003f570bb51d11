mod wire;

use std::sync::Arc;

use cqrs_es::Aggregate;
use uuid::Uuid;

use super::{
    Adjust, Assign, ConfirmWriteOff, Explain, Explanation, ProposeWriteOff, Reconciliation,
    ReconciliationCommand as C, ReconciliationEvent as E, ReconciliationRefusal as No, Reopen,
    Standing,
};
use crate::{
    Actor, Decider, Issued, Money, TenantFacts,
    credit_ledger::{BookAccount, Posting},
    tenant::Tenant,
};

fn posting() -> Posting {
    Posting {
        debit: BookAccount::Differences,
        credit: BookAccount::ClearingStripe,
        amount: Money::new(500, "USD".parse().unwrap()),
    }
}

fn issued(by: &str, command: C) -> Issued<C> {
    let facts = Tenant::default().facts("demo".parse().unwrap());
    Issued {
        id: Uuid::from_u128(7),
        at: "2026-12-01T08:00:00Z".parse().unwrap(),
        actor: Actor::Operator { name: by.to_owned() },
        tenant: Arc::new(TenantFacts { exists: true, ..facts }),
        command,
    }
}

/// What comes of commands by whom, one after the other.
fn after(commands: &[(&str, C)]) -> Result<(Reconciliation, Vec<E>), No> {
    let (mut state, mut events) = (Reconciliation::default(), Vec::new());
    for (by, command) in commands {
        let decided = state.decide(issued(by, command.clone()))?;
        for event in decided {
            state.apply(event.clone());
            events.push(event);
        }
    }
    Ok((state, events))
}

fn propose() -> C {
    C::ProposeWriteOff(ProposeWriteOff { posting: posting(), reference: None })
}

fn explain() -> C {
    C::Explain(Explain { explanation: Explanation::Timing, reference: Some("T-17".to_owned()) })
}

fn adjust() -> C {
    let posting = Posting { debit: BookAccount::ProviderFees, ..posting() };
    C::Adjust(Adjust { explanation: Explanation::Fee, posting, reference: None })
}

const CONFIRM: C = C::ConfirmWriteOff(ConfirmWriteOff {});
const REOPEN: C = C::Reopen(Reopen {});
const ASSIGN: C = C::Assign(Assign {});

#[test]
fn a_write_off_needs_two_people() {
    assert_eq!(after(&[("anna", CONFIRM)]).unwrap_err(), No::NothingProposed);
    assert_eq!(
        after(&[("anna", propose()), ("anna", CONFIRM)]).unwrap_err(),
        No::SecondPersonNeeded
    );
    let (state, events) =
        after(&[("anna", propose()), ("boris", CONFIRM), ("boris", CONFIRM)]).unwrap();
    assert_eq!(state.standing, Standing::WrittenOff);
    assert_eq!(events.len(), 2);
    let E::WrittenOff(written) = &events[1] else { panic!("{events:?}") };
    assert_eq!((written.proposed_by.as_str(), written.posting), ("anna", posting()));
    // The proposal is withdrawn by opening again; then nothing is there to agree to.
    let withdrawn = after(&[("anna", propose()), ("anna", REOPEN), ("boris", CONFIRM)]);
    assert_eq!(withdrawn.unwrap_err(), No::NothingProposed);
    // Who takes a proposal over by proposing something else must not slip past the second person.
    let other = Posting { amount: Money::new(1, "USD".parse().unwrap()), ..posting() };
    let other = C::ProposeWriteOff(ProposeWriteOff { posting: other, reference: None });
    assert_eq!(after(&[("anna", propose()), ("boris", other)]).unwrap_err(), No::WriteOffProposed);
}

#[test]
fn what_is_closed_is_opened_before_anything_else_is_done() {
    for close in [explain(), adjust()] {
        for next in [ASSIGN, explain(), adjust(), propose()] {
            let refused = after(&[("anna", close.clone()), ("anna", next)]).unwrap_err();
            assert!(matches!(refused, No::Closed { .. }), "{refused}");
        }
        let (state, _) = after(&[("anna", close), ("boris", REOPEN), ("boris", ASSIGN)]).unwrap();
        assert_eq!(
            (state.standing, state.assignee.as_deref()),
            (Standing::Assigned, Some("boris"))
        );
    }
    assert_eq!(after(&[("anna", REOPEN)]).unwrap_err(), No::NotClosed);
}

#[test]
fn the_same_twice_changes_nothing_and_another_may_take_over() {
    let (_, events) = after(&[("anna", ASSIGN), ("anna", ASSIGN), ("boris", ASSIGN)]).unwrap();
    assert_eq!(events.len(), 2);
    let (_, events) = after(&[("anna", propose()), ("anna", propose())]).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn customers_and_strangers_do_nothing() {
    let mut stranger = issued("anna", ASSIGN);
    stranger.actor = Actor::Customer { account_id: Uuid::nil() };
    assert_eq!(Reconciliation::default().decide(stranger), Err(No::NotAllowed));
    let mut nowhere = issued("anna", ASSIGN);
    nowhere.tenant = Arc::new(TenantFacts { exists: false, ..(*nowhere.tenant).clone() });
    assert_eq!(Reconciliation::default().decide(nowhere), Err(No::TenantUnknown));
}

#[test]
fn figures_accounts_and_references_out_of_range_are_refused_by_their_name() {
    let spoiled = |spoil: fn(&mut Posting)| {
        let mut posting = posting();
        spoil(&mut posting);
        C::Adjust(Adjust { explanation: Explanation::Fee, posting, reference: None })
    };
    let named = |reference: &str| {
        let reference = Some(reference.to_owned());
        C::Explain(Explain { explanation: Explanation::Test, reference })
    };
    for (command, name) in [
        (spoiled(|it| it.amount.amount_minor = 0), "posting.amount"),
        (spoiled(|it| it.amount.amount_minor = i64::MAX), "posting.amount"),
        (spoiled(|it| it.debit = BookAccount::DeferredRevenue), "posting.debit"),
        (spoiled(|it| it.credit = BookAccount::PaidCredits), "posting.credit"),
        (spoiled(|it| it.credit = it.debit), "posting.credit"),
        (named(""), "reference"),
        (named("Anna"), "reference"),
        (named("Письмо-7"), "reference"),
        (named(&"7".repeat(65)), "reference"),
    ] {
        match after(&[("anna", command)]) {
            Err(No::FieldOutOfRange { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}
