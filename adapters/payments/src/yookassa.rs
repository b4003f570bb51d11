//! YooKassa: pages to pay on by redirect, refunds as a whole, notifications without a signature, and
//! fiscal receipts by Russian law (54-FZ).
//!
//! A notification proves nothing: it is taken from YooKassa's own networks alone, and only says which
//! object to ask for. What has an effect carries a key that follows from the payment or refund; when
//! the outcome of a call is not known, YooKassa's own lists are asked before the same call is made
//! under the same key again.

mod amount;
mod cards;
mod client;
mod networks;
mod notices;
mod objects;
mod receipts;
mod settings;
mod sweep;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_domain::{Language, credit_ledger::PaymentProvider};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    Accepted, CallError, CardRemoval, ChargeOrder, Charged, Checkout, Denied, Heard, KeptCard,
    Looked, Notice, Order, Provider, RefundAnswer, RefundOrder, RefundState, Swept, Wire,
};

pub use networks::{Network, NetworkError, YOOKASSA_NETWORKS};
pub use receipts::{ReceiptSettings, ReceiptSettingsError};
pub use settings::YooKassaSettings;

use client::Client;
use objects::{PaymentObject, RefundObject, Status};

/// *YooKassa*: the longest description, in characters.
const DESCRIPTION_MAX: usize = 128;

/// One shop at YooKassa, which sells for one tenant.
#[derive(Debug)]
pub struct YooKassa {
    client: Client,
    settings: YooKassaSettings,
    /// Where the customer of a receipt, and the receipts that are open, are read.
    pool: PgPool,
}

impl YooKassa {
    /// A shop; nothing is called yet.
    pub fn new(wire: Wire, settings: YooKassaSettings, pool: PgPool) -> Self {
        let client = Client::new(wire, &settings);
        Self { client, settings, pool }
    }

    /// The page of a payment that YooKassa knows already.
    async fn opened_before(
        &self,
        order: &Order,
        first_sent_at: DateTime<Utc>,
    ) -> Result<Option<Checkout>, CallError> {
        let found = self.client.find_payment(first_sent_at, order.payment_id).await?;
        let Some(payment) = found else { return Ok(None) };
        match payment.page {
            Some(url) => Ok(Some(Checkout { provider_ref: payment.id, url })),
            // It was paid or canceled meanwhile: nothing is left to be opened, and a look at it tells.
            None => Err(CallError::Refused { code: "over_already".to_owned() }),
        }
    }

    async fn payment_body(&self, order: &Order) -> Result<Value, CallError> {
        let asked = &order.asked;
        let description: String = asked.title.chars().take(DESCRIPTION_MAX).collect();
        let locale = match asked.language {
            Language::Ru => "ru_RU",
            Language::En => "en_US",
        };
        let mut body = json!({
            "amount": amount::value(asked.price),
            // Left out it would be false, and the money only reserved.
            "capture": true,
            "confirmation": {
                "type": "redirect", "return_url": asked.return_url, "locale": locale,
            },
            "description": description,
            "metadata": { "payment_id": order.payment_id, "tenant": self.settings.tenant.as_str() },
        });
        if order.keep_card {
            body["save_payment_method"] = true.into();
        }
        if let Some(receipts) = &self.settings.receipts {
            let contact = receipts.contact(self, order.payment_id).await?;
            body["receipt"] = receipts.receipt(&contact, &description, asked.price);
        }
        Ok(body)
    }

    async fn refund_body(&self, order: &RefundOrder) -> Result<Value, CallError> {
        let mut body = json!({
            "payment_id": order.charge_ref,
            "amount": amount::value(order.amount),
            "metadata": { "payment_id": order.payment_id, "refund_id": order.refund_id },
        });
        if let Some(receipts) = &self.settings.receipts {
            let contact = receipts.contact(self, order.payment_id).await?;
            body["receipt"] = receipts.receipt(&contact, "Возврат оплаты", order.amount);
        }
        Ok(body)
    }

    /// The refund that was asked for before, by whatever is known of it.
    async fn refunded_before(
        &self,
        order: &RefundOrder,
    ) -> Result<Option<RefundObject>, CallError> {
        if let Some(id) = &order.provider_ref {
            let refund = self.client.refund(id).await.map_err(CallError::of_look)?;
            let unknown = || CallError::Unknown("YooKassa does not know its own refund".to_owned());
            return refund.ok_or_else(unknown).map(Some);
        }
        if order.first_sent_at.is_none() {
            return Ok(None);
        }
        let refunds = self.client.refunds_of(&order.charge_ref).await;
        let refunds = refunds.map_err(CallError::of_look)?;
        Ok(refunds.into_iter().find(|refund| refund.refund_id == Some(order.refund_id)))
    }
}

fn answer(refund: RefundObject) -> RefundAnswer {
    let state = match refund.status {
        Status::Succeeded => RefundState::Paid,
        Status::Canceled => RefundState::Failed(refund.reason()),
        Status::Pending | Status::WaitingForCapture => RefundState::Open,
    };
    RefundAnswer { provider_ref: Some(refund.id), state }
}

#[async_trait]
impl Provider for YooKassa {
    fn kind(&self) -> PaymentProvider {
        PaymentProvider::Yookassa
    }

    /// A payment of YooKassa's is one attempt: its end is final.
    fn failure_ends_page(&self) -> bool {
        true
    }

    fn accept(&self, notice: &Notice<'_>) -> Result<Accepted, Denied> {
        notices::accept(&self.settings.networks, notice)
    }

    async fn read(&self, payload: &Value) -> Result<Heard, CallError> {
        notices::read(self, payload).await
    }

    async fn open(&self, order: &Order) -> Result<Checkout, CallError> {
        if let Some(at) = order.first_sent_at
            && let Some(checkout) = self.opened_before(order, at).await?
        {
            return Ok(checkout);
        }
        let body = self.payment_body(order).await?;
        let payment = self.client.create_payment(order.payment_id, &body).await?;
        let PaymentObject { id, page: Some(url), .. } = payment else {
            return Err(CallError::Refused { code: "no_page".to_owned() });
        };
        Ok(Checkout { provider_ref: id, url })
    }

    async fn look_up(&self, order: &Order, provider_ref: &str) -> Result<Looked, CallError> {
        let Some(payment) = self.client.payment(provider_ref).await? else {
            return Err(CallError::Unknown("YooKassa does not know its own payment".to_owned()));
        };
        if payment.of != Some(order.payment_id) {
            return Err(CallError::Unknown("the page is another payment's".to_owned()));
        }
        let payment = notices::captured(&self.client, payment).await?;
        let is_over = payment.status.is_final();
        Ok(Looked { said: payment.facts(), is_over })
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundAnswer, CallError> {
        if let Some(refund) = self.refunded_before(order).await? {
            return Ok(answer(refund));
        }
        let body = self.refund_body(order).await?;
        self.client.create_refund(order.refund_id, &body).await.map(answer)
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Charged, CallError> {
        self.charge_card(order).await
    }

    async fn kept_card(&self, charge_ref: &str) -> Result<Option<KeptCard>, CallError> {
        self.card_of(charge_ref).await
    }

    /// YooKassa has no call for it: a card is removed when its id is forgotten here.
    async fn remove_card(&self, _removal: &CardRemoval) -> Result<(), CallError> {
        Ok(())
    }

    async fn sweep(&self, since: DateTime<Utc>) -> Result<Swept, CallError> {
        // A list that is too long to be read to its end is an error there.
        let found = sweep::sweep(self, since).await?;
        Ok(Swept { found, is_whole: true })
    }
}
