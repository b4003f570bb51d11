use kontor_projections::{
    Cursor, CursorError, PageRequest, QueryError,
    accounts::{self, Accounts},
    readings::{self, Readings},
};

use crate::support::{Places, World, id, registered_account, submitted, tenant};

#[tokio::test]
async fn accounts_added_between_two_pages_neither_repeat_nor_hide_others() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let mut add = |from: i64, to: i64| -> Vec<_> {
        (from..to)
            .map(|n| places.record(&slug, id(&format!("{n}")), &registered_account("Олег", n)))
            .collect()
    };
    world.apply(&Accounts, &add(0, 5)).await;
    let mut request = PageRequest::first(2);
    let mut seen = Vec::new();
    for round in 0..6 {
        let page = accounts::list(&world.pool, &slug, &request).await.unwrap();
        seen.extend(page.items.iter().map(|row| row.id));
        if round == 0 {
            world.apply(&Accounts, &add(5, 7)).await;
        }
        request.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..7).map(|n| id(&format!("{n}"))).collect::<Vec<_>>());
}

#[tokio::test]
async fn readings_added_between_two_pages_do_not_shift_older_ones() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let mut add =
        |n: i64| places.record(&slug, meter, &submitted(&format!("r{n}"), &[n], "2026-11-20"));
    let page: Vec<_> = (1..=4).map(&mut add).collect();
    world.apply(&Readings, &page).await;
    let request = PageRequest::first(2);
    let newest = readings::history(&world.pool, &slug, meter, &request).await.unwrap();
    world.apply(&Readings, &[add(5)]).await;
    let request = PageRequest { after: newest.next, limit: 2 };
    let older = readings::history(&world.pool, &slug, meter, &request).await.unwrap();
    let ids: Vec<_> = newest.items.iter().chain(&older.items).map(|row| row.reading_id).collect();
    assert_eq!(ids, ["r4", "r3", "r2", "r1"].map(id));
    assert_eq!(older.next, None);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let page: Vec<_> = (0..3)
        .map(|n| places.record(&slug, id(&format!("{n}")), &registered_account("Олег", n)))
        .collect();
    world.apply(&Accounts, &page).await;
    let first = accounts::list(&world.pool, &slug, &PageRequest::first(1)).await.unwrap();
    let err = readings::history(
        &world.pool,
        &slug,
        id("meter"),
        &PageRequest { after: first.next, limit: 1 },
    )
    .await
    .unwrap_err();
    assert!(matches!(err, QueryError::Cursor(CursorError)), "{err:?}");
}

#[test]
fn a_cursor_reads_back_from_its_text_and_nothing_else_does() {
    for text in ["", "x", "not base64!", "cccc", "ÿ", &"c".repeat(5000)] {
        assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
    }
    let cursor: Cursor = "YQAAAAAAAAAq".parse().unwrap();
    assert_eq!(cursor.to_string(), "YQAAAAAAAAAq");
}

#[tokio::test]
async fn a_limit_outside_its_bounds_counts_as_the_nearest_bound() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let page: Vec<_> = (0..205)
        .map(|n| places.record(&slug, id(&format!("{n}")), &registered_account("Олег", n)))
        .collect();
    world.apply(&Accounts, &page).await;
    for (limit, length) in [(0, 1), (1, 1), (200, 200), (u32::MAX, 200)] {
        let page = accounts::list(&world.pool, &slug, &PageRequest::first(limit)).await.unwrap();
        assert_eq!(page.items.len(), length, "{limit}");
        assert!(page.next.is_some(), "{limit}");
    }
}
