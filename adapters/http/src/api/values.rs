//! Values as the API writes them.

use std::{collections::BTreeMap, fmt};

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use kontor_domain::{Quantity, meter::Zone};
use kontor_projections::Page;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A quantity as a decimal text, such as `"1234.5"`: exact in every language.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decimal(pub(crate) Quantity);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal text with up to 3 decimals, such as \"1234.5\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                // People may write commas and spaces; programs write points.
                let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
                match text.parse().ok().filter(|_| plain) {
                    Some(quantity) => Ok(Decimal(quantity)),
                    None => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^\d{1,12}(\.\d{1,3})?$"))
            .examples([serde_json::json!("1234.5")])
            .description(Some("A quantity as a decimal text with up to 3 decimals"))
            .into()
    }
}

impl ToSchema for Decimal {}

/// A quantity per tariff zone; zones that the meter does not have are left out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"t1": "1234.5", "t2": "567"}))]
pub(crate) struct ZoneValues {
    /// The first zone; the only one of meters without zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t1: Option<Decimal>,
    /// The second zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t2: Option<Decimal>,
    /// The third zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t3: Option<Decimal>,
}

impl From<ZoneValues> for BTreeMap<Zone, Quantity> {
    fn from(values: ZoneValues) -> Self {
        let by_zone = Zone::ALL.into_iter().zip([values.t1, values.t2, values.t3]);
        by_zone.filter_map(|(zone, value)| Some((zone, value?.0))).collect()
    }
}

impl From<&BTreeMap<Zone, Quantity>> for ZoneValues {
    fn from(values: &BTreeMap<Zone, Quantity>) -> Self {
        let of = |zone| values.get(&zone).copied().map(Decimal);
        Self { t1: of(Zone::T1), t2: of(Zone::T2), t3: of(Zone::T3) }
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paged<T> {
    /// The items, in the order of the list.
    pub(crate) items: Vec<T>,
    /// Pass it on as `cursor` for the next page; null after the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Paged<T> {
    pub(crate) fn of<R>(page: Page<R>) -> Self
    where
        T: From<R>,
    {
        Self {
            items: page.items.into_iter().map(T::from).collect(),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
        }
    }
}

/// An object with its version as `ETag`, for `If-Match`.
#[derive(Debug)]
pub(crate) struct Versioned<T>(pub(crate) i64, pub(crate) T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// A field that may be absent, null or a value: null removes, absent leaves as it is.
pub(crate) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
