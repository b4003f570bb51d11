use kontor_domain::{
    Language, Phone,
    account::{
        AccountEvent, BotBlocked, BotUnblocked, ConsentGiven, ConsentWithdrawn, LanguageChanged,
        Origin, PhoneChanged, Registered, Renamed,
    },
};
use kontor_projections::{
    ApplyError, Projection,
    accounts::{self, Accounts},
};

use crate::support::{Places, World, id, name, registered_account, tenant};

fn blocked(bot: &str) -> AccountEvent {
    AccountEvent::BotBlocked(BotBlocked { bot: bot.to_owned() })
}

#[tokio::test]
async fn an_account_shows_what_its_events_say_across_pages() {
    let world = World::new().await;
    let mut places = Places::default();
    let (slug, anna) = (tenant("moscow"), id("anna"));
    let consent =
        AccountEvent::ConsentGiven(ConsentGiven { document_version: "2026-11".to_owned() });
    let first = [
        places.record(&slug, anna, &registered_account("Анна Ёлкина-Щукина", 1001)),
        places.record(&slug, anna, &consent),
        places.record(&slug, anna, &blocked("shop")),
        places.record(&slug, anna, &blocked("demo")),
        places.record(&slug, anna, &blocked("demo")),
    ];
    world.apply(&Accounts, &first).await;
    let row = accounts::find(&world.pool, &slug, anna).await.unwrap().unwrap();
    assert_eq!(row.display_name, name("Анна Ёлкина-Щукина"));
    assert_eq!(row.bots_blocked, ["demo", "shop"]);
    let given = row.consent.unwrap();
    assert_eq!(given.document_version, "2026-11");
    assert_eq!(given.given_at, first[1].occurred_at);
    assert_eq!(row.registered_at, first[0].occurred_at);

    let phone: Option<Phone> = Some("+79161234567".parse().unwrap());
    let second = [
        AccountEvent::Renamed(Renamed { display_name: name("Анна Петрова").into() }),
        AccountEvent::LanguageChanged(LanguageChanged { language: Language::En }),
        AccountEvent::PhoneChanged(PhoneChanged { phone: phone.clone().map(Into::into) }),
        AccountEvent::ConsentWithdrawn(ConsentWithdrawn {}),
        AccountEvent::BotUnblocked(BotUnblocked { bot: "demo".to_owned() }),
    ]
    .map(|fact| places.record(&slug, anna, &fact));
    world.apply(&Accounts, &second).await;
    let row = accounts::find(&world.pool, &slug, anna).await.unwrap().unwrap();
    assert_eq!(row.display_name, name("Анна Петрова"));
    assert_eq!(row.language, Language::En);
    assert_eq!(row.phone, phone);
    assert_eq!(row.consent, None);
    assert_eq!(row.bots_blocked, ["shop"]);
    assert_eq!((row.created_position, row.position, row.version), (1, 10, 10));
}

#[tokio::test]
async fn a_telegram_user_is_found_in_their_tenant_alone() {
    let world = World::new().await;
    let mut places = Places::default();
    let (here, there) = (tenant("here"), tenant("there"));
    let page = [
        places.record(&here, id("a"), &registered_account("Анна", 1001)),
        places.record(&there, id("b"), &registered_account("Anna", 1001)),
    ];
    world.apply(&Accounts, &page).await;

    let found = accounts::find_by_telegram(&world.pool, &there, 1001).await.unwrap().unwrap();
    assert_eq!(found.id, id("b"));
    let unknown = accounts::find_by_telegram(&world.pool, &there, 1002).await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(accounts::find(&world.pool, &there, id("a")).await.unwrap(), None);
    let listed = accounts::list(&world.pool, &here, &Default::default()).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn an_account_of_a_program_keeps_its_number_there() {
    let world = World::new().await;
    let mut places = Places::default();
    let origin = Origin::Api { external_id: Some("ЛС-42".to_owned()) };
    let fact = AccountEvent::Registered(Registered {
        display_name: name("John Smith").into(),
        language: Language::En,
        origin: origin.clone().into(),
        phone: Some("+15550001111".parse().unwrap()),
    });
    let page = [places.record(&tenant("here"), id("john"), &fact)];
    world.apply(&Accounts, &page).await;
    let row = accounts::find(&world.pool, &tenant("here"), id("john")).await.unwrap().unwrap();
    assert_eq!(row.origin, origin);
    assert_eq!(row.phone.unwrap().as_str(), "+15550001111");
}

#[tokio::test]
async fn an_event_without_its_registration_is_an_error_of_the_event() {
    let world = World::new().await;
    let mut places = Places::default();
    let page = [places.record(&tenant("here"), id("nobody"), &blocked("demo"))];
    let mut tx = world.pool.begin().await.unwrap();
    let err = Accounts.apply(&mut tx, &page).await.unwrap_err();
    assert!(matches!(err, ApplyError::Event(_)), "{err:?}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error_of_the_event() {
    let world = World::new().await;
    let mut places = Places::default();
    let mut event = places.record(&tenant("here"), id("x"), &registered_account("Анна", 1));
    event.payload = r#"{"display_name": 7}"#.to_owned();
    let mut tx = world.pool.begin().await.unwrap();
    let err = Accounts.apply(&mut tx, &[event]).await.unwrap_err();
    assert!(matches!(err, ApplyError::Event(_)), "{err:?}");
}
