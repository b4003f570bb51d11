//! Opens pages for payments, and looks at those of which the provider has not spoken.

use kontor_commands::clock;
use kontor_domain::payment::PaymentCommand;
use kontor_postgres::{
    DatabaseError,
    checkouts::{self, CheckoutRow, CheckoutState},
    payment_methods,
};
use tokio_util::sync::CancellationToken;

use crate::{CallError, Order, Said, cashier::Cashier, charges::ChargeError, facts::RecordError};

/// The most pages that are opened or looked at in one round.
const BATCH: u32 = 20;

impl Cashier {
    /// One round of opening pages.
    pub(crate) async fn open_checkouts(&self, stop: CancellationToken) {
        let rows = self.due(CheckoutState::Wanted).await;
        // Side by side: one that is slow holds nobody up.
        let opening = rows.iter().map(async |row| {
            let opened = stop.run_until_cancelled(async {
                match row.method_to_charge() {
                    Some(method_id) => self.charge(row, method_id).await,
                    None => Ok(self.open(row).await?),
                }
            });
            if let Some(Err(err)) = opened.await {
                tracing::warn!(channel = self.channel, "A checkout goes on later: {err}");
            }
        });
        futures::future::join_all(opening).await;
    }

    async fn open(&self, row: &CheckoutRow) -> Result<(), DatabaseError> {
        let (pool, id) = (&self.recorder.pool, row.payment_id);
        if row.asked.expires_at <= clock::now() {
            return checkouts::refused(pool, id, "expired").await;
        }
        let customer_ref = match row.account_id.filter(|_| row.keep_card) {
            Some(account_id) => {
                payment_methods::customer_of(pool, &self.channel, account_id).await?
            }
            None => None,
        };
        checkouts::send(pool, id).await?;
        match self.recorder.account.provider.open(&order(row, customer_ref)).await {
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

    async fn look_at(&self, row: &CheckoutRow) -> Result<(), ChargeError> {
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
            return Ok(checkouts::over(pool, id).await?);
        }
        let looked = match self
            .recorder
            .account
            .provider
            .look_up(&order(row, None), provider_ref)
            .await
        {
            Ok(looked) => looked,
            Err(err) => {
                tracing::warn!(channel = self.channel, payment.id = %id, "No look at it: {err}");
                return Ok(());
            }
        };
        for said in &looked.said {
            let recorded = match row.method_to_charge() {
                Some(_) => self.recorder.record_own(said).await,
                None => self.recorder.record(said).await,
            };
            match recorded {
                Ok(()) => {}
                Err(RecordError::Database(err)) => return Err(err.into()),
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
        if !looked.is_over {
            return Ok(());
        }
        let is_paid = |said: &Said| matches!(said.command, PaymentCommand::RecordSuccess(_));
        if row.needs_customer && !looked.said.iter().any(is_paid) {
            return self.not_confirmed(row).await;
        }
        Ok(checkouts::over(pool, id).await?)
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

fn order(row: &CheckoutRow, customer_ref: Option<String>) -> Order {
    let (payment_id, asked) = (row.payment_id, row.asked.clone());
    let (first_sent_at, keep_card) = (row.first_sent_at, row.keep_card);
    Order { payment_id, asked, first_sent_at, keep_card, customer_ref }
}
