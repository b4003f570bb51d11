//! Personal data stays hidden on the command line unless it is asked for.
//!
//! By the name of a field, wherever it stands: in the payload of an event, in the state of an
//! aggregate, in the message of a command.

use serde_json::Value;

/// What stands in place of a value.
pub(crate) const MASK: &str = "•••";

/// The fields that name a person, reach one, or hold their own words.
const PERSONAL: [&str; 14] = [
    "display_name",
    "external_id",
    "first_name",
    "last_name",
    "phone",
    "photo",
    "place",
    "reason",
    "text",
    "user_id",
    "username",
    "telegram_user_id",
    "telegram_username",
    "correction_reason",
];

/// How values are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Personal fields are masked.
    Masked,
    /// As they are.
    Personal,
}

impl Shown {
    pub(crate) fn of(personal: bool) -> Self {
        if personal { Self::Personal } else { Self::Masked }
    }

    /// The value as it may be shown.
    pub(crate) fn value(self, mut value: Value) -> Value {
        if self == Self::Masked {
            mask(&mut value);
        }
        value
    }
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_personal(name) && !value.is_null() {
                    *value = MASK.into();
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a field of that name is personal.
pub(super) fn is_personal(name: &str) -> bool {
    PERSONAL.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_fields_are_masked_at_any_depth() {
        let value = json!({
            "holder": {"display_name": "Анна", "language": "ru", "phone": null,
                       "origin": {"kind": "telegram", "bot": "demo", "user_id": 7}},
            "list": [{"place": "кухня", "zones": 2}],
            "name": "Demo utility",
        });
        let masked = Shown::Masked.value(value.clone());
        assert_eq!(
            masked,
            json!({
                "holder": {"display_name": MASK, "language": "ru", "phone": null,
                           "origin": {"kind": "telegram", "bot": "demo", "user_id": MASK}},
                "list": [{"place": MASK, "zones": 2}],
                "name": "Demo utility",
            })
        );
        assert_eq!(Shown::Personal.value(value.clone()), value);
    }
}
