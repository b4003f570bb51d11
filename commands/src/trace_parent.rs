//! The W3C trace context of a request, read from whoever sends it.

use std::fmt;

use uuid::Uuid;

/// The length of version 00: `00-<32 digits>-<16 digits>-<2 digits>`.
const LENGTH: usize = 55;
/// The longest text that is looked at. A later version may append fields; none needs more.
const LENGTH_MAX: usize = 256;
/// The version that the specification forbids.
const VERSION_FORBIDDEN: &str = "ff";

/// A `traceparent` that is safe to store, to log and to put into a header. Always of version 00.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceParent(String);

impl TraceParent {
    /// The header, in HTTP and NATS alike; NATS tells upper from lower case.
    pub const HEADER: &'static str = "traceparent";

    /// Reads a header's text. Whatever the specification calls invalid is `None`: the request is
    /// then served as if it were not traced. Of a later version the part that all versions share is
    /// kept.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX || !text.is_ascii() {
            return None;
        }
        let mut parts = text.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        let widths_fit = [(version, 2), (trace, 32), (span, 16), (flags, 2)]
            .into_iter()
            .all(|(part, width)| part.len() == width && part.bytes().all(is_digit));
        let is_empty = |part: &str| part.bytes().all(|byte| byte == b'0');
        let ends_well = version != "00" || text.len() == LENGTH;
        if !widths_fit
            || !ends_well
            || version == VERSION_FORBIDDEN
            || is_empty(trace)
            || is_empty(span)
        {
            return None;
        }
        // The other flags mean nothing here, and what means nothing is passed on as zero.
        let sampled = flags.bytes().last().is_some_and(is_odd);
        Some(Self(format!("00-{trace}-{span}-{}", if sampled { "01" } else { "00" })))
    }

    /// The beginning of a trace for something that came without one, such as a bot's update. The ids
    /// follow from `cause`, so that a repetition has the trace of the first attempt. Not sampled, as long
    /// as nobody says that its first span is recorded: it makes log lines and events of one cause
    /// findable.
    pub fn of_cause(cause: Uuid) -> Self {
        let trace = Uuid::new_v5(&cause, b"trace");
        let span = Uuid::new_v5(&cause, b"span").simple().to_string();
        Self(format!("00-{}-{}-00", trace.simple(), span.get(..16).unwrap_or("0000000000000001")))
    }

    /// The same, said to be recorded.
    #[must_use]
    pub fn sampled(mut self) -> Self {
        self.0.replace_range(LENGTH - 2.., "01");
        self
    }

    /// The text for a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.0
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn is_odd(digit: u8) -> bool {
    matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_header_is_kept_as_it_is() {
        let trace = TraceParent::parse(VALID).unwrap();
        assert_eq!(trace.as_str(), VALID);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn of_a_later_version_the_shared_part_is_kept() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-what-comes";
        assert_eq!(TraceParent::parse(later).unwrap().as_str(), VALID);
    }

    #[test]
    fn hostile_headers_are_no_trace() {
        let long = format!("01-{}-{}", &VALID[3..], "a".repeat(LENGTH_MAX));
        for bad in [
            "",
            "-",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nNats-Msg-Id: x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\u{0}1",
            "00-след-b7ad6b7169203331-01",
            &long,
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_cause_has_one_valid_trace() {
        let cause = Uuid::now_v7();
        let trace = TraceParent::of_cause(cause);
        assert_eq!(TraceParent::of_cause(cause), trace);
        assert_eq!(TraceParent::parse(trace.as_str()), Some(trace.clone()));
        assert_ne!(TraceParent::of_cause(Uuid::now_v7()), trace);
    }
}
