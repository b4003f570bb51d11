//! Sends the addresses of payment pages that a turn could not wait for.

use std::{sync::Arc, time::Duration};

use kontor_domain::account::Origin;
use kontor_postgres::checkouts::{self, CheckoutRow};
use kontor_projections::accounts;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    conversation, outbox,
    texts::Voice,
    turn::{Ports, TurnError},
};

/// The most addresses that are sent in one round.
const BATCH: u32 = 20;
/// How often is looked for them.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Sends the addresses that one bot owes its customers.
pub(crate) struct Pages {
    pub(crate) ports: Arc<Ports>,
    pub(crate) backlog_max: i64,
    /// Woken after messages were written.
    pub(crate) wake_sender: Arc<Notify>,
}

impl Pages {
    /// Works until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() && !self.ports.cards.is_empty() {
            match self.round().await {
                Ok(true) => self.wake_sender.notify_one(),
                Ok(false) => {}
                Err(err) => tracing::warn!(bot = self.ports.bot, "Pages are not told yet: {err}"),
            }
            stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
    }

    async fn round(&self) -> Result<bool, TurnError> {
        let rows = checkouts::untold(&self.ports.pool, &self.ports.bot, BATCH).await?;
        for row in &rows {
            self.tell(row).await?;
        }
        Ok(!rows.is_empty())
    }

    /// Writes the message and that it was written, in one transaction.
    async fn tell(&self, row: &CheckoutRow) -> Result<(), TurnError> {
        let (pool, tenant) = (&self.ports.pool, &self.ports.tenant);
        let payment = kontor_projections::payments::find(pool, tenant, row.payment_id).await?;
        let account = match payment {
            Some(payment) => accounts::find(pool, tenant, payment.account_id).await?,
            None => None,
        };
        let mut db = pool.begin().await.map_err(kontor_projections::QueryError::from)?;
        if !checkouts::told(&mut db, row.payment_id, &self.ports.bot).await? {
            return Ok(());
        }
        // Whoever was erased meanwhile gets nothing.
        if let Some((language, Origin::Telegram { user_id, .. })) =
            account.map(|account| (account.language, account.origin))
        {
            let message = conversation::page_message(Voice::new(language), row);
            let key = format!("page:{}", row.payment_id);
            let chat = (self.ports.bot.as_str(), user_id);
            outbox::enqueue(&mut db, chat, &key, &message, self.backlog_max)
                .await
                .map_err(kontor_projections::QueryError::from)?;
        }
        db.commit().await.map_err(kontor_projections::QueryError::from)?;
        Ok(())
    }
}
