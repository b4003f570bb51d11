//! Draws what a provider says moved, so that nobody has to send its files: by the account's owner, window
//! by window, into the same statements that files are recorded in.

use chrono::Duration;
use kontor_commands::{Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{
    Actor,
    provider_statement::{ProviderStatementCommand, StatementFile, StatementLine, StatementSource},
};
use kontor_postgres::{DatabaseError, checkouts};
use kontor_projections::{QueryError, payments};
use kontor_statements::Statement;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{CallError, cashier::Cashier, provider_name};

/// The longest time that is drawn at once: a busy account has some ten thousand lines a day.
const WINDOW: Duration = Duration::days(7);

/// Why a drawing came to nothing. It is begun again where it stands.
#[derive(Debug, thiserror::Error)]
enum DrawError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("lines could not be handed over: {0}")]
    Send(#[from] SendError),
    #[error("it is not known yet whether lines were recorded")]
    Unknown,
    #[error("lines were refused: {0}")]
    Refused(String),
    #[error("a command cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl Cashier {
    /// Draws up to now, when the provider can be asked at all.
    pub(crate) async fn draw_statement(&self, stop: CancellationToken) {
        let Some(source) = self.recorder.account.provider.statement_source() else {
            stop.cancelled().await;
            return;
        };
        if let Some(Err(err)) = stop.run_until_cancelled(self.draw(source)).await {
            tracing::warn!(channel = self.channel, "The statement is drawn again later: {err}");
        }
    }

    async fn draw(&self, source: StatementSource) -> Result<(), DrawError> {
        let (pool, mark) = (&self.recorder.pool, format!("statement:{}", self.channel));
        let now = clock::now();
        let mut from = match checkouts::swept_until(pool, &mark).await? {
            Some(until) => until - self.settings.statement_overlap,
            // What moved before anything was sold here is nobody's business here.
            None => {
                let door = (&self.recorder.account.tenant, self.channel.as_str());
                let Some(first) = payments::first_begun(pool, door).await? else { return Ok(()) };
                first.max(now - self.settings.statement_first)
            }
        };
        while from < now {
            let before = now.min(from + WINDOW);
            let provider = &self.recorder.account.provider;
            let lines = provider.statement((from, before)).await?;
            let new = self.record_lines(source, lines).await?;
            if new > 0 {
                tracing::info!(channel = self.channel, lines = new, "A statement was drawn");
            }
            checkouts::swept(pool, &mark, before).await?;
            from = before;
        }
        Ok(())
    }

    /// Records lines; in how many commands something was new. The same lines again are the same
    /// commands, which are answered by their receipts.
    async fn record_lines(
        &self,
        source: StatementSource,
        lines: Vec<StatementLine>,
    ) -> Result<usize, DrawError> {
        if lines.is_empty() {
            return Ok(0);
        }
        let recorder = &self.recorder;
        let tenant = &recorder.account.tenant;
        let sha256 = hex::encode(Sha256::digest(serde_json::to_vec(&lines)?));
        let file = StatementFile { sha256, lines: i64::try_from(lines.len()).unwrap_or(i64::MAX) };
        let statement = Statement { source, file, lines, passed_by: 0 };
        let mut new = 0;
        for (id, record) in statement.commands(tenant) {
            let command = serde_json::to_value(ProviderStatementCommand::Record(record))?;
            let name = format!("statement:{}:{command}", self.channel);
            let command_id = Uuid::new_v5(&tenant.stream_id(), name.as_bytes());
            let actor = provider_name(recorder.account.provider.kind()).to_owned();
            let address = (tenant.clone(), "provider_statement", id);
            let actor = Actor::System { name: actor };
            let mut envelope = Envelope::new(command_id, address, command, actor, clock::now());
            envelope.trace = Some(kontor_traces::of_cause(command_id).into());
            match recorder.sender.send(envelope, recorder.wait).await? {
                Sent::Done { outcome: Outcome::Accepted(accepted), replayed } => {
                    new += usize::from(accepted.last_position.is_some() && !replayed);
                }
                Sent::Done { outcome: Outcome::Refused { refusal }, .. } => {
                    return Err(DrawError::Refused(refusal.code.clone()));
                }
                Sent::Unknown => return Err(DrawError::Unknown),
            }
        }
        Ok(new)
    }
}
