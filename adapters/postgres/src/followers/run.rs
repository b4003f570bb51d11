//! The loop around the steps.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Follower, FollowerSettings, Held, Step, checkpoint::State};
use crate::{backoff, error::chain, figures};

/// The pause after the lease was lost, before it is asked for again.
const LOST_PAUSE: Duration = Duration::from_millis(50);

/// When the next step is due.
enum Next {
    /// At once.
    Now,
    /// `wake_pause` after the log has grown, or after `longest`; `gather` first.
    Head { gather: Duration, wake_pause: Duration, longest: Duration },
    /// After this time.
    After(Duration),
}

impl Follower {
    /// Follows the log until `stop`. New positions on `head` wake it at once; without them it looks
    /// by itself a few times a second. Failures are repeated for ever, with growing pauses, and
    /// shown in the checkpoint. On `stop` the page under way is finished and the lease given back.
    pub async fn run(mut self, mut head: watch::Receiver<i64>, stop: CancellationToken) {
        self.stop = stop.clone();
        figures::begin(self.name());
        while !stop.is_cancelled() {
            // What comes from here on is news to the wait below. A page that was read ahead is older
            // than here: what came since then is news as well.
            if !self.has_read_ahead() {
                head.mark_unchanged();
            }
            let next = self.step_for_loop().await;
            stop.run_until_cancelled(wait(next, &mut head)).await;
        }
        self.finish().await;
    }

    fn has_read_ahead(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.prefetched.is_some())
    }

    async fn step_for_loop(&mut self) -> Next {
        let Ok(step) = timeout(self.settings.step_max, self.step()).await else {
            // The step took the lease with it; it ends by itself and is acquired anew.
            tracing::warn!(follower = self.name(), "A step of {} took too long", self.name());
            figures::follower_failed(self.name());
            return Next::After(self.settings.standby_every);
        };
        if let Ok(Step::Advanced { events, .. }) = step {
            figures::followed(self.name(), events);
        }
        match step {
            Ok(Step::Advanced { more: true, .. }) => Next::Now,
            Ok(Step::Advanced { more: false, .. }) => self.at_head(self.settings.gather),
            Ok(Step::Idle) => self.at_head(Duration::ZERO),
            Ok(Step::Paused) => Next::After(self.settings.orders_look_every),
            Ok(Step::Standby) => Next::After(self.settings.standby_every),
            Ok(Step::Lost) => Next::After(LOST_PAUSE),
            Err(error) => {
                figures::follower_failed(self.name());
                tracing::warn!(
                    follower = self.name(),
                    failures = self.failures,
                    // The causes may quote an event; they stand in the checkpoint.
                    error = %error,
                    "The follower {} failed and tries again",
                    self.name(),
                );
                let (first, max) = (self.settings.pause_first, self.settings.pause_max);
                Next::After(backoff::pause(self.failures, first, max))
            }
        }
    }

    fn at_head(&self, gather: Duration) -> Next {
        let FollowerSettings { poll_every, wake_pause, .. } = self.settings;
        let skim_left = self.held.as_ref().and_then(Held::skim_left);
        let longest = skim_left.map_or(poll_every, |left| left.min(poll_every));
        Next::Head { gather, wake_pause, longest }
    }

    async fn finish(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        if let Err(error) = held.checkpoint.beat(&self.pool, State::Stopped).await {
            tracing::warn!(
                follower = self.name(),
                error = chain(&error),
                "The follower's end could not be shown"
            );
        }
        self.give_up(held).await;
    }
}

async fn wait(next: Next, head: &mut watch::Receiver<i64>) {
    match next {
        // Other tasks of this thread go first.
        Next::Now => tokio::task::yield_now().await,
        Next::Head { gather, wake_pause, longest } => {
            if !gather.is_zero() {
                sleep(gather).await;
            }
            match timeout(longest, head.changed()).await {
                Ok(Ok(())) if !wake_pause.is_zero() => sleep(wake_pause).await,
                Ok(Ok(())) | Err(_) => {}
                // Without a sender there is nothing to wait for but the time.
                Ok(Err(_)) => sleep(longest).await,
            }
        }
        Next::After(pause) => sleep(pause).await,
    }
}
