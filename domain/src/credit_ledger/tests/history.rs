//! One customer's life by hand, and the refusals that they meet.

use super::*;

type C = CreditLedgerCommand;
type No = CreditLedgerRefusal;

fn earned(desk: &Desk, account: BookAccount) -> i64 {
    let entries = desk.events.iter().flat_map(|event| &event.booking().entries);
    entries.filter(|entry| entry.account == account).map(|entry| -entry.amount).sum()
}

#[test]
fn a_new_customer_gets_three_credits_once_and_two_for_the_tutorial() {
    let mut desk = Desk::opened();
    assert_eq!(desk.balance(0), 3);
    assert_eq!(desk.ask(1, C::Open(Open { account_id: ANNA })), Ok(0));
    assert_eq!(desk.ask(1, C::ClaimTutorialBonus(ClaimTutorialBonus {})), Ok(1));
    assert_eq!(desk.ask(2, C::ClaimTutorialBonus(ClaimTutorialBonus {})), Ok(0));
    assert_eq!(desk.balance(2), 5);
}

#[test]
fn a_spend_without_credits_says_what_is_missing() {
    let mut desk = Desk::opened();
    let refused = desk.ask(1, spend(1, 5)).unwrap_err();
    let expected = No::NotEnoughCredits { needed: 5, available: 3, missing: 2, held: 0 };
    assert_eq!(refused, expected);
    assert_eq!(refused.to_string(), "this takes 5 credits and there are 3; buy at least 2 more");
}

#[test]
fn the_price_of_a_grant_is_earned_to_the_last_cent() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 25, 999)).unwrap();
    for number in 0..28 {
        desk.ask(i64::try_from(number).unwrap() + 2, spend(100 + number, 1)).unwrap();
    }
    assert_eq!(desk.balance(60), 0);
    assert_eq!(earned(&desk, BookAccount::IncomeMessages), 999);
}

#[test]
fn a_pass_is_journaled_and_earned_by_the_day() {
    let mut desk = Desk::opened();
    let C::Grant(Grant { payment, .. }) = purchase(1, 1, 700) else { unreachable!() };
    let week = C::GrantPass(GrantPass { pass_id: id(1), period: PassPeriod::Week, payment });
    desk.ask(1, week).unwrap();
    desk.ask(2, spend(2, 4)).unwrap();
    assert_eq!(desk.balance(2), 3);
    assert_eq!(earned(&desk, BookAccount::UsagePasses), 4);
    desk.ask(2 * 1440 + 1, C::SettleDue(SettleDue {})).unwrap();
    assert_eq!(earned(&desk, BookAccount::IncomePasses), 200);
    let reason = CorrectionReason::Goodwill;
    desk.ask(2 * 1440 + 2, C::RefundPass(RefundPass { pass_id: id(1), reason, value: None }))
        .unwrap();
    assert_eq!(earned(&desk, BookAccount::DeferredRevenue), 0);
    assert_eq!(
        desk.ask(2 * 1440 + 3, spend(3, 4)).map_err(|no| no.to_string().len() > 9),
        Err(true)
    );
}

#[test]
fn a_lost_dispute_leaves_a_debt_that_the_next_purchase_covers() {
    let mut desk = Desk::opened();
    desk.ask(1, spend(9, 3)).unwrap();
    desk.ask(2, purchase(1, 10, 1000)).unwrap();
    desk.ask(3, spend(2, 4)).unwrap();
    let (dispute_id, grant_id) = (id(3), id(1));
    let amount = usd(1000);
    desk.ask(4, C::OpenDispute(OpenDispute { dispute_id, grant_id, amount })).unwrap();
    assert_eq!(desk.balance(4), 0);
    let outcome = DisputeOutcome::Lost;
    desk.ask(5, C::CloseDispute(CloseDispute { dispute_id, outcome })).unwrap();
    assert_eq!(earned(&desk, BookAccount::BadDebt), -400);
    assert_eq!(desk.ask(6, spend(4, 1)), Err(No::DebtOpen { owed: 4 }));
    assert_eq!(desk.ask(7, purchase(5, 10, 1000)), Ok(2));
    assert_eq!((desk.balance(7), desk.ledger.owed), (6, 0));
    assert_eq!(earned(&desk, BookAccount::IncomeRecovered), 400);
}

#[test]
fn figures_out_of_range_are_refused_by_their_names() {
    let mut desk = Desk::opened();
    for (command, expected) in [
        (purchase(1, 0, 100), "credits"),
        (purchase(1, i64::MAX, 100), "credits"),
        (purchase(1, 1, -1), "payment.price"),
        (spend(1, 0), "messages"),
        (spend(1, i64::MIN), "messages"),
    ] {
        let refused = desk.ask(1, command).unwrap_err();
        assert!(matches!(&refused, No::OutOfRange { field, .. } if field == expected), "{refused}");
    }
    let mut late = Desk::issued(0, spend(1, 1));
    late.at = DateTime::<Utc>::MAX_UTC;
    assert!(matches!(desk.ledger.decide(late), Err(No::InstantOutOfRange { .. })));
}

#[test]
fn a_customer_spends_their_own_credits_and_grants_none() {
    let desk = Desk::opened();
    let by = |account_id, command| {
        let actor = Actor::Customer { account_id };
        desk.ledger.decide(Issued { actor, ..Desk::issued(1, command) })
    };
    assert!(by(ANNA, spend(1, 1)).is_ok());
    assert_eq!(by(id(7), spend(1, 1)), Err(No::NotAllowed));
    assert_eq!(by(ANNA, purchase(1, 10, 100)), Err(No::NotAllowed));
}

#[test]
fn a_ledger_whose_books_do_not_hold_takes_nothing_more() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 100)).unwrap();
    let mut broken = desk.events.pop().unwrap();
    broken.booking_mut().entries[0].amount += 1;
    let mut ledger = CreditLedger::default();
    for event in desk.events.iter().chain([&broken]) {
        cqrs_es::Aggregate::apply(&mut ledger, event.clone());
    }
    let refused = ledger.decide(Desk::issued(2, spend(2, 1))).unwrap_err();
    assert!(refused.to_string().contains("since event 3"), "{refused}");
    let document = crate::RefusalDocument::from_refusal(&refused).unwrap();
    assert_eq!(document.to_refusal::<No>().unwrap(), refused);
}

#[test]
fn too_many_messages_in_a_minute_are_told_when_to_come_again() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 100, 100)).unwrap();
    desk.ask(2, spend(2, 60)).unwrap();
    let Err(No::TooFast { max: 60, retry_at: Some(retry_at) }) = desk.ask(2, spend(3, 1)) else {
        panic!("not refused")
    };
    assert!(retry_at > start() + Duration::minutes(2));
    assert_eq!(desk.ask(4, spend(3, 1)), Ok(1));
}

#[test]
fn a_tenant_without_credits_opens_no_ledger_and_keeps_those_that_are_open() {
    let open = CreditLedgerCommand::Open(Open { account_id: ANNA });
    let mut closed = Desk::default();
    assert_eq!(closed.ask(0, open.clone()), Err(No::CreditsOff));
    let mut desk = Desk::opened();
    desk.rules.enabled = false;
    assert_eq!(desk.ask(1, open), Ok(0));
    assert_eq!(desk.ask(1, spend(1, 1)), Ok(1));
}
