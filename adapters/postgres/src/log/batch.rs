//! What waits for the appender, and which of it may share a transaction.

use std::collections::{HashSet, VecDeque};

use kontor_commands::{Append, AppendError, AppendOutcome, Expected};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::check::{InvalidAppend, check};

/// How often the appender lets other tasks run before it takes a batch. The callers answered a
/// moment ago are about to send their next append; without the pause each batch would hold a few of
/// them and the others would wait for a whole commit.
const GATHER_YIELDS_MAX: u32 = 4;

/// One append on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) append: Append,
    pub(super) metadata: String,
    pub(super) refusal: Option<String>,
    /// The bytes of its JSON.
    size: usize,
    pub(super) reply: oneshot::Sender<Result<AppendOutcome, AppendError>>,
}

impl Job {
    /// Checks an append and writes its JSON, in the caller's task and not in the appender's.
    pub(super) fn new(
        append: Append,
        reply: oneshot::Sender<Result<AppendOutcome, AppendError>>,
    ) -> Result<Self, InvalidAppend> {
        let metadata = serde_json::to_string(&append.metadata)?;
        let refusal = append.refusal.as_ref().map(serde_json::to_string).transpose()?;
        let size = check(&append, &metadata, refusal.as_deref())?;
        Ok(Self { append, metadata, refusal, size, reply })
    }

    /// The expectation as the append function reads it.
    pub(super) fn expected(&self) -> Option<i64> {
        match self.append.expected {
            Expected::Any => None,
            Expected::StreamExists => Some(-1),
            Expected::NoStream => Some(0),
            Expected::Exact(version) => Some(version),
        }
    }
}

/// The bounds of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchBounds {
    pub(super) appends_max: usize,
    pub(super) bytes_max: usize,
}

/// The queue, and the appends that were held back from the last batch.
#[derive(Debug)]
pub(super) struct Waiting {
    jobs: mpsc::Receiver<Job>,
    held: VecDeque<Job>,
    held_max: usize,
    closing: CancellationToken,
}

impl Waiting {
    pub(super) fn new(jobs: mpsc::Receiver<Job>, closing: CancellationToken) -> Self {
        // As many may be held back as may wait: so one stream's run of appends does not stop the
        // others behind it.
        let held_max = jobs.max_capacity();
        Self { jobs, held: VecDeque::new(), held_max, closing }
    }

    /// Whether no more appends are taken.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Waits for work and takes the next batch: never two appends of one stream nor two of one
    /// command, in the order of arrival within each stream. `None` when the queue is closed and
    /// empty.
    pub(super) async fn next_batch(&mut self, bounds: BatchBounds) -> Option<Vec<Job>> {
        if self.held.is_empty() {
            let first = self.receive().await?;
            self.held.push_back(first);
        }
        self.gather(bounds.appends_max).await;
        Some(self.select(bounds))
    }

    /// The next job; closes the queue at shutdown, after which it yields what is left and then ends.
    async fn receive(&mut self) -> Option<Job> {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {
                self.jobs.close();
                self.jobs.recv().await
            }
            job = self.jobs.recv() => job,
        }
    }

    async fn gather(&self, enough: usize) {
        let mut waiting = self.jobs.len();
        for _ in 0..GATHER_YIELDS_MAX {
            if waiting >= enough {
                break;
            }
            tokio::task::yield_now().await;
            let now_waiting = self.jobs.len();
            if now_waiting == waiting {
                break;
            }
            waiting = now_waiting;
        }
    }

    fn select(&mut self, bounds: BatchBounds) -> Vec<Job> {
        let mut batch = Selection::new(bounds);
        for job in std::mem::take(&mut self.held) {
            self.held.extend(batch.offer(job));
        }
        while !batch.is_full() && self.held.len() < self.held_max {
            let Ok(job) = self.jobs.try_recv() else { break };
            self.held.extend(batch.offer(job));
        }
        batch.jobs
    }
}

/// A batch in the making.
struct Selection {
    bounds: BatchBounds,
    jobs: Vec<Job>,
    size: usize,
    /// Streams and commands that are in the batch, or held back before it.
    streams: HashSet<Uuid>,
    commands: HashSet<Uuid>,
}

impl Selection {
    fn new(bounds: BatchBounds) -> Self {
        Self {
            bounds,
            jobs: Vec::new(),
            size: 0,
            streams: HashSet::new(),
            commands: HashSet::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.jobs.len() >= self.bounds.appends_max || self.size >= self.bounds.bytes_max
    }

    /// Takes the job, or gives it back to be held for the next batch.
    fn offer(&mut self, job: Job) -> Option<Job> {
        let new_stream = self.streams.insert(job.append.stream_id);
        let new_command = self.commands.insert(job.append.command_id);
        let fits = self.jobs.is_empty()
            || !self.is_full() && self.size + job.size <= self.bounds.bytes_max;
        if new_stream && new_command && fits {
            self.size += job.size;
            self.jobs.push(job);
            None
        } else {
            Some(job)
        }
    }
}

#[cfg(test)]
mod tests;
