//! A sender without a broker: the router runs in the same process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Semaphore, time::timeout};

use crate::{CommandSender, Envelope, RouteError, Routed, Router, SendError, Sent};

/// Sends commands straight to a [`Router`], for tests and measurements.
///
/// A command that was taken is carried out even when its sender goes away. Nothing survives the
/// process: that is what the broker is for.
#[derive(Clone)]
pub struct LocalSender {
    router: Router,
    places: Arc<Semaphore>,
}

impl LocalSender {
    /// The most commands at work at one time; more are turned away.
    pub const IN_FLIGHT_MAX: usize = 4096;

    /// How often a command is tried whose store fails, before its sender is left without an answer.
    pub const STORE_ATTEMPTS_MAX: u32 = 6;

    /// The pause after the first failure of the store; it doubles with every further one.
    pub const STORE_PAUSE: Duration = Duration::from_millis(20);

    /// A sender to this router.
    pub fn new(router: Router) -> Self {
        Self { router, places: Arc::new(Semaphore::new(Self::IN_FLIGHT_MAX)) }
    }
}

#[async_trait]
impl CommandSender for LocalSender {
    async fn send(&self, envelope: Envelope, wait: Duration) -> Result<Sent, SendError> {
        let place =
            Arc::clone(&self.places).try_acquire_owned().map_err(|_| SendError::Overloaded)?;
        let router = self.router.clone();
        // A task of its own: a sender that gives up must not leave a command half done.
        let task = tokio::spawn(async move {
            let sent = carry_out(&router, envelope).await;
            drop(place);
            sent
        });
        match timeout(wait, task).await {
            Ok(Ok(sent)) => sent,
            // A store that panicked leaves the outcome as open as one that failed.
            Ok(Err(_)) | Err(_) => Ok(Sent::Unknown),
        }
    }
}

/// Routes a command, again when the store fails: after a failure only the receipt can tell whether
/// the command took effect.
async fn carry_out(router: &Router, envelope: Envelope) -> Result<Sent, SendError> {
    let mut unknown = false;
    let mut pause = LocalSender::STORE_PAUSE;
    for attempt in 1..=LocalSender::STORE_ATTEMPTS_MAX {
        match router.route(envelope.clone()).await {
            Ok(Routed { outcome, replayed }) => {
                return Ok(Sent::Done { outcome, replayed });
            }
            Err(RouteError::Store(_)) => unknown = true,
            Err(error) if unknown && error.is_transient() => {}
            Err(error) => return Err(error.into()),
        }
        if attempt < LocalSender::STORE_ATTEMPTS_MAX {
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }
    Ok(Sent::Unknown)
}
