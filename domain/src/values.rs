//! Values that are valid by construction: parsed once at the edge, never checked again inside.

use std::ops::RangeInclusive;

mod actor;
mod money;
mod names;
mod personal;
mod quantity;
mod tenant_id;

pub use actor::Actor;
pub use money::{Currency, Money};
pub use names::{DisplayName, Language, Phone};
pub use personal::Personal;
pub use quantity::Quantity;
pub use tenant_id::TenantId;

/// Why a text is not the value it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// The text without white space around it, when it has a fitting number of characters and none of
/// them is a control character (the log's JSON cannot hold NUL, and a name has no line breaks).
pub(crate) fn plain_text(text: &str, lengths: RangeInclusive<usize>) -> Option<String> {
    let text = text.trim();
    let fits = lengths.contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
