//! The worker of a shard: the real router between the queue and the log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use kontor_commands::{
    Append, AppendError, AppendOutcome, CommandId, EventStore, Receipt, Router, StoreError,
    StreamTail,
};
use kontor_domain::TenantId;
use tokio::time::sleep;
use uuid::Uuid;

use super::{World, bus::Delivery, database::Session};

/// How often an idle worker looks for work.
const POLL: Duration = Duration::from_millis(250);
/// How often a worker that stands by asks for the lease.
const STANDBY: Duration = Duration::from_millis(700);
/// The pause before a command that failed comes again.
const RETURN_PAUSE: Duration = Duration::from_millis(200);
/// The most commands that are taken at once.
const BATCH: usize = 4;

/// Serves a shard whenever its lease can be had, for ever.
pub(super) async fn serve(world: Arc<World>, (shard, owner, router): (u32, String, Router)) {
    loop {
        if let Some(session) = world.acquire(&format!("shard/{shard}"), &owner).await {
            while session.keep().await {
                match world.pull(shard, BATCH).await {
                    Ok(batch) if !batch.is_empty() => {
                        carry_out(&world, &session, &router, batch).await;
                    }
                    Ok(_) | Err(_) => sleep(POLL).await,
                }
            }
        }
        sleep(STANDBY).await;
    }
}

/// An aggregate's commands in order, those of different aggregates side by side.
async fn carry_out(world: &World, session: &Session, router: &Router, batch: Vec<Delivery>) {
    let mut lanes: BTreeMap<Uuid, Vec<Delivery>> = BTreeMap::new();
    for delivery in batch {
        lanes.entry(delivery.envelope.id).or_default().push(delivery);
    }
    let lanes = lanes.into_values().map(async |lane| {
        for delivery in lane {
            handle(world, session, router, delivery).await;
        }
    });
    join_all(lanes).await;
}

/// Commit, answer, acknowledge, in this order.
async fn handle(world: &World, session: &Session, router: &Router, delivery: Delivery) {
    if !session.is_held() {
        // The next owner has it when its acknowledgement is overdue.
        return;
    }
    let command_id = delivery.envelope.command_id;
    match router.route(delivery.envelope).await {
        Ok(routed) => {
            world.note(format!(
                "{} has carried out {command_id}{}",
                session.owner,
                if routed.replayed { " before" } else { "" }
            ));
            world.reply(command_id, routed.outcome).await;
            world.acknowledge(delivery.place).await;
        }
        Err(error) if error.is_transient() => {
            world.send_back(delivery.place, RETURN_PAUSE).await;
        }
        Err(error) => panic!("{command_id} has no outcome: {error}"),
    }
}

/// A log that takes every command for a new one.
pub(super) struct Forgetful {
    world: Arc<World>,
}

impl Forgetful {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait]
impl EventStore for Forgetful {
    async fn load(&self, t: &TenantId, id: Uuid, after: i64) -> Result<StreamTail, StoreError> {
        self.world.log.load(t, id, after).await
    }

    async fn append(&self, mut append: Append) -> Result<AppendOutcome, AppendError> {
        let known = self.world.log.receipt(&append.tenant, append.command_id).await?;
        if known.is_some() {
            append.command_id = Uuid::now_v7();
        }
        self.world.log.append(append).await
    }

    async fn receipt(&self, t: &TenantId, id: CommandId) -> Result<Option<Receipt>, StoreError> {
        self.world.log.receipt(t, id).await
    }
}
