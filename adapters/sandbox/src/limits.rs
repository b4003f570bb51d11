//! Every bound of the sandbox, with its reason. Those marked *Telegram* are the Bot API's own.

use std::time::Duration;

/// *Telegram*: a message text after parsing, in UTF-16 units.
pub(crate) const TEXT_UNITS: usize = 4096;
/// *Telegram*: a caption after parsing, in UTF-16 units.
pub(crate) const CAPTION_UNITS: usize = 1024;
/// *Telegram*: entities beyond this count are cut off.
pub(crate) const ENTITIES: usize = 100;
/// *Telegram*: bytes of a button's callback data.
pub(crate) const CALLBACK_DATA_BYTES: usize = 64;
/// *Telegram*: the text that answers a callback query, in characters.
pub(crate) const CALLBACK_ANSWER_CHARACTERS: usize = 200;
/// *Telegram*: buttons under one message.
pub(crate) const INLINE_BUTTONS: usize = 100;
/// *Telegram*: buttons of a reply keyboard.
pub(crate) const REPLY_BUTTONS: usize = 300;
/// *Telegram*: a photo.
pub(crate) const PHOTO_BYTES: usize = 10 * 1024 * 1024;
/// *Telegram*: a photo's width plus height, in pixels.
pub(crate) const PHOTO_SIDES: u32 = 10_000;
/// *Telegram*: a photo's longer side over its shorter one.
pub(crate) const PHOTO_RATIO: u32 = 20;
/// *Telegram*: a document that a bot uploads.
pub(crate) const DOCUMENT_BYTES: usize = 50 * 1024 * 1024;
/// *Telegram*: a file that a bot may fetch.
pub(crate) const DOWNLOAD_BYTES: usize = 20 * 1024 * 1024;
/// *Telegram*: commands in one list.
pub(crate) const COMMANDS: usize = 100;
/// *Telegram*: the longest wait of getUpdates.
pub(crate) const LONG_POLL: Duration = Duration::from_secs(50);
/// *Telegram*: updates in one answer of getUpdates.
pub(crate) const UPDATES_PER_POLL: usize = 100;
/// *Telegram*: an update is kept for a day.
pub(crate) const UPDATE_LIFETIME_SECONDS: i64 = 24 * 60 * 60;
/// *Telegram*: about how long a callback query can be answered.
pub(crate) const CALLBACK_LIFETIME_SECONDS: i64 = 60;
/// *Telegram*: a bot may delete or see messages for two days.
pub(crate) const DELETABLE_SECONDS: i64 = 48 * 60 * 60;

/// Updates that wait for one bot; a bot that is away for a whole load test must not eat the memory.
pub(crate) const PENDING_UPDATES: usize = 20_000;
/// Messages that one chat remembers; enough to scroll through, small enough for one snapshot.
pub(crate) const MESSAGES_PER_CHAT: usize = 1000;
/// Messages that one request of the page reads.
pub(crate) const MESSAGES_PER_PAGE: usize = 200;
/// People, so that a script cannot fill the list without end.
pub(crate) const PEOPLE: usize = 500;
/// Callback queries that can be answered at a time.
pub(crate) const OPEN_CALLBACKS: usize = 5000;
/// Events of the page that can be replayed after a short disconnection.
pub(crate) const REPLAYED_EVENTS: usize = 2000;
/// Recorded calls of the Bot API.
pub(crate) const RECORDED_CALLS: usize = 1000;
/// Bytes of a call's parameters that are recorded.
pub(crate) const RECORDED_CALL_BYTES: usize = 16 * 1024;
/// Fault rules at a time.
pub(crate) const FAULT_RULES: usize = 50;
/// Pages that listen to events at a time.
pub(crate) const LISTENERS: usize = 64;
/// Uploads that are read at a time; each may hold [`DOCUMENT_BYTES`] in memory.
pub(crate) const UPLOADS_AT_ONCE: usize = 4;
/// Parts of one multipart body.
pub(crate) const MULTIPART_PARTS: usize = 64;
/// A body without files: the longest text, escaped, with the biggest keyboard, many times over.
pub(crate) const PLAIN_BODY_BYTES: usize = 1024 * 1024;
/// A body with files: the biggest document and its form fields.
pub(crate) const UPLOAD_BODY_BYTES: usize = DOCUMENT_BYTES + PLAIN_BODY_BYTES;
/// All stored files together; the oldest go first.
pub(crate) const FILES_BYTES: usize = 256 * 1024 * 1024;

/// How long a page may be behind the state file: one write for a burst of changes.
pub(crate) const SAVE_AFTER: Duration = Duration::from_millis(300);
/// How long one webhook call may take before it counts as failed.
pub(crate) const WEBHOOK_CALL: Duration = Duration::from_secs(30);
/// Pause after the first failed delivery; doubles with each further one.
pub(crate) const WEBHOOK_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two deliveries of one update.
pub(crate) const WEBHOOK_PAUSE_MAX: Duration = Duration::from_secs(30);
/// What is read of a webhook's answer, which may hold a method call.
pub(crate) const WEBHOOK_ANSWER_BYTES: usize = 64 * 1024;
/// How long the file behind a URL may take.
pub(crate) const URL_FETCH: Duration = Duration::from_secs(10);
/// *Telegram*: a photo that is given as a URL.
pub(crate) const URL_PHOTO_BYTES: usize = 5 * 1024 * 1024;
/// *Telegram*: a document that is given as a URL.
pub(crate) const URL_DOCUMENT_BYTES: usize = 20 * 1024 * 1024;
/// An update that is held back to come late is let go after this at the latest.
pub(crate) const HELD_BACK: Duration = Duration::from_millis(1500);
/// A call that "times out" is answered by nobody for this long, longer than any client waits.
pub(crate) const UNANSWERED: Duration = Duration::from_secs(120);
/// The longest delay that a fault rule may ask for.
pub(crate) const DELAY_MAX_MS: u64 = 120_000;

/// *Telegram*: characters of an invoice's title.
pub(crate) const INVOICE_TITLE: usize = 32;
/// *Telegram*: characters of an invoice's description.
pub(crate) const INVOICE_DESCRIPTION: usize = 255;
/// *Telegram*: bytes of an invoice's payload.
pub(crate) const INVOICE_PAYLOAD_BYTES: usize = 128;
/// *Telegram*: the most Stars of one invoice.
pub(crate) const INVOICE_STARS: i64 = 25_000;
/// *Telegram*: how long a bot may take to answer before a payment.
pub(crate) const CHECKOUT_ANSWER_MS: i64 = 10_000;
/// Charges that are kept; the oldest go first.
pub(crate) const CHARGES: usize = 10_000;

/// Payments, and refunds, that a provider's stand-in keeps; the oldest go first.
pub(crate) const PROVIDER_OBJECTS: usize = 10_000;
/// Notifications on their way; the oldest go first.
pub(crate) const PROVIDER_NOTICES: usize = 20_000;
/// How often is looked for notifications that are due.
pub(crate) const NOTICE_LOOK: Duration = Duration::from_millis(50);
/// The pause after the first failed delivery of a notification; it doubles seven times.
pub(crate) const NOTICE_PAUSE_MS: i64 = 125;
/// How much later a notification comes that others are to overtake.
pub(crate) const NOTICE_LATE_MS: i64 = 1500;
/// *YooKassa*: how long a notification is tried.
pub(crate) const NOTICE_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// *YooKassa*: how long an idempotence key is remembered.
pub(crate) const IDEMPOTENCE_MS: i64 = 24 * 60 * 60 * 1000;
/// *YooKassa*: how long a payment by card can be confirmed.
pub(crate) const CONFIRM_MS: i64 = 60 * 60 * 1000;
/// How long a bank thinks that "thinks".
pub(crate) const BANK_LATER_MS: i64 = 2000;
/// How long a refund is pending that does not succeed at once.
pub(crate) const REFUND_LATER_MS: i64 = 1500;
/// How long the cash register takes for a receipt.
pub(crate) const RECEIPT_AFTER_MS: i64 = 500;
