//! What belongs to people is covered wherever somebody looks at events, commands and states without
//! having asked for it.
//!
//! No list of names decides: the aggregate says of each event and command which fields are
//! [personal](kontor_domain::EventBody::personal_fields). In a state they are found by folding twice,
//! once with these fields taken out of every event as after an erasure: what differs is personal.

use kontor_domain::{Decider, EventBody, Personal, Recorded, Upcasters};
use serde_json::{Value, json};

use super::{Fold, FoldError, Folding};
use crate::router::guarded;

/// What stands in place of a personal value.
pub const COVER: &str = "•••";

/// A state, and the same as everybody may see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// As it is.
    pub whole: Value,
    /// With [`COVER`] in place of each personal value.
    pub covered: Value,
}

impl Sight {
    /// A value in which nothing is covered, for those who asked for it.
    pub fn open(whole: Value) -> Self {
        Self { covered: whole.clone(), whole }
    }
}

/// A stream that is being folded with and without what belongs to people.
pub struct CoveredFold {
    whole: Box<dyn Fold>,
    redacted: Box<dyn Fold>,
}

impl CoveredFold {
    pub(super) fn new<A: Decider>() -> Self {
        let redacted = Redacting(A::default());
        Self { whole: Box::new(Folding(A::default())), redacted: Box::new(redacted) }
    }

    /// Applies the stream's next event as it is stored, with its personal data opened. After an
    /// error the state means nothing any more.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn apply(&mut self, event: &Recorded) -> Result<(), FoldError> {
        self.whole.apply(event)?;
        self.redacted.apply(event)
    }

    /// The state.
    ///
    /// # Errors
    /// When the state has no JSON, which is a defect of its type.
    pub fn state(&self) -> Result<Sight, serde_json::Error> {
        let whole = self.whole.state()?;
        let covered = cover(&whole, &self.redacted.state()?);
        Ok(Sight { whole, covered })
    }
}

/// Folds events whose personal fields are taken out before.
struct Redacting<A>(A);

impl<A: Decider> Fold for Redacting<A> {
    fn apply(&mut self, event: &Recorded) -> Result<(), FoldError> {
        let parts = Upcasters::current().upcast(event.clone());
        for mut part in parts.map_err(|failure| FoldError::Upcast(failure.0))? {
            part.payload = unsealed(&part.payload);
            let fact = part.body::<A::Fact>().map_err(FoldError::Undecodable)?;
            part.payload = replaced(&part.payload, fact.personal_fields(), &redacted());
            let fact = part.body::<A::Fact>().map_err(FoldError::Undecodable)?;
            guarded::<A, _>("while its history was applied", || self.0.apply(fact))
                .map_err(|error| FoldError::Defect(error.to_string()))?;
        }
        Ok(())
    }

    fn state(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(&self.0)
    }
}

/// A payload with its personal fields covered; none when this build does not know its form.
pub(super) fn payload<A: Decider>(event: &Recorded) -> Option<Value> {
    let text = unsealed(&event.payload);
    let fact = A::Fact::from_wire(&event.event_type, event.schema_version, &text).ok()?;
    serde_json::from_str(&replaced(&text, fact.personal_fields(), &COVER.into())).ok()
}

/// A command with its personal fields covered; none when it is none of this aggregate's.
pub(super) fn command<A: Decider>(command: &Value) -> Option<Value> {
    let order: A::Order = serde_json::from_value(command.clone()).ok()?;
    let mut covered = command.clone();
    replace(&mut covered, A::personal_fields(&order)?, &COVER.into());
    Some(covered)
}

fn redacted() -> Value {
    json!({ Personal::<()>::REDACTED_FIELD: true })
}

/// The payload with every encrypted value taken out, so that it can be read without a key.
fn unsealed(payload: &str) -> String {
    if !payload.contains(Personal::<()>::SEALED_FIELD) {
        return payload.to_owned();
    }
    let Ok(mut value) = serde_json::from_str(payload) else { return payload.to_owned() };
    unseal(&mut value);
    value.to_string()
}

/// The depth is that of the JSON reader, which stops at 128.
fn unseal(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.len() == 1 && fields.contains_key(Personal::<()>::SEALED_FIELD) {
                *value = redacted();
            } else {
                fields.values_mut().for_each(unseal);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unseal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn replaced(payload: &str, pointers: &[&str], with: &Value) -> String {
    let Ok(mut value) = serde_json::from_str(payload) else { return payload.to_owned() };
    replace(&mut value, pointers, with);
    value.to_string()
}

/// Null says nothing about anybody and stays.
fn replace(value: &mut Value, pointers: &[&str], with: &Value) {
    for pointer in pointers {
        if let Some(field) = value.pointer_mut(pointer).filter(|field| !field.is_null()) {
            *field = with.clone();
        }
    }
}

/// The state, covered wherever the one without people differs from it.
fn cover(whole: &Value, without: &Value) -> Value {
    match (whole, without) {
        (Value::Null, _) => Value::Null,
        (_, Value::Object(mark)) if mark.contains_key(Personal::<()>::REDACTED_FIELD) => {
            COVER.into()
        }
        (Value::Object(fields), Value::Object(others)) => {
            let covered = fields.iter().map(|(name, value)| {
                let other = others.get(name);
                (name.clone(), other.map_or_else(|| COVER.into(), |other| cover(value, other)))
            });
            Value::Object(covered.collect())
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            items.iter().zip(others).map(|(item, other)| cover(item, other)).collect()
        }
        (whole, without) if whole == without => whole.clone(),
        _ => COVER.into(),
    }
}

#[cfg(test)]
mod tests {
    use kontor_domain::{
        account::Account,
        meter::{Meter, MeterCommand},
    };

    use super::*;
    use crate::{Folds, Registry, folds::tests::event};

    fn folds() -> Folds {
        Folds::new().register::<Account>().register::<Meter>()
    }

    const REGISTERED: &str = r#"{"display_name":"Анна","language":"ru",
        "origin":{"kind":"telegram","bot":"demo","user_id":7},"phone":"+79161234567"}"#;

    #[test]
    fn the_fields_that_the_event_names_are_covered_and_no_others() {
        let covered = folds().covered_payload(&event("account.registered", 1, REGISTERED));
        assert_eq!(
            covered,
            json!({"display_name": COVER, "language": "ru", "origin": COVER, "phone": COVER})
        );
        let none = folds().covered_payload(&event("account.phone_changed", 1, r#"{"phone":null}"#));
        assert_eq!(none, json!({"phone": null}));
        let sealed = r#"{"display_name":{"$sealed":"1.a.b"}}"#;
        let sealed = folds().covered_payload(&event("account.renamed", 1, sealed));
        assert_eq!(sealed, json!({"display_name": COVER}));
    }

    #[test]
    fn what_this_build_does_not_know_is_covered_whole() {
        for (name, version, payload) in [
            ("account.renamed", 99, r#"{"display_name":"Анна"}"#),
            ("account.married", 1, r#"{"spouse":"Анна"}"#),
            ("account.renamed", 1, r#"{"display_name":["Анна"]}"#),
            ("account.renamed", 1, "Анна"),
        ] {
            let covered = folds().covered_payload(&event(name, version, payload));
            assert_eq!(covered, COVER, "{name} {version} {payload}");
        }
        let mut foreign = event("booking.made", 1, r#"{"who":"Анна"}"#);
        foreign.stream_type = "booking".to_owned();
        assert_eq!(folds().covered_payload(&foreign), COVER);
    }

    #[test]
    fn commands_are_covered_by_what_their_aggregate_says() {
        let rename = json!({"type": "rename", "display_name": "Мария Ли"});
        let covered = folds().covered_command("account", &rename);
        assert_eq!(covered, json!({"type": "rename", "display_name": COVER}));
        let language = json!({"type": "change_language", "language": "en"});
        assert_eq!(folds().covered_command("account", &language), language);
        for (aggregate, unknown) in [
            ("account", json!({"type": "rename", "display_name": "Мария Ли", "note": "x"})),
            ("account", json!({"type": "marry", "spouse": "Мария Ли"})),
            ("booking", rename.clone()),
            ("account", json!("Мария Ли")),
        ] {
            assert_eq!(folds().covered_command(aggregate, &unknown), COVER, "{unknown}");
        }
        let archive = json!({"type": "archive", "reason": "Анна переехала"});
        assert!(serde_json::from_value::<MeterCommand>(archive.clone()).is_ok());
        assert_eq!(folds().covered_command("meter", &archive)["reason"], COVER);
    }

    #[test]
    fn a_state_is_covered_where_it_comes_from_personal_fields() {
        let Some(mut fold) = folds().start_covered("account") else { panic!("it is known") };
        assert!(fold.apply(&event("account.registered", 1, REGISTERED)).is_ok());
        let Ok(before) = fold.state() else { panic!("it has JSON") };
        assert_eq!(before.whole["holder"]["display_name"], "Анна");
        assert_eq!(before.covered["holder"]["display_name"], COVER);
        assert_eq!(before.covered["holder"]["origin"], COVER);
        assert_eq!(before.covered["holder"]["language"], "ru");
        let text = before.covered.to_string();
        assert!(!text.contains("Анна") && !text.contains("7916"), "{text}");
        let renamed = event("account.renamed", 1, r#"{"display_name":"Аня"}"#);
        assert!(fold.apply(&renamed).is_ok());
        let Ok(after) = fold.state() else { panic!("it has JSON") };
        assert_eq!(before.covered, after.covered, "to what it changed is nobody's business");
        assert_ne!(before.whole, after.whole);
    }
}
