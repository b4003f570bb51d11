//! Credits that are spent, with their double entry and their chain of hashes: Kontor beside the peer.

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use kontor_domain::credit_ledger::{CreditLedger, credit_ledger_id};
use postgres_es::{PostgresCqrs, postgres_cqrs};
use uuid::Uuid;

use crate::{
    drive::Contender,
    in_process::Kontor,
    peer,
    workload::{Reading, Workload, buy_credits, open_ledger, spend_credit},
};

/// Ledgers in Kontor's router. Where readings are of meters, these are of accounts.
pub(crate) struct Spends(Kontor);

impl Spends {
    /// On an empty log, whose tenant is told that it deals with credits.
    pub(crate) async fn start(kontor: Kontor) -> anyhow::Result<Self> {
        kontor.route(kontor.workload.allow_credits()?).await?;
        Ok(Self(kontor))
    }
}

#[async_trait]
impl Contender for Spends {
    fn name(&self) -> &'static str {
        crate::report::SPENDS
    }

    async fn register(&self, account: Uuid) -> anyhow::Result<()> {
        for command in [open_ledger(account), buy_credits()?] {
            self.0.route(self.0.workload.ledger_envelope(account, &command)?).await?;
        }
        Ok(())
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let envelope = self.0.workload.ledger_envelope(reading.meter, &spend_credit())?;
        self.0.route(envelope).await.context("a spend was not accepted").map(drop)
    }
}

/// `postgres-es` with the same ledgers and the same decisions.
pub(crate) struct PeerSpends {
    framework: PostgresCqrs<CreditLedger>,
    workload: Workload,
}

impl PeerSpends {
    pub(crate) async fn start(
        url: &str,
        connections: u32,
        workload: Workload,
    ) -> anyhow::Result<Self> {
        let pool = peer::connect(url, connections).await?;
        Ok(Self { framework: postgres_cqrs(pool, Vec::new(), ()), workload })
    }
}

#[async_trait]
impl Contender for PeerSpends {
    fn name(&self) -> &'static str {
        crate::report::PEER_SPENDS
    }

    async fn register(&self, account: Uuid) -> anyhow::Result<()> {
        let ledger = credit_ledger_id(account).to_string();
        for command in [open_ledger(account), buy_credits()?] {
            let command = self.workload.ledger(account, command);
            let done = self.framework.execute(&ledger, command).await;
            done.map_err(|error| anyhow!("{error:?}"))?;
        }
        Ok(())
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let ledger = credit_ledger_id(reading.meter).to_string();
        let command = self.workload.ledger(reading.meter, spend_credit());
        let done = self.framework.execute(&ledger, command).await;
        done.map_err(|error| anyhow!("{error:?}"))
    }
}
