//! The signed texts that a broker and its auth callout exchange: JWTs with Ed25519 keys of NATS.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use nkeys::{KeyPair, KeyPairType};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest text that is read: real ones have some 1,500 bytes, with certificates some more.
pub(super) const LENGTH_MAX: usize = 64 * 1024;
/// The header of every JWT of NATS.
const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
/// The only algorithm that is believed.
const ALGORITHM: &str = "ed25519-nkey";

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// Signs claims. `None` when they have no JSON or the key cannot sign, which are defects.
pub(super) fn sign(key: &KeyPair, claims: &impl Serialize) -> Option<String> {
    let claims = serde_json::to_vec(claims).ok()?;
    let text = format!(
        "{}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(HEADER),
        BASE64_URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = key.sign(text.as_bytes()).ok()?;
    Some(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

/// Reads claims that are signed by the key of a server, as they say themselves. `None` when anything
/// about them is wrong.
pub(super) fn read_of_server<C: DeserializeOwned>(text: &[u8]) -> Option<C> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let (signed, signature) = std::str::from_utf8(text).ok()?.trim().rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
    let claims = decode(claims)?;
    let Issued { iss } = serde_json::from_slice(&claims).ok()?;
    let key = KeyPair::from_public_key(&iss).ok()?;
    if header.alg != ALGORITHM || !matches!(key.key_pair_type(), KeyPairType::Server) {
        return None;
    }
    key.verify(signed.as_bytes(), &decode(signature)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_what_a_server_signed_is_read() {
        let server = KeyPair::new_server();
        let claims = json!({ "iss": server.public_key(), "nats": { "x": "Ж" } });
        let text = sign(&server, &claims).unwrap();
        assert_eq!(read_of_server::<Value>(text.as_bytes()).unwrap(), claims);

        let account = KeyPair::new_account();
        let by_account = sign(&account, &json!({ "iss": account.public_key() })).unwrap();
        assert!(read_of_server::<Value>(by_account.as_bytes()).is_none(), "no server");
        let forged = sign(&account, &claims).unwrap();
        assert!(read_of_server::<Value>(forged.as_bytes()).is_none(), "another's signature");
        let (head, rest) = text.split_once('.').unwrap();
        let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        for wrong in [
            String::new(),
            "a.b".to_owned(),
            "a.b.c".to_owned(),
            format!("{head}.{rest}.x"),
            format!("{unsigned}.{rest}"),
            format!("{text}{text}"),
            "x".repeat(LENGTH_MAX + 1),
        ] {
            assert!(read_of_server::<Value>(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(read_of_server::<Value>(&[0xff, 0xfe]).is_none());
    }
}
