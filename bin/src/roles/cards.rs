//! The accounts that take cards: from their configuration to their adapter, and the demo account of the
//! sandbox.

use std::sync::Arc;

use anyhow::Context;
use kontor_domain::{TenantId, credit_ledger::PaymentProvider};
use kontor_payments::{
    Account, Cashiers, Network, PaymentsSettings, Provider, ReceiptSettings, Stripe,
    StripeSettings, Wire, YooKassa, YooKassaSettings, channel,
};
use kontor_sandbox::{SandboxShop, YooKassaShop};
use kontor_telegram::CardAccount;
use secrecy::ExposeSecret;

use crate::{
    compose::Parts,
    config::{CardConfig, CardProvider, Config, YooKassaConfig},
    seed,
    supervise::{Phase, Role},
};

/// The account that comes with the sandbox; its secrets open nothing else.
const DEMO_NAME: &str = "demo_stripe";
const DEMO_KEY: &str = "sk_test_SANDBOX_demo_key";
const DEMO_WEBHOOK_SECRET: &str = "whsec_SANDBOX_demo_secret";
/// The same with YooKassa.
const DEMO_SHOP_NAME: &str = "demo_yookassa";
const DEMO_SHOP_ID: &str = "54401";
const DEMO_SHOP_KEY: &str = "test_SANDBOX_demo_shop_key";

/// The accounts of a process, when there are any.
pub(crate) struct Cards {
    cashiers: Arc<Cashiers>,
}

impl Cards {
    /// The accounts over the parts of a process; none without configured accounts.
    pub(crate) fn new(parts: &Parts, cards: &[CardConfig]) -> anyhow::Result<Option<Self>> {
        if cards.is_empty() {
            return Ok(None);
        }
        let settings = PaymentsSettings {
            owner: parts.owner.clone(),
            members: Some(parts.members()),
            ..PaymentsSettings::default()
        };
        let account = |card| account(card, parts);
        let accounts = cards.iter().map(account).collect::<anyhow::Result<Vec<_>>>()?;
        let sender = Arc::new(parts.sender.clone());
        let cashiers =
            Cashiers::new(parts.query.clone(), sender, accounts, settings).context("the cards")?;
        Ok(Some(Self { cashiers: Arc::new(cashiers) }))
    }

    /// The role that opens pages, works on notifications and pays refunds.
    pub(crate) fn role(&self) -> Role {
        let cashiers = Arc::clone(&self.cashiers);
        Role::new("cards", Phase::Intake, move |stop| {
            let cashiers = Arc::clone(&cashiers);
            async move {
                cashiers.run(stop).await;
                Ok(())
            }
        })
    }

    /// Where providers deliver notifications.
    pub(crate) fn webhooks(&self) -> axum::Router {
        self.cashiers.webhook_router()
    }
}

/// What payments call the provider of an account.
fn provider_of(card: &CardConfig) -> PaymentProvider {
    match card.provider {
        CardProvider::Stripe => PaymentProvider::Stripe,
        CardProvider::YooKassa => PaymentProvider::Yookassa,
    }
}

fn account(card: &CardConfig, parts: &Parts) -> anyhow::Result<Account> {
    let provider: Arc<dyn Provider> = match card.provider {
        CardProvider::Stripe => Arc::new(Stripe::new(StripeSettings {
            api_url: card.api_url.clone(),
            secret_key: card.secret_key.clone(),
            webhook_secrets: card.webhook_secrets.clone(),
            draws_statement: card.draws_statement,
        })?),
        CardProvider::YooKassa => {
            let shop = card.yookassa.as_ref().context("a shop at YooKassa")?;
            let settings = YooKassaSettings {
                tenant: card.tenant.clone(),
                channel: channel(PaymentProvider::Yookassa, &card.name),
                shop_id: shop.shop_id.clone(),
                secret_key: card.secret_key.clone(),
                api_url: card.api_url.clone(),
                networks: shop.networks.clone(),
                receipts: shop.receipts.clone(),
            };
            Arc::new(YooKassa::new(Wire::new()?, settings, parts.query.clone()))
        }
    };
    let (name, tenant) = (card.name.clone(), card.tenant.clone());
    let return_url = return_url(card, &parts.config);
    Ok(Account { name, tenant, return_url, provider })
}

/// Where the provider's page leads back to.
fn return_url(card: &CardConfig, config: &Config) -> String {
    let home = || format!("{}/paid", config.callers_url());
    card.return_url.clone().unwrap_or_else(home)
}

/// The accounts of a tenant, as its bots offer them.
pub(super) fn of_tenant(
    config: &Config,
    cards: &[CardConfig],
    tenant: &TenantId,
) -> Vec<CardAccount> {
    let own = cards.iter().filter(|card| card.tenant == *tenant);
    let account = |card: &CardConfig| {
        let provider = provider_of(card);
        let receipts = card.yookassa.as_ref().and_then(|shop| shop.receipts.as_ref());
        CardAccount {
            name: card.name.clone(),
            channel: channel(provider, &card.name),
            provider,
            currency: card.currency,
            return_url: return_url(card, config),
            wants_phone: receipts.is_some(),
        }
    };
    own.map(account).collect()
}

/// The accounts of a sandbox: those of the configuration, and the demo account when its name is free.
pub(crate) fn with_demo_cards(
    configured: &[CardConfig],
    sandbox_url: &str,
) -> anyhow::Result<Vec<CardConfig>> {
    let mut cards = configured.to_vec();
    if !cards.iter().any(|card| card.name == DEMO_NAME) {
        cards.push(CardConfig {
            name: DEMO_NAME.to_owned(),
            tenant: seed::credits_tenant()?,
            provider: CardProvider::Stripe,
            secret_key: DEMO_KEY.into(),
            webhook_secrets: vec![DEMO_WEBHOOK_SECRET.into()],
            currency: "USD".parse()?,
            api_url: format!("{sandbox_url}/stripe"),
            return_url: Some(sandbox_url.to_owned()),
            draws_statement: true,
            yookassa: None,
        });
    }
    if !cards.iter().any(|card| card.name == DEMO_SHOP_NAME) {
        cards.push(demo_shop(sandbox_url)?);
    }
    Ok(cards)
}

/// The demo shop at YooKassa: its notifications come from this machine, and its cash register
/// registers receipts for services.
fn demo_shop(sandbox_url: &str) -> anyhow::Result<CardConfig> {
    let receipts = ReceiptSettings {
        vat_code: 1,
        payment_subject: "service".to_owned(),
        payment_mode: "full_payment".to_owned(),
        tax_system_code: None,
        fallback_email: None,
    };
    Ok(CardConfig {
        name: DEMO_SHOP_NAME.to_owned(),
        tenant: seed::credits_tenant()?,
        provider: CardProvider::YooKassa,
        secret_key: DEMO_SHOP_KEY.into(),
        webhook_secrets: vec![],
        currency: "RUB".parse()?,
        api_url: format!("{sandbox_url}/yookassa/v3"),
        return_url: Some(sandbox_url.to_owned()),
        draws_statement: true,
        yookassa: Some(YooKassaConfig {
            shop_id: DEMO_SHOP_ID.to_owned(),
            networks: Network::list("127.0.0.0/8 ::1")?,
            receipts: Some(receipts),
        }),
    })
}

/// How the sandbox knows a shop at YooKassa; none when it is the real one.
pub(super) fn yookassa_shop(card: &CardConfig, kontor_url: &str) -> Option<YooKassaShop> {
    let shop = card.yookassa.as_ref().filter(|_| !card.is_real())?;
    Some(YooKassaShop {
        shop_id: shop.shop_id.clone(),
        secret_key: card.secret_key.expose_secret().to_owned(),
        notification_url: format!("{kontor_url}/webhooks/yookassa/{}", card.name),
    })
}

/// How the sandbox knows an account; none when it speaks to the provider itself.
pub(super) fn sandbox_shop(card: &CardConfig, kontor_url: &str) -> Option<SandboxShop> {
    let secret = card.webhook_secrets.first().filter(|_| !card.is_real())?;
    Some(SandboxShop {
        name: card.name.clone(),
        secret_key: card.secret_key.expose_secret().to_owned(),
        webhook_secret: secret.expose_secret().to_owned(),
        webhook_url: format!("{kontor_url}/webhooks/stripe/{}", card.name),
    })
}
