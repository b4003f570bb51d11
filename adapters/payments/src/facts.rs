//! What a provider said reaches its payment as a command.

use std::time::Duration;

use kontor_commands::{CommandSender, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{Actor, payment::PaymentCommand};
use kontor_postgres::checkouts;
use serde::Serialize;
use sqlx::PgPool;
use std::sync::Arc;
use uuid::Uuid;

use crate::{Account, Said, channel, provider_name};

/// Records facts of one account.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) account: Account,
    pub(crate) pool: PgPool,
    pub(crate) sender: Arc<dyn CommandSender>,
    pub(crate) wait: Duration,
}

/// Why a fact is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// It may be. It is sent again.
    #[error("the outcome of a fact's command is not known yet")]
    Unknown,
    /// It is not. It is sent again.
    #[error("a fact could not be handed over")]
    Busy(#[source] SendError),
    /// It never will be.
    #[error("a fact was refused ({0})")]
    Refused(String),
    /// The payment was not sold through this account.
    #[error("the payment was not sold through this account")]
    Foreign,
    /// The table of checkouts cannot be read.
    #[error(transparent)]
    Database(#[from] kontor_postgres::DatabaseError),
}

impl Recorder {
    pub(crate) fn channel(&self) -> String {
        channel(self.account.provider.kind(), &self.account.name)
    }

    /// Records a fact and waits until that is known. The same fact has the same command id, so that a
    /// repetition is answered by the receipt.
    ///
    /// That an attempt at a charge without its customer was declined is for [`Self::record_own`] alone
    /// to say: the owner of the account knows whether it is the end, or a page follows.
    pub(crate) async fn record(&self, said: &Said) -> Result<(), RecordError> {
        self.record_of(said, false).await
    }

    /// The same of what the owner of the account says itself.
    pub(crate) async fn record_own(&self, said: &Said) -> Result<(), RecordError> {
        self.record_of(said, true).await
    }

    async fn record_of(&self, said: &Said, is_own: bool) -> Result<(), RecordError> {
        let row = checkouts::find(&self.pool, said.payment_id).await?;
        let tenant = &self.account.tenant;
        let is_ours = |row: &checkouts::CheckoutRow| {
            row.tenant == tenant.as_str() && row.channel == self.channel()
        };
        if !row.as_ref().is_some_and(is_ours) {
            return Err(RecordError::Foreign);
        }
        let is_failure = matches!(said.command, PaymentCommand::RecordFailure(_));
        if is_failure && !is_own && row.is_some_and(|row| row.is_recharge()) {
            return Ok(());
        }
        // Before it is known that it was refused: the word of it leads to no page that is over.
        if is_failure && self.account.provider.failure_ends_page() {
            checkouts::over(&self.pool, said.payment_id).await?;
        }
        let cause = said.payment_id.to_string();
        self.send(&cause, ("payment", said.payment_id), self.actor(), &said.command).await?;
        if matches!(said.command, PaymentCommand::RecordSuccess(_)) {
            checkouts::over(&self.pool, said.payment_id).await?;
        }
        Ok(())
    }

    /// Who records what a provider says.
    pub(crate) fn actor(&self) -> Actor {
        Actor::System { name: provider_name(self.account.provider.kind()).to_owned() }
    }

    /// Sends a command and waits until its outcome is known. The same command of the same cause has
    /// the same id.
    pub(crate) async fn send(
        &self,
        cause: &str,
        (aggregate, id): (&'static str, Uuid),
        actor: Actor,
        command: &impl Serialize,
    ) -> Result<(), RecordError> {
        let command =
            serde_json::to_value(command).map_err(|err| RecordError::Refused(err.to_string()))?;
        let tenant = &self.account.tenant;
        let name = format!("payments:{}:{cause}:{command}", self.channel());
        let command_id = Uuid::new_v5(&tenant.stream_id(), name.as_bytes());
        let address = (tenant.clone(), aggregate, id);
        let mut envelope = Envelope::new(command_id, address, command, actor, clock::now());
        envelope.trace = Some(kontor_traces::of_cause(command_id).into());
        match self.sender.send(envelope, self.wait).await {
            Ok(Sent::Done { outcome: Outcome::Accepted(_), .. }) => Ok(()),
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => {
                Err(RecordError::Refused(refusal.code.clone()))
            }
            Ok(Sent::Unknown) | Err(SendError::Unconfirmed) => Err(RecordError::Unknown),
            Err(err @ (SendError::Overloaded | SendError::Unavailable(_))) => {
                Err(RecordError::Busy(err))
            }
            Err(err @ (SendError::Malformed(_) | SendError::CommandIdReused)) => {
                Err(RecordError::Refused(err.to_string()))
            }
        }
    }
}
