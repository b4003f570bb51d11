use kontor_domain::{
    Language,
    credit_ledger::CreditRules,
    meter::MeterRules,
    tenant::{
        Created, CreditRulesChanged, LocaleChanged, MeterRulesChanged, Renamed, TenantEvent,
        TenantKind,
    },
};
use kontor_projections::{
    PageRequest,
    tenants::{self, Tenants},
};

use crate::support::{Places, World, name, tenant};

fn created(slug: &str, display_name: &str) -> TenantEvent {
    TenantEvent::Created(Created {
        id: tenant(slug),
        name: name(display_name),
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
    })
}

#[tokio::test]
async fn a_tenant_shows_its_newest_name_locale_and_rules() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let stream = slug.stream_id();
    let rules = MeterRules { window_first_day: 1, window_last_day: 31, ..MeterRules::default() };
    let credit_rules = CreditRules { message_cost: 7, ..CreditRules::default() };
    let page = [
        places.record(&slug, stream, &created("moscow", "Мосводоканал «Ёлка»")),
        places.record(
            &slug,
            stream,
            &TenantEvent::LocaleChanged(LocaleChanged {
                language: Language::En,
                time_zone: chrono_tz::Asia::Vladivostok,
            }),
        ),
    ];
    world.apply(&Tenants, &page).await;
    let later = [
        places.record(&slug, stream, &TenantEvent::Renamed(Renamed { name: name("Водоканал") })),
        places.record(
            &slug,
            stream,
            &TenantEvent::MeterRulesChanged(MeterRulesChanged { meter_rules: rules.clone() }),
        ),
        places.record(
            &slug,
            stream,
            &TenantEvent::CreditRulesChanged(CreditRulesChanged {
                credit_rules: credit_rules.clone(),
            }),
        ),
    ];
    world.apply(&Tenants, &later).await;

    let row = tenants::find(&world.pool, &slug).await.unwrap().unwrap();
    assert_eq!(row.name, name("Водоканал"));
    assert_eq!(row.language, Language::En);
    assert_eq!(row.time_zone, chrono_tz::Asia::Vladivostok);
    assert_eq!(row.meter_rules, rules);
    assert_eq!(row.credit_rules, credit_rules);
    assert_eq!(row.created_at, page[0].occurred_at);
    assert_eq!((row.created_position, row.position, row.version), (1, 5, 5));
    assert_eq!(tenants::find(&world.pool, &tenant("salon")).await.unwrap(), None);
}

#[tokio::test]
async fn tenants_are_listed_in_the_order_in_which_they_were_opened() {
    let world = World::new().await;
    let mut places = Places::default();
    let page: Vec<_> = ["zeta", "alpha", "mid"]
        .map(|slug| {
            let id = tenant(slug);
            places.record(&id, id.stream_id(), &created(slug, slug))
        })
        .into();
    world.apply(&Tenants, &page).await;

    let first = tenants::list(&world.pool, &PageRequest::first(2)).await.unwrap();
    let slugs: Vec<&str> = first.items.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(slugs, ["zeta", "alpha"]);
    let rest = PageRequest { after: first.next, limit: 2 };
    let rest = tenants::list(&world.pool, &rest).await.unwrap();
    assert_eq!(rest.items[0].id, tenant("mid"));
    assert_eq!(rest.next, None);
}
