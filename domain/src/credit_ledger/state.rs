//! What a ledger must know to decide.

mod apply;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BooksDefect, CreditLedgerCommand, CreditLedgerEvent, CreditLedgerRefusal, Payment,
    books::{Before, check_entries},
    chain::ChainEnd,
    grant::{GrantState, PassState},
    records::{DisputeState, HoldState, RefundState, ReleasedHold, SpendState},
    velocity::Velocity,
};
use crate::{Issued, decider::decide_into};

/// How many spends are remembered: what is undone is undone soon, and a customer who sends a message
/// a minute has sent these within two hours.
const SPENDS_KNOWN_MAX: usize = 128;
/// How many released holds, refunds and disputes are remembered, for those who ask again.
const ENDED_KNOWN_MAX: usize = 128;
/// How many grants are remembered. Used up ones are kept for disputes, which come months later;
/// who buys every day has a year.
const GRANTS_KNOWN_MAX: usize = 400;
/// How many passes are remembered, for the same reason.
const PASSES_KNOWN_MAX: usize = 400;

/// The credit ledger aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct CreditLedger {
    /// The account it belongs to; none until it is opened.
    pub(super) account_id: Option<Uuid>,
    pub(super) end: ChainEnd,
    /// When the last event was booked.
    pub(super) last_at: Option<DateTime<Utc>>,
    pub(super) grants: BTreeMap<Uuid, GrantState>,
    pub(super) passes: BTreeMap<Uuid, PassState>,
    pub(super) holds: BTreeMap<Uuid, HoldState>,
    /// The last spends, oldest first; shared, because a state is copied for each decision.
    pub(super) spends: VecDeque<Arc<SpendState>>,
    pub(super) released: VecDeque<ReleasedHold>,
    pub(super) refunds: VecDeque<RefundState>,
    pub(super) disputes: BTreeMap<Uuid, DisputeState>,
    /// How many credits the customer owes.
    pub(super) owed: i64,
    pub(super) tutorial_rewarded: bool,
    /// How often the customer began anew, in a tenant that is there for tests.
    #[serde(default)]
    pub(super) round: i64,
    /// While few credits are left and that was said: the threshold that was reached.
    #[serde(default)]
    pub(super) low: Option<i64>,
    /// The last adjustments, oldest first; the ledger of the house alone has them.
    #[serde(default)]
    pub(super) adjustments: VecDeque<Uuid>,
    pub(super) messages: Velocity,
    pub(super) spent: Velocity,
    pub(super) gifts: Velocity,
    /// The first event whose books do not hold; from then on nothing is accepted.
    pub(super) broken: Option<Broken>,
}

/// Where the books do not hold, and how.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Broken {
    pub(super) number: i64,
    pub(super) defect: BooksDefect,
}

impl CreditLedger {
    /// How many credits may be spent at an instant.
    pub(super) fn balance(&self, at: DateTime<Utc>) -> i64 {
        self.grants.values().map(|grant| grant.usable(at)).fold(0, i64::saturating_add)
    }

    /// How many credits are put aside.
    pub(super) fn held(&self) -> i64 {
        self.grants.values().map(|grant| grant.held).fold(0, i64::saturating_add)
    }

    /// How many credits may be spent at an instant, or wait for a delivery.
    pub(super) fn kept(&self, at: DateTime<Utc>) -> i64 {
        self.balance(at).saturating_add(self.held())
    }

    /// What was paid for a grant or pass.
    pub(super) fn payment_of(&self, id: Uuid) -> Option<&Payment> {
        let grant = self.grants.get(&id).and_then(|grant| grant.payment.as_ref());
        grant.or_else(|| self.passes.get(&id).and_then(|pass| pass.payment.as_ref()))
    }

    /// The pass that messages are sent under at an instant: the one that ends first.
    pub(super) fn pass_on(&self, at: DateTime<Utc>) -> Option<Uuid> {
        let on = self.passes.iter().filter(|(_, pass)| pass.is_on(at));
        on.min_by_key(|(id, pass)| (pass.ends_at, **id)).map(|(id, _)| *id)
    }

    /// A spend that is remembered.
    pub(super) fn spend(&self, spend_id: Uuid) -> Option<&SpendState> {
        self.spends.iter().find(|spend| spend.spend_id == spend_id).map(|spend| &**spend)
    }

    /// The end of its chain.
    pub fn chain_end(&self) -> ChainEnd {
        self.end
    }

    /// Records an event, and says whether the books hold with it.
    fn record(&mut self, event: &CreditLedgerEvent) -> Result<(), BooksDefect> {
        let booking = event.booking();
        let expected = self.end.length.saturating_add(1);
        if booking.number != expected {
            return Err(BooksDefect::Number { expected, found: booking.number });
        }
        if self.last_at.is_some_and(|last_at| booking.at < last_at) {
            return Err(BooksDefect::TimeWentBack);
        }
        check_entries(event)?;
        let before = Before::of(self, event);
        self.record_facts(event)?;
        before.check(self, &booking.entries)?;
        self.forget_the_oldest();
        Ok(())
    }

    /// Keeps the memory within its bounds. Only what is over is forgotten.
    fn forget_the_oldest(&mut self) {
        while self.spends.len() > SPENDS_KNOWN_MAX {
            self.spends.pop_front();
        }
        while self.released.len() > ENDED_KNOWN_MAX {
            self.released.pop_front();
        }
        while self.refunds.len() > ENDED_KNOWN_MAX {
            self.refunds.pop_front();
        }
        while self.adjustments.len() > ENDED_KNOWN_MAX {
            self.adjustments.pop_front();
        }
        if self.grants.len() > GRANTS_KNOWN_MAX {
            let over = self.grants.iter().filter(|(_, grant)| grant.is_used_up());
            let oldest = over.min_by_key(|(id, grant)| (grant.granted_at, **id));
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.grants.remove(&id);
            }
        }
        if self.passes.len() > PASSES_KNOWN_MAX {
            let over = self.passes.iter().filter(|(_, pass)| pass.is_used_up());
            let oldest = over.min_by_key(|(id, pass)| (pass.ends_at, **id));
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.passes.remove(&id);
            }
        }
        if self.disputes.len() > ENDED_KNOWN_MAX {
            let over = self.disputes.iter().filter(|(_, dispute)| dispute.outcome.is_some());
            let oldest = over.min_by_key(|(id, dispute)| (dispute.opened_at, **id));
            if let Some(id) = oldest.map(|(id, _)| *id) {
                self.disputes.remove(&id);
            }
        }
    }
}

impl Aggregate for CreditLedger {
    const TYPE: &'static str = "credit_ledger";

    type Command = Issued<CreditLedgerCommand>;
    type Event = CreditLedgerEvent;
    type Error = CreditLedgerRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: CreditLedgerEvent) {
        if self.broken.is_none() {
            let number = event.booking().number;
            if let Err(defect) = self.record(&event) {
                self.broken = Some(Broken { number, defect });
            }
        }
        // The chain goes on whatever the books say: it is checked by whoever has the log.
        let booking = event.booking();
        self.end = ChainEnd { length: booking.number, head: booking.head };
        self.last_at = self.last_at.max(Some(booking.at));
    }
}
