//! Stripe: hosted Checkout pages, webhooks, refunds, disputes.
//!
//! A charge is named by its `PaymentIntent`: a page makes one, and everything that follows leads back
//! to it. The payment's id stands in the metadata of page and intent, so that no object has to be
//! looked up to know whose it is, and an object of somebody else is told by its absence.

mod cards;
mod client;
mod events;
mod objects;
mod refunds;
mod signature;
mod statements;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use kontor_commands::clock;
use kontor_domain::{
    credit_ledger::PaymentProvider,
    payment::PaymentCommand,
    provider_statement::{StatementLine, StatementSource},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

use self::client::{Client, Form};
use crate::{
    Accepted, CallError, CardRemoval, ChargeOrder, Charged, Checkout, Denied, Heard, KeptCard,
    Looked, Notice, Order, Provider, RefundAnswer, RefundOrder, Said, Swept, WireError,
};

/// A page lives at least so long by Stripe's rules, with a minute for clocks that differ.
const PAGE_MIN: Duration = Duration::minutes(31);
/// The most events of one page of a list.
const PAGE_SIZE: usize = 100;
/// How many pages of undelivered events are read at once. The list is newest first and does not get
/// shorter by being read, so it has to be read to its end: 100,000 events are more than an account
/// fails to deliver in the 30 days for which Stripe keeps them.
const PAGES_MAX: usize = 1_000;

/// How an account is reached.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// `https://api.stripe.com`, or a stand-in.
    pub api_url: String,
    /// The account's secret key.
    pub secret_key: SecretString,
    /// The signing secrets of its webhook: two while they are exchanged.
    pub webhook_secrets: Vec<SecretString>,
    /// Whether its balance transactions are asked for, so that nobody has to send its files.
    pub draws_statement: bool,
}

/// An account with Stripe.
#[derive(Clone, Debug)]
pub struct Stripe {
    client: Client,
    webhook_secrets: Vec<SecretString>,
    draws_statement: bool,
}

impl Stripe {
    /// An account; nothing is called yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: StripeSettings) -> Result<Self, WireError> {
        let StripeSettings { api_url, secret_key, webhook_secrets, draws_statement } = settings;
        Ok(Self { client: Client::new(api_url, secret_key)?, webhook_secrets, draws_statement })
    }

    /// The page of a payment, as a form.
    fn page(order: &Order) -> Form {
        let asked = &order.asked;
        let id = order.payment_id.to_string();
        let earliest = clock::now() + PAGE_MIN;
        let mut form = Form::default();
        form.set("mode", "payment");
        form.set("client_reference_id", &id);
        form.set("metadata[payment_id]", &id);
        form.set("payment_intent_data[metadata][payment_id]", &id);
        if order.keep_card {
            form.set("payment_intent_data[setup_future_usage]", "off_session");
            match &order.customer_ref {
                Some(customer) => form.set("customer", customer),
                None => form.set("customer_creation", "always"),
            }
        }
        form.set("locale", asked.language.code());
        form.set("success_url", &asked.return_url);
        form.set("cancel_url", &asked.return_url);
        form.set("expires_at", &asked.expires_at.max(earliest).timestamp().to_string());
        form.set("line_items[0][quantity]", "1");
        let currency = asked.price.currency.code().to_ascii_lowercase();
        form.set("line_items[0][price_data][currency]", &currency);
        let amount = asked.price.amount_minor.to_string();
        form.set("line_items[0][price_data][unit_amount]", &amount);
        form.set("line_items[0][price_data][product_data][name]", &asked.title);
        form
    }

    /// What a page and its intent say of the payment, asked now.
    async fn facts_of_page(&self, page: &Value) -> Result<Vec<Said>, CallError> {
        let Some(payment_id) = objects::payment_id(page) else { return Ok(Vec::new()) };
        let mut said = objects::of_page(payment_id, page);
        if said.is_empty()
            && let Some(intent_id) = page.get("payment_intent").and_then(Value::as_str)
        {
            let intent = self.client.get(&format!("/v1/payment_intents/{intent_id}")).await?;
            said = objects::of_intent(payment_id, &intent);
        }
        Ok(said)
    }
}

#[async_trait]
impl Provider for Stripe {
    fn kind(&self) -> PaymentProvider {
        PaymentProvider::Stripe
    }

    fn accept(&self, notice: &Notice<'_>) -> Result<Accepted, Denied> {
        let secrets: Vec<&[u8]> =
            self.webhook_secrets.iter().map(|it| it.expose_secret().as_bytes()).collect();
        let header = notice.headers.get("stripe-signature").and_then(|it| it.to_str().ok());
        signature::verify(&secrets, (header, notice.body), notice.now)
            .map_err(|reason| Denied { status: 400, reason })?;
        let unreadable = Denied { status: 400, reason: "notification_unreadable" };
        let event: Value = serde_json::from_slice(notice.body).map_err(|_| unreadable)?;
        events::kept(&event).ok_or(unreadable)
    }

    async fn read(&self, payload: &Value) -> Result<Heard, CallError> {
        self.hear(payload).await
    }

    async fn open(&self, order: &Order) -> Result<Checkout, CallError> {
        let key = match order.first_sent_at {
            None => key("checkout", order.payment_id),
            // Stripe keeps the answer of a key also when that was a failure of its own. A page
            // charges nobody, and one whose address nobody knows does no harm: so another key.
            Some(_) => {
                format!("{}-{}", key("checkout", order.payment_id), clock::now().timestamp() / 60)
            }
        };
        let page = self.client.post("/v1/checkout/sessions", &Self::page(order), &key).await?;
        let field = |name: &str| page.get(name).and_then(Value::as_str).map(str::to_owned);
        match (field("id"), field("url")) {
            (Some(provider_ref), Some(url)) => Ok(Checkout { provider_ref, url }),
            _ => Err(CallError::Unknown("the answer is no page".to_owned())),
        }
    }

    async fn look_up(&self, order: &Order, provider_ref: &str) -> Result<Looked, CallError> {
        // A charge without its holder has no page.
        if provider_ref.starts_with("pi_") {
            let said = objects::of_intent(order.payment_id, &self.intent(provider_ref).await?);
            let is_over = said.iter().any(|it| {
                matches!(
                    it.command,
                    PaymentCommand::RecordSuccess(_) | PaymentCommand::RecordFailure(_)
                )
            });
            return Ok(Looked { said, is_over });
        }
        let page = self.client.get(&format!("/v1/checkout/sessions/{provider_ref}")).await?;
        if objects::payment_id(&page) != Some(order.payment_id) {
            return Err(CallError::Unknown("the page is another payment's".to_owned()));
        }
        let said = self.facts_of_page(&page).await?;
        let is_paid = said.iter().any(|it| matches!(it.command, PaymentCommand::RecordSuccess(_)));
        let is_closed = page.get("status").and_then(Value::as_str) == Some("expired");
        Ok(Looked { said, is_over: is_paid || is_closed })
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundAnswer, CallError> {
        self.pay_back(order).await
    }

    fn statement_source(&self) -> Option<StatementSource> {
        self.draws_statement.then_some(StatementSource::Stripe)
    }

    async fn statement(
        &self,
        between: (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<StatementLine>, CallError> {
        self.lines_between(between).await
    }

    async fn charge(&self, order: &ChargeOrder) -> Result<Charged, CallError> {
        self.charge_card(order).await
    }

    async fn kept_card(&self, charge_ref: &str) -> Result<Option<KeptCard>, CallError> {
        self.card_of(charge_ref).await
    }

    async fn remove_card(&self, removal: &CardRemoval) -> Result<(), CallError> {
        self.detach(removal).await
    }

    async fn sweep(&self, since: DateTime<Utc>) -> Result<Swept, CallError> {
        let mut found = Vec::new();
        let (mut after, mut is_whole) = (String::new(), false);
        for _ in 0..PAGES_MAX {
            let (from, types) = (since.timestamp(), events::types());
            let path = format!(
                "/v1/events?delivery_success=false&limit={PAGE_SIZE}&created[gte]={from}{types}{after}"
            );
            let list = self.client.get(&path).await?;
            let unreadable = || CallError::Unknown("the list of events cannot be read".to_owned());
            let events = list.get("data").and_then(Value::as_array).ok_or_else(unreadable)?;
            found.extend(events.iter().filter_map(events::kept));
            if !list.get("has_more").and_then(Value::as_bool).ok_or_else(unreadable)? {
                is_whole = true;
                break;
            }
            let last = events.last().and_then(|event| objects::text(event, "id"));
            let last = last.filter(|id| objects::is_id(id)).ok_or_else(unreadable)?;
            after = format!("&starting_after={last}");
        }
        // Newest first on the wire; in the order in which they happened here.
        found.reverse();
        Ok(Swept { found, is_whole })
    }
}

/// The key under which a call with an effect is made, whoever makes it.
fn key(what: &str, id: Uuid) -> String {
    format!("kontor-{what}-{id}")
}
