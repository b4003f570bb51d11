//! Every history against the model, and proof that the comparison bites.

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    model::{Model, Place},
    *,
};
use crate::credit_ledger::{
    canary::{Canary, with_broken},
    grant::Blocked,
};

/// One thing that somebody tries: what, with which figures, and how long after the last one.
type Attempt = (u8, u8, u8, u8);

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    vec((0_u8..16, any::<u8>(), any::<u8>(), any::<u8>()), 1..60)
}

#[derive(Default)]
struct Play {
    desk: Desk,
    model: Model,
    now: i64,
    next: u128,
    disputes: Vec<(u128, u128)>,
    last_spend: Option<(u128, i64)>,
    /// How many credits there were after the last booking, and whether the customer was warned.
    kept: i64,
    warned: bool,
}

/// At which balance the customers of these histories are warned.
const LOW: i64 = 3;

fn pick<T: Copy>(from: Vec<T>, number: u8) -> Option<T> {
    (!from.is_empty()).then(|| from[usize::from(number) % from.len()])
}

fn number_of(id: Uuid) -> u128 {
    id.as_u128() - 0x100
}

impl Play {
    fn new() -> Self {
        let mut play = Self { desk: Desk::opened(), next: 1, kept: 3, ..Self::default() };
        play.desk.rules.low_credits = LOW;
        play.model.add(0, false, 3, None);
        play
    }

    /// What the ledger is asked, and whether the model does it.
    fn attempt(&mut self, what: u8, a: u8, b: u8) -> Option<(CreditLedgerCommand, bool)> {
        use CreditLedgerCommand as C;
        let (number, now) = (self.next, self.now);
        self.next += 1;
        let few = i64::from(a % 4) + 1;
        let until = (!b.is_multiple_of(3)).then(|| now + [30, 800][usize::from(b % 2)]);
        let expires_at = until.map(|until| start() + Duration::minutes(until));
        let model = &mut self.model;
        Some(match what {
            0 | 1 => {
                let (credits, price) = (i64::from(a % 9) + 1, i64::from(b) * 7 + 1);
                model.add(number, true, credits, until);
                let C::Grant(grant) = purchase(number, credits, price) else { return None };
                (C::Grant(Grant { expires_at, ..grant }), true)
            }
            2 => {
                model.add(number, false, few, until);
                let (source, payment) = (GrantSource::Gift, None);
                let (grant_id, priority, credits) = (id(number), None, few);
                (C::Grant(Grant { grant_id, source, credits, payment, expires_at, priority }), true)
            }
            3..=6 => {
                let coins = model.take(few, now, Place::Spent);
                let done = coins.is_some();
                if let Some(coins) = coins {
                    model.spends.insert(number, coins);
                    self.last_spend = Some((number, few));
                }
                (spend(number, few), done)
            }
            7 => {
                let (number, few) = self.last_spend?;
                (spend(number, few), false)
            }
            8 | 9 => {
                let coins = model.take(few, now, Place::Held(number));
                let done = coins.is_some();
                if let Some(coins) = coins {
                    model.holds.insert(number, (now + 15, coins));
                }
                (C::Hold(Hold { hold_id: id(number), messages: few }), done)
            }
            10 => self.end_hold(a, b)?,
            11 => {
                let spend_id = pick(model.spends.keys().copied().collect(), a)?;
                let part = usize::from(b % 3) + 1;
                let done = model.reverse(spend_id, part);
                let (reversal_id, spend_id) = (id(number), id(spend_id));
                let (credits, reason) = (i64::try_from(part).ok(), CorrectionReason::Mistake);
                (C::ReverseSpend(ReverseSpend { reversal_id, spend_id, credits, reason }), done)
            }
            12 => self.refund(number, a, b)?,
            13 => self.dispute(number, a)?,
            14 => self.end_dispute(b)?,
            _ => self.pass(number),
        })
    }

    fn dispute(&mut self, number: u128, a: u8) -> Option<(CreditLedgerCommand, bool)> {
        use CreditLedgerCommand as C;
        let model = &mut self.model;
        let grant = pick(model.purses.keys().copied().filter(|id| *id > 0).collect(), a)?;
        let purse = model.purses.get_mut(&grant)?;
        let kept = purse.coins.iter().any(|coin| *coin != Place::Refunded);
        let done = purse.paid && !purse.disputed && !purse.lost && kept;
        if done {
            purse.disputed = true;
            self.disputes.push((number, grant));
        }
        let (dispute_id, grant_id, amount) = (id(number), id(grant), usd(1));
        Some((C::OpenDispute(OpenDispute { dispute_id, grant_id, amount }), done))
    }

    fn end_dispute(&mut self, b: u8) -> Option<(CreditLedgerCommand, bool)> {
        use CreditLedgerCommand as C;
        let model = &mut self.model;
        let (dispute, grant) = self.disputes.pop()?;
        let outcome = if b.is_multiple_of(2) {
            model.lose(grant);
            DisputeOutcome::Lost
        } else {
            model.purses.get_mut(&grant)?.disputed = false;
            DisputeOutcome::Won
        };
        Some((C::CloseDispute(CloseDispute { dispute_id: id(dispute), outcome }), true))
    }

    fn pass(&mut self, number: u128) -> (CreditLedgerCommand, bool) {
        use CreditLedgerCommand as C;
        let (model, now) = (&mut self.model, self.now);
        let open = model.passes.iter().filter(|(_, to)| *to > now);
        let from = open.map(|(_, to)| *to).max().unwrap_or(now);
        let fits = model.passes.iter().filter(|(_, to)| *to > now).count() < 12;
        if fits {
            model.passes.push((from, from + 1440));
        }
        let (period, payment) = (PassPeriod::Day, None);
        (C::GrantPass(GrantPass { pass_id: id(number), period, payment }), fits)
    }

    fn end_hold(&mut self, a: u8, b: u8) -> Option<(CreditLedgerCommand, bool)> {
        use CreditLedgerCommand as C;
        // Of any hold there ever was: late ones must be refused.
        let number = pick((1..self.next).collect(), a)?;
        let hold_id = id(number);
        let Some((_, coins)) = self.model.holds.get(&number).cloned() else {
            return Some((C::CaptureHold(CaptureHold { hold_id, credits: None }), false));
        };
        if coins.is_empty() || b.is_multiple_of(3) {
            self.model.release(number);
            return Some((C::ReleaseHold(ReleaseHold { hold_id }), true));
        }
        let part = usize::from(b) % coins.len() + 1;
        self.model.capture(number, part);
        let credits = i64::try_from(part).ok();
        Some((C::CaptureHold(CaptureHold { hold_id, credits }), true))
    }

    fn refund(&mut self, number: u128, a: u8, b: u8) -> Option<(CreditLedgerCommand, bool)> {
        let model = &mut self.model;
        let grant = pick(model.purses.keys().copied().filter(|id| *id > 0).collect(), a)?;
        let purse = &model.purses[&grant];
        let free = model.free(grant);
        let done = purse.paid && !purse.disputed && !purse.lost && free > 0;
        let part = usize::from(b) % free.max(1) + 1;
        if done {
            model.refund(grant, part);
        }
        let (refund_id, grant_id) = (id(number), id(grant));
        let (credits, reason) = (i64::try_from(part).ok(), CorrectionReason::CustomerAsked);
        let refund = RefundGrant { refund_id, grant_id, credits, reason };
        Some((CreditLedgerCommand::RefundGrant(refund), done))
    }

    fn step(&mut self, (what, a, b, wait): Attempt) -> Result<(), String> {
        self.now += [1, 4, 16, 700][usize::from(wait % 4)];
        self.model.settle(self.now);
        let Some((command, expected)) = self.attempt(what, a, b) else { return Ok(()) };
        self.model.settle(self.now);
        let done = match self.desk.ask(self.now, command.clone()) {
            Ok(events) => events > 0,
            Err(CreditLedgerRefusal::BooksBroken { reason, .. }) => return Err(reason.to_string()),
            Err(_) => false,
        };
        if done != expected {
            return Err(format!("{command:?} at {}: done {done}, model {expected}", self.now));
        }
        if !done {
            return Ok(());
        }
        self.compare_warning()?;
        self.compare()
    }

    /// A customer is warned when credits left and few stayed, once until there were more.
    fn compare_warning(&mut self) -> Result<(), String> {
        let (model, before) = (&self.model, self.kept);
        self.kept = model.kept(self.now);
        if self.kept > LOW && model.owed == 0 {
            self.warned = false;
        }
        let left = self.kept < before && self.kept <= LOW && !model.pass_is_on(self.now);
        let expected = left && !self.warned;
        self.warned |= expected;
        let found = matches!(self.desk.events.last(), Some(CreditLedgerEvent::Low(_)));
        if found == expected {
            return Ok(());
        }
        Err(format!("warned {found} at {}, model {expected}: {before} to {}", self.now, self.kept))
    }

    fn compare(&self) -> Result<(), String> {
        let (ledger, model) = (&self.desk.ledger, &self.model);
        let found = (self.desk.balance(self.now), ledger.owed);
        let expected = (model.balance(self.now), model.owed);
        if found != expected {
            return Err(format!("balance and debt {found:?}, model {expected:?}"));
        }
        for (grant_id, grant) in ledger.grants.iter().filter(|(_, grant)| grant.source.is_paid()) {
            let places =
                [Place::Free, Place::Spent, Place::Expired, Place::Refunded, Place::Revoked];
            let expected = places.map(|place| model.count(number_of(*grant_id), place));
            let found =
                [grant.available, grant.consumed, grant.expired, grant.refunded, grant.revoked];
            if found != expected.map(|count| i64::try_from(count).unwrap()) {
                return Err(format!("{grant_id}: {found:?}, model {expected:?}"));
            }
            let lost = grant.blocked == Blocked::Lost;
            if lost != model.purses[&number_of(*grant_id)].lost {
                return Err(format!("{grant_id}: lost {lost}"));
            }
        }
        Ok(())
    }

    /// The whole history: the books by their entries alone, and by a second reading of them.
    fn audit(&self) -> Result<(), String> {
        let mut deferred = std::collections::BTreeMap::<Uuid, i64>::new();
        for entry in self.desk.events.iter().flat_map(|event| &event.booking().entries) {
            if entry.account == BookAccount::DeferredRevenue {
                *deferred.entry(entry.grant_id.unwrap()).or_default() -= entry.amount;
            }
        }
        for (grant_id, left) in deferred {
            let known = self.desk.ledger.grants[&grant_id].deferred_minor;
            let used_up = self.desk.ledger.grants[&grant_id].is_used_up();
            if left != known || (used_up && left != 0) {
                return Err(format!("{grant_id}: {left} left of its price, {known} known"));
            }
        }
        let mut again = CreditLedger::default();
        for event in &self.desk.events {
            cqrs_es::Aggregate::apply(&mut again, event.clone());
        }
        if again != self.desk.ledger {
            return Err("another state after replay".into());
        }
        // And every command decided anew.
        let rules = std::slice::from_ref(&self.desk.rules);
        let end = super::replays::replayed(&self.desk, rules).map_err(|it| it.to_string())?;
        if end == again.chain_end() { Ok(()) } else { Err("another end after replay".into()) }
    }

    fn run(attempts: &[Attempt]) -> Result<(), String> {
        let mut play = Self::new();
        for attempt in attempts {
            play.step(*attempt)?;
        }
        play.audit()
    }
}

/// Runs many histories from one seed; the first that fails, made small.
fn many(cases: u32) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let run = |attempts: Vec<Attempt>| Play::run(&attempts).map_err(TestCaseError::fail);
    runner.run(&attempts(), run).map_err(|failure| failure.to_string())
}

#[test]
fn every_history_is_what_the_model_says() {
    assert_eq!(many(400), Ok(()));
}

#[test]
fn every_canary_is_caught() {
    let missed: Vec<Canary> =
        Canary::ALL.into_iter().filter(|one| with_broken(*one, || many(400).is_ok())).collect();
    assert_eq!(missed, []);
}
