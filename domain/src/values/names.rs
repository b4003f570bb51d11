//! Names, languages and telephone numbers of people.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ValueError;

/// What a person or a business is called: 1 to 80 characters, no control characters, no white
/// space around it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// The longest name, in characters.
    pub const LENGTH_MAX: usize = 80;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.trim();
        let fits = (1..=Self::LENGTH_MAX).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(ValueError(format!(
                "a name has 1 to {} characters and no line breaks or other control characters",
                Self::LENGTH_MAX
            )))
        }
    }
}

/// A telephone number in the international form `+` and 7 to 15 digits (ITU-T E.164).
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// The number with its leading `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits: String = text.chars().filter(|c| !" -().".contains(*c)).collect();
        let digits = digits.strip_prefix('+').unwrap_or(&digits);
        let fits = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if fits {
            Ok(Self(format!("+{digits}")))
        } else {
            Err(ValueError(
                "a telephone number is written with its country code, such as +79161234567".into(),
            ))
        }
    }
}

/// The languages that Kontor speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Russian.
    #[default]
    Ru,
    /// English.
    En,
}

impl Language {
    /// The two-letter code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

impl FromStr for Language {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "ru" => Ok(Self::Ru),
            "en" => Ok(Self::En),
            _ => Err(ValueError("a language is `ru` or `en`".into())),
        }
    }
}

macro_rules! text_value {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

text_value!(DisplayName, Phone);
