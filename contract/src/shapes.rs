//! The words in which events are described: each makes one piece of JSON Schema.

use serde_json::{Map, Value, json};

/// A field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Value,
}

/// A field that is always there.
pub(crate) fn always(name: &'static str, shape: Value) -> Field {
    Field { name, required: true, shape }
}

/// A field that may be absent.
pub(crate) fn sometimes(name: &'static str, shape: Value) -> Field {
    Field { name, required: false, shape }
}

/// An object of fields. Others may come along later: readers leave out what they do not know.
pub(crate) fn object(fields: Vec<Field>) -> Value {
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let required = json!(required);
    let properties: Map<String, Value> =
        fields.into_iter().map(|field| (field.name.to_owned(), field.shape)).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// A text.
pub(crate) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// A text of up to so many characters.
pub(crate) fn short_text(description: &str, length_max: u32) -> Value {
    json!({ "type": "string", "description": description, "maxLength": length_max })
}

/// A UUID.
pub(crate) fn uuid(description: &str) -> Value {
    json!({ "type": "string", "format": "uuid", "description": description })
}

/// A day of the tenant's calendar.
pub(crate) fn day(description: &str) -> Value {
    json!({ "type": "string", "format": "date", "description": description })
}

/// An instant, in UTC.
pub(crate) fn instant(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

/// A whole number within bounds.
pub(crate) fn whole(description: &str, min: i64, max: i64) -> Value {
    json!({ "type": "integer", "description": description, "minimum": min, "maximum": max })
}

/// Thousandths of the meter's unit.
pub(crate) fn milli(description: &str) -> Value {
    json!({ "type": "integer", "description": format!("{description}, in thousandths of the unit") })
}

/// Yes or no.
pub(crate) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// One of some words. New ones may come: readers treat what they do not know as unknown.
pub(crate) fn word(description: &str, words: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": words })
}

/// A list.
pub(crate) fn list(description: &str, items: &Value) -> Value {
    json!({ "type": "array", "description": description, "items": items })
}

/// An object whose keys are words of one kind.
pub(crate) fn map(description: &str, keys: &[&str], values: &Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "propertyNames": { "enum": keys },
        "additionalProperties": values,
    })
}

/// A value or null.
pub(crate) fn or_null(shape: &Value) -> Value {
    json!({ "oneOf": [shape, { "type": "null" }] })
}

/// One of some objects, told apart by the word in their field `kind`.
pub(crate) fn by_kind(description: &str, kinds: Vec<(&str, Vec<Field>)>) -> Value {
    let kinds: Vec<Value> = kinds
        .into_iter()
        .map(|(kind, fields)| {
            let kind = always("kind", json!({ "type": "string", "const": kind }));
            object([kind].into_iter().chain(fields).collect())
        })
        .collect();
    json!({ "description": description, "oneOf": kinds })
}

/// Personal data: in the clear, or sealed with the key of the person. A sealed value cannot be read
/// outside of Kontor, and nowhere once the person was erased.
pub(crate) fn personal(shape: &Value) -> Value {
    let mut open = shape.clone();
    let description = open.as_object_mut().and_then(|fields| fields.remove("description"));
    let mut alternatives = match open.get("oneOf").and_then(Value::as_array) {
        Some(alternatives) => alternatives.clone(),
        None => vec![open],
    };
    alternatives.push(json!({
        "type": "object",
        "description": "Sealed personal data; only Kontor can open it.",
        "properties": { "$sealed": { "type": "string" } },
        "required": ["$sealed"],
    }));
    let mut shape = json!({ "oneOf": alternatives });
    if let Some(description) = description {
        shape["description"] = description;
    }
    shape
}
