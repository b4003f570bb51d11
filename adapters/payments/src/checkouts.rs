//! Opens pages for payments, and looks at those of which the provider has not spoken.

use kontor_commands::clock;
use kontor_postgres::{
    DatabaseError,
    checkouts::{self, CheckoutRow, CheckoutState},
};
use tokio_util::sync::CancellationToken;

use crate::{CallError, Order, cashier::Cashier, facts::RecordError};

/// The most pages that are opened or looked at in one round.
const BATCH: u32 = 20;

impl Cashier {
    /// One round of opening pages.
    pub(crate) async fn open_checkouts(&self, stop: CancellationToken) {
        let rows = self.due(CheckoutState::Wanted).await;
        // Side by side: one that is slow holds nobody up.
        let opening = rows.iter().map(async |row| {
            if let Some(Err(err)) = stop.run_until_cancelled(self.open(row)).await {
                tracing::warn!(channel = self.channel, "A checkout cannot be noted: {err}");
            }
        });
        futures::future::join_all(opening).await;
    }

    async fn open(&self, row: &CheckoutRow) -> Result<(), DatabaseError> {
        let (pool, id) = (&self.recorder.pool, row.payment_id);
        if row.asked.expires_at <= clock::now() {
            return checkouts::refused(pool, id, "expired").await;
        }
        checkouts::send(pool, id).await?;
        match self.recorder.account.provider.open(&order(row)).await {
            Ok(checkout) => {
                let page = (checkout.provider_ref.as_str(), checkout.url.as_str());
                checkouts::opened(pool, id, page, self.settings.look_up_after).await
            }
            Err(CallError::Refused { code }) => {
                tracing::warn!(channel = self.channel, payment.id = %id, code, "No page is opened");
                checkouts::refused(pool, id, &code).await
            }
            Err(err @ (CallError::Unknown(_) | CallError::Later { .. } | CallError::Secret(_))) => {
                tracing::warn!(channel = self.channel, payment.id = %id, "No page yet: {err}");
                checkouts::postpone(pool, id, self.pauses_after(&err)).await
            }
        }
    }

    /// One round of looking at pages that are open.
    pub(crate) async fn look_at_checkouts(&self, stop: CancellationToken) {
        for row in self.due(CheckoutState::Open).await {
            match stop.run_until_cancelled(self.look_at(&row)).await {
                Some(Ok(())) => {}
                Some(Err(err)) => {
                    tracing::warn!(
                        channel = self.channel,
                        payment.id = %row.payment_id,
                        "A checkout cannot be noted: {err}"
                    );
                }
                None => return,
            }
        }
    }

    async fn look_at(&self, row: &CheckoutRow) -> Result<(), DatabaseError> {
        let (pool, id) = (&self.recorder.pool, row.payment_id);
        let Some(provider_ref) = &row.provider_ref else { return Ok(()) };
        let pauses = (self.settings.look_up_after, self.settings.look_up_max);
        // Before the call, so that a page that makes trouble holds nobody up.
        checkouts::postpone(pool, id, pauses).await?;
        if clock::now() > row.wanted_at + self.settings.look_up_for {
            tracing::error!(
                channel = self.channel,
                payment.id = %id,
                "The provider has not said for too long what came of a payment; look at it there"
            );
            return checkouts::over(pool, id).await;
        }
        let looked = match self.recorder.account.provider.look_up(&order(row), provider_ref).await {
            Ok(looked) => looked,
            Err(err) => {
                tracing::warn!(channel = self.channel, payment.id = %id, "No look at it: {err}");
                return Ok(());
            }
        };
        for said in &looked.said {
            match self.recorder.record(said).await {
                Ok(()) => {}
                Err(RecordError::Database(err)) => return Err(err),
                Err(
                    err @ (RecordError::Unknown
                    | RecordError::Busy(_)
                    | RecordError::Refused(_)
                    | RecordError::Foreign),
                ) => {
                    tracing::warn!(channel = self.channel, payment.id = %id, "Not recorded: {err}");
                    return Ok(());
                }
            }
        }
        if looked.is_over { checkouts::over(pool, id).await } else { Ok(()) }
    }

    async fn due(&self, state: CheckoutState) -> Vec<CheckoutRow> {
        let due = checkouts::due(&self.recorder.pool, &self.channel, state, BATCH).await;
        due.unwrap_or_else(|err| {
            tracing::warn!(channel = self.channel, "Checkouts cannot be looked up: {err}");
            Vec::new()
        })
    }

    /// The pauses after a failed call: a provider that names one gets it at least.
    pub(crate) fn pauses_after(
        &self,
        err: &CallError,
    ) -> (std::time::Duration, std::time::Duration) {
        let (first, max) = self.pauses();
        match err {
            CallError::Later { after: Some(after), .. } => (first.max(*after).min(max), max),
            // Somebody has to correct the settings first.
            CallError::Secret(_) => (max / 10, max),
            CallError::Later { after: None, .. }
            | CallError::Unknown(_)
            | CallError::Refused { .. } => (first, max),
        }
    }
}

fn order(row: &CheckoutRow) -> Order {
    let (payment_id, asked) = (row.payment_id, row.asked.clone());
    Order { payment_id, asked, first_sent_at: row.first_sent_at }
}
