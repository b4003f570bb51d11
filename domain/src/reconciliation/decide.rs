//! What a command to the work on a difference leads to.

use super::{
    Adjust, Adjusted, Assigned, Explain, Explained, ProposeWriteOff, Reconciliation,
    ReconciliationCommand, ReconciliationEvent, ReconciliationRefusal as No, Reopened, Standing,
    WriteOffProposed, WrittenOff,
};
use crate::{
    Actor, Decider, Issued,
    credit_ledger::{BookAccount, Posting},
};

type Decision = Result<Vec<ReconciliationEvent>, No>;

/// The longest reference, in characters.
const REFERENCE_LENGTH_MAX: usize = 64;
/// The most that one booking may move, in minor units.
const AMOUNT_MINOR_MAX: i64 = 100_000_000_000;

impl Decider for Reconciliation {
    type Order = ReconciliationCommand;
    type Fact = ReconciliationEvent;
    type Reason = No;

    fn decide(&self, issued: Issued<ReconciliationCommand>) -> Decision {
        use ReconciliationCommand as C;
        if !issued.tenant.exists {
            return Err(No::TenantUnknown);
        }
        let by = match issued.actor {
            Actor::Customer { .. } => return Err(No::NotAllowed),
            Actor::Operator { name } | Actor::System { name } => name,
        };
        match issued.command {
            C::Assign(_) => self.assign(by),
            C::Explain(explain) => self.explain(explain),
            C::Adjust(adjust) => self.adjust(adjust),
            C::ProposeWriteOff(propose) => self.propose(propose, by),
            C::ConfirmWriteOff(_) => self.confirm(&by),
            C::Reopen(_) => self.reopen(),
        }
    }

    /// Codes, amounts and the numbers of letters; the rule for `reference` leaves no room for names.
    fn personal_fields(_order: &ReconciliationCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

impl Reconciliation {
    /// Work goes on only while nothing is decided.
    fn check_open(&self) -> Result<(), No> {
        match self.standing {
            Standing::Open | Standing::Assigned => Ok(()),
            Standing::WriteOffProposed => Err(No::WriteOffProposed),
            standing @ (Standing::Explained | Standing::Adjusted | Standing::WrittenOff) => {
                Err(No::Closed { standing })
            }
        }
    }

    fn assign(&self, by: String) -> Decision {
        self.check_open()?;
        if self.assignee.as_ref() == Some(&by) {
            return Ok(vec![]);
        }
        Ok(vec![ReconciliationEvent::Assigned(Assigned { by })])
    }

    fn explain(&self, explain: Explain) -> Decision {
        self.check_open()?;
        let Explain { explanation, reference } = explain;
        check_reference(reference.as_deref())?;
        Ok(vec![ReconciliationEvent::Explained(Explained { explanation, reference })])
    }

    fn adjust(&self, adjust: Adjust) -> Decision {
        self.check_open()?;
        let Adjust { explanation, posting, reference } = adjust;
        check_reference(reference.as_deref())?;
        check_posting(&posting)?;
        check_not_given_up(&posting)?;
        Ok(vec![ReconciliationEvent::Adjusted(Adjusted { explanation, posting, reference })])
    }

    fn propose(&self, propose: ProposeWriteOff, by: String) -> Decision {
        let ProposeWriteOff { posting, reference } = propose;
        // The same once more is a repetition, whatever has become of the answer.
        if self.proposed.as_ref() == Some(&(by.clone(), posting)) {
            return Ok(vec![]);
        }
        self.check_open()?;
        check_reference(reference.as_deref())?;
        check_posting(&posting)?;
        let proposed = WriteOffProposed { by, posting, reference };
        Ok(vec![ReconciliationEvent::WriteOffProposed(proposed)])
    }

    fn confirm(&self, by: &str) -> Decision {
        match (self.standing, &self.proposed) {
            (Standing::WriteOffProposed, Some((proposed_by, _))) if proposed_by == by => {
                Err(No::SecondPersonNeeded)
            }
            (Standing::WriteOffProposed, Some((proposed_by, posting))) => {
                let written = WrittenOff { posting: *posting, proposed_by: proposed_by.clone() };
                Ok(vec![ReconciliationEvent::WrittenOff(written)])
            }
            (Standing::WrittenOff, _) => Ok(vec![]),
            (
                Standing::Open
                | Standing::Assigned
                | Standing::Explained
                | Standing::WriteOffProposed
                | Standing::Adjusted,
                _,
            ) => Err(No::NothingProposed),
        }
    }

    fn reopen(&self) -> Decision {
        match self.standing {
            Standing::Open | Standing::Assigned => Err(No::NotClosed),
            Standing::WriteOffProposed
            | Standing::Explained
            | Standing::Adjusted
            | Standing::WrittenOff => Ok(vec![ReconciliationEvent::Reopened(Reopened {})]),
        }
    }
}

/// The number of a letter or a ticket. Letters alone could be a name, so it has a digit.
fn check_reference(reference: Option<&str>) -> Result<(), No> {
    let Some(text) = reference else { return Ok(()) };
    let fits = (1..=REFERENCE_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_/.#:".contains(&b))
        && text.bytes().any(|b| b.is_ascii_digit());
    if fits {
        return Ok(());
    }
    let expected = "1 to 64 of the characters A-Z, a-z, 0-9 and -_/.#: with a digit among them, such \
                    as TICKET-17";
    Err(No::FieldOutOfRange { field: "reference".to_owned(), expected: expected.to_owned() })
}

/// What is booked as a difference is given up, and that takes two.
fn check_not_given_up(posting: &Posting) -> Result<(), No> {
    let Posting { debit, credit, .. } = posting;
    let at = |account: &BookAccount| *account == BookAccount::Differences;
    let field = match (at(debit), at(credit)) {
        (true, _) => "posting.debit",
        (false, true) => "posting.credit",
        (false, false) => return Ok(()),
    };
    let expected = "an account other than expenses:differences; giving a difference up is proposed by \
                    one person and agreed to by another";
    Err(No::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() })
}

fn check_posting(posting: &Posting) -> Result<(), No> {
    let wrong = |field: &str, expected: &str| No::FieldOutOfRange {
        field: field.to_owned(),
        expected: expected.to_owned(),
    };
    if !(1..=AMOUNT_MINOR_MAX).contains(&posting.amount.amount_minor) {
        return Err(wrong("posting.amount", "from 1 to 100000000000 minor units"));
    }
    let expected = "an account of providers, bank, reserve, fees or differences";
    if !posting.debit.is_adjustable() {
        return Err(wrong("posting.debit", expected));
    }
    if !posting.credit.is_adjustable() || posting.credit == posting.debit {
        return Err(wrong("posting.credit", "another such account than the one that is debited"));
    }
    Ok(())
}
