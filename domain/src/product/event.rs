//! What has happened to a product.

use serde::{Deserialize, Serialize};

use super::{Gives, ProductKind, ProductName, ProductTerms};
use crate::{
    EventBody, EventDecodeError, EventSchema, Money,
    decider::{decode_payload, domain_event},
};

/// A fact about a product.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProductEvent {
    /// `product.created`
    Created(Created),
    /// `product.changed`
    Changed(Changed),
    /// `product.activated`
    Activated(Activated),
    /// `product.deactivated`
    Deactivated(Deactivated),
}

impl EventBody for ProductEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("product.created", 1),
        EventSchema::new("product.changed", 1),
        EventSchema::new("product.activated", 1),
        EventSchema::new("product.deactivated", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Created(_) => "product.created",
            Self::Changed(_) => "product.changed",
            Self::Activated(_) => "product.activated",
            Self::Deactivated(_) => "product.deactivated",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Created(_) | Self::Changed(_) | Self::Activated(_) | Self::Deactivated(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Created(payload) => serde_json::to_string(payload),
            Self::Changed(payload) => serde_json::to_string(payload),
            Self::Activated(payload) => serde_json::to_string(payload),
            Self::Deactivated(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("product.created", 1) => decode_payload(wire_type, payload).map(Self::Created),
            ("product.changed", 1) => decode_payload(wire_type, payload).map(Self::Changed),
            ("product.activated", 1) => decode_payload(wire_type, payload).map(Self::Activated),
            ("product.deactivated", 1) => decode_payload(wire_type, payload).map(Self::Deactivated),
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(ProductEvent);

/// The product was made; it is not on sale yet.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Created {
    /// What it is called.
    pub name: ProductName,
    /// What it gives.
    pub gives: Gives,
    /// How it may be sold.
    pub kind: ProductKind,
    /// What it costs, once in each currency, by the currency's code.
    pub prices: Vec<Money>,
    /// Its place in lists, lowest first.
    pub ordinal: i64,
}

/// Its terms changed, for whoever buys it from now on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Changed {
    /// What it is called, changed or not, as all that follows.
    pub name: ProductName,
    /// What it gives.
    pub gives: Gives,
    /// How it may be sold.
    pub kind: ProductKind,
    /// What it costs.
    pub prices: Vec<Money>,
    /// Its place in lists.
    pub ordinal: i64,
}

/// It is on sale.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Activated {}

/// It is not on sale any more. What was bought stays bought.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Deactivated {}

macro_rules! holds_terms {
    ($($event:ident),+) => {$(
        impl From<ProductTerms> for $event {
            fn from(terms: ProductTerms) -> Self {
                let ProductTerms { name, gives, kind, prices, ordinal } = terms;
                Self { name, gives, kind, prices, ordinal }
            }
        }

        impl From<$event> for ProductTerms {
            fn from(event: $event) -> Self {
                let $event { name, gives, kind, prices, ordinal } = event;
                Self { name, gives, kind, prices, ordinal }
            }
        }
    )+};
}

holds_terms!(Created, Changed);
