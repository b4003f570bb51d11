//! Fiscal receipts: kept beside what they are of, in any order, and without any other effect.

use super::*;

fn receipt(of: ReceiptOf, provider_ref: &str, standing: ReceiptStanding) -> PaymentCommand {
    let provider_ref = provider_ref.to_owned();
    PaymentCommand::RecordReceipt(RecordReceipt { of, provider_ref, standing })
}

fn of_charge(standing: ReceiptStanding) -> PaymentCommand {
    receipt(ReceiptOf::Charge, CHARGE, standing)
}

#[test]
fn a_receipt_is_requested_registered_and_said_once() {
    let mut till = Till::paid();
    let (of, provider_ref) = (ReceiptOf::Charge, CHARGE.to_owned());
    let requested = till.hear(of_charge(ReceiptStanding::Requested)).unwrap();
    let event = ReceiptRequested { of, provider_ref: provider_ref.clone() };
    assert_eq!(requested, vec![PaymentEvent::ReceiptRequested(event)]);
    assert_eq!(till.hear(of_charge(ReceiptStanding::Requested)).unwrap(), vec![]);
    let registered = till.hear(of_charge(ReceiptStanding::Registered)).unwrap();
    let event = ReceiptRegistered { of, provider_ref };
    assert_eq!(registered, vec![PaymentEvent::ReceiptRegistered(event)]);
    for late in [ReceiptStanding::Requested, ReceiptStanding::Failed, ReceiptStanding::Registered] {
        assert_eq!(till.hear(of_charge(late)).unwrap(), vec![], "{late:?}");
    }
}

#[test]
fn a_receipt_that_failed_can_still_be_registered() {
    let mut till = Till::paid();
    let failed = till.hear(of_charge(ReceiptStanding::Failed)).unwrap();
    assert!(matches!(failed[..], [PaymentEvent::ReceiptFailed(_)]), "{failed:?}");
    assert_eq!(till.hear(of_charge(ReceiptStanding::Requested)).unwrap(), vec![]);
    let registered = till.hear(of_charge(ReceiptStanding::Registered)).unwrap();
    assert!(matches!(registered[..], [PaymentEvent::ReceiptRegistered(_)]), "{registered:?}");
}

#[test]
fn receipts_of_a_charge_and_of_its_refund_are_told_apart_and_prove_no_money() {
    let mut till = Till::begun();
    till.hear(of_charge(ReceiptStanding::Registered)).unwrap();
    let other = till.hear(receipt(ReceiptOf::Refund, CHARGE, ReceiptStanding::Registered)).unwrap();
    assert_eq!(other.len(), 1);
    assert_eq!(till.payment.standing, Standing::Intent);
    assert!(till.payment.charges.is_empty());
}

#[test]
fn a_receipt_without_a_purchase_a_name_or_room_is_refused() {
    let registered = || of_charge(ReceiptStanding::Registered);
    assert_eq!(Till::new().hear(registered()), Err(PaymentRefusal::PaymentUnknown));
    assert_eq!(Till::paid().ask(staff(), registered()), Err(PaymentRefusal::NotAllowed));
    let refused = Till::paid().hear(receipt(ReceiptOf::Charge, "чек", ReceiptStanding::Failed));
    assert!(refused.unwrap_err().to_string().contains("`provider_ref`"));
    let mut till = Till::paid();
    for number in 0..16 {
        let of = receipt(ReceiptOf::Charge, &format!("c{number}"), ReceiptStanding::Requested);
        till.hear(of).unwrap();
    }
    let refused = till.hear(registered());
    assert_eq!(refused, Err(PaymentRefusal::TooMany { what: "receipts".to_owned(), max: 16 }));
}
