//! Parts of a price that went back.

use super::*;

type C = CreditLedgerCommand;
type No = CreditLedgerRefusal;

fn sum(desk: &Desk, account: BookAccount) -> i64 {
    let entries = desk.events.iter().flat_map(|event| &event.booking().entries);
    entries.filter(|entry| entry.account == account).map(|entry| entry.amount).sum()
}

fn part(number: u128, amount_minor: i64) -> RefundPart {
    RefundPart {
        refund_id: id(number),
        grant_id: id(1),
        amount: usd(amount_minor),
        credits: None,
        is_last: false,
        reason: CorrectionReason::CustomerAsked,
    }
}

fn last(number: u128, amount_minor: i64) -> C {
    C::RefundPart(RefundPart { is_last: true, ..part(number, amount_minor) })
}

fn bought() -> Desk {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 999)).unwrap();
    desk
}

fn week(price_minor: i64) -> C {
    let C::Grant(Grant { payment, .. }) = purchase(1, 1, price_minor) else { unreachable!() };
    C::GrantPass(GrantPass { pass_id: id(1), period: PassPeriod::Week, payment })
}

/// Credits of the purchase, deferred money, what the house pays, what the provider holds.
fn books(desk: &Desk) -> [i64; 4] {
    [
        -sum(desk, BookAccount::PaidCredits),
        -sum(desk, BookAccount::DeferredRevenue),
        sum(desk, BookAccount::BadDebt) + sum(desk, BookAccount::IncomeBreakage),
        sum(desk, BookAccount::ClearingStripe),
    ]
}

#[test]
fn a_part_takes_as_many_unused_credits_as_it_pays_for() {
    let mut desk = bought();
    assert_eq!(desk.ask(2, C::RefundPart(part(2, 450))), Ok(1));
    // 4.5 credits are paid for: four go, which were worth 4.00, and the house pays the rest.
    assert_eq!(books(&desk), [6, 599, 50, 549]);
    assert_eq!(desk.ask(3, C::RefundPart(part(2, 450))), Ok(0), "once");
    assert_eq!(desk.ask(3, C::RefundPart(part(2, 451))), Err(No::IdReused { id: id(2) }));
    // How many may be said as well.
    let three = RefundPart { credits: Some(3), ..part(3, 300) };
    assert_eq!(desk.ask(4, C::RefundPart(three)), Ok(1));
    assert_eq!(books(&desk), [3, 300, 51, 249]);
    // The last part takes all that is left, also when rounding left more than it pays for.
    assert_eq!(desk.ask(5, last(4, 249)), Ok(1));
    assert_eq!(books(&desk), [0, 0, 0, 0]);
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn what_was_used_is_paid_for_by_the_house_and_owed_by_nobody() {
    let mut desk = bought();
    // Three of the welcome, then eight of the purchase.
    desk.ask(2, spend(7, 11)).unwrap();
    assert_eq!(desk.ask(3, C::RefundPart(part(2, 500))), Ok(1));
    assert_eq!(books(&desk), [0, 0, 300, 499]);
    assert_eq!(desk.balance(3), 0);
    assert_eq!(sum(&desk, BookAccount::Receivable), 0);
    // Nothing is left to be taken, and the money is gone all the same.
    assert_eq!(desk.ask(4, C::RefundPart(part(3, 100))), Ok(1));
    assert_eq!(books(&desk), [0, 0, 400, 399]);
    // With the last part all of the price is gone: then it is judged like the whole.
    assert!(matches!(desk.ask(5, last(4, 399)), Err(No::OutOfRange { .. })));
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn a_part_that_came_back_gives_back_what_it_took() {
    let mut desk = bought();
    desk.ask(2, C::RefundPart(part(2, 450))).unwrap();
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(2) });
    assert_eq!(desk.ask(3, returned.clone()), Ok(1));
    assert_eq!(books(&desk), [10, 999, 0, 999]);
    assert_eq!(desk.ask(4, returned), Ok(0));
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn a_pass_goes_on_with_what_is_left_of_its_price_and_ends_with_the_last_of_it() {
    let mut desk = Desk::opened();
    desk.ask(1, week(700)).unwrap();
    assert_eq!(desk.ask(2, C::RefundPart(part(2, 300))), Ok(1));
    assert_eq!(books(&desk), [0, 400, 0, 400]);
    assert_eq!(desk.ask(3, spend(7, 1)), Ok(1), "it is still good");
    assert_eq!(desk.ask(4, last(3, 400)), Ok(1));
    assert_eq!(books(&desk), [0, 0, 0, 0]);
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(3) });
    assert_eq!(desk.ask(5, returned), Ok(1));
    assert_eq!(books(&desk), [0, 400, 0, 400]);
    // All of the rest is earned by its end.
    desk.ask(8 * 24 * 60, C::SettleDue(SettleDue {})).unwrap();
    assert_eq!(books(&desk), [0, 0, 0, 400]);
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn a_part_that_comes_back_after_its_pass_ran_out_makes_good_what_was_lost() {
    const DAY: i64 = 24 * 60;
    let mut desk = Desk::opened();
    desk.ask(0, week(2100)).unwrap();
    desk.ask(6 * DAY, C::SettleDue(SettleDue {})).unwrap();
    assert_eq!(books(&desk), [0, 300, 0, 2100]);
    assert_eq!(desk.ask(6 * DAY, C::RefundPart(part(2, 300))), Ok(1));
    assert_eq!(books(&desk), [0, 0, 0, 1800]);
    // The week ends with the command that brings the money back.
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(2) });
    assert_eq!(desk.ask(10 * DAY, returned.clone()), Ok(2));
    assert_eq!(books(&desk), [0, 0, -300, 2100]);
    assert_eq!(desk.ask(11 * DAY, returned), Ok(0), "once");
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
    // Of a part that was lost in part, as much comes back.
    let mut desk = Desk::opened();
    desk.ask(0, week(2100)).unwrap();
    assert_eq!(desk.ask(6 * DAY, C::RefundPart(part(2, 500))), Ok(2));
    assert_eq!(books(&desk), [0, 0, 200, 1600]);
    desk.ask(8 * DAY, C::SettleDue(SettleDue {})).unwrap();
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(2) });
    assert_eq!(desk.ask(10 * DAY, returned), Ok(1));
    assert_eq!(books(&desk), [0, 0, -300, 2100]);
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn a_part_that_comes_back_to_a_pass_which_another_one_ended_defers_nothing() {
    let mut desk = Desk::opened();
    desk.ask(1, week(700)).unwrap();
    desk.ask(2, C::RefundPart(part(2, 300))).unwrap();
    desk.ask(3, last(3, 400)).unwrap();
    let returned = |number| C::ReturnRefund(ReturnRefund { refund_id: id(number) });
    assert_eq!(desk.ask(4, returned(2)), Ok(1));
    assert_eq!(books(&desk), [0, 0, -300, 300]);
    // With the last one the pass goes on, for what that one took.
    assert_eq!(desk.ask(5, returned(3)), Ok(1));
    assert_eq!(books(&desk), [0, 400, -300, 700]);
    desk.ask(8 * 24 * 60, C::SettleDue(SettleDue {})).unwrap();
    assert_eq!(books(&desk), [0, 0, -300, 700]);
    replays::replayed(&desk, &[desk.rules.clone()]).unwrap();
}

#[test]
fn a_part_of_nothing_or_of_something_else_is_refused() {
    let mut desk = bought();
    for wrong in [0, -1, 1000] {
        let refused = desk.ask(2, C::RefundPart(part(2, wrong)));
        assert!(matches!(refused, Err(No::OutOfRange { .. })), "{refused:?}");
    }
    let euros = Money::new(1, "EUR".parse().unwrap());
    let refused = desk.ask(2, C::RefundPart(RefundPart { amount: euros, ..part(2, 1) }));
    assert!(matches!(refused, Err(No::CurrencyMismatch { .. })), "{refused:?}");
    let unknown = RefundPart { grant_id: id(9), ..part(2, 1) };
    assert_eq!(desk.ask(2, C::RefundPart(unknown)), Err(No::GrantUnknown { id: id(9) }));
    let actor = Actor::Customer { account_id: ANNA };
    let issued = Issued { actor, ..Desk::issued(3, C::RefundPart(part(2, 1))) };
    assert_eq!(desk.ledger.decide(issued), Err(No::NotAllowed));
}
