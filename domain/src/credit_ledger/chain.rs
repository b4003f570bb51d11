//! The chain of a ledger: each event carries a hash over itself and over the head before it, so
//! that what is changed, removed, inserted or put elsewhere breaks the chain at that place.
//!
//! The hash is taken over who gave the command (`actor` of the metadata) and the payload, both as
//! JSON values, the latter without `booking.head`, in an encoding in which every text, list and object begins with its length: no two payloads share their bytes, and
//! whoever knows this page can check a ledger without this program:
//!
//! `head = SHA-256(0x00 ‖ head before, 32 bytes ‖ text(event type) ‖ i64(schema version) ‖ actor ‖ payload)`
//!
//! The head before the first event is 32 zero bytes. A number is `i` and eight bytes, big-endian; a
//! text `s`, its length in four bytes, and its UTF-8; a list `a`, its count in four bytes, and its
//! items; an object `o`, its count in four bytes, and its fields as text and value in the order of
//! their names' bytes; `t`, `f` and `n` are true, false and null. There are no other numbers.
//!
//! A chain alone proves that nothing inside was touched, not that nothing was cut from its end and
//! not that the whole was not computed anew. For that its head is compared with one that was kept
//! elsewhere.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::CreditLedgerEvent;
use crate::{Actor, EventBody, ValueError};

/// Marks the hash of an event, as RFC 6962 marks a leaf.
const EVENT_TAG: u8 = 0x00;

/// The hash of an event and of all before it; 64 hexadecimal digits on the wire.
#[derive(Clone, Copy, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Head([u8; 32]);

impl Head {
    /// The head in front of the first event.
    pub const GENESIS: Self = Self([0; 32]);

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Head> for String {
    fn from(head: Head) -> Self {
        head.to_string()
    }
}

impl TryFrom<String> for Head {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let mut bytes = [0; 32];
        // One way to write it, so that a text and its hash belong together.
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(&text, &mut bytes) {
            Ok(()) if is_lower => Ok(Self(bytes)),
            _ => Err(ValueError("a head has 64 hexadecimal digits in lower case".to_owned())),
        }
    }
}

/// A link of a chain as it was stored.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The version in its stream.
    pub version: i64,
    /// The type on the wire.
    pub event_type: &'a str,
    /// The version of its schema.
    pub schema_version: i32,
    /// Who gave the command, as the metadata says.
    pub actor: &'a Actor,
    /// The payload as JSON text, as it stands in the log.
    pub payload: &'a str,
}

/// The end of a chain: how many events, and the hash of all of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChainEnd {
    /// How many events.
    pub length: i64,
    /// The last head.
    pub head: Head,
}

/// Where a chain is broken, and how. Positions are versions of the stream, from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChainBreak {
    /// Between two events one is missing, or one stands twice.
    #[error(
        "version {expected} should come next, but {found} does; an event was removed or inserted"
    )]
    Version {
        /// The version that should come.
        expected: i64,
        /// The version that came.
        found: i64,
    },
    /// The number in the booking is not the version.
    #[error("the event of version {version} says that it is number {number}; it was moved")]
    Number {
        /// The version.
        version: i64,
        /// What it says.
        number: i64,
    },
    /// The payload is not what was hashed.
    #[error(
        "the event of version {version} does not fit its head; it or one before it was changed"
    )]
    Hash {
        /// The version.
        version: i64,
    },
    /// The payload cannot be an event of a ledger.
    #[error("the event of version {version} is no event of a ledger: {reason}")]
    Unreadable {
        /// The version.
        version: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The first event belongs to another ledger.
    #[error("version 1 opens another ledger; the chain was moved here")]
    OtherLedger,
    /// The chain is not the one whose end was kept.
    #[error("the kept end says {expected} events, the log has {found}; its tail was cut off")]
    Truncated {
        /// How many there were.
        expected: i64,
        /// How many there are.
        found: i64,
    },
    /// At the place of the kept end stands another head.
    #[error("the head of version {version} is not the one that was kept; the chain was rewritten")]
    Rewritten {
        /// The version.
        version: i64,
    },
}

/// Checks a chain link by link, in one pass and in constant memory.
#[derive(Clone, Debug)]
pub struct Verifier {
    ledger_id: Uuid,
    end: ChainEnd,
    kept: Option<ChainEnd>,
}

impl Verifier {
    /// A check from the first event. `kept` is an end of this chain that was kept elsewhere.
    pub fn new(ledger_id: Uuid, kept: Option<ChainEnd>) -> Self {
        Self { ledger_id, end: ChainEnd::default(), kept }
    }

    /// A check that goes on behind an end that was reached before.
    pub fn resume(ledger_id: Uuid, end: ChainEnd) -> Self {
        Self { ledger_id, end, kept: None }
    }

    /// The end of what was checked so far.
    pub fn end(&self) -> ChainEnd {
        self.end
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// The first place at which the chain is broken.
    pub fn take(&mut self, link: Link<'_>) -> Result<(), ChainBreak> {
        let version = link.version;
        let expected = self.end.length.saturating_add(1);
        if version != expected {
            return Err(ChainBreak::Version { expected, found: version });
        }
        let unreadable = |reason| ChainBreak::Unreadable { version, reason };
        let mut payload: Value =
            serde_json::from_str(link.payload).map_err(|_| unreadable("it is no JSON"))?;
        let booking = payload
            .get_mut("booking")
            .and_then(Value::as_object_mut)
            .ok_or(unreadable("it has no booking"))?;
        let number = booking.get("number").and_then(Value::as_i64);
        let number = number.ok_or(unreadable("its booking has no number"))?;
        let head = booking.remove("head").ok_or(unreadable("its booking has no head"))?;
        let head: Head =
            serde_json::from_value(head).map_err(|_| unreadable("its head is no hash"))?;
        if version == 1 {
            let opens = payload.get("ledger_id").and_then(Value::as_str);
            if opens != Some(self.ledger_id.to_string().as_str()) {
                return Err(ChainBreak::OtherLedger);
            }
        }
        if number != version {
            return Err(ChainBreak::Number { version, number });
        }
        let found =
            hash(self.end.head, (link.event_type, link.schema_version), link.actor, &payload)
                .ok_or(unreadable("it holds a number that is not whole"))?;
        if found != head {
            return Err(ChainBreak::Hash { version });
        }
        self.end = ChainEnd { length: version, head };
        match self.kept {
            Some(kept) if kept.length == version && kept.head != head => {
                Err(ChainBreak::Rewritten { version })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The end of the chain after the last event.
    ///
    /// # Errors
    /// [`ChainBreak::Truncated`] when an end was kept that lies behind it.
    pub fn finish(self) -> Result<ChainEnd, ChainBreak> {
        match self.kept {
            Some(kept) if kept.length > self.end.length => {
                Err(ChainBreak::Truncated { expected: kept.length, found: self.end.length })
            }
            Some(_) | None => Ok(self.end),
        }
    }
}

/// The head after an event whose own head is not set yet; none when it cannot be written as JSON.
pub(super) fn head_after(before: Head, actor: &Actor, event: &CreditLedgerEvent) -> Option<Head> {
    let mut payload: Value = serde_json::from_str(&event.to_payload().ok()?).ok()?;
    payload.get_mut("booking")?.as_object_mut()?.remove("head")?;
    hash(before, (event.wire_type(), event.schema_version()), actor, &payload)
}

fn hash(
    before: Head,
    (event_type, schema_version): (&str, i32),
    actor: &Actor,
    payload: &Value,
) -> Option<Head> {
    let mut bytes = Vec::with_capacity(1024);
    bytes.push(EVENT_TAG);
    bytes.extend_from_slice(&before.0);
    write_text(&mut bytes, event_type)?;
    bytes.extend_from_slice(&i64::from(schema_version).to_be_bytes());
    write_value(&mut bytes, &serde_json::to_value(actor).ok()?)?;
    write_value(&mut bytes, payload)?;
    Some(Head(Sha256::digest(&bytes).into()))
}

/// Writes a value; none when it holds a number that is no 64-bit integer. The depth is bounded by
/// the JSON reader, which stops at 128.
fn write_value(bytes: &mut Vec<u8>, value: &Value) -> Option<()> {
    match value {
        Value::Null => bytes.push(b'n'),
        Value::Bool(true) => bytes.push(b't'),
        Value::Bool(false) => bytes.push(b'f'),
        Value::Number(number) => {
            bytes.push(b'i');
            bytes.extend_from_slice(&number.as_i64()?.to_be_bytes());
        }
        Value::String(text) => write_text(bytes, text)?,
        Value::Array(items) => {
            bytes.push(b'a');
            write_count(bytes, items.len())?;
            for item in items {
                write_value(bytes, item)?;
            }
        }
        Value::Object(fields) => write_object(bytes, fields)?,
    }
    Some(())
}

fn write_object(bytes: &mut Vec<u8>, fields: &Map<String, Value>) -> Option<()> {
    bytes.push(b'o');
    write_count(bytes, fields.len())?;
    // Sorted here: whether the map keeps an order of its own depends on a feature of the JSON crate.
    let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| name.as_bytes());
    for (name, value) in sorted {
        write_text(bytes, name)?;
        write_value(bytes, value)?;
    }
    Some(())
}

fn write_text(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.push(b's');
    write_count(bytes, text.len())?;
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

fn write_count(bytes: &mut Vec<u8>, count: usize) -> Option<()> {
    bytes.extend_from_slice(&u32::try_from(count).ok()?.to_be_bytes());
    Some(())
}
