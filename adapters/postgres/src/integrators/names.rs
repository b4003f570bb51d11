//! An integrator's name, and the events that it sees.

use std::{fmt, str::FromStr};

use kontor_domain::ValueError;
use serde::Serialize;

/// The most patterns of a filter: each is looked at for every event.
const PATTERNS_MAX: usize = 50;
/// The longest part of a pattern.
const PART_LENGTH_MAX: usize = 64;

/// An integrator's name: 1 to 40 characters of `a-z`, `0-9` and `_`, beginning with a letter. Safe as
/// a token of a NATS subject.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IntegratorName(String);

impl IntegratorName {
    /// The longest name.
    pub const LENGTH_MAX: usize = 40;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IntegratorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for IntegratorName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = text.len() <= Self::LENGTH_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError(format!(
                "an integrator's name has 1 to {} characters of a-z, 0-9 and _, and begins with a \
                 letter",
                Self::LENGTH_MAX
            )))
        }
    }
}

/// Which events an integrator sees: patterns of which none covers another, because the broker
/// refuses filters that overlap.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    /// Every event.
    pub const ALL: &'static str = "*";

    /// A filter by patterns: `meter.*`, `account.registered` or `*`. What another pattern covers is
    /// left out.
    ///
    /// # Errors
    /// When there is none or too many, or one is no pattern.
    pub fn new(patterns: &[String]) -> Result<Self, ValueError> {
        if patterns.is_empty() || patterns.len() > PATTERNS_MAX {
            return Err(ValueError(format!("a filter has 1 to {PATTERNS_MAX} patterns")));
        }
        if let Some(wrong) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
            let shown: String = wrong.chars().take(PART_LENGTH_MAX).collect();
            return Err(ValueError(format!(
                "`{shown}` is no event pattern; write `meter.*`, `account.registered` or `*`"
            )));
        }
        let mut kept: Vec<String> = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let covered = patterns.iter().any(|other| other != pattern && covers(other, pattern));
            if !covered && !kept.contains(pattern) {
                kept.push(pattern.clone());
            }
        }
        kept.sort_unstable();
        Ok(Self(kept))
    }

    /// The patterns, in order.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// Whether an event of that type is seen.
    pub fn matches(&self, event_type: &str) -> bool {
        self.0.iter().any(|pattern| covers(pattern, event_type))
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

fn covers(pattern: &str, other: &str) -> bool {
    if pattern == EventFilter::ALL {
        return true;
    }
    pattern.strip_suffix('*').map_or(pattern == other, |prefix| other.starts_with(prefix))
}

fn is_pattern(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=PART_LENGTH_MAX).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text == EventFilter::ALL
        || text.split_once('.').is_some_and(|(aggregate, event)| {
            is_part(aggregate) && (event == "*" || is_part(event))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> Result<EventFilter, ValueError> {
        EventFilter::new(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_filter_keeps_only_what_no_other_pattern_covers() {
        let kept = filter(&["meter.archived", "account.registered", "meter.*", "meter.*"]).unwrap();
        assert_eq!(kept.patterns(), ["account.registered", "meter.*"]);
        assert!(kept.matches("meter.archived") && kept.matches("account.registered"));
        assert!(!kept.matches("account.renamed") && !kept.matches("meters.archived"));
        assert_eq!(filter(&["meter.*", "*"]).unwrap().patterns(), ["*"]);
        assert!(filter(&["*"]).unwrap().matches("tenant.created"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "meter", "meter.", ".archived", "meter.a.b", "*.archived", "meter.>", ">"]
        {
            assert!(filter(&[wrong]).is_err(), "{wrong}");
        }
        for wrong in ["Meter.*", "счётчик.*", "meter.ar chived", &"m".repeat(65)] {
            assert!(filter(&[wrong]).is_err(), "{wrong}");
        }
        assert!(filter(&[]).is_err());
        assert!(filter(&["meter.*"; 51]).is_err());
    }

    #[test]
    fn a_name_is_a_safe_token() {
        assert!("acme_2".parse::<IntegratorName>().is_ok());
        for wrong in ["", "2acme", "Acme", "a.b", "a*", "акме", "a b", &"a".repeat(41)] {
            assert!(wrong.parse::<IntegratorName>().is_err(), "{wrong}");
        }
    }
}
