//! Puts commands into the stream and waits for their outcomes.

mod replies;

use std::{sync::Arc, time::Duration};

use async_nats::{
    HeaderMap, Subject,
    jetstream::{
        self,
        context::{PublishError, PublishErrorKind},
        publish::PublishAck,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use kontor_commands::{CommandSender, Envelope, SendError, Sent, TraceParent};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::Instrument;

use self::replies::{Replies, Waiting};
use crate::{Nats, NatsError, Reply, names, streams};

/// JetStream's code for a server that has too many requests before it.
const TOO_MANY_REQUESTS: u64 = 10167;

/// How long JetStream may take to confirm a command before it is put into the stream again: many
/// times what that takes, and a part of what a caller waits.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(500);

/// Sends commands through JetStream. Cheap to clone; all clones share one inbox.
#[derive(Clone)]
pub struct NatsSender {
    nats: Nats,
    replies: Arc<Replies>,
}

/// What JetStream said to a command.
enum Stored {
    Yes,
    /// The same command id came in a moment ago; this copy was dropped.
    Duplicate,
    /// No word in time; it may be in the stream.
    Unknown,
    /// The worker was faster than JetStream's confirmation.
    Answered(Reply),
}

impl NatsSender {
    /// The most commands of this process that wait for their outcome; one more is turned away.
    pub const WAITING_MAX: usize = 8192;

    /// Opens the inbox for outcomes.
    ///
    /// # Errors
    /// When the subscription is refused.
    pub async fn new(nats: Nats) -> Result<Self, NatsError> {
        let replies = Arc::new(Replies::open(nats.client(), Self::WAITING_MAX).await?);
        Ok(Self { nats, replies })
    }

    /// Puts a command into the stream, again and again until the stream has it: within JetStream's
    /// window for repeated messages the same message id is stored once, so a repetition is harmless.
    async fn hand_over(
        &self,
        (command, message_id): (&Command, &str),
        waiting: &mut Waiting,
        until: Instant,
    ) -> Result<Stored, SendError> {
        loop {
            let patience = (Instant::now() + CONFIRMED_WITHIN).min(until);
            match self.publish((command, message_id), waiting, patience).await? {
                Stored::Unknown if Instant::now() >= until => return Err(SendError::Unconfirmed),
                // A dead connection says so at once; the next one takes a moment.
                Stored::Unknown => sleep_until(patience).await,
                stored @ (Stored::Yes | Stored::Duplicate | Stored::Answered(_)) => {
                    return Ok(stored);
                }
            }
        }
    }

    #[expect(clippy::significant_drop_tightening, reason = "the confirmation is used up")]
    async fn publish(
        &self,
        (command, message_id): (&Command, &str),
        waiting: &mut Waiting,
        until: Instant,
    ) -> Result<Stored, SendError> {
        let mut headers = HeaderMap::new();
        headers.insert(names::REPLY_TO, waiting.address());
        headers.insert(names::MESSAGE_ID, message_id);
        if let Some(trace) = &command.trace {
            headers.insert(TraceParent::HEADER, trace.as_str());
        }
        let (subject, body) = (command.subject.clone(), command.body.clone());
        let sending = self.nats.jetstream().publish_with_headers(subject, headers, body);
        // Until it returns, nothing has left this process.
        let confirmation = match timeout(self.nats.ack_timeout(), sending).await {
            Ok(Ok(confirmation)) => confirmation,
            Ok(Err(err)) => return Err(refusal(&err)),
            Err(_) => {
                return Err(SendError::Unavailable("the connection does not move".to_owned()));
            }
        };
        tokio::select! {
            biased;
            reply = waiting.reply() => Ok(Stored::Answered(reply)),
            confirmed = confirmation => stored(confirmed),
            () = sleep_until(until) => Ok(Stored::Unknown),
        }
    }

    async fn await_outcome(
        &self,
        waiting: &mut Waiting,
        until: Instant,
    ) -> Result<Sent, SendError> {
        match timeout_at(until, waiting.reply()).await {
            Ok(reply) => reply.into_sent(),
            Err(_) => Ok(Sent::Unknown),
        }
    }
}

#[async_trait]
impl CommandSender for NatsSender {
    async fn send(&self, envelope: Envelope, wait: Duration) -> Result<Sent, SendError> {
        // Below the level of the log: whoever sends says in its own span what it is about.
        let span = tracing::debug_span!(
            "send",
            otel.kind = "producer",
            tenant = %envelope.tenant,
            command.id = %envelope.command_id,
            correlation.id = %envelope.correlation_id,
            aggregate.type = envelope.aggregate,
        );
        if kontor_traces::current().is_none() {
            kontor_traces::continue_from(&span, envelope.trace.as_deref());
        }
        self.send_in_span(envelope, wait).instrument(span).await
    }
}

impl NatsSender {
    async fn send_in_span(
        &self,
        mut envelope: Envelope,
        wait: Duration,
    ) -> Result<Sent, SendError> {
        if let Some(trace) = kontor_traces::current() {
            envelope.trace = Some(trace.into());
        }
        let command = Command::new(&envelope)?;
        if !self.nats.is_connected() {
            return Err(SendError::Unavailable("the connection is down".to_owned()));
        }
        let begun = Instant::now();
        let until = begun + wait;
        let mut waiting = self.replies.register().ok_or(SendError::Overloaded)?;
        // Who does not wait for an outcome waits for the confirmation all the same.
        let confirmed_until = until.max(begun + CONFIRMED_WITHIN + CONFIRMED_WITHIN);
        let first = (&command, command.id.as_str());
        match self.hand_over(first, &mut waiting, confirmed_until).await? {
            Stored::Answered(reply) => reply.into_sent(),
            Stored::Yes | Stored::Unknown => self.await_outcome(&mut waiting, until).await,
            Stored::Duplicate => {
                // The copy that is there answers another inbox, or has answered while this one was
                // not heard. A second copy under an id of its own is let in, and the worker answers
                // it from the receipt.
                let question = waiting.address().to_owned();
                let patience = until.max(Instant::now() + CONFIRMED_WITHIN);
                match self.hand_over((&command, &question), &mut waiting, patience).await {
                    Ok(Stored::Answered(reply)) => reply.into_sent(),
                    Ok(Stored::Yes | Stored::Duplicate | Stored::Unknown) => {
                        self.await_outcome(&mut waiting, until).await
                    }
                    // The first copy was handed over, whatever keeps the second one out.
                    Err(_) => Ok(Sent::Unknown),
                }
            }
        }
    }
}

/// A command as a message.
struct Command {
    id: String,
    subject: Subject,
    body: Bytes,
    /// Also in the body. In the header it is for whoever watches the broker.
    trace: Option<TraceParent>,
}

impl Command {
    fn new(envelope: &Envelope) -> Result<Self, SendError> {
        let id = envelope.id.to_string();
        let subject = names::command_subject(envelope.tenant.as_str(), &envelope.aggregate, &id)
            .ok_or_else(|| SendError::Malformed("there is no aggregate of this type".to_owned()))?;
        let body = serde_json::to_vec(envelope)
            .map_err(|_| SendError::Malformed("the command is not representable".to_owned()))?;
        if body.len() > Envelope::SIZE_MAX {
            let (limit, size) = (Envelope::SIZE_MAX, body.len());
            let reason = format!("a command has at most {limit} bytes, this one has {size}");
            return Err(SendError::Malformed(reason));
        }
        Ok(Self {
            id: envelope.command_id.to_string(),
            subject: subject.into(),
            body: body.into(),
            trace: envelope.trace.as_deref().and_then(TraceParent::parse),
        })
    }
}

fn stored(confirmed: Result<PublishAck, PublishError>) -> Result<Stored, SendError> {
    match confirmed {
        Ok(ack) if ack.duplicate => Ok(Stored::Duplicate),
        Ok(_) => Ok(Stored::Yes),
        Err(err) => match err.kind() {
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Ok(Stored::Unknown),
            PublishErrorKind::StreamNotFound
            | PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::MaxPayloadExceeded
            | PublishErrorKind::Other => Err(refusal(&err)),
        },
    }
}

/// What a refused message means to the sender; in each case nothing was stored.
fn refusal(err: &PublishError) -> SendError {
    match err.kind() {
        PublishErrorKind::MaxAckPending => SendError::Overloaded,
        PublishErrorKind::MaxPayloadExceeded => {
            SendError::Malformed("the command is larger than the broker takes".to_owned())
        }
        PublishErrorKind::StreamNotFound => {
            SendError::Unavailable(format!("the stream {} does not exist", names::COMMANDS))
        }
        PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence => SendError::Unavailable(err.kind().to_string()),
        PublishErrorKind::Other => refused_by_jetstream(err),
    }
}

fn refused_by_jetstream(err: &PublishError) -> SendError {
    let source = std::error::Error::source(err);
    let Some(error) = source.and_then(|source| source.downcast_ref::<jetstream::Error>()) else {
        return SendError::Unavailable(err.to_string());
    };
    let code = error.error_code();
    if streams::is_full(code) || code.0 == TOO_MANY_REQUESTS {
        return SendError::Overloaded;
    }
    if code.0 == names::MESSAGE_TOO_LARGE {
        return SendError::Malformed("the command is larger than the broker takes".to_owned());
    }
    SendError::Unavailable(error.to_string())
}
