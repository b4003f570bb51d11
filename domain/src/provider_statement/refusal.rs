//! Why a command to a statement is refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Refusal;

/// Why a command to a statement is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ProviderStatementRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// Customers do not keep the books.
    #[error("only whoever keeps the books may say what a provider or a bank wrote")]
    NotAllowed,
    /// The lines belong to another stream.
    #[error("the lines of this source and month belong to the statement {expected}")]
    IdMismatch {
        /// The stream they belong to.
        expected: Uuid,
    },
    /// A field is out of range.
    #[error("line {line}: `{field}` must be {expected}")]
    LineInvalid {
        /// The line of the command, from 1.
        line: i64,
        /// The field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// The file or the number of lines is out of range.
    #[error("`{field}` must be {expected}")]
    FieldOutOfRange {
        /// The field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// More lines than a month may have.
    #[error("the statement of one month holds at most {max} lines")]
    TooMany {
        /// The most.
        max: i64,
    },
}

impl Refusal for ProviderStatementRefusal {}
