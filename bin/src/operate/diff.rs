//! What differs between two states.

use std::collections::BTreeMap;

use kontor_commands::Sight;
use serde::Serialize;
use serde_json::Value;

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
pub(super) fn changes(before: &Sight, after: &Sight) -> Vec<Change> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten((&before.whole, &before.covered), "", &mut old);
    flatten((&after.whole, &after.covered), "", &mut new);
    let fields: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = fields.into_iter().filter(|field| {
        old.get(*field) != new.get(*field)
            && !is_filled(field, &old, &new)
            && !is_filled(field, &new, &old)
    });
    differ
        .take(CHANGES_MAX)
        .map(|field| {
            let show = |leaf: Option<&Leaf<'_>>| leaf.map(|leaf| leaf.shown.clone());
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

/// A value without parts, or one that is covered as a whole.
struct Leaf<'a> {
    value: &'a Value,
    shown: &'a Value,
}

impl PartialEq for Leaf<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

fn flatten<'a>(
    (value, shown): (&'a Value, &'a Value),
    path: &str,
    leaves: &mut BTreeMap<String, Leaf<'a>>,
) {
    match (value, shown) {
        (Value::Object(fields), Value::Object(others)) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let Some(shown) = others.get(name) else { continue };
                flatten((value, shown), &path, leaves);
            }
        }
        (Value::Array(items), Value::Array(others)) if !items.is_empty() => {
            for (index, (value, shown)) in items.iter().zip(others).enumerate() {
                flatten((value, shown), &format!("{path}[{index}]"), leaves);
            }
        }
        // A state that is nothing yet has no fields.
        (Value::Null, _) if path.is_empty() => {}
        _ => {
            leaves.insert(path.to_owned(), Leaf { value, shown });
        }
    }
}

#[cfg(test)]
mod tests {
    use kontor_commands::COVER;
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        let (before, after) = (Sight::open(before.clone()), Sight::open(after.clone()));
        changes(&before, &after).iter().map(Change::line).collect()
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
        let sight = |name: &str, phone: Option<&str>| {
            let whole = json!({"holder": {"display_name": name, "phone": phone}});
            let phone = phone.map(|_| COVER);
            Sight { whole, covered: json!({"holder": {"display_name": COVER, "phone": phone}}) }
        };
        let (before, after) = (sight("Анна", None), sight("Ольга", Some("+7")));
        let lines: Vec<String> = changes(&before, &after).iter().map(Change::line).collect();
        assert_eq!(
            lines,
            ["holder.display_name: \"•••\" → \"•••\"", "holder.phone: null → \"•••\""]
        );
        assert_eq!(changes(&before, &before), []);
        let open = changes(&Sight::open(before.whole), &Sight::open(after.whole));
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
        assert_eq!(changes(&Sight::default(), &Sight::open(after)).len(), CHANGES_MAX);
    }
}
