//! What is sent, when, and what becomes of it.

use std::time::{Duration, Instant};

use kontor_domain::credit_ledger::CreditRules;
use kontor_telegram::{Bots, Mode};
use serde_json::json;

use crate::{
    person::Person,
    stand_in::Fault,
    world::{BOT, TOKEN, World, run, until},
};

const OTHER_TOKEN: &str = "1000002:SANDBOX-other-bot-token";

async fn outbox_state(world: &World, text: &str) -> Vec<(String, i32, Option<i32>)> {
    sqlx::query_as("select state, attempts, message_id from telegram_outbox where error like $1")
        .bind(format!("%{text}%"))
        .fetch_all(&world.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_bot_names_its_commands_and_removes_a_leftover_webhook() {
    let world = World::new().await;
    world.telegram.set_webhook(TOKEN, "https://old.example.test/tg/demo");
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте").await;
    assert_eq!(world.telegram.calls("deleteWebhook").len(), 1);
    let lists = until("the commands are named", || async {
        Some(world.telegram.calls("setMyCommands")).filter(|lists| lists.len() == 2)
    })
    .await;
    assert_eq!(lists[1].parameters["language_code"], "ru");
    bots.stop().await;
    assert_eq!(world.telegram.calls("deleteWebhook").len(), 1, "never on shutdown");
}

/// The commands that Telegram was told last, in English.
fn named(world: &World) -> Vec<String> {
    let lists = world.telegram.calls("setMyCommands");
    let last = lists.iter().rfind(|call| call.parameters.get("language_code").is_none());
    let commands = last.map(|call| call.parameters["commands"].as_array().unwrap().clone());
    let name = |command: &serde_json::Value| command["command"].as_str().unwrap().to_owned();
    commands.unwrap_or_default().iter().map(name).collect()
}

#[tokio::test]
async fn the_commands_follow_the_tenants_rules_without_a_restart() {
    let world = World::new().await;
    // Telegram is not there at first, for none of this.
    world.telegram.fail("setMyCommands", Fault::Refused(500, "Internal Server Error"));
    let bots = world.work();
    let knows = async |command: &str, wanted: bool| {
        until(&format!("/{command} is named: {wanted}"), || async {
            let named = named(&world);
            let is_named = named.iter().any(|name| name == command);
            (!named.is_empty() && is_named == wanted).then_some(())
        })
        .await;
    };
    // The call that fails, and both lists.
    let told = || world.telegram.calls("setMyCommands").len();
    until("the lists after a failure", || async { (told() >= 3).then_some(()) }).await;
    knows("reading", true).await;
    knows("balance", false).await;
    for (enabled, test_switch) in [(true, false), (true, true), (false, false)] {
        let rules = CreditRules { enabled, test_switch, ..CreditRules::default() };
        world.deal_with_credits(rules).await;
        knows("balance", enabled).await;
        knows("reset", enabled && test_switch).await;
    }
    bots.stop().await;
}

#[tokio::test]
async fn telegrams_wish_to_wait_is_honoured() {
    let world = World::new().await;
    world.telegram.fail("sendMessage", Fault::RetryAfter(2));
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте").await;
    world.settled().await;
    let calls = world.telegram.calls("sendMessage");
    assert!(calls[1].at - calls[0].at >= Duration::from_secs(2));
    assert_eq!(calls[0].parameters["text"], calls[1].parameters["text"], "the order is kept");
    assert_eq!(anna.count("Здравствуйте"), 1);
    bots.stop().await;
}

#[tokio::test]
async fn a_chat_gets_a_small_burst_and_then_a_message_a_second() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    // Counted from before the first of them: a call that was long on its way shortens no gap then.
    let begun = Instant::now();
    for _ in 0..5 {
        anna.push(anna.message(json!({"text": "/language"})));
    }
    until("all", || async { (anna.count("На каком языке") == 5).then_some(()) }).await;
    let calls = world.telegram.calls("sendMessage");
    let gaps: Vec<Duration> = calls.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(calls[4].at - begun >= Duration::from_millis(1900), "{gaps:?}");
    bots.stop().await;
}

#[tokio::test]
async fn a_person_who_blocked_the_bot_is_recorded_and_who_comes_back_too() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    world.settled().await;
    world
        .telegram
        .fail("sendMessage", Fault::Refused(403, "Forbidden: bot was blocked by the user"));
    anna.push(anna.message(json!({"text": "/help"})));
    until("the block is recorded", || async {
        (world.account(1001).await?.bots_blocked == [BOT]).then_some(())
    })
    .await;
    let ended = outbox_state(&world, "blocked by the user").await;
    assert_eq!(ended, [("blocked".to_owned(), 1, None)]);

    anna.push(membership(&anna, "member"));
    until("the return is recorded", || async {
        world.account(1001).await?.bots_blocked.is_empty().then_some(())
    })
    .await;
    anna.push(membership(&anna, "kicked"));
    until("the block is recorded", || async {
        (world.account(1001).await?.bots_blocked == [BOT]).then_some(())
    })
    .await;
    bots.stop().await;
}

fn membership(person: &Person<'_>, status: &str) -> serde_json::Value {
    let bot = json!({"id": 900, "is_bot": true, "first_name": "Kontor"});
    json!({"update_id": person.world.telegram.update_id(), "my_chat_member": {
        "chat": {"id": person.id, "type": "private", "first_name": "Анна"}, "from": person.user(),
        "date": 1_790_000_002, "old_chat_member": {"user": bot, "status": "member"},
        "new_chat_member": {"user": bot, "status": status, "until_date": 0}}})
}

#[tokio::test]
async fn a_text_that_may_have_arrived_is_tried_once_more_and_not_again() {
    let world = World::new().await;
    for _ in 0..5 {
        world.telegram.fail("sendMessage", Fault::BrokenAfterwards);
    }
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.push(anna.message(json!({"text": "/language"})));
    until("it is given up", || async {
        let ended = outbox_state(&world, "500").await;
        ended.first().is_some_and(|(state, ..)| state == "unknown").then_some(())
    })
    .await;
    assert_eq!(world.telegram.calls("sendMessage").len(), 2);
    bots.stop().await;
}

#[tokio::test]
async fn a_message_that_telegram_refuses_ends_with_the_reason_and_holds_nothing_up() {
    let world = World::new().await;
    world.telegram.fail("sendMessage", Fault::Refused(400, "Bad Request: chat not found"));
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    let ended = outbox_state(&world, "chat not found").await;
    assert_eq!(ended, [("failed".to_owned(), 1, None)]);
    bots.stop().await;
}

#[tokio::test]
async fn a_question_whose_message_is_gone_is_asked_in_a_new_one() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.press("Добавить счётчик", "Что считает").await;
    let (_, data) = anna.button("Электричество").await;
    anna.press_data(424_242, &data, "Сколько тарифных зон").await;
    bots.stop().await;
}

#[tokio::test]
async fn people_who_wait_go_before_broadcasts() {
    let world = World::new().await;
    sqlx::query(
        "insert into telegram_outbox (bot, chat_id, key, priority, method, payload) \
         select $1, 5000 + n, 'broadcast:' || n, 1, 'sendMessage', '{\"text\": \"news\"}'::jsonb \
         from generate_series(1, 60) as n",
    )
    .bind(BOT)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query(
        "insert into telegram_outbox (bot, chat_id, key, priority, method, payload) \
         values ($1, 1001, 'reply', 0, 'sendMessage', '{\"text\": \"reply\"}'::jsonb)",
    )
    .bind(BOT)
    .execute(&world.pool)
    .await
    .unwrap();
    let begun = Instant::now();
    let bots = world.work();
    world.settled().await;
    let calls = world.telegram.calls("sendMessage");
    assert_eq!(calls.len(), 61);
    let place = calls.iter().position(|call| call.parameters["text"] == "reply").unwrap();
    assert!(place < 16, "the reply goes with the first calls, not as number {place}");
    let rate = calls[60].at - begun;
    assert!(rate >= Duration::from_millis(1200), "61 messages in {rate:?}");
    bots.stop().await;
}

#[tokio::test]
async fn a_refused_token_rests_the_bot_and_it_comes_back() {
    let world = World::new().await;
    for _ in 0..2 {
        world.telegram.fail("getMe", Fault::Refused(401, "Unauthorized"));
    }
    let anna = world.person(1001, "Анна", "ru");
    let bots = world.work();
    anna.say("/start", "Здравствуйте").await;
    let calls = world.telegram.calls("getMe");
    assert_eq!(calls.len(), 3);
    assert!(calls[1].at - calls[0].at >= Duration::from_millis(300), "it rests in between");
    let polls = world.telegram.calls("getUpdates");
    assert!(polls.iter().all(|poll| poll.at > calls[2].at), "it does not poll meanwhile");
    bots.stop().await;
}

#[tokio::test]
async fn polling_outlives_conflicts_and_broken_answers() {
    let world = World::new().await;
    world.telegram.fail("getUpdates", Fault::Refused(502, "Bad Gateway"));
    world.telegram.fail("getUpdates", Fault::RetryAfter(1));
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте").await;
    bots.stop().await;
}

#[tokio::test]
async fn two_bots_keep_the_same_chat_apart() {
    let mut world = World::new().await;
    let bots =
        vec![world.bot(BOT, TOKEN, Mode::Polling), world.bot("other", OTHER_TOKEN, Mode::Polling)];
    world.tenant = "demo_utility".parse().unwrap();
    let sender = std::sync::Arc::new(world.sender.clone());
    let bots = run(Bots::new(world.pool.clone(), sender, bots, World::settings()).unwrap());
    let here = world.person(1001, "Анна", "ru");
    let there = Person { token: OTHER_TOKEN.into(), ..here.clone() };
    here.register().await;
    here.press("Добавить счётчик", "Что считает").await;
    here.press("Холодная вода", "Сколько цифр").await;
    // The account is the tenant's, the conversation is the bot's.
    there.say("/start", "С возвращением").await;
    there.say("кухня", "Не понимаю").await;
    here.say("5", "номер счётчика").await;
    assert_eq!(there.count("номер счётчика"), 0);
    assert_eq!(here.count("С возвращением"), 0);
    bots.stop().await;
}

#[tokio::test]
async fn one_process_owns_a_bot_and_another_takes_over_after_a_crash() {
    let world = World::new().await;
    let first = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте").await;
    let second = world.work();
    anna.say("/language", "На каком языке").await;
    assert_eq!(world.telegram.calls("getMe").len(), 1, "the second waits");
    first.crash().await;
    anna.say("/start", "нужно ваше согласие").await;
    assert_eq!(world.telegram.calls("getMe").len(), 2);
    second.stop().await;
}

/// A message that a sender had in hand when it ended, for the `interrupted`th time.
async fn left_open(world: &World, key: &str, interrupted: i32) {
    sqlx::query(
        "insert into telegram_outbox \
             (bot, chat_id, key, method, payload, state, attempts, interrupted, epoch) \
         values ($1, 1001, $2, 'sendMessage', jsonb_build_object('text', $2), 'sending', 1, $3, 0)",
    )
    .bind(BOT)
    .bind(key)
    .bind(interrupted)
    .execute(&world.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn what_earlier_senders_left_open_is_sent_again_within_a_bound() {
    let world = World::new().await;
    for (key, interrupted) in [("first", 0), ("fourth", 4), ("sixth", 5)] {
        left_open(&world, key, interrupted).await;
    }
    let bots = world.work();
    world.settled().await;
    let ended: Vec<(String, String)> =
        sqlx::query_as("select key, state from telegram_outbox order by key")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    let ended: Vec<_> = ended.iter().map(|(key, state)| (key.as_str(), state.as_str())).collect();
    assert_eq!(ended, [("first", "sent"), ("fourth", "sent"), ("sixth", "unknown")]);
    assert_eq!(world.telegram.calls("sendMessage").len(), 2);
    bots.stop().await;
}

#[tokio::test]
async fn what_could_not_be_taken_over_at_the_start_is_taken_over_later() {
    let world = World::new().await;
    left_open(&world, "left", 0).await;
    let rename = async |from: &str, to: &str| {
        let change = format!("alter table telegram_outbox rename column {from} to {to}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&world.pool).await.unwrap();
    };
    // A database that refuses: any reason will do.
    rename("interrupted", "elsewhere").await;
    let bots = world.work();
    world.person(1002, "Борис", "ru").say("/start", "нужно ваше согласие").await;
    let left = || {
        let calls = world.telegram.calls("sendMessage");
        calls.iter().filter(|call| call.parameters["text"] == "left").count()
    };
    assert_eq!(left(), 0, "what was left open waits");
    rename("elsewhere", "interrupted").await;
    world.settled().await;
    assert_eq!(left(), 1);
    bots.stop().await;
}

#[tokio::test]
async fn a_chat_with_too_many_waiting_messages_gets_no_more() {
    let world = World::new().await;
    world.telegram.fail("sendMessage", Fault::RetryAfter(3000));
    let settings = kontor_telegram::TelegramSettings { outbox_backlog_max: 5, ..World::settings() };
    let bots = world.work_with(std::sync::Arc::new(world.sender.clone()), settings);
    let anna = world.person(1001, "Анна", "ru");
    for _ in 0..12 {
        anna.push(anna.message(json!({"text": "/language"})));
    }
    until("all updates are handled", || async {
        let done: i64 = sqlx::query_scalar("select count(*) from inbox where state = 'done'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
        (done == 12).then_some(())
    })
    .await;
    let rows: i64 = sqlx::query_scalar("select count(*) from telegram_outbox")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(rows, 5);
    bots.stop().await;
}

#[tokio::test]
async fn the_record_of_a_delivery_keeps_no_text() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "Здравствуйте, Анна").await;
    world.settled().await;
    let kept: Vec<(String, Option<serde_json::Value>, Option<i32>, bool)> = sqlx::query_as(
        "select state, payload, message_id, ended_at is not null from telegram_outbox",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert_eq!(kept.len(), 2);
    for (state, payload, message_id, ended) in kept {
        assert_eq!((state.as_str(), payload, ended), ("sent", None, true));
        assert!(message_id.is_some());
    }
    bots.stop().await;
}
