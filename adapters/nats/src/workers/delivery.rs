//! One delivery of a command's message.

use std::time::Duration;

use async_nats::{
    HeaderValue, Subject,
    jetstream::{AckKind, Message},
};
use bytes::Bytes;
use kontor_commands::{Envelope, TraceParent};
use uuid::Uuid;

use crate::{Nats, Reply, names};

/// A message of the command stream with its place in it.
pub(super) struct Delivery {
    message: Message,
    /// `<tenant>.<aggregate>.<id>`, as the server routed it.
    pub(super) address: String,
    /// Its place in the stream; the same for every delivery.
    pub(super) sequence: u64,
    /// How often it has been delivered, this time included.
    pub(super) deliveries: i64,
}

impl Delivery {
    /// Reads the place from the message's own acknowledgement address.
    pub(super) fn read(message: Message) -> Result<Self, async_nats::Error> {
        let info = message.info()?;
        let (sequence, deliveries) = (info.stream_sequence, info.delivered);
        let subject = message.subject.as_str();
        let address = names::address_in_shard(subject).unwrap_or(subject).to_owned();
        Ok(Self { message, address, sequence, deliveries })
    }

    /// The message as it came.
    pub(super) fn payload(&self) -> &Bytes {
        &self.message.payload
    }

    /// Where acknowledgements of this delivery go.
    pub(super) fn ack_subject(&self) -> Option<Subject> {
        self.message.reply.clone()
    }

    /// Reads the command, which must be addressed as the server routed it: the broker's permissions
    /// are about subjects.
    pub(super) fn envelope(&self) -> Result<Envelope, String> {
        let envelope = Envelope::from_bytes(self.payload()).map_err(|err| {
            let cause = std::error::Error::source(&err).map(|cause| format!(": {cause}"));
            format!("{err}{}", cause.unwrap_or_default())
        })?;
        let address = format!("{}.{}.{}", envelope.tenant, envelope.aggregate, envelope.id);
        if address != self.address {
            return Err("the command is addressed to another aggregate than its subject".to_owned());
        }
        Ok(envelope)
    }

    /// The id that its sender gave it, when the header holds one.
    pub(super) fn command_id(&self) -> Option<Uuid> {
        self.header(names::MESSAGE_ID)?.parse().ok()
    }

    /// The trace that its sender was in, by the header.
    pub(super) fn trace(&self) -> Option<TraceParent> {
        TraceParent::parse(self.header(TraceParent::HEADER)?)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.message.headers.as_ref()?.get(name).map(HeaderValue::as_str)
    }

    /// Tells the sender. Nobody may be waiting any more; then the receipt tells.
    pub(super) async fn reply(&self, nats: &Nats, reply: &Reply) {
        let Some(inbox) = self.header(names::REPLY_TO) else { return };
        if !names::is_inbox(inbox) {
            tracing::warn!("A command asks for an answer to something that is no inbox");
            return;
        }
        let sent = match serde_json::to_vec(reply) {
            Ok(body) => nats.client().publish(inbox.to_owned(), body.into()).await,
            Err(err) => {
                tracing::error!(error = %err, "An outcome is not representable");
                return;
            }
        };
        if let Err(err) = sent {
            tracing::debug!(error = %err, "An outcome was not sent");
        }
    }

    /// Done: the message leaves the stream. A lost acknowledgement leads to another delivery, which
    /// the receipt answers.
    pub(super) async fn done(&self) {
        self.settle(AckKind::Ack).await;
    }

    /// Set aside: the message leaves the stream.
    pub(super) async fn set_aside(&self) {
        self.settle(AckKind::Term).await;
    }

    /// Not now: the message comes again after `pause`.
    pub(super) async fn return_after(&self, pause: Duration) {
        self.settle(AckKind::Nak(Some(pause))).await;
    }

    async fn settle(&self, kind: AckKind) {
        if let Err(err) = self.message.ack_with(kind).await {
            tracing::debug!(error = %err, "A command was not settled; it will be delivered again");
        }
    }
}
