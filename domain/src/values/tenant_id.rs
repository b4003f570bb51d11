//! The slug that names a tenant in paths, subjects and the log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ValueError;

/// A tenant's slug: 1 to 40 characters of `a-z`, `0-9` and `_`, beginning with a letter.
///
/// It is safe as a NATS subject token, a path segment and a file name.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// The longest slug.
    pub const LENGTH_MAX: usize = 40;

    /// The id of the tenant's own stream, derived from the slug.
    pub fn stream_id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("kontor:tenant:{}", self.0).as_bytes())
    }

    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = text.len() <= Self::LENGTH_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError(format!(
                "a tenant id has 1 to {} characters of a-z, 0-9 and _, and begins with a letter",
                Self::LENGTH_MAX
            )))
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
