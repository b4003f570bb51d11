//! Per payment: what was bought reaches the customer's ledger, and what went back leaves it.

mod going_back;

use std::collections::BTreeMap;

use kontor_domain::{
    EventDecodeError, Money, Recorded,
    credit_ledger::{
        self, CloseDispute, CreditLedgerCommand, CreditLedgerEvent, DisputeOutcome, Grant,
        GrantPass, GrantSource, Open, OpenDispute, PaymentProvider, credit_ledger_id,
    },
    payment::{Expire, Part, PaymentCommand, PaymentEvent, Refunded, Succeeded, grant_id},
    product::Gives,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// The most refunds and disputes that are remembered of a payment: more than one can have.
const PARTS_MAX: usize = 64;

/// The timer that ends an offer.
const EXPIRY: &str = "expiry";

/// Grants what was paid for, and takes back what was paid back.
///
/// Commands of one event are sent side by side, so none of them relies on another: what depends on a
/// booking is ordered when the ledger says that it was booked. Money that a provider paid back is
/// gone, whatever became of the credits. A purchase of which nothing was used is refunded; any other
/// is closed like one that was lost in a dispute: what is left is taken, and what was used is owed
/// or forgiven by the tenant's rule for debts. The ledger judges which of the two it is. A part of the
/// price takes unused credits alone; with the last part it is as with the whole.
#[derive(Clone, Copy, Debug)]
pub struct FulfilPayments;

/// What is remembered of a payment.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Purchase {
    /// What was paid for; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sale: Option<Sale>,
    /// Whether the ledger has booked it.
    #[serde(default)]
    granted: bool,
    /// What went back.
    #[serde(default)]
    refunds: BTreeMap<Uuid, Refund>,
    /// What is contested, and what is closed like that: by the id of the dispute.
    #[serde(default)]
    disputes: BTreeMap<Uuid, Dispute>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Sale {
    account_id: Uuid,
    gives: Gives,
    price: Money,
    provider: PaymentProvider,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Refund {
    /// The provider paid it.
    paid: bool,
    /// The provider got the money back, or never paid.
    failed: bool,
    /// The ledger has booked it.
    booked: bool,
    /// It is a part of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<PartBack>,
}

/// A part of the price that went back.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct PartBack {
    amount: Money,
    part: Part,
}

/// Where a dispute stands.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Dispute {
    amount: Money,
    /// How it ended, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<DisputeOutcome>,
    /// The ledger has booked that it is open.
    #[serde(default)]
    booked: bool,
}

impl Policy for FulfilPayments {
    type State = Purchase;

    fn name(&self) -> &'static str {
        "fulfil_payments"
    }

    fn version(&self) -> i32 {
        2
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "payment.begun",
            "payment.succeeded",
            "payment.failed",
            "payment.expired",
            "payment.refunded",
            "payment.refund_failed",
            "payment.dispute_opened",
            "payment.dispute_closed",
            "credit_ledger.granted",
            "credit_ledger.pass_granted",
            "credit_ledger.grant_refunded",
            "credit_ledger.pass_refunded",
            "credit_ledger.part_refunded",
            "credit_ledger.dispute_opened",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        if event.stream_type == "payment" {
            return Ok(Audience::One(event.stream_id));
        }
        // What a payment pays for has the payment's id; whatever else a ledger books is not remembered.
        Ok(match event.body::<CreditLedgerEvent>()? {
            CreditLedgerEvent::Granted(granted) => of_payment(granted.payment),
            CreditLedgerEvent::PassGranted(granted) => of_payment(granted.payment),
            CreditLedgerEvent::GrantRefunded(refunded) => Audience::One(refunded.payment_id),
            CreditLedgerEvent::PassRefunded(refunded) => Audience::One(refunded.payment_id),
            CreditLedgerEvent::PartRefunded(refunded) => Audience::One(refunded.payment_id),
            CreditLedgerEvent::DisputeOpened(opened) => Audience::One(opened.grant_id),
            // Not asked for.
            CreditLedgerEvent::Opened(_)
            | CreditLedgerEvent::Spent(_)
            | CreditLedgerEvent::Held(_)
            | CreditLedgerEvent::HoldCaptured(_)
            | CreditLedgerEvent::HoldReleased(_)
            | CreditLedgerEvent::SpendReversed(_)
            | CreditLedgerEvent::GrantExpired(_)
            | CreditLedgerEvent::RefundReturned(_)
            | CreditLedgerEvent::GrantRevoked(_)
            | CreditLedgerEvent::DisputeClosed(_)
            | CreditLedgerEvent::DebtCovered(_)
            | CreditLedgerEvent::DebtWrittenOff(_)
            | CreditLedgerEvent::Adjusted(_)
            | CreditLedgerEvent::PassRecognised(_)
            | CreditLedgerEvent::Low(_)
            | CreditLedgerEvent::ResetBegun(_) => Audience::Nobody,
        })
    }

    fn react(
        &self,
        state: &mut Purchase,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        if event.stream_type == "payment" {
            state.paid_or_back(instance.key, event)
        } else {
            state.booked(instance.key, event)
        }
    }
}

fn of_payment(payment: Option<credit_ledger::Payment>) -> Audience {
    payment.map_or(Audience::Nobody, |payment| Audience::One(payment.payment_id))
}

impl Purchase {
    /// What the provider's side says.
    fn paid_or_back(&mut self, id: Uuid, event: &Recorded) -> Result<Vec<Order>, PolicyError> {
        match event.body::<PaymentEvent>()? {
            PaymentEvent::Begun(begun) => {
                let expire = PaymentCommand::Expire(Expire {});
                let directive = Directive::new("payment", id, &expire)?;
                let (key, due_at) = (key(EXPIRY, id, id), begun.expires_at);
                // Long before it is paid, so that a grant never meets a ledger that is not there.
                let open = CreditLedgerCommand::Open(Open { account_id: begun.account_id });
                let ledger_id = credit_ledger_id(begun.account_id);
                let open = Directive::new("credit_ledger", ledger_id, &open)?;
                Ok(vec![Order::Send(open), Order::Schedule { key, due_at, directive }])
            }
            PaymentEvent::Succeeded(succeeded) => self.grant(id, &succeeded),
            PaymentEvent::Failed(_) | PaymentEvent::Expired(_) => Ok(vec![cancel(EXPIRY, id, id)]),
            // Nothing was delivered for a charge that was one too many.
            PaymentEvent::Refunded(refunded) if refunded.surplus => Ok(vec![]),
            PaymentEvent::RefundFailed(failed) if failed.surplus => Ok(vec![]),
            PaymentEvent::DisputeOpened(opened) if opened.surplus => Ok(vec![]),
            PaymentEvent::DisputeClosed(closed) if closed.surplus => Ok(vec![]),
            PaymentEvent::Refunded(Refunded { refund_id, amount, part, .. }) => {
                let refund = self.refund_mut(refund_id);
                refund.paid = true;
                refund.part = part.map(|part| PartBack { amount, part });
                self.take_back(id, refund_id, event)
            }
            PaymentEvent::RefundFailed(failed) => {
                self.refund_mut(failed.refund_id).failed = true;
                self.give_back(id, failed.refund_id)
            }
            PaymentEvent::DisputeOpened(opened) => {
                let dispute = Dispute { amount: opened.amount, outcome: None, booked: false };
                self.remember(opened.dispute_id, dispute);
                self.open_dispute(id, opened.dispute_id)
            }
            PaymentEvent::DisputeClosed(closed) => {
                if let Some(dispute) = self.disputes.get_mut(&closed.dispute_id) {
                    dispute.outcome = Some(closed.outcome);
                }
                self.close_dispute(closed.dispute_id)
            }
            // Not asked for.
            PaymentEvent::Pending(_)
            | PaymentEvent::OutcomeUnknown(_)
            | PaymentEvent::SurplusPaid(_)
            | PaymentEvent::RefundRequested(_)
            | PaymentEvent::Contradicted(_)
            | PaymentEvent::ReceiptRequested(_)
            | PaymentEvent::ReceiptFailed(_)
            | PaymentEvent::ReceiptRegistered(_) => Ok(vec![]),
        }
    }

    /// What the ledger's side says.
    fn booked(&mut self, id: Uuid, event: &Recorded) -> Result<Vec<Order>, PolicyError> {
        if self.sale.is_none() {
            // Sold outside of this policy: by the staff.
            return Ok(vec![]);
        }
        match event.body::<CreditLedgerEvent>()? {
            CreditLedgerEvent::Granted(_) | CreditLedgerEvent::PassGranted(_) => {
                self.granted = true;
                let (refunds, disputes) = (self.refunds.clone(), self.disputes.clone());
                let mut orders = Vec::new();
                for refund_id in refunds.keys() {
                    orders.extend(self.take_back(id, *refund_id, event)?);
                }
                for dispute_id in disputes.keys() {
                    orders.extend(self.open_dispute(id, *dispute_id)?);
                }
                Ok(orders)
            }
            CreditLedgerEvent::GrantRefunded(refunded) => {
                self.refund_booked(id, refunded.refund_id)
            }
            CreditLedgerEvent::PartRefunded(refunded) => self.refund_booked(id, refunded.refund_id),
            CreditLedgerEvent::PassRefunded(_) => {
                // A pass is refunded once at most, and its event names no refund.
                let is_whole = |refund: &Refund| refund.paid && refund.part.is_none();
                let paid = self.refunds.iter().find(|(_, refund)| is_whole(refund));
                match paid.map(|(refund_id, _)| *refund_id) {
                    Some(refund_id) => self.refund_booked(id, refund_id),
                    None => Ok(vec![]),
                }
            }
            CreditLedgerEvent::DisputeOpened(opened) => {
                if let Some(dispute) = self.disputes.get_mut(&opened.dispute_id) {
                    dispute.booked = true;
                }
                self.close_dispute(opened.dispute_id)
            }
            // Not asked for.
            CreditLedgerEvent::Opened(_)
            | CreditLedgerEvent::Spent(_)
            | CreditLedgerEvent::Held(_)
            | CreditLedgerEvent::HoldCaptured(_)
            | CreditLedgerEvent::HoldReleased(_)
            | CreditLedgerEvent::SpendReversed(_)
            | CreditLedgerEvent::GrantExpired(_)
            | CreditLedgerEvent::RefundReturned(_)
            | CreditLedgerEvent::GrantRevoked(_)
            | CreditLedgerEvent::DisputeClosed(_)
            | CreditLedgerEvent::DebtCovered(_)
            | CreditLedgerEvent::DebtWrittenOff(_)
            | CreditLedgerEvent::Adjusted(_)
            | CreditLedgerEvent::PassRecognised(_)
            | CreditLedgerEvent::Low(_)
            | CreditLedgerEvent::ResetBegun(_) => Ok(vec![]),
        }
    }

    fn grant(&mut self, id: Uuid, succeeded: &Succeeded) -> Result<Vec<Order>, PolicyError> {
        let Succeeded { account_id, product, price, provider, provider_ref: _ } = *succeeded;
        let sale = Sale { account_id, gives: product.gives, price, provider };
        self.sale = Some(sale);
        let payment = Some(credit_ledger::Payment { payment_id: id, provider, price });
        let command = match product.gives {
            Gives::Credits(credits) => CreditLedgerCommand::Grant(Grant {
                grant_id: grant_id(id),
                source: GrantSource::Purchase,
                credits,
                payment,
                expires_at: None,
                priority: None,
            }),
            Gives::Pass(period) => {
                let pass_id = grant_id(id);
                CreditLedgerCommand::GrantPass(GrantPass { pass_id, period, payment })
            }
        };
        Ok(vec![sale.ask(&command)?, cancel(EXPIRY, id, id)])
    }

    fn open_dispute(&self, id: Uuid, dispute_id: Uuid) -> Result<Vec<Order>, PolicyError> {
        let is_refund = self.refunds.contains_key(&dispute_id);
        let dispute = self.disputes.get(&dispute_id).filter(|_| self.granted && !is_refund);
        let (Some(sale), Some(dispute)) = (self.sale, dispute) else { return Ok(vec![]) };
        let open = OpenDispute { dispute_id, grant_id: grant_id(id), amount: dispute.amount };
        Ok(vec![sale.ask(&CreditLedgerCommand::OpenDispute(open))?])
    }

    fn close_dispute(&self, dispute_id: Uuid) -> Result<Vec<Order>, PolicyError> {
        let dispute = self.disputes.get(&dispute_id).filter(|dispute| dispute.booked);
        let outcome = dispute.and_then(|dispute| dispute.outcome);
        let (Some(sale), Some(outcome)) = (self.sale, outcome) else { return Ok(vec![]) };
        let close = CloseDispute { dispute_id, outcome };
        Ok(vec![sale.ask(&CreditLedgerCommand::CloseDispute(close))?])
    }

    fn refund_mut(&mut self, refund_id: Uuid) -> &mut Refund {
        self.refunds.entry(refund_id).or_default()
    }

    fn remember(&mut self, dispute_id: Uuid, dispute: Dispute) {
        if self.disputes.len() < PARTS_MAX {
            self.disputes.entry(dispute_id).or_insert(dispute);
        }
    }
}

impl Sale {
    fn directive(&self, command: &CreditLedgerCommand) -> Result<Directive, PolicyError> {
        Directive::new("credit_ledger", credit_ledger_id(self.account_id), command)
    }

    fn ask(&self, command: &CreditLedgerCommand) -> Result<Order, PolicyError> {
        Ok(Order::Send(self.directive(command)?))
    }
}

/// A timer's name: a refund's id is made by whoever asks, so it names something only together with the
/// payment's.
fn key(kind: &str, payment_id: Uuid, id: Uuid) -> String {
    format!("{kind}:{payment_id}:{id}")
}

fn cancel(kind: &str, payment_id: Uuid, id: Uuid) -> Order {
    Order::Cancel { key: key(kind, payment_id, id) }
}
