//! Reads an aggregate's command from its JSON and, when that fails, says which field is to blame.

use kontor_domain::Actor;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RouteError;
use crate::Envelope;

/// More fields than any command has; a larger object is not searched for the wrong one.
const FIELDS_SEARCHED_MAX: usize = 64;

/// The longest message in characters; serde lists every name that would have been right.
const MESSAGE_LENGTH_MAX: usize = 400;

/// Reads the command of an envelope.
pub(super) fn parse<C: DeserializeOwned>(envelope: &Envelope) -> Result<C, RouteError> {
    if let Some(field) = field_with_zero(envelope) {
        return Err(RouteError::Malformed(format!(
            "field `{field}`: the character U+0000 cannot be kept"
        )));
    }
    let command = &envelope.command;
    C::deserialize(command).map_err(|error| RouteError::Malformed(explain::<C>(command, &error)))
}

/// The field with the one character that no event can carry: the log's JSON does not know it, and
/// an append that can never succeed must not look like a store that fails for a while.
fn field_with_zero(envelope: &Envelope) -> Option<&str> {
    let name = match &envelope.actor {
        Actor::Customer { account_id: _ } => "",
        Actor::Operator { name } | Actor::System { name } => name,
    };
    if name.contains('\0') {
        return Some("actor");
    }
    if envelope.trace.as_deref().is_some_and(|trace| trace.contains('\0')) {
        return Some("trace");
    }
    let fields = envelope.command.as_object()?;
    let (field, _) =
        fields.iter().find(|(field, value)| field.contains('\0') || has_zero(value))?;
    Some(if field.contains('\0') { "command" } else { field })
}

fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_zero),
        Value::Object(fields) => {
            fields.iter().any(|(field, value)| field.contains('\0') || has_zero(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
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
    use uuid::Uuid;

    use super::*;
    use crate::clock;

    fn envelope(command: Value) -> Envelope {
        let actor = Actor::Operator { name: "desk".to_owned() };
        let address = ("salon_abc".parse().unwrap(), "meter", Uuid::now_v7());
        Envelope::new(Uuid::now_v7(), address, command, actor, clock::now())
    }

    fn said(command: Value) -> String {
        parse::<MeterCommand>(&envelope(command)).unwrap_err().to_string()
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
        assert!(parse::<MeterCommand>(&envelope(reading())).is_ok());
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

    #[test]
    fn a_text_that_the_log_cannot_keep_is_named() {
        let photo = json!({"kind": "url", "url": "https://a.example/\0"});
        let message = said(with("photo", photo));
        assert!(message.contains("field `photo`: the character U+0000"), "{message}");
        let message = said(with("nothing\0", json!(1)));
        assert!(message.contains("field `command`: the character U+0000"), "{message}");
        let mut actor = envelope(reading());
        actor.actor = Actor::System { name: "\0".to_owned() };
        let mut trace = envelope(reading());
        trace.trace = Some("00-\0".to_owned());
        for (field, envelope) in [("actor", actor), ("trace", trace)] {
            let message = parse::<MeterCommand>(&envelope).unwrap_err().to_string();
            assert!(message.contains(&format!("field `{field}`: the character")), "{message}");
        }
    }
}
