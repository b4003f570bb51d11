//! The same matches as a matcher finds that looks at everything at once and at each pair, in whatever
//! order events come.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use kontor_domain::provider_statement::{LineKind, StatementSource};
use kontor_projections::reconciliation::Reconciliations;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Log, at, line};
use crate::support::World;

/// An item as the naive matcher sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Thing {
    id: Uuid,
    side: i16,
    reference: Option<String>,
    refs: Vec<String>,
    expected_minor: i64,
    at: DateTime<Utc>,
}

const WINDOW: Duration = Duration::hours(36);

/// Pairs of all things, found slowly.
fn naive(things: &[Thing]) -> BTreeMap<Uuid, Uuid> {
    let mut things = things.to_vec();
    things.sort_by_key(|it| it.id);
    let lefts: Vec<&Thing> = things.iter().filter(|it| it.side == 1).collect();
    let rights: Vec<&Thing> = things.iter().filter(|it| it.side == 2).collect();
    let claims = |right: &Thing, left: &Thing| {
        let known = right
            .refs
            .iter()
            .find(|it| lefts.iter().any(|left| left.reference.as_ref() == Some(*it)));
        known.is_some() && known == left.reference.as_ref()
    };
    let mut pairs: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    for equal in [true, false] {
        for left in &lefts {
            for right in &rights {
                let free = !pairs.contains_key(&left.id) && !pairs.contains_key(&right.id);
                let fits = !equal || left.expected_minor == right.expected_minor;
                if free && fits && claims(right, left) {
                    pairs.insert(left.id, right.id);
                    pairs.insert(right.id, left.id);
                }
            }
        }
    }
    // A payment whose id a line has found for another one is no candidate for a line without ids.
    let by_id = pairs.clone();
    let is_free = |left: &Thing| {
        !lefts.iter().any(|it| it.reference == left.reference && by_id.contains_key(&it.id))
    };
    let near = |left: &Thing, right: &Thing| {
        right.refs.is_empty()
            && is_free(left)
            && left.expected_minor == right.expected_minor
            && (left.at - right.at).abs() <= WINDOW
    };
    for right in &rights {
        let of_right: Vec<_> = lefts.iter().filter(|left| near(left, right)).collect();
        if let [left] = of_right[..]
            && rights.iter().filter(|right| near(left, right)).count() == 1
        {
            pairs.insert(left.id, right.id);
            pairs.insert(right.id, left.id);
        }
    }
    pairs
}

async fn things(pool: &PgPool) -> Vec<Thing> {
    let sql = "select id, side, reference, refs, expected_minor, at from recon_items";
    sqlx::query_as(sql).fetch_all(pool).await.unwrap()
}

async fn found(pool: &PgPool) -> BTreeMap<Uuid, Uuid> {
    let sql = "select id, partner from recon_items where partner is not null";
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(sql).fetch_all(pool).await.unwrap();
    rows.into_iter().collect()
}

/// Payments and lines that are often alike: few ids, few amounts, near instants.
fn history(payments: &[(u8, u8, u8)], lines: &[(Vec<u8>, u8, u8)]) -> Log {
    let mut log = Log::new();
    let instant = |hours: u8| at("2026-11-10T00:00:00Z") + Duration::hours(i64::from(hours));
    for (number, (charge, amount, hours)) in payments.iter().enumerate() {
        let (payment, charge) = (format!("payment {number}"), format!("ch_{charge}"));
        log.paid(&payment, &charge, instant(*hours), 500 + i64::from(*amount));
    }
    for (number, (charges, amount, hours)) in lines.iter().enumerate() {
        let charges: Vec<String> = charges.iter().map(|it| format!("ch_{it}")).collect();
        let charges: Vec<&str> = charges.iter().map(String::as_str).collect();
        let moved = (instant(*hours), 500 + i64::from(*amount));
        let line = line(&format!("txn_{number}"), LineKind::Charge, &charges, moved);
        log.lines(StatementSource::Stripe, vec![line]);
    }
    log
}

#[tokio::test]
async fn matches_are_exclusive_and_the_same_in_any_order() {
    let world = World::new().await;
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let payments = prop::collection::vec((0_u8..6, 0_u8..3, 0_u8..96), 0..9);
    let ids = prop::collection::vec(0_u8..8, 0..3);
    let lines = prop::collection::vec((ids, 0_u8..3, 0_u8..96), 0..9);
    let order = prop::collection::vec(any::<prop::sample::Index>(), 20);
    let (mut with_pairs, mut by_window) = (0, 0);
    for _ in 0..60 {
        let plan = (&payments, &lines, &order, 1_usize..5).new_tree(&mut runner).unwrap().current();
        let (payments, lines, order, page) = plan;
        let log = history(&payments, &lines);
        // Streams are mixed at random; each keeps its own order.
        let mut streams: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for event in log.events.iter().rev() {
            streams.entry(event.stream_id).or_default().push(event.clone());
        }
        let mut mixed = Vec::new();
        let mut turns = order.iter().cycle();
        while !streams.is_empty() {
            let keys: Vec<Uuid> = streams.keys().copied().collect();
            let key = *turns.next().unwrap().get(&keys);
            mixed.extend(streams.get_mut(&key).unwrap().pop());
            streams.retain(|_, left| !left.is_empty());
        }
        let mut outcomes = Vec::new();
        for events in [&log.events, &mixed] {
            world.clear().await;
            for page in events.chunks(page) {
                world.apply(&Reconciliations, page).await;
            }
            let expected = naive(&things(&world.pool).await);
            let found = found(&world.pool).await;
            assert_eq!(found, expected, "{payments:?} {lines:?}");
            assert!(found.iter().all(|(one, other)| found.get(other) == Some(one)));
            outcomes.push(found);
        }
        assert_eq!(outcomes[0], outcomes[1]);
        with_pairs += usize::from(!outcomes[0].is_empty());
        let sql = "select count(*) from recon_items where matched_by = 'window'";
        let windows: i64 = sqlx::query_scalar(sql).fetch_one(&world.pool).await.unwrap();
        by_window += usize::from(windows > 0);
    }
    assert!(with_pairs > 30 && by_window > 5, "{with_pairs} {by_window}");
}
