//! The poke that tells other processes that the log has grown. It may be lost: followers poll too.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Nats, names};

/// The pause after a failed subscription.
const PAUSE: Duration = Duration::from_secs(1);

impl Nats {
    /// Sends every position that `head` reaches to the other processes, until `stop` or until the
    /// sender of `head` is gone. Positions in quick succession become one message.
    pub async fn forward_head(&self, mut head: watch::Receiver<i64>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = head.changed() => if changed.is_err() { return },
            }
            let position = *head.borrow_and_update();
            if !self.is_connected() {
                // Nobody would hear it now; whoever connects again polls.
                continue;
            }
            let text = position.to_string();
            if let Err(err) = self.client().publish(names::HEAD, text.into()).await {
                tracing::debug!(error = %err, "The log's position was not sent");
            }
        }
    }

    /// Raises `head` to the positions that other processes send, until `stop`. It never lowers it.
    pub async fn follow_head(&self, head: watch::Sender<i64>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.client().subscribe(names::HEAD).await {
                Ok(mut pokes) => loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        poke = pokes.next() => match poke {
                            Some(poke) => raise(&head, &poke.payload),
                            None => break,
                        },
                    }
                },
                Err(err) => tracing::warn!(error = %err, "The log's position cannot be followed"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

fn raise(head: &watch::Sender<i64>, payload: &[u8]) {
    let Some(position) = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok())
    else {
        tracing::debug!("A message on {} is no position", names::HEAD);
        return;
    };
    head.send_if_modified(|known| {
        let newer = position > *known;
        if newer {
            *known = position;
        }
        newer
    });
}
