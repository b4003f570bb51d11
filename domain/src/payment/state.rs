//! What a payment must know to decide.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Begun, Fact, PaymentCommand, PaymentEvent, PaymentRefusal, ProductSold, ReceiptOf,
    ReceiptStanding, RefundStanding, Standing,
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
    /// What was charged: the first pays for the purchase, each further one is one too many.
    pub(super) charges: Vec<String>,
    pub(super) refunds: Vec<RefundState>,
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

/// A refund of one charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct RefundState {
    pub(super) refund_id: Uuid,
    pub(super) provider_ref: String,
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
    /// Whether a charge is one too many.
    pub(super) fn is_surplus(&self, provider_ref: &str) -> bool {
        self.charges.first().is_some_and(|first| first != provider_ref)
    }

    /// The refund of a charge that was paid, or may be.
    pub(super) fn refund_of(&self, provider_ref: &str) -> Option<&RefundState> {
        self.refunds.iter().find(|refund| {
            refund.provider_ref == provider_ref && refund.standing != RefundStanding::Failed
        })
    }

    fn rise(&mut self, standing: Standing) {
        self.standing = self.standing.max(standing);
    }

    fn note_charge(&mut self, provider_ref: String) {
        if !self.charges.contains(&provider_ref) {
            self.charges.push(provider_ref);
        }
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

    fn note_refund(&mut self, refund_id: Uuid, provider_ref: String, standing: RefundStanding) {
        match self.refunds.iter_mut().find(|refund| refund.refund_id == refund_id) {
            Some(refund) => refund.standing = refund.standing.max(standing),
            None => self.refunds.push(RefundState { refund_id, provider_ref, standing }),
        }
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
                self.note_charge(succeeded.provider_ref);
            }
            E::SurplusPaid(surplus) => self.note_charge(surplus.provider_ref),
            E::RefundRequested(refund) => {
                let standing = RefundStanding::Requested;
                self.note_refund(refund.refund_id, refund.provider_ref, standing);
            }
            E::Refunded(refund) => {
                let standing = RefundStanding::Refunded;
                self.note_refund(refund.refund_id, refund.provider_ref, standing);
            }
            E::RefundFailed(refund) => {
                let standing = RefundStanding::Failed;
                self.note_refund(refund.refund_id, refund.provider_ref, standing);
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
