//! What a command to a tenant's months leads to.

use super::{
    AccountingPeriodCommand, AccountingPeriodEvent, AccountingPeriodRefusal as No,
    AccountingPeriods, ApproveReopen, DeclineReopen, Month, ReopenDeclined, ReopenRequested,
    Reopened, RequestReopen,
};
use crate::{Actor, Decider, Issued};

pub(super) type Decision = Result<Vec<AccountingPeriodEvent>, No>;

/// The longest reference, in characters.
const REFERENCE_LENGTH_MAX: usize = 64;

impl Decider for AccountingPeriods {
    type Order = AccountingPeriodCommand;
    type Fact = AccountingPeriodEvent;
    type Reason = No;

    fn decide(&self, issued: Issued<AccountingPeriodCommand>) -> Decision {
        use AccountingPeriodCommand as C;
        if !issued.tenant.exists {
            return Err(No::TenantUnknown);
        }
        let by = match &issued.actor {
            Actor::Customer { .. } => return Err(No::NotAllowed),
            Actor::Operator { name } | Actor::System { name } => name.clone(),
        };
        match issued.command {
            C::Close(close) => self.close(*close, by, (issued.at, &issued.tenant)),
            C::RequestReopen(request) => self.request(request, by),
            C::ApproveReopen(approve) => self.approve(approve, by),
            C::DeclineReopen(decline) => self.decline(&decline, by),
        }
    }

    /// Codes, sums and the numbers of letters; the rule for `reference` leaves no room for names.
    fn personal_fields(_order: &AccountingPeriodCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

impl AccountingPeriods {
    /// Only the last closed month can be opened again.
    fn check_last(&self, month: Month) -> Result<(), No> {
        match self.last() {
            Some(last) if last.month == month => Ok(()),
            Some(last) if self.closed.iter().any(|closed| closed.month == month) => {
                Err(No::LaterClosed { last: last.month })
            }
            _ => Err(No::NotClosed { month }),
        }
    }

    fn request(&self, request: RequestReopen, by: String) -> Decision {
        let RequestReopen { month, reason, reference } = request;
        self.check_last(month)?;
        check_reference("reference", reference.as_deref())?;
        match &self.reopen_requested_by {
            // The same once more is a repetition, whatever has become of the answer.
            Some(known) if *known == by => Ok(vec![]),
            Some(_) => Err(No::ReopenRequested { month }),
            None => {
                let requested = ReopenRequested { month, by, reason, reference };
                Ok(vec![AccountingPeriodEvent::ReopenRequested(requested)])
            }
        }
    }

    fn approve(&self, approve: ApproveReopen, by: String) -> Decision {
        let ApproveReopen { month, reason, reference } = approve;
        self.check_last(month)?;
        check_reference("reference", reference.as_deref())?;
        let requested_by = self.reopen_requested_by.clone().ok_or(No::NothingRequested)?;
        if requested_by == by {
            return Err(No::SecondPersonNeeded);
        }
        let reopened = Reopened { month, by, requested_by, reason, reference };
        Ok(vec![AccountingPeriodEvent::Reopened(reopened)])
    }

    fn decline(&self, decline: &DeclineReopen, by: String) -> Decision {
        let month = decline.month;
        self.check_last(month)?;
        if self.reopen_requested_by.is_none() {
            return Err(No::NothingRequested);
        }
        Ok(vec![AccountingPeriodEvent::ReopenDeclined(ReopenDeclined { month, by })])
    }
}

/// The number of a letter or a ticket. Letters alone could be a name, so it has a digit.
pub(super) fn check_reference(field: &str, reference: Option<&str>) -> Result<(), No> {
    let Some(text) = reference else { return Ok(()) };
    let fits = (1..=REFERENCE_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.#:".contains(&b))
        && text.bytes().any(|b| b.is_ascii_digit());
    if fits {
        return Ok(());
    }
    let expected = "1 to 64 of the characters A-Z, a-z, 0-9 and -_/.#: with a digit among them, such \
                    as TICKET-17";
    Err(No::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() })
}
