//! The warning that few credits are left: once in a spell.

use super::*;

type C = CreditLedgerCommand;

const NOBODY: [i64; 0] = [];

fn opened() -> Desk {
    let mut desk = Desk::opened();
    desk.rules.low_credits = 5;
    desk
}

/// The balances that were warned of so far.
fn warned(desk: &Desk) -> Vec<i64> {
    let low = |event: &CreditLedgerEvent| {
        let CreditLedgerEvent::Low(low) = event else { return None };
        Some(low.balance)
    };
    desk.events.iter().filter_map(low).collect()
}

#[test]
fn a_customer_is_warned_once_until_there_were_more_credits() {
    let mut desk = opened();
    assert_eq!(warned(&desk), NOBODY, "who was just welcomed is not warned");
    assert_eq!(desk.ask(1, spend(1, 1)), Ok(2));
    desk.ask(2, spend(2, 1)).unwrap();
    assert_eq!(desk.ask(3, spend(2, 1)), Ok(0), "the same spend warns nobody");
    assert_eq!(warned(&desk), [2]);
    desk.ask(4, purchase(10, 4, 100)).unwrap();
    desk.ask(5, spend(3, 1)).unwrap();
    assert_eq!(warned(&desk), [2], "five are not more than five");
    desk.ask(6, purchase(11, 4, 100)).unwrap();
    assert_eq!(desk.balance(6), 8);
    desk.ask(7, spend(4, 2)).unwrap();
    assert_eq!(warned(&desk), [2]);
    desk.ask(8, spend(5, 1)).unwrap();
    assert_eq!(warned(&desk), [2, 5]);
}

#[test]
fn credits_that_run_out_warn_as_those_that_are_spent() {
    let mut desk = opened();
    let C::Grant(grant) = purchase(10, 9, 100) else { unreachable!() };
    let expires_at = Some(start() + Duration::minutes(60));
    desk.ask(1, C::Grant(Grant { expires_at, ..grant })).unwrap();
    assert_eq!(desk.ask(61, C::SettleDue(SettleDue {})), Ok(2));
    assert_eq!(warned(&desk), [3]);
}

#[test]
fn a_message_that_was_not_delivered_begins_no_spell() {
    let mut desk = opened();
    desk.ask(1, purchase(10, 3, 100)).unwrap();
    let hold = |number| C::Hold(Hold { hold_id: id(number), messages: 2 });
    desk.ask(2, hold(1)).unwrap();
    desk.ask(3, C::ReleaseHold(ReleaseHold { hold_id: id(1) })).unwrap();
    assert_eq!(warned(&desk), NOBODY);
    desk.ask(4, hold(2)).unwrap();
    desk.ask(5, C::CaptureHold(CaptureHold { hold_id: id(2), credits: None })).unwrap();
    assert_eq!(warned(&desk), [4]);
}

#[test]
fn a_pass_and_a_threshold_of_nothing_warn_nobody_and_a_lower_threshold_is_a_new_one() {
    let mut desk = opened();
    let week = PassPeriod::Week;
    desk.ask(1, C::GrantPass(GrantPass { pass_id: id(9), period: week, payment: None })).unwrap();
    let C::Grant(grant) = purchase(10, 9, 100) else { unreachable!() };
    let expires_at = Some(start() + Duration::minutes(60));
    desk.ask(2, C::Grant(Grant { expires_at, ..grant })).unwrap();
    desk.ask(61, C::SettleDue(SettleDue {})).unwrap();
    assert_eq!(warned(&desk), NOBODY, "messages are free");

    let mut desk = opened();
    desk.rules.low_credits = 0;
    desk.ask(1, spend(1, 1)).unwrap();
    assert_eq!(warned(&desk), NOBODY);
    desk.rules.low_credits = 2;
    desk.ask(2, spend(2, 1)).unwrap();
    desk.rules.low_credits = 1;
    desk.ask(3, spend(3, 1)).unwrap();
    assert_eq!(warned(&desk), [1, 0]);
}
