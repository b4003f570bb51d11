//! What a provider says: twice, late, in any order.

use uuid::Uuid;

use super::{
    Decision, Fact, Payment, PaymentEvent, Sale, check_range, check_reference, check_room,
};
use crate::{
    Money,
    credit_ledger::CorrectionReason,
    payment::{
        Contradicted, DisputeClosed, DisputeOpened, RecordDispute, RecordDisputeClosed,
        RecordSuccess, RefundRequested, Succeeded, SurplusPaid, derived, dispute_id,
    },
};

/// What one charge may have moved, in minor units.
const CHARGED_MINOR: (i64, i64) = (1, i64::MAX);

impl Payment {
    pub(super) fn success(&self, success: RecordSuccess, sale: &Sale, id: Uuid) -> Decision {
        let RecordSuccess { provider_ref, amount } = success;
        check_reference("provider_ref", &provider_ref)?;
        let mut events = match self.charges.contains_key(&provider_ref) {
            // A charge has one amount; what is said of it later only contradicts.
            true => self.contradiction(Fact::Success, (&provider_ref, amount), sale.price)?,
            false => self.new_charge((&provider_ref, amount), sale)?,
        };
        let is_surplus = |event: &PaymentEvent| matches!(event, PaymentEvent::SurplusPaid(_));
        // Money that nobody owed goes back by itself.
        if events.iter().any(is_surplus) {
            let refund_id = derived(id, "surplus", &provider_ref);
            let (reason, surplus) = (CorrectionReason::Mistake, true);
            let request =
                RefundRequested { refund_id, provider_ref, amount, reason, surplus, part: None };
            events.push(PaymentEvent::RefundRequested(request));
        }
        Ok(events)
    }

    /// What a charge means that was not known yet: the purchase is paid, or paid once too often. One
    /// of another amount or currency than was agreed on buys nothing, and is money all the same.
    fn new_charge(&self, (provider_ref, amount): (&str, Money), sale: &Sale) -> Decision {
        if amount == sale.price {
            return self.charge(provider_ref, sale);
        }
        check_range("amount", amount.amount_minor, CHARGED_MINOR)?;
        check_room(self.charges.len(), "charges")?;
        let mut events = self.contradiction(Fact::Success, (provider_ref, amount), sale.price)?;
        let provider_ref = provider_ref.to_owned();
        events.push(PaymentEvent::SurplusPaid(SurplusPaid { provider_ref, amount }));
        Ok(events)
    }

    /// The charge that a fact proves: all of the price, if it was not known yet.
    pub(super) fn charge(&self, provider_ref: &str, sale: &Sale) -> Decision {
        if self.charges.contains_key(provider_ref) {
            return Ok(vec![]);
        }
        check_room(self.charges.len(), "charges")?;
        let provider_ref = provider_ref.to_owned();
        let event = if self.paid_by().is_none() {
            PaymentEvent::Succeeded(Succeeded {
                provider_ref,
                account_id: sale.account_id,
                product: sale.product,
                price: sale.price,
                provider: sale.provider,
            })
        } else {
            PaymentEvent::SurplusPaid(SurplusPaid { provider_ref, amount: sale.price })
        };
        Ok(vec![event])
    }

    pub(super) fn dispute(&self, dispute: RecordDispute, sale: &Sale, id: Uuid) -> Decision {
        let RecordDispute { dispute_ref, provider_ref, amount } = dispute;
        self.open_dispute((dispute_ref, provider_ref, amount), Fact::Dispute, (sale, id))
    }

    fn open_dispute(
        &self,
        (dispute_ref, provider_ref, amount): (String, String, Money),
        fact: Fact,
        (sale, id): (&Sale, Uuid),
    ) -> Decision {
        check_reference("dispute_ref", &dispute_ref)?;
        check_reference("provider_ref", &provider_ref)?;
        // A part of the price may be contested; the ledger closes the purchase as a whole.
        let charged = self.charged(&provider_ref, sale);
        if amount.currency != charged.currency {
            return self.contradiction(fact, (&provider_ref, amount), charged);
        }
        check_range("amount", amount.amount_minor, (1, charged.amount_minor))?;
        let dispute_id = dispute_id(id, &dispute_ref);
        if self.disputes.iter().any(|known| known.dispute_id == dispute_id) {
            return Ok(vec![]);
        }
        let mut events = self.charge(&provider_ref, sale)?;
        check_room(self.disputes.len(), "disputes")?;
        let surplus = self.is_surplus(&provider_ref);
        let opened = DisputeOpened { dispute_id, dispute_ref, provider_ref, amount, surplus };
        events.push(PaymentEvent::DisputeOpened(opened));
        Ok(events)
    }

    /// Its first outcome stands; an end proves a beginning.
    pub(super) fn dispute_closed(
        &self,
        closed: RecordDisputeClosed,
        sale: &Sale,
        id: Uuid,
    ) -> Decision {
        let RecordDisputeClosed { dispute_ref, provider_ref, amount, outcome } = closed;
        let (dispute_id, surplus) = (dispute_id(id, &dispute_ref), self.is_surplus(&provider_ref));
        let known = self.disputes.iter().find(|known| known.dispute_id == dispute_id);
        if known.is_some_and(|known| known.outcome.is_some()) {
            return Ok(vec![]);
        }
        let named = (dispute_ref, provider_ref, amount);
        let mut events = self.open_dispute(named, Fact::DisputeClosed, (sale, id))?;
        let contradicted =
            events.iter().any(|event| matches!(event, PaymentEvent::Contradicted(_)));
        if known.is_some() || (!events.is_empty() && !contradicted) {
            let event = DisputeClosed { dispute_id, outcome, surplus };
            events.push(PaymentEvent::DisputeClosed(event));
        }
        Ok(events)
    }

    /// A fact with another amount or currency than there can be: recorded once.
    pub(super) fn contradiction(
        &self,
        fact: Fact,
        (provider_ref, found): (&str, Money),
        expected: Money,
    ) -> Decision {
        let field = if found.currency != expected.currency {
            "currency"
        } else if found.amount_minor != expected.amount_minor {
            "amount"
        } else {
            return Ok(vec![]);
        };
        let mut known = self.contradictions.iter();
        if known.any(|(of, reference)| *of == fact && reference == provider_ref) {
            return Ok(vec![]);
        }
        check_room(self.contradictions.len(), "contradictions")?;
        Ok(vec![PaymentEvent::Contradicted(Contradicted {
            fact,
            provider_ref: provider_ref.to_owned(),
            field: field.to_owned(),
            expected,
            found,
        })])
    }
}
