//! What goes back: refunds, charges that were one too many, disputes.

use super::*;

fn request(number: u128) -> PaymentCommand {
    let reason = CorrectionReason::CustomerAsked;
    PaymentCommand::RequestRefund(RequestRefund {
        refund_id: Uuid::from_u128(number),
        reason,
        amount: None,
        credits: None,
    })
}

fn refunded(refund_id: Option<u128>, charge: &str) -> PaymentCommand {
    PaymentCommand::RecordRefund(RecordRefund {
        refund_id: refund_id.map(Uuid::from_u128),
        provider_ref: charge.to_owned(),
        amount: stars(250),
        refund_ref: None,
    })
}

fn refund_failed(refund_id: u128) -> PaymentCommand {
    PaymentCommand::RecordRefundFailure(RecordRefundFailure {
        refund_id: Some(Uuid::from_u128(refund_id)),
        provider_ref: CHARGE.to_owned(),
        amount: stars(250),
        reason: "charge_not_found".to_owned(),
        refund_ref: None,
    })
}

#[test]
fn a_refund_is_asked_for_once_and_paid_once() {
    let mut till = Till::begun();
    assert_eq!(till.ask(staff(), request(1)), Err(PaymentRefusal::NotPaid));
    till.hear(success(CHARGE)).unwrap();
    let asked = till.ask(staff(), request(1)).unwrap();
    assert!(matches!(&asked[..], [PaymentEvent::RefundRequested(one)] if !one.surplus));
    assert_eq!(till.ask(staff(), request(1)).unwrap(), vec![]);
    let refund_id = Uuid::from_u128(1);
    let refused = till.ask(staff(), request(2));
    assert_eq!(refused, Err(PaymentRefusal::RefundUnderWay { refund_id }));
    // The provider's own word names no refund of ours; the one that was asked for is meant.
    let paid = till.hear(refunded(None, CHARGE)).unwrap();
    assert!(matches!(&paid[..], [PaymentEvent::Refunded(one)] if one.refund_id == refund_id));
    assert_eq!(till.hear(refunded(Some(1), CHARGE)).unwrap(), vec![]);
    assert_eq!(till.hear(refunded(Some(7), CHARGE)).unwrap(), vec![], "under whatever name");
    let refused = till.ask(staff(), request(2));
    assert_eq!(refused, Err(PaymentRefusal::AlreadyRefunded { refund_id }));
}

#[test]
fn a_refund_that_failed_can_be_asked_for_again_under_a_new_id() {
    let mut till = Till::paid();
    till.ask(staff(), request(1)).unwrap();
    let failed = till.hear(refund_failed(1)).unwrap();
    assert!(matches!(&failed[..], [PaymentEvent::RefundFailed(_)]), "{failed:?}");
    assert_eq!(till.hear(refund_failed(1)).unwrap(), vec![]);
    assert_eq!(till.hear(refunded(Some(1), CHARGE)).unwrap(), vec![], "the failure stands");
    let refund_id = Uuid::from_u128(1);
    assert_eq!(till.ask(staff(), request(1)), Err(PaymentRefusal::RefundOver { refund_id }));
    assert_eq!(till.ask(staff(), request(2)).unwrap().len(), 1);
}

#[test]
fn a_refund_that_nobody_here_asked_for_is_recorded() {
    let mut till = Till::paid();
    let paid = till.hear(refunded(None, CHARGE)).unwrap();
    let expected = foreign_refund_id(PAYMENT, CHARGE);
    assert!(matches!(&paid[..], [PaymentEvent::Refunded(one)] if one.refund_id == expected));
    let refused = till.ask(staff(), request(1));
    assert_eq!(refused, Err(PaymentRefusal::AlreadyRefunded { refund_id: expected }));
}

/// A failure of a refund of all of the charge, under the provider's own name for it.
fn named_failure(refund_id: Option<u128>, reference: Option<&str>) -> PaymentCommand {
    PaymentCommand::RecordRefundFailure(RecordRefundFailure {
        refund_id: refund_id.map(Uuid::from_u128),
        provider_ref: CHARGE.to_owned(),
        amount: stars(250),
        reason: "expired_card".to_owned(),
        refund_ref: reference.map(str::to_owned),
    })
}

#[test]
fn a_failed_refund_of_the_providers_own_is_none_of_ours() {
    let ours = Uuid::from_u128(1);
    let theirs = foreign_refund_id(PAYMENT, "re_theirs");
    for is_paid in [false, true] {
        let mut till = Till::paid();
        till.ask(staff(), request(1)).unwrap();
        if is_paid {
            till.hear(refunded(Some(1), CHARGE)).unwrap();
        }
        let failed = till.hear(named_failure(None, Some("re_theirs"))).unwrap();
        assert!(
            matches!(&failed[..], [PaymentEvent::RefundFailed(one)] if one.refund_id == theirs),
            "{failed:?}"
        );
        assert_eq!(till.hear(named_failure(None, Some("re_theirs"))).unwrap(), vec![], "once");
        // Ours stands as before: nobody may ask for the same money again.
        let refused = till.ask(staff(), request(2)).unwrap_err();
        let expected = match is_paid {
            true => PaymentRefusal::AlreadyRefunded { refund_id: ours },
            false => PaymentRefusal::RefundUnderWay { refund_id: ours },
        };
        assert_eq!(refused, expected);
        // With our id, or without any name, it is the one that is alone in question.
        let by_id = till.clone().hear(named_failure(Some(1), Some("re_ours"))).unwrap();
        let nameless = till.hear(named_failure(None, None)).unwrap();
        for heard in [by_id, nameless] {
            assert!(
                matches!(&heard[..], [PaymentEvent::RefundFailed(one)] if one.refund_id == ours),
                "{heard:?}"
            );
        }
    }
}

#[test]
fn a_second_charge_goes_back_by_itself_and_buys_nothing() {
    let mut till = Till::paid();
    let second = till.hear(success("stxCharge-2")).unwrap();
    let [PaymentEvent::SurplusPaid(_), PaymentEvent::RefundRequested(request)] = &second[..] else {
        panic!("{second:?}")
    };
    assert_eq!((request.provider_ref.as_str(), request.surplus), ("stxCharge-2", true));
    assert_eq!(till.hear(success("stxCharge-2")).unwrap(), vec![]);
    let paid = till.hear(refunded(None, "stxCharge-2")).unwrap();
    let expected = request.refund_id;
    assert!(
        matches!(&paid[..], [PaymentEvent::Refunded(one)] if one.refund_id == expected && one.surplus)
    );
    // The purchase itself can still be refunded.
    assert_eq!(till.ask(staff(), super::refunds::request(1)).unwrap().len(), 1);
}

#[test]
fn a_payment_has_a_bounded_number_of_charges() {
    let mut till = Till::paid();
    let refused = (0..100).find_map(|number| till.hear(success(&format!("more-{number}"))).err());
    let expected = PaymentRefusal::TooMany { what: "charges".to_owned(), max: 16 };
    assert_eq!(refused, Some(expected));
}

#[test]
fn what_is_contested_is_not_paid_back_as_well() {
    let dispute = |outcome: Option<DisputeOutcome>| {
        let (dispute_ref, provider_ref) = ("dp_1".to_owned(), CHARGE.to_owned());
        let amount = stars(100);
        match outcome {
            None => {
                PaymentCommand::RecordDispute(RecordDispute { dispute_ref, provider_ref, amount })
            }
            Some(outcome) => PaymentCommand::RecordDisputeClosed(RecordDisputeClosed {
                dispute_ref,
                provider_ref,
                amount,
                outcome,
            }),
        }
    };
    let mut till = Till::paid();
    till.hear(dispute(None)).unwrap();
    assert_eq!(till.hear(dispute(None)).unwrap(), vec![]);
    assert_eq!(till.ask(staff(), request(1)), Err(PaymentRefusal::Disputed));
    let closed = till.hear(dispute(Some(DisputeOutcome::Won))).unwrap();
    assert!(matches!(&closed[..], [PaymentEvent::DisputeClosed(_)]), "{closed:?}");
    assert_eq!(till.hear(dispute(Some(DisputeOutcome::Lost))).unwrap(), vec![], "the first stands");
    assert_eq!(till.ask(staff(), request(1)).unwrap().len(), 1);
    // An end that comes first proves the payment and the beginning.
    let mut late = Till::begun();
    let lost = late.hear(dispute(Some(DisputeOutcome::Lost))).unwrap();
    let expected = ["payment.succeeded", "payment.dispute_opened", "payment.dispute_closed"];
    assert_eq!(lost.iter().map(crate::EventBody::wire_type).collect::<Vec<_>>(), expected);
    assert_eq!(late.hear(dispute(None)).unwrap(), vec![]);
    assert_eq!(late.ask(staff(), request(1)), Err(PaymentRefusal::Disputed));
}
