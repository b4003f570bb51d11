//! What can be asked of a product.

use serde::{Deserialize, Serialize};

use super::{Gives, ProductKind, ProductName};
use crate::Money;

/// A command to a product.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProductCommand {
    /// Makes it; it is not on sale yet.
    Create(Create),
    /// Changes what is given of its terms.
    Change(Change),
    /// Puts it on sale.
    Activate(Activate),
    /// Takes it off sale. What was bought stays bought.
    Deactivate(Deactivate),
}

/// Makes a product.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// What it is called.
    pub name: ProductName,
    /// What it gives.
    pub gives: Gives,
    /// How it may be sold.
    pub kind: ProductKind,
    /// What it costs, once in each currency; none while it is not on sale.
    #[serde(default)]
    pub prices: Vec<Money>,
    /// Its place in lists, lowest first.
    #[serde(default)]
    pub ordinal: i64,
}

/// Changes a product. What is left out stays as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What it is called, in all languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ProductName>,
    /// What it gives to whoever buys it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<Gives>,
    /// How it may be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProductKind>,
    /// All prices, old and new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Vec<Money>>,
    /// Its place in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
}

/// Puts a product on sale.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {}

/// Takes a product off sale.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Deactivate {}
