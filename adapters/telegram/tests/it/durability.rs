//! Crashes, repetitions, unknown outcomes: nothing is lost and nothing happens twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use kontor_telegram::TelegramSettings;
use serde_json::json;

use crate::{
    meddler::{Meddler, Meddling},
    world::{World, until},
};

#[tokio::test]
async fn a_crash_between_the_command_and_the_commit_doubles_nothing() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    world.settled().await;
    bots.stop().await;

    let sent = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&sent);
    let hangs = Meddler {
        inner: world.sender.clone(),
        meddle: move |envelope: &kontor_commands::Envelope| {
            if envelope.aggregate == "meter" {
                seen.store(true, Ordering::SeqCst);
                Meddling::SendAndHang
            } else {
                Meddling::None
            }
        },
    };
    let bots = world.work_with(Arc::new(hangs), World::settings());
    anna.push(anna.message(json!({"text": "12"})));
    let meter_id = world.meters(1001).await[0].id;
    until("the reading stands in the log", || async {
        (world.readings(meter_id).await.len() == 1).then_some(())
    })
    .await;
    assert!(sent.load(Ordering::SeqCst));
    bots.crash().await;
    assert_eq!(world.pending().await, 1, "the update waits to be finished");
    assert_eq!(anna.count("Показания приняты"), 0);

    let bots = world.work();
    until("the reply", || async {
        (anna.count("Показания приняты: 12,0") == 1).then_some(())
    })
    .await;
    world.settled().await;
    assert_eq!(anna.count("Показания приняты"), 1);
    world.newest_reading(meter_id, 1, 0).await;
    bots.stop().await;
}

#[tokio::test]
async fn a_confirmed_consent_survives_a_crash_in_the_middle() {
    let world = World::new().await;
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    // The account is registered, then the process dies before the consent is sent.
    let hangs = Meddler {
        inner: world.sender.clone(),
        meddle: move |_: &kontor_commands::Envelope| {
            counted.fetch_add(1, Ordering::SeqCst);
            Meddling::SendAndHang
        },
    };
    let bots = world.work_with(Arc::new(hangs), World::settings());
    let anna = world.person(1001, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    let (message_id, data) = anna.button("Даю согласие").await;
    anna.push(anna.pressed(message_id, &data));
    until("the account", || async { world.account(1001).await }).await;
    bots.crash().await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let bots = world.work();
    until("the consent", || async { world.account(1001).await?.consent }).await;
    until("the menu", || async { (anna.count("Меню — внизу") == 1).then_some(()) }).await;
    bots.stop().await;
}

#[tokio::test]
async fn an_edited_message_and_unknown_kinds_are_harmless() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    anna.say("12", "Показания приняты: 12,0").await;

    let mut edited = anna.message(json!({"text": "15", "edit_date": 1_790_000_050}));
    let content = edited.as_object_mut().unwrap().remove("message").unwrap();
    edited["edited_message"] = content;
    anna.push(edited);
    let id = world.telegram.update_id();
    anna.push(json!({"update_id": id, "subscription": {"user": anna.user(), "state": "active"}}));
    anna.say("/help", "Это бот").await;
    world.settled().await;
    assert_eq!(anna.count("Показания приняты"), 1);
    world.newest_reading(world.meters(1001).await[0].id, 1, 0).await;
    until("all is confirmed", || async { (world.telegram.confirmed() > id).then_some(()) }).await;
    bots.stop().await;
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_for_again_and_the_person_is_told_once() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    world.settled().await;
    bots.stop().await;

    let left = Arc::new(AtomicU32::new(6));
    let forgets = Meddler {
        inner: world.sender.clone(),
        meddle: move |envelope: &kontor_commands::Envelope| {
            let fewer = |left: u32| left.checked_sub(1);
            let armed = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
            match (envelope.aggregate.as_str(), armed) {
                ("meter", Ok(4..)) => Meddling::Overloaded,
                ("meter", Ok(_)) => Meddling::SendAndForget,
                _ => Meddling::None,
            }
        },
    };
    let settings = TelegramSettings { notice_after: Duration::ZERO, ..World::settings() };
    let bots = world.work_with(Arc::new(forgets), settings);
    anna.say("12", "Записываю…").await;
    until("the outcome", || async {
        (anna.count("Показания приняты: 12,0") == 1).then_some(())
    })
    .await;
    world.settled().await;
    assert_eq!(anna.count("Записываю…"), 1, "told once");
    assert_eq!(anna.count("Показания приняты"), 1);
    world.newest_reading(world.meters(1001).await[0].id, 1, 0).await;
    bots.stop().await;
}

#[tokio::test]
async fn updates_of_one_chat_are_handled_and_answered_in_order() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.add_water_meter("10").await;
    for zone in 4..=9 {
        anna.push(anna.message(json!({"text": format!("T{zone} 100")})));
    }
    until("all replies", || async { (anna.count("не бывает") == 6).then_some(()) }).await;
    let replies: Vec<String> =
        anna.texts().into_iter().filter(|text| text.contains("не бывает")).collect();
    for (reply, zone) in replies.iter().zip(4..=9) {
        assert!(reply.contains(&format!("Т{zone}")), "{replies:?}");
    }
    bots.stop().await;
}

#[tokio::test]
async fn an_update_that_could_not_be_stored_is_not_confirmed_with_a_higher_one_before_it() {
    let world = World::new().await;
    let anna = world.person(1001, "Анна", "ru");
    let (low, high) = (anna.message(json!({"text": "1"})), anna.message(json!({"text": "2"})));
    let space = [
        "create function no_space() returns trigger language plpgsql as $$ begin
             raise exception 'no space left' using errcode = 'disk_full'; end $$",
        "create trigger no_space before insert on inbox for each row
         when (new.payload #>> '{message,text}' = '1') execute function no_space()",
    ];
    for statement in space {
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    // Not in the order of their numbers.
    anna.push(high);
    anna.push(low);
    let bots = world.work();
    until("it was tried again", || async {
        (world.telegram.calls("getUpdates").len() >= 3).then_some(())
    })
    .await;
    sqlx::query("drop trigger no_space on inbox").execute(&world.pool).await.unwrap();
    until("both are stored", || async {
        let stored: i64 =
            sqlx::query_scalar("select count(*) from inbox").fetch_one(&world.pool).await.unwrap();
        (stored == 2).then_some(())
    })
    .await;
    bots.stop().await;
}
