//! What is left of an erased person in the read models: the same, whether they were there before or
//! are built anew from a log in which the person cannot be read any more.

use kontor_domain::{
    Recorded,
    account::{AccountEvent, Erased, ErasureGround, PhoneChanged, account_id_after},
    meter::{Archived, HolderErased, MeterEvent},
};
use kontor_projections::{
    accounts::{self, Accounts},
    meters::{self, Meters},
    readings::Readings,
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::support::{
    Places, TABLES, World, corrected, id, registered_account, registered_meter, submitted, tenant,
};

const PERSONAL: [&str; 6] =
    ["Анна Ёлкина", "+79161234567", "\"anna\"", "Кухня", "опечатка", "разбит"];

/// Anna's events up to her erasure; the third part is the erasure itself.
fn history(places: &mut Places) -> [Vec<Recorded>; 3] {
    let (slug, anna, meter) = (tenant("moscow"), id("anna"), id("meter"));
    let phone =
        AccountEvent::PhoneChanged(PhoneChanged { phone: Some("+79161234567".parse().unwrap()) });
    let first = vec![
        places.record(&slug, anna, &registered_account("Анна Ёлкина", 1001)),
        places.record(&slug, meter, &registered_meter(anna, 1)),
        places.record(&slug, meter, &submitted("r1", &[1_100_000], "2026-11-20")),
    ];
    let second = vec![
        places.record(&slug, anna, &phone),
        places.record(&slug, meter, &corrected("r1", &[1_110_000], "опечатка")),
        places.record(
            &slug,
            meter,
            &MeterEvent::Archived(Archived {
                account_id: None,
                reason: "разбит".to_owned().into(),
            }),
        ),
    ];
    let erased = AccountEvent::Erased(Erased { ground: ErasureGround::PersonAsked });
    let third = vec![
        places.record(&slug, anna, &erased),
        places.record(&slug, meter, &MeterEvent::HolderErased(HolderErased { account_id: anna })),
    ];
    [first, second, third]
}

/// The events as they read without the person's key.
fn redacted(page: &[Recorded]) -> Vec<Recorded> {
    let mut page = page.to_vec();
    for event in &mut page {
        let mut payload: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
        for field in ["display_name", "origin", "phone", "place", "reason", "photo"] {
            if payload.get(field).is_some_and(|value| !value.is_null()) {
                payload[field] = serde_json::json!({"$redacted": true});
            }
        }
        event.payload = payload.to_string();
    }
    page
}

async fn apply_all(world: &World, pages: &[Vec<Recorded>]) {
    for page in pages {
        world.apply(&Accounts, page).await;
        world.apply(&Meters, page).await;
        world.apply(&Readings, page).await;
    }
}

/// All rows of all read models as one text.
async fn text(world: &World) -> String {
    let mut text = String::new();
    for table in TABLES {
        let sql = format!("select coalesce(string_agg(t::text, ' '), '') from {table} as t");
        let rows: String =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&world.pool).await.unwrap();
        text.push_str(&rows);
    }
    text
}

#[tokio::test]
async fn an_erased_person_leaves_no_words_behind_and_a_rebuild_gives_the_same_rows() {
    let world = World::new().await;
    let pages = history(&mut Places::default());
    apply_all(&world, &pages[..2]).await;
    let before = text(&world).await;
    for word in PERSONAL {
        assert!(before.contains(word.trim_matches('"')), "{word} is looked for in vain");
    }
    apply_all(&world, &pages[2..]).await;
    let after = text(&world).await;
    for word in PERSONAL {
        assert!(!after.contains(word), "{word}: {after}");
    }
    let hash = world.hash().await;

    // From the log without her key, in pages of every size.
    let log: Vec<Recorded> = pages.iter().flat_map(|page| redacted(page)).collect();
    for size in 1..=log.len() {
        world.clear().await;
        let pages: Vec<Vec<Recorded>> = log.chunks(size).map(<[Recorded]>::to_vec).collect();
        apply_all(&world, &pages).await;
        assert_eq!(world.hash().await, hash, "in pages of {size}");
    }
    // A page that comes twice changes nothing.
    apply_all(&world, &[log]).await;
    assert_eq!(world.hash().await, hash);
}

#[tokio::test]
async fn a_meter_of_an_erased_person_is_out_of_service_and_keeps_its_figures() {
    let world = World::new().await;
    apply_all(&world, &history(&mut Places::default())).await;
    let meter = meters::find(&world.pool, &tenant("moscow"), id("meter")).await.unwrap().unwrap();
    assert_eq!((meter.place.as_str(), meter.archived.unwrap().reason.as_str()), ("", ""));
    let listed =
        meters::ids_of_account(&world.pool, &tenant("moscow"), id("anna"), 0).await.unwrap();
    assert_eq!(listed, [(id("meter"), 2)]);
    let end = meters::ids_of_account(&world.pool, &tenant("moscow"), id("anna"), 2).await.unwrap();
    assert_eq!(end, []);
}

#[tokio::test]
async fn a_person_who_comes_back_has_the_account_after_the_erased_one() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, anna) = (tenant("moscow"), id("anna"));
    let current = async || accounts::of_person(&world.pool, &slug, anna).await.unwrap();
    assert_eq!(current().await, (anna, None));
    let pages = history(&mut places);
    apply_all(&world, &pages[..2]).await;
    let (found, row) = current().await;
    assert_eq!((found, row.unwrap().id), (anna, anna));
    apply_all(&world, &pages[2..]).await;
    let second: Uuid = account_id_after(anna);
    assert_eq!(current().await, (second, None));
    // In another tenant nobody was erased.
    let elsewhere = accounts::of_person(&world.pool, &tenant("spb"), anna).await.unwrap();
    assert_eq!(elsewhere, (anna, None));
    let again = [places.record(&slug, second, &registered_account("Анна", 1001))];
    world.apply(&Accounts, &again).await;
    let (found, row) = current().await;
    assert_eq!((found, row.unwrap().id), (second, second));
}
