//! Kontor in one process: the router on the event log.

use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use kontor_commands::{Envelope, EventStore, Outcome, Router};
use kontor_domain::{
    account::Account, credit_ledger::CreditLedger, meter::Meter,
    provider_statement::ProviderStatement,
};
use kontor_postgres::{AppenderSettings, EventLog, MasterKeys, Vault};
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    drive::Contender,
    workload::{Reading, Workload},
};

/// A database with the log in it, and the router on top.
#[derive(Clone)]
pub(crate) struct Kontor {
    pub(crate) pool: PgPool,
    pub(crate) log: EventLog,
    pub(crate) router: Router,
    pub(crate) head: watch::Receiver<i64>,
    pub(crate) workload: Workload,
    pub(crate) vault: Vault,
}

impl Kontor {
    /// Migrates an empty database and opens the tenant.
    pub(crate) async fn start(
        url: &str,
        connections: u32,
        workload: Workload,
    ) -> anyhow::Result<Self> {
        let pool = kontor_postgres::connect(url, connections).await?;
        kontor_postgres::migrate(&pool).await?;
        let (head_sender, head) = watch::channel(0);
        let vault = Vault::new(pool.clone(), MasterKeys::throwaway());
        let log = EventLog::start(pool.clone(), AppenderSettings::default(), head_sender)
            .sealed_by(vault.clone());
        let store: Arc<dyn EventStore> = Arc::new(log.clone());
        let router = Router::builder(store)
            .register::<Account>()
            .register::<Meter>()
            .register::<CreditLedger>()
            .register::<ProviderStatement>()
            .build();
        let kontor = Self { pool, log, router, head, workload, vault };
        kontor.route(kontor.workload.create_tenant()?).await?;
        Ok(kontor)
    }

    /// Carries out a command that must be accepted, and returns its last position.
    pub(crate) async fn route(&self, envelope: Envelope) -> anyhow::Result<Option<i64>> {
        accepted(self.router.route(envelope).await?.outcome)
    }

    /// Finishes what waits and lets go of the database.
    pub(crate) async fn stop(self) {
        self.log.shutdown().await;
        self.pool.close().await;
    }
}

/// The last position of an outcome that must not be a refusal.
pub(crate) fn accepted(outcome: Outcome) -> anyhow::Result<Option<i64>> {
    match outcome {
        Outcome::Accepted(accepted) => Ok(accepted.last_position),
        Outcome::Refused { refusal } => bail!("refused: {}", refusal.message),
    }
}

#[async_trait]
impl Contender for Kontor {
    fn name(&self) -> &'static str {
        crate::report::IN_PROCESS
    }

    async fn register(&self, meter: Uuid) -> anyhow::Result<()> {
        self.route(self.workload.register_envelope(meter)?).await.map(drop)
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let envelope = self.workload.reading_envelope(reading)?;
        self.route(envelope).await.context("a reading was not accepted").map(drop)
    }
}
