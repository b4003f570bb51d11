//! Finds where the server's echo differs from what was asked. Older servers drop fields that they
//! do not know without a word.

use serde_json::Value;

use crate::Difference;

/// The fields of `asked` that `got` holds differently. Fields that only the server knows do not
/// count, and a field left out means its zero value.
pub(super) fn differences(path: &str, asked: &Value, got: &Value) -> Vec<Difference> {
    match (asked, got) {
        (Value::Object(fields), Value::Object(_)) => fields
            .iter()
            .flat_map(|(name, asked)| {
                let got = got.get(name).unwrap_or(&Value::Null);
                differences(&format!("{path}.{name}"), asked, got)
            })
            .collect(),
        _ if asked == got || (got.is_null() && is_zero(asked)) => Vec::new(),
        _ => vec![Difference { field: path.to_owned(), asked: asked.clone(), got: got.clone() }],
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_i64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_that_was_dropped_or_changed_is_listed() {
        let asked = json!({ "a": 1, "b": { "c": "x", "d": [1] }, "e": true, "z": 0 });
        let got = json!({ "a": 2, "b": { "c": "x" }, "more": 1 });
        let found = differences("config", &asked, &got);
        let fields: Vec<&str> = found.iter().map(|found| found.field.as_str()).collect();
        assert_eq!(fields, ["config.a", "config.b.d", "config.e"]);
        assert_eq!(found[0].to_string(), "config.a: asked 1, got 2");
        assert!(differences("config", &asked, &asked).is_empty());
    }

    #[test]
    fn an_answer_without_configuration_differs() {
        assert_eq!(differences("config", &json!({ "a": 1 }), &Value::Null).len(), 1);
    }
}
