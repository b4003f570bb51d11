//! Policies on a real log: memory, orders and checkpoint in one transaction, and commands that are
//! sent once in effect.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use kontor_commands::{
    Accepted, CommandSender, Envelope, EventStore, Expected, NewEvent, Outcome, SendError, Sent,
    clock,
    policy::{Audience, Directive, Instance, Order, Policy, PolicyError},
};
use kontor_domain::{EventDecodeError, Recorded};
use kontor_postgres::{
    DispatchSettings, Dispatched, Dispatcher, EventLog, Follower, PolicyEffect,
    followers::{Step, list_others},
    pauses,
    policies::scheduled::{self, Cancelled},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ledger::{catch_up, hasty},
    support::{World, append, event, world},
};

/// Carries out what a test event says: `send`, `{"in": seconds, "key": key}` or `{"cancel": key}`.
struct Obedient {
    version: i32,
}

#[async_trait]
impl Policy for Obedient {
    type State = u32;

    fn name(&self) -> &'static str {
        "obedient"
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["meter.archived", "tenant.renamed"]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        let all = event.event_type == "tenant.renamed";
        Ok(if all { Audience::Tenant } else { Audience::One(event.stream_id) })
    }

    fn react(
        &self,
        state: &mut u32,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        let said: Value = serde_json::from_str(&event.payload).map_err(PolicyError::State)?;
        *state += 1;
        let directive = Directive::new("meter", instance.key, &json!({"type": "archive"}))?;
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Ok(match (&said["in"], &said["cancel"]) {
            (Value::Number(seconds), _) => vec![Order::Schedule {
                key: text("key"),
                due_at: event.occurred_at + Duration::seconds(seconds.as_i64().unwrap_or(0)),
                directive,
            }],
            (_, Value::String(key)) => vec![Order::Cancel { key: key.clone() }],
            _ if said["send"] == json!(true) => vec![Order::Send(directive)],
            _ => vec![],
        })
    }
}

/// Answers as it is told, and remembers what it was sent.
#[derive(Default)]
struct Recorder {
    sent: Mutex<Vec<Envelope>>,
    /// Answers before the usual one, last first.
    answers: Mutex<Vec<Result<Sent, SendError>>>,
    calls: AtomicUsize,
}

#[async_trait]
impl CommandSender for Recorder {
    async fn send(&self, envelope: Envelope, _: std::time::Duration) -> Result<Sent, SendError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let id = envelope.id;
        self.sent.lock().unwrap().push(envelope);
        let told = self.answers.lock().unwrap().pop();
        told.unwrap_or_else(|| {
            let accepted = Accepted { id, version: 1, first_position: None, last_position: None };
            Ok(Sent::Done { outcome: Outcome::Accepted(accepted), replayed: false })
        })
    }
}

pub(crate) async fn say(log: &EventLog, stream: Uuid, said: &Value) {
    say_as(log, stream, "meter.archived", said).await;
}

pub(crate) async fn say_as(log: &EventLog, stream: Uuid, event_type: &'static str, said: &Value) {
    let mut next = append(stream, Expected::Any, &[]);
    next.events = vec![NewEvent { event_type, ..event(&said.to_string()) }];
    log.append(next).await.unwrap();
}

pub(crate) fn follower(world: &World, version: i32) -> Follower {
    let effect = PolicyEffect::new(Arc::new(Obedient { version }));
    Follower::projection(world.pool.clone(), Arc::new(effect), hasty())
}

fn dispatcher(world: &World, sender: &Arc<Recorder>) -> Dispatcher {
    let sender = Arc::clone(sender) as Arc<dyn CommandSender>;
    Dispatcher::new(world.pool.clone(), sender, DispatchSettings::default())
}

pub(crate) async fn states(world: &World) -> Vec<(i32, String)> {
    sqlx::query_as("select policy_version, state from scheduled_commands order by id")
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

pub(crate) fn named(states: &[(i32, &str)]) -> Vec<(i32, String)> {
    states.iter().map(|(version, state)| (*version, (*state).to_owned())).collect()
}

fn later(seconds: i64) -> DateTime<Utc> {
    clock::now() + Duration::seconds(seconds)
}

/// A policy that is at work: its first event lies behind it.
async fn at_work() -> (World, EventLog, Follower, Arc<Recorder>, Dispatcher) {
    let world = world().await;
    let (log, _) = world.log();
    say(&log, Uuid::now_v7(), &json!({})).await;
    let mut follower = follower(&world, 1);
    catch_up(&mut follower).await;
    let sender = Arc::new(Recorder::default());
    let dispatcher = dispatcher(&world, &sender);
    (world, log, follower, sender, dispatcher)
}

#[tokio::test]
async fn a_command_goes_out_once_with_its_cause_and_its_outcome_is_kept() {
    let (world, log, mut follower, sender, dispatcher) = at_work().await;
    let stream = Uuid::now_v7();
    say(&log, stream, &json!({"send": true})).await;
    catch_up(&mut follower).await;
    assert_eq!(dispatcher.step(later(1)).await.unwrap(), Dispatched { taken: 1, ended: 1 });
    assert_eq!(dispatcher.step(later(3600)).await.unwrap(), Dispatched::default());
    let sent = sender.sent.lock().unwrap().remove(0);
    let cause = log.reader().event(2).await.unwrap().unwrap();
    assert_eq!((sent.id, sent.causation_id), (stream, Some(cause.event_id)));
    assert_eq!(sent.correlation_id, cause.metadata.correlation_id);
    let listed = scheduled::list(&world.pool, Some("demo"), true, 10).await.unwrap();
    assert_eq!((listed[0].state.as_str(), listed[0].attempts), ("done", 1));
    assert_eq!(listed[0].outcome.as_ref().unwrap()["outcome"], "accepted");
    assert_eq!(scheduled::list(&world.pool, None, false, 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_timer_waits_is_replaced_by_its_key_and_cancelled() {
    let (world, log, mut follower, sender, dispatcher) = at_work().await;
    let stream = Uuid::now_v7();
    say(&log, stream, &json!({"in": 100, "key": "a"})).await;
    say(&log, stream, &json!({"in": 200, "key": "a"})).await;
    say(&log, stream, &json!({"in": 100, "key": "ключ"})).await;
    say(&log, stream, &json!({"cancel": "ключ"})).await;
    catch_up(&mut follower).await;
    let waiting = named(&[(1, "replaced"), (1, "pending"), (1, "cancelled")]);
    assert_eq!(states(&world).await, waiting);
    assert_eq!(dispatcher.step(later(150)).await.unwrap(), Dispatched::default());
    assert_eq!(dispatcher.step(later(250)).await.unwrap().ended, 1);
    assert_eq!(sender.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_command_without_outcome_is_sent_again_under_its_id_and_cannot_be_cancelled() {
    let (world, log, mut follower, sender, dispatcher) = at_work().await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut follower).await;
    let unavailable = SendError::Unavailable("down".to_owned());
    sender.answers.lock().unwrap().extend([Ok(Sent::Unknown), Err(unavailable)]);
    // Not handed over: it may still be cancelled. Handed over: it may not.
    assert_eq!(dispatcher.step(later(1)).await.unwrap().ended, 0);
    assert_eq!(states(&world).await, named(&[(1, "pending")]));
    assert_eq!(dispatcher.step(later(100)).await.unwrap().ended, 0);
    assert_eq!(states(&world).await, named(&[(1, "sending")]));
    let id = scheduled::list(&world.pool, None, false, 10).await.unwrap()[0].id;
    assert_eq!(scheduled::cancel(&world.pool, id).await.unwrap(), Cancelled::TooLate);
    assert_eq!(dispatcher.step(later(200)).await.unwrap().ended, 1);
    let sent = sender.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|envelope| envelope.command_id == sent[0].command_id));
}

#[tokio::test]
async fn a_dispatcher_that_dies_between_sending_and_marking_repeats_the_same_command() {
    let (world, log, mut follower, sender, dispatcher) = at_work().await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut follower).await;
    // What a kill leaves behind: the row is taken, the command is out, nothing is recorded.
    let now = later(1);
    dispatcher.step(now).await.unwrap();
    sqlx::query(
        "update scheduled_commands set state = 'sending', outcome = null, ended_at = null,
             next_at = $1",
    )
    .bind(now + Duration::seconds(60))
    .execute(&world.pool)
    .await
    .unwrap();
    assert_eq!(dispatcher.step(now).await.unwrap().taken, 0, "somebody may be at it");
    assert_eq!(dispatcher.step(now + Duration::seconds(61)).await.unwrap().ended, 1);
    let sent = sender.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].command_id, sent[1].command_id);
    assert_eq!(sent[0].fingerprint(), sent[1].fingerprint());
}

#[tokio::test]
async fn several_dispatchers_share_what_is_due() {
    let (world, log, mut follower, sender, _) = at_work().await;
    for _ in 0..60 {
        say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    }
    catch_up(&mut follower).await;
    let now = later(1);
    let looks = (0..4).map(|_| {
        let dispatcher = dispatcher(&world, &sender);
        async move { dispatcher.step(now).await.unwrap().taken }
    });
    let taken: usize = futures::future::join_all(looks).await.into_iter().sum();
    assert_eq!((taken, sender.calls.load(Ordering::Relaxed)), (60, 60));
}

#[tokio::test]
async fn what_nobody_can_carry_out_fails_and_is_told() {
    let (world, log, mut follower, sender, dispatcher) = at_work().await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut follower).await;
    sender.answers.lock().unwrap().push(Err(SendError::Malformed("no such command".to_owned())));
    assert_eq!(dispatcher.step(later(1)).await.unwrap().ended, 1);
    let listed = scheduled::list(&world.pool, None, true, 10).await.unwrap();
    assert_eq!(listed[0].state, "failed");
    assert!(listed[0].last_error.as_ref().unwrap().contains("no such command"));
    assert_eq!(scheduled::cancel(&world.pool, listed[0].id).await.unwrap(), Cancelled::EndedBefore);
    assert_eq!(scheduled::cancel(&world.pool, i64::MAX).await.unwrap(), Cancelled::Unknown);
}

#[tokio::test]
async fn an_event_for_a_whole_tenant_reaches_every_instance_once() {
    let (world, log, mut follower, _, _) = at_work().await;
    for _ in 0..1_200 {
        say(&log, Uuid::now_v7(), &json!({})).await;
    }
    say_as(&log, Uuid::now_v7(), "tenant.renamed", &json!({"send": true})).await;
    catch_up(&mut follower).await;
    assert_eq!(world.count("select count(*) from scheduled_commands").await, 1_201);
    assert_eq!(
        world.count("select count(*) from process_instances where state = '2'").await,
        1_201
    );
}

#[tokio::test]
async fn a_new_policy_sends_nothing_for_what_happened_before_and_keeps_its_timers() {
    let world = world().await;
    let (log, _) = world.log();
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    say(&log, Uuid::now_v7(), &json!({"in": 100, "key": "a"})).await;
    // The log goes on with events that the policy does not want.
    log.append(append(Uuid::now_v7(), Expected::Any, &["{}"])).await.unwrap();
    let mut follower = follower(&world, 1);
    catch_up(&mut follower).await;
    assert_eq!(states(&world).await, named(&[(1, "held")]));
    let sender = Arc::new(Recorder::default());
    let dispatcher = dispatcher(&world, &sender);
    assert_eq!(dispatcher.step(later(1)).await.unwrap(), Dispatched::default());
    assert_eq!(states(&world).await, named(&[(1, "pending")]), "it begins at its mark");
    assert_eq!(dispatcher.step(later(200)).await.unwrap().ended, 1);
}

#[tokio::test]
async fn a_new_version_acts_from_where_the_old_one_stops() {
    let (world, log, mut old, sender, dispatcher) = at_work().await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    say(&log, Uuid::now_v7(), &json!({"in": -50, "key": "past"})).await;
    say(&log, Uuid::now_v7(), &json!({"in": 5000, "key": "future"})).await;
    catch_up(&mut old).await;
    assert_eq!(dispatcher.step(later(1)).await.unwrap().ended, 2);

    let mut new = follower(&world, 2);
    catch_up(&mut new).await;
    dispatcher.step(later(1)).await.unwrap();
    let expected =
        named(&[(1, "done"), (1, "done"), (1, "replaced"), (2, "suppressed"), (2, "pending")]);
    assert_eq!(states(&world).await, expected);
    // Both versions run for a while; only the new one acts.
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    catch_up(&mut old).await;
    catch_up(&mut new).await;
    assert_eq!(states(&world).await[5..], named(&[(2, "pending")]));
    assert_eq!(dispatcher.step(later(100)).await.unwrap().ended, 1);
    assert_eq!(sender.calls.load(Ordering::Relaxed), 3);
}

async fn remembered(world: &World) -> Vec<(i32, i64)> {
    sqlx::query_as(
        "select version, count(*) from process_instances group by version order by version",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_replaced_version_is_retired_with_what_it_remembers_and_stays_away() {
    let (world, log, mut old, _sender, dispatcher) = at_work().await;
    for _ in 0..3 {
        say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    }
    catch_up(&mut old).await;
    let retire =
        async |version| kontor_postgres::policies::retire(&world.pool, "obedient", version).await;
    let early = retire(1).await.unwrap_err().to_string();
    assert!(early.contains("acts"), "{early}");
    let unknown = retire(7).await.unwrap_err().to_string();
    assert!(unknown.contains("has no version 7"), "{unknown}");

    let mut new = follower(&world, 2);
    catch_up(&mut new).await;
    dispatcher.step(later(1)).await.unwrap();
    assert_eq!(remembered(&world).await, [(1, 4), (2, 4)]);
    assert_eq!(retire(1).await.unwrap(), 4);
    assert_eq!(retire(1).await.unwrap(), 0, "twice changes nothing");
    assert!(retire(2).await.is_err());
    let listed = list_others(&world.pool, Some("obedient")).await.unwrap();
    let standings: Vec<&str> = listed.iter().map(|it| it.standing.as_str()).collect();
    assert_eq!(standings, ["replaced", "acts"]);

    // A process that is left over neither goes on nor begins anew, whichever came first.
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    let mut left_over = follower(&world, 1);
    for _ in 0..3 {
        assert!(!matches!(old.step().await.unwrap(), Step::Advanced { .. }));
        assert!(!matches!(left_over.step().await.unwrap(), Step::Advanced { .. }));
    }
    catch_up(&mut new).await;
    assert_eq!(remembered(&world).await, [(2, 5)]);
}

/// Steps until one comes to this; orders are looked at once a second.
async fn step_until(follower: &mut Follower, wanted: &Step) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while follower.step().await.unwrap() != *wanted {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {wanted:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_paused_policy_remembers_and_orders_nothing_until_it_is_resumed() {
    let (world, log, mut follower, _sender, _dispatcher) = at_work().await;
    assert!(pauses::pause(&world.pool, "obedient", pauses::WHOLE).await.unwrap());
    step_until(&mut follower, &Step::Paused).await;
    say(&log, Uuid::now_v7(), &json!({"send": true})).await;
    assert_eq!(follower.step().await.unwrap(), Step::Paused);
    assert_eq!(states(&world).await, named(&[]));
    assert!(pauses::resume(&world.pool, "obedient", pauses::WHOLE).await.unwrap());
    step_until(&mut follower, &Step::Idle).await;
    assert_eq!(states(&world).await, named(&[(1, "pending")]));
}
