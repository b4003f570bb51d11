//! What is taken back, disputed, owed and forgiven.

use super::*;

type C = CreditLedgerCommand;
type No = CreditLedgerRefusal;

const MISTAKE: CorrectionReason = CorrectionReason::Mistake;

fn sum(desk: &Desk, account: BookAccount) -> i64 {
    let entries = desk.events.iter().flat_map(|event| &event.booking().entries);
    entries.filter(|entry| entry.account == account).map(|entry| -entry.amount).sum()
}

fn gift(number: u128, credits: i64) -> C {
    C::Grant(Grant {
        grant_id: id(number),
        source: GrantSource::Gift,
        credits,
        payment: None,
        expires_at: None,
        priority: None,
    })
}

fn week(number: u128, price_minor: i64) -> C {
    let C::Grant(Grant { payment, .. }) = purchase(number, 1, price_minor) else { unreachable!() };
    C::GrantPass(GrantPass { pass_id: id(number), period: PassPeriod::Week, payment })
}

fn revoke(number: u128) -> C {
    C::RevokeGrant(RevokeGrant { grant_id: id(number), reason: MISTAKE })
}

/// A dispute over the whole price, and its end.
fn dispute(grant: u128, price_minor: i64, outcome: DisputeOutcome) -> [C; 2] {
    let (dispute_id, grant_id) = (id(700 + grant), id(grant));
    let amount = usd(price_minor);
    [
        C::OpenDispute(OpenDispute { dispute_id, grant_id, amount }),
        C::CloseDispute(CloseDispute { dispute_id, outcome }),
    ]
}

#[test]
fn given_credits_are_revoked_as_far_as_they_are_there() {
    let mut desk = Desk::opened();
    desk.ask(1, gift(1, 10)).unwrap();
    desk.ask(2, spend(2, 5)).unwrap();
    assert_eq!(desk.balance(2), 8);
    // The welcome credits are older and went first: two of the gift are spent.
    assert_eq!(desk.ask(3, revoke(1)), Ok(1));
    assert_eq!((desk.balance(3), sum(&desk, BookAccount::Revoked)), (0, 8));
    assert_eq!(desk.ask(4, revoke(1)), Ok(0));
}

#[test]
fn bought_and_unknown_credits_are_not_revoked() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 1000)).unwrap();
    assert_eq!(desk.ask(2, revoke(1)), Err(No::Paid { id: id(1) }));
    assert_eq!(desk.ask(2, revoke(9)), Err(No::GrantUnknown { id: id(9) }));
    assert_eq!(desk.balance(2), 13);
}

#[test]
fn the_credits_of_a_refund_come_back_with_its_money_once() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 999)).unwrap();
    let refund = RefundGrant {
        refund_id: id(2),
        grant_id: id(1),
        credits: Some(4),
        reason: CorrectionReason::CustomerAsked,
    };
    assert_eq!(desk.ask(2, C::RefundGrant(refund)), Ok(1));
    let deferred = sum(&desk, BookAccount::DeferredRevenue);
    assert_eq!(desk.balance(2), 9);
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(2) });
    assert_eq!(desk.ask(3, returned.clone()), Ok(1));
    assert_eq!(desk.balance(3), 13);
    assert!(deferred < 999);
    assert_eq!(sum(&desk, BookAccount::DeferredRevenue), 999);
    assert_eq!(desk.ask(4, returned), Ok(0));
    let unknown = C::ReturnRefund(ReturnRefund { refund_id: id(3) });
    assert_eq!(desk.ask(4, unknown), Err(No::RefundUnknown { id: id(3) }));
}

#[test]
fn a_refund_of_a_payment_that_was_lost_does_not_come_back() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 1000)).unwrap();
    let reason = CorrectionReason::CustomerAsked;
    let refund = RefundGrant { refund_id: id(2), grant_id: id(1), credits: Some(4), reason };
    desk.ask(2, C::RefundGrant(refund)).unwrap();
    for command in dispute(1, 600, DisputeOutcome::Lost) {
        desk.ask(3, command).unwrap();
    }
    let returned = C::ReturnRefund(ReturnRefund { refund_id: id(2) });
    assert_eq!(desk.ask(4, returned), Err(No::Disputed { id: id(1) }));
}

#[test]
fn a_debt_that_is_written_off_stands_in_nobodys_way_and_is_an_expense_already() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 10, 1000)).unwrap();
    desk.ask(2, spend(2, 7)).unwrap();
    for command in dispute(1, 1000, DisputeOutcome::Lost) {
        desk.ask(3, command).unwrap();
    }
    let owed = desk.ledger.owed;
    assert!(owed > 0);
    desk.ask(4, gift(5, 2)).unwrap();
    assert_eq!(desk.ask(5, spend(6, 1)), Err(No::DebtOpen { owed }));
    let bad_debt = sum(&desk, BookAccount::BadDebt);
    let reason = CorrectionReason::Uncollectible;
    let write_off = C::WriteOffDebt(WriteOffDebt { reason });
    assert_eq!(desk.ask(6, write_off.clone()), Ok(1));
    assert_eq!((desk.ledger.owed, sum(&desk, BookAccount::WrittenOff)), (0, -owed));
    assert_eq!(sum(&desk, BookAccount::BadDebt), bad_debt);
    assert_eq!(desk.ask(7, spend(6, 1)), Ok(1));
    assert_eq!(desk.ask(8, write_off), Ok(0));
}

#[test]
fn a_customer_who_owes_may_go_on_where_the_tenant_says_so() {
    for (debt, owed) in [(DebtPolicy::Owe, 7), (DebtPolicy::Forgive, 0)] {
        let mut desk = Desk::opened();
        desk.rules.debt = debt;
        desk.ask(1, spend(9, 3)).unwrap();
        desk.ask(1, purchase(1, 10, 1000)).unwrap();
        desk.ask(2, spend(2, 7)).unwrap();
        for command in dispute(1, 1000, DisputeOutcome::Lost) {
            desk.ask(3, command).unwrap();
        }
        assert_eq!((desk.ledger.owed, desk.balance(3)), (owed, 0), "{debt:?}");
        assert_eq!(sum(&desk, BookAccount::BadDebt), -700, "{debt:?}");
        desk.ask(4, gift(5, 2)).unwrap();
        assert_eq!(desk.ask(5, spend(6, 1)), Ok(1), "{debt:?}");
        // The next purchase covers what is owed, and nothing where it was forgiven.
        desk.ask(6, purchase(7, 10, 1000)).unwrap();
        assert_eq!((desk.ledger.owed, desk.balance(6)), (0, 11 - owed), "{debt:?}");
        assert_eq!(sum(&desk, BookAccount::IncomeRecovered), owed * 100, "{debt:?}");
    }
}

#[test]
fn a_pass_whose_payment_is_disputed_rests_and_goes_on_when_the_dispute_is_won() {
    let mut desk = Desk::opened();
    desk.ask(1, week(1, 700)).unwrap();
    desk.ask(2, spend(2, 2)).unwrap();
    assert_eq!(desk.balance(2), 3);
    let [open, close] = dispute(1, 700, DisputeOutcome::Won);
    desk.ask(3, open.clone()).unwrap();
    assert_eq!(desk.ask(3, open), Ok(0));
    // Without the pass a message costs a credit.
    desk.ask(4, spend(3, 1)).unwrap();
    assert_eq!(desk.balance(4), 2);
    let reason = CorrectionReason::CustomerAsked;
    let refund = C::RefundPass(RefundPass { pass_id: id(1), reason, value: None });
    assert_eq!(desk.ask(5, refund), Err(No::Disputed { id: id(1) }));
    desk.ask(6, close.clone()).unwrap();
    assert_eq!(desk.ask(6, close), Ok(0));
    desk.ask(7, spend(4, 1)).unwrap();
    assert_eq!(desk.balance(7), 2);
    assert_eq!(sum(&desk, BookAccount::DisputeReserve), 0);
}

#[test]
fn a_pass_whose_payment_is_lost_ends_with_nothing_deferred_and_no_debt_in_credits() {
    let mut desk = Desk::opened();
    desk.ask(1, week(1, 700)).unwrap();
    desk.ask(2 * 1440 + 2, C::SettleDue(SettleDue {})).unwrap();
    for command in dispute(1, 700, DisputeOutcome::Lost) {
        desk.ask(2 * 1440 + 3, command).unwrap();
    }
    assert_eq!(sum(&desk, BookAccount::DeferredRevenue), 0);
    assert_eq!(sum(&desk, BookAccount::DisputeReserve), 0);
    assert_eq!(
        (sum(&desk, BookAccount::IncomePasses), sum(&desk, BookAccount::BadDebt)),
        (200, -200)
    );
    assert_eq!(desk.ledger.owed, 0);
    desk.ask(2 * 1440 + 4, spend(3, 1)).unwrap();
    assert_eq!(desk.balance(2 * 1440 + 4), 2);
    assert_eq!(desk.ask(8 * 1440, C::SettleDue(SettleDue {})), Ok(0));
}

#[test]
fn credits_in_too_many_small_grants_are_spent_by_fewer_at_once() {
    let mut desk = Desk::opened();
    desk.rules.messages_per_minute_max = 1000;
    for number in 0..110 {
        desk.ask(1, purchase(1000 + number, 1, 100)).unwrap();
    }
    assert_eq!(desk.ask(2, spend(1, 104)), Err(No::TooScattered { max: 100 }));
    assert_eq!(desk.balance(2), 113);
    assert_eq!(desk.ask(2, spend(1, 102)), Ok(1));
    assert_eq!(desk.balance(2), 11);
}

#[test]
fn every_rule_for_credits_has_its_bounds() {
    let rules = CreditRules::default;
    assert_eq!(rules().out_of_range(), None);
    let cases: [(&str, CreditRules); 17] = [
        ("message_cost", CreditRules { message_cost: -1, ..rules() }),
        ("message_cost", CreditRules { message_cost: 1001, ..rules() }),
        ("welcome_credits", CreditRules { welcome_credits: -1, ..rules() }),
        ("tutorial_credits", CreditRules { tutorial_credits: i64::MAX, ..rules() }),
        ("low_credits", CreditRules { low_credits: 1001, ..rules() }),
        ("hold_seconds", CreditRules { hold_seconds: 29, ..rules() }),
        ("hold_seconds", CreditRules { hold_seconds: 86_401, ..rules() }),
        ("messages_per_minute_max", CreditRules { messages_per_minute_max: 0, ..rules() }),
        ("messages_per_minute_max", CreditRules { messages_per_minute_max: 10_001, ..rules() }),
        ("credits_per_day_max", CreditRules { credits_per_day_max: 0, ..rules() }),
        ("gifts_per_day_max", CreditRules { gifts_per_day_max: -1, ..rules() }),
        ("gifts_per_day_max", CreditRules { gifts_per_day_max: 1_000_001, ..rules() }),
        ("balance_max", CreditRules { balance_max: 0, ..rules() }),
        ("balance_max", CreditRules { balance_max: i64::MAX, ..rules() }),
        ("packages", CreditRules { packages: vec![0], ..rules() }),
        ("packages", CreditRules { packages: vec![10, 1_000_001], ..rules() }),
        ("packages", CreditRules { packages: vec![1; 11], ..rules() }),
    ];
    for (field, rules) in cases {
        assert_eq!(rules.out_of_range().map(|(named, _)| named), Some(field), "{rules:?}");
    }
}

#[test]
fn what_went_back_as_a_whole_cannot_be_contested_as_well() {
    let mut desk = Desk::opened();
    desk.ask(1, purchase(1, 25, 500)).unwrap();
    desk.ask(1, week(2, 700)).unwrap();
    let (reason, refund_id) = (CorrectionReason::CustomerAsked, id(9));
    let refund = RefundGrant { refund_id, grant_id: id(1), credits: Some(25), reason };
    desk.ask(2, C::RefundGrant(refund)).unwrap();
    let [open, _] = dispute(1, 500, DisputeOutcome::Lost);
    assert_eq!(desk.ask(3, open), Err(No::NothingLeft { id: id(1), held: 0 }));
    let usd = |amount| Some(usd(amount));
    let refund = |value| C::RefundPass(RefundPass { pass_id: id(2), reason, value });
    let other = No::OutOfRange { field: "value".to_owned(), min: 700, max: 700 };
    assert_eq!(desk.ask(3, refund(usd(699))), Err(other));
    desk.ask(3, refund(usd(700))).unwrap();
    let [open, _] = dispute(2, 700, DisputeOutcome::Lost);
    assert_eq!(desk.ask(4, open), Err(No::NothingLeft { id: id(2), held: 0 }));
    assert_eq!(sum(&desk, BookAccount::DeferredRevenue), 0);
}
