//! Covers what belongs to people. It is shown to an operator who asks for it, and that is noted.

use serde_json::Value;

/// What stands in the place of a personal value.
const COVER: &str = "•••";

/// The fields that hold something of a person, or words that a person wrote, in whatever event or
/// command they stand.
const PERSONAL: [&str; 18] = [
    "address",
    "comment",
    "description",
    "display_name",
    "email",
    "external_id",
    "first_name",
    "last_name",
    "message",
    "note",
    "phone",
    "photo",
    "place",
    "reason",
    "text",
    "title",
    "user_id",
    "username",
];

/// A value whose personal parts are covered; the shape stays, and that there is something stays.
pub(super) fn covered(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::Array(items) => items.iter().map(covered).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let hidden = PERSONAL.contains(&name.as_str()) && !value.is_null();
                (name.clone(), if hidden { COVER.into() } else { covered(value) })
            });
            Value::Object(fields.collect())
        }
    }
}

/// Whether a path such as `holder.phone` leads through a personal field.
pub(super) fn is_personal(path: &str) -> bool {
    path.split('.').any(|part| PERSONAL.contains(&part))
}

/// What stands in the place of a personal value in a sentence.
pub(super) fn cover() -> String {
    COVER.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_numbers_of_people_are_covered_wherever_they_stand() {
        let value = json!({
            "display_name": "Анна", "phone": null, "language": "ru",
            "origin": {"kind": "telegram", "user_id": 7}, "list": [{"phone": "+7916"}],
        });
        let covered = covered(&value);
        assert_eq!(covered["origin"], json!({"kind": "telegram", "user_id": "•••"}));
        assert_eq!(covered["phone"], Value::Null);
        assert_eq!(covered["language"], "ru");
        let text = covered.to_string();
        assert!(!text.contains("Анна") && !text.contains("7916"), "{text}");
        assert!(is_personal("holder.origin.user_id") && !is_personal("holder.language"));
    }
}
