//! What a provider said reaches its payment as a command.

use std::time::Duration;

use kontor_commands::{CommandSender, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{Actor, payment::PaymentCommand};
use kontor_postgres::checkouts;
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
    pub(crate) async fn record(&self, said: &Said) -> Result<(), RecordError> {
        let row = checkouts::find(&self.pool, said.payment_id).await?;
        let tenant = &self.account.tenant;
        let is_ours = |row: &checkouts::CheckoutRow| {
            row.tenant == tenant.as_str() && row.channel == self.channel()
        };
        if !row.as_ref().is_some_and(is_ours) {
            return Err(RecordError::Foreign);
        }
        // Before it is known that it was refused: the word of it leads to no page that is over.
        if matches!(said.command, PaymentCommand::RecordFailure(_))
            && self.account.provider.failure_ends_page()
        {
            checkouts::over(&self.pool, said.payment_id).await?;
        }
        let command = serde_json::to_value(&said.command)
            .map_err(|err| RecordError::Refused(err.to_string()))?;
        let name = format!("payments:{}:{}:{command}", self.channel(), said.payment_id);
        let command_id = Uuid::new_v5(&tenant.stream_id(), name.as_bytes());
        let address = (tenant.clone(), "payment", said.payment_id);
        let actor = Actor::System { name: provider_name(self.account.provider.kind()).to_owned() };
        let mut envelope = Envelope::new(command_id, address, command, actor, clock::now());
        envelope.trace = Some(kontor_traces::of_cause(command_id).into());
        match self.sender.send(envelope, self.wait).await {
            Ok(Sent::Done { outcome: Outcome::Accepted(_), .. }) => {}
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => {
                return Err(RecordError::Refused(refusal.code.clone()));
            }
            Ok(Sent::Unknown) | Err(SendError::Unconfirmed) => return Err(RecordError::Unknown),
            Err(err @ (SendError::Overloaded | SendError::Unavailable(_))) => {
                return Err(RecordError::Busy(err));
            }
            Err(err @ (SendError::Malformed(_) | SendError::CommandIdReused)) => {
                return Err(RecordError::Refused(err.to_string()));
            }
        }
        if matches!(said.command, PaymentCommand::RecordSuccess(_)) {
            checkouts::over(&self.pool, said.payment_id).await?;
        }
        Ok(())
    }
}
