use chrono::Datelike;
use kontor_domain::{
    Quantity,
    meter::{MeterEvent, PhotoReference, ReadingSource, ReadingWarning, Zone},
};
use kontor_projections::{
    ApplyError, PageRequest, Projection,
    readings::{self, Readings},
};

use crate::support::{Places, World, corrected, day, id, submitted, tenant, zones};

#[tokio::test]
async fn a_history_shows_readings_newest_first_with_consumption() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let page = [
        submitted("r1", &[1_087_500, 567_000, 3], "2026-09-20"),
        submitted("r2", &[1_175_000, 600_000, 4], "2026-10-20"),
    ]
    .map(|fact| places.record(&slug, meter, &fact));
    world.apply(&Readings, &page).await;

    let history =
        readings::history(&world.pool, &slug, meter, &PageRequest::default()).await.unwrap();
    let ids: Vec<_> = history.items.iter().map(|row| row.reading_id).collect();
    assert_eq!(ids, [id("r2"), id("r1")]);
    let row = &history.items[0];
    assert_eq!(row.values, zones(&[1_175_000, 600_000, 4]));
    assert_eq!(row.consumption, zones(&[87_500, 87_500, 87_500]));
    assert_eq!(row.consumption_total(), Quantity(262_500));
    assert_eq!(row.usual, Some(Quantity(90_000)));
    assert_eq!((row.taken_on, row.period), (day("2026-10-20"), day("2026-10-01")));
    assert_eq!((row.version, row.position), (2, 2));
    assert_eq!(row.source, ReadingSource::Telegram);
    assert_eq!(row.submitted_at, page[1].occurred_at);
    assert_eq!((row.corrections, row.corrected.clone()), (0, None));
    let elsewhere = tenant("elsewhere");
    let other =
        readings::history(&world.pool, &elsewhere, meter, &PageRequest::default()).await.unwrap();
    assert!(other.items.is_empty());
}

#[tokio::test]
async fn a_correction_replaces_values_and_counts_in_the_same_page_and_in_later_ones() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let first = [
        submitted("r1", &[1_087_500], "2026-11-20"),
        corrected("r1", &[1_078_500], "перепутал цифры"),
    ]
    .map(|fact| places.record(&slug, meter, &fact));
    world.apply(&Readings, &first).await;
    let second = [
        corrected("r1", &[1_078_000], "ещё раз, \"точно\", {да}"),
        corrected("r1", &[1_077_000], "и ещё"),
    ]
    .map(|fact| places.record(&slug, meter, &fact));
    world.apply(&Readings, &second).await;

    let row = readings::find(&world.pool, &slug, meter, id("r1")).await.unwrap().unwrap();
    assert_eq!(row.values, zones(&[1_077_000]));
    assert_eq!(row.consumption, zones(&[12_345]));
    assert_eq!(row.usual, None);
    assert_eq!(row.source, ReadingSource::Operator);
    assert!(row.confirmed);
    assert_eq!(row.rolled_over, [Zone::T1]);
    assert_eq!(row.warnings, [ReadingWarning::RolledOver, ReadingWarning::Unusual]);
    assert_eq!(row.corrections, 3);
    let correction = row.corrected.unwrap();
    assert_eq!((correction.reason.as_str(), correction.at), ("и ещё", second[1].occurred_at));
    assert_eq!((row.version, row.changed_version), (1, 4));
    assert_eq!(row.submitted_at, first[0].occurred_at);
}

#[tokio::test]
async fn a_correction_of_no_known_reading_is_an_error_of_the_event() {
    let world = World::new().await;
    let mut places = Places::default();
    let page = [places.record(&tenant("moscow"), id("meter"), &corrected("r9", &[1], ""))];
    let mut tx = world.pool.begin().await.unwrap();
    let err = Readings.apply(&mut tx, &page).await.unwrap_err();
    assert!(matches!(err, ApplyError::Event(_)), "{err:?}");
}

#[tokio::test]
async fn a_photo_comes_back_as_it_was_sent() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let photo = PhotoReference::Telegram { bot: "demo".into(), file_id: "AgAC'\"\\,{}".into() };
    let mut fact = submitted("r1", &[5], "2026-11-20");
    if let MeterEvent::ReadingSubmitted(reading) = &mut fact {
        reading.photo = Some(photo.clone().into());
    }
    world.apply(&Readings, &[places.record(&slug, meter, &fact)]).await;
    let row = readings::find(&world.pool, &slug, meter, id("r1")).await.unwrap().unwrap();
    assert_eq!(row.photo, Some(photo));
}

#[tokio::test]
async fn several_readings_of_a_month_are_summed_per_zone() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, meter) = (tenant("moscow"), id("meter"));
    let page = [
        submitted("r1", &[1, 1], "2026-09-30"),
        submitted("r2", &[2, 2], "2026-11-05"),
        submitted("r3", &[3, 3], "2026-11-30"),
    ]
    .map(|fact| places.record(&slug, meter, &fact));
    world.apply(&Readings, &page).await;

    let months = readings::by_period(&world.pool, &slug, meter, 12).await.unwrap();
    let summary: Vec<_> =
        months.iter().map(|month| (month.period.month(), month.readings)).collect();
    assert_eq!(summary, [(11, 2), (9, 1)]);
    assert_eq!(months[0].consumption, zones(&[175_000, 175_000]));
    assert_eq!(months[0].consumption_total(), Quantity(350_000));
    assert_eq!(readings::by_period(&world.pool, &slug, meter, 1).await.unwrap().len(), 1);
    let elsewhere = tenant("elsewhere");
    assert!(readings::by_period(&world.pool, &elsewhere, meter, 12).await.unwrap().is_empty());
}
