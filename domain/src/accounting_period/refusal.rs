//! Why a command to a tenant's months is refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Check, Month};
use crate::Refusal;

/// Why a command to a tenant's months is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum AccountingPeriodRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// Customers do not keep the books.
    #[error("only whoever keeps the books closes months and opens them again")]
    NotAllowed,
    /// The month is not over.
    #[error("the month {month} is not over before {ends_at}; close it then")]
    MonthNotOver {
        /// The month.
        month: Month,
        /// When it is over.
        ends_at: DateTime<Utc>,
    },
    /// The month is closed.
    #[error("the month {month} is closed already")]
    AlreadyClosed {
        /// The month.
        month: Month,
    },
    /// Another month comes before.
    #[error("months are closed in order: {next} comes next")]
    NotNext {
        /// The month that comes next.
        next: Month,
    },
    /// Somebody asked to open a month again.
    #[error(
        "somebody asked to open {month} again; agree or decline before the next month is closed"
    )]
    ReopenRequested {
        /// That month.
        month: Month,
    },
    /// The figures were made with something else than what is known now.
    #[error(
        "the figures were made from older books than those that are known here (`{field}`); look \
         again and close then"
    )]
    Outdated {
        /// What differs.
        field: String,
    },
    /// The figures do not add up.
    #[error("the figures do not add up (`{field}`); run `kontor verify`")]
    FiguresWrong {
        /// Where.
        field: String,
    },
    /// A check found what nobody may pass over.
    #[error("{} must be put right before the month can be closed", names(checks))]
    Blocked {
        /// The checks.
        checks: Vec<Check>,
    },
    /// A check found something that nobody has acknowledged.
    #[error("acknowledge with a reason, or put right first: {}", names(checks))]
    NotAcknowledged {
        /// The checks.
        checks: Vec<Check>,
    },
    /// The month is open.
    #[error("the month {month} is not closed")]
    NotClosed {
        /// The month.
        month: Month,
    },
    /// A later month is closed.
    #[error("{last} was closed after it; open {last} again first")]
    LaterClosed {
        /// The last closed month.
        last: Month,
    },
    /// There is nothing to agree to.
    #[error("nobody has asked to open this month again; ask for it first")]
    NothingRequested,
    /// The same person asked for it.
    #[error("opening a month again needs two people; somebody else than who asked must agree")]
    SecondPersonNeeded,
    /// A field is out of range.
    #[error("`{field}` must be {expected}")]
    FieldOutOfRange {
        /// The field.
        field: String,
        /// What would be right.
        expected: String,
    },
}

fn names(checks: &[Check]) -> String {
    let names: Vec<&str> = checks.iter().map(|check| check.name()).collect();
    names.join(", ")
}

impl Refusal for AccountingPeriodRefusal {}
