//! What a command to a payment leads to.

mod facts;
mod offers;
mod receipts;
mod refunds;

use super::{
    Fact, Payment, PaymentCommand, PaymentEvent, PaymentRefusal as No, Standing, state::Sale,
};
use crate::{Actor, Decider, Issued};

type Decision = Result<Vec<PaymentEvent>, No>;

/// How many charges, refunds, disputes and contradictions a payment may have: far more than the worst
/// provider makes of one purchase.
const PARTS_MAX: usize = 16;
/// The longest reference of a provider, in bytes.
const REFERENCE_BYTES_MAX: usize = 255;
/// The longest code that says why a provider refused something, in bytes.
const REASON_BYTES_MAX: usize = 64;

impl Decider for Payment {
    type Order = PaymentCommand;
    type Fact = PaymentEvent;
    type Reason = No;

    fn decide(&self, issued: Issued<PaymentCommand>) -> Decision {
        use PaymentCommand as C;
        if !issued.tenant.exists {
            return Err(No::TenantUnknown);
        }
        check_actor(&issued)?;
        if let C::Begin(begin) = &issued.command {
            return self.begin(begin, &issued);
        }
        let Some(sale) = &self.sale else { return Err(No::PaymentUnknown) };
        let (id, at) = (issued.id, issued.at);
        match issued.command {
            C::Begin(_) => Ok(vec![]),
            C::CheckOut(check_out) => self.check_out(&check_out, sale, at),
            C::RecordPending(pending) => self.pending(pending),
            C::RecordSuccess(success) => self.success(success, sale, id),
            C::RecordFailure(failure) => self.failure(failure),
            C::RecordUnknown(_) => Ok(self.unknown()),
            C::Expire(_) => Ok(self.expire(sale, at)),
            C::RequestRefund(request) => self.request_refund(&request, sale),
            C::RecordRefund(refund) => self.refund(refund, sale, id),
            C::RecordRefundFailure(failure) => self.refund_failure(failure, sale, id),
            C::RecordDispute(dispute) => self.dispute(dispute, sale, id),
            C::RecordDisputeClosed(closed) => self.dispute_closed(closed, sale, id),
            C::RecordReceipt(receipt) => self.receipt(receipt),
        }
    }

    /// The ids of providers name charges, not people, and nothing else here could.
    fn personal_fields(_order: &PaymentCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

/// What a provider says is recorded by Kontor itself, which has heard it: nobody with a key can say
/// that something was paid.
fn check_actor(issued: &Issued<PaymentCommand>) -> Result<(), No> {
    use PaymentCommand as C;
    let allowed = match (&issued.actor, &issued.command) {
        (Actor::System { .. }, _) => true,
        (Actor::Customer { account_id }, C::Begin(begin)) => begin.account_id == *account_id,
        (Actor::Operator { .. }, C::RequestRefund(_)) => true,
        (
            Actor::Customer { .. } | Actor::Operator { .. },
            C::Begin(_)
            | C::CheckOut(_)
            | C::RecordPending(_)
            | C::RecordSuccess(_)
            | C::RecordFailure(_)
            | C::RecordUnknown(_)
            | C::Expire(_)
            | C::RequestRefund(_)
            | C::RecordRefund(_)
            | C::RecordRefundFailure(_)
            | C::RecordDispute(_)
            | C::RecordDisputeClosed(_)
            | C::RecordReceipt(_),
        ) => false,
    };
    if allowed { Ok(()) } else { Err(No::NotAllowed) }
}

fn check_range(field: &str, value: i64, (min, max): (i64, i64)) -> Result<(), No> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(No::OutOfRange { field: field.to_owned(), min, max })
}

/// A provider's id: printable, so that it can be compared, sent and shown.
fn check_reference(field: &str, text: &str) -> Result<(), No> {
    if (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    {
        return Ok(());
    }
    let expected = "1 to 255 visible ASCII characters, as the provider wrote it".to_owned();
    Err(No::Malformed { field: field.to_owned(), expected })
}

/// A code, not a text: the log stays for ever, so it must not be able to name a person.
fn check_reason(text: &str) -> Result<(), No> {
    let is_code = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=REASON_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_code) {
        return Ok(());
    }
    let expected = "a code of 1 to 64 characters of a-z, 0-9 and `_`".to_owned();
    Err(No::Malformed { field: "reason".to_owned(), expected })
}

fn check_room(length: usize, what: &str) -> Result<(), No> {
    if length < PARTS_MAX {
        return Ok(());
    }
    let max = i64::try_from(PARTS_MAX).unwrap_or(i64::MAX);
    Err(No::TooMany { what: what.to_owned(), max })
}
