//! The one place where the wall clock is read.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, Utc};

/// The current instant in whole microseconds, the precision of PostgreSQL, so that an instant
/// reads back from the log as it was written.
#[expect(clippy::disallowed_methods, reason = "adapters take the time from here and nowhere else")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// An instant as people type it: RFC 3339, or a day with or without a time, which are UTC. `None`
/// when it is neither.
pub fn typed(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
    {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return Some(at.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_instants_in_several_ways() {
        let noon = DateTime::from_timestamp(1_795_780_800, 0);
        for text in [
            "2026-11-27T12:00:00Z",
            "2026-11-27T15:00:00+03:00",
            "2026-11-27T12:00",
            "2026-11-27 12:00:00",
            " 2026-11-27 12:00 ",
        ] {
            assert_eq!(typed(text), noon, "{text}");
        }
        assert_eq!(typed("2026-11-27"), DateTime::from_timestamp(1_795_737_600, 0));
        for wrong in ["", "yesterday", "27.11.2026", "2026-13-01", "2026-11-27T25:00", "вчера"]
        {
            assert_eq!(typed(wrong), None, "{wrong}");
        }
    }
}
