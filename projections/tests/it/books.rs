//! The books against sums that are made naively, over histories at random.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    EventBody, Recorded, TenantId,
    credit_ledger::{
        BookAccount, Booking, CorrectionReason, CreditLedgerEvent, DebtWrittenOff, Entry,
        GrantExpired, Slice, Unit, chain::Head,
    },
};
use kontor_projections::{
    PageRequest, Projection, QueryError,
    books::{self, AsOf, Books, LineRow, Movement, Period, Subject},
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::support::{Places, World, id, tenant};

/// The events of a ledger that move nothing.
const WITHOUT_LINES: [&str; 3] =
    ["credit_ledger.opened", "credit_ledger.low", "credit_ledger.reset_begun"];

/// Without an event that moves something the trial balance would be wrong, and nothing would fail.
#[test]
fn every_event_that_moves_something_is_in_the_books() {
    let all = CreditLedgerEvent::SCHEMAS.iter().map(|schema| schema.event_type);
    let mut moving: Vec<&str> = all.filter(|name| !WITHOUT_LINES.contains(name)).collect();
    let mut read = Books.event_types().to_vec();
    moving.sort_unstable();
    read.sort_unstable();
    assert_eq!(read, moving);
}

/// One booking: whose, which two accounts, how much, how long after the last one it was recorded, and
/// how much earlier it holds; both in minutes.
type Plan = (u8, u8, u8, i64, i64, i64);

/// Amounts that are usual, and such that a few of them leave 64 bits.
fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let amount = prop_oneof![1..2_000_i64, i64::MAX - 10..i64::MAX];
    let late = prop_oneof![Just(0_i64), 0..4_000_i64];
    // Many are recorded at the same instant.
    let pause = prop_oneof![Just(0_i64), 0..900_i64];
    vec((0_u8..3, any::<u8>(), any::<u8>(), amount, pause, late), 60)
}

/// What is counted by hand.
type Naive = BTreeMap<(BookAccount, Unit), (i128, i128)>;

struct Town {
    world: World,
    slug: TenantId,
    events: Vec<Recorded>,
    lines: Vec<LineRow>,
}

impl Town {
    async fn new(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let plans = plans().new_tree(&mut runner).unwrap().current();
        let slug = tenant("moscow");
        let mut town =
            Self { world: World::new().await, slug, events: Vec::new(), lines: Vec::new() };
        let mut places = Places::default();
        // Midnight of UTC is within the first hours.
        let mut now: DateTime<Utc> = "2026-11-20T22:30:00Z".parse().unwrap();
        for plan in plans {
            now += Duration::minutes(plan.4);
            town.book(&mut places, now, plan);
        }
        town
    }

    fn book(&mut self, places: &mut Places, now: DateTime<Utc>, plan: Plan) {
        let (who, debit, credit, amount, _, late) = plan;
        let accounts = BookAccount::ALL;
        let account = |number: u8| accounts[usize::from(number) % accounts.len()];
        let unit: Unit = ["CR", "RUB"][usize::from(debit % 2)].to_owned().try_into().unwrap();
        let entry = |account, amount| Entry { account, unit, amount, grant_id: None };
        let entries = vec![entry(account(debit), amount), entry(account(credit), -amount)];
        let booking = Booking { number: 1, at: now, entries, head: Head::GENESIS };
        let effective_at = now - Duration::minutes(late);
        let fact = if late == 0 {
            let reason = CorrectionReason::Mistake;
            CreditLedgerEvent::DebtWrittenOff(DebtWrittenOff { credits: 1, reason, booking })
        } else {
            let slice = Slice { grant_id: id("grant"), credits: 1, value: None };
            CreditLedgerEvent::GrantExpired(GrantExpired { slice, effective_at, booking })
        };
        let ledger_id = id(&format!("ledger {who}"));
        let event = Recorded { recorded_at: now, ..places.record(&self.slug, ledger_id, &fact) };
        for (line, entry) in (0..).zip(&fact.booking().entries) {
            self.lines.push(LineRow {
                place: event.position * 1000 + line,
                ledger_id,
                version: event.version,
                kind: event.event_type.split_once('.').unwrap().1.to_owned(),
                account: entry.account,
                unit,
                amount: entry.amount,
                grant_id: None,
                effective_at,
                recorded_at: now,
            });
        }
        self.events.push(event);
    }

    /// All instants at which something changes, those beside them, and midnights.
    fn instants(&self) -> Vec<Option<DateTime<Utc>>> {
        let mut instants = vec![None];
        for line in self.lines.iter().step_by(7) {
            for at in [line.effective_at, line.recorded_at] {
                let midnight = at.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
                instants.extend([at, at + Duration::microseconds(1), midnight].map(Some));
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    fn naive(&self, counts: impl Fn(&LineRow) -> bool) -> Naive {
        let mut sums = Naive::new();
        for line in self.lines.iter().filter(|line| counts(line)) {
            let (debits, credits) = sums.entry((line.account, line.unit)).or_default();
            *debits += i128::from(line.amount.max(0));
            *credits -= i128::from(line.amount.min(0));
        }
        sums
    }

    /// A statement with all of its lines, page by page.
    async fn whole(&self, of: (Subject, Period), limit: u32) -> books::Statement {
        let mut page = PageRequest::first(limit);
        let mut seen = Vec::new();
        loop {
            let cut = books::statement(&self.world.pool, &self.slug, of, &page).await.unwrap();
            seen.extend(cut.movements.items.clone());
            page.after = cut.movements.next;
            if page.after.is_none() {
                let movements = kontor_projections::Page { items: seen, next: None };
                return books::Statement { movements, ..cut };
            }
        }
    }
}

fn before(at: DateTime<Utc>, bound: Option<DateTime<Utc>>) -> bool {
    bound.is_none_or(|bound| at < bound)
}

#[tokio::test]
async fn balances_at_any_two_instants_are_the_sums_of_all_lines() {
    for seed in 1..=2 {
        let town = Town::new(seed).await;
        for page in town.events.chunks(7) {
            town.world.apply(&Books, page).await;
        }
        let instants = town.instants();
        assert!(instants.len() > 30, "{}", instants.len());
        for effective_before in &instants {
            for recorded_before in instants.iter().step_by(3) {
                let as_of =
                    AsOf { effective_before: *effective_before, recorded_before: *recorded_before };
                let rows = books::trial_balance(&town.world.pool, &town.slug, as_of).await.unwrap();
                let found: Naive = rows
                    .iter()
                    .map(|row| ((row.account, row.unit), (row.debits, row.credits)))
                    .collect();
                let expected = town.naive(|line| {
                    before(line.effective_at, *effective_before)
                        && before(line.recorded_at, *recorded_before)
                });
                assert_eq!(found, expected, "seed {seed}, {as_of:?}");
                let sum: i128 = rows.iter().map(books::AccountBalance::balance).sum();
                assert_eq!(sum, 0, "seed {seed}, {as_of:?}");
            }
        }
        let widest = town.naive(|_| true).into_values().map(|(debits, _)| debits).max().unwrap();
        assert!(
            widest > i128::from(i64::MAX),
            "seed {seed} has no sum that needs more than 64 bits"
        );
    }
}

/// The lines that a statement should have, with the balance behind each.
fn expected(town: &Town, (subject, period): (Subject, Period)) -> Vec<Movement> {
    let mut lines: Vec<&LineRow> = town
        .lines
        .iter()
        .filter(|line| match subject {
            Subject::Account(account) => line.account == account,
            Subject::Ledger(id) => line.ledger_id == id,
        })
        .filter(|line| before(line.recorded_at, period.recorded_before))
        .filter(|line| before(line.effective_at, period.to))
        .collect();
    lines.sort_unstable_by_key(|line| (line.effective_at, line.place));
    let mut running = BTreeMap::<(BookAccount, Unit), i128>::new();
    let told = lines.into_iter().map(|line| {
        let balance = running.entry((line.account, line.unit)).or_default();
        *balance += i128::from(line.amount);
        Movement { line: line.clone(), balance: *balance }
    });
    told.filter(|it| period.from.is_none_or(|from| it.line.effective_at >= from)).collect()
}

#[tokio::test]
async fn a_statement_opens_moves_and_closes_as_the_lines_say() {
    let town = Town::new(3).await;
    town.world.apply(&Books, &town.events).await;
    let instants = town.instants();
    let busiest = town.lines[0].account;
    let subjects =
        [Subject::Account(busiest), Subject::Ledger(id("ledger 1")), Subject::Ledger(id("none"))];
    for subject in subjects {
        for from in instants.iter().step_by(5) {
            for to in instants.iter().step_by(4) {
                let period = Period { from: *from, to: *to, recorded_before: instants[9] };
                let period =
                    if to.is_none() { Period { recorded_before: None, ..period } } else { period };
                if from.zip(*to).is_some_and(|(from, to)| from > to) {
                    continue;
                }
                let found = town.whole((subject, period), 3).await;
                let lines = expected(&town, (subject, period));
                assert_eq!(found.movements.items, lines, "{subject:?} {period:?}");
                for turnover in &found.turnovers {
                    let mut of = lines.iter().filter(|it| {
                        (it.line.account, it.line.unit) == (turnover.account, turnover.unit)
                    });
                    let moved: i128 = of.clone().map(|it| i128::from(it.line.amount)).sum();
                    assert_eq!(turnover.debits - turnover.credits, moved, "{turnover:?}");
                    assert_eq!(turnover.opening + moved, turnover.closing, "{turnover:?}");
                    let last = of.next_back().map_or(turnover.opening, |it| it.balance);
                    assert_eq!(turnover.closing, last, "{turnover:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn pages_that_come_again_or_out_of_order_leave_the_same_sums() {
    let town = Town::new(4).await;
    let all = AsOf::default();
    for page in town.events.chunks(9) {
        town.world.apply(&Books, page).await;
    }
    let expected = books::trial_balance(&town.world.pool, &town.slug, all).await.unwrap();
    let hash = town.world.hash().await;
    for page in town.events.chunks(4).rev() {
        town.world.apply(&Books, page).await;
    }
    assert_eq!(town.world.hash().await, hash, "what came again changed something");
    town.world.clear().await;
    for page in town.events.chunks(4).rev() {
        town.world.apply(&Books, page).await;
    }
    assert_eq!(town.world.hash().await, hash, "the order changed something");
    let again = books::trial_balance(&town.world.pool, &town.slug, all).await.unwrap();
    assert_eq!(again, expected);
}

#[tokio::test]
async fn another_tenants_books_are_empty_and_strange_cursors_are_refused() {
    let town = Town::new(5).await;
    town.world.apply(&Books, &town.events).await;
    let pool = &town.world.pool;
    let other = tenant("other");
    assert_eq!(books::trial_balance(pool, &other, AsOf::default()).await.unwrap(), []);
    let of = (Subject::Ledger(id("ledger 1")), Period::default());
    let hidden = books::statement(pool, &other, of, &PageRequest::first(5)).await.unwrap();
    assert_eq!((hidden.turnovers.len(), hidden.movements.items.len()), (0, 0));
    let position = town.events[3].position;
    assert_eq!(books::booking(pool, &other, position).await.unwrap(), []);
    let lines = books::booking(pool, &town.slug, position).await.unwrap();
    assert_eq!(lines, town.lines[6..8]);
    assert_eq!((lines[1].position(), lines[1].line()), (position, 1));
    for nowhere in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(books::booking(pool, &town.slug, nowhere).await.unwrap(), []);
    }
    let cut = books::statement(pool, &town.slug, of, &PageRequest::first(1)).await.unwrap();
    let stolen = PageRequest { after: cut.movements.next, limit: 1 };
    assert!(stolen.after.is_some());
    let refused = books::statement(pool, &other, of, &stolen).await;
    assert!(matches!(refused, Err(QueryError::Cursor(_))), "{refused:?}");
}
