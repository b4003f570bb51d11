//! Which items belong together: a function of what there is, whatever came first.
//!
//! First by the provider's own id: a line belongs to what Kontor knows by the first of its ids that
//! anything is known by. Where several claim one id, equal amounts find each other, the rest goes in
//! the order of ids, and what is left over is a duplicate. Then, for lines that name no id, by amount,
//! currency and time, where there is exactly one candidate from both sides. A line belongs to one item
//! at most, and an item to one line.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

/// Something that Kontor says moved, or a payout that a provider says it sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Left {
    pub(super) id: Uuid,
    pub(super) reference: String,
    pub(super) expected_minor: i64,
    pub(super) currency: String,
    pub(super) at: DateTime<Utc>,
}

/// A line of the other side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Right {
    pub(super) id: Uuid,
    /// In order; the first that is known counts.
    pub(super) references: Vec<String>,
    pub(super) expected_minor: i64,
    pub(super) currency: String,
    pub(super) at: DateTime<Utc>,
    /// Whether amount less fee is what is left.
    pub(super) adds_up: bool,
}

/// How two items found each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    Reference,
    Window,
}

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Missing,
    Duplicate,
    AmountDiffers,
    CurrencyDiffers,
    Late,
    FeeUnexplained,
}

/// What came out for one item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Verdict {
    pub(super) id: Uuid,
    pub(super) partner: Option<(Uuid, How)>,
    pub(super) fault: Option<Fault>,
}

impl Verdict {
    fn alone(id: Uuid, fault: Fault) -> Self {
        Self { id, partner: None, fault: Some(fault) }
    }
}

impl How {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Window => "window",
        }
    }
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
            Self::AmountDiffers => "amount_differs",
            Self::CurrencyDiffers => "currency_differs",
            Self::Late => "late",
            Self::FeeUnexplained => "fee_unexplained",
        }
    }
}

/// The first of a line's ids that something is known by.
pub(super) fn key_of<'a>(right: &'a Right, known: &BTreeSet<&str>) -> Option<&'a str> {
    right.references.iter().map(String::as_str).find(|reference| known.contains(reference))
}

/// Matches what claims the same id.
pub(super) fn by_reference(
    lefts: &[&Left],
    rights: &[&Right],
    late_after: Duration,
    verdicts: &mut Vec<Verdict>,
) {
    let mut lefts: Vec<&Left> = lefts.to_vec();
    let mut rights: Vec<&Right> = rights.to_vec();
    lefts.sort_unstable_by_key(|left| left.id);
    rights.sort_unstable_by_key(|right| right.id);
    let mut pairs = Vec::new();
    let mut waiting: BTreeMap<(i64, &str), Vec<&Right>> = BTreeMap::new();
    for right in rights.iter().rev() {
        waiting.entry((right.expected_minor, &right.currency)).or_default().push(right);
    }
    lefts.retain(|left| {
        let equal = waiting.get_mut(&(left.expected_minor, left.currency.as_str()));
        match equal.and_then(Vec::pop) {
            Some(right) => {
                pairs.push((*left, right));
                false
            }
            None => true,
        }
    });
    let taken: BTreeSet<Uuid> = pairs.iter().map(|(_, right)| right.id).collect();
    rights.retain(|right| !taken.contains(&right.id));
    let rest = lefts.len().min(rights.len());
    pairs.extend(lefts.drain(..rest).zip(rights.drain(..rest)));
    let over = if pairs.is_empty() { Fault::Missing } else { Fault::Duplicate };
    verdicts.extend(lefts.iter().map(|left| Verdict::alone(left.id, over)));
    verdicts.extend(rights.iter().map(|right| Verdict::alone(right.id, over)));
    for (left, right) in pairs {
        pair(left, right, (How::Reference, late_after), verdicts);
    }
}

fn pair(
    left: &Left,
    right: &Right,
    (how, late_after): (How, Duration),
    verdicts: &mut Vec<Verdict>,
) {
    let fault = if left.currency != right.currency {
        Some(Fault::CurrencyDiffers)
    } else if left.expected_minor != right.expected_minor {
        Some(Fault::AmountDiffers)
    } else if !right.adds_up {
        Some(Fault::FeeUnexplained)
    } else {
        ((right.at - left.at).abs() > late_after).then_some(Fault::Late)
    };
    verdicts.push(Verdict { id: left.id, partner: Some((right.id, how)), fault: None });
    verdicts.push(Verdict { id: right.id, partner: Some((left.id, how)), fault });
}

/// Matches lines that name no id with what no line named, where each is the only one for the other.
/// All of one currency and amount must be there.
pub(super) fn by_window(
    lefts: &[&Left],
    rights: &[&Right],
    window: Duration,
    verdicts: &mut Vec<Verdict>,
) {
    let mut lefts: Vec<&Left> = lefts.to_vec();
    let mut rights: Vec<&Right> = rights.to_vec();
    lefts.sort_unstable_by_key(|left| (left.at, left.id));
    rights.sort_unstable_by_key(|right| (right.at, right.id));
    let left_times: Vec<_> = lefts.iter().map(|left| left.at).collect();
    let right_times: Vec<_> = rights.iter().map(|right| right.at).collect();
    let only = |times: &[DateTime<Utc>], at: DateTime<Utc>| {
        let first = times.partition_point(|time| *time < at - window);
        let end = times.partition_point(|time| *time <= at + window);
        (end.saturating_sub(first) == 1).then_some(first)
    };
    let mut taken = BTreeSet::new();
    for (number, right) in rights.iter().enumerate() {
        let found = only(&left_times, right.at)
            .filter(|place| only(&right_times, left_times[*place]) == Some(number));
        match found {
            Some(place) => {
                taken.insert(place);
                pair(lefts[place], right, (How::Window, window), verdicts);
            }
            None => verdicts.push(Verdict::alone(right.id, Fault::Missing)),
        }
    }
    let alone = lefts.iter().enumerate().filter(|(place, _)| !taken.contains(place));
    verdicts.extend(alone.map(|(_, left)| Verdict::alone(left.id, Fault::Missing)));
}
