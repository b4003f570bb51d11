//! What a payment must know to decide.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Begun, Fact, Part, PaymentCommand, PaymentEvent, PaymentRefusal, ProductSold, ReceiptOf,
    ReceiptStanding, RefundFailed, RefundRequested, RefundStanding, Refunded, Standing,
};
use crate::{
    Issued, Money,
    credit_ledger::{DisputeOutcome, PaymentProvider},
    decider::decide_into,
};

/// The payment aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Payment {
    /// What was offered; none until it is begun.
    pub(super) sale: Option<Sale>,
    pub(super) standing: Standing,
    /// What was charged, by the provider's id: one pays for the purchase, all others are too many.
    pub(super) charges: BTreeMap<String, Charge>,
    pub(super) refunds: BTreeMap<Uuid, RefundState>,
    pub(super) disputes: Vec<DisputeState>,
    /// The contradictions that are recorded already.
    pub(super) contradictions: Vec<(Fact, String)>,
    /// Fiscal receipts, by the provider's id of what they are of.
    #[serde(default)]
    pub(super) receipts: Vec<ReceiptState>,
}

/// What was offered to whom.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Sale {
    pub(super) account_id: Uuid,
    pub(super) product: ProductSold,
    pub(super) price: Money,
    pub(super) provider: PaymentProvider,
    pub(super) channel: String,
    pub(super) expires_at: DateTime<Utc>,
}

/// Something that was charged.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Charge {
    pub(super) amount: Money,
    /// Nothing is delivered for it.
    pub(super) surplus: bool,
}

/// A refund of one charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct RefundState {
    pub(super) provider_ref: String,
    pub(super) amount: Money,
    pub(super) part: Option<Part>,
    pub(super) standing: RefundStanding,
}

/// A dispute of one charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct DisputeState {
    pub(super) dispute_id: Uuid,
    pub(super) provider_ref: String,
    pub(super) outcome: Option<DisputeOutcome>,
}

/// A fiscal receipt of a charge or a refund.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct ReceiptState {
    pub(super) of: ReceiptOf,
    pub(super) provider_ref: String,
    pub(super) standing: ReceiptStanding,
}

impl From<Begun> for Sale {
    fn from(begun: Begun) -> Self {
        let Begun { account_id, product, price, provider, channel, expires_at } = begun;
        Self { account_id, product, price, provider, channel, expires_at }
    }
}

impl Payment {
    /// The charge that pays for the purchase.
    pub(super) fn paid_by(&self) -> Option<&str> {
        let mut charges = self.charges.iter();
        charges.find(|(_, charge)| !charge.surplus).map(|(provider_ref, _)| provider_ref.as_str())
    }

    /// Whether a charge is one too many, or will be once it is known.
    pub(super) fn is_surplus(&self, provider_ref: &str) -> bool {
        let known = self.charges.get(provider_ref);
        known.map_or_else(|| self.paid_by().is_some(), |charge| charge.surplus)
    }

    /// What was charged; the price, as long as nobody said.
    pub(super) fn charged(&self, provider_ref: &str, sale: &Sale) -> Money {
        self.charges.get(provider_ref).map_or(sale.price, |charge| charge.amount)
    }

    /// The refunds of a charge that were paid, or may be.
    pub(super) fn refunds_of(
        &self,
        provider_ref: &str,
    ) -> impl Iterator<Item = (Uuid, &RefundState)> {
        let refunds = self.refunds.iter().filter(move |(_, refund)| {
            refund.provider_ref == provider_ref && refund.standing != RefundStanding::Failed
        });
        refunds.map(|(refund_id, refund)| (*refund_id, refund))
    }

    /// How much of a charge was paid back for certain.
    pub(super) fn paid_back_minor(&self, provider_ref: &str) -> i64 {
        let paid = self.refunds_of(provider_ref);
        paid.filter(|(_, refund)| refund.standing == RefundStanding::Refunded)
            .fold(0, |sum, (_, refund)| sum.saturating_add(refund.amount.amount_minor))
    }

    fn rise(&mut self, standing: Standing) {
        self.standing = self.standing.max(standing);
    }

    fn note_charge(&mut self, provider_ref: String, charge: Charge) {
        self.charges.entry(provider_ref).or_insert(charge);
    }

    /// The receipt of a charge or a refund.
    pub(super) fn receipt_of(&self, of: ReceiptOf, provider_ref: &str) -> Option<&ReceiptState> {
        self.receipts.iter().find(|known| known.of == of && known.provider_ref == provider_ref)
    }

    fn note_receipt(&mut self, of: ReceiptOf, provider_ref: String, standing: ReceiptStanding) {
        let mut known = self.receipts.iter_mut();
        match known.find(|known| known.of == of && known.provider_ref == provider_ref) {
            Some(receipt) => receipt.standing = receipt.standing.max(standing),
            None => self.receipts.push(ReceiptState { of, provider_ref, standing }),
        }
    }

    fn note_refund(&mut self, refund_id: Uuid, new: RefundState) {
        let standing = new.standing;
        let refund = self.refunds.entry(refund_id).or_insert(new);
        refund.standing = refund.standing.max(standing);
    }
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";

    type Command = Issued<PaymentCommand>;
    type Event = PaymentEvent;
    type Error = PaymentRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: PaymentEvent) {
        use PaymentEvent as E;
        match event {
            E::Begun(begun) => self.sale = Some(begun.into()),
            E::Pending(_) => self.rise(Standing::Pending),
            E::OutcomeUnknown(_) => self.rise(Standing::Unknown),
            E::Expired(_) => self.rise(Standing::Expired),
            E::Failed(_) => self.rise(Standing::Failed),
            E::Succeeded(succeeded) => {
                self.rise(Standing::Succeeded);
                let charge = Charge { amount: succeeded.price, surplus: false };
                self.note_charge(succeeded.provider_ref, charge);
            }
            E::SurplusPaid(paid) => {
                let charge = Charge { amount: paid.amount, surplus: true };
                self.note_charge(paid.provider_ref, charge);
            }
            E::RefundRequested(refund) => {
                let RefundRequested { refund_id, provider_ref, amount, part, .. } = refund;
                let standing = RefundStanding::Requested;
                self.note_refund(refund_id, RefundState { provider_ref, amount, part, standing });
            }
            E::Refunded(refund) => {
                let Refunded { refund_id, provider_ref, amount, part, .. } = refund;
                let standing = RefundStanding::Refunded;
                self.note_refund(refund_id, RefundState { provider_ref, amount, part, standing });
            }
            E::RefundFailed(refund) => {
                let RefundFailed { refund_id, provider_ref, amount, .. } = refund;
                let (part, standing) = (None, RefundStanding::Failed);
                self.note_refund(refund_id, RefundState { provider_ref, amount, part, standing });
            }
            E::DisputeOpened(dispute) => self.disputes.push(DisputeState {
                dispute_id: dispute.dispute_id,
                provider_ref: dispute.provider_ref,
                outcome: None,
            }),
            E::DisputeClosed(closed) => {
                let mut known = self.disputes.iter_mut();
                if let Some(dispute) = known.find(|one| one.dispute_id == closed.dispute_id) {
                    dispute.outcome = dispute.outcome.or(Some(closed.outcome));
                }
            }
            E::Contradicted(said) => self.contradictions.push((said.fact, said.provider_ref)),
            E::ReceiptRequested(receipt) => {
                self.note_receipt(receipt.of, receipt.provider_ref, ReceiptStanding::Requested);
            }
            E::ReceiptFailed(receipt) => {
                self.note_receipt(receipt.of, receipt.provider_ref, ReceiptStanding::Failed);
            }
            E::ReceiptRegistered(receipt) => {
                self.note_receipt(receipt.of, receipt.provider_ref, ReceiptStanding::Registered);
            }
        }
    }
}
