//! Which changes of a schema break somebody: whoever reads new events by the old schema, or old events
//! by the new one. Within one version a schema may only grow.

use std::collections::BTreeMap;

use serde_json::Value;

/// Bounds below which a value is refused, and above which it is.
const LOWER_BOUNDS: [&str; 3] = ["minimum", "minLength", "minItems"];
const UPPER_BOUNDS: [&str; 3] = ["maximum", "maxLength", "maxItems"];
/// Limits of a text that cannot be compared: any other one is another limit.
const FORMS: [&str; 3] = ["format", "pattern", "const"];

/// The changes from one schema to another that are not additive, one sentence each with the place.
/// Empty when nobody is broken.
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("data", old, new, &mut found);
    found
}

/// The same for all committed files and those that would be written: a schema that vanishes breaks
/// whoever reads by it.
pub fn breaking_file_changes(
    committed: &BTreeMap<String, String>,
    made: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (path, old) in committed.iter().filter(|(path, _)| path.ends_with(".json")) {
        let Some(new) = made.get(path) else {
            found.push(format!("{path}: the event is gone; events stay in the log for ever"));
            continue;
        };
        match (serde_json::from_str(old), serde_json::from_str(new)) {
            (Ok(old), Ok(new)) => {
                let changes = breaking_changes(&old, &new);
                found.extend(changes.into_iter().map(|change| format!("{path}: {change}")));
            }
            (Err(_), _) | (_, Err(_)) => found.push(format!("{path}: no JSON")),
        }
    }
    found
}

fn compare(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    if old.get("type") != new.get("type") {
        let shown = |schema: &Value| schema.get("type").cloned().unwrap_or(Value::Null);
        found.push(format!("{place}: the type changed from {} to {}", shown(old), shown(new)));
        return;
    }
    compare_fields(place, old, new, found);
    compare_bounds(place, old, new, found);
    compare_words(place, old, new, found);
    for (name, step) in [("items", "[]"), ("additionalProperties", ".*"), ("propertyNames", "{}")] {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => compare(&format!("{place}{step}"), old, new, found),
            (None, Some(_)) => found.push(format!("{place}: `{name}` was not limited before")),
            (Some(_) | None, None) => {}
        }
    }
    compare_alternatives(place, old, new, found);
}

fn compare_fields(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let field = |schema: &'_ Value, name: &str| schema.get("properties")?.get(name).cloned();
    let fields = old.get("properties").and_then(Value::as_object);
    for (name, old) in fields.into_iter().flatten() {
        match field(new, name) {
            Some(new) => compare(&format!("{place}.{name}"), old, &new, found),
            None => found.push(format!("{place}.{name}: the field was removed")),
        }
    }
    let (before, after) = (words(old, "required"), words(new, "required"));
    for name in after.iter().filter(|name| !before.contains(name)) {
        found.push(format!("{place}.{name}: a new required field; events of before lack it"));
    }
    for name in before.iter().filter(|name| !after.contains(name)) {
        found.push(format!("{place}.{name}: the field was always there and may be absent now"));
    }
}

fn compare_bounds(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let bound = |schema: &Value, name: &str| schema.get(name).and_then(Value::as_i64);
    let mut narrowed = |name: &str, tighter: fn(i64, i64) -> bool| {
        let is_narrower = match (bound(old, name), bound(new, name)) {
            (Some(old), Some(new)) => tighter(new, old),
            (None, Some(_)) => true,
            (Some(_) | None, None) => false,
        };
        if is_narrower {
            found.push(format!("{place}: `{name}` was narrowed"));
        }
    };
    for name in LOWER_BOUNDS {
        narrowed(name, |new, old| new > old);
    }
    for name in UPPER_BOUNDS {
        narrowed(name, |new, old| new < old);
    }
    for name in FORMS {
        if new.get(name).is_some() && old.get(name) != new.get(name) {
            found.push(format!("{place}: `{name}` changed"));
        }
    }
}

fn compare_words(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let (before, after) = (words(old, "enum"), words(new, "enum"));
    match (before.is_empty(), after.is_empty()) {
        (true, false) => found.push(format!("{place}: the words were not limited before")),
        (false, true) => found.push(format!("{place}: the words are not limited any more")),
        (true, true) | (false, false) => {
            for word in before.iter().filter(|word| !after.contains(word)) {
                found.push(format!("{place}: the word `{word}` was removed"));
            }
        }
    }
}

/// Alternatives keep their order; new ones stand at the end.
fn compare_alternatives(place: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let alternatives =
        |schema: &Value| schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let (before, after) = (alternatives(old), alternatives(new));
    if after.len() < before.len() {
        found.push(format!("{place}: an alternative was removed"));
    }
    if before.is_empty() && !after.is_empty() {
        found.push(format!("{place}: there was one form before"));
    }
    for (number, (old, new)) in before.iter().zip(&after).enumerate() {
        compare(&format!("{place}|{number}"), old, new, found);
    }
}

fn words(schema: &Value, name: &str) -> Vec<String> {
    let list = schema.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["a", "w"],
            "properties": {
                "a": { "type": "integer", "minimum": 1, "maximum": 5 },
                "w": { "type": "string", "enum": ["x", "y"] },
                "m": { "type": "object", "additionalProperties": { "type": "integer" } },
                "o": { "oneOf": [{ "type": "string" }, { "type": "null" }] },
                "d": { "type": "string", "format": "date" },
                "l": { "type": "array", "items": { "type": "string" } },
            },
        })
    }

    /// The complaints after a change at a place.
    fn changed(pointer: &str, to: Value) -> Vec<String> {
        let mut new = schema();
        *new.pointer_mut(pointer).unwrap() = to;
        breaking_changes(&schema(), &new)
    }

    #[test]
    fn what_only_grows_is_accepted() {
        assert!(breaking_changes(&schema(), &schema()).is_empty());
        for (pointer, to) in [
            ("/properties/w/enum", json!(["x", "y", "z"])),
            ("/properties/a/maximum", json!(6)),
            ("/properties/a", json!({ "type": "integer", "description": "other words" })),
            ("/properties/o/oneOf", json!([{ "type": "string" }, { "type": "null" }, {}])),
        ] {
            assert_eq!(changed(pointer, to), [""; 0], "{pointer}");
        }
        let mut new = schema();
        new["properties"]["later"] = json!({ "type": "string" });
        assert!(breaking_changes(&schema(), &new).is_empty());
    }

    #[test]
    fn what_breaks_somebody_is_named_with_its_place() {
        for (pointer, to, complaint) in [
            ("/required", json!(["a", "w", "d"]), "data.d: a new required field"),
            ("/required", json!(["a"]), "data.w: the field was always there"),
            ("/properties", json!({ "a": {}, "w": {} }), "data.m: the field was removed"),
            ("/properties/a/type", json!("string"), "data.a: the type changed"),
            ("/properties/a/type", json!(["integer", "null"]), "data.a: the type changed"),
            ("/properties/a/maximum", json!(4), "data.a: `maximum` was narrowed"),
            ("/properties/a/minimum", json!(2), "data.a: `minimum` was narrowed"),
            ("/properties/w/enum", json!(["x"]), "data.w: the word `y` was removed"),
            ("/properties/w", json!({ "type": "string" }), "data.w: the words are not limited"),
            ("/properties/d/format", json!("uuid"), "data.d: `format` changed"),
            ("/properties/o/oneOf", json!([{ "type": "string" }]), "data.o: an alternative"),
            ("/properties/l/items/type", json!("integer"), "data.l[]: the type changed"),
            ("/properties/m/additionalProperties/type", json!("null"), "data.m.*: the type"),
        ] {
            let complaints = changed(pointer, to).join("\n");
            assert!(complaints.contains(complaint), "{pointer}: {complaints}");
        }
    }

    #[test]
    fn a_schema_that_vanishes_breaks_its_readers() {
        let file =
            |text: &str| BTreeMap::from([("schemas/a.b/1.json".to_owned(), text.to_owned())]);
        let gone = breaking_file_changes(&file("{}"), &BTreeMap::new());
        assert!(gone[0].contains("schemas/a.b/1.json: the event is gone"), "{gone:?}");
        assert!(breaking_file_changes(&BTreeMap::new(), &file("{}")).is_empty());
        assert_eq!(breaking_file_changes(&file("{"), &file("{}")).len(), 1);
    }
}
