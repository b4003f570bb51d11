//! Per ledger: credits are bought by themselves when few are left, as its holder agreed.

use chrono::{DateTime, Days, Duration, Months, NaiveDate, Utc};
use kontor_domain::{
    EventDecodeError, Money, Recorded,
    billing::{
        BillingCommand, BillingEvent, Close, DisableReason, DisableRecharge, RechargeRequested,
        RequestRecharge, billing_id,
    },
    credit_ledger::{CreditLedgerEvent, credit_ledger_id},
    payment::{Begin, PaymentCommand},
    product::{Gives, ProductEvent},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// How long a charge may take, with a customer whose bank wants to ask them.
const CHARGE: Duration = Duration::hours(24);

/// The timer that asks again after a decline, or in the month after the one whose cap was reached.
const AGAIN: &str = "again";

/// Passes on how many credits are left after a spend, begins the payment of what is wanted, and ends
/// agreements whose product is not what it was, whose holder contests a payment or is gone.
///
/// Whether something is charged is decided by the customer's billing alone: asked twice, or in vain, it
/// does nothing.
#[derive(Clone, Copy, Debug)]
pub struct AutoRecharge;

/// What is remembered of a ledger's holder.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Holder {
    /// Whose it is, once a card is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<Uuid>,
    /// What was agreed to and holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agreed: Option<Agreed>,
    /// Whether a charge is under way.
    #[serde(default)]
    is_charging: bool,
    /// How many credits were left when that was last said.
    #[serde(default)]
    credits_left: i64,
    /// Whether it is asked for again later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waits: bool,
}

/// What of an agreement says when it counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Agreed {
    threshold_credits: i64,
    product_id: Uuid,
    gives: Gives,
    price: Money,
}

impl Policy for AutoRecharge {
    type State = Holder;

    fn name(&self) -> &'static str {
        "auto_recharge"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "billing.method_saved",
            "billing.recharge_enabled",
            "billing.recharge_disabled",
            "billing.recharge_requested",
            "billing.recharge_succeeded",
            "billing.recharge_failed",
            "billing.cap_reached",
            "billing.closed",
            "credit_ledger.spent",
            "credit_ledger.hold_captured",
            "credit_ledger.spend_reversed",
            "credit_ledger.refund_returned",
            "credit_ledger.granted",
            "credit_ledger.dispute_opened",
            "product.changed",
            "product.deactivated",
            "account.consent_withdrawn",
            "account.erased",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(match event.stream_type.as_str() {
            "product" => Audience::Tenant,
            "account" => Audience::One(credit_ledger_id(event.stream_id)),
            "billing" => {
                Audience::One(credit_ledger_id(event.body::<BillingEvent>()?.account_id()))
            }
            _ => Audience::One(event.stream_id),
        })
    }

    fn react(
        &self,
        state: &mut Holder,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        match (event.stream_type.as_str(), event.event_type.as_str()) {
            ("billing", _) => state.billed(instance.key, event),
            ("product", "product.deactivated") => state.product_gone(event.stream_id),
            ("product", _) => state.product_changed(event),
            ("account", "account.erased") => match state.account_id {
                Some(account_id) => state.ask(&BillingCommand::Close(Close { account_id })),
                None => Ok(vec![]),
            },
            ("account", _) => state.end(DisableReason::ConsentWithdrawn),
            _ => state.booked(instance.key, event),
        }
    }
}

impl Holder {
    fn billed(&mut self, ledger_id: Uuid, event: &Recorded) -> Result<Vec<Order>, PolicyError> {
        match event.body::<BillingEvent>()? {
            BillingEvent::MethodSaved(saved) => {
                self.account_id = Some(saved.account_id);
                Ok(vec![])
            }
            BillingEvent::RechargeEnabled(enabled) => {
                let terms = enabled.terms;
                self.agreed = Some(Agreed {
                    threshold_credits: terms.threshold_credits,
                    product_id: terms.product.product_id,
                    gives: terms.product.gives,
                    price: terms.price,
                });
                Ok(vec![again_never(ledger_id)])
            }
            BillingEvent::RechargeDisabled(_) => {
                self.agreed = None;
                Ok(vec![again_never(ledger_id)])
            }
            BillingEvent::RechargeRequested(requested) => {
                self.is_charging = true;
                self.credits_left = requested.credits_left;
                Ok(vec![begin(requested, event.occurred_at)?])
            }
            // What was spent since it was granted was not passed on.
            BillingEvent::RechargeSucceeded(_) => {
                self.is_charging = false;
                self.left(self.credits_left)
            }
            BillingEvent::RechargeFailed(failed) => {
                self.is_charging = false;
                failed.retry_at.map_or(Ok(vec![]), |due_at| self.again(ledger_id, due_at))
            }
            BillingEvent::CapReached(reached) => self.again(ledger_id, month_after(reached.month)),
            BillingEvent::Closed(_) => {
                *self = Self::default();
                Ok(vec![again_never(ledger_id)])
            }
            // Not asked for.
            BillingEvent::MethodRemoved(_) | BillingEvent::ChargeBegun(_) => Ok(vec![]),
        }
    }

    fn booked(&mut self, ledger_id: Uuid, event: &Recorded) -> Result<Vec<Order>, PolicyError> {
        let Some(agreed) = self.agreed else { return Ok(vec![]) };
        match event.body::<CreditLedgerEvent>()? {
            CreditLedgerEvent::Spent(spent) => self.spent(ledger_id, agreed, spent.balance),
            CreditLedgerEvent::HoldCaptured(captured) => {
                self.spent(ledger_id, agreed, captured.balance)
            }
            CreditLedgerEvent::Granted(granted) => {
                Ok(self.came_back(ledger_id, agreed, granted.credits))
            }
            CreditLedgerEvent::SpendReversed(reversed) => {
                Ok(self.came_back(ledger_id, agreed, reversed.credits))
            }
            CreditLedgerEvent::RefundReturned(returned) => {
                Ok(self.came_back(ledger_id, agreed, returned.slice.credits))
            }
            CreditLedgerEvent::DisputeOpened(_) => self.end(DisableReason::Disputed),
            // Not asked for.
            CreditLedgerEvent::Opened(_)
            | CreditLedgerEvent::Held(_)
            | CreditLedgerEvent::HoldReleased(_)
            | CreditLedgerEvent::GrantExpired(_)
            | CreditLedgerEvent::GrantRefunded(_)
            | CreditLedgerEvent::PartRefunded(_)
            | CreditLedgerEvent::GrantRevoked(_)
            | CreditLedgerEvent::DisputeClosed(_)
            | CreditLedgerEvent::DebtCovered(_)
            | CreditLedgerEvent::DebtWrittenOff(_)
            | CreditLedgerEvent::Adjusted(_)
            | CreditLedgerEvent::PassGranted(_)
            | CreditLedgerEvent::PassRecognised(_)
            | CreditLedgerEvent::PassRefunded(_)
            | CreditLedgerEvent::Low(_)
            | CreditLedgerEvent::ResetBegun(_) => Ok(vec![]),
        }
    }

    /// After a spend enough may be left again, such as when something was given back meanwhile: then
    /// nothing is asked for later.
    fn spent(
        &mut self,
        ledger_id: Uuid,
        agreed: Agreed,
        credits_left: i64,
    ) -> Result<Vec<Order>, PolicyError> {
        let waits = self.waits && credits_left >= agreed.threshold_credits;
        if waits {
            self.credits_left = credits_left;
            self.waits = false;
            return Ok(vec![again_never(ledger_id)]);
        }
        self.left(credits_left)
    }

    /// More credits are there.
    fn came_back(&mut self, ledger_id: Uuid, agreed: Agreed, credits: i64) -> Vec<Order> {
        self.credits_left = self.credits_left.saturating_add(credits);
        if self.credits_left < agreed.threshold_credits {
            return vec![];
        }
        self.waits = false;
        vec![again_never(ledger_id)]
    }

    /// So many credits are left.
    fn left(&mut self, credits_left: i64) -> Result<Vec<Order>, PolicyError> {
        self.credits_left = credits_left;
        let is_low = self.agreed.is_some_and(|agreed| credits_left < agreed.threshold_credits);
        if !is_low || self.is_charging {
            return Ok(vec![]);
        }
        self.ask(&BillingCommand::RequestRecharge(RequestRecharge { credits_left }))
    }

    fn again(&mut self, ledger_id: Uuid, due_at: DateTime<Utc>) -> Result<Vec<Order>, PolicyError> {
        let Some(account_id) = self.account_id else { return Ok(vec![]) };
        self.waits = true;
        let credits_left = self.credits_left;
        let command = BillingCommand::RequestRecharge(RequestRecharge { credits_left });
        let directive = Directive::new("billing", billing_id(account_id), &command)?;
        Ok(vec![Order::Schedule { key: key(ledger_id), due_at, directive }])
    }

    /// The agreement was to a price and to what it buys. Another name or place in lists is no other
    /// product.
    fn product_changed(&self, event: &Recorded) -> Result<Vec<Order>, PolicyError> {
        let Some(agreed) = self.agreed.filter(|it| it.product_id == event.stream_id) else {
            return Ok(vec![]);
        };
        let ProductEvent::Changed(changed) = event.body::<ProductEvent>()? else {
            return Ok(vec![]);
        };
        if changed.gives == agreed.gives && changed.prices.contains(&agreed.price) {
            return Ok(vec![]);
        }
        self.end(DisableReason::ProductChanged)
    }

    fn product_gone(&self, product_id: Uuid) -> Result<Vec<Order>, PolicyError> {
        match self.agreed {
            Some(agreed) if agreed.product_id == product_id => {
                self.end(DisableReason::ProductChanged)
            }
            Some(_) | None => Ok(vec![]),
        }
    }

    fn end(&self, reason: DisableReason) -> Result<Vec<Order>, PolicyError> {
        if self.agreed.is_none() {
            return Ok(vec![]);
        }
        self.ask(&BillingCommand::DisableRecharge(DisableRecharge { reason }))
    }

    fn ask(&self, command: &BillingCommand) -> Result<Vec<Order>, PolicyError> {
        let Some(account_id) = self.account_id else { return Ok(vec![]) };
        Ok(vec![Order::Send(Directive::new("billing", billing_id(account_id), command)?)])
    }
}

/// The payment of what is wanted; whoever owns the account with the provider charges it.
fn begin(requested: RechargeRequested, at: DateTime<Utc>) -> Result<Order, PolicyError> {
    let RechargeRequested { account_id, payment_id, provider, channel, product, price, .. } =
        requested;
    let expires_at = at + CHARGE;
    let begin = Begin { account_id, product, price, provider, channel, expires_at };
    let command = PaymentCommand::Begin(begin);
    Ok(Order::Send(Directive::new("payment", payment_id, &command)?))
}

/// An instant that is in the month after this one wherever the tenant is.
fn month_after(month: NaiveDate) -> DateTime<Utc> {
    let next = month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let day = next.checked_add_days(Days::new(1)).unwrap_or(next);
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

/// A timer's name.
fn key(ledger_id: Uuid) -> String {
    format!("{AGAIN}:{ledger_id}")
}

fn again_never(ledger_id: Uuid) -> Order {
    Order::Cancel { key: key(ledger_id) }
}
