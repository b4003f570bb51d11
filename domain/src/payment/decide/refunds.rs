//! What goes back: asked for by the staff, and as the provider says it, in parts or as a whole.

use uuid::Uuid;

use super::{
    Decision, Fact, No, Payment, Sale, check_range, check_reason, check_reference, check_room,
};
use crate::{
    Money,
    credit_ledger::{DisputeOutcome, PaymentProvider},
    payment::{
        Part, PaymentEvent, RecordRefund, RecordRefundFailure, RefundFailed, RefundRequested,
        RefundStanding, Refunded, RequestRefund, foreign_refund_id,
    },
    product::Gives,
};

/// Which refund a provider speaks of.
struct Named<'a> {
    refund_id: Option<Uuid>,
    refund_ref: Option<&'a str>,
    provider_ref: &'a str,
    amount: Money,
}

impl Payment {
    pub(super) fn request_refund(&self, request: &RequestRefund, sale: &Sale) -> Decision {
        let RequestRefund { refund_id, reason, amount, credits } = *request;
        if amount.is_some() && credits.is_some() {
            return Err(No::AmountAndCredits);
        }
        if let Some(known) = self.refunds.get(&refund_id) {
            return match known.standing {
                _ if amount.is_some_and(|amount| amount != known.amount) => {
                    Err(No::OtherRefund { refund_id, amount: known.amount })
                }
                RefundStanding::Requested | RefundStanding::Refunded => Ok(vec![]),
                RefundStanding::Failed => Err(No::RefundOver { refund_id }),
            };
        }
        let Some(provider_ref) = self.paid_by().map(str::to_owned) else { return Err(No::NotPaid) };
        let left = self.left(&provider_ref, sale)?;
        // Money that the provider holds back, or gave to the payer, is not there to be paid back.
        let lost = |outcome| outcome != Some(DisputeOutcome::Won);
        let mut disputes = self.disputes.iter();
        if disputes.any(|one| one.provider_ref == provider_ref && lost(one.outcome)) {
            return Err(No::Disputed);
        }
        check_room(self.refunds.len(), "refunds")?;
        let amount = match (amount, credits) {
            (Some(amount), _) => amount,
            (None, Some(credits)) => self.price_of(credits, &provider_ref, sale)?,
            (None, None) => left,
        };
        if amount.currency != left.currency {
            let expected = format!("in {}, the currency of the payment", left.currency.code());
            return Err(No::Malformed { field: "amount".to_owned(), expected });
        }
        check_range("amount", amount.amount_minor, (1, left.amount_minor))?;
        let part = (amount != sale.price)
            .then_some(Part { credits, is_last: amount.amount_minor == left.amount_minor });
        if part.is_some() && sale.provider == PaymentProvider::TelegramStars {
            return Err(No::PartImpossible);
        }
        let surplus = false;
        let event = RefundRequested { refund_id, provider_ref, amount, reason, surplus, part };
        Ok(vec![PaymentEvent::RefundRequested(event)])
    }

    /// What of a charge was neither paid back nor asked back.
    fn left(&self, provider_ref: &str, sale: &Sale) -> Result<Money, No> {
        let charged = self.charged(provider_ref, sale);
        let gone = self.refunds_of(provider_ref);
        let gone =
            gone.fold(0_i64, |sum, (_, refund)| sum.saturating_add(refund.amount.amount_minor));
        let left = charged.amount_minor.saturating_sub(gone);
        if left > 0 {
            return Ok(Money::new(left, charged.currency));
        }
        let refunds: Vec<_> = self.refunds_of(provider_ref).collect();
        let open = refunds.iter().find(|(_, one)| one.standing == RefundStanding::Requested);
        Err(match (open, refunds.first()) {
            (Some((refund_id, _)), _) => No::RefundUnderWay { refund_id: *refund_id },
            (None, Some((refund_id, _))) => No::AlreadyRefunded { refund_id: *refund_id },
            (None, None) => No::NotPaid,
        })
    }

    /// The price of some of the credits, rounded on the sum of all that were asked back, so that the
    /// prices of all of them are the price.
    fn price_of(&self, credits: i64, provider_ref: &str, sale: &Sale) -> Result<Money, No> {
        let Gives::Credits(sold) = sale.product.gives else { return Err(No::NoCredits) };
        let before = self.refunds_of(provider_ref);
        let before = before.filter_map(|(_, refund)| refund.part?.credits);
        let before = before.fold(0_i64, i64::saturating_add);
        check_range("credits", credits, (1, sold.saturating_sub(before)))?;
        let share = |credits: i64| {
            let price = i128::from(sale.price.amount_minor);
            let doubled = price.saturating_mul(i128::from(credits)).saturating_mul(2);
            let whole = i128::from(sold.max(1));
            let rounded = doubled.saturating_add(whole) / whole.saturating_mul(2);
            i64::try_from(rounded).unwrap_or(i64::MAX)
        };
        let minor = share(before.saturating_add(credits)).saturating_sub(share(before));
        if minor == 0 {
            // So many credits of this price are worth less than the smallest coin.
            return Err(No::OutOfRange { field: "credits".to_owned(), min: 1, max: sold });
        }
        Ok(Money::new(minor, sale.price.currency))
    }

    pub(super) fn refund(&self, refund: RecordRefund, sale: &Sale, id: Uuid) -> Decision {
        let RecordRefund { refund_id, provider_ref, amount, refund_ref } = refund;
        check_reference("provider_ref", &provider_ref)?;
        let named = Named {
            refund_id,
            refund_ref: refund_ref.as_deref(),
            provider_ref: &provider_ref,
            amount,
        };
        let refund_id = self.refund_meant(&named, sale, id)?;
        let known = self.refunds.get(&refund_id);
        if known.is_some_and(|known| known.standing > RefundStanding::Requested) {
            return Ok(vec![]);
        }
        // More than was charged cannot go back.
        let charged = self.charged(&provider_ref, sale);
        let paid_back = self.paid_back_minor(&provider_ref);
        let left = charged.amount_minor.saturating_sub(paid_back);
        if amount.currency != charged.currency || amount.amount_minor > left {
            let expected = Money::new(left, charged.currency);
            return self.contradiction(Fact::Refund, (&provider_ref, amount), expected);
        }
        check_range("amount", amount.amount_minor, (1, left))?;
        // A refund proves the charge, whichever is heard of first.
        let mut events = self.charge(&provider_ref, sale)?;
        if known.is_none() {
            check_room(self.refunds.len(), "refunds")?;
        }
        let credits = known.and_then(|known| known.part?.credits);
        let part =
            (amount != charged).then_some(Part { credits, is_last: amount.amount_minor == left });
        let surplus = self.is_surplus(&provider_ref);
        let refunded = Refunded { refund_id, provider_ref, amount, surplus, part };
        events.push(PaymentEvent::Refunded(refunded));
        Ok(events)
    }

    pub(super) fn refund_failure(
        &self,
        failure: RecordRefundFailure,
        sale: &Sale,
        id: Uuid,
    ) -> Decision {
        let RecordRefundFailure { refund_id, provider_ref, amount, reason, refund_ref } = failure;
        check_reference("provider_ref", &provider_ref)?;
        check_reason(&reason)?;
        let named = Named {
            refund_id,
            refund_ref: refund_ref.as_deref(),
            provider_ref: &provider_ref,
            amount,
        };
        let refund_id = self.failure_meant(&named, sale, id)?;
        let known = self.refunds.get(&refund_id);
        if known.is_some_and(|known| known.standing == RefundStanding::Failed) {
            return Ok(vec![]);
        }
        let charged = self.charged(&provider_ref, sale);
        let expected = known.map_or(charged, |known| known.amount);
        let fits = amount.currency == expected.currency
            && (1..=expected.amount_minor).contains(&amount.amount_minor);
        if !fits {
            return self.contradiction(Fact::RefundFailure, (&provider_ref, amount), expected);
        }
        let mut events = self.charge(&provider_ref, sale)?;
        if known.is_none() {
            check_room(self.refunds.len(), "refunds")?;
        }
        let surplus = self.is_surplus(&provider_ref);
        let failed = RefundFailed { refund_id, provider_ref, amount, reason, surplus };
        events.push(PaymentEvent::RefundFailed(failed));
        Ok(events)
    }

    /// Which refund a provider speaks of: by our id, by its own, and else by what is alone in question.
    /// All of a charge goes back once at most, so a refund of all of it is the one that was paid or may
    /// be, under whatever name.
    fn refund_meant(&self, named: &Named<'_>, sale: &Sale, id: Uuid) -> Result<Uuid, No> {
        let meant = self.refund_named(named, id)?;
        if self.refunds.contains_key(&meant) {
            return Ok(meant);
        }
        let Named { provider_ref, amount, .. } = *named;
        let is_whole = amount == self.charged(provider_ref, sale);
        let mut of_charge = self.refunds_of(provider_ref);
        let whole = of_charge.find(|(_, one)| is_whole && one.amount == amount);
        Ok(whole.map_or(meant, |(whole, _)| whole))
    }

    /// Which refund failed. Any number of them can fail, so one that the provider calls by a name of
    /// its own, which is unknown here, is none of those that are known.
    fn failure_meant(&self, named: &Named<'_>, sale: &Sale, id: Uuid) -> Result<Uuid, No> {
        if named.refund_ref.is_some() {
            return self.refund_named(named, id);
        }
        self.refund_meant(named, sale, id)
    }

    /// The refund of our id or the provider's; when neither is known, what it is to be called here.
    fn refund_named(&self, named: &Named<'_>, id: Uuid) -> Result<Uuid, No> {
        let Named { refund_id, refund_ref, provider_ref, .. } = *named;
        let is_known = |asked: &Uuid| self.refunds.contains_key(asked);
        if let Some(asked) = refund_id.filter(is_known) {
            return Ok(asked);
        }
        if let Some(reference) = refund_ref {
            check_reference("refund_ref", reference)?;
        }
        let foreign = refund_ref.map(|reference| foreign_refund_id(id, reference));
        let known = foreign.filter(is_known).or(refund_id).or(foreign);
        Ok(known.unwrap_or_else(|| foreign_refund_id(id, provider_ref)))
    }
}
