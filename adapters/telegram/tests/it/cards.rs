//! Paying by card in the chat: the link, the choice, a page that is late or never comes, and what came
//! of it. The provider's side is played by the test.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{
    Actor,
    credit_ledger::{CreditRules, PaymentProvider},
    payment::{Expire, PaymentCommand, RecordFailure, RecordUnknown, Standing},
    tenant::TenantKind,
};
use kontor_postgres::{
    Follower, FollowerSettings, Step,
    checkouts::{self, CheckoutRow},
};
use kontor_projections::{PageRequest, Projection, payments};
use kontor_telegram::{CardAccount, PaymentNews};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::world::{PATIENCE, World, until};

fn account(name: &str, provider: PaymentProvider, currency: &str) -> CardAccount {
    let place = if provider == PaymentProvider::Stripe { "stripe" } else { "yookassa" };
    CardAccount {
        name: name.to_owned(),
        channel: format!("{place}/{name}"),
        provider,
        currency: currency.parse().unwrap(),
        return_url: "https://example.org/".to_owned(),
        wants_phone: false,
    }
}

/// A business that sells a talk for dollars and roubles, and the news at work.
async fn open() -> (World, AbortOnDropHandle<()>) {
    let world = World::of(TenantKind::Enterprise).await;
    world.deal_with_credits(CreditRules { enabled: true, ..CreditRules::default() }).await;
    let address = (&world.tenant, "product", Uuid::now_v7());
    let create = json!({
        "type": "create", "name": {"ru": "Беседа", "en": "A talk"}, "gives": {"credits": 30},
        "kind": "real_world", "ordinal": 1,
        "prices": [{"amount_minor": 499, "currency": "USD"}, {"amount_minor": 45_000, "currency": "RUB"}],
    });
    world.command(address, &create, clock::now()).await;
    world.command(address, &json!({"type": "activate"}), clock::now()).await;
    let news: Arc<dyn Projection> = Arc::new(PaymentNews::new(world.pool.clone(), 50));
    let vault = Some(world.vault.clone());
    let settings = FollowerSettings { vault, ..FollowerSettings::default() };
    let mut news = Follower::projection(world.pool.clone(), news, settings);
    let task = tokio::spawn(async move {
        loop {
            while news.step().await.unwrap() != Step::Idle {}
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    (world, AbortOnDropHandle::new(task))
}

impl World {
    /// The page that is wanted.
    async fn wanted(&self, channel: &str) -> CheckoutRow {
        until("a page is wanted", || async {
            let state = checkouts::CheckoutState::Wanted;
            checkouts::due(&self.pool, channel, state, 1).await.unwrap().pop()
        })
        .await
    }

    async fn opened(&self, row: &CheckoutRow) {
        let page = ("cs_1", "https://pay.example.org/cs_1");
        checkouts::opened(&self.pool, row.payment_id, page, PATIENCE).await.unwrap();
    }

    async fn provider_says(&self, payment_id: Uuid, command: &PaymentCommand) {
        self.said_at(payment_id, command, clock::now()).await;
    }

    async fn said_at(&self, payment_id: Uuid, command: &PaymentCommand, at: DateTime<Utc>) {
        let address = (self.tenant.clone(), "payment", payment_id);
        let command = serde_json::to_value(command).unwrap();
        let actor = Actor::System { name: "stripe".into() };
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, at);
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        assert!(matches!(sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
    }
}

#[tokio::test]
async fn a_customer_gets_a_link_and_a_way_to_try_again() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![account("shop", PaymentProvider::Stripe, "USD")]);
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    let list = anna.say("/buy", "Цена указана на кнопке").await;
    assert_eq!(list.buttons[0].0, "Беседа — 4,99\u{a0}$");
    let opening = async {
        let row = world.wanted("stripe/shop").await;
        world.opened(&row).await;
        row
    };
    let (row, _) = tokio::join!(opening, anna.say("/buy30", "Номер карты видит только банк"));
    assert_eq!(
        (row.asked.price.to_string(), row.asked.title.as_str()),
        ("4.99 USD".into(), "Беседа")
    );
    let sent = world.telegram.calls("sendMessage").pop().unwrap().parameters;
    assert!(format!("{sent:?}").contains("https://pay.example.org/cs_1"), "{sent:?}");

    let failure = RecordFailure { reason: "insufficient_funds".into() };
    world.provider_says(row.payment_id, &PaymentCommand::RecordFailure(failure)).await;
    until("the news", || async {
        (anna.count("на карте не хватает денег") == 1).then_some(())
    })
    .await;
    let sent = world.telegram.calls("sendMessage").pop().unwrap().parameters;
    assert!(
        format!("{sent:?}").contains("https://pay.example.org/cs_1"),
        "the page is open: {sent:?}"
    );
    bots.stop().await;
}

#[tokio::test]
async fn a_link_that_nobody_used_in_time_is_told_and_leads_to_a_new_one() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![account("shop", PaymentProvider::Stripe, "USD")]);
    let john = world.person(1003, "John", "en");
    john.say("/start", "consent").await;
    john.press("I agree", "3 credits").await;
    let opening = async {
        let row = world.wanted("stripe/shop").await;
        world.opened(&row).await;
        row
    };
    let (row, _) = tokio::join!(opening, john.say("/buy30", "“A talk”, $4.99"));
    let page = PageRequest::first(1);
    let begun = payments::list(&world.pool, &world.tenant, None, &page).await.unwrap();
    let over = begun.items[0].expires_at;
    world.said_at(row.payment_id, &PaymentCommand::Expire(Expire {}), over).await;
    let words = "The payment link has expired; you were not charged.";
    until("the news", || async { (john.count(words) == 1).then_some(()) }).await;
    let sent = world.telegram.calls("sendMessage").pop().unwrap().parameters;
    let sent = format!("{sent:?}");
    assert!(!sent.contains("https://pay.example.org/cs_1"), "the page is over: {sent}");
    // The button begins a new purchase.
    let again = async {
        let row = world.wanted("stripe/shop").await;
        world.opened(&row).await;
        row
    };
    let (second, _) = tokio::join!(again, john.press("Try again", "“A talk”, $4.99"));
    assert_ne!(second.payment_id, row.payment_id);
    bots.stop().await;
}

#[tokio::test]
async fn a_page_that_is_late_is_sent_later_and_one_that_is_refused_is_told() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![account("shop", PaymentProvider::Stripe, "USD")]);
    let john = world.person(1002, "John", "en");
    john.say("/start", "consent").await;
    john.press("I agree", "3 credits").await;
    john.say("/buy30", "I will send the link here").await;
    let row = world.wanted("stripe/shop").await;
    world.opened(&row).await;
    until("the link", || async { (john.count("“A talk”, $4.99") == 1).then_some(()) }).await;
    let unknown = PaymentCommand::RecordUnknown(RecordUnknown {});
    world.provider_says(row.payment_id, &unknown).await;
    until("the news", || async { (john.count("You need not pay twice") == 1).then_some(()) }).await;

    let refusing = async {
        let row = world.wanted("stripe/shop").await;
        checkouts::refused(&world.pool, row.payment_id, "account_closed").await.unwrap();
    };
    tokio::join!(refusing, john.say("/buy30", "did not open. You were not charged"));
    bots.stop().await;
}

#[tokio::test]
async fn two_accounts_are_a_choice_and_a_forged_one_is_none() {
    let (world, _news) = open().await;
    let cards = vec![
        account("shop", PaymentProvider::Stripe, "USD"),
        account("kassa", PaymentProvider::Yookassa, "RUB"),
    ];
    let bots = world.work_with_cards(cards);
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    let list = anna.say("/buy", "Цена указана").await;
    assert_eq!(list.buttons[0].0, "Беседа — 4,99\u{a0}$ · 450\u{a0}₽");
    let choice = anna.press("Беседа", "Как оплатить «Беседа»?").await;
    let labels: Vec<&str> = choice.buttons.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["💳 Картой (Stripe), 4,99\u{a0}$", "💳 Картой (ЮKassa), 450\u{a0}₽"]);
    let (message_id, data) = anna.button("ЮKassa").await;
    let forged = format!("{}nobody", data.trim_end_matches("kassa"));
    anna.press_data(message_id, &forged, "Этого больше нет в продаже").await;
    let opening = async {
        let row = world.wanted("yookassa/kassa").await;
        world.opened(&row).await;
    };
    tokio::join!(opening, anna.press_data(message_id, &data, "450\u{a0}₽"));
    let page = PageRequest::first(10);
    let listed = payments::list(&world.pool, &world.tenant, None, &page).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].standing, Standing::Intent);
    bots.stop().await;
}
