//! Figures, placements, and that the months together are the books.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::accounting_period::{
    Bounds, ClosedBounds, Line, PaymentKind, Placement, Tally, placement,
};
use crate::{EventBody, credit_ledger::CreditLedgerEvent};

const ZONES: [&str; 4] = ["Europe/Moscow", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"];

/// A booking of two lines: how long after the first of October it holds, and how much it moves.
type Booked = (i64, i64);

fn holds(minutes: i64) -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
}

/// Lines as the log has them: the place in the list is the position.
fn lines(booked: &[Booked]) -> Vec<Line<'static>> {
    let unit = Unit::Money("RUB".parse().unwrap());
    (1..)
        .zip(booked)
        .flat_map(|(position, (minutes, amount))| {
            let line = move |account, amount| {
                let effective_at = holds(*minutes);
                Line { position, effective_at, kind: "granted", account, unit, amount }
            };
            [
                line(BookAccount::ClearingStripe, *amount),
                line(BookAccount::DeferredRevenue, -amount),
            ]
        })
        .collect()
}

/// Closes months by the sums of what the books have, one after the other, at these positions.
fn closed(lines: &[Line<'_>], zone: &str, positions: &[i64]) -> Vec<(Bounds, Month, Figures)> {
    let zone = zone.parse().unwrap();
    let mut done: Vec<(Bounds, Month, Figures)> = Vec::new();
    let mut of = month("2026-10");
    for position in positions {
        let last = done.last();
        let (starts_at, ends_at) =
            AccountingPeriods::span(last.map(|(bounds, ..)| bounds.ends_at), of, zone);
        let previous_position = last.map(|(bounds, ..)| bounds.position);
        let bounds = Bounds { starts_at, ends_at, position: *position, previous_position };
        let mut tally = Tally::default();
        for line in lines {
            tally.take(&bounds, line);
        }
        done.push((bounds, of, tally.figures()));
        of = of.next();
    }
    done
}

fn closing_of(figures: &Figures, account: BookAccount) -> i128 {
    let rows = figures.accounts.iter().filter(|row| row.account == account);
    rows.map(|row| row.closing.0).sum()
}

proptest! {
    #[test]
    fn closed_months_and_what_counts_later_are_the_books(
        booked in prop::collection::vec((0_i64..200_000, 1_i64..10_000), 0..60),
        cuts in prop::collection::vec(0_usize..60, 1..5),
        zone in prop::sample::select(&ZONES[..]),
    ) {
        let lines = lines(&booked);
        let mut positions: Vec<i64> =
            cuts.iter().map(|cut| i64::try_from((*cut).min(booked.len())).unwrap()).collect();
        positions.sort_unstable();
        let months = closed(&lines, zone, &positions);
        // Each month goes on from the one before, and the aggregate takes it.
        let mut state = AccountingPeriods::default();
        for (bounds, of, figures) in &months {
            let mut close = close_of("2026-10", (bounds.previous_position, bounds.position), figures.clone());
            (close.month, close.starts_at, close.ends_at) = (*of, bounds.starts_at, bounds.ends_at);
            let mut issued = at("2028-01-01T00:00:00Z", "anna", closing(close));
            issued.tenant = Arc::new(facts(zone));
            for event in state.decide(issued).unwrap() {
                state.apply(event);
            }
        }
        // Every line counts in one month, or in what is open.
        let bounds: Vec<ClosedBounds> = months
            .iter()
            .map(|(it, month, _)| ClosedBounds { month: *month, ends_at: it.ends_at, position: it.position })
            .collect();
        let mut by_month = std::collections::BTreeMap::<Month, (i128, i64)>::new();
        let (mut open, mut books) = (0_i128, 0_i128);
        for line in lines.iter().filter(|line| line.account == BookAccount::ClearingStripe) {
            books += i128::from(line.amount);
            let (counts_in, late) = match placement(&bounds, line.effective_at, line.position) {
                Placement::Closed(month) => (Some(month), 0),
                Placement::Late { counts_in, of } => {
                    prop_assert!(of < counts_in);
                    (Some(counts_in), 1)
                }
                Placement::Open => (None, 0),
            };
            match counts_in.filter(|month| bounds.iter().any(|it| it.month == *month)) {
                Some(month) => {
                    let (sum, count) = by_month.entry(month).or_default();
                    *sum += i128::from(line.amount);
                    *count += late;
                }
                None => open += i128::from(line.amount),
            }
        }
        for (place, (_, month, figures)) in months.iter().enumerate() {
            let row = figures.accounts.iter().find(|row| row.account == BookAccount::ClearingStripe);
            let (opening, moved) = row.map_or((0, 0), |row| (row.opening.0, row.debits.0 - row.credits.0));
            // What holds from before the first closed month is its opening.
            let of_month = if place == 0 { opening + moved } else { moved };
            let (expected, late) = by_month.get(month).copied().unwrap_or_default();
            prop_assert_eq!(of_month, expected);
            prop_assert_eq!(figures.late_bookings, late);
        }
        let last = months.last().map_or(0, |(.., figures)| closing_of(figures, BookAccount::ClearingStripe));
        prop_assert_eq!(last + open, books);
    }

    #[test]
    fn sums_are_written_in_one_way(sum in any::<i128>()) {
        let text = serde_json::to_string(&Sum(sum)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Sum>(&text).unwrap(), Sum(sum));
    }
}

#[test]
fn a_month_begins_where_the_calendar_says() {
    let begins = |zone: &str, of: &str| month(of).begins(zone.parse().unwrap()).to_rfc3339();
    assert_eq!(begins("Europe/Moscow", "2026-12"), "2026-11-30T21:00:00+00:00");
    assert_eq!(begins("Asia/Kathmandu", "2026-12"), "2026-11-30T18:15:00+00:00");
    assert_eq!(begins("America/New_York", "2026-12"), "2026-12-01T05:00:00+00:00");
    // 23:59 of the last day in New York is still the old month, and the new one in Moscow.
    let late = "2026-12-01T04:59:00Z".parse().unwrap();
    assert_eq!(Month::at(late, "America/New_York".parse().unwrap()), month("2026-11"));
    assert_eq!(Month::at(late, "Europe/Moscow".parse().unwrap()), month("2026-12"));
    assert_eq!(month("2026-12").next(), month("2027-01"));
    for text in ["2026-13", "2026-1", "2026-11-01", "", "+2026-11", "ноябрь", "0001-01"] {
        assert!(text.parse::<Month>().is_err(), "{text}");
    }
}

#[test]
fn a_changed_time_zone_leaves_no_gap_between_months() {
    let ends_at = "2026-11-30T21:00:00Z".parse().unwrap();
    let zone = "America/New_York".parse().unwrap();
    let (starts_at, ends_then) = AccountingPeriods::span(Some(ends_at), month("2026-12"), zone);
    assert_eq!(starts_at, ends_at);
    assert_eq!(ends_then.to_rfc3339(), "2027-01-01T05:00:00+00:00");
}

#[test]
fn what_is_booked_after_the_close_counts_in_the_first_month_that_was_open_then() {
    let minutes = |days: i64| days * 24 * 60;
    // Two of October, one of November, then one of October and one of October again.
    let booked =
        [(minutes(3), 100), (minutes(4), 50), (minutes(40), 7), (minutes(5), 20), (minutes(6), 3)];
    let lines = lines(&booked);
    let months = closed(&lines, "Europe/Moscow", &[3, 4]);
    let clearing = |place: usize| {
        let (.., figures) = &months[place];
        *figures.accounts.iter().find(|row| row.account == BookAccount::ClearingStripe).unwrap()
    };
    let (october, november) = (clearing(0), clearing(1));
    assert_eq!(
        (october.debits, october.late_debits, october.closing),
        (Sum(150), Sum(0), Sum(150))
    );
    assert_eq!((november.opening, november.debits), (Sum(150), Sum(27)));
    assert_eq!((november.late_debits, november.closing), (Sum(20), Sum(177)));
    assert_eq!((months[1].2.bookings, months[1].2.late_bookings), (2, 1));
    assert_eq!(months[1].2.payments[0].kind, PaymentKind::Payment);
    assert_eq!((months[1].2.payments[0].count, months[1].2.payments[0].amount), (2, Sum(27)));
    let bounds: Vec<ClosedBounds> = months
        .iter()
        .map(|(it, of, _)| ClosedBounds { month: *of, ends_at: it.ends_at, position: it.position })
        .collect();
    let place = |line: usize| placement(&bounds, holds(booked[line].0), line as i64 + 1);
    assert_eq!(place(0), Placement::Closed(month("2026-10")));
    let (of, counts_in) = (month("2026-10"), month("2026-11"));
    assert_eq!(place(3), Placement::Late { of, counts_in });
    assert_eq!(place(4), Placement::Late { of, counts_in: month("2026-12") });
    assert_eq!(placement(&bounds, holds(minutes(62)), 9), Placement::Open);
}

#[test]
fn every_booking_that_moves_money_at_a_provider_is_of_a_kind() {
    for schema in CreditLedgerEvent::SCHEMAS {
        let kind = schema.event_type.split_once('.').unwrap().1;
        let expected = match kind {
            "granted" | "pass_granted" => PaymentKind::Payment,
            "grant_refunded" | "pass_refunded" | "part_refunded" => PaymentKind::Refund,
            "refund_returned" => PaymentKind::RefundReturned,
            "dispute_opened" | "dispute_closed" => PaymentKind::Dispute,
            "adjusted" => PaymentKind::Settlement,
            // Nothing moves at a provider, so it is never asked of what kind they are.
            "opened" | "spent" | "held" | "hold_captured" | "hold_released" | "spend_reversed"
            | "grant_expired" | "grant_revoked" | "debt_covered" | "debt_written_off"
            | "pass_recognised" | "low" | "reset_begun" => continue,
            other => panic!("say what {other} is in a month's report"),
        };
        assert_eq!(PaymentKind::of_booking(kind), expected, "{kind}");
    }
}
