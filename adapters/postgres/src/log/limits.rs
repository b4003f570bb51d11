//! What the log accepts; anything larger is refused before it is queued.

/// The largest payload of one event, in bytes of JSON: events carry figures and texts, never files,
/// and must fit a message of the broker with room to spare.
pub const PAYLOAD_SIZE_MAX: usize = 256 * 1024;

/// The largest append, in bytes of all its JSON together.
pub const APPEND_SIZE_MAX: usize = 1024 * 1024;

/// The most events of one append: one command is one decision, not an import.
pub const APPEND_EVENTS_MAX: usize = 1_000;

/// The largest page that a reader returns, in events.
pub const PAGE_EVENTS_MAX: u32 = 5_000;
