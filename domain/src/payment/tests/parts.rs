//! Parts of a charge that go back: asked for by the staff, made at the provider's, in any mixture.

use super::*;

fn usd(amount_minor: i64) -> Money {
    Money::new(amount_minor, "USD".parse().unwrap())
}

/// 25 credits for 9.99 by card, paid.
fn paid_by_card() -> Till {
    let mut till = Till::new();
    let channel = "stripe/shop".to_owned();
    let begin = Begin { price: usd(999), provider: PaymentProvider::Stripe, channel, ..begin() };
    till.ask(customer(ANNA), PaymentCommand::Begin(begin)).unwrap();
    let provider_ref = CHARGE.to_owned();
    let success = RecordSuccess { provider_ref, amount: usd(999) };
    till.hear(PaymentCommand::RecordSuccess(success)).unwrap();
    till
}

fn request(number: u128, amount: Option<Money>, credits: Option<i64>) -> PaymentCommand {
    PaymentCommand::RequestRefund(RequestRefund {
        refund_id: Uuid::from_u128(number),
        reason: CorrectionReason::CustomerAsked,
        amount,
        credits,
    })
}

fn refunded(refund_id: Option<u128>, amount_minor: i64, reference: &str) -> PaymentCommand {
    PaymentCommand::RecordRefund(RecordRefund {
        refund_id: refund_id.map(Uuid::from_u128),
        provider_ref: CHARGE.to_owned(),
        amount: usd(amount_minor),
        refund_ref: Some(reference.to_owned()),
    })
}

fn failed(refund_id: Option<u128>, amount_minor: i64, reference: &str) -> PaymentCommand {
    PaymentCommand::RecordRefundFailure(RecordRefundFailure {
        refund_id: refund_id.map(Uuid::from_u128),
        provider_ref: CHARGE.to_owned(),
        amount: usd(amount_minor),
        reason: "expired_card".to_owned(),
        refund_ref: Some(reference.to_owned()),
    })
}

/// The amount and the part of what was decided.
fn asked(events: &[PaymentEvent]) -> (i64, Option<Part>) {
    match events {
        [PaymentEvent::RefundRequested(it)] => (it.amount.amount_minor, it.part),
        [PaymentEvent::Refunded(it)] => (it.amount.amount_minor, it.part),
        other => panic!("{other:?}"),
    }
}

fn part(credits: Option<i64>, is_last: bool) -> Part {
    Part { credits, is_last }
}

#[test]
fn parts_by_amount_and_by_credits_add_up_to_the_price_and_no_further() {
    let mut till = paid_by_card();
    let first = till.ask(staff(), request(1, None, Some(10))).unwrap();
    assert_eq!(asked(&first), (400, Some(part(Some(10), false))), "10 of 25 for 9.99");
    assert_eq!(till.ask(staff(), request(1, None, Some(10))).unwrap(), vec![]);
    let paid = till.hear(refunded(Some(1), 400, "re_1")).unwrap();
    assert_eq!(asked(&paid), (400, Some(part(Some(10), false))));
    let second = till.ask(staff(), request(2, Some(usd(99)), None)).unwrap();
    assert_eq!(asked(&second), (99, Some(part(None, false))));
    let amount = usd(99);
    let refund_id = Uuid::from_u128(2);
    let other = till.ask(staff(), request(2, Some(usd(98)), None));
    assert_eq!(other, Err(PaymentRefusal::OtherRefund { refund_id, amount }));
    let too_much = till.ask(staff(), request(3, Some(usd(501)), None));
    assert_eq!(
        too_much,
        Err(PaymentRefusal::OutOfRange { field: "amount".to_owned(), min: 1, max: 500 })
    );
    let too_many = till.ask(staff(), request(3, None, Some(16)));
    let expected = PaymentRefusal::OutOfRange { field: "credits".to_owned(), min: 1, max: 15 };
    assert_eq!(too_many, Err(expected));
    // Without a figure it is all that is left.
    let rest = till.ask(staff(), request(4, None, None)).unwrap();
    assert_eq!(asked(&rest), (500, Some(part(None, true))));
    let more = till.ask(staff(), request(5, None, None));
    assert_eq!(more, Err(PaymentRefusal::RefundUnderWay { refund_id }));
    // Which part is the last shows when the money has gone.
    assert_eq!(
        asked(&till.hear(refunded(Some(4), 500, "re_4")).unwrap()).1,
        Some(part(None, false))
    );
    assert_eq!(asked(&till.hear(refunded(Some(2), 99, "re_2")).unwrap()).1, Some(part(None, true)));
    let more = till.ask(staff(), request(5, None, None));
    assert!(matches!(more, Err(PaymentRefusal::AlreadyRefunded { .. })), "{more:?}");
}

#[test]
fn the_credits_of_all_parts_cost_the_price() {
    let mut till = paid_by_card();
    let mut sum = 0;
    for number in 1..=25 {
        if number > 15 {
            break;
        }
        let events = till.ask(staff(), request(number, None, Some(1))).unwrap();
        sum += asked(&events).0;
    }
    // 15 of 25 for 9.99, rounded on the sum.
    assert_eq!(sum, 599);
}

#[test]
fn a_figure_that_makes_no_sense_is_refused_in_its_own_words() {
    let mut till = paid_by_card();
    let both = till.ask(staff(), request(1, Some(usd(1)), Some(1)));
    assert_eq!(both, Err(PaymentRefusal::AmountAndCredits));
    let other = till.ask(staff(), request(1, Some(stars(1)), None));
    let words = other.unwrap_err().to_string();
    assert_eq!(words, "`amount` must be in USD, the currency of the payment");
    for (amount, credits) in [(Some(usd(0)), None), (Some(usd(1000)), None), (None, Some(0))] {
        let refused = till.ask(staff(), request(1, amount, credits));
        assert!(matches!(refused, Err(PaymentRefusal::OutOfRange { .. })), "{refused:?}");
    }
    let mut stars_only = Till::paid();
    let refused = stars_only.ask(staff(), request(1, Some(stars(249)), None));
    assert_eq!(refused, Err(PaymentRefusal::PartImpossible));
    assert!(stars_only.ask(staff(), request(1, Some(stars(250)), None)).is_ok(), "all of it");
    let mut pass = Till::new();
    let product = ProductSold { gives: Gives::Pass(PassPeriod::Week), ..begin().product };
    let provider = PaymentProvider::Stripe;
    let begin = Begin { product, provider, ..begin() };
    pass.ask(customer(ANNA), PaymentCommand::Begin(begin)).unwrap();
    pass.hear(success(CHARGE)).unwrap();
    let credits = pass.ask(staff(), request(1, None, Some(1)));
    assert_eq!(credits, Err(PaymentRefusal::NoCredits));
}

#[test]
fn parts_that_were_made_at_the_provider_are_told_apart_by_its_ids() {
    let mut till = paid_by_card();
    for (reference, is_last) in [("re_a", false), ("re_b", false), ("re_c", true)] {
        let heard = till.hear(refunded(None, 333, reference)).unwrap();
        let [PaymentEvent::Refunded(it)] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(it.refund_id, foreign_refund_id(PAYMENT, reference));
        assert_eq!(it.part, Some(part(None, is_last)));
        assert_eq!(till.hear(refunded(None, 333, reference)).unwrap(), vec![], "once");
    }
    // More than was charged cannot have gone back.
    let heard = till.hear(refunded(None, 1, "re_d")).unwrap();
    assert!(matches!(&heard[..], [PaymentEvent::Contradicted(_)]), "{heard:?}");
}

#[test]
fn a_part_that_failed_can_be_asked_for_again() {
    let mut till = paid_by_card();
    till.ask(staff(), request(1, Some(usd(600)), None)).unwrap();
    till.hear(failed(Some(1), 600, "re_1")).unwrap();
    let rest = till.ask(staff(), request(2, None, None)).unwrap();
    assert_eq!(asked(&rest), (999, None), "it is all of it again");
}

#[test]
fn a_second_refund_at_the_provider_counts_after_the_first_one_failed() {
    let mut till = paid_by_card();
    till.hear(refunded(None, 999, "re_a")).unwrap();
    till.hear(failed(None, 999, "re_a")).unwrap();
    let heard = till.hear(refunded(None, 999, "re_b")).unwrap();
    assert_eq!(asked(&heard), (999, None));
    assert_eq!(till.hear(refunded(None, 999, "re_a")).unwrap(), vec![], "the failure stands");
}
