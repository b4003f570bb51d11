//! Values of the domain as columns, and back.

use std::collections::BTreeMap;

use kontor_domain::{Quantity, meter::Zone};
use serde::{
    Serialize,
    de::{DeserializeOwned, IntoDeserializer, value::StrDeserializer},
};
use sqlx::{Row, postgres::PgRow};

use crate::ApplyError;

/// The name of a variant on the wire, such as `cold_water`.
pub(crate) fn name_of<T: Serialize>(value: &T) -> Result<String, ApplyError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(other) => Err(event_error(Shape(format!("{other} is not a name")))),
        Err(err) => Err(event_error(err)),
    }
}

/// Names joined by commas, for `string_to_array`: an array of arrays cannot be unnested by row.
pub(crate) fn names_of<T: Serialize>(values: &[T]) -> Result<String, ApplyError> {
    let names: Result<Vec<String>, ApplyError> = values.iter().map(name_of).collect();
    Ok(names?.join(","))
}

/// A value as JSON.
pub(crate) fn json_of<T: Serialize>(value: &T) -> Result<serde_json::Value, ApplyError> {
    serde_json::to_value(value).map_err(event_error)
}

/// One column of many rows, as an array parameter.
pub(crate) fn column<'a, R, T>(rows: &'a [R], pick: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}

/// The thousandths of a zone.
pub(crate) fn milli(values: &BTreeMap<Zone, Quantity>, zone: Zone) -> Option<i64> {
    values.get(&zone).map(|value| value.milli())
}

/// Reads a variant from its name on the wire.
pub(crate) fn named<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    parse(row.try_get(column)?, column)
}

/// Reads a list of variants.
pub(crate) fn named_list<T: DeserializeOwned>(
    row: &PgRow,
    column: &str,
) -> Result<Vec<T>, sqlx::Error> {
    let names: Vec<String> = row.try_get(column)?;
    names.iter().map(|name| parse(name, column)).collect()
}

/// Reads a value from JSON.
pub(crate) fn json<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    serde_json::from_value(row.try_get(column)?).map_err(|err| decode_error(column, err))
}

/// Reads a small count.
pub(crate) fn small(row: &PgRow, column: &str) -> Result<u8, sqlx::Error> {
    let number: i16 = row.try_get(column)?;
    u8::try_from(number).map_err(|err| decode_error(column, err))
}

/// Reads the thousandths of the zones that the meter has.
pub(crate) fn zones(
    row: &PgRow,
    columns: [&str; 3],
) -> Result<BTreeMap<Zone, Quantity>, sqlx::Error> {
    let mut values = BTreeMap::new();
    for (zone, column) in Zone::ALL.into_iter().zip(columns) {
        if let Some(milli) = row.try_get(column)? {
            values.insert(zone, Quantity(milli));
        }
    }
    Ok(values)
}

/// An event that does not fit the rows.
pub(crate) fn event_error(err: impl std::error::Error + Send + Sync + 'static) -> ApplyError {
    ApplyError::Event(Box::new(err))
}

/// What does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Shape(pub(crate) String);

fn parse<T: DeserializeOwned>(name: &str, column: &str) -> Result<T, sqlx::Error> {
    let name: StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(name).map_err(|err| decode_error(column, err))
}

pub(crate) fn decode_error(
    column: &str,
    err: impl std::error::Error + Send + Sync + 'static,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(err) }
}
