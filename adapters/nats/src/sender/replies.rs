//! One inbox for all commands of a process that wait for their outcome.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_nats::{Client, Subscriber};
use futures::StreamExt;
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{NatsError, Reply};

type Table = Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

/// The inbox, and who waits for what.
pub(super) struct Replies {
    inbox: String,
    table: Table,
    next: AtomicU64,
    waiting_max: usize,
    reader: AbortHandle,
}

impl Replies {
    pub(super) async fn open(client: &Client, waiting_max: usize) -> Result<Self, NatsError> {
        let inbox = client.new_inbox();
        let subject = format!("{inbox}.*");
        let messages = client
            .subscribe(subject.clone())
            .await
            .map_err(|source| NatsError::Subscribe { subject, source })?;
        let table = Table::default();
        let reader = tokio::spawn(read(messages, Arc::clone(&table))).abort_handle();
        Ok(Self { inbox, table, next: AtomicU64::new(0), waiting_max, reader })
    }

    /// A place to wait for one outcome; `None` when too many wait already.
    pub(super) fn register(&self) -> Option<Waiting> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= self.waiting_max {
            return None;
        }
        table.insert(token, sender);
        drop(table);
        let address = format!("{}.{token}", self.inbox);
        Some(Waiting { token, address, receiver, table: Arc::clone(&self.table) })
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A place to wait for one outcome; given up on drop.
pub(super) struct Waiting {
    token: u64,
    address: String,
    receiver: oneshot::Receiver<Reply>,
    table: Table,
}

impl Waiting {
    /// Where the worker answers.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The answer. Returns once; pends for ever when there will be none.
    pub(super) async fn reply(&mut self) -> Reply {
        if self.receiver.is_terminated() {
            return std::future::pending().await;
        }
        match (&mut self.receiver).await {
            Ok(reply) => reply,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

async fn read(mut messages: Subscriber, table: Table) {
    while let Some(message) = messages.next().await {
        let token = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let Some(token) = token else { continue };
        match serde_json::from_slice(&message.payload) {
            Ok(reply) => {
                let waiting = table.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
                // Who has given up asks for the receipt.
                if let Some(Err(_)) = waiting.map(|waiting| waiting.send(reply)) {
                    tracing::debug!("An outcome came too late for its sender");
                }
            }
            Err(err) => tracing::warn!(error = %err, "An answer to a command cannot be read"),
        }
    }
}
