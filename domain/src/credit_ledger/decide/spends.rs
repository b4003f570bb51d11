//! Credits that are spent, at once or by way of a hold.

use chrono::Duration;
use uuid::Uuid;

use super::{Added, Draft, draft::check_range};
use crate::credit_ledger::{
    CaptureHold, CreditLedgerRefusal as No, DebtPolicy, Held, Hold, HoldCaptured, ReleaseCause,
    ReleaseHold, Slice, Spend, Spent, burn,
    canary::{Canary, is_broken},
    records::HoldState,
    velocity::{DAY_MS, MINUTE_MS},
};

/// How many messages are sent at once.
const MESSAGES: (i64, i64) = (1, 1000);
/// How many grants one spend may take from: its event stays far below what the log takes.
const SLICES_MAX: usize = 100;
/// How many holds may be open: messages under way of one customer.
const HOLDS_OPEN_MAX: usize = 50;

/// What messages are paid with.
struct Means {
    credits: i64,
    slices: Vec<Slice>,
    pass_id: Option<Uuid>,
}

impl Draft<'_> {
    pub(super) fn spend(&mut self, spend: &Spend) -> Added {
        let Spend { spend_id, messages } = *spend;
        if let Some(known) = self.ledger().spend(spend_id) {
            let same = known.messages == messages && !known.from_hold;
            return if same { Ok(()) } else { Err(No::IdReused { id: spend_id }) };
        }
        if self.ledger().holds.contains_key(&spend_id) || self.released(spend_id).is_some() {
            return Err(No::IdReused { id: spend_id });
        }
        let Means { credits, slices, pass_id } = self.means(messages)?;
        let slices = self.leaving(&slices)?;
        let balance = self.ledger().balance(self.at).saturating_sub(credits);
        let booking = self.blank();
        self.book(Spent { spend_id, messages, credits, slices, pass_id, balance, booking })
    }

    pub(super) fn hold(&mut self, hold: &Hold) -> Added {
        let Hold { hold_id, messages } = *hold;
        if let Some(known) = self.ledger().holds.get(&hold_id) {
            let same = known.messages == messages;
            return if same { Ok(()) } else { Err(No::IdReused { id: hold_id }) };
        }
        if let Some(timed_out) = self.released(hold_id) {
            return Err(No::HoldOver { id: hold_id, timed_out });
        }
        if self.ledger().spend(hold_id).is_some() {
            return Err(No::IdReused { id: hold_id });
        }
        if self.ledger().holds.len() >= HOLDS_OPEN_MAX {
            let max = i64::try_from(HOLDS_OPEN_MAX).unwrap_or(i64::MAX);
            return Err(No::TooMany { what: "holds".to_owned(), max });
        }
        let Means { credits, slices, pass_id } = self.means(messages)?;
        let waits = Duration::seconds(self.rules.hold_seconds.into());
        let expires_at = self.at.checked_add_signed(waits).unwrap_or(self.at);
        let balance = self.ledger().balance(self.at).saturating_sub(credits);
        let booking = self.blank();
        self.book(Held {
            hold_id,
            messages,
            credits,
            slices,
            pass_id,
            expires_at,
            balance,
            booking,
        })
    }

    pub(super) fn capture(&mut self, capture: &CaptureHold) -> Added {
        let CaptureHold { hold_id, credits } = *capture;
        let Some(hold) = self.ledger().holds.get(&hold_id).cloned() else {
            return self.captured_before(hold_id, credits);
        };
        let credits = credits.unwrap_or(hold.credits);
        check_range("credits", credits, (hold.credits.min(1), hold.credits))?;
        let HoldState { messages, slices, pass_id, .. } = hold;
        let (slices, mut released) = divide(&slices, credits);
        let slices = self.leaving(&slices)?;
        if is_broken(Canary::CaptureAll) {
            released.clear();
        }
        let back: i64 = released
            .iter()
            .filter(|slice| {
                let grant = self.ledger().grants.get(&slice.grant_id);
                grant.is_some_and(|grant| !grant.is_over(self.at) && grant.is_free())
            })
            .map(|slice| slice.credits)
            .fold(0, i64::saturating_add);
        let balance = self.ledger().balance(self.at).saturating_add(back);
        let booking = self.blank();
        self.book(HoldCaptured {
            hold_id,
            messages,
            credits,
            slices,
            released,
            pass_id,
            balance,
            booking,
        })
    }

    /// A capture of what is no open hold: made already, or too late.
    fn captured_before(&self, hold_id: Uuid, credits: Option<i64>) -> Added {
        if let Some(timed_out) = self.released(hold_id) {
            return Err(No::HoldOver { id: hold_id, timed_out });
        }
        let Some(spend) = self.ledger().spend(hold_id).filter(|spend| spend.from_hold) else {
            return Err(No::HoldUnknown { id: hold_id });
        };
        let taken = spend.slices.iter().map(|slice| slice.taken.credits);
        let taken = taken.fold(0, i64::saturating_add);
        match credits {
            Some(credits) if credits != taken => Err(No::IdReused { id: hold_id }),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn release(&mut self, release: &ReleaseHold) -> Added {
        let id = release.hold_id;
        if self.ledger().holds.contains_key(&id) {
            return self.give_back(id, ReleaseCause::Released);
        }
        if self.released(id).is_some() {
            return Ok(());
        }
        match self.ledger().spend(id).filter(|spend| spend.from_hold) {
            Some(_) => Err(No::HoldCaptured { id }),
            None => Err(No::HoldUnknown { id }),
        }
    }

    /// Whether a hold gave its credits back, and then whether for want of time.
    fn released(&self, hold_id: Uuid) -> Option<bool> {
        let mut released = self.ledger().released.iter();
        released.find(|hold| hold.hold_id == hold_id).map(|hold| hold.timed_out)
    }

    /// With what so many messages are paid: a pass, or credits in their order.
    fn means(&self, messages: i64) -> Result<Means, No> {
        check_range("messages", messages, MESSAGES)?;
        let owed = self.ledger().owed;
        match self.rules.debt {
            DebtPolicy::Block if owed > 0 => return Err(No::DebtOpen { owed }),
            DebtPolicy::Block | DebtPolicy::Owe | DebtPolicy::Forgive => {}
        }
        let (sent, max) = (self.ledger().messages, self.rules.messages_per_minute_max);
        if sent.lately(self.at, MINUTE_MS).saturating_add(messages) > max {
            let retry_at = sent.room_from(messages, max, self.at, MINUTE_MS);
            return Err(No::TooFast { max, retry_at });
        }
        if let Some(pass_id) = self.ledger().pass_on(self.at) {
            return Ok(Means { credits: 0, slices: vec![], pass_id: Some(pass_id) });
        }
        let credits = messages.saturating_mul(self.rules.message_cost.max(0));
        let (spent, max) = (self.ledger().spent, self.rules.credits_per_day_max);
        if spent.lately(self.at, DAY_MS).saturating_add(credits) > max {
            let retry_at = spent.room_from(credits, max, self.at, DAY_MS);
            return Err(No::DayLimit { max, retry_at });
        }
        let slices = burn::allocate(&self.ledger().grants, credits, self.at);
        let slices = slices.map_err(|available| No::NotEnoughCredits {
            needed: credits,
            available,
            missing: credits.saturating_sub(available),
            held: self.ledger().held(),
        })?;
        if slices.len() > SLICES_MAX {
            let max = i64::try_from(SLICES_MAX).unwrap_or(i64::MAX);
            return Err(No::TooScattered { max });
        }
        Ok(Means { credits, slices, pass_id: None })
    }

    /// The slices with the money that leaves with them.
    fn leaving(&self, slices: &[Slice]) -> Result<Vec<Slice>, No> {
        let leaving = |slice: &Slice| {
            let grant = self.ledger().grants.get(&slice.grant_id);
            let grant = grant.ok_or(No::GrantUnknown { id: slice.grant_id })?;
            let left = grant.leaving(slice.grant_id, slice.credits);
            left.map_err(|defect| self.defect(defect))
        };
        slices.iter().map(leaving).collect()
    }
}

/// The first so many credits of some slices, and the rest.
fn divide(slices: &[Slice], credits: i64) -> (Vec<Slice>, Vec<Slice>) {
    let mut missing = credits;
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for slice in slices {
        let taken = slice.credits.min(missing);
        missing = missing.saturating_sub(taken);
        let left = slice.credits.saturating_sub(taken);
        if taken > 0 {
            first.push(Slice { credits: taken, ..*slice });
        }
        if left > 0 {
            rest.push(Slice { credits: left, ..*slice });
        }
    }
    (first, rest)
}
