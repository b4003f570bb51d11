//! Erasing people: what follows, everywhere in the house, from the event that a person was erased.
//!
//! The order is what makes it safe to be interrupted anywhere and begun again. First the account is
//! erased (the event that leads here), so that it takes no commands. Then what is kept in clear is
//! deleted and the person's meters are closed, while the key can still be read to know whose they
//! are. Then the key is destroyed. Then, when no process has a copy of it any more, what came in
//! meanwhile is dealt with in the same way.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use kontor_commands::{Envelope, EventStore, Outcome, Router, clock};
use kontor_domain::{
    Actor, Recorded, TenantId,
    account::{AccountEvent, Origin},
    meter::{EraseHolder, MeterCommand},
};
use kontor_faults::Point;
use kontor_nats::Nats;
use kontor_postgres::{EventLog, KEYS_FORGOTTEN_AFTER, Vault, erasure};
use kontor_projections::{Reactor, ReactorError, checkpoints, meters};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The checkpoint of the erasures.
pub(crate) const ERASURES: &str = "erasures";
/// The most people in one page: all of them wait together for the keys in memory to end.
pub(crate) const PAGE_MAX: u32 = 20;

/// How long a read model may take to come to the event; it is repeated afterwards.
const VIEW_PATIENCE: Duration = Duration::from_secs(30);
/// How often a process looks for people to drop from memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How far a look reaches back: longer than a transaction that destroys a key can take.
const LOOK_BACK: chrono::TimeDelta = chrono::TimeDelta::minutes(1);
/// The most people of one look; an erasure takes seconds, so there are a few dozen at most.
const LOOK_MAX: u32 = 1_000;

/// The reactor `erasures`.
#[derive(Clone)]
pub(crate) struct Erasures {
    pub(crate) pool: PgPool,
    pub(crate) log: EventLog,
    pub(crate) vault: Vault,
    pub(crate) nats: Nats,
    /// Carries out the commands to the person's meters. Not by way of the broker: this process may
    /// decide, and the versions of the log keep its decisions apart from those of others.
    pub(crate) router: Router,
}

/// A person who is being erased.
struct Person {
    tenant: TenantId,
    id: Uuid,
    /// The event that says so.
    event_id: Uuid,
}

#[async_trait]
impl Reactor for Erasures {
    fn name(&self) -> &'static str {
        ERASURES
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["account.erased"]
    }

    async fn react(&self, events: &[Recorded]) -> Result<(), ReactorError> {
        let mut people = Vec::with_capacity(events.len());
        for event in events {
            let person = Person {
                tenant: event.tenant.clone(),
                id: event.stream_id,
                event_id: event.event_id,
            };
            self.begin(&person, event.position).await?;
            people.push(person);
        }
        tokio::time::sleep(KEYS_FORGOTTEN_AFTER).await;
        for person in &people {
            self.complete(person).await?;
            tracing::info!(
                tenant = %person.tenant,
                account.id = %person.id,
                "The person with the account {} was erased",
                person.id
            );
        }
        Ok(())
    }
}

impl Erasures {
    /// Everything up to the destruction of the key.
    async fn begin(&self, person: &Person, position: i64) -> Result<(), ReactorError> {
        kontor_faults::reach(Point::EraseRecorded);
        // Whoever talks to a bot from now on is seen as somebody new.
        self.wait_for(&["accounts", "meters"], position).await?;
        let known = self.telegram_user(person).await?;
        let subject = (&person.tenant, person.id);
        let begun = erasure::begin(&self.pool, subject, known).await;
        let begun = begun.map_err(|err| failed("the erasure cannot be noted", err))?;
        kontor_faults::reach(Point::EraseNoted);
        if let Some(user_id) = begun.telegram_user_id {
            self.erase_conversations(person, user_id).await?;
        }
        kontor_faults::reach(Point::EraseConversations);
        self.erase_from_meters(person).await?;
        kontor_faults::reach(Point::EraseMeters);
        let destroyed = self.vault.destroy(&person.tenant, person.id).await;
        destroyed.map_err(|err| failed("a person's key cannot be destroyed", err))?;
        kontor_faults::reach(Point::EraseKey);
        Ok(())
    }

    /// What came in while other processes still had the key, and what is left beside the log.
    async fn complete(&self, person: &Person) -> Result<(), ReactorError> {
        let head = checkpoints::head_position(&self.pool).await;
        let head = head.map_err(|err| failed("the log cannot be read", err))?;
        self.wait_for(&["meters"], head).await?;
        let meters = self.erase_from_meters(person).await?;
        let tenant = person.tenant.as_str();
        let addresses = meters.iter().map(|id| ("meter", *id)).chain([("account", person.id)]);
        for (aggregate, id) in addresses {
            let forgotten = self.nats.forget_commands(tenant, aggregate, &id.to_string()).await;
            forgotten.map_err(|err| failed("waiting commands cannot be deleted", err))?;
        }
        kontor_faults::reach(Point::EraseCommands);
        let ids: Vec<Uuid> = meters.into_iter().chain([person.id]).collect();
        let what = "what stands beside the log cannot be deleted";
        let mut tx = self.pool.begin().await.map_err(|err| failed(what, err))?;
        let forgotten = erasure::forget_aggregates(&mut tx, &person.tenant, &ids).await;
        forgotten.map_err(|err| failed(what, err))?;
        let finished = erasure::finish(&mut tx, (&person.tenant, person.id)).await;
        finished.map_err(|err| failed(what, err))?;
        kontor_faults::reach(Point::EraseBeforeCommit);
        tx.commit().await.map_err(|err| failed(what, err))?;
        kontor_faults::reach(Point::EraseAfterCommit);
        Ok(())
    }

    /// The person's number in Telegram, as long as the log tells it.
    async fn telegram_user(&self, person: &Person) -> Result<Option<i64>, ReactorError> {
        let events = self.log.load(&person.tenant, person.id, 0).await;
        let events = events.map_err(|err| failed("the account cannot be read", err))?;
        for event in &events.events {
            let fact = event.body::<AccountEvent>();
            let fact = fact.map_err(|err| failed("the account cannot be read", err))?;
            if let AccountEvent::Registered(registered) = fact
                && let Some(Origin::Telegram { user_id, .. }) = registered.origin.known()
            {
                return Ok(Some(*user_id));
            }
        }
        Ok(None)
    }

    async fn erase_conversations(&self, person: &Person, user_id: i64) -> Result<(), ReactorError> {
        let what = "a person's conversations cannot be deleted";
        let mut tx = self.pool.begin().await.map_err(|err| failed(what, err))?;
        let deleted = kontor_telegram::personal::erase(&mut tx, &person.tenant, user_id).await;
        let deleted = deleted.map_err(|err| failed(what, err))?;
        tx.commit().await.map_err(|err| failed(what, err))?;
        tracing::debug!(
            updates = deleted.updates,
            dialogues = deleted.dialogues,
            messages = deleted.messages,
            "The conversations of an erased person were deleted"
        );
        Ok(())
    }

    /// Tells the person's meters that their holder is erased. Returns the meters.
    async fn erase_from_meters(&self, person: &Person) -> Result<Vec<Uuid>, ReactorError> {
        let mut ids = Vec::new();
        let mut after = 0;
        loop {
            let page = meters::ids_of_account(&self.pool, &person.tenant, person.id, after).await;
            let page = page.map_err(|err| failed("a person's meters cannot be read", err))?;
            let Some((_, last)) = page.last() else { return Ok(ids) };
            after = *last;
            for (id, _) in page {
                self.erase_from_meter(person, id).await?;
                ids.push(id);
            }
        }
    }

    async fn erase_from_meter(&self, person: &Person, meter: Uuid) -> Result<(), ReactorError> {
        let what = "a meter cannot be told that its holder is erased";
        let command = serde_json::to_value(MeterCommand::EraseHolder(EraseHolder {}));
        let command = command.map_err(|err| failed(what, err))?;
        let mut envelope = Envelope::new(
            Uuid::new_v5(&person.event_id, meter.as_bytes()),
            (person.tenant.clone(), "meter", meter),
            command,
            Actor::System { name: ERASURES.to_owned() },
            clock::now(),
        );
        envelope.causation_id = Some(person.event_id);
        let routed = self.router.route(envelope).await;
        match routed.map_err(|err| failed(what, err))?.outcome {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Refused { refusal } => Err(failed(what, refusal.message)),
        }
    }

    async fn wait_for(&self, names: &[&str], position: i64) -> Result<(), ReactorError> {
        let arrived = checkpoints::wait_for(&self.pool, names, position, VIEW_PATIENCE).await;
        if arrived.map_err(|err| failed("the read models cannot be asked", err))? {
            return Ok(());
        }
        Err(failed("the read models are behind", format!("{names:?} are not at {position}")))
    }
}

fn failed(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ReactorError {
    ReactorError { what: what.to_owned(), source: source.into() }
}

/// Drops erased people from the memory of this process within a second or two: their keys, and with
/// a router the states of their aggregates.
pub(crate) async fn forget(
    vault: Vault,
    router: Option<Router>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut last_seen = clock::now();
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        let erased = match vault.forget_erased(last_seen - LOOK_BACK, LOOK_MAX).await {
            Ok(erased) => erased,
            Err(err) => {
                tracing::warn!(error = %err, "Erased people cannot be looked up; trying again");
                continue;
            }
        };
        let Some((_, _, newest)) = erased.last() else { continue };
        last_seen = last_seen.max(*newest);
        if let Some(router) = &router {
            let people: HashSet<(TenantId, Uuid)> =
                erased.into_iter().map(|(tenant, id, _)| (tenant, id)).collect();
            router.forget_subjects(&people);
        }
    }
    Ok(())
}
