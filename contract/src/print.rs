//! JSON and YAML as they are committed: sorted by key, so that the same document is the same text in
//! every build.

use serde_json::Value;

/// A document as JSON text with a line break at its end.
pub fn json(value: &Value) -> String {
    let mut text = String::new();
    write_json(value, 0, &mut text);
    text.push('\n');
    text
}

/// A document as YAML: block style, every text in the form of JSON, which YAML reads as it is.
pub fn yaml(value: &Value) -> String {
    let mut text =
        "# Made from contract/src by `make contract`; a test compares. Do not edit.\n".to_owned();
    write_yaml(value, 0, &mut text);
    text
}

/// The entries of an object in order of their keys, whatever order the map keeps.
fn sorted(fields: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = fields.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn write_json(value: &Value, depth: usize, text: &mut String) {
    let (open, close, entries): (char, char, Vec<(Option<&String>, &Value)>) = match value {
        Value::Object(fields) if !fields.is_empty() => {
            ('{', '}', sorted(fields).into_iter().map(|(key, value)| (Some(key), value)).collect())
        }
        Value::Array(items) if !items.is_empty() => {
            ('[', ']', items.iter().map(|value| (None, value)).collect())
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            text.push_str(&value.to_string());
            return;
        }
    };
    text.push(open);
    for (number, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        indent(depth + 1, text);
        if let Some(key) = key {
            text.push_str(&quoted(key));
            text.push_str(": ");
        }
        write_json(value, depth + 1, text);
    }
    text.push('\n');
    indent(depth, text);
    text.push(close);
}

fn write_yaml(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) => {
            for (key, value) in sorted(fields) {
                indent(depth, text);
                text.push_str(&quoted(key));
                text.push(':');
                write_nested(value, depth, text);
            }
        }
        Value::Array(items) => {
            for value in items {
                indent(depth, text);
                text.push('-');
                write_nested(value, depth, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
            text.push('\n');
        }
    }
}

/// What follows a key or a dash: a plain value on the same line, anything else below it.
fn write_nested(value: &Value, depth: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if is_block {
        text.push('\n');
        write_yaml(value, depth + 1, text);
    } else {
        text.push(' ');
        text.push_str(&value.to_string());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_printed_in_order_of_their_keys() {
        let document = json!({ "b": [1, { "x": null }, []], "a": "Ж: \"y\"\n", "c": {} });
        assert_eq!(
            json(&document),
            "{\n  \"a\": \"Ж: \\\"y\\\"\\n\",\n  \"b\": [\n    1,\n    {\n      \"x\": null\n    },\n    \
             []\n  ],\n  \"c\": {}\n}\n"
        );
        assert_eq!(serde_json::from_str::<Value>(&json(&document)).unwrap(), document);
        let (_, yaml) =
            yaml(&document).split_once('\n').map(|(a, b)| (a.len(), b.to_owned())).unwrap();
        assert_eq!(
            yaml,
            "\"a\": \"Ж: \\\"y\\\"\\n\"\n\"b\":\n  - 1\n  -\n    \"x\": null\n  - []\n\"c\": {}\n"
        );
    }
}
