//! A sender of commands that goes wrong on demand.

use std::time::Duration;

use kontor_commands::{CommandSender, Envelope, LocalSender, SendError, Sent};

/// A sender that does something else with the commands to meters, as long as `armed` says so.
pub(crate) struct Meddler<F> {
    pub(crate) inner: LocalSender,
    pub(crate) meddle: F,
}

/// What a meddler makes of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Meddling {
    /// Sends it.
    None,
    /// Sends it and never answers, as when the process dies in between.
    SendAndHang,
    /// Sends it and says that the outcome is unknown.
    SendAndForget,
    /// Says that there is no room.
    Overloaded,
}

#[async_trait::async_trait]
impl<F> CommandSender for Meddler<F>
where
    F: Fn(&Envelope) -> Meddling + Send + Sync + 'static,
{
    async fn send(&self, envelope: Envelope, wait: Duration) -> Result<Sent, SendError> {
        match (self.meddle)(&envelope) {
            Meddling::None => self.inner.send(envelope, wait).await,
            Meddling::SendAndHang => {
                self.inner.send(envelope, wait).await?;
                std::future::pending().await
            }
            Meddling::SendAndForget => {
                self.inner.send(envelope, wait).await?;
                Ok(Sent::Unknown)
            }
            Meddling::Overloaded => Err(SendError::Overloaded),
        }
    }
}
