//! Seals on their way to whoever keeps them.

use async_nats::{HeaderMap, jetstream::stream::LastRawMessageErrorKind};
use kontor_domain::seals::Seal;

use crate::{Nats, NatsError, names, streams};

impl Nats {
    /// The last seal in the stream; none in an empty one. A stream that is gone is made again.
    ///
    /// # Errors
    /// When JetStream does not answer or refuses, or its last message is no seal.
    pub async fn last_seal(&self) -> Result<Option<Seal>, NatsError> {
        const WHAT: &str = "the last seal";
        let Some(fill) = streams::fill(self.jetstream(), names::SEALS).await? else {
            tracing::warn!("The stream {} is gone; making it again", names::SEALS);
            self.ensure().await?;
            return Ok(None);
        };
        if fill.messages == 0 {
            return Ok(None);
        }
        let stream = self.jetstream().get_stream_no_info(names::SEALS).await;
        let stream = stream.map_err(|err| request(WHAT, err))?;
        let message = match stream.get_last_raw_message_by_subject(names::SEAL_OF_LEDGERS).await {
            Ok(message) => message,
            Err(err) if err.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
            Err(err) => return Err(request(WHAT, err)),
        };
        let seal = serde_json::from_slice(&message.payload);
        seal.map(Some).map_err(|err| request(WHAT, err))
    }

    /// Publishes a seal and waits until the broker holds it. The same again is dropped by its id.
    ///
    /// # Errors
    /// When the broker does not confirm it; then it is not known whether it holds it.
    pub async fn publish_seal(&self, seal: &Seal) -> Result<(), NatsError> {
        let what = format!("seal {}", seal.number);
        let body = serde_json::to_vec(seal).map_err(|err| request(&what, err))?;
        let mut headers = HeaderMap::new();
        headers.insert(names::MESSAGE_ID, format!("seal-{}-{}", seal.number, seal.hash()));
        let subject = names::SEAL_OF_LEDGERS;
        let sending = self.jetstream().publish_with_headers(subject, headers, body.into());
        let confirmation = match tokio::time::timeout(self.ack_timeout(), sending).await {
            Ok(Ok(confirmation)) => confirmation,
            Ok(Err(err)) => return Err(request(&what, err)),
            Err(late) => return Err(request(&what, late)),
        };
        confirmation.await.map(drop).map_err(|err| request(&what, err))
    }
}

fn request(what: &str, err: impl std::error::Error + Send + Sync + 'static) -> NatsError {
    NatsError::Request { what: what.to_owned(), source: Box::new(err) }
}
