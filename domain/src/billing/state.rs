//! What a customer's billing must know to decide.

use chrono::{DateTime, NaiveDate, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BillingCommand, BillingEvent, BillingRefusal, MethodSaved, RechargeRequested, RechargeTerms,
};
use crate::{Issued, credit_ledger::PaymentProvider, decider::decide_into};

/// The billing aggregate. Its stream's id is [`super::billing_id`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Billing {
    /// Whose it is; none before its first event.
    pub(super) account_id: Option<Uuid>,
    /// The card that is kept.
    pub(super) method: Option<Method>,
    /// What was agreed to and holds.
    pub(super) terms: Option<RechargeTerms>,
    /// The charges of the newest month, and the one that is under way.
    pub(super) charges: Vec<Charge>,
    /// How many charges were ever asked for.
    pub(super) number: u64,
    /// How many in a row the bank declined.
    pub(super) declines: u32,
    /// Before that nothing is tried again.
    pub(super) retry_at: Option<DateTime<Utc>>,
    /// The month whose cap was said to be reached.
    pub(super) cap_told: Option<NaiveDate>,
    /// The person is erased.
    pub(super) is_closed: bool,
}

/// The card that is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Method {
    pub(super) method_id: Uuid,
    pub(super) provider: PaymentProvider,
    pub(super) channel: String,
}

/// A charge.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Charge {
    pub(super) payment_id: Uuid,
    pub(super) month: NaiveDate,
    pub(super) price_minor: i64,
    pub(super) stage: Stage,
}

/// How far a charge has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// It is wanted, and can be stopped.
    Requested,
    /// The provider is asked, or was.
    Begun,
    /// What was bought is there.
    Succeeded,
    /// It came to nothing.
    Failed,
}

impl Billing {
    /// The charge that is under way.
    pub(super) fn under_way(&self) -> Option<&Charge> {
        self.charges.iter().find(|it| matches!(it.stage, Stage::Requested | Stage::Begun))
    }

    pub(super) fn charge(&self, payment_id: Uuid) -> Option<&Charge> {
        self.charges.iter().find(|it| it.payment_id == payment_id)
    }

    /// What was spent in a month, or may be by what is under way.
    pub(super) fn spent_minor(&self, month: NaiveDate) -> i64 {
        let counted = self.charges.iter().filter(|it| it.month == month);
        counted
            .filter(|it| it.stage != Stage::Failed)
            .fold(0, |sum: i64, it| sum.saturating_add(it.price_minor))
    }

    fn save(&mut self, saved: MethodSaved) {
        let MethodSaved { method_id, provider, channel, .. } = saved;
        self.method = Some(Method { method_id, provider, channel });
        // Another card is another try.
        (self.declines, self.retry_at) = (0, None);
    }

    fn enable(&mut self, terms: RechargeTerms) {
        self.terms = Some(terms);
        (self.declines, self.retry_at, self.cap_told) = (0, None, None);
    }

    fn request(&mut self, requested: RechargeRequested) {
        let RechargeRequested { payment_id, month, price, .. } = requested;
        let is_open = |it: &Charge| matches!(it.stage, Stage::Requested | Stage::Begun);
        self.charges.retain(|it| it.month == month || is_open(it));
        let price_minor = price.amount_minor;
        self.charges.push(Charge { payment_id, month, price_minor, stage: Stage::Requested });
        self.number = self.number.saturating_add(1);
    }

    fn mark(&mut self, payment_id: Uuid, stage: Stage) {
        if let Some(charge) = self.charges.iter_mut().find(|it| it.payment_id == payment_id) {
            charge.stage = stage;
        }
    }
}

impl Aggregate for Billing {
    const TYPE: &'static str = "billing";

    type Command = Issued<BillingCommand>;
    type Event = BillingEvent;
    type Error = BillingRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: BillingEvent) {
        use BillingEvent as E;
        self.account_id = Some(event.account_id());
        match event {
            E::MethodSaved(saved) => self.save(saved),
            E::MethodRemoved(removed) => {
                self.method = self.method.take().filter(|it| it.method_id != removed.method_id);
            }
            E::RechargeEnabled(enabled) => self.enable(enabled.terms),
            E::RechargeDisabled(_) => self.terms = None,
            E::RechargeRequested(requested) => self.request(requested),
            E::ChargeBegun(begun) => self.mark(begun.payment_id, Stage::Begun),
            E::RechargeSucceeded(succeeded) => {
                self.mark(succeeded.payment_id, Stage::Succeeded);
                (self.declines, self.retry_at) = (0, None);
            }
            E::RechargeFailed(failed) => {
                self.mark(failed.payment_id, Stage::Failed);
                if failed.retry_at.is_some() {
                    self.declines = self.declines.saturating_add(1);
                    self.retry_at = failed.retry_at;
                }
            }
            E::CapReached(reached) => self.cap_told = Some(reached.month),
            E::Closed(_) => self.is_closed = true,
        }
    }
}
