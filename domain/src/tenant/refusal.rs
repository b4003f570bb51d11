//! Why a command to a tenant is refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Refusal;

/// Why a command to a tenant is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum TenantRefusal {
    /// The slug is taken.
    #[error("this tenant exists already; choose another id or change the existing one")]
    TenantExists,
    /// Nothing was created under this slug.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// A tenant's stream has the one id that follows from its slug.
    #[error("a tenant's id follows from its slug; send the command to {expected}")]
    IdMismatch {
        /// The id that follows from the slug.
        expected: Uuid,
    },
    /// Customers do not change their tenant.
    #[error("only the tenant's staff may do this")]
    NotAllowed,
    /// A rule contradicts itself or lies outside its bounds.
    #[error("the meter rule `{field}` is out of range: it must be {expected}")]
    RuleOutOfRange {
        /// The rule's field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// A setting of the reminders lies outside its bounds.
    #[error("the setting `{field}` of the reminders is out of range: it must be {expected}")]
    ReminderOutOfRange {
        /// The setting's field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// A rule for credits lies outside its bounds.
    #[error("the credit rule `{field}` is out of range: it must be {expected}")]
    CreditRuleOutOfRange {
        /// The rule's field.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// Nobody is reminded here.
    #[error("reminders of readings are switched off; switch them on first")]
    RemindersOff,
}

impl Refusal for TenantRefusal {}
