//! Whatever order a provider's facts come in, and however often: the end is the same.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// Everything that a provider may say of one purchase without contradicting itself.
fn facts() -> Vec<PaymentCommand> {
    let charge = || CHARGE.to_owned();
    let dispute_ref = || "dp_1".to_owned();
    let amount = stars(250);
    vec![
        PaymentCommand::RecordPending(RecordPending { provider_ref: None }),
        PaymentCommand::RecordUnknown(RecordUnknown {}),
        PaymentCommand::RecordFailure(RecordFailure { reason: "declined".to_owned() }),
        PaymentCommand::Expire(Expire {}),
        success(CHARGE),
        PaymentCommand::RecordRefund(RecordRefund {
            refund_id: None,
            provider_ref: charge(),
            amount,
            refund_ref: None,
        }),
        PaymentCommand::RecordRefundFailure(RecordRefundFailure {
            refund_id: None,
            provider_ref: charge(),
            amount,
            refund_ref: None,
            reason: "expired_card".to_owned(),
        }),
        PaymentCommand::RecordDispute(RecordDispute {
            dispute_ref: dispute_ref(),
            provider_ref: charge(),
            amount,
        }),
        PaymentCommand::RecordDisputeClosed(RecordDisputeClosed {
            dispute_ref: dispute_ref(),
            provider_ref: charge(),
            amount,
            outcome: DisputeOutcome::Lost,
        }),
        PaymentCommand::RecordSuccess(RecordSuccess {
            provider_ref: "stxCharge-odd".to_owned(),
            amount: stars(3),
        }),
        receipt(ReceiptStanding::Requested),
        receipt(ReceiptStanding::Registered),
    ]
}

fn receipt(standing: ReceiptStanding) -> PaymentCommand {
    let of = ReceiptOf::Charge;
    PaymentCommand::RecordReceipt(RecordReceipt { of, provider_ref: CHARGE.to_owned(), standing })
}

fn heard(facts: &[PaymentCommand]) -> Payment {
    let mut till = Till::begun();
    till.at = start() + Duration::days(2);
    for fact in facts {
        till.hear(fact.clone()).unwrap();
    }
    till.payment
}

fn count(payment: &[PaymentEvent], wire_type: &str) -> usize {
    payment.iter().filter(|event| crate::EventBody::wire_type(*event) == wire_type).count()
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_facts_ends_the_same(
        chosen in vec(any::<bool>(), 12),
        order in vec(any::<Index>(), 0..40),
    ) {
        let facts: Vec<_> = facts().into_iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(fact, _)| fact).collect();
        prop_assume!(!facts.is_empty());
        let once = heard(&facts);
        // Any number of repetitions in any order, and then each once more backwards.
        let mut storm: Vec<_> = order.iter().map(|index| index.get(&facts).clone()).collect();
        storm.extend(facts.iter().rev().cloned());
        let mut till = Till::begun();
        till.at = start() + Duration::days(2);
        let mut events = vec![];
        for fact in storm {
            events.extend(till.hear(fact).unwrap());
        }
        prop_assert_eq!(&till.payment, &once);
        prop_assert!(count(&events, "payment.succeeded") <= 1);
        prop_assert!(count(&events, "payment.refunded") <= 1);
        prop_assert!(count(&events, "payment.receipt_registered") <= 1);
        prop_assert!(count(&events, "payment.surplus_paid") <= 1);
        let paid_too_much = count(&events, "payment.surplus_paid");
        prop_assert_eq!(count(&events, "payment.refund_requested"), paid_too_much);
    }
}
