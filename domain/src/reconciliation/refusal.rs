//! Why a command to the work on a difference is refused.

use serde::{Deserialize, Serialize};

use super::Standing;
use crate::Refusal;

/// Why a command to the work on a difference is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ReconciliationRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// Customers do not keep the books.
    #[error("only whoever keeps the books works on differences")]
    NotAllowed,
    /// It is closed.
    #[error("this difference is closed ({}); open it again first", standing.name())]
    Closed {
        /// How.
        standing: Standing,
    },
    /// Somebody proposed to give it up.
    #[error("a write-off is proposed; agree to it with another key, or open the difference again")]
    WriteOffProposed,
    /// There is nothing to agree to.
    #[error("nobody has proposed to write this off; propose it first")]
    NothingProposed,
    /// The same person proposed it.
    #[error("a write-off needs two people; somebody else than who proposed it must agree")]
    SecondPersonNeeded,
    /// It is open.
    #[error("this difference is open already")]
    NotClosed,
    /// A field is out of range.
    #[error("`{field}` must be {expected}")]
    FieldOutOfRange {
        /// The field.
        field: String,
        /// What would be right.
        expected: String,
    },
}

impl Refusal for ReconciliationRefusal {}
