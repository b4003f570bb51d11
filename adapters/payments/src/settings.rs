//! Settings of payments, with the reason for each default.

use std::{fmt, sync::Arc, time::Duration};

use kontor_domain::{TenantId, credit_ledger::PaymentProvider};
use kontor_postgres::Members;

use crate::Provider;

/// An account with a provider, which sells for one tenant.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration: 1 to 32 characters of `a-z`, `0-9` and `_`. It stands in the
    /// path of notifications, in leases and in events, so it never changes.
    pub name: String,
    /// The tenant that sells.
    pub tenant: TenantId,
    /// Where a page leads back to that Kontor opens by itself.
    pub return_url: String,
    /// The provider, with the account's secrets.
    pub provider: Arc<dyn Provider>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = channel(self.provider.kind(), &self.name);
        f.debug_struct("Account").field("channel", &channel).finish_non_exhaustive()
    }
}

/// The name of a provider in paths and channels.
pub fn provider_name(provider: PaymentProvider) -> &'static str {
    match provider {
        PaymentProvider::Stripe => "stripe",
        PaymentProvider::Yookassa => "yookassa",
        PaymentProvider::TelegramStars => "telegram",
        PaymentProvider::Manual => "manual",
    }
}

/// What payments call an account: `stripe/shop`.
pub fn channel(provider: PaymentProvider, name: &str) -> String {
    format!("{}/{name}", provider_name(provider))
}

/// Limits and waits of all accounts of a process.
#[derive(Clone, Debug)]
pub struct PaymentsSettings {
    /// The name under which this process owns accounts; unique to the process.
    pub owner: String,
    /// How long an account stands still after its process died.
    pub lease_ttl: Duration,
    /// The processes that share the accounts; owner and time to live are then those of the member.
    pub members: Option<Members>,
    /// How often tables are looked at: somebody waits for the page of a payment.
    pub look_every: Duration,
    /// How long a command may take before its outcome counts as unknown and it is sent again.
    pub command_wait: Duration,
    /// The most notifications of one account that wait; more are left with the provider.
    pub inbox_backlog_max: u32,
    /// How many notifications of one account are worked on at the same time.
    pub notices_at_once: usize,
    /// When a page is looked at for the first time unless the provider speaks before.
    pub look_up_after: Duration,
    /// The longest pause between two looks at a page.
    pub look_up_max: Duration,
    /// How long a page is looked at before people have to.
    pub look_up_for: Duration,
    /// The first pause after a failure; it doubles with jitter.
    pub retry_pause_first: Duration,
    /// The longest pause after a failure.
    pub retry_pause_max: Duration,
    /// How often lost notifications are looked for.
    pub sweep_every: Duration,
    /// How far a sweep reaches behind the one before: clocks differ, and events are late.
    pub sweep_overlap: Duration,
    /// How far the first sweep reaches back.
    pub sweep_first: Duration,
    /// How often the statements of providers that can be asked are drawn.
    pub statement_every: Duration,
    /// How far a drawing reaches behind the one before: lines may show late.
    pub statement_overlap: Duration,
    /// How far the first drawing reaches back; what is older comes in files.
    pub statement_first: Duration,
}

impl Default for PaymentsSettings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            owner: format!("payments-{}", uuid::Uuid::now_v7()),
            lease_ttl: Duration::from_secs(15),
            members: None,
            look_every: Duration::from_millis(150),
            command_wait: Duration::from_secs(5),
            inbox_backlog_max: 10_000,
            notices_at_once: 16,
            look_up_after: Duration::from_secs(60),
            look_up_max: Duration::from_secs(3_600),
            // Some bank transfers take two weeks.
            look_up_for: 30 * day,
            retry_pause_first: Duration::from_millis(500),
            retry_pause_max: Duration::from_secs(300),
            sweep_every: Duration::from_secs(60),
            sweep_overlap: Duration::from_secs(600),
            sweep_first: 3 * day,
            statement_every: Duration::from_secs(1_800),
            statement_overlap: 2 * day,
            statement_first: 31 * day,
        }
    }
}
