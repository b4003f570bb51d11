//! Quantities with three decimals, counted in thousandths.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ValueError;

/// A quantity in thousandths of its unit: 1 234,567 kWh is 1 234 567.
///
/// In JSON it is that integer, and the field's name ends in `_milli`.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Quantity(pub i64);

impl Quantity {
    /// The largest quantity that is read from text: twelve digits before the decimals.
    pub const MAX: Self = Self(999_999_999_999_999);

    /// The thousandths.
    pub fn milli(self) -> i64 {
        self.0
    }
}

impl FromStr for Quantity {
    type Err = ValueError;

    /// Reads `1234`, `1234.5`, `1234,567` and `1 234,5` (any spaces between digits).
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || {
            ValueError(
                "a reading is a number with up to 12 digits and up to 3 decimals, such as 1234 or 1234.567"
                    .into(),
            )
        };
        let compact: String = text.trim().chars().filter(|c| !c.is_whitespace()).collect();
        let (whole, decimals) = compact.split_once(['.', ',']).unwrap_or((&compact, "0"));
        let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits_only(whole) || !digits_only(decimals) || whole.len() > 12 || decimals.len() > 3 {
            return Err(wrong());
        }
        format!("{whole}{decimals:0<3}").parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Quantity {
    /// Writes the shortest decimal with a point: `1234.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, decimals) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        if decimals == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{}", format!("{decimals:03}").trim_end_matches('0'))
    }
}
