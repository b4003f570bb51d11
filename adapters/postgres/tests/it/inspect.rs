//! Events and conversations are found without an index, and with one.

use kontor_commands::{Append, EventStore, Expected};
use kontor_domain::Recorded;
use kontor_postgres::{
    EventReader,
    inspect::{self, Scope, index},
};
use uuid::Uuid;

use crate::support::{World, append, demo, fill, world};

const NEAR: Scope = Scope::Near { positions: 1_000 };

async fn event_at(world: &World, position: i64) -> Recorded {
    EventReader::new(world.pool.clone()).event(position).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_event_is_found_by_its_id_wherever_it_stands() {
    let world = world().await;
    let (log, _) = world.log();
    fill(&log, 50).await;
    for position in [1, 25, 50] {
        let event = event_at(&world, position).await;
        for scope in [NEAR, Scope::Whole] {
            let found = inspect::event(&world.pool, event.event_id, scope).await.unwrap();
            assert_eq!(found.as_ref(), Some(&event), "{position} {scope:?}");
            let command = event.metadata.command_id;
            let found = inspect::events_of_command(&world.pool, command, scope).await.unwrap();
            assert_eq!(found, std::slice::from_ref(&event));
        }
    }
    // A derived id tells no time; an old one tells another time.
    let derived = Uuid::new_v5(&Uuid::nil(), b"x");
    let old = "0177b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10".parse().unwrap();
    for unknown in [derived, old, Uuid::nil(), Uuid::max()] {
        assert_eq!(inspect::event(&world.pool, unknown, NEAR).await.unwrap(), None);
        assert_eq!(inspect::event(&world.pool, unknown, Scope::Whole).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_empty_log_is_searched_in_vain() {
    let world = world().await;
    for scope in [NEAR, Scope::Whole] {
        assert_eq!(inspect::event(&world.pool, Uuid::now_v7(), scope).await.unwrap(), None);
    }
    assert!(inspect::receipts(&world.pool, Uuid::now_v7()).await.unwrap().is_empty());
    assert!(inspect::stream(&world.pool, Uuid::nil(), 0, 10).await.unwrap().is_empty());
}

/// A conversation at positions 1, 12 and 23, among others.
async fn conversation() -> (World, Uuid) {
    let world = world().await;
    let (log, _) = world.log();
    let first = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    let id = first.command_id;
    log.append(first).await.unwrap();
    for _ in 0..2 {
        fill(&log, 10).await;
        let mut next: Append = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
        next.metadata.correlation_id = id;
        log.append(next).await.unwrap();
    }
    (world, id)
}

fn positions(found: &inspect::Conversation) -> Vec<i64> {
    found.events.iter().map(|event| event.position).collect()
}

#[tokio::test]
async fn a_conversation_is_found_whole_from_any_of_its_events() {
    let (world, _) = conversation().await;
    for position in [1, 12, 23] {
        let member = event_at(&world, position).await;
        let found = inspect::conversation(&world.pool, &member, NEAR).await.unwrap();
        assert_eq!(positions(&found), [1, 12, 23], "from {position}");
        assert_eq!((found.searched.from, found.searched.to, found.cut), (1, 23, false));
    }
}

#[tokio::test]
async fn a_short_search_ends_behind_the_last_find_and_says_where() {
    let (world, _) = conversation().await;
    let member = event_at(&world, 1).await;
    let scope = Scope::Near { positions: 5 };
    let found = inspect::conversation(&world.pool, &member, scope).await.unwrap();
    assert_eq!(positions(&found), [1]);
    assert_eq!((found.searched.to, found.searched.complete), (6, false));
    // Each find lets the search go on.
    let scope = Scope::Near { positions: 11 };
    let found = inspect::conversation(&world.pool, &member, scope).await.unwrap();
    assert_eq!(positions(&found), [1, 12, 23]);
    let whole = inspect::conversation(&world.pool, &member, Scope::Whole).await.unwrap();
    assert!(whole.searched.complete && positions(&whole) == [1, 12, 23]);
}

#[tokio::test]
async fn the_index_is_built_beside_writers_used_and_dropped() {
    let (world, _) = conversation().await;
    let (log, _) = world.log();
    assert_eq!(index::state(&world.pool).await.unwrap(), index::State::Missing);
    let writer = tokio::spawn(async move { fill(&log, 200).await });
    index::build(&world.pool).await.unwrap();
    index::build(&world.pool).await.unwrap();
    writer.await.unwrap();
    assert_eq!(index::state(&world.pool).await.unwrap(), index::State::Ready);
    let member = event_at(&world, 23).await;
    let scope = Scope::Near { positions: 1 };
    let found = inspect::conversation(&world.pool, &member, scope).await.unwrap();
    assert!(found.searched.complete && positions(&found) == [1, 12, 23]);
    index::drop_index(&world.pool).await.unwrap();
    assert_eq!(index::state(&world.pool).await.unwrap(), index::State::Missing);
}

#[tokio::test]
async fn a_long_conversation_is_cut_and_says_so() {
    let (world, id) = conversation().await;
    let (log, _) = world.log();
    let mut many = append(Uuid::now_v7(), Expected::NoStream, &vec!["{}"; 1_000]);
    many.metadata.correlation_id = id;
    log.append(many).await.unwrap();
    let member = event_at(&world, 1).await;
    for scope in [NEAR, Scope::Whole] {
        let found = inspect::conversation(&world.pool, &member, scope).await.unwrap();
        assert_eq!((found.events.len(), found.cut), (1_000, true));
    }
}

#[tokio::test]
async fn the_receipts_of_a_command_id_come_with_their_tenants() {
    let world = world().await;
    let (log, _) = world.log();
    let first = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    let other =
        Append { tenant: "other".parse().unwrap(), stream_id: Uuid::now_v7(), ..first.clone() };
    let id = first.command_id;
    log.append(first).await.unwrap();
    log.append(other).await.unwrap();
    let found = inspect::receipts(&world.pool, id).await.unwrap();
    let tenants: Vec<&str> = found.iter().map(|(tenant, _)| tenant.as_str()).collect();
    assert_eq!(tenants, [demo().as_str(), "other"]);
}

#[tokio::test]
async fn a_stream_is_read_in_pages() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    log.append(append(stream, Expected::NoStream, &["{}"; 5])).await.unwrap();
    let versions =
        |events: &[Recorded]| -> Vec<i64> { events.iter().map(|event| event.version).collect() };
    let page = inspect::stream(&world.pool, stream, 0, 2).await.unwrap();
    assert_eq!(versions(&page), [1, 2]);
    let page = inspect::stream(&world.pool, stream, 2, 100).await.unwrap();
    assert_eq!(versions(&page), [3, 4, 5]);
}
