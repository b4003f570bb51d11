//! What differs between two states.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::mask::{MASK, Shown, is_personal};

/// The most differences that are listed of one change; a state of thousands of fields is looked at
/// as JSON.
const CHANGES_MAX: usize = 100;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// Its names from the outside in, with a point between them.
    pub(super) field: String,
    /// What it was; absent when it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Value>,
    /// What it is; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Value>,
}

impl Change {
    /// As a line of text.
    pub(super) fn line(&self) -> String {
        let text = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string)
        };
        format!("{}: {} → {}", self.field, text(&self.before), text(&self.after))
    }
}

/// The fields that differ, in order of their names.
pub(super) fn changes(before: &Value, after: &Value, shown: Shown) -> Vec<Change> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten(before, "", false, &mut old);
    flatten(after, "", false, &mut new);
    let fields: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = fields.into_iter().filter(|field| {
        old.get(*field) != new.get(*field)
            && !is_filled(field, &old, &new)
            && !is_filled(field, &new, &old)
    });
    differ
        .take(CHANGES_MAX)
        .map(|field| {
            let show = |leaf: Option<&Leaf<'_>>| leaf.map(|leaf| leaf.show(shown));
            Change {
                field: field.clone(),
                before: show(old.get(field)),
                after: show(new.get(field)),
            }
        })
        .collect()
}

/// Whether a field that was empty has parts on the other side: those are the change.
fn is_filled(
    field: &str,
    empty: &BTreeMap<String, Leaf<'_>>,
    filled: &BTreeMap<String, Leaf<'_>>,
) -> bool {
    let after = |separator: char| {
        let start = format!("{field}{separator}");
        filled.range(start.clone()..).next().is_some_and(|(name, _)| name.starts_with(&start))
    };
    empty.contains_key(field) && !filled.contains_key(field) && (after('.') || after('['))
}

/// A value without parts.
#[derive(PartialEq)]
struct Leaf<'a> {
    value: &'a Value,
    personal: bool,
}

impl Leaf<'_> {
    fn show(&self, shown: Shown) -> Value {
        match shown {
            Shown::Masked if self.personal && !self.value.is_null() => MASK.into(),
            Shown::Masked | Shown::Personal => self.value.clone(),
        }
    }
}

fn flatten<'a>(
    value: &'a Value,
    path: &str,
    personal: bool,
    leaves: &mut BTreeMap<String, Leaf<'a>>,
) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(value, &path, personal || is_personal(name), leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(value, &format!("{path}[{index}]"), personal, leaves);
            }
        }
        // A state that is nothing yet has no fields.
        Value::Null if path.is_empty() => {}
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            leaves.insert(path.to_owned(), Leaf { value, personal });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        changes(before, after, Shown::Masked).iter().map(Change::line).collect()
    }

    #[test]
    fn only_what_differs_is_listed_by_its_path() {
        let before = json!({"a": {"b": 1, "c": [1, 2]}, "same": true});
        let after = json!({"a": {"b": 2, "c": [1]}, "same": true, "new": "x"});
        assert_eq!(
            lines(&before, &after),
            ["a.b: 1 → 2", "a.c[1]: 2 → (none)", "new: (none) → \"x\""]
        );
        assert_eq!(lines(&after, &after), [""; 0]);
    }

    #[test]
    fn a_personal_field_shows_that_it_changed_and_not_to_what() {
        let before = json!({"holder": {"display_name": "Анна", "phone": null}});
        let after = json!({"holder": {"display_name": "Ольга", "phone": "+7"}});
        assert_eq!(
            lines(&before, &after),
            ["holder.display_name: \"•••\" → \"•••\"", "holder.phone: null → \"•••\""]
        );
        let open = changes(&before, &after, Shown::Personal);
        assert_eq!(open[0].after, Some("Ольга".into()));
    }

    #[test]
    fn what_was_empty_is_not_listed_beside_its_parts() {
        let (empty, filled) = (json!({"a": null, "b": []}), json!({"a": {"x": 1}, "b": [2]}));
        assert_eq!(lines(&empty, &filled), ["a.x: (none) → 1", "b[0]: (none) → 2"]);
        assert_eq!(lines(&filled, &empty), ["a.x: 1 → (none)", "b[0]: 2 → (none)"]);
        assert_eq!(lines(&json!({"a": null}), &json!({"a": 1})), ["a: null → 1"]);
    }

    #[test]
    fn a_long_change_is_cut() {
        let after: Value = (0..1_000)
            .map(|n| (format!("f{n}"), json!(n)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(changes(&Value::Null, &after, Shown::Masked).len(), CHANGES_MAX);
    }
}
