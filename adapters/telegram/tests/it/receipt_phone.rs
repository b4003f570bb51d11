//! A purchase that comes with a fiscal receipt: the telephone number is asked for where it is needed,
//! once, and the purchase goes on.

use std::{sync::Arc, time::Duration};

use kontor_commands::clock;
use kontor_domain::{
    credit_ledger::{CreditRules, PaymentProvider},
    tenant::TenantKind,
};
use kontor_postgres::checkouts::{self, CheckoutRow, CheckoutState};
use kontor_telegram::{Bots, CardAccount, Mode};
use serde_json::json;
use uuid::Uuid;

use crate::world::{BOT, TOKEN, Working, World, run, until};

async fn shop() -> (World, Working) {
    let world = World::of(TenantKind::Enterprise).await;
    world.deal_with_credits(CreditRules { enabled: true, ..CreditRules::default() }).await;
    let address = (&world.tenant, "product", Uuid::now_v7());
    let create = json!({
        "type": "create", "name": {"ru": "25 писем", "en": "25 letters"}, "kind": "real_world",
        "gives": {"credits": 25}, "prices": [{"amount_minor": 22_900, "currency": "RUB"}],
        "ordinal": 1,
    });
    world.command(address, &create, clock::now()).await;
    world.command(address, &json!({"type": "activate"}), clock::now()).await;
    let mut bot = world.bot(BOT, TOKEN, Mode::Polling);
    bot.cards = vec![CardAccount {
        name: "main".to_owned(),
        channel: "yookassa/main".to_owned(),
        provider: PaymentProvider::Yookassa,
        currency: "RUB".parse().unwrap(),
        return_url: "https://example.ru".to_owned(),
        wants_phone: true,
    }];
    let sender = Arc::new(world.sender.clone());
    let bots = Bots::new(world.pool.clone(), sender, vec![bot], World::settings()).unwrap();
    (world, run(bots))
}

/// The next page that somebody wants, opened as its account's owner would.
async fn open_page(world: &World) -> CheckoutRow {
    let row = until("somebody wants a page", || async {
        let due = checkouts::due(&world.pool, "yookassa/main", CheckoutState::Wanted, 1).await;
        due.unwrap().pop()
    })
    .await;
    let page = ("2d1a7e10", "https://yookassa.ru/pay");
    checkouts::opened(&world.pool, row.payment_id, page, Duration::from_secs(60)).await.unwrap();
    row
}

#[tokio::test]
async fn whoever_has_given_no_number_is_asked_for_it_and_goes_on() {
    let (world, bots) = shop().await;
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    anna.say("/buy", "Что купить?").await;
    let asked = anna.press("25 писем", "полагается чек").await;
    assert_eq!(asked.markup["keyboard"][0][0]["request_contact"], true);
    let wanted = "select count(*) from payment_checkouts";
    let pages: i64 = sqlx::query_scalar(wanted).fetch_one(&world.pool).await.unwrap();
    assert_eq!(pages, 0, "nothing is begun without a number");
    let contact = |user_id: i64| json!({"contact": {"phone_number": "+7 916 123-45-67", "first_name": "X", "user_id": user_id}});
    // A number out of the address book is nobody's.
    anna.send(contact(5), "Это не ваш номер").await;
    anna.press("25 писем", "полагается чек").await;
    let opening = async {
        let row = open_page(&world).await;
        assert_eq!(row.asked.price.amount_minor, 22_900);
    };
    let (_, page) = tokio::join!(opening, anna.send(contact(1001), "«25 писем», 229"));
    assert_eq!(page.markup["inline_keyboard"][0][0]["url"], "https://yookassa.ru/pay");
    until("the number is saved", || async {
        (anna.count("Номер сохранён") == 1).then_some(())
    })
    .await;
    // The second time nobody asks.
    anna.say("/buy", "Что купить?").await;
    let (message_id, data) = anna.button("25 писем").await;
    let (_, _) = tokio::join!(open_page(&world), anna.press_data(message_id, &data, "«25 писем»"));
    assert_eq!(anna.count("полагается чек"), 2);
    bots.stop().await;
}
