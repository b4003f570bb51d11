//! What went back of a purchase leaves the ledger, and comes back when the provider did not pay.

use chrono::Duration;
use kontor_domain::{
    Recorded,
    credit_ledger::{
        CorrectionReason, CreditLedgerCommand, DisputeOutcome, OpenDispute, RefundGrant,
        RefundPart, RefundPass, ReturnRefund,
    },
    payment::{Part, grant_id},
    product::Gives,
};
use uuid::Uuid;

use super::{Dispute, PartBack, Purchase, cancel, key};
use crate::policy::{Order, PolicyError};

/// How long a refund as a whole has to be booked before the purchase is closed as lost instead.
const CLOSE_AFTER_SECONDS: i64 = 2;

impl Purchase {
    /// Refunds the purchase as a whole, or a part of it. When the rest of the price is gone with it and the ledger has not booked that in a moment, it was not
    /// as it was bought any more: then it is closed as lost.
    pub(super) fn take_back(
        &mut self,
        id: Uuid,
        refund_id: Uuid,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        let refund = self.refunds.get(&refund_id).copied().unwrap_or_default();
        let Some(sale) = self.sale.filter(|_| self.granted && refund.paid && !refund.failed) else {
            return Ok(vec![]);
        };
        let (reason, grant_id) = (CorrectionReason::CustomerAsked, grant_id(id));
        let amount = refund.part.map_or(sale.price, |part| part.amount);
        let command = match (refund.part, sale.gives) {
            (Some(PartBack { amount, part: Part { credits, is_last } }), _) => {
                let (part, is_part) = (
                    RefundPart { refund_id, grant_id, amount, credits, is_last, reason },
                    !is_last,
                );
                let command = CreditLedgerCommand::RefundPart(part);
                if is_part {
                    return Ok(vec![sale.ask(&command)?]);
                }
                command
            }
            (None, Gives::Credits(credits)) => CreditLedgerCommand::RefundGrant(RefundGrant {
                refund_id,
                grant_id,
                credits: Some(credits),
                reason,
            }),
            (None, Gives::Pass(_)) => {
                let value = Some(sale.price);
                CreditLedgerCommand::RefundPass(RefundPass { pass_id: grant_id, reason, value })
            }
        };
        let lost = Some(DisputeOutcome::Lost);
        let dispute = Dispute { amount, outcome: lost, booked: false };
        self.remember(refund_id, dispute);
        let close = OpenDispute { dispute_id: refund_id, grant_id, amount };
        let close = CreditLedgerCommand::OpenDispute(close);
        let due_at = event.recorded_at + Duration::seconds(CLOSE_AFTER_SECONDS);
        let directive = sale.directive(&close)?;
        let close = Order::Schedule { key: key("close", id, refund_id), due_at, directive };
        Ok(vec![sale.ask(&command)?, close])
    }

    pub(super) fn refund_booked(
        &mut self,
        id: Uuid,
        refund_id: Uuid,
    ) -> Result<Vec<Order>, PolicyError> {
        let Some(refund) = self.refunds.get_mut(&refund_id) else { return Ok(vec![]) };
        refund.booked = true;
        let mut orders = vec![cancel("close", id, refund_id)];
        orders.extend(self.give_back(id, refund_id)?);
        Ok(orders)
    }

    /// Gives back what was taken for a refund that came to nothing.
    pub(super) fn give_back(&self, id: Uuid, refund_id: Uuid) -> Result<Vec<Order>, PolicyError> {
        let refund = self.refunds.get(&refund_id).copied().unwrap_or_default();
        let Some(sale) = self.sale.filter(|_| refund.paid && refund.failed) else {
            return Ok(vec![]);
        };
        if !refund.booked {
            return Ok(vec![cancel("close", id, refund_id)]);
        }
        let command = CreditLedgerCommand::ReturnRefund(ReturnRefund { refund_id });
        Ok(vec![sale.ask(&command)?])
    }
}
