use kontor_domain::{
    Currency, Language,
    credit_ledger::PassPeriod,
    product::{Activated, Deactivated, Gives, ProductEvent, ProductKind},
};
use kontor_projections::{
    PageRequest,
    products::{self, Products},
};

use crate::support::{Places, World, id, tenant, terms};

fn created(gives: Gives, ordinal: i64) -> ProductEvent {
    ProductEvent::Created(terms(gives, ordinal).into())
}

fn activated() -> ProductEvent {
    ProductEvent::Activated(Activated {})
}

#[tokio::test]
async fn a_product_shows_its_terms_and_whether_it_is_on_sale() {
    let world = World::new().await;
    let (mut places, slug, product) = (Places::default(), tenant("shop"), id("product"));
    let first = places.record(&slug, product, &created(Gives::Credits(25), 20));
    world.apply(&Products, &[first]).await;
    let row = products::find(&world.pool, &slug, product).await.unwrap().unwrap();
    assert_eq!((row.product_id, row.version, row.active), (product, 1, false));
    assert_eq!((row.name_ru.as_str(), row.name_en.as_str()), ("Пачка «Ёж»", "A pack"));
    assert_eq!((row.name(Language::Ru), row.name(Language::En)), ("Пачка «Ёж»", "A pack"));
    assert_eq!((row.credits, row.pass, row.gives()), (Some(25), None, Gives::Credits(25)));
    assert_eq!((row.kind, row.ordinal), (ProductKind::Digital, 20));
    assert_eq!(row.prices, terms(Gives::Credits(1), 0).prices);
    assert_eq!(row.price_in(Currency::stars()).unwrap().amount_minor, 250);
    assert_eq!(row.price_in("EUR".parse().unwrap()), None);

    let mut other = terms(Gives::Pass(PassPeriod::Week), 1);
    other.kind = ProductKind::RealWorld;
    other.prices.clear();
    let page = [activated(), ProductEvent::Changed(other.into())]
        .map(|fact| places.record(&slug, product, &fact));
    world.apply(&Products, &page).await;
    let row = products::find(&world.pool, &slug, product).await.unwrap().unwrap();
    assert_eq!((row.version, row.active, row.kind), (3, true, ProductKind::RealWorld));
    assert_eq!((row.credits, row.pass), (None, Some(PassPeriod::Week)));
    assert_eq!(row.gives(), Gives::Pass(PassPeriod::Week));
    assert!(row.prices.is_empty());
}

#[tokio::test]
async fn lists_have_their_orders_and_show_the_tenants_own_alone() {
    let world = World::new().await;
    let (mut places, slug) = (Places::default(), tenant("shop"));
    let mut page = Vec::new();
    for (word, ordinal) in [("p1", 30), ("p2", 10), ("p3", 10), ("p4", 20)] {
        page.push(places.record(&slug, id(word), &created(Gives::Credits(1), ordinal)));
        page.push(places.record(&slug, id(word), &activated()));
    }
    page.push(places.record(&slug, id("p4"), &ProductEvent::Deactivated(Deactivated {})));
    page.push(places.record(&tenant("other"), id("p5"), &created(Gives::Credits(1), 0)));
    page.push(places.record(&tenant("other"), id("p5"), &activated()));
    world.apply(&Products, &page).await;

    let active = products::active(&world.pool, &slug).await.unwrap();
    let ids: Vec<_> = active.iter().map(|row| row.product_id).collect();
    assert_eq!(ids, ["p2", "p3", "p1"].map(id));
    let all = products::catalogue(&world.pool, &slug).await.unwrap();
    let ids: Vec<_> = all.iter().map(|row| row.product_id).collect();
    assert_eq!(ids, ["p2", "p3", "p4", "p1"].map(id));
    for (wanted, expected) in [
        (None, vec!["p1", "p2", "p3", "p4"]),
        (Some(true), vec!["p1", "p2", "p3"]),
        (Some(false), vec!["p4"]),
    ] {
        let mut page = PageRequest::first(2);
        let mut ids = Vec::new();
        loop {
            let listed = products::list(&world.pool, &slug, wanted, &page).await.unwrap();
            ids.extend(listed.items.iter().map(|row| row.product_id));
            let Some(next) = listed.next else { break };
            page.after = Some(next);
        }
        assert_eq!(ids, expected.into_iter().map(id).collect::<Vec<_>>(), "{wanted:?}");
    }
    assert_eq!(products::find(&world.pool, &slug, id("p5")).await.unwrap(), None);
}
