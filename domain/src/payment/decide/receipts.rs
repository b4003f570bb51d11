//! What a provider says of fiscal receipts: twice, late, in any order, as of charges.

use super::{Decision, Payment, PaymentEvent, check_reference, check_room};
use crate::payment::{
    ReceiptFailed, ReceiptRegistered, ReceiptRequested, ReceiptStanding, RecordReceipt,
};

impl Payment {
    /// A receipt moves no money and proves none: it is kept beside the charge, so that an accountant
    /// sees which is missing.
    pub(super) fn receipt(&self, receipt: RecordReceipt) -> Decision {
        let RecordReceipt { of, provider_ref, standing } = receipt;
        check_reference("provider_ref", &provider_ref)?;
        match self.receipt_of(of, &provider_ref) {
            Some(known) if known.standing >= standing => return Ok(vec![]),
            Some(_) => {}
            None => check_room(self.receipts.len(), "receipts")?,
        }
        Ok(vec![match standing {
            ReceiptStanding::Requested => {
                PaymentEvent::ReceiptRequested(ReceiptRequested { of, provider_ref })
            }
            ReceiptStanding::Failed => {
                PaymentEvent::ReceiptFailed(ReceiptFailed { of, provider_ref })
            }
            ReceiptStanding::Registered => {
                PaymentEvent::ReceiptRegistered(ReceiptRegistered { of, provider_ref })
            }
        }])
    }
}
