//! Per ledger: when something in it is due by itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    EventDecodeError, Recorded,
    credit_ledger::{CreditLedgerCommand, CreditLedgerEvent, SettleDue},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// The most passes that are remembered: more than a ledger may have open at once.
const PASSES_MAX: usize = 32;

/// What is due: its kind and its id.
type Due = (&'static str, Uuid);
/// A grant expires.
const EXPIRY: &str = "expiry";
/// A hold runs out of time.
const HOLD: &str = "hold";
/// A day of a pass is over.
const PASS: &str = "pass";

/// Has a timer for each grant that expires, each hold that waits, and each day of a pass. When one is
/// due the ledger is asked to book what is due; it judges by itself, so a timer too many does nothing.
#[derive(Clone, Copy, Debug)]
pub struct CreditDues;

/// What is remembered of a ledger: the passes that are not over.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Ledger {
    #[serde(default)]
    passes: BTreeMap<Uuid, Pass>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Pass {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl Policy for CreditDues {
    type State = Ledger;

    fn name(&self) -> &'static str {
        "credit_dues"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "credit_ledger.granted",
            "credit_ledger.grant_expired",
            "credit_ledger.held",
            "credit_ledger.hold_captured",
            "credit_ledger.hold_released",
            "credit_ledger.pass_granted",
            "credit_ledger.pass_recognised",
            "credit_ledger.pass_refunded",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(Audience::One(event.stream_id))
    }

    fn react(
        &self,
        state: &mut Ledger,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        let ledger_id = instance.key;
        let order = match event.body::<CreditLedgerEvent>()? {
            CreditLedgerEvent::Granted(granted) => match granted.expires_at {
                Some(expires_at) => settle(ledger_id, (EXPIRY, granted.grant_id), expires_at)?,
                None => return Ok(vec![]),
            },
            CreditLedgerEvent::GrantExpired(expired) => {
                cancel(ledger_id, (EXPIRY, expired.slice.grant_id))
            }
            CreditLedgerEvent::Held(held) => {
                settle(ledger_id, (HOLD, held.hold_id), held.expires_at)?
            }
            CreditLedgerEvent::HoldCaptured(captured) => {
                cancel(ledger_id, (HOLD, captured.hold_id))
            }
            CreditLedgerEvent::HoldReleased(released) => {
                cancel(ledger_id, (HOLD, released.hold_id))
            }
            CreditLedgerEvent::PassGranted(granted) => {
                let pass = Pass { starts_at: granted.starts_at, ends_at: granted.ends_at };
                if state.passes.len() < PASSES_MAX {
                    state.passes.insert(granted.pass_id, pass);
                }
                settle(ledger_id, (PASS, granted.pass_id), pass.due_after(0))?
            }
            CreditLedgerEvent::PassRecognised(recognised) => {
                let (id, days) = (recognised.pass_id, recognised.days);
                match state.passes.get(&id).copied() {
                    Some(pass) if pass.goes_on_after(days) => {
                        settle(ledger_id, (PASS, id), pass.due_after(days))?
                    }
                    Some(_) | None => state.forget(ledger_id, id),
                }
            }
            CreditLedgerEvent::PassRefunded(refunded) => state.forget(ledger_id, refunded.pass_id),
            CreditLedgerEvent::Opened(_)
            | CreditLedgerEvent::Spent(_)
            | CreditLedgerEvent::SpendReversed(_)
            | CreditLedgerEvent::GrantRefunded(_)
            | CreditLedgerEvent::PartRefunded(_)
            | CreditLedgerEvent::RefundReturned(_)
            | CreditLedgerEvent::GrantRevoked(_)
            | CreditLedgerEvent::DisputeOpened(_)
            | CreditLedgerEvent::DisputeClosed(_)
            | CreditLedgerEvent::DebtCovered(_)
            | CreditLedgerEvent::DebtWrittenOff(_)
            | CreditLedgerEvent::Adjusted(_)
            | CreditLedgerEvent::Low(_)
            | CreditLedgerEvent::ResetBegun(_) => return Ok(vec![]),
        };
        Ok(vec![order])
    }
}

impl Ledger {
    fn forget(&mut self, ledger_id: Uuid, pass_id: Uuid) -> Order {
        self.passes.remove(&pass_id);
        cancel(ledger_id, (PASS, pass_id))
    }
}

impl Pass {
    /// When the day after so many is over.
    fn due_after(self, days: i64) -> DateTime<Utc> {
        let next = Duration::try_days(days.saturating_add(1))
            .and_then(|days| self.starts_at.checked_add_signed(days));
        next.map_or(self.ends_at, |next| next.min(self.ends_at))
    }

    fn goes_on_after(self, days: i64) -> bool {
        Duration::try_days(days)
            .and_then(|days| self.starts_at.checked_add_signed(days))
            .is_some_and(|reached| reached < self.ends_at)
    }
}

/// A timer's name. The ids of grants, holds and passes are made by senders, so they name something only
/// together with the ledger's: no customer touches another's timers.
fn key(kind: &str, ledger_id: Uuid, id: Uuid) -> String {
    format!("{kind}:{ledger_id}:{id}")
}

fn settle(ledger_id: Uuid, (kind, id): Due, due_at: DateTime<Utc>) -> Result<Order, PolicyError> {
    let command = CreditLedgerCommand::SettleDue(SettleDue {});
    let directive = Directive::new("credit_ledger", ledger_id, &command)?;
    Ok(Order::Schedule { key: key(kind, ledger_id, id), due_at, directive })
}

fn cancel(ledger_id: Uuid, (kind, id): Due) -> Order {
    Order::Cancel { key: key(kind, ledger_id, id) }
}
