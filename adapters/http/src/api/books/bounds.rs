//! The bounds of a reading of the books, on both axes of time. A bound is an instant, or a day on the
//! tenant's calendar.

use chrono::{
    DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use kontor_domain::TenantId;
use kontor_projections::{
    books::{AsOf, Period},
    tenants,
};

use crate::{parameters::Parameters, problem::Problem, state::ApiState};

const EXPECTED: &str = "give an instant such as 2026-12-01T00:00:00Z (write + as %2B), or a day of the \
                        tenant's calendar such as 2026-12-01";

/// How far behind midnight a day may begin: clocks that are put forward leave out up to a whole day.
const GAP_STEPS_MAX: i32 = 4 * 48;

/// Which instant a day stands for.
#[derive(Clone, Copy)]
pub(crate) enum Edge {
    /// Its first one.
    Begins,
    /// The first one behind it.
    Ends,
}

/// The calendar of a tenant.
pub(crate) struct Calendar {
    pub(crate) time_zone: Tz,
}

impl Calendar {
    /// That of a tenant.
    pub(crate) async fn of(state: &ApiState, tenant: &TenantId) -> Result<Self, Problem> {
        let row = tenants::find(&state.pool, tenant).await?;
        let row =
            row.ok_or_else(|| Problem::not_found("tenant_unknown", "there is no such tenant"))?;
        Ok(Self { time_zone: row.time_zone })
    }

    /// `effective_before` and `recorded_before`.
    pub(crate) fn as_of(&self, parameters: &Parameters) -> Result<AsOf, Problem> {
        Ok(AsOf {
            effective_before: self.bound(parameters, "effective_before", Edge::Begins)?,
            recorded_before: self.bound(parameters, "recorded_before", Edge::Begins)?,
        })
    }

    /// `from`, `to` and `recorded_before`; a day counts from its beginning to its end.
    pub(crate) fn period(&self, parameters: &Parameters) -> Result<Period, Problem> {
        let from = self.bound(parameters, "from", Edge::Begins)?;
        let to = self.bound(parameters, "to", Edge::Ends)?;
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Problem::parameter("to", "the period ends before it begins (`from`)"));
        }
        let recorded_before = self.bound(parameters, "recorded_before", Edge::Begins)?;
        Ok(Period { from, to, recorded_before })
    }

    fn bound(
        &self,
        parameters: &Parameters,
        name: &str,
        edge: Edge,
    ) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = parameters.text(name) else { return Ok(None) };
        let instant = day(text).and_then(|day| self.edge_of(day, edge)).or_else(|| instant(text));
        instant.map(Some).ok_or_else(|| Problem::parameter(name, EXPECTED))
    }

    /// A bound as one would write it: a day where it is one, otherwise the instant.
    pub(crate) fn written(&self, at: Option<DateTime<Utc>>, edge: Edge) -> String {
        let Some(at) = at else { return String::new() };
        let local = at.with_timezone(&self.time_zone).date_naive();
        let day = match edge {
            Edge::Begins => Some(local),
            Edge::Ends => local.checked_sub_days(Days::new(1)),
        };
        match day.filter(|day| self.edge_of(*day, edge) == Some(at)) {
            Some(day) => day.to_string(),
            None => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        }
    }

    /// An instant on the tenant's clock.
    pub(crate) fn local(&self, at: &DateTime<Utc>) -> String {
        at.with_timezone(&self.time_zone).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn edge_of(&self, day: NaiveDate, edge: Edge) -> Option<DateTime<Utc>> {
        match edge {
            Edge::Begins => self.begins(day),
            Edge::Ends => self.begins(day.checked_add_days(Days::new(1))?),
        }
    }

    /// The first instant of a day. Where clocks are put forward at midnight, it is a later one.
    fn begins(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let midnight = day.and_time(NaiveTime::MIN);
        let later = |step: i32| -> Option<NaiveDateTime> {
            midnight.checked_add_signed(TimeDelta::minutes(15).checked_mul(step)?)
        };
        let instants = (0..GAP_STEPS_MAX)
            .filter_map(|step| self.time_zone.from_local_datetime(&later(step)?).earliest());
        instants.map(|at| at.to_utc()).next()
    }
}

/// A day as four, two and two digits.
fn day(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// An instant by RFC 3339; in an address that was not encoded the plus sign has become a space.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    parsed.ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(zone: &str, text: &str) -> String {
        let calendar = Calendar { time_zone: zone.parse().unwrap() };
        calendar.begins(day(text).unwrap()).unwrap().to_rfc3339()
    }

    #[test]
    fn a_day_begins_when_its_calendar_says() {
        assert_eq!(begins("Europe/Moscow", "2026-12-01"), "2026-11-30T21:00:00+00:00");
        assert_eq!(begins("Asia/Kathmandu", "2026-12-01"), "2026-11-30T18:15:00+00:00");
        // Clocks are put forward at midnight, put back behind it, and once a whole day was left out.
        assert_eq!(begins("Asia/Beirut", "2026-03-29"), "2026-03-28T22:00:00+00:00");
        assert_eq!(begins("America/Havana", "2026-11-01"), "2026-11-01T04:00:00+00:00");
        assert_eq!(begins("Pacific/Apia", "2011-12-30"), "2011-12-30T10:00:00+00:00");
    }

    #[test]
    fn a_bound_is_written_as_it_would_be_read() {
        let calendar = Calendar { time_zone: "Europe/Moscow".parse().unwrap() };
        let midnight = instant("2026-11-30T21:00:00Z");
        assert_eq!(calendar.written(midnight, Edge::Begins), "2026-12-01");
        assert_eq!(calendar.written(midnight, Edge::Ends), "2026-11-30");
        let other = instant("2026-11-30T21:00:01Z");
        assert_eq!(calendar.written(other, Edge::Ends), "2026-11-30T21:00:01Z");
        assert_eq!(calendar.written(None, Edge::Ends), "");
        assert_eq!(calendar.local(&midnight.unwrap()), "2026-12-01 00:00:00");
    }

    #[test]
    fn instants_are_read_with_their_offset_and_nothing_else_is() {
        let at = instant("2026-12-01T03:00:00+03:00").unwrap();
        assert_eq!(instant("2026-12-01T03:00:00 03:00"), Some(at));
        assert_eq!(instant("2026-12-01T00:00:00Z"), Some(at));
        for text in ["", "2026-13-01", "01.12.2026", "2026-12-1", "вчера", "+12026-12-01"] {
            assert!(day(text).is_none() && instant(text).is_none(), "{text}");
        }
        assert!(day(&"9".repeat(10_000)).is_none());
    }
}
