//! Charges of cards that are kept, without their holder: handed over, made once, asked about.

use chrono::Duration;
use kontor_commands::clock;
use kontor_domain::{
    account::Origin,
    billing::{BeginCharge, BillingCommand, billing_id},
    payment::{PaymentCommand, RecordFailure, RecordPending, RecordSuccess, RecordUnknown},
};
use kontor_postgres::{
    DatabaseError,
    checkouts::{self, Asked, CheckoutRow},
    payment_methods::{self, KeptMethod},
};
use kontor_projections::{
    QueryError, accounts,
    billing::{self, BillingRow},
    products,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{CallError, ChargeOrder, Charged, Said, cashier::Cashier, facts::RecordError};

/// The most charges that are handed over in one round.
const BATCH: u32 = 20;
/// How long a charge that may have been made is looked for before the provider's list is believed that
/// it was not: by then every call is answered, and no key is known any more.
const CALLS_SETTLE: Duration = Duration::hours(25);
/// Why a payment failed whose agreement ended before the card was charged.
const STOPPED: &str = "stopped";
/// Why a payment failed whose card is not kept any more.
const METHOD_GONE: &str = "method_gone";
/// Why a payment failed that its customer did not confirm.
const NOT_CONFIRMED: &str = "not_confirmed";
/// Why a payment failed of which the provider knows nothing.
const NO_ANSWER: &str = "no_answer";
/// Why a payment failed that could not be charged in time.
const EXPIRED: &str = "expired";

/// Why a charge does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChargeError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Cashier {
    /// One round of handing charges over to the table of what a provider is asked for.
    pub(crate) async fn take_charges(&self, stop: CancellationToken) {
        let (pool, tenant) = (&self.recorder.pool, &self.recorder.account.tenant);
        let rows = billing::to_charge(pool, (tenant, &self.channel), BATCH).await;
        let rows = rows.unwrap_or_else(|err| {
            tracing::warn!(channel = self.channel, "Charges cannot be looked up: {err}");
            Vec::new()
        });
        for row in &rows {
            match stop.run_until_cancelled(self.take_charge(row)).await {
                Some(Ok(())) => {}
                Some(Err(err)) => {
                    tracing::warn!(channel = self.channel, "A charge is taken later: {err}");
                }
                None => return,
            }
        }
    }

    async fn take_charge(&self, row: &BillingRow) -> Result<(), ChargeError> {
        let (pool, account) = (&self.recorder.pool, &self.recorder.account);
        let Some(charge) = row.under_way() else { return Ok(()) };
        let holder = accounts::find(pool, &account.tenant, row.account_id).await?;
        let language = holder.map(|holder| holder.language).unwrap_or_default();
        let product = products::find(pool, &account.tenant, charge.product.product_id).await?;
        let title = product.map(|product| product.name(language).to_owned());
        let payment =
            kontor_projections::payments::find(pool, &account.tenant, charge.payment_id).await?;
        let Some(payment) = payment else { return Ok(()) };
        let asked = Asked {
            title: title.unwrap_or_else(|| account.name.clone()),
            price: charge.price,
            language,
            expires_at: payment.expires_at,
            return_url: account.return_url.clone(),
        };
        // The card that is kept now: another one may have taken the place of the one that was.
        let method_id = row.method.as_ref().map_or(Uuid::nil(), |method| method.method_id);
        let ids = (charge.payment_id, row.account_id, method_id);
        Ok(checkouts::want_charge(pool, (&account.tenant, &self.channel), ids, &asked).await?)
    }

    /// Charges a card, once its holder's agreement was asked for the last time.
    pub(crate) async fn charge(
        &self,
        row: &CheckoutRow,
        method_id: Uuid,
    ) -> Result<(), ChargeError> {
        let (pool, id) = (&self.recorder.pool, row.payment_id);
        if row.first_sent_at.is_none() && !self.may_begin(row).await? {
            return Ok(());
        }
        let Some(method) = payment_methods::find(pool, method_id).await? else {
            return self.give_up(row, METHOD_GONE).await;
        };
        checkouts::send(pool, id).await?;
        let order = order(row, method);
        match self.recorder.account.provider.charge(&order).await {
            Ok(charged) => self.charged(row, charged).await,
            Err(CallError::Refused { code }) => self.give_up(row, &code).await,
            Err(err @ (CallError::Later { .. } | CallError::Secret(_) | CallError::Unknown(_))) => {
                tracing::warn!(channel = self.channel, payment.id = %id, "No charge yet: {err}");
                if matches!(err, CallError::Unknown(_)) {
                    let unknown = PaymentCommand::RecordUnknown(RecordUnknown {});
                    self.recorder.record_own(&Said { payment_id: id, command: unknown }).await?;
                }
                Ok(checkouts::postpone(pool, id, self.pauses_after(&err)).await?)
            }
        }
    }

    /// The last moment before the first call: whoever stops it until now is not charged.
    async fn may_begin(&self, row: &CheckoutRow) -> Result<bool, ChargeError> {
        let payment_id = row.payment_id;
        if row.asked.expires_at <= clock::now() {
            self.give_up(row, EXPIRED).await?;
            return Ok(false);
        }
        let begin = BillingCommand::BeginCharge(BeginCharge { payment_id });
        let address = ("billing", billing_id(row.account_id.unwrap_or_default()));
        let cause = format!("charge:{payment_id}");
        match self.recorder.send(&cause, address, self.recorder.actor(), &begin).await {
            Ok(()) => Ok(true),
            Err(RecordError::Refused(code)) => {
                tracing::info!(channel = self.channel, payment.id = %payment_id, code, "Stopped");
                self.give_up(row, STOPPED).await?;
                Ok(false)
            }
            Err(
                err @ (RecordError::Unknown
                | RecordError::Busy(_)
                | RecordError::Foreign
                | RecordError::Database(_)),
            ) => Err(err.into()),
        }
    }

    async fn charged(&self, row: &CheckoutRow, charged: Charged) -> Result<(), ChargeError> {
        let (pool, payment_id) = (&self.recorder.pool, row.payment_id);
        let say = |command| Said { payment_id, command };
        match charged {
            Charged::Paid { provider_ref, amount } => {
                let success = RecordSuccess { provider_ref, amount };
                let said = say(PaymentCommand::RecordSuccess(success));
                self.recorder.record_own(&said).await?;
                Ok(checkouts::over(pool, payment_id).await?)
            }
            Charged::Waiting { provider_ref } => {
                let pending = RecordPending { provider_ref: Some(provider_ref.clone()) };
                let unknown = PaymentCommand::RecordUnknown(RecordUnknown {});
                for command in [PaymentCommand::RecordPending(pending), unknown] {
                    self.recorder.record_own(&say(command)).await?;
                }
                let look_after = self.settings.look_up_after;
                Ok(checkouts::charging(pool, payment_id, &provider_ref, look_after).await?)
            }
            Charged::NeedsCustomer => {
                let bot = self.bot_of(row).await?;
                Ok(checkouts::needs_customer(pool, payment_id, bot.as_deref()).await?)
            }
            Charged::Declined(code) => self.give_up(row, &code).await,
            Charged::Absent => {
                let sent = row.first_sent_at.unwrap_or(row.wanted_at);
                if clock::now() > sent + CALLS_SETTLE {
                    return self.give_up(row, NO_ANSWER).await;
                }
                Ok(checkouts::postpone(pool, payment_id, self.pauses()).await?)
            }
        }
    }

    /// Nothing was charged, and nothing will be.
    async fn give_up(&self, row: &CheckoutRow, reason: &str) -> Result<(), ChargeError> {
        let (payment_id, reason) = (row.payment_id, reason.to_owned());
        let command = PaymentCommand::RecordFailure(RecordFailure { reason });
        self.recorder.record_own(&Said { payment_id, command }).await?;
        Ok(checkouts::over(&self.recorder.pool, payment_id).await?)
    }

    /// The page of a charge that needs its customer closed, and nobody paid.
    pub(crate) async fn not_confirmed(&self, row: &CheckoutRow) -> Result<(), ChargeError> {
        self.give_up(row, NOT_CONFIRMED).await
    }

    /// The bot in which the customer is told.
    async fn bot_of(&self, row: &CheckoutRow) -> Result<Option<String>, ChargeError> {
        let (pool, tenant) = (&self.recorder.pool, &self.recorder.account.tenant);
        let account_id = row.account_id.unwrap_or_default();
        let account = accounts::find(pool, tenant, account_id).await?;
        Ok(account.and_then(|account| match account.origin {
            Origin::Telegram { bot, .. } => Some(bot),
            Origin::Api { .. } => None,
        }))
    }
}

fn order(row: &CheckoutRow, method: KeptMethod) -> ChargeOrder {
    ChargeOrder {
        payment_id: row.payment_id,
        asked: row.asked.clone(),
        method_ref: method.method_ref,
        customer_ref: method.customer_ref,
        first_sent_at: row.first_sent_at,
        is_in_time: clock::now() < row.asked.expires_at,
    }
}
