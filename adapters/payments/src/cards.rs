//! Cards that are kept: seen after a payment, and removed at their provider.

use kontor_domain::{
    Actor,
    billing::{BillingCommand, EnableRecharge, RechargeTerms, SaveMethod, billing_id, method_id},
};
use kontor_postgres::{
    DatabaseError,
    checkouts::{self, CardToSee},
    payment_methods::{self, KeptMethod},
};
use kontor_projections::{QueryError, accounts, products};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{CallError, CardRemoval, KeptCard, cashier::Cashier, facts::RecordError};

/// The most cards that are seen or removed in one round.
const BATCH: u32 = 20;

/// Why a card is not seen to.
#[derive(Debug, thiserror::Error)]
enum CardError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Cashier {
    /// One round of seeing which cards are kept.
    pub(crate) async fn see_cards(&self, stop: CancellationToken) {
        let cards = checkouts::cards_to_see(&self.recorder.pool, &self.channel, BATCH).await;
        let cards = cards.unwrap_or_else(|err| {
            tracing::warn!(channel = self.channel, "Cards cannot be looked up: {err}");
            Vec::new()
        });
        for card in &cards {
            match stop.run_until_cancelled(self.see_card(card)).await {
                Some(Ok(())) => {}
                Some(Err(err)) => {
                    tracing::warn!(
                        channel = self.channel,
                        payment.id = %card.payment_id,
                        "A card is seen to later: {err}"
                    );
                    let (pool, pauses) = (&self.recorder.pool, self.pauses());
                    if let Err(err) = checkouts::postpone(pool, card.payment_id, pauses).await {
                        tracing::warn!(channel = self.channel, "It cannot be noted: {err}");
                    }
                }
                None => return,
            }
        }
    }

    async fn see_card(&self, seen: &CardToSee) -> Result<(), CardError> {
        let pool = &self.recorder.pool;
        let kept = match self.recorder.account.provider.kept_card(&seen.charge_ref).await {
            Ok(kept) => kept,
            // What the provider does not know it does not keep.
            Err(CallError::Refused { .. }) => None,
            Err(err @ (CallError::Unknown(_) | CallError::Later { .. } | CallError::Secret(_))) => {
                return Err(err.into());
            }
        };
        if let Some(card) = kept {
            self.keep(seen, card).await?;
        }
        Ok(checkouts::card_seen(pool, seen.payment_id).await?)
    }

    /// Keeps a card, and lets what its holder agreed to hold from now on.
    async fn keep(&self, seen: &CardToSee, kept: KeptCard) -> Result<(), CardError> {
        let (pool, account) = (&self.recorder.pool, &self.recorder.account);
        let (account_id, channel) = (seen.account_id, self.channel.clone());
        let method_id = method_id(account_id, &channel, &kept.method_ref);
        let method = KeptMethod {
            method_id,
            tenant: account.tenant.to_string(),
            account_id,
            channel: channel.clone(),
            method_ref: kept.method_ref,
            customer_ref: kept.customer_ref,
        };
        payment_methods::keep(pool, &method).await?;
        if accounts::is_erased(pool, &account.tenant, account_id).await? {
            return Ok(payment_methods::unwanted(pool, method_id).await?);
        }
        let provider = account.provider.kind();
        let card = kept.card.map(Into::into);
        let save = SaveMethod { account_id, method_id, provider, channel, card };
        let save = BillingCommand::SaveMethod(save);
        let cause = format!("card:{}", seen.payment_id);
        let address = ("billing", billing_id(account_id));
        match self.recorder.send(&cause, address, self.recorder.actor(), &save).await {
            Ok(()) => {}
            Err(RecordError::Refused(code)) => {
                tracing::warn!(channel = self.channel, code, "A card may not be kept");
                return Ok(payment_methods::unwanted(pool, method_id).await?);
            }
            Err(
                err @ (RecordError::Unknown
                | RecordError::Busy(_)
                | RecordError::Foreign
                | RecordError::Database(_)),
            ) => return Err(err.into()),
        }
        match &seen.agreement {
            Some(terms) => self.hold(seen, terms.clone()).await,
            None => Ok(()),
        }
    }

    /// Lets what was agreed to on the way to the page hold, when it is still what is sold. Otherwise they
    /// are asked anew when they turn it on: nobody agreed to anything else.
    async fn hold(&self, seen: &CardToSee, terms: RechargeTerms) -> Result<(), CardError> {
        let account_id = seen.account_id;
        if !self.still_stands(account_id, &terms).await? {
            let payment_id = seen.payment_id;
            tracing::info!(channel = self.channel, payment.id = %payment_id, "Agreed to what changed");
            return Ok(());
        }
        // They have just bought: nothing is to be filled up at once.
        let credits_left = terms.threshold_credits;
        let enable = EnableRecharge { account_id, terms, credits_left };
        let enable = BillingCommand::EnableRecharge(enable);
        // It is their word, given when they chose to pay with that.
        let actor = Actor::Customer { account_id };
        let cause = format!("card:{}", seen.payment_id);
        let address = ("billing", billing_id(account_id));
        match self.recorder.send(&cause, address, actor, &enable).await {
            Err(RecordError::Refused(code)) => {
                tracing::warn!(channel = self.channel, code, "What was agreed to cannot hold");
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// Whether the product is sold as it was agreed to, and the customer's consent is in force.
    async fn still_stands(
        &self,
        account_id: Uuid,
        terms: &RechargeTerms,
    ) -> Result<bool, QueryError> {
        let (pool, tenant) = (&self.recorder.pool, &self.recorder.account.tenant);
        let holder = accounts::find(pool, tenant, account_id).await?;
        let product = products::find(pool, tenant, terms.product.product_id).await?;
        let is_sold = product.is_some_and(|it| {
            it.active && it.gives() == terms.product.gives && it.prices.contains(&terms.price)
        });
        Ok(is_sold && holder.is_some_and(|it| it.consent.is_some()))
    }

    /// One round of removing cards at their provider.
    pub(crate) async fn remove_cards(&self, stop: CancellationToken) {
        let (pool, tenant) = (&self.recorder.pool, &self.recorder.account.tenant);
        let door = (tenant, self.channel.as_str());
        let methods = payment_methods::leaving(pool, door, BATCH).await.unwrap_or_else(|err| {
            tracing::warn!(channel = self.channel, "Cards cannot be looked up: {err}");
            Vec::new()
        });
        for method in &methods {
            match stop.run_until_cancelled(self.remove_card(method)).await {
                Some(Ok(())) => {}
                Some(Err(err)) => {
                    tracing::warn!(channel = self.channel, "A card is removed later: {err}");
                }
                None => return,
            }
        }
    }

    async fn remove_card(&self, method: &KeptMethod) -> Result<(), CardError> {
        let (pool, account) = (&self.recorder.pool, &self.recorder.account);
        payment_methods::postpone(pool, method.method_id, self.pauses()).await?;
        let is_erased = accounts::is_erased(pool, &account.tenant, method.account_id).await?;
        let removal = CardRemoval {
            method_id: method.method_id,
            method_ref: method.method_ref.clone(),
            customer_ref: method.customer_ref.clone().filter(|_| is_erased),
        };
        match account.provider.remove_card(&removal).await {
            Ok(()) | Err(CallError::Refused { .. }) => {}
            Err(err @ (CallError::Unknown(_) | CallError::Later { .. } | CallError::Secret(_))) => {
                return Err(err.into());
            }
        }
        Ok(payment_methods::forget(pool, method, is_erased).await?)
    }
}
