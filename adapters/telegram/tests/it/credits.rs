//! Credits in the chat: the welcome with its tutorial, the balance, the history, the packages, the
//! warning and beginning anew.

use std::sync::Arc;

use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{
    Actor, Money,
    account::telegram_account_id,
    credit_ledger::{
        CreditLedgerCommand, CreditRules, Grant, GrantSource, Payment, PaymentProvider, Spend,
        credit_ledger_id,
    },
    tenant::TenantKind,
};
use kontor_postgres::{Follower, FollowerSettings, Step};
use kontor_telegram::CreditWarnings;
use uuid::Uuid;

use crate::world::{PATIENCE, World};

fn rules() -> CreditRules {
    CreditRules { enabled: true, ..CreditRules::default() }
}

/// A business that sells credits and has no meters.
async fn business(rules: CreditRules) -> World {
    let world = World::of(TenantKind::Enterprise).await;
    world.deal_with_credits(rules).await;
    world
}

fn purchase(credits: i64) -> CreditLedgerCommand {
    let price = Money::new(49_900, "RUB".parse().unwrap());
    let provider = PaymentProvider::Manual;
    let payment = Payment { payment_id: Uuid::now_v7(), provider, price };
    CreditLedgerCommand::Grant(Grant {
        grant_id: Uuid::now_v7(),
        source: GrantSource::Purchase,
        credits,
        payment: Some(payment),
        expires_at: None,
        priority: None,
    })
}

/// Carries out a command to the ledger of a person: as themselves, or as the staff.
async fn book(world: &World, user_id: i64, command: CreditLedgerCommand) {
    let account_id = telegram_account_id(&world.tenant, user_id);
    let actor = if matches!(command, CreditLedgerCommand::Spend(_)) {
        Actor::Customer { account_id }
    } else {
        Actor::Operator { name: "desk".into() }
    };
    let address = (world.tenant.clone(), "credit_ledger", credit_ledger_id(account_id));
    let command = serde_json::to_value(command).unwrap();
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sent = world.sender.send(envelope, PATIENCE).await.unwrap();
    let Sent::Done { outcome: Outcome::Accepted(accepted), .. } = sent else { panic!("{sent:?}") };
    world.reached("credits", accepted.last_position.unwrap()).await;
}

async fn spend(world: &World, user_id: i64, messages: i64) {
    let spend = Spend { spend_id: Uuid::now_v7(), messages };
    book(world, user_id, CreditLedgerCommand::Spend(spend)).await;
}

#[tokio::test]
async fn a_new_customer_is_welcomed_takes_the_tutorial_and_has_five_credits() {
    let world = business(rules()).await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте, Анна! Это бот «Горводоканал». Сообщения здесь").await;
    anna.say("Баланс", "ваши кредиты и на что они ушли").await;
    let gift = anna.press("Даю согласие", "3 кредита в подарок").await;
    assert!(gift.text.contains("🟥🟥🟥⬜⬜⬜⬜⬜⬜⬜"), "{}", gift.text);
    assert_eq!(anna.count("счётчик"), 0, "there are no meters here: {:?}", anna.texts());
    let consent = world.account(1001).await.unwrap().consent.unwrap();
    assert_eq!(consent.document_version, "2026-11-credits");

    let first = anna.press("Показать", "Шаг 1 из 3 ▰▱▱").await;
    assert!(first.text.contains("1 сообщение стоит 1 кредит."), "{}", first.text);
    let second = anna.press("Дальше", "Шаг 2 из 3 ▰▰▱").await;
    assert_eq!(second.id, first.id, "the steps change in place");
    anna.press("Дальше", "Шаг 3 из 3 ▰▰▰").await;
    anna.press("Готово", "Ещё 2 кредита в подарок").await;
    anna.say("/tutorial", "Шаг 1 из 3").await;
    anna.press("Дальше", "Шаг 2 из 3").await;
    anna.press("Дальше", "Шаг 3 из 3").await;
    anna.press("Готово", "вы уже получили").await;

    let card = anna.say("/start", "💳 5 кредитов").await;
    assert!(card.text.contains("Осталось мало"), "{}", card.text);
    let labels: Vec<&str> = card.buttons.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["Пакеты", "История кредитов"], "who has few sees the packages first");
    assert_eq!(anna.count("С возвращением"), 1);
    for unknown in ["/reading", "/meters", "/reset"] {
        anna.say(unknown, "Такой команды нет").await;
    }
    anna.say("1234", "Выберите, что сделать").await;
    bots.stop().await;
}

#[tokio::test]
async fn the_card_the_history_and_the_packages_follow_what_was_bought_and_spent() {
    let world = business(rules()).await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    let declined = anna.press("Не сейчас", "всегда здесь: /tutorial").await;
    assert!(declined.buttons.is_empty(), "what was declined is not asked again");
    let fresh = anna.say("/balance", "💳 3 кредита").await;
    assert!(fresh.text.contains("💡 1 сообщение стоит 1 кредит."), "{}", fresh.text);

    book(&world, 1001, purchase(50)).await;
    spend(&world, 1001, 13).await;
    let card = anna.say("Баланс", "💳 40 кредитов").await;
    for part in [
        "🟩🟩🟩🟩🟩🟩🟩🟩⬜⬜",
        "Всё в порядке",
        "За 1 день: потрачено 13 кредитов, отправлено 13 сообщений",
        "хватит примерно на 3 дня. На месяц подойдёт пакет на 100 кредитов.",
    ] {
        assert!(card.text.contains(part), "{part}: {}", card.text);
    }
    let history = anna.press("История кредитов", "Сейчас 40 кредитов").await;
    assert_eq!(history.id, card.id, "the history comes in place of the card");
    for part in [
        "куплено 50, подарено 3, потрачено 13, отправлено 13 сообщений",
        "В этом месяце: куплено 50, потрачено 13, в среднем 13 в день",
        "13 сообщений, -13",
        "начислено +50 кредитов, осталось 53",
        "счёт открыт",
    ] {
        assert!(history.text.replace('−', "-").contains(part), "{part}: {}", history.text);
    }
    anna.press("Баланс", "💳 40 кредитов").await;
    let packages = anna.press("Пакеты", "Пакеты кредитов").await;
    for size in ["10 кредитов", "25 кредитов", "50 кредитов", "100 кредитов"]
    {
        assert!(packages.text.contains(&format!("· {size}")), "{}", packages.text);
    }
    assert!(packages.text.contains("оплата ещё не подключена"), "{}", packages.text);
    assert_eq!(packages.buttons.len(), 1, "nothing that does nothing: {:?}", packages.buttons);

    for _ in 0..12 {
        spend(&world, 1001, 1).await;
    }
    let first = anna.say("/history", "Сейчас 28 кредитов").await;
    let older = anna.press("Раньше", "счёт открыт").await;
    assert_eq!(older.id, first.id);
    anna.press("Новее", "осталось 28").await;
    bots.stop().await;
}

#[tokio::test]
async fn a_customer_is_told_once_that_few_credits_are_left_and_again_after_buying() {
    let world = business(rules()).await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    let settings = FollowerSettings { vault: Some(world.vault.clone()), ..Default::default() };
    let warnings = Arc::new(CreditWarnings::new(world.pool.clone(), 50));
    let mut follower = Follower::projection(world.pool.clone(), warnings, settings);
    let mut warn = async || {
        while follower.step().await.unwrap() != Step::Idle {}
        world.settled().await;
        anna.texts().into_iter().filter(|text| text.contains("Осталось мало:")).count()
    };

    book(&world, 1001, purchase(10)).await;
    spend(&world, 1001, 7).await;
    assert_eq!(warn().await, 0, "six are more than five");
    spend(&world, 1001, 1).await;
    spend(&world, 1001, 1).await;
    assert_eq!(warn().await, 1, "once, however many are sent");
    book(&world, 1001, purchase(10)).await;
    spend(&world, 1001, 9).await;
    assert_eq!(warn().await, 2, "a new spell");
    let told = anna.seen().into_iter().rev().find(|seen| seen.text.contains("Осталось мало:"));
    let told = told.unwrap();
    assert!(told.text.contains("5 кредитов.\n🟥🟥🟥🟥🟥⬜⬜⬜⬜⬜"), "{}", told.text);

    book(&world, 1001, purchase(10)).await;
    spend(&world, 1001, 10).await;
    book(&world, 1001, purchase(25)).await;
    assert_eq!(warn().await, 2, "who bought before it was written needs no warning");
    anna.press("Пакеты", "25 кредитов").await;
    bots.stop().await;
}

#[tokio::test]
async fn a_tester_begins_anew_in_english() {
    let world = business(CreditRules { test_switch: true, ..rules() }).await;
    let bots = world.work();
    let john = world.person(1002, "John", "en-GB");
    john.say("/start", "Hello, John!").await;
    john.press("I agree", "3 credits as a gift!").await;
    john.press("Show me", "Step 1 of 3").await;
    john.press("Next", "Step 2 of 3").await;
    john.press("Next", "Step 3 of 3").await;
    john.press("Done", "2 credits more as a gift").await;
    book(&world, 1002, purchase(10)).await;
    spend(&world, 1002, 1).await;
    john.say("/balance", "💳 14 credits").await;
    john.say("/reset", "What was bought is still there").await;
    let offered = john.button("Show me").await;
    john.press_data(offered.0, &offered.1, "1 message costs 1 credit.").await;
    john.press("Next", "Step 2 of 3").await;
    john.press("Next", "Step 3 of 3").await;
    john.press("Done", "2 credits more as a gift").await;
    john.say("/balance", "💳 15 credits").await;
    bots.stop().await;
}

#[tokio::test]
async fn a_utility_with_credits_has_both_and_one_without_knows_no_credits() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.say("/balance", "Такой команды нет").await;
    anna.say("/tutorial", "Такой команды нет").await;
    // Whoever was registered before gets a ledger by asking for it.
    world.deal_with_credits(rules()).await;
    anna.say("/balance", "💳 3 кредита").await;
    anna.add_water_meter("10").await;
    anna.say("История", "показаний пока нет").await;
    anna.say("История кредитов", "подарено 3").await;
    // What is open stays when credits are switched off, and is not spoken of.
    world.deal_with_credits(CreditRules { enabled: false, ..rules() }).await;
    anna.press("Пакеты", "Эта кнопка уже не работает").await;
    anna.say("/balance", "Такой команды нет").await;
    bots.stop().await;
}
