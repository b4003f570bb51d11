//! The event log as the router uses it.

use kontor_commands::{Accepted, Append, AppendOutcome, EventStore, Expected, Outcome};
use kontor_domain::RefusalDocument;
use kontor_postgres::{AppenderSettings, limits};
use uuid::Uuid;

use crate::support::{append, causes, demo, event, fill, world};

fn refusal() -> RefusalDocument {
    RefusalDocument::new("too_low", "the reading is 'too low': \"10\" < 12").with("last", 12)
}

#[tokio::test]
async fn each_expectation_is_held_against_the_stream() {
    let world = world().await;
    let (log, _) = world.log();
    // (expectation, outcome on an empty stream, outcome on a stream of two events)
    let cases = [
        (Expected::NoStream, true, false),
        (Expected::Exact(0), true, false),
        (Expected::Exact(1), false, false),
        (Expected::Exact(2), false, true),
        (Expected::Exact(3), false, false),
        (Expected::Exact(i64::MAX), false, false),
        (Expected::StreamExists, false, true),
        (Expected::Any, true, true),
    ];
    for (expected, on_empty, on_two) in cases {
        let stream = Uuid::now_v7();
        let outcome = log.append(append(stream, expected, &["{}"])).await.unwrap();
        assert_eq!(brief(&outcome), (on_empty, i64::from(on_empty)), "{expected:?} on nothing");

        let stream = Uuid::now_v7();
        log.append(append(stream, Expected::NoStream, &["1", "2"])).await.unwrap();
        let outcome = log.append(append(stream, expected, &["3"])).await.unwrap();
        assert_eq!(brief(&outcome), (on_two, 2 + i64::from(on_two)), "{expected:?} on two events");
    }
}

/// Whether the append was carried out, and the stream's version.
fn brief(outcome: &AppendOutcome) -> (bool, i64) {
    match outcome {
        AppendOutcome::Appended { version, .. } => (true, *version),
        AppendOutcome::Conflict { version } => (false, *version),
        AppendOutcome::Duplicate(receipt) => panic!("a fresh command has a receipt: {receipt:?}"),
    }
}

#[tokio::test]
async fn refusals_and_empty_acceptances_are_guarded_by_the_version_as_well() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = fill(&log, 1).await[0];
    let empty = append(stream, Expected::NoStream, &[]);
    let refused = Append { refusal: Some(refusal()), ..empty.clone() };
    for stale in [empty, refused] {
        let outcome = log.append(stale.clone()).await.unwrap();
        assert_eq!(outcome, AppendOutcome::Conflict { version: 1 });
        assert_eq!(log.receipt(&demo(), stale.command_id).await.unwrap(), None);

        let current = Append { expected: Expected::Exact(1), ..stale };
        let outcome = log.append(current).await.unwrap();
        assert_eq!(
            outcome,
            AppendOutcome::Appended { version: 1, first_position: None, last_position: None }
        );
        sqlx::query("delete from receipts").execute(&world.pool).await.unwrap();
    }
}

#[tokio::test]
async fn the_same_command_again_returns_the_stored_receipt() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    let accepted = append(stream, Expected::NoStream, &["{\"a\":1}", "{\"a\":2}"]);
    let nothing = append(stream, Expected::Exact(2), &[]);
    let refused = Append { refusal: Some(refusal()), ..append(stream, Expected::Exact(2), &[]) };
    let position = |at| Some(at);
    let expected = [
        Outcome::Accepted(Accepted {
            id: stream,
            version: 2,
            first_position: position(1),
            last_position: position(2),
        }),
        Outcome::Accepted(Accepted {
            id: stream,
            version: 2,
            first_position: None,
            last_position: None,
        }),
        Outcome::Refused { refusal: refusal() },
    ];
    for (first, outcome) in [accepted, nothing, refused].into_iter().zip(expected) {
        log.append(first.clone()).await.unwrap();
        // The retry may carry another fingerprint, expectation and stream: the receipt decides, and
        // its fingerprint tells the caller that the id was reused.
        let reused = Append {
            fingerprint: [7; 16],
            expected: Expected::Exact(99),
            stream_id: Uuid::now_v7(),
            ..first.clone()
        };
        for again in [first.clone(), reused] {
            let AppendOutcome::Duplicate(receipt) = log.append(again).await.unwrap() else {
                panic!("not recognised");
            };
            assert_eq!(receipt.fingerprint, first.fingerprint);
            assert_eq!(receipt.stream_id, stream);
            assert_eq!(receipt.stream_type, "meter");
            assert_eq!(receipt.outcome, outcome);
            assert_eq!(log.receipt(&demo(), first.command_id).await.unwrap(), Some(receipt));
        }
    }
    assert_eq!(world.count("select count(*) from events").await, 2);
}

#[tokio::test]
async fn a_command_id_belongs_to_its_tenant() {
    let world = world().await;
    let (log, _) = world.log();
    let first = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    let other =
        Append { tenant: "other".parse().unwrap(), stream_id: Uuid::now_v7(), ..first.clone() };
    let (first, other) = tokio::join!(log.append(first), log.append(other));
    assert!(matches!(first.unwrap(), AppendOutcome::Appended { .. }));
    assert!(matches!(other.unwrap(), AppendOutcome::Appended { .. }));
}

#[tokio::test]
async fn a_stream_is_closed_to_another_tenant_and_another_aggregate() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = fill(&log, 1).await[0];
    let own = append(stream, Expected::Any, &["{}"]);
    let foreign = Append { tenant: "other".parse().unwrap(), ..own.clone() };
    let confused = Append { stream_type: "account", ..own };
    for intruder in [foreign, confused] {
        assert_eq!(log.append(intruder).await.unwrap(), AppendOutcome::Conflict { version: 1 });
    }
    assert_eq!(log.load(&"other".parse().unwrap(), stream, 0).await.unwrap().events, []);
}

#[tokio::test]
async fn hostile_texts_and_extreme_ids_come_back_as_they_went_in() {
    let world = world().await;
    let (log, _) = world.log();
    let payloads = [
        r#"{"text": "'; drop table events; --"}"#,
        r#"{"text": "{\"},NULL,\\\\"}"#,
        "\"Ж😀\u{202e}\u{7f}\\t\"",
        r#""\\u0000""#,
        "[]",
        "null",
        "-0.000000000000000000000000000000000000000000000001",
    ];
    for stream in [Uuid::nil(), Uuid::max()] {
        let mut wanted = append(stream, Expected::NoStream, &payloads);
        wanted.metadata.trace = Some("00-'\"\\{},NULL-😀".to_owned());
        wanted.metadata.causation_id = Some(Uuid::max());
        assert!(matches!(
            log.append(wanted.clone()).await.unwrap(),
            AppendOutcome::Appended { version: 7, .. }
        ));
        let found = log.load(&demo(), stream, 0).await.unwrap().events;
        assert_eq!(found.len(), wanted.events.len());
        for (version, (found, wanted_event)) in (1_i64..).zip(found.iter().zip(&wanted.events)) {
            assert_eq!(found.version, version);
            assert_eq!(found.event_id, wanted_event.event_id);
            assert_eq!(found.payload, wanted_event.payload);
            assert_eq!(found.metadata, wanted.metadata);
            assert_eq!(found.occurred_at, wanted.occurred_at);
            assert_eq!((found.tenant.as_str(), found.stream_type.as_str()), ("demo", "meter"));
        }
        assert_eq!(log.load(&demo(), stream, 6).await.unwrap().events.len(), 1);
    }
}

#[tokio::test]
async fn what_the_log_cannot_keep_is_refused_alone_and_says_why() {
    let world = world().await;
    let (log, _) = world.log();
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    let half = format!("\"{}\"", "x".repeat(limits::PAYLOAD_SIZE_MAX - 2));
    let many = vec!["{}"; limits::APPEND_EVENTS_MAX + 1];
    let stream = Uuid::now_v7;
    let refused = Append { refusal: Some(refusal()), ..append(stream(), Expected::Any, &["{}"]) };
    let cases = [
        (append(stream(), Expected::Any, &[&large]), "the payload of an event has 1048578 bytes"),
        (append(stream(), Expected::Any, &[half.as_str(); 5]), "the append has 13"),
        (append(stream(), Expected::Any, &many), "the append has 1001 events"),
        (append(stream(), Expected::Any, &[r#""a\u0000b""#]), "the character U+0000"),
        (append(stream(), Expected::Exact(-1), &["{}"]), "a stream cannot have version -1"),
        (refused, "a refused command cannot have events"),
        (append(stream(), Expected::Any, &["{not json"]), "refused the append's data"),
        (append(stream(), Expected::Any, &["1e999999"]), "refused the append's data"),
        (append(stream(), Expected::Any, &[r#""\ud800""#]), "refused the append's data"),
    ];
    // All at once, between sound ones, so that they share batches.
    let held = world.hold_append_lock().await;
    let mut tasks = Vec::new();
    for (bad, message) in cases {
        let (log, good_log) = (log.clone(), log.clone());
        tasks.push(tokio::spawn(async move {
            let good = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
            let (good, bad) = tokio::join!(good_log.append(good), log.append(bad));
            assert!(matches!(good.unwrap(), AppendOutcome::Appended { .. }));
            let bad = causes(&bad.unwrap_err());
            assert!(bad.contains(message), "{bad}");
            assert!(!bad.contains("not json"), "the data is quoted: {bad}");
        }));
    }
    world.until_appends_wait(1).await;
    held.free().await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.count("select count(*) from events").await, 9);
    assert_eq!(world.count("select max(position) from events").await, 9);
}

#[tokio::test]
async fn the_head_follows_the_log() {
    let world = world().await;
    let (log, mut head) = world.log();
    fill(&log, 3).await;
    assert_eq!(*head.wait_for(|head| *head >= 3).await.unwrap(), 3);
    assert_eq!(log.reader().head().await.unwrap(), 3);
}

#[tokio::test]
async fn appends_of_one_stream_keep_the_order_of_their_calls() {
    let world = world().await;
    let (log, _) = world.log_with(AppenderSettings { batch_max: 3, ..AppenderSettings::default() });
    let (stream, other) = (Uuid::now_v7(), Uuid::now_v7());
    let payloads: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let appends = payloads.iter().flat_map(|payload| {
        [stream, other].map(|stream| log.append(append(stream, Expected::Any, &[payload.as_str()])))
    });
    let outcomes = futures::future::join_all(appends).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(AppendOutcome::Appended { .. }))));
    for stream in [stream, other] {
        let found = log.load(&demo(), stream, 0).await.unwrap().events;
        let found: Vec<String> = found.into_iter().map(|event| event.payload).collect();
        assert_eq!(found, payloads);
    }
}

/// After, limit, wanted types; positions, last position, full.
type PageCase = (i64, u32, &'static [&'static str], &'static [i64], Option<i64>, bool);

#[tokio::test]
async fn a_page_holds_the_wanted_types_and_ends_at_a_row_that_exists() {
    let world = world().await;
    let (log, _) = world.log();
    let reader = log.reader();
    assert_eq!(reader.page(0, 10, &[]).await.unwrap().last_position, None);

    let stream = Uuid::now_v7();
    for number in 0..9 {
        let mut next = append(stream, Expected::Any, &[]);
        let event_type =
            if number % 3 == 0 { "meter.registered" } else { "meter.reading_submitted" };
        next.events = vec![kontor_commands::NewEvent { event_type, ..event("{}") }];
        log.append(next).await.unwrap();
    }
    let positions = |page: &kontor_postgres::Page| -> Vec<i64> {
        page.events.iter().map(|event| event.position).collect()
    };
    let registered: &'static [&'static str] = &["meter.registered"];
    let cases: [PageCase; 6] = [
        (0, 5, registered, &[1, 4], Some(5), true),
        (5, 5, registered, &[7], Some(9), false),
        (7, 5, registered, &[], Some(9), false),
        (9, 5, registered, &[], None, false),
        (0, 4, &[], &[1, 2, 3, 4], Some(4), true),
        (0, 100, &["meter.unknown"], &[], Some(9), false),
    ];
    for (after, limit, types, wanted, last, full) in cases {
        let page = reader.page(after, limit, types).await.unwrap();
        assert_eq!(positions(&page), wanted, "after {after}");
        assert_eq!((page.last_position, page.full), (last, full), "after {after}");
    }
    assert_eq!(reader.event(4).await.unwrap().unwrap().event_type, "meter.registered");
    assert_eq!(reader.event(10).await.unwrap(), None);
}
