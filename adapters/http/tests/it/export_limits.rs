//! What bounds the tables for spreadsheets, and what their readers are told.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    http::Request,
    response::Response,
};
use kontor_http::{ApiSettings, ExportLimits};
use tower::ServiceExt;

use crate::{
    operations::{page, record, session},
    support::{World, settings},
};

const LETTERS: &str = "/admin/operations/dead-letters.csv";
/// Far above what giving a place back takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn world(exports: ExportLimits) -> (World, String) {
    let world = World::with(ApiSettings { exports, ..settings() }).await;
    let cookie = session(&world, &world.admin).await;
    (world, cookie)
}

/// An answer whose table nobody has read yet.
async fn begin(world: &World, cookie: &str) -> Response {
    let response = ask(world, cookie).await;
    assert_eq!(response.status(), 200);
    response
}

async fn ask(world: &World, cookie: &str) -> Response {
    let request = Request::get(LETTERS).header("cookie", cookie).body(Body::empty()).unwrap();
    world.app.clone().oneshot(request).await.unwrap()
}

/// The answer of a table as soon as there is a place for it: places are given back in a moment.
async fn begin_later(world: &World, cookie: &str) -> Response {
    let started = Instant::now();
    loop {
        let response = ask(world, cookie).await;
        if response.status() == 200 {
            return response;
        }
        assert!(started.elapsed() < PATIENCE, "no place was given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until there is a place for one more table.
async fn has_place(world: &World, cookie: &str) {
    drop(begin_later(world, cookie).await);
}

#[test]
fn a_table_has_a_hundred_thousand_rows_two_minutes_and_three_beside_it() {
    let expected =
        ExportLimits { rows_max: 100_000, lasts: Duration::from_secs(120), at_once_max: 4 };
    assert_eq!(ApiSettings::default().exports, expected);
}

#[tokio::test]
async fn a_table_that_is_too_long_says_in_its_last_row_that_it_was_cut() {
    let limits = ExportLimits { rows_max: 3, ..ExportLimits::default() };
    let (world, cookie) = world(limits).await;
    for letter in 1..=3 {
        record(&world, b"nonsense", &format!("reason {letter}")).await;
    }
    let whole = page(&world, &cookie, LETTERS).await.text;
    assert_eq!(whole.lines().count(), 4, "{whole}");
    assert!(!whole.contains("cut here"), "as many rows as there may be are all: {whole}");

    for letter in 4..=5 {
        record(&world, b"nonsense", &format!("reason {letter}")).await;
    }
    let cut = page(&world, &cookie, LETTERS).await.text;
    let lines: Vec<&str> = cut.lines().collect();
    assert_eq!(lines.len(), 5, "{cut}");
    assert!(lines[3].contains("reason 3"), "{cut}");
    assert_eq!(lines[4], "\"cut here: there are more rows, narrow the filters\"");
}

#[tokio::test]
async fn one_table_too_many_is_asked_to_come_again_and_finds_a_place_later() {
    let limits = ExportLimits { at_once_max: 2, ..ExportLimits::default() };
    let (world, cookie) = world(limits).await;
    let (first, second) = (begin(&world, &cookie).await, begin(&world, &cookie).await);
    let third = page(&world, &cookie, LETTERS).await;
    assert_eq!((third.status.as_u16(), third.header("retry-after")), (503, "1"));
    assert!(third.text.contains("several exports are under way; try again soon"), "{}", third.text);
    let stranger = session(&world, &world.stranger).await;
    assert_eq!(page(&world, &stranger, LETTERS).await.status, 503, "the places are of the process");
    assert_eq!(page(&world, &cookie, "/admin/operations/dead-letters").await.status, 200);

    // One is read to its end, the other reader goes away.
    to_bytes(first.into_body(), 1_000_000).await.unwrap();
    has_place(&world, &cookie).await;
    drop(second);
    let again = begin_later(&world, &cookie).await;
    has_place(&world, &cookie).await;
    drop(again);
}

#[tokio::test]
async fn a_table_that_takes_too_long_breaks_off_and_its_place_is_free_without_being_read() {
    let lasts = Duration::from_millis(300);
    let (world, cookie) = world(ExportLimits { lasts, at_once_max: 1, ..Default::default() }).await;
    record(&world, b"nonsense", "reason 1").await;
    // This reader takes nothing at all.
    let slow = begin(&world, &cookie).await;
    has_place(&world, &cookie).await;
    let broken = to_bytes(slow.into_body(), 1_000_000).await.unwrap_err();
    let mut said = broken.to_string();
    let mut source = broken.source();
    while let Some(inner) = source {
        said = format!("{said}: {inner}");
        source = inner.source();
    }
    assert!(said.contains("the export took too long"), "{said}");
}
