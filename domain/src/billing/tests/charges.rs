//! When a card is charged, and when it is not.

use super::*;

#[test]
fn below_the_threshold_one_charge_is_wanted_and_no_second_one_while_it_is_under_way() {
    let mut desk = Desk::agreed();
    assert_eq!(desk.hear(left(5)).unwrap(), vec![], "5 is not below 5");
    let requested = desk.hear(left(4)).unwrap();
    let payment_id = recharge_payment_id(ANNA, 1);
    let expected = RechargeRequested {
        account_id: ANNA,
        payment_id,
        method_id: Uuid::from_u128(1),
        provider: PaymentProvider::Stripe,
        channel: CHANNEL.to_owned(),
        product: terms().product,
        price: terms().price,
        month: "2026-11-01".parse().unwrap(),
        credits_left: 4,
    };
    assert_eq!(requested, vec![BillingEvent::RechargeRequested(expected)]);
    assert_eq!(desk.want(), None);
    assert_eq!(desk.types(kontor(), begin(payment_id)), ["billing.charge_begun"]);
    assert_eq!(desk.hear(begin(payment_id)).unwrap(), vec![], "asked again it says the same");
    assert_eq!(desk.want(), None, "while nobody knows what came of it");
    assert_eq!(desk.types(kontor(), succeeded(payment_id)), ["billing.recharge_succeeded"]);
    assert_eq!(desk.want(), Some(recharge_payment_id(ANNA, 2)));
}

#[test]
fn whoever_stops_it_stops_it_at_once() {
    let mut desk = Desk::agreed();
    let payment_id = desk.want().unwrap();
    let stopped = desk.types(anna(), disable(DisableReason::Customer));
    assert_eq!(stopped, ["billing.recharge_disabled", "billing.recharge_failed"]);
    assert_eq!(desk.hear(begin(payment_id)), Err(BillingRefusal::ChargeStopped));
    assert_eq!(desk.want(), None);
    // What is at the provider cannot be stopped, and is the last one.
    let mut desk = Desk::agreed();
    let payment_id = desk.want().unwrap();
    desk.hear(begin(payment_id)).unwrap();
    let stopped = desk.types(anna(), disable(DisableReason::Customer));
    assert_eq!(stopped, ["billing.recharge_disabled"]);
    assert_eq!(desk.types(kontor(), succeeded(payment_id)), ["billing.recharge_succeeded"]);
    assert_eq!(desk.want(), None);
}

#[test]
fn no_more_is_spent_in_a_month_than_was_agreed_and_that_is_said_once() {
    let mut desk = Desk::agreed();
    assert!((0..3).all(|_| desk.recharge()), "3 × 4.99 is less than 15.00");
    assert_eq!(desk.types(kontor(), left(4)), ["billing.cap_reached"]);
    assert_eq!(desk.hear(left(0)).unwrap(), vec![]);
    // The month is the tenant's: in Moscow it is December three hours before it is in London.
    desk.at = "2026-11-30T20:59:59Z".parse().unwrap();
    assert!(!desk.recharge());
    desk.at = "2026-11-30T21:00:00Z".parse().unwrap();
    assert!(desk.recharge());
    // Another agreement is another cap, and what was spent counts for it.
    let monthly_cap = dollars(998);
    desk.ask(anna(), enable(RechargeTerms { monthly_cap, ..terms() })).unwrap();
    assert!(desk.recharge());
    assert_eq!(desk.types(kontor(), left(4)), ["billing.cap_reached"]);
}

#[test]
fn what_came_to_nothing_does_not_count_for_the_month_unless_it_was_paid_after_all() {
    let mut desk = Desk::agreed();
    let first = desk.want().unwrap();
    desk.hear(begin(first)).unwrap();
    desk.hear(failed(first, "insufficient_funds")).unwrap();
    desk.at += Duration::hours(2);
    assert!((0..3).all(|_| desk.recharge()));
    let mut desk = Desk::agreed();
    let first = desk.want().unwrap();
    desk.hear(begin(first)).unwrap();
    desk.hear(failed(first, "expired")).unwrap();
    assert_eq!(desk.types(kontor(), succeeded(first)), ["billing.recharge_succeeded"]);
    assert_eq!(desk.hear(failed(first, "expired")).unwrap(), vec![]);
    assert!((0..2).all(|_| desk.recharge()));
    assert!(!desk.recharge());
}

#[test]
fn after_declines_there_are_pauses_and_after_three_it_ends() {
    let mut desk = Desk::agreed();
    for hours in [1, 24] {
        let payment_id = desk.want().unwrap();
        desk.hear(begin(payment_id)).unwrap();
        let events = desk.hear(failed(payment_id, "insufficient_funds")).unwrap();
        let retry_at = Some(desk.at + Duration::hours(hours));
        let reason = "insufficient_funds".to_owned();
        let expected = RechargeFailed { account_id: ANNA, payment_id, reason, retry_at };
        assert_eq!(events, vec![BillingEvent::RechargeFailed(expected)]);
        desk.at += Duration::hours(hours) - Duration::milliseconds(1);
        assert_eq!(desk.want(), None);
        desk.at += Duration::milliseconds(1);
    }
    let payment_id = desk.want().unwrap();
    let ended = desk.types(kontor(), failed(payment_id, "insufficient_funds"));
    assert_eq!(ended, ["billing.recharge_failed", "billing.recharge_disabled"]);
    desk.at += Duration::days(7);
    assert_eq!(desk.want(), None);
    desk.ask(anna(), enable(terms())).unwrap();
    assert!(desk.recharge(), "whoever agrees again begins anew");
}

#[test]
fn a_success_forgets_the_declines_before() {
    let mut desk = Desk::agreed();
    let payment_id = desk.want().unwrap();
    desk.hear(failed(payment_id, "generic_decline")).unwrap();
    desk.at += Duration::hours(1);
    assert!(desk.recharge());
    let payment_id = desk.want().unwrap();
    let events = desk.hear(failed(payment_id, "generic_decline")).unwrap();
    let retry_at = Some(desk.at + Duration::hours(1));
    assert!(
        matches!(&events[..], [BillingEvent::RechargeFailed(failed)] if failed.retry_at == retry_at)
    );
}

#[test]
fn what_no_pause_heals_ends_it_at_once() {
    for reason in ["expired_card", "lost_card", "permission_revoked"] {
        let mut desk = Desk::agreed();
        let payment_id = desk.want().unwrap();
        let ended = desk.types(kontor(), failed(payment_id, reason));
        assert_eq!(ended, ["billing.recharge_failed", "billing.recharge_disabled"], "{reason}");
    }
}

#[test]
fn a_foreign_payment_is_no_charge_and_a_sentence_is_no_code() {
    let mut desk = Desk::agreed();
    let payment_id = Uuid::from_u128(99);
    let unknown = BillingRefusal::ChargeUnknown { payment_id };
    assert_eq!(desk.hear(begin(payment_id)), Err(unknown));
    assert_eq!(desk.hear(failed(payment_id, "declined")).unwrap(), vec![]);
    assert_eq!(desk.hear(succeeded(payment_id)).unwrap(), vec![]);
    let mine = desk.want().unwrap();
    let refused = desk.hear(failed(mine, "Карта Анны отклонена")).unwrap_err();
    assert!(matches!(refused, BillingRefusal::Malformed { field, .. } if field == "reason"));
}
