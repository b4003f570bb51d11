//! The command behind some bookings.

use super::Booked;
use crate::credit_ledger::{
    Adjust, CaptureHold, ClaimTutorialBonus, CloseDispute, CreditLedgerCommand, CreditLedgerEvent,
    Grant, GrantPass, GrantSource, Granted, Hold, Open, OpenDispute, RefundGrant, RefundPart,
    RefundPass, ReleaseCause, ReleaseHold, Reset, ReturnRefund, ReverseSpend, RevokeGrant,
    SettleDue, Spend, WriteOffDebt,
};

/// Reads the command back from its bookings. What is due, what follows from a purchase and a
/// warning belong to whatever command they stand with; alone, what is due is a command of its own.
pub(super) fn command_of(booked: &[Booked]) -> CreditLedgerCommand {
    // A reset takes back and gives again before and after it says what it is.
    let resets = |booked: &Booked| matches!(booked.event, CreditLedgerEvent::ResetBegun(_));
    if booked.iter().any(resets) {
        return CreditLedgerCommand::Reset(Reset {});
    }
    // The first adjustment opens the ledger of the house.
    let adjusts = |booked: &&Booked| matches!(booked.event, CreditLedgerEvent::Adjusted(_));
    if let Some(command) = booked.iter().find(adjusts).and_then(|it| asked_by(&it.event)) {
        return command;
    }
    let asked = booked.iter().find_map(|booked| asked_by(&booked.event));
    asked.unwrap_or(CreditLedgerCommand::SettleDue(SettleDue {}))
}

/// The command that an event answers by itself.
fn asked_by(event: &CreditLedgerEvent) -> Option<CreditLedgerCommand> {
    use CreditLedgerCommand as C;
    use CreditLedgerEvent as E;
    Some(match event {
        E::Opened(it) => C::Open(Open { account_id: it.account_id }),
        E::Granted(it) => granted(it),
        E::PassGranted(it) => {
            C::GrantPass(GrantPass { pass_id: it.pass_id, period: it.period, payment: it.payment })
        }
        E::Spent(it) => C::Spend(Spend { spend_id: it.spend_id, messages: it.messages }),
        E::Held(it) => C::Hold(Hold { hold_id: it.hold_id, messages: it.messages }),
        E::HoldCaptured(it) => {
            C::CaptureHold(CaptureHold { hold_id: it.hold_id, credits: Some(it.credits) })
        }
        E::HoldReleased(it) => match it.cause {
            ReleaseCause::Released => C::ReleaseHold(ReleaseHold { hold_id: it.hold_id }),
            ReleaseCause::TimedOut | ReleaseCause::DisputeLost => return None,
        },
        E::SpendReversed(it) => C::ReverseSpend(ReverseSpend {
            reversal_id: it.reversal_id,
            spend_id: it.spend_id,
            credits: Some(it.credits),
            reason: it.reason,
        }),
        E::GrantRefunded(it) => C::RefundGrant(RefundGrant {
            refund_id: it.refund_id,
            grant_id: it.slice.grant_id,
            credits: Some(it.slice.credits),
            reason: it.reason,
        }),
        E::PartRefunded(it) => C::RefundPart(RefundPart {
            refund_id: it.refund_id,
            grant_id: it.slice.grant_id,
            amount: it.amount,
            credits: Some(it.slice.credits),
            is_last: it.is_last,
            reason: it.reason,
        }),
        E::RefundReturned(it) => C::ReturnRefund(ReturnRefund { refund_id: it.refund_id }),
        E::GrantRevoked(it) => {
            C::RevokeGrant(RevokeGrant { grant_id: it.slice.grant_id, reason: it.reason })
        }
        E::DisputeOpened(it) => C::OpenDispute(OpenDispute {
            dispute_id: it.dispute_id,
            grant_id: it.grant_id,
            amount: it.amount,
        }),
        E::DisputeClosed(it) => {
            C::CloseDispute(CloseDispute { dispute_id: it.dispute_id, outcome: it.outcome })
        }
        E::DebtWrittenOff(it) => C::WriteOffDebt(WriteOffDebt { reason: it.reason }),
        // What is left of its price is computed anew, not believed.
        E::PassRefunded(it) => {
            C::RefundPass(RefundPass { pass_id: it.pass_id, reason: it.reason, value: None })
        }
        E::Adjusted(it) => C::Adjust(Adjust {
            adjustment_id: it.adjustment_id,
            cause: it.cause,
            about: it.about,
            effective_at: it.effective_at,
            postings: it.postings.clone(),
        }),
        E::ResetBegun(_) => C::Reset(Reset {}),
        E::GrantExpired(_) | E::PassRecognised(_) | E::DebtCovered(_) | E::Low(_) => return None,
    })
}

fn granted(granted: &Granted) -> CreditLedgerCommand {
    let Granted { grant_id, source, credits, payment, expires_at, priority, .. } = *granted;
    match source {
        GrantSource::Tutorial => CreditLedgerCommand::ClaimTutorialBonus(ClaimTutorialBonus {}),
        GrantSource::Purchase | GrantSource::Gift | GrantSource::Promo | GrantSource::Welcome => {
            let priority = Some(priority);
            let grant = Grant { grant_id, source, credits, payment, expires_at, priority };
            CreditLedgerCommand::Grant(grant)
        }
    }
}

/// What a command is called on the wire.
pub(super) fn name(command: &CreditLedgerCommand) -> &'static str {
    use CreditLedgerCommand as C;
    match command {
        C::Open(_) => "open",
        C::Grant(_) => "grant",
        C::ClaimTutorialBonus(_) => "claim_tutorial_bonus",
        C::GrantPass(_) => "grant_pass",
        C::Spend(_) => "spend",
        C::Hold(_) => "hold",
        C::CaptureHold(_) => "capture_hold",
        C::ReleaseHold(_) => "release_hold",
        C::ReverseSpend(_) => "reverse_spend",
        C::RefundGrant(_) => "refund_grant",
        C::RefundPass(_) => "refund_pass",
        C::RefundPart(_) => "refund_part",
        C::ReturnRefund(_) => "return_refund",
        C::RevokeGrant(_) => "revoke_grant",
        C::OpenDispute(_) => "open_dispute",
        C::CloseDispute(_) => "close_dispute",
        C::WriteOffDebt(_) => "write_off_debt",
        C::Adjust(_) => "adjust",
        C::Reset(_) => "reset",
        C::SettleDue(_) => "settle_due",
    }
}
