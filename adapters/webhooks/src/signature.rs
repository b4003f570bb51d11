//! The signature of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header `webhook-signature`: one signature for each key, separated by spaces, so that whoever
/// knows any of the secrets can verify.
pub fn signature<'a>(
    keys: impl IntoIterator<Item = &'a [u8]>,
    (id, timestamp_seconds): (&str, i64),
    body: &[u8],
) -> String {
    let signed = |key: &[u8]| {
        // An HMAC takes a key of any length; there is no error to have.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        mac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    keys.into_iter().filter_map(signed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_signature_of_the_published_example() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signature([key.as_slice()], (id, 1_614_265_330), body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let both = signature([key.as_slice(), b"other"], (id, 1_614_265_330), body);
        assert_eq!(both.split(' ').count(), 2);
    }
}
