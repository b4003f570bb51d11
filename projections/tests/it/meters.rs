use kontor_domain::meter::{Archived, MeterEvent, VerificationRenewed};
use kontor_projections::{
    PageRequest,
    meters::{self, Archival, MeterFilter, Meters},
};

use crate::support::{
    Places, World, corrected, day, id, registered_meter, submitted, tenant, zones,
};

fn archived(reason: &str) -> MeterEvent {
    MeterEvent::Archived(Archived { account_id: None, reason: reason.to_owned().into() })
}

#[tokio::test]
async fn a_meter_shows_its_registration_until_the_first_reading() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let page = [places.record(&slug, id("meter"), &registered_meter(id("account"), 2))];
    world.apply(&Meters, &page).await;

    let row = meters::find(&world.pool, &slug, id("meter")).await.unwrap().unwrap();
    assert_eq!(row.account_id, id("account"));
    assert_eq!((row.zones, row.digits), (2, 6));
    assert_eq!(row.serial_number, "№ 0012-АБ");
    assert_eq!(row.place, "Кухня, у окна");
    assert_eq!(row.verification_due_on, Some(day("2030-01-31")));
    assert_eq!(row.registered_on, day("2026-01-10"));
    assert_eq!(row.last_values, zones(&[1_000_000, 500_000]));
    assert_eq!((row.last_taken_on, row.last_reading_id, row.archived), (None, None, None));
}

#[tokio::test]
async fn a_meter_shows_its_last_reading_corrections_verification_and_archival() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let first = [
        places.record(&slug, meter, &registered_meter(id("account"), 1)),
        places.record(&slug, meter, &submitted("r1", &[1_087_500], "2026-10-20")),
    ];
    world.apply(&Meters, &first).await;
    let due_on = day("2036-05-01");
    let second = [
        submitted("r2", &[1_175_000], "2026-11-20"),
        corrected("r2", &[1_170_000], "опечатка"),
        MeterEvent::VerificationRenewed(VerificationRenewed { verification_due_on: due_on }),
        archived("заменён"),
    ]
    .map(|fact| places.record(&slug, meter, &fact));
    world.apply(&Meters, &second).await;

    let row = meters::find(&world.pool, &slug, meter).await.unwrap().unwrap();
    assert_eq!(row.last_values, zones(&[1_170_000]));
    assert_eq!(row.last_taken_on, Some(day("2026-11-20")));
    assert_eq!(row.last_reading_id, Some(id("r2")));
    assert_eq!(row.verification_due_on, Some(due_on));
    let archival = Archival { at: second[3].occurred_at, reason: "заменён".to_owned() };
    assert_eq!(row.archived, Some(archival));
    assert_eq!((row.created_position, row.position, row.version), (1, 6, 6));
}

#[tokio::test]
async fn meters_are_listed_by_account_and_service() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let (anna, oleg) = (id("anna"), id("oleg"));
    let mut page: Vec<_> = [("m1", anna), ("m2", oleg), ("m3", anna)]
        .map(|(meter, account)| places.record(&slug, id(meter), &registered_meter(account, 1)))
        .into();
    page.push(places.record(&slug, id("m1"), &archived("")));
    page.push(places.record(&tenant("other"), id("m4"), &registered_meter(anna, 1)));
    world.apply(&Meters, &page).await;

    let of_anna = meters::of_account(&world.pool, &slug, anna).await.unwrap();
    let ids: Vec<_> = of_anna.iter().map(|row| row.id).collect();
    assert_eq!(ids, [id("m1"), id("m3")]);

    let all = PageRequest::default();
    for (account_id, archived, expected) in [
        (None, None, vec!["m1", "m2", "m3"]),
        (Some(anna), None, vec!["m1", "m3"]),
        (Some(anna), Some(false), vec!["m3"]),
        (None, Some(true), vec!["m1"]),
        (Some(id("nobody")), None, vec![]),
    ] {
        let filter = MeterFilter { account_id, archived };
        let listed = meters::list(&world.pool, &slug, &filter, &all).await.unwrap();
        let ids: Vec<_> = listed.items.iter().map(|row| row.id).collect();
        assert_eq!(ids, expected.into_iter().map(id).collect::<Vec<_>>(), "{filter:?}");
    }
    assert_eq!(meters::find(&world.pool, &slug, id("m4")).await.unwrap(), None);
}
