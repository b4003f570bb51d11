//! How the month goes: what was bought and spent since its first day, by the tenant's calendar.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use kontor_domain::Quantity;
use kontor_projections::credits;
use uuid::Uuid;

use crate::{
    format,
    texts::{Voice, say},
    turn::{Turn, TurnError},
};

/// The month up to now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Month {
    /// Credits.
    bought: i64,
    /// Credits.
    spent: i64,
    /// The days of it that the customer had, today included.
    days: i64,
}

impl Month {
    /// This month of a ledger; none while nothing happened in it.
    pub(super) async fn load(turn: &Turn, ledger_id: Uuid) -> Result<Option<Self>, TurnError> {
        let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
        let zone = turn.tenant.time_zone;
        let first = turn.today.with_day(1).unwrap_or(turn.today);
        let since = midnight(zone, first);
        let usage = credits::usage(pool, tenant, ledger_id, since).await?;
        let bought = credits::bought_since(pool, tenant, ledger_id, since).await?;
        let opened = usage.opened_at.map_or(first, |at| at.with_timezone(&zone).date_naive());
        let days = (turn.today - opened.max(first)).num_days() + 1;
        let is_empty = bought == 0 && usage.spent == 0;
        Ok((!is_empty).then_some(Self { bought, spent: usage.spent, days: days.max(1) }))
    }

    pub(super) fn words(self, voice: Voice) -> String {
        let language = voice.language();
        say!(
            voice,
            "credit-month",
            bought = format::count(language, self.bought),
            spent = format::count(language, self.spent),
            daily = format::quantity(language, self.daily())
        )
    }

    /// Credits a day, to a tenth.
    fn daily(self) -> Quantity {
        let halves = self.spent.max(0).saturating_mul(20) / self.days;
        let tenths = halves.saturating_add(1) / 2;
        Quantity(tenths.saturating_mul(100))
    }
}

/// The beginning of a day. Where clocks skip midnight it begins at the first hour that there is.
fn midnight(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let at = |hour| {
        let time = NaiveTime::from_hms_opt(hour, 0, 0)?;
        zone.from_local_datetime(&day.and_time(time)).earliest()
    };
    let found = (0..3).find_map(at);
    found.map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_to_a_tenth_of_a_credit() {
        for (spent, days, milli) in
            [(0, 28, 0), (12, 28, 400), (1, 31, 0), (1, 20, 100), (7, 2, 3_500), (-5, 3, 0)]
        {
            assert_eq!(Month { bought: 0, spent, days }.daily(), Quantity(milli), "{spent}/{days}");
        }
        assert!(Month { bought: 0, spent: i64::MAX, days: 1 }.daily().milli() > 0);
    }

    #[test]
    fn a_month_begins_at_midnight_of_the_tenant_also_where_clocks_skip_it() {
        let at = |zone: Tz, year, month, day| {
            midnight(zone, NaiveDate::from_ymd_opt(year, month, day).unwrap()).to_rfc3339()
        };
        assert_eq!(at(chrono_tz::Europe::Moscow, 2026, 11, 1), "2026-10-31T21:00:00+00:00");
        // Clocks went from 24:00 to 1:00 here.
        assert_eq!(at(chrono_tz::America::Sao_Paulo, 2017, 10, 15), "2017-10-15T03:00:00+00:00");
    }
}
