//! A customer with a past: an account, two meters, and a year of monthly readings.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use kontor_domain::{
    Language, Quantity, TenantId,
    account::{AccountCommand, GiveConsent, Origin, Register, telegram_account_id},
    meter::{self, MeterCommand, MeterKind, ReadingSource, SubmitReading, Zone},
};
use uuid::Uuid;

use super::Step;

/// The person of the sandbox whose past this is: Анна Петрова.
const PERSON_ID: i64 = 1001;
const PERSON_NAME: &str = "Анна Петрова";
/// The bot that she came through.
const BOT: &str = "demo";
/// The text that the bot asks people to agree to.
const CONSENT_VERSION: &str = "2026-11";
/// On this day of each month she sends her readings.
const READING_DAY: u32 = 20;
/// At this hour in UTC: the morning in Moscow.
const READING_HOUR: u32 = 6;
/// How many months back her first reading lies; this month's is left to whoever tries the demo.
const MONTHS: u32 = 12;

/// A meter with what it showed at first and what it counted in each month, in thousandths.
struct DemoMeter {
    key: &'static str,
    kind: MeterKind,
    digits: u8,
    serial_number: &'static str,
    place: &'static str,
    /// One row per zone.
    zones: &'static [(Zone, i64, [i64; MONTHS as usize])],
}

/// Electricity is used more in winter, by day more than by night.
const METERS: [DemoMeter; 2] = [
    DemoMeter {
        key: "electricity",
        kind: MeterKind::Electricity,
        digits: 6,
        serial_number: "Э-204117",
        place: "Прихожая",
        zones: &[
            (
                Zone::T1,
                4_120_000,
                [
                    132_400, 141_000, 138_700, 126_300, 118_900, 104_200, 96_800, 92_500, 95_100,
                    108_600, 119_300, 127_800,
                ],
            ),
            (
                Zone::T2,
                2_250_500,
                [
                    51_200, 56_800, 54_100, 49_700, 45_300, 40_900, 37_200, 35_800, 38_400, 43_100,
                    47_600, 50_300,
                ],
            ),
        ],
    },
    DemoMeter {
        key: "cold_water",
        kind: MeterKind::ColdWater,
        digits: 5,
        serial_number: "ХВ-88120",
        place: "Ванная",
        zones: &[(
            Zone::T1,
            312_480,
            [5_120, 5_340, 4_980, 5_610, 5_270, 6_030, 6_480, 6_910, 6_220, 5_540, 5_310, 5_190],
        )],
    },
];

/// The commands that make her past, in order.
pub(super) fn steps(tenant: &TenantId, now: DateTime<Utc>) -> anyhow::Result<Vec<Step>> {
    let account_id = telegram_account_id(tenant, PERSON_ID);
    // Some days before the first reading.
    let begun = reading_instant(now, MONTHS) - TimeDelta::days(10);
    let register = AccountCommand::Register(Register {
        display_name: PERSON_NAME.parse()?,
        language: Language::Ru,
        origin: Origin::Telegram { bot: BOT.to_owned(), user_id: PERSON_ID, username: None },
        phone: None,
    });
    let consent =
        AccountCommand::GiveConsent(GiveConsent { document_version: CONSENT_VERSION.to_owned() });
    let mut steps = Vec::new();
    for (key, command) in [("account", register), ("consent", consent)] {
        let command = serde_json::to_value(command)?;
        let key = format!("demo_seed:{key}");
        steps.push(Step { key, aggregate: "account", id: account_id, command, at: begun });
    }
    for meter in &METERS {
        steps.extend(meter_steps(tenant, meter, account_id, begun, now)?);
    }
    Ok(steps)
}

fn meter_steps(
    tenant: &TenantId,
    meter: &DemoMeter,
    account_id: Uuid,
    begun: DateTime<Utc>,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<Step>> {
    let id_of = |key: &str| Uuid::new_v5(&tenant.stream_id(), key.as_bytes());
    let key = format!("demo_seed:{}", meter.key);
    let id = id_of(&format!("{key}:meter"));
    let mut values: BTreeMap<Zone, Quantity> =
        meter.zones.iter().map(|(zone, first, _)| (*zone, Quantity(*first))).collect();
    let register = MeterCommand::Register(meter::Register {
        account_id,
        kind: meter.kind,
        zones: u8::try_from(meter.zones.len())?,
        digits: meter.digits,
        serial_number: meter.serial_number.to_owned(),
        place: meter.place.to_owned(),
        verification_due_on: begun.date_naive().checked_add_months(Months::new(72)),
        initial_values_milli: values.clone(),
    });
    let command = serde_json::to_value(register)?;
    let mut steps = vec![Step { key: key.clone(), aggregate: "meter", id, command, at: begun }];
    for (number, months_ago) in (1..=MONTHS).rev().enumerate() {
        for (zone, _, monthly) in meter.zones {
            values.entry(*zone).or_default().0 += monthly[number];
        }
        let key = format!("{key}:{number}");
        let command = serde_json::to_value(MeterCommand::SubmitReading(SubmitReading {
            reading_id: id_of(&key),
            values_milli: values.clone(),
            taken_on: None,
            source: ReadingSource::Telegram,
            confirmed: false,
            photo: None,
        }))?;
        let at = reading_instant(now, months_ago);
        steps.push(Step { key, aggregate: "meter", id, command, at });
    }
    Ok(steps)
}

/// The instant of the reading so many months ago.
fn reading_instant(now: DateTime<Utc>, months_ago: u32) -> DateTime<Utc> {
    let today = now.date_naive();
    let time = NaiveTime::from_hms_opt(READING_HOUR, 0, 0).unwrap_or_default();
    NaiveDate::from_ymd_opt(today.year(), today.month(), READING_DAY)
        .and_then(|day| day.checked_sub_months(Months::new(months_ago)))
        .unwrap_or(today)
        .and_time(time)
        .and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_lies_in_the_past_month_by_month() {
        let tenant: TenantId = "demo_utility".parse().unwrap();
        for now in ["2026-11-20T05:00:00Z", "2026-01-01T00:00:00Z", "2028-02-29T23:59:59Z"] {
            let now: DateTime<Utc> = now.parse().unwrap();
            let steps = steps(&tenant, now).unwrap();
            assert_eq!(steps.len(), 2 + 2 * 13);
            let readings: Vec<DateTime<Utc>> =
                steps.iter().skip(3).take(12).map(|step| step.at).collect();
            assert!(readings.is_sorted() && readings.iter().all(|at| *at < now), "{readings:?}");
            assert!(steps[0].at < readings[0]);
        }
    }

    #[test]
    fn no_two_commands_share_a_key() {
        let tenant: TenantId = "demo_utility".parse().unwrap();
        let steps = steps(&tenant, "2026-11-20T12:00:00Z".parse().unwrap()).unwrap();
        let keys: std::collections::BTreeSet<_> = steps.iter().map(|step| &step.key).collect();
        assert_eq!(keys.len(), steps.len());
    }
}
