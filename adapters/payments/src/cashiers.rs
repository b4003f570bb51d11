//! The accounts of a process: who owns which.

use std::{collections::HashMap, sync::Arc};

use axum::Router;
use kontor_commands::CommandSender;
use kontor_postgres::{Leases, Members};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Account, PaymentsSettings,
    cashier::Cashier,
    denied::DeniedNotices,
    facts::Recorder,
    webhook::{self, ByChannel},
};

/// The longest name of an account: it stands in buttons, which have 64 bytes.
const NAME_LENGTH_MAX: usize = 32;

/// The accounts of a process.
pub struct Cashiers {
    cashiers: ByChannel,
    denied: Arc<DeniedNotices>,
    leases: Leases,
}

/// Why accounts cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum CashiersError {
    /// Two accounts with one provider have this name.
    #[error("two accounts are called `{0}`")]
    NameTwice(String),
    /// The name cannot stand in paths and leases.
    #[error("`{0}` is no name of an account: 1 to 32 characters of a-z, 0-9 and `_`")]
    Name(String),
}

impl Cashiers {
    /// Sets accounts up; nothing is called yet.
    ///
    /// # Errors
    /// [`CashiersError`] when a name is wrong.
    pub fn new(
        pool: PgPool,
        sender: Arc<dyn CommandSender>,
        accounts: Vec<Account>,
        settings: PaymentsSettings,
    ) -> Result<Self, CashiersError> {
        let leases = settings.members.as_ref().map_or_else(
            || Leases::new(pool.clone(), settings.owner.as_str(), settings.lease_ttl),
            Members::leases,
        );
        let settings = Arc::new(settings);
        let denied = Arc::new(DeniedNotices::new(pool.clone()));
        let mut cashiers = HashMap::new();
        for account in accounts {
            check(&account.name)?;
            let (sender, wait) = (Arc::clone(&sender), settings.command_wait);
            let recorder = Recorder { account, pool: pool.clone(), sender, wait };
            let cashier = Cashier::new(recorder, Arc::clone(&settings), Arc::clone(&denied));
            let channel = cashier.channel.clone();
            if cashiers.insert(channel.clone(), Arc::new(cashier)).is_some() {
                return Err(CashiersError::NameTwice(channel));
            }
        }
        Ok(Self { cashiers: Arc::new(cashiers), denied, leases })
    }

    /// The route `POST /webhooks/{provider}/{account}`. It works in any process, whoever owns the
    /// account. Who is at the other end is expected as a [`std::net::IpAddr`] among the extensions.
    pub fn webhook_router(&self) -> Router {
        webhook::router(Arc::clone(&self.cashiers), Arc::clone(&self.denied))
    }

    /// Works for all accounts until `stop`, then finishes what is under way. Of several processes,
    /// one at a time owns each account. It also returns, before `stop`, when a task failed: whoever
    /// supervises it starts all of them again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let stop = stop.child_token();
        for cashier in self.cashiers.values() {
            tasks.spawn(Arc::clone(cashier).run(self.leases.clone(), stop.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(err) = ended {
                tracing::error!("An account's owner ended early: {err}");
                stop.cancel();
            }
        }
    }
}

fn check(name: &str) -> Result<(), CashiersError> {
    let fits = (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { Ok(()) } else { Err(CashiersError::Name(name.to_owned())) }
}
