//! What holds for every history.

use chrono::{Datelike, Days};
use cqrs_es::event_sink::EventSink;
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::Decider;

/// One thing that somebody tries, as small numbers that become a command that may be accepted.
#[derive(Clone, Debug)]
struct Attempt {
    days_later: u64,
    rise_milli: [i64; 3],
    correct: bool,
    confirmed: bool,
    by_staff: bool,
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let rise = || prop_oneof![8 => 0_i64..200_000, 1 => -50_000_i64..0, 1 => Just(-900_000)];
    let attempt = (0_u64..40, [rise(), rise(), rise()], any::<[bool; 3]>()).prop_map(
        |(days_later, rise_milli, [correct, confirmed, by_staff])| Attempt {
            days_later,
            rise_milli,
            correct,
            confirmed,
            by_staff,
        },
    );
    vec(attempt, 0..40)
}

/// Tries one thing after the other, and keeps what was accepted.
struct Play {
    meter: Meter,
    events: Vec<MeterEvent>,
    today: NaiveDate,
    shown: [i64; 3],
    zones: u8,
}

impl Play {
    fn new(zones: u8, digits: u8) -> Self {
        let start = Registered {
            zones,
            digits,
            registered_on: day("2026-01-01"),
            initial_values_milli: millis([500_000; 3]).into_iter().take(zones.into()).collect(),
            ..registered()
        };
        let events = vec![start.into()];
        Self { meter: state(&events), events, today: day("2026-01-01"), shown: [500_000; 3], zones }
    }

    fn command(&self, number: u128, attempt: &Attempt, values: [i64; 3]) -> MeterCommand {
        let source =
            if attempt.by_staff { ReadingSource::Operator } else { ReadingSource::Telegram };
        let values_milli = millis(values).into_iter().take(self.zones.into()).collect();
        if attempt.correct {
            CorrectReading {
                source,
                confirmed: attempt.confirmed,
                ..correct(self.last_number(), values_milli)
            }
            .into()
        } else {
            SubmitReading { source, confirmed: attempt.confirmed, ..submit(number, values_milli) }
                .into()
        }
    }

    fn last_number(&self) -> u128 {
        let last = self.events.iter().rev().find_map(|event| match event {
            MeterEvent::ReadingSubmitted(reading) => Some(reading.reading_id.as_u128() - 0x100),
            MeterEvent::Registered(_)
            | MeterEvent::ReadingCorrected(_)
            | MeterEvent::VerificationRenewed(_)
            | MeterEvent::Archived(_)
            | MeterEvent::HolderErased(_) => None,
        });
        last.unwrap_or(0)
    }

    fn try_one(&mut self, number: u128, attempt: &Attempt) {
        self.today = self.today.checked_add_days(Days::new(attempt.days_later)).unwrap();
        let values = [0, 1, 2].map(|zone| self.shown[zone] + attempt.rise_milli[zone]);
        let actor = if attempt.by_staff { operator() } else { customer(ANNA) };
        let command = Issued {
            at: noon(&self.today.to_string()),
            ..by(actor, issued(self.command(number, attempt, values)))
        };
        let Ok(events) = self.meter.decide(command.clone()) else { return };
        if !events.is_empty() {
            self.shown = values;
        }
        for event in events {
            self.meter.apply(event.clone());
            self.events.push(event);
        }
        assert_eq!(self.meter.decide(command), Ok(vec![]), "the same again is nothing new");
    }

    fn run(zones: u8, digits: u8, attempts: &[Attempt]) -> Self {
        let mut play = Self::new(zones, digits);
        for (number, attempt) in (1..).zip(attempts) {
            play.try_one(number, attempt);
        }
        play
    }

    /// The readings as they stand after all corrections.
    fn readings(&self) -> Vec<ReadingSubmitted> {
        let mut readings: Vec<ReadingSubmitted> = vec![];
        for event in &self.events {
            match event {
                MeterEvent::ReadingSubmitted(reading) => readings.push(reading.clone()),
                MeterEvent::ReadingCorrected(correction) => {
                    let last = readings.last_mut().unwrap();
                    assert_eq!(last.reading_id, correction.reading_id);
                    assert_eq!(last.values_milli, correction.previous_values_milli);
                    last.values_milli = correction.values_milli.clone();
                    last.consumption_milli = correction.consumption_milli.clone();
                    last.rolled_over = correction.rolled_over.clone();
                    last.usual_milli = correction.usual_milli;
                }
                MeterEvent::Registered(_)
                | MeterEvent::VerificationRenewed(_)
                | MeterEvent::Archived(_)
                | MeterEvent::HolderErased(_) => {}
            }
        }
        readings
    }
}

/// What is usual, computed once more from all readings: rates between days with readings.
fn usual_by_the_book(readings: &[ReadingSubmitted]) -> Option<Quantity> {
    let (last, earlier) = readings.split_last()?;
    if earlier.last().is_some_and(|before| before.taken_on == last.taken_on) {
        return None;
    }
    let mut days: Vec<(NaiveDate, i64)> = vec![(day("2026-01-01"), 0)];
    for reading in earlier {
        let consumption: i64 = reading.consumption_milli.values().map(|one| one.milli()).sum();
        match days.last_mut() {
            Some((on, sum)) if *on == reading.taken_on => *sum += consumption,
            _ => days.push((reading.taken_on, consumption)),
        }
    }
    let intervals: Vec<(i64, i64)> = days
        .windows(2)
        .map(|pair| (pair[1].0.signed_duration_since(pair[0].0).num_days(), pair[1].1))
        .collect();
    let known = &intervals[intervals.len().saturating_sub(6)..];
    let over = last.taken_on.signed_duration_since(days.last()?.0).num_days();
    if known.len() < 2 || over == 0 {
        return None;
    }
    let all_days: i64 = known.iter().map(|(days, _)| days).sum();
    let all: i64 = known.iter().map(|(_, consumption)| consumption).sum();
    let usual =
        (i128::from(all) * i128::from(over) + i128::from(all_days / 2)) / i128::from(all_days);
    (usual > 0).then(|| Quantity(usual.try_into().unwrap()))
}

fn extreme_quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]),
        any::<i64>(),
        0_i64..1_000_000_000,
    ]
    .prop_map(Quantity)
}

fn extreme_day() -> impl Strategy<Value = NaiveDate> {
    let ends = vec![NaiveDate::MIN, NaiveDate::MAX, day("1970-01-01"), day("2028-02-29")];
    let near = (2020_i32..2030, 1_u32..=366)
        .prop_map(|(year, ordinal)| NaiveDate::from_yo_opt(year, ordinal).unwrap_or(day(TODAY)));
    prop_oneof![select(ends), near]
}

fn extreme_values() -> impl Strategy<Value = BTreeMap<Zone, Quantity>> {
    proptest::collection::btree_map(select(Zone::ALL.to_vec()), extreme_quantity(), 0..=3)
}

fn any_source() -> impl Strategy<Value = ReadingSource> {
    use ReadingSource::{Api, Import, Operator, Telegram, Web};
    select(vec![Telegram, Web, Api, Operator, Import])
}

fn any_command() -> impl Strategy<Value = MeterCommand> {
    let text = || prop_oneof![Just(String::new()), "\\PC{0,400}", Just("\u{0}".repeat(3))];
    prop_oneof![
        (any::<[u8; 2]>(), text(), option::of(extreme_day()), extreme_values()).prop_map(
            |([zones, digits], text, verification_due_on, initial_values_milli)| Register {
                zones: zones % 5,
                digits: digits % 12,
                serial_number: text.clone(),
                place: text,
                verification_due_on,
                initial_values_milli,
                ..register()
            }
            .into()
        ),
        (0_u128..4, extreme_values(), option::of(extreme_day()), any_source(), any::<bool>())
            .prop_map(|(number, values, taken_on, source, confirmed)| SubmitReading {
                taken_on,
                source,
                confirmed,
                ..submit(number, values)
            }
            .into()),
        (0_u128..4, extreme_values(), any_source(), any::<bool>(), text()).prop_map(
            |(number, values, source, confirmed, reason)| CorrectReading {
                source,
                confirmed,
                reason,
                ..correct(number, values)
            }
            .into()
        ),
        extreme_day()
            .prop_map(|verification_due_on| RenewVerification { verification_due_on }.into()),
        text().prop_map(|reason| Archive { reason }.into()),
        Just(EraseHolder {}.into()),
    ]
}

/// Events that no decision led to: what a log might hold after a defect.
fn any_event() -> impl Strategy<Value = MeterEvent> {
    prop_oneof![
        (any::<[u8; 2]>(), extreme_day(), extreme_values()).prop_map(
            |([zones, digits], registered_on, initial_values_milli)| Registered {
                zones,
                digits,
                registered_on,
                initial_values_milli,
                ..registered()
            }
            .into()
        ),
        (0_u128..4, extreme_values(), extreme_values(), extreme_day()).prop_map(
            |(number, values_milli, consumption_milli, taken_on)| ReadingSubmitted {
                values_milli,
                consumption_milli,
                taken_on,
                period: taken_on,
                ..submitted(number, TODAY, 0, 0)
            }
            .into()
        ),
        (extreme_values(), extreme_values()).prop_map(|(values_milli, consumption_milli)| {
            ReadingCorrected { values_milli, consumption_milli, ..corrected(1, 0, 0, 0) }.into()
        }),
        extreme_day()
            .prop_map(|verification_due_on| VerificationRenewed { verification_due_on }.into()),
    ]
}

fn any_instant() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        select(vec![DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC, noon(TODAY)]),
        (0_i64..4_000_000_000).prop_map(|second| DateTime::from_timestamp(second, 0).unwrap()),
    ]
}

proptest! {
    #[test]
    fn an_accepted_history_replays_to_the_same_state(
        zones in 1_u8..=3, digits in 3_u8..=9, attempts in attempts(),
    ) {
        let play = Play::run(zones, digits, &attempts);
        prop_assert_eq!(state(&play.events), play.meter);
    }

    #[test]
    fn consumption_is_never_negative_and_adds_up(
        zones in 1_u8..=3, digits in 3_u8..=4, attempts in attempts(),
    ) {
        let capacity = 10_i64.pow(digits.into()) * 1000;
        let readings = Play::run(zones, digits, &attempts).readings();
        for zone in Zone::ALL.into_iter().take(zones.into()) {
            let mut shown = 500_000;
            let mut consumed = 0;
            let mut rollovers = 0;
            for reading in &readings {
                let consumption = reading.consumption_milli[&zone].milli();
                prop_assert!(consumption >= 0);
                consumed += consumption;
                rollovers += i64::from(reading.rolled_over.contains(&zone));
                shown = reading.values_milli[&zone].milli();
                prop_assert!((0..capacity).contains(&shown));
            }
            prop_assert_eq!(consumed, shown - 500_000 + rollovers * capacity);
        }
    }

    #[test]
    fn what_is_usual_is_what_the_whole_history_says(
        zones in 1_u8..=3, attempts in attempts(),
    ) {
        let readings = Play::run(zones, 9, &attempts).readings();
        for count in 1..=readings.len() {
            prop_assert_eq!(readings[count - 1].usual_milli, usual_by_the_book(&readings[..count]));
        }
    }

    #[test]
    fn readings_stand_in_the_order_of_their_days(attempts in attempts()) {
        let readings = Play::run(1, 6, &attempts).readings();
        prop_assert!(readings.is_sorted_by_key(|reading| reading.taken_on));
        prop_assert!(readings.iter().all(|reading| reading.period.day() == 1));
    }

    #[test]
    fn no_command_makes_a_decision_panic(
        events in vec(any_event(), 0..12),
        commands in vec((any_command(), any_instant(), any::<[u8; 2]>(), any::<u32>()), 1..8),
    ) {
        let mut meter = state(&events);
        for (command, at, [first, last], factor) in commands {
            let wild = |rules: &mut MeterRules| {
                rules.window_first_day = first;
                rules.window_last_day = last;
                rules.unusual_factor = factor;
            };
            let command = ruled(wild, Issued { at, ..by(system(), issued(command)) });
            for event in meter.decide(command).unwrap_or_default() {
                meter.apply(event);
            }
        }
    }

    #[test]
    fn the_state_survives_its_own_json(attempts in attempts()) {
        let play = Play::run(2, 4, &attempts);
        let json = serde_json::to_string(&play.meter).unwrap();
        prop_assert_eq!(serde_json::from_str::<Meter>(&json).unwrap(), play.meter);
    }
}

#[test]
fn handling_writes_what_was_decided_and_leaves_the_state_that_replay_gives() {
    let before = vec![registered().into(), submitted(1, "2026-10-16", 1100, 100).into()];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let commands: [MeterCommand; 3] = [
        submit(2, units([1200])).into(),
        submit(2, units([1])).into(),
        correct(1, units([1050])).into(),
    ];
    for command in commands {
        let mut meter = state(&before);
        let decided = meter.decide(issued(command.clone()));
        let sink = EventSink::default();
        let handled = runtime.block_on(meter.handle(issued(command), &(), &sink));
        let written = runtime.block_on(sink.collect());
        assert_eq!(handled.map(|()| written.clone()), decided);
        assert_eq!(meter, state(&[before.clone(), written].concat()));
    }
}

#[test]
fn a_change_of_a_meter_that_was_never_registered_is_passed_over() {
    assert_eq!(state(&[submitted(1, TODAY, 1, 1).into()]), Meter::default());
}
