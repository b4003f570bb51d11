//! The signature of a webhook: HMAC-SHA256 over time and raw body.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a notification's time may be from ours, either way, in seconds.
const TOLERANCE_SECONDS: i64 = 300;
/// The most signatures that are tried: a webhook has one for each of its secrets.
const SIGNATURES_MAX: usize = 16;

/// Whether any signature of the header was made with any of the secrets, now. The reason says why not.
pub(super) fn verify(
    secrets: &[&[u8]],
    (header, body): (Option<&str>, &[u8]),
    now: DateTime<Utc>,
) -> Result<(), &'static str> {
    let header = header.ok_or("signature_missing")?;
    let mut parts = header.split(',').filter_map(|part| part.trim().split_once('='));
    let (_, time) = parts.clone().find(|(name, _)| *name == "t").ok_or("signature_missing")?;
    let seconds: i64 = time.parse().map_err(|_| "signature_missing")?;
    let mut right = false;
    // All of them, in constant time: how long it takes says nothing of which was right.
    for (_, signature) in parts.by_ref().filter(|(name, _)| *name == "v1").take(SIGNATURES_MAX) {
        let Ok(given) = hex::decode(signature) else { continue };
        for secret in secrets {
            right |= signed(secret, time, body).is_some_and(|mac| mac.verify_slice(&given).is_ok());
        }
    }
    if !right {
        return Err("signature_wrong");
    }
    let age = now.timestamp().saturating_sub(seconds);
    if age < -TOLERANCE_SECONDS {
        Err("signature_future")
    } else if age > TOLERANCE_SECONDS {
        Err("signature_stale")
    } else {
        Ok(())
    }
}

fn signed(secret: &[u8], time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // An HMAC takes a key of any length; there is no error to have.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"whsec_test_secret";
    const OTHER: &[u8] = b"whsec_other_secret";
    const BODY: &[u8] = r#"{"id":"evt_1","object":"event","имя":"Анна"}"#.as_bytes();
    const AT: i64 = 1_790_000_000;

    fn header(secret: &[u8], at: i64, body: &[u8]) -> String {
        let mac = signed(secret, &at.to_string(), body).unwrap();
        format!("t={at},v1={},v0=00ff", hex::encode(mac.finalize().into_bytes()))
    }

    fn check(header: Option<&str>, body: &[u8], now: i64) -> Result<(), &'static str> {
        let now = DateTime::from_timestamp(now, 0).unwrap();
        verify(&[SECRET, OTHER], (header, body), now)
    }

    #[test]
    fn it_is_the_signature_that_other_tools_compute() {
        // printf '1790000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_secret
        let expected = "621e30333c3e6f1df3159281b9d0e6983411cc64573a2fb2802f56791c7a24c1";
        let mac = signed(SECRET, "1790000000", br#"{"id":"evt_1"}"#).unwrap();
        assert_eq!(hex::encode(mac.finalize().into_bytes()), expected);
    }

    #[test]
    fn any_signature_of_any_secret_will_do_and_both_ends_of_the_window_hold() {
        for secret in [SECRET, OTHER] {
            let right = header(secret, AT, BODY);
            for now in [AT - 300, AT, AT + 300] {
                assert_eq!(check(Some(&right), BODY, now), Ok(()));
            }
            assert_eq!(check(Some(&right), BODY, AT + 301), Err("signature_stale"));
            assert_eq!(check(Some(&right), BODY, AT - 301), Err("signature_future"));
        }
        let right = header(SECRET, AT, BODY);
        let (time, rest) = right.split_once(',').unwrap();
        let several = format!("{time},v1=00,v1=zz,v1=,{rest}");
        assert_eq!(check(Some(&several), BODY, AT), Ok(()), "not only the first one counts");
    }

    #[test]
    fn whatever_was_changed_is_wrong() {
        let right = header(SECRET, AT, BODY);
        let mut changed = BODY.to_vec();
        changed.push(b' ');
        assert_eq!(check(Some(&right), &changed, AT), Err("signature_wrong"));
        let moved = right.replace(&AT.to_string(), &(AT + 1).to_string());
        assert_eq!(check(Some(&moved), BODY, AT), Err("signature_wrong"));
        let foreign = header(b"whsec_nobody", AT, BODY);
        assert_eq!(check(Some(&foreign), BODY, AT), Err("signature_wrong"));
        let downgraded = right.replace("v1=", "v0=");
        assert_eq!(check(Some(&downgraded), BODY, AT), Err("signature_wrong"));
        for nonsense in ["", "t=", "v1=00", "t=later,v1=00", "подпись", "t=99999999999999999999"]
        {
            assert_eq!(check(Some(nonsense), BODY, AT), Err("signature_missing"), "{nonsense}");
        }
        assert_eq!(check(None, BODY, AT), Err("signature_missing"));
        let far = header(SECRET, i64::MIN, BODY);
        assert_eq!(check(Some(&far), BODY, AT), Err("signature_stale"));
    }
}
