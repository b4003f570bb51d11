//! Why a command to an account is refused.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::ReminderObstacle;
use crate::Refusal;

/// Why a command to an account is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum AccountRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// The account exists with other particulars.
    #[error("this account is registered already; change it instead of registering it again")]
    AccountExists,
    /// Nothing was registered under this id.
    #[error("there is no such account; register it first")]
    AccountUnknown,
    /// The holder was erased.
    #[error("this person was erased; open a new account under a new id")]
    AccountErased,
    /// A customer acts for another's account.
    #[error("this account belongs to somebody else; use your own")]
    NotAllowed,
    /// A text is empty or too long.
    #[error(
        "`{field}` must have 1 to {length_max} characters and no line breaks or other control characters"
    )]
    TextOutOfRange {
        /// The field.
        field: String,
        /// The longest text accepted.
        length_max: usize,
    },
    /// The holder blocked as many bots as are remembered.
    #[error("an account remembers at most {bots_max} blocked bots; unblock one of them first")]
    TooManyBots {
        /// How many are remembered.
        bots_max: usize,
    },
    /// Readings are taken right now, so there is nothing to be reminded of.
    #[error("readings are taken until {closes_on}; submit them now")]
    WindowOpen {
        /// The last day on which they are taken.
        closes_on: NaiveDate,
    },
    /// A reminder that was due is not in place any more.
    #[error("the customer is not reminded ({because:?}); there is nothing to do")]
    ReminderNotInPlace {
        /// What stands against it.
        because: ReminderObstacle,
    },
}

impl Refusal for AccountRefusal {}
