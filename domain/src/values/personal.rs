//! Values about people in events, which can be taken back.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of an event that says something about a person.
///
/// In the log it is encrypted with the person's own key. When the person is erased the key is
/// destroyed, and from then on the event reads as it always did but for this value, which is
/// [`Personal::Redacted`]: neither a made-up value nor an error.
///
/// On the wire a known value looks as if this type were not there, so events that were written
/// before it exist unchanged. It never prints its value: what is logged by accident says nothing.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub enum Personal<T> {
    /// The value.
    Known(T),
    /// The person was erased; what stood here is gone for good.
    #[default]
    Redacted,
}

impl<T> Personal<T> {
    /// The name of the one field of a redacted value's JSON, which is the object
    /// `{"$redacted": true}`.
    pub const REDACTED_FIELD: &'static str = "$redacted";

    /// The name of the one field of a value's JSON while it is encrypted in the log, which is the
    /// object `{"$sealed": "…"}`.
    pub const SEALED_FIELD: &'static str = "$sealed";

    /// The value, unless it is gone.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Redacted => None,
        }
    }

    /// The value, unless it is gone.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Redacted => None,
        }
    }

    /// Whether the value is known and is this one.
    pub fn is(&self, other: &T) -> bool
    where
        T: PartialEq,
    {
        self.known() == Some(other)
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: FromStr> FromStr for Personal<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        text.parse().map(Self::Known)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Known(_)",
            Self::Redacted => "Redacted",
        })
    }
}

/// The JSON of a redacted value.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    #[serde(rename = "$redacted")]
    redacted: bool,
}

/// What may stand in a payload; the mark first, because some values are objects too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored<T> {
    Redacted(Mark),
    Known(T),
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Redacted => Mark { redacted: true }.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stored::deserialize(deserializer)? {
            Stored::Redacted(Mark { redacted: true }) => Ok(Self::Redacted),
            Stored::Redacted(Mark { redacted: false }) => {
                Err(serde::de::Error::custom("`$redacted` is always true"))
            }
            Stored::Known(value) => Ok(Self::Known(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, to_string};

    use super::*;
    use crate::{DisplayName, Phone};

    #[test]
    fn a_known_value_looks_on_the_wire_as_it_always_did() {
        let name: Personal<DisplayName> = "Анна Ёлкина".parse().unwrap();
        assert_eq!(to_string(&name).unwrap(), r#""Анна Ёлкина""#);
        assert_eq!(from_str::<Personal<DisplayName>>(r#""Анна Ёлкина""#).unwrap(), name);
    }

    #[test]
    fn a_redacted_value_is_told_apart_from_every_other() {
        let json = r#"{"$redacted":true}"#;
        assert_eq!(to_string(&Personal::<Phone>::Redacted).unwrap(), json);
        assert_eq!(from_str::<Personal<Phone>>(json).unwrap(), Personal::Redacted);
        assert_eq!(from_str::<Option<Personal<Phone>>>("null").unwrap(), None);
        for wrong in [
            r#"{"$redacted":false}"#,
            r#"{"$redacted":true,"more":1}"#,
            r#"{"$sealed":"1.a.b"}"#,
            "{}",
            r#""12""#,
            "7",
        ] {
            assert!(from_str::<Personal<Phone>>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_never_prints_its_value() {
        let phone: Personal<Phone> = "+79161234567".parse().unwrap();
        assert_eq!(format!("{phone:?}"), "Known(_)");
        assert_eq!(format!("{:?}", Personal::<Phone>::Redacted), "Redacted");
    }
}
