//! Subjects, streams and headers. They are the contract with every other program on the bus.

/// The stream of commands.
pub const COMMANDS: &str = "COMMANDS";
/// The stream of events.
pub const EVENTS: &str = "EVENTS";
/// The subjects of all events.
pub const ALL_EVENTS: &str = "evt.>";
/// The stream of seals.
pub const SEALS: &str = "SEALS";
/// The subject of seals of the credit ledgers.
pub const SEAL_OF_LEDGERS: &str = "seal.ledgers";
/// What the subjects of all events begin with.
pub(crate) const EVENTS_ROOT: &str = "evt.";
/// The header with an event's position in the log as decimal text.
pub const POSITION: &str = "ce-position";
/// The core subject that carries the position of the log's last event as decimal text.
pub const HEAD: &str = "kontor.head";
/// The header with the inbox that waits for a command's outcome.
pub const REPLY_TO: &str = "Kontor-Reply-To";
/// The header by which JetStream recognises a message that it has stored a moment ago.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";

/// The number of shards. It is law on the wire: changing it moves aggregates between consumers
/// while commands are on their way.
pub const SHARDS: u32 = 8;

/// JetStream's code for a message that is larger than the stream takes.
pub(crate) const MESSAGE_TOO_LARGE: u64 = 10054;

/// The longest subject token that Kontor itself makes.
const TOKEN_LENGTH_MAX: usize = 64;
/// What every inbox begins with; the prefix of a restricted user continues it.
const INBOX: &str = "_INBOX";
/// The longest reply address that is answered.
const INBOX_LENGTH_MAX: usize = 200;

/// The subject of a command; `None` when a part is no safe token.
pub fn command_subject(tenant: &str, aggregate: &str, id: &str) -> Option<String> {
    let safe = [tenant, aggregate, id].into_iter().all(is_token);
    safe.then(|| format!("cmd.{tenant}.{aggregate}.{id}"))
}

/// The subject of an event with a wire type such as `meter.reading_submitted`; `None` when a part
/// is no safe token.
pub fn event_subject(tenant: &str, wire_type: &str) -> Option<String> {
    let (aggregate, event) = wire_type.split_once('.')?;
    let safe = [tenant, aggregate, event].into_iter().all(is_token);
    safe.then(|| format!("evt.{tenant}.{aggregate}.{event}"))
}

/// The address that a message has in its consumer, `shard.<n>.<tenant>.<aggregate>.<id>`, without
/// the shard.
pub fn address_in_shard(subject: &str) -> Option<&str> {
    subject.strip_prefix("shard.")?.split_once('.').map(|(_, address)| address)
}

/// Where the commands to one aggregate wait; `None` when a part is no safe token.
pub(crate) fn address_of_waiting(tenant: &str, aggregate: &str, id: &str) -> Option<String> {
    let safe = [tenant, aggregate, id].into_iter().all(is_token);
    safe.then(|| format!("shard.{}.{tenant}.{aggregate}.{id}", shard_of(id)))
}

/// The durable consumer of a shard.
pub fn consumer(shard: u32) -> String {
    format!("work_{shard}")
}

/// The lease of a shard.
pub fn lease(shard: u32) -> String {
    format!("shard/{shard}")
}

/// The shard that the server puts an aggregate's commands into.
pub fn shard_of(id: &str) -> u32 {
    hash(id.as_bytes()) % SHARDS
}

/// 32-bit FNV-1a, the hash of the server's `partition` function.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    const OFFSET: u32 = 2_166_136_261;
    const PRIME: u32 = 16_777_619;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(PRIME))
}

/// Whether a reply address is an inbox and nothing else: whoever may send a command must not be
/// able to make a worker publish into a stream.
pub(crate) fn is_inbox(subject: &str) -> bool {
    subject.starts_with(INBOX)
        && subject.len() <= INBOX_LENGTH_MAX
        && subject.split('.').all(|token| {
            !token.is_empty()
                && token.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        })
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= TOKEN_LENGTH_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_holds_exactly_its_parts() {
        let subject = command_subject("demo_utility", "meter", "0b9d").unwrap();
        assert_eq!(subject, "cmd.demo_utility.meter.0b9d");
        for bad in ["", "a.b", "*", ">", "a b", "ж", &"x".repeat(65)] {
            assert_eq!(command_subject("demo", bad, "1"), None, "{bad}");
            assert_eq!(event_subject("demo", &format!("meter.{bad}")), None, "{bad}");
        }
        assert_eq!(
            event_subject("demo", "meter.reading_submitted").as_deref(),
            Some("evt.demo.meter.reading_submitted")
        );
        assert_eq!(address_in_shard("shard.3.demo.meter.x"), Some("demo.meter.x"));
        assert_eq!(address_in_shard("cmd.demo.meter.x"), None);
    }

    #[test]
    fn only_inboxes_are_answered() {
        assert!(is_inbox("_INBOX.abc.17"));
        assert!(is_inbox("_INBOX_gateway.abc.17"));
        for bad in [
            "cmd.demo.meter.1",
            "$JS.API.STREAM.DELETE.EVENTS",
            "_INBOX.>",
            "_INBOX..a",
            "",
            "_INBOX.a b",
        ] {
            assert!(!is_inbox(bad), "{bad}");
        }
        assert!(!is_inbox(&format!("_INBOX.{}", "a".repeat(200))));
    }

    #[test]
    fn the_hash_is_that_of_the_server() {
        // Seen on a real server: these ids land in these partitions of 8.
        for (id, shard) in [("a1", 7), ("b2", 5), ("c3", 3), ("d4", 5), ("e5", 7)] {
            assert_eq!(shard_of(id), shard, "{id}");
        }
    }
}
