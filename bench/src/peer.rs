//! The peer: `postgres-es` 0.5 with its `CqrsFramework` in event store mode, on its own tables.

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use kontor_domain::meter::Meter;
use postgres_es::{PostgresCqrs, postgres_cqrs};
use sqlx_of_peer::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use crate::{
    drive::Contender,
    workload::{Reading, Workload},
};

/// The peer's table as its documentation gives it. Snapshots and views stay out: in event store
/// mode nothing is written but events.
const TABLE: &str = "create table events ( \
     aggregate_type text not null, \
     aggregate_id text not null, \
     sequence bigint check (sequence >= 0) not null, \
     event_type text not null, \
     event_version text not null, \
     payload json not null, \
     metadata json not null, \
     primary key (aggregate_type, aggregate_id, sequence))";

/// `postgres-es` with the same meters and the same decisions.
pub(crate) struct Peer {
    framework: PostgresCqrs<Meter>,
    workload: Workload,
}

impl Peer {
    pub(crate) async fn start(
        url: &str,
        connections: u32,
        workload: Workload,
    ) -> anyhow::Result<Self> {
        let pool = connect(url, connections).await?;
        Ok(Self { framework: postgres_cqrs(pool, Vec::new(), ()), workload })
    }
}

/// The peer's pool on an empty database, with its table.
pub(crate) async fn connect(url: &str, connections: u32) -> anyhow::Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect(url)
        .await
        .context("the peer's database cannot be reached")?;
    sqlx_of_peer::query(TABLE).execute(&pool).await.context("the peer's table cannot be made")?;
    Ok(pool)
}

#[async_trait]
impl Contender for Peer {
    fn name(&self) -> &'static str {
        crate::report::PEER
    }

    async fn register(&self, meter: Uuid) -> anyhow::Result<()> {
        let command = self.workload.register(meter);
        self.framework
            .execute(&meter.to_string(), command)
            .await
            .map_err(|error| anyhow!("{error:?}"))
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        let command = self.workload.reading(reading);
        self.framework
            .execute(&reading.meter.to_string(), command)
            .await
            .map_err(|error| anyhow!("{error:?}"))
    }
}
