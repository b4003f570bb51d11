//! Commands that keep coming while processes come and go, and what must be true of them afterwards.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use futures::StreamExt;
use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{Actor, TenantId};
use kontor_nats::NatsSender;
use kontor_postgres::{EventReader, MasterKeys, Vault};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{fleet::Fleet, program::MASTER_KEY};

/// How many accounts are changed side by side.
const ACCOUNTS: usize = 8;
/// How many commands of one account are handed over before the first outcome is asked for.
const AT_ONCE: usize = 4;
/// Far above what a take-over takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commands under way.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    senders: Vec<JoinHandle<Account>>,
}

/// What one account was told to be called, in order, and what came of it.
pub(crate) struct Account {
    id: Uuid,
    names: Vec<String>,
    outcomes: Vec<(Uuid, Outcome)>,
}

impl Load {
    pub(crate) fn start(fleet: &Fleet) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let senders = (0..ACCOUNTS)
            .map(|_| tokio::spawn(send(fleet.sender.clone(), Arc::clone(&stop), Arc::clone(&done))))
            .collect();
        Self { stop, done, senders }
    }

    /// Waits until so many more commands have their outcome.
    pub(crate) async fn more(&self, count: usize) {
        let enough = self.done.load(Ordering::SeqCst) + count;
        let begun = Instant::now();
        while self.done.load(Ordering::SeqCst) < enough {
            assert!(begun.elapsed() < PATIENCE, "the commands stand still");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the load and checks everything that was promised.
    pub(crate) async fn finish(self, fleet: &Fleet) {
        self.stop.store(true, Ordering::SeqCst);
        let mut accounts = Vec::new();
        for sender in self.senders {
            accounts.push(tokio::time::timeout(PATIENCE, sender).await.unwrap().unwrap());
        }
        check_outcomes(fleet, &accounts).await;
        check_log(fleet).await;
        check_read_models(fleet, &accounts).await;
        check_published(fleet).await;
    }
}

fn tenant() -> TenantId {
    "demo_utility".parse().unwrap()
}

fn envelope(id: Uuid, command: Value) -> Envelope {
    let actor = Actor::System { name: "test".to_owned() };
    Envelope::new(Uuid::now_v7(), (tenant(), "account", id), command, actor, clock::now())
}

/// Opens an account and renames it again and again, some commands at once.
async fn send(sender: NatsSender, stop: Arc<AtomicBool>, done: Arc<AtomicUsize>) -> Account {
    let mut account = Account { id: Uuid::now_v7(), names: Vec::new(), outcomes: Vec::new() };
    let register = json!({
        "type": "register", "display_name": "Анна", "language": "ru", "origin": { "kind": "api" },
    });
    let mut waiting = vec![envelope(account.id, register)];
    while !stop.load(Ordering::SeqCst) {
        for envelope in &waiting {
            hand_over(&sender, envelope).await;
        }
        for envelope in waiting.drain(..) {
            let outcome = outcome_of(&sender, &envelope).await;
            account.outcomes.push((envelope.command_id, outcome));
            done.fetch_add(1, Ordering::SeqCst);
        }
        for _ in 0..AT_ONCE {
            let name = format!("Имя {}", account.names.len());
            let rename = json!({ "type": "rename", "display_name": name });
            waiting.push(envelope(account.id, rename));
            account.names.push(name);
        }
    }
    // What was made and never sent was never promised.
    account.names.truncate(account.names.len() - waiting.len());
    account
}

/// Publishes a command without waiting for its outcome, until the broker has it.
async fn hand_over(sender: &NatsSender, envelope: &Envelope) {
    let begun = Instant::now();
    while let Err(error) = sender.send(envelope.clone(), Duration::ZERO).await {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for the outcome by sending the same command again, as every sender may.
async fn outcome_of(sender: &NatsSender, envelope: &Envelope) -> Outcome {
    let begun = Instant::now();
    loop {
        // An error is told as "try again", and so it is.
        let sent = sender.send(envelope.clone(), Duration::from_secs(5)).await;
        if let Ok(Sent::Done { outcome, .. }) = sent {
            return outcome;
        }
        assert!(begun.elapsed() < PATIENCE, "a command has no outcome");
    }
}

/// Everybody was told what stands in the receipts, and an account's commands took effect in order.
async fn check_outcomes(fleet: &Fleet, accounts: &[Account]) {
    let mut names = names_in_the_log(fleet).await;
    for account in accounts {
        let names = names.remove(&account.id).unwrap_or_default();
        assert_eq!(names, account.names, "each once, and in order");
        for ((command_id, outcome), version) in account.outcomes.iter().zip(1..) {
            let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
            assert_eq!(accepted.version, version);
            let position: Option<i64> =
                sqlx::query_scalar("select last_position from receipts where command_id = $1")
                    .bind(command_id)
                    .fetch_one(&fleet.pool)
                    .await
                    .unwrap();
            assert_eq!(position, accepted.last_position);
        }
    }
}

/// The names that accounts got after their registration, opened, in order.
async fn names_in_the_log(fleet: &Fleet) -> HashMap<Uuid, Vec<String>> {
    let vault = Vault::new(fleet.pool.clone(), MasterKeys::parse(MASTER_KEY).unwrap());
    let reader = EventReader::opened(fleet.pool.clone(), vault);
    let mut names: HashMap<Uuid, Vec<String>> = HashMap::new();
    let mut after = 0;
    loop {
        let page = reader.page(after, 1_000, &["account.renamed"]).await.unwrap();
        let Some(last) = page.last_position else { return names };
        for event in page.events {
            let payload: Value = serde_json::from_str(&event.payload).unwrap();
            let name = payload["display_name"].as_str().unwrap().to_owned();
            names.entry(event.stream_id).or_default().push(name);
        }
        after = last;
    }
}

async fn count(fleet: &Fleet, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&fleet.pool).await.unwrap()
}

async fn check_log(fleet: &Fleet) {
    let gaps = "select max(position) - count(*) from events";
    assert_eq!(count(fleet, gaps).await, 0, "positions are gapless");
    let uneven = "select count(*) from (select from events group by stream_id
                  having count(*) <> max(version) or min(version) <> 1) as uneven";
    assert_eq!(count(fleet, uneven).await, 0, "versions are contiguous");
    let letters = "select (select count(*) from dead_letters)
                       + (select count(*) from command_dead_letters)";
    assert_eq!(count(fleet, letters).await, 0, "nothing was given up");
}

async fn check_read_models(fleet: &Fleet, accounts: &[Account]) {
    fleet.quiet().await;
    for account in accounts {
        let found = kontor_projections::accounts::find(&fleet.pool, &tenant(), account.id).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.display_name.as_str(), account.names.last().unwrap());
    }
}

/// Every event of the log is in the stream; what stands there twice has the same id.
async fn check_published(fleet: &Fleet) {
    let logged: Vec<(i64, Uuid)> =
        sqlx::query_as("select position, event_id from events order by position")
            .fetch_all(&fleet.pool)
            .await
            .unwrap();
    let jetstream = async_nats::jetstream::new(fleet.client().await);
    let stream = jetstream.get_stream("EVENTS").await.unwrap();
    let stored = usize::try_from(stream.cached_info().state.messages).unwrap();
    let config = pull::Config { ack_policy: AckPolicy::None, ..Default::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await.unwrap();
    let mut batch = consumer.stream().messages().await.unwrap();
    let (mut seen, mut by_position) = (HashSet::new(), BTreeMap::new());
    for _ in 0..stored {
        let message = tokio::time::timeout(PATIENCE, batch.next()).await.unwrap().unwrap().unwrap();
        let event: Value = serde_json::from_slice(&message.payload).unwrap();
        let id: Uuid = event["id"].as_str().unwrap().parse().unwrap();
        let position: i64 = event["position"].as_str().unwrap().parse().unwrap();
        if seen.insert(id) {
            let last = by_position.keys().next_back().copied().unwrap_or(0);
            assert_eq!(position, last + 1, "the first of each comes in order");
            by_position.insert(position, id);
        }
    }
    let published: Vec<(i64, Uuid)> = by_position.into_iter().collect();
    assert_eq!(published, logged);
}
