//! Encrypted fields inside a payload: `{"$sealed": "1.<key id>.<base64 of nonce and ciphertext>"}`.
//!
//! A field's ciphertext is bound to its tenant, stream, event and place in the payload: moved
//! anywhere else it does not open.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kontor_commands::NewEvent;
use kontor_domain::{Personal, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    VaultError,
    cipher::{DataKey, context},
    keys::Found,
};

/// The name of the one field of an encrypted value.
const SEALED: &str = Personal::<()>::SEALED_FIELD;
/// The name as it stands in JSON text: a payload without it has no encrypted field.
const SEALED_QUOTED: &str = "\"$sealed\"";
/// The version of the form. Another one means another cipher or context.
const VERSION: &str = "1";

/// Where an event stands: its tenant and stream, and its own id.
pub(super) type Place<'a> = ((&'a TenantId, Uuid), Uuid);

/// A payload with fields to encrypt.
pub(super) struct PlainPayload {
    value: Value,
    pointers: Vec<&'static str>,
}

/// Reads the payload of a new event, when it has something to encrypt. Null says nothing about
/// anybody and stays.
pub(super) fn seal_payload(event: &NewEvent) -> Result<Option<PlainPayload>, VaultError> {
    // Most readings have no photo; they need not be parsed to see it.
    let may_have = |pointer: &&str| {
        let name = pointer.rsplit('/').next().unwrap_or_default();
        event.payload.contains(name)
    };
    if !event.personal_fields.iter().any(may_have) {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(&event.payload)?;
    let has = |pointer: &&str| value.pointer(pointer).is_some_and(|field| !field.is_null());
    let pointers: Vec<&str> = event.personal_fields.iter().copied().filter(has).collect();
    Ok((!pointers.is_empty()).then_some(PlainPayload { value, pointers }))
}

impl PlainPayload {
    /// Encrypts the fields.
    pub(super) fn seal(
        &mut self,
        place: &Place<'_>,
        (key_id, key): (Uuid, &DataKey),
    ) -> Result<(), VaultError> {
        for pointer in &self.pointers {
            let Some(field) = self.value.pointer_mut(pointer) else { continue };
            let plain = serde_json::to_vec(field)?;
            let sealed = key.seal(&field_context(place, pointer), &plain);
            let sealed = sealed.ok_or(VaultError::KeyDamaged { key_id })?;
            let text = URL_SAFE_NO_PAD.encode(sealed);
            *field = json!({ SEALED: format!("{VERSION}.{}.{text}", key_id.simple()) });
        }
        Ok(())
    }

    pub(super) fn into_text(self) -> String {
        self.value.to_string()
    }
}

/// A payload with encrypted fields.
pub(super) struct SealedPayload {
    value: Value,
    fields: Vec<Field>,
}

struct Field {
    pointer: String,
    key_id: Uuid,
    sealed: Vec<u8>,
}

impl SealedPayload {
    /// Reads a stored payload, when it has encrypted fields. What is no JSON is left to whoever
    /// decodes the event.
    pub(super) fn read(payload: &str) -> Option<Self> {
        if !payload.contains(SEALED_QUOTED) {
            return None;
        }
        let value: Value = serde_json::from_str(payload).ok()?;
        let mut fields = Vec::new();
        find(&value, &mut String::new(), &mut fields);
        (!fields.is_empty()).then_some(Self { value, fields })
    }

    /// The keys that its fields need.
    pub(super) fn key_ids(&self) -> impl Iterator<Item = Uuid> {
        self.fields.iter().map(|field| field.key_id)
    }

    /// Decrypts the fields; without their key they become redacted. Whether all of them could be:
    /// one that was changed stays as it is.
    pub(super) fn open(&mut self, place: &Place<'_>, found: &HashMap<Uuid, Found>) -> bool {
        let mut whole = true;
        for Field { pointer, key_id, sealed } in &self.fields {
            let opened = match found.get(key_id) {
                Some(Found::Erased) => Some(json!({ Personal::<()>::REDACTED_FIELD: true })),
                Some(Found::Key { key, .. }) => key
                    .open(&field_context(place, pointer), sealed)
                    .and_then(|plain| serde_json::from_slice(&plain).ok()),
                None => None,
            };
            match (opened, self.value.pointer_mut(pointer)) {
                (Some(opened), Some(field)) => *field = opened,
                (Some(_) | None, _) => whole = false,
            }
        }
        whole
    }

    pub(super) fn into_text(self) -> String {
        self.value.to_string()
    }
}

fn field_context(((tenant, stream_id), event_id): &Place<'_>, pointer: &str) -> Vec<u8> {
    context(&[
        b"kontor personal field",
        tenant.as_str().as_bytes(),
        stream_id.as_bytes(),
        event_id.as_bytes(),
        pointer.as_bytes(),
    ])
}

/// Collects the encrypted fields below `value`. The depth is that of the JSON reader, which stops
/// at 128.
fn find(value: &Value, pointer: &mut String, fields: &mut Vec<Field>) {
    let mut below = |name: &str, inner: &Value| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        find(inner, pointer, fields);
        pointer.truncate(length);
    };
    match value {
        Value::Object(object) => {
            if let (1, Some(Value::String(text))) = (object.len(), object.get(SEALED)) {
                if let Some((key_id, sealed)) = parse(text) {
                    fields.push(Field { pointer: pointer.clone(), key_id, sealed });
                }
                return;
            }
            object.iter().for_each(|(name, inner)| below(name, inner));
        }
        Value::Array(array) => {
            array.iter().enumerate().for_each(|(index, inner)| below(&index.to_string(), inner));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn parse(text: &str) -> Option<(Uuid, Vec<u8>)> {
    let (version, rest) = text.split_once('.')?;
    let (key_id, sealed) = rest.split_once('.')?;
    if version != VERSION {
        return None;
    }
    Some((Uuid::try_parse(key_id).ok()?, URL_SAFE_NO_PAD.decode(sealed).ok()?))
}

#[cfg(test)]
mod tests;
