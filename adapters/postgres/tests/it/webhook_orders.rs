//! What an operator orders about webhooks.

use chrono::TimeDelta;
use kontor_commands::{Append, EventStore, Expected, clock};
use kontor_postgres::{
    integrators::{Channel, EventFilter, Integrator, NewIntegrator},
    webhooks::{self, Due, MoveError, Outcome, Parked, ParkedState, Place, RedeliverError, Report},
};
use uuid::Uuid;

use crate::{
    support::{World, append, fill, world},
    webhooks::{key, parked, tried, vault, webhook, written},
};

const START: Place = Place { integrator_id: Uuid::nil(), epoch: 1, position: 0, revision: 0 };

/// Takes the checkpoint of a new webhook under epoch 1.
async fn claimed(world: &World, integrator: &Integrator) -> Place {
    let claimed = webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    Place { integrator_id: integrator.id, position: claimed.position, ..START }
}

async fn pending(world: &World, integrator: &Integrator) -> Vec<i64> {
    let soon = clock::now() + TimeDelta::seconds(1);
    let due = webhooks::due(&world.pool, integrator.id, soon, 100).await.unwrap();
    due.iter().map(|due| due.position).collect()
}

#[tokio::test]
async fn what_was_given_up_is_delivered_again_when_it_is_ordered() {
    let world = world().await;
    let (log, _) = world.log();
    let integrator = webhook(&world).await;
    let stream = Uuid::now_v7();
    log.append(append(stream, Expected::NoStream, &["{}", "{}", "{}"])).await.unwrap();
    webhooks::claim(&world.pool, integrator.id, 1).await.unwrap().unwrap();
    let place = Place { integrator_id: integrator.id, epoch: 1, position: 0, revision: 0 };
    let now = clock::now();
    let given_up = Parked { state: ParkedState::Failed, ..parked(1, stream, now) };
    let report = Report { moved_to: Some(3), parked: vec![given_up], ..Report::default() };
    written(&world, place, &report).await;
    let due = || webhooks::due(&world.pool, integrator.id, now, 10);
    assert!(due().await.unwrap().is_empty());
    assert_eq!(webhooks::redeliver_failed(&world.pool, integrator.id, now).await.unwrap(), 1);
    assert_eq!(due().await.unwrap(), [Due { position: 1, attempts: 0 }]);

    let ahead = webhooks::redeliver_from(&world.pool, integrator.id, 4).await.unwrap_err();
    assert!(matches!(ahead, MoveError::Ahead { position: 3 }), "{ahead:?}");
    webhooks::redeliver_from(&world.pool, integrator.id, 2).await.unwrap();
    let found = webhooks::find(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert_eq!((found.position, found.pending), (1, 1));
    let late = Place { position: 3, ..place };
    let late = webhooks::record(&world.pool, late, &Report::default(), now).await.unwrap();
    assert_eq!(late, Outcome::Fenced, "whoever delivers must look where it is now");
}

#[tokio::test]
async fn one_event_is_delivered_again_before_what_waits_of_its_stream() {
    let world = world().await;
    let (log, _) = world.log();
    let integrator = webhook(&world).await;
    let stream = Uuid::now_v7();
    log.append(append(stream, Expected::NoStream, &["{}", "{}", "{}"])).await.unwrap();
    let place = claimed(&world, &integrator).await;
    let now = clock::now();
    let given_up = Parked { state: ParkedState::Failed, ..parked(2, stream, now) };
    let report = Report {
        moved_to: Some(3),
        parked: vec![given_up, parked(3, stream, now)],
        ..Report::default()
    };
    written(&world, place, &report).await;
    let again = |position| webhooks::redeliver_event(&world.pool, &integrator, position, now);
    again(1).await.unwrap();
    assert_eq!(pending(&world, &integrator).await, [1]);
    again(2).await.unwrap();
    again(1).await.unwrap();
    let found = webhooks::find(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert_eq!((found.pending, found.failed, found.position), (3, 0, 3));
    let due = webhooks::due(&world.pool, integrator.id, now, 10).await.unwrap();
    assert_eq!(due, [Due { position: 1, attempts: 0 }], "the others wait behind it");
}

#[tokio::test]
async fn an_event_that_is_not_of_the_webhook_is_not_delivered_again() {
    let world = world().await;
    let (log, _) = world.log();
    // The first event stands before the webhook, the last one behind its checkpoint.
    fill(&log, 1).await;
    let new = NewIntegrator {
        name: "billing".parse().unwrap(),
        tenant: Some(append(Uuid::nil(), Expected::NoStream, &[]).tenant),
        events: EventFilter::new(&["meter.reading_submitted".to_owned()]).unwrap(),
        channel: Channel::Webhook,
    };
    let vault = vault(&world.pool, &key());
    let (integrator, _) =
        webhooks::add(&world.pool, &vault, (new, "https://a.example.org/")).await.unwrap();
    let foreign = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    log.append(Append { tenant: "other".parse().unwrap(), ..foreign }).await.unwrap();
    let mut unwanted = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    unwanted.events[0].event_type = "meter.registered";
    log.append(unwanted).await.unwrap();
    fill(&log, 2).await;
    let place = claimed(&world, &integrator).await;
    written(&world, place, &Report { moved_to: Some(4), ..Report::default() }).await;

    let again =
        |position| webhooks::redeliver_event(&world.pool, &integrator, position, clock::now());
    let said = |refused: RedeliverError| refused.to_string();
    assert!(said(again(2).await.unwrap_err()).contains("another tenant's"));
    assert!(said(again(3).await.unwrap_err()).contains("filter"));
    assert!(said(again(1).await.unwrap_err()).contains("replay billing --from-position 1"));
    let ahead = again(5).await.unwrap_err();
    assert!(matches!(ahead, RedeliverError::Ahead { position: 5, reached: 4 }), "{ahead:?}");
    for nothing in [6, 0, -1, i64::MAX] {
        let refused = again(nothing).await.unwrap_err();
        assert!(matches!(refused, RedeliverError::NoEvent(_)), "{nothing}: {refused:?}");
    }
    assert!(pending(&world, &integrator).await.is_empty());
    again(4).await.unwrap();
    assert_eq!(pending(&world, &integrator).await, [4]);
    // Whoever lets it begin earlier may order what stands there.
    webhooks::redeliver_from(&world.pool, integrator.id, 1).await.unwrap();
    let place = Place { position: 0, ..place };
    written(&world, place, &Report { moved_to: Some(4), ..Report::default() }).await;
    again(1).await.unwrap();
    kontor_postgres::integrators::revoke(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert!(matches!(again(1).await.unwrap_err(), RedeliverError::NotFound));
}

#[tokio::test]
async fn a_webhook_that_moves_begins_anew_there_and_no_late_answer_disables_it() {
    let world = world().await;
    let (log, _) = world.log();
    let integrator = webhook(&world).await;
    fill(&log, 1).await;
    let place = claimed(&world, &integrator).await;
    let now = clock::now();
    let report = Report {
        moved_to: Some(1),
        parked: vec![parked(1, Uuid::now_v7(), now + TimeDelta::hours(9))],
        tried: vec![tried(1, Some("answered 503"), now)],
        wait_until: Some(now + TimeDelta::hours(1)),
        ..Report::default()
    };
    let place = Place { position: written(&world, place, &report).await.position, ..place };
    let to = |url| webhooks::move_to(&world.pool, (integrator.id, url), now);
    assert_eq!(to("https://new.example.org/").await.unwrap(), Some(false));
    let found = webhooks::find(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert_eq!(found.url, "https://new.example.org/");
    assert_eq!((found.failing_since, found.wait_until, found.pending), (None, None, 1));
    assert_eq!(pending(&world, &integrator).await, [1]);
    // An answer of the old address that was under way.
    let late = Report {
        tried: vec![tried(1, Some("answered 410"), now)],
        disable: Some("it answered 410"),
        ..Report::default()
    };
    written(&world, place, &late).await;
    let found = webhooks::find(&world.pool, &integrator.name).await.unwrap().unwrap();
    assert_eq!(found.disabled_at, None);
    webhooks::disable(&world.pool, integrator.id, "an operator disabled it", now).await.unwrap();
    assert_eq!(to("https://newer.example.org/").await.unwrap(), Some(true));
    assert!(webhooks::jobs(&world.pool).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_pauses_that_are_asked_for_the_later_one_holds() {
    let world = world().await;
    let integrator = webhook(&world).await;
    let place = claimed(&world, &integrator).await;
    let now = clock::now();
    let pause = |minutes| Report {
        wait_until: Some(now + TimeDelta::minutes(minutes)),
        ..Report::default()
    };
    let until = |minutes| Some(now + TimeDelta::minutes(minutes));
    assert_eq!(written(&world, place, &pause(10)).await.wait_until, until(10));
    assert_eq!(written(&world, place, &pause(5)).await.wait_until, until(10));
    assert_eq!(written(&world, place, &Report::default()).await.wait_until, until(10));
    assert_eq!(written(&world, place, &pause(20)).await.wait_until, until(20));
    let later = now + TimeDelta::minutes(21);
    let after = webhooks::record(&world.pool, place, &Report::default(), later).await.unwrap();
    assert!(matches!(after, Outcome::Written(claimed) if claimed.wait_until.is_none()));
}
