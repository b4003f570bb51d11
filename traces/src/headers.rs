//! What a collector wants to be sent along, such as a token.

use std::fmt;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The most headers: a collector wants one or two.
const HEADERS_MAX: usize = 16;
/// The longest text, in bytes: what servers take of a whole head.
const TEXT_LENGTH_MAX: usize = 8 * 1024;
/// Those that belong to the message itself.
const OF_THE_MESSAGE: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::HOST,
];

/// The headers of each request to a collector. They are secrets: their values are shown nowhere.
#[derive(Clone, Default)]
pub struct CollectorHeaders(HeaderMap);

impl CollectorHeaders {
    /// Reads the text of `OTEL_EXPORTER_OTLP_HEADERS`: `name=value` pairs separated by commas, with what
    /// is special in a value as `%20`. Nothing when any part of it is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_LENGTH_MAX {
            return None;
        }
        let mut headers = HeaderMap::new();
        for pair in text.split(',') {
            let (name, value) = pair.split_once('=')?;
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value = HeaderValue::from_bytes(&decoded(value.trim())?).ok()?;
            value.set_sensitive(true);
            let is_new = headers.insert(name.clone(), value).is_none();
            if !is_new || OF_THE_MESSAGE.contains(&name) {
                return None;
            }
        }
        (headers.len() <= HEADERS_MAX).then_some(Self(headers))
    }

    pub(crate) fn into_map(self) -> HeaderMap {
        self.0
    }
}

impl fmt::Debug for CollectorHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A text whose `%41` is `A`; nothing when a digit is missing.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_their_values_never_shown() {
        let headers =
            CollectorHeaders::parse("Authorization=Bearer%20t0k%3Den, x-scope = own==").unwrap();
        assert_eq!(headers.0["authorization"], "Bearer t0k=en");
        assert_eq!(headers.0["x-scope"], "own==");
        let shown = format!("{headers:?}");
        assert!(shown.contains("authorization") && !shown.contains("t0k"), "{shown}");
    }

    #[test]
    fn a_text_that_is_wrong_anywhere_is_refused_as_a_whole() {
        let many: Vec<String> = (0..=HEADERS_MAX).map(|n| format!("x-{n}=1")).collect();
        for wrong in [
            "",
            "authorization",
            "=value",
            "a=1,",
            "a=1,,b=2",
            "a b=1",
            "ключ=1",
            "a=1%4",
            "a=%zz",
            "a=1%0d%0ab: 2",
            "a=1,A=2",
            "Content-Type=text/plain",
            "host=elsewhere",
            &many.join(","),
            &format!("a={}", "x".repeat(TEXT_LENGTH_MAX)),
        ] {
            assert!(CollectorHeaders::parse(wrong).is_none(), "{wrong}");
        }
    }
}
