//! What can go wrong with the broker.

use std::fmt;

/// A field of a stream or consumer that the server holds differently than asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The field's path, such as `config.max_age`.
    pub field: String,
    /// What was asked.
    pub asked: serde_json::Value,
    /// What the server holds; null when it knows no such field.
    pub got: serde_json::Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: asked {}, got {}", self.field, self.asked, self.got)
    }
}

/// Why the broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// An address is not one of a NATS server.
    #[error("`{address}` is no address of a NATS server")]
    Address {
        /// The address without user and password.
        address: String,
        /// What the reader said.
        #[source]
        source: std::io::Error,
    },
    /// A file of credentials cannot be read.
    #[error("the NATS credentials cannot be read")]
    Credentials(#[source] std::io::Error),
    /// No server could be reached, or it refused the connection.
    #[error("no connection to NATS")]
    Connect(#[source] async_nats::ConnectError),
    /// The server is too old.
    #[error("the NATS server has version {found}, at least {needed} is needed")]
    ServerTooOld {
        /// Its version.
        found: String,
        /// The oldest version that works.
        needed: &'static str,
    },
    /// The embedded description of the streams is broken, or a setting does not fit it.
    #[error("the description of the streams is not usable: {0}")]
    Schema(String),
    /// JetStream refused a request.
    #[error("JetStream refused {what}: {description} ({code})")]
    Refused {
        /// What was asked.
        what: String,
        /// JetStream's own code.
        code: u64,
        /// Its words.
        description: String,
    },
    /// The server has no room for what a stream reserves.
    #[error(
        "the NATS server has no room for stream {stream}, which reserves {bytes} bytes: free its \
         disk, raise `max_file_store` in its configuration, or lower KONTOR_NATS_EVENTS_BYTES_MAX"
    )]
    NoRoom {
        /// The stream.
        stream: String,
        /// What it reserves.
        bytes: u64,
    },
    /// JetStream did not answer.
    #[error("JetStream did not answer {what}")]
    Request {
        /// What was asked.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server accepted a stream or consumer and holds it differently.
    #[error("the NATS server holds {object} differently than asked: {list}", list = list(differences))]
    Mismatch {
        /// The stream or consumer.
        object: String,
        /// The fields.
        differences: Vec<Difference>,
    },
    /// A subscription was refused.
    #[error("the NATS subscription to {subject} failed")]
    Subscribe {
        /// The subject.
        subject: String,
        /// Why.
        #[source]
        source: async_nats::SubscribeError,
    },
}

fn list(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
