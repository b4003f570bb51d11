//! Who gives a command.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who gave a command, as the adapter authenticated them.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A customer who acts for their own account.
    Customer {
        /// The account they act for.
        account_id: Uuid,
    },
    /// A member of the tenant's staff, or a program with a key of the tenant.
    Operator {
        /// The name of the key or the person.
        name: String,
    },
    /// Kontor itself: policies, imports, set-up.
    System {
        /// The part that acts, such as `demo_seed`.
        name: String,
    },
}
