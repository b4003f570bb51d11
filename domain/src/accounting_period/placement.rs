//! In which month a booking counts.

use chrono::{DateTime, Utc};

use super::Month;

/// A closed month, as far as placing bookings is concerned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClosedBounds {
    /// The month.
    pub month: Month,
    /// The first instant behind it.
    pub ends_at: DateTime<Utc>,
    /// The position of the log up to which it counts.
    pub position: i64,
}

/// Where a booking counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Placement {
    /// In a closed month; or before the first one, in whose opening it is.
    Closed(Month),
    /// In what is still open, by its own date.
    Open,
    /// It holds within a closed month and was booked later.
    Late {
        /// The month from which on it holds. Of what holds from before the first closed month this
        /// is the first closed month, whose opening would have had it.
        of: Month,
        /// The month in which it counts.
        counts_in: Month,
    },
}

/// Where a booking counts, by the closed months in their order.
pub fn placement(closed: &[ClosedBounds], effective_at: DateTime<Utc>, position: i64) -> Placement {
    let mut behind = closed.iter().skip_while(|month| effective_at >= month.ends_at);
    let Some(own) = behind.next() else { return Placement::Open };
    if position <= own.position {
        return Placement::Closed(own.month);
    }
    let counts_in = behind.find(|month| position <= month.position).map(|month| month.month);
    let open = || closed.last().map_or(own.month, |last| last.month).next();
    Placement::Late { of: own.month, counts_in: counts_in.unwrap_or_else(open) }
}
