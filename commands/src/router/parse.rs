//! Reads an aggregate's command from its JSON and, when that fails, says which field is to blame.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RouteError;

/// More fields than any command has; a larger object is not searched for the wrong one.
const FIELDS_SEARCHED_MAX: usize = 64;

/// The longest message in characters; serde lists every name that would have been right.
const MESSAGE_LENGTH_MAX: usize = 400;

/// Reads a command.
pub(super) fn parse<C: DeserializeOwned>(command: &Value) -> Result<C, RouteError> {
    C::deserialize(command).map_err(|error| RouteError::Malformed(explain::<C>(command, &error)))
}

/// Words an error without the value that caused it: the value may be a name or a number of a
/// person, and the message ends up in dead letters and logs.
fn explain<C: DeserializeOwned>(command: &Value, error: &serde_json::Error) -> String {
    if !command.is_object() {
        return "a command is an object with `type`".to_owned();
    }
    let said = error.to_string();
    let reason = match said.rsplit_once(", expected ") {
        Some((found, expected)) if found.starts_with("unknown field ") => {
            format!("{found}, expected {expected}")
        }
        Some((_, expected)) => format!("expected {expected}"),
        None => said.clone(),
    };
    let message = match blamed_field::<C>(command, &said) {
        Some(field) => format!("field `{field}`: {reason}"),
        None => reason,
    };
    message.chars().take(MESSAGE_LENGTH_MAX).collect()
}

/// The field without which the error would have been another one. Commands are tagged by `type`,
/// and serde forgets its place while it buffers the rest, so the place is found by trial.
fn blamed_field<C: DeserializeOwned>(command: &Value, said: &str) -> Option<String> {
    if said.starts_with("missing field ") || said.starts_with("unknown field ") {
        return None;
    }
    let fields = command.as_object()?;
    if fields.len() > FIELDS_SEARCHED_MAX {
        return None;
    }
    let blamed = fields.keys().filter(|field| *field != "type").find(|field| {
        let mut others = fields.clone();
        others.remove(*field);
        match C::deserialize(&Value::Object(others)) {
            Ok(_) => true,
            Err(other) => other.to_string() != said,
        }
    });
    let unknown_type = said.starts_with("unknown variant ") || said.starts_with("invalid type: ");
    blamed.cloned().or_else(|| unknown_type.then(|| "type".to_owned()))
}

#[cfg(test)]
mod tests {
    use kontor_domain::meter::MeterCommand;
    use serde_json::json;

    use super::*;

    fn said(command: Value) -> String {
        parse::<MeterCommand>(&command).unwrap_err().to_string()
    }

    fn reading() -> Value {
        json!({
            "type": "submit_reading", "reading_id": "018f6a3e-7a51-7cc0-a3a5-4f1f0a1f3a10",
            "values_milli": {"t1": 1000}, "source": "web",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut command = reading();
        command[field] = value;
        command
    }

    #[test]
    fn a_right_command_is_read() {
        assert!(parse::<MeterCommand>(&reading()).is_ok());
    }

    #[test]
    fn a_missing_field_is_named() {
        let mut command = reading();
        command.as_object_mut().unwrap().remove("source");
        assert_eq!(said(command), "the command cannot be read: missing field `source`");
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named_without_its_value() {
        let message = said(with("reading_id", json!("Anna +79161234567")));
        assert!(message.contains("field `reading_id`"), "{message}");
        assert!(!message.contains("7916"), "{message}");
        let message = said(with("confirmed", json!("Anna, expected nothing")));
        assert_eq!(message, "the command cannot be read: field `confirmed`: expected a boolean");
    }

    #[test]
    fn a_wrong_choice_is_named_with_the_right_ones() {
        let message = said(with("source", json!("pigeon")));
        assert!(message.contains("field `source`: expected one of `telegram`"), "{message}");
    }

    #[test]
    fn a_field_that_does_not_exist_is_named() {
        let message = said(with("colour", json!("red")));
        assert!(message.contains("unknown field `colour`, expected one of"), "{message}");
    }

    #[test]
    fn an_unknown_command_is_blamed_on_its_type() {
        let message = said(json!({"type": "paint"}));
        assert!(message.contains("field `type`: expected one of `register`"), "{message}");
        assert!(said(json!({})).contains("missing field `type`"));
        assert!(said(json!("paint")).contains("object with `type`"));
    }
}
