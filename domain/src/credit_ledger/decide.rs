//! What a command to a credit ledger leads to.

mod adjust;
mod corrections;
mod disputes;
mod draft;
mod due;
mod grants;
mod low;
mod parts;
mod reset;
mod spends;

use self::draft::Draft;
use super::{CreditLedger, CreditLedgerCommand, CreditLedgerEvent, CreditLedgerRefusal};
use crate::{Actor, Decider, Issued};

type Decision = Result<Vec<CreditLedgerEvent>, CreditLedgerRefusal>;

/// What was decided, and the ledger with it.
pub(super) type Decided =
    Result<Option<(Vec<CreditLedgerEvent>, CreditLedger)>, CreditLedgerRefusal>;

/// What carrying out one command adds to a draft. An addition of nothing means that everything
/// asked for already holds.
type Added = Result<(), CreditLedgerRefusal>;

impl Decider for CreditLedger {
    type Order = CreditLedgerCommand;
    type Fact = CreditLedgerEvent;
    type Reason = CreditLedgerRefusal;

    fn decide(&self, issued: Issued<CreditLedgerCommand>) -> Decision {
        let draft = Draft::of(self.clone(), &issued)?;
        Ok(draft.map_or_else(Vec::new, |draft| draft.into_parts().0))
    }
}

impl CreditLedger {
    /// Decides, and gives the ledger back with what was decided in it; none when everything asked
    /// for already holds. For a replay, which has no use for the ledger as it was before.
    pub(super) fn decided(self, issued: &Issued<CreditLedgerCommand>) -> Decided {
        Ok(Draft::of(self, issued)?.map(Draft::into_parts))
    }
}

impl CreditLedger {
    fn check_actor(&self, issued: &Issued<CreditLedgerCommand>) -> Added {
        use CreditLedgerCommand as C;
        let Actor::Customer { account_id } = issued.actor else { return Ok(()) };
        let own = match &issued.command {
            C::Open(open) => Some(open.account_id),
            C::ClaimTutorialBonus(_) | C::Spend(_) | C::Reset(_) => self.account_id,
            C::Grant(_)
            | C::GrantPass(_)
            | C::Hold(_)
            | C::CaptureHold(_)
            | C::ReleaseHold(_)
            | C::ReverseSpend(_)
            | C::RefundGrant(_)
            | C::RefundPass(_)
            | C::RefundPart(_)
            | C::ReturnRefund(_)
            | C::RevokeGrant(_)
            | C::OpenDispute(_)
            | C::CloseDispute(_)
            | C::WriteOffDebt(_)
            | C::Adjust(_)
            | C::SettleDue(_) => return Err(CreditLedgerRefusal::NotAllowed),
        };
        match own {
            Some(own) if own != account_id => Err(CreditLedgerRefusal::NotAllowed),
            Some(_) | None => Ok(()),
        }
    }
}

impl<'a> Draft<'a> {
    /// The draft of a whole decision; none when everything asked for already holds.
    fn of(
        ledger: CreditLedger,
        issued: &'a Issued<CreditLedgerCommand>,
    ) -> Result<Option<Self>, CreditLedgerRefusal> {
        if !issued.tenant.exists {
            return Err(CreditLedgerRefusal::TenantUnknown);
        }
        ledger.check_actor(issued)?;
        if let Some(broken) = &ledger.broken {
            let (number, reason) = (broken.number, broken.defect.clone());
            return Err(CreditLedgerRefusal::BooksBroken { number, reason });
        }
        let mut draft = Self::new(ledger, issued)?;
        // What is due is booked before anything else, so that no decision meets old credits.
        draft.settle()?;
        let settled = draft.len();
        draft.carry_out(issued.command.clone())?;
        let is_settling = matches!(issued.command, CreditLedgerCommand::SettleDue(_));
        if draft.len() == settled && !is_settling {
            return Ok(None);
        }
        // What came back to a grant whose time is over expires at once.
        draft.settle()?;
        draft.warn()?;
        Ok(Some(draft))
    }

    fn carry_out(&mut self, command: CreditLedgerCommand) -> Added {
        use CreditLedgerCommand as C;
        if let C::Open(open) = command {
            return self.open(&open);
        }
        if let C::Adjust(adjust) = command {
            return self.adjust(adjust);
        }
        if self.ledger().account_id.is_none() {
            return Err(CreditLedgerRefusal::LedgerUnknown);
        }
        match command {
            C::Open(_) | C::Adjust(_) | C::SettleDue(_) => Ok(()),
            C::Grant(grant) => self.grant(&grant),
            C::ClaimTutorialBonus(_) => self.reward_tutorial(),
            C::GrantPass(grant) => self.grant_pass(&grant),
            C::Spend(spend) => self.spend(&spend),
            C::Hold(hold) => self.hold(&hold),
            C::CaptureHold(capture) => self.capture(&capture),
            C::ReleaseHold(release) => self.release(&release),
            C::ReverseSpend(reverse) => self.reverse(&reverse),
            C::RefundGrant(refund) => self.refund(&refund),
            C::RefundPass(refund) => self.refund_pass(&refund),
            C::RefundPart(part) => self.refund_part(&part),
            C::ReturnRefund(returned) => self.return_refund(&returned),
            C::RevokeGrant(revoke) => self.revoke(&revoke),
            C::OpenDispute(open) => self.open_dispute(&open),
            C::CloseDispute(close) => self.close_dispute(&close),
            C::WriteOffDebt(write_off) => self.write_off(&write_off),
            C::Reset(_) => self.reset(),
        }
    }
}
