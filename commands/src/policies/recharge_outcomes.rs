//! Per payment that is charged without its holder: what came of it reaches their billing.

use kontor_domain::{
    EventDecodeError, Recorded,
    billing::{
        BillingCommand, BillingEvent, RecordRechargeFailure, RecordRechargeSuccess, billing_id,
    },
    credit_ledger::CreditLedgerEvent,
    payment::PaymentEvent,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// What is said of a charge that nobody paid in time.
const EXPIRED: &str = "expired";

/// Tells a customer's billing how a charge ended: in vain when its payment failed or ran out, well when
/// the ledger has what was bought. Between the two nothing else may be charged.
#[derive(Clone, Copy, Debug)]
pub struct RechargeOutcomes;

/// What is remembered of a payment.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Recharge {
    /// Whose card is charged; none for every other payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<Uuid>,
}

impl Policy for RechargeOutcomes {
    type State = Recharge;

    fn name(&self) -> &'static str {
        "recharge_outcomes"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "billing.recharge_requested",
            "payment.failed",
            "payment.expired",
            "credit_ledger.granted",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        match event.stream_type.as_str() {
            "payment" => Ok(Audience::One(event.stream_id)),
            "billing" => Ok(match event.body::<BillingEvent>()? {
                BillingEvent::RechargeRequested(requested) => Audience::One(requested.payment_id),
                // Not asked for.
                BillingEvent::MethodSaved(_)
                | BillingEvent::MethodRemoved(_)
                | BillingEvent::RechargeEnabled(_)
                | BillingEvent::RechargeDisabled(_)
                | BillingEvent::ChargeBegun(_)
                | BillingEvent::RechargeSucceeded(_)
                | BillingEvent::RechargeFailed(_)
                | BillingEvent::CapReached(_)
                | BillingEvent::Closed(_) => Audience::Nobody,
            }),
            _ => Ok(paid_by(event)?.map_or(Audience::Nobody, Audience::One)),
        }
    }

    fn react(
        &self,
        state: &mut Recharge,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        let payment_id = instance.key;
        if event.stream_type == "billing" {
            state.account_id = Some(event.body::<BillingEvent>()?.account_id());
            return Ok(vec![]);
        }
        let Some(account_id) = state.account_id else { return Ok(vec![]) };
        let command = if event.stream_type == "payment" {
            // It may be paid after all, so it stays remembered.
            let mut reason = EXPIRED.to_owned();
            if let PaymentEvent::Failed(failed) = event.body::<PaymentEvent>()? {
                reason = failed.reason;
            }
            let failure = RecordRechargeFailure { payment_id, reason };
            BillingCommand::RecordRechargeFailure(failure)
        } else {
            *state = Recharge::default();
            BillingCommand::RecordRechargeSuccess(RecordRechargeSuccess { payment_id })
        };
        Ok(vec![Order::Send(Directive::new("billing", billing_id(account_id), &command)?)])
    }
}

/// The payment that a grant was paid by.
fn paid_by(event: &Recorded) -> Result<Option<Uuid>, EventDecodeError> {
    let CreditLedgerEvent::Granted(granted) = event.body::<CreditLedgerEvent>()? else {
        return Ok(None);
    };
    Ok(granted.payment.map(|payment| payment.payment_id))
}
