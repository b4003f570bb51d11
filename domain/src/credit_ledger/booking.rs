//! What every event of a ledger carries beside its facts: its number, its time, its entries, its
//! link of the chain.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Entry, chain::Head};

/// The booking of an event. Who gave the command stands in the event's metadata, and is hashed too.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Booking {
    /// Its number in the ledger, from 1, without a gap.
    pub number: i64,
    /// When it was booked, never before the booking in front of it.
    pub at: DateTime<Utc>,
    /// The lines; in each unit their sum is zero. A fact that moves nothing has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// The hash of this event and of all before it.
    pub head: Head,
}
