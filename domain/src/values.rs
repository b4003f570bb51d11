//! Values that are valid by construction: parsed once at the edge, never checked again inside.

mod actor;
mod names;
mod quantity;
mod tenant_id;

pub use actor::Actor;
pub use names::{DisplayName, Language, Phone};
pub use quantity::Quantity;
pub use tenant_id::TenantId;

/// Why a text is not the value it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);
