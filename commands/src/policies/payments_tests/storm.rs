//! Everything that may happen around a purchase, in any order.

use kontor_domain::{
    credit_ledger::DisputeOutcome,
    payment::{RecordDispute, RecordDisputeClosed},
};
use proptest::prelude::*;

use super::*;

/// What may happen around a purchase.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Paid,
    Spent(i64),
    Refunded,
    Part(i64),
    Disputed,
    Lost,
    Settled,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        Just(Happens::Paid),
        (1_i64..9).prop_map(Happens::Spent),
        Just(Happens::Refunded),
        (1_i64..150).prop_map(Happens::Part),
        Just(Happens::Disputed),
        Just(Happens::Lost),
        Just(Happens::Settled),
    ]
}

proptest! {
    /// Whatever happens in whatever order: afterwards the books have what the provider has.
    #[test]
    fn the_books_end_with_what_the_provider_holds(
        story in proptest::collection::vec(happens(), 1..24),
        picks in proptest::collection::vec(any::<Index>(), 0..40),
        is_pass in any::<bool>(),
    ) {
        let mut shop = Shop::offering(if is_pass { WEEK } else { CREDITS });
        let (mut paid, mut back, mut left) = (false, false, 250);
        for (number, happens) in story.iter().enumerate() {
            let dispute = ("dp_1".to_owned(), CHARGE.to_owned(), stars(left));
            match happens {
                Happens::Part(minor) if !back => {
                    let minor = (*minor).min(left);
                    shop.pay(PaymentCommand::RecordRefund(RecordRefund {
                        refund_id: None,
                        provider_ref: CHARGE.to_owned(),
                        amount: stars(minor),
                        refund_ref: Some(format!("re_{number}")),
                    }));
                    left -= minor;
                    (paid, back) = (true, left == 0);
                }
                // What is left goes back as the last part.
                Happens::Refunded if !back && left < 250 => {
                    shop.pay(PaymentCommand::RecordRefund(RecordRefund {
                        refund_id: None,
                        provider_ref: CHARGE.to_owned(),
                        amount: stars(left),
                        refund_ref: Some("re_last".to_owned()),
                    }));
                    (paid, back) = (true, true);
                }
                Happens::Paid => { shop.pay(success()); paid = true; }
                Happens::Spent(messages) => shop.spend(*messages),
                // A provider pays one charge back once: by a refund or by a dispute.
                Happens::Refunded if !back => {
                    shop.pay(refunded());
                    (paid, back) = (true, true);
                }
                Happens::Lost if !back => {
                    let (dispute_ref, provider_ref, amount) = dispute.clone();
                    let outcome = DisputeOutcome::Lost;
                    shop.pay(PaymentCommand::RecordDisputeClosed(RecordDisputeClosed { dispute_ref, provider_ref, amount, outcome }));
                    (paid, back) = (true, true);
                }
                Happens::Disputed if !back => {
                    let (dispute_ref, provider_ref, amount) = dispute.clone();
                    shop.pay(PaymentCommand::RecordDispute(RecordDispute { dispute_ref, provider_ref, amount }));
                    let (dispute_ref, provider_ref, amount) = dispute.clone();
                    let outcome = DisputeOutcome::Lost;
                    shop.pay(PaymentCommand::RecordDisputeClosed(RecordDisputeClosed { dispute_ref, provider_ref, amount, outcome }));
                    (paid, back) = (true, true);
                }
                Happens::Refunded | Happens::Part(_) | Happens::Disputed | Happens::Lost => {}
                Happens::Settled => shop.settle(&picks),
            }
        }
        shop.settle(&picks);
        let holds = if paid && !back { left } else { 0 };
        prop_assert_eq!(shop.clearing(), holds);
        prop_assert_eq!(shop.sum(BookAccount::DisputeReserve), 0);
        let grants = shop.count("credit_ledger.granted") + shop.count("credit_ledger.pass_granted");
        prop_assert_eq!(grants, usize::from(paid));
        prop_assert_eq!(shop.timers.keys().filter(|key| key.starts_with("close")).count(), 0);
    }
}
