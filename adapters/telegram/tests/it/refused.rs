//! Wrong input, old buttons, forged buttons, groups.

use serde_json::json;

use crate::world::{TOKEN, World, until};

#[tokio::test]
async fn what_cannot_be_read_is_explained_and_the_question_stays() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.say("5", "Счётчиков пока нет").await;
    anna.add_water_meter("10").await;
    anna.say("Передать показания", "Сколько сейчас?").await;
    anna.say("привет", "Не вижу числа").await;
    anna.say("-5", "не бывают меньше нуля").await;
    anna.say("1,2345", "до трёх цифр").await;
    anna.say(&"9".repeat(100), "слишком длинное").await;
    anna.say("12 3456", "Вижу несколько чисел").await;
    let voice =
        json!({"voice": {"file_id": "v", "file_unique_id": "u", "duration": 1, "file_size": 9}});
    anna.send(voice, "Здесь нужно число").await;
    anna.say("/buy", "Здесь нужно число").await;
    anna.say("T1 5 T2 6", "другие зоны").await;
    world.settled().await;
    let open: Vec<_> = anna.seen().into_iter().filter(|seen| !seen.buttons.is_empty()).collect();
    let questions = open.iter().filter(|seen| seen.text.contains("Сколько сейчас")).count();
    assert_eq!(questions, 1, "only the last question has buttons: {open:#?}");
    anna.say("12", "Показания приняты: 12,0").await;

    let sticker = json!({"sticker": {"file_id": "s", "file_unique_id": "u", "width": 1, "height": 1,
        "type": "regular", "is_animated": false, "is_video": false}});
    anna.send(sticker, "Такое сообщение прочитать не умею").await;
    anna.say("как дела?", "Не понимаю").await;
    anna.say("/buy", "Такой команды нет").await;
    anna.say("T4 100", "Зоны Т4 не бывает").await;
    world.newest_reading(world.meters(1001).await[0].id, 1, 0).await;
    bots.stop().await;
}

#[tokio::test]
async fn old_and_forged_buttons_are_answered_kindly_and_change_nothing() {
    let world = World::new().await;
    let bots = world.work();
    let anna = world.person(1001, "Анна", "ru");
    anna.register().await;
    anna.press("Добавить счётчик", "Что считает").await;
    let (message_id, data) = anna.button("Электричество").await;
    anna.press("Отмена", "Счётчик не добавлен").await;
    anna.press_data(message_id, &data, "Эта кнопка уже не работает").await;
    for forged in ["q:1:y", "q:999999:mAAAA", "h:AAAAAAAAAAAAAAAAAAAAAA:0", "x", ""] {
        let said = if forged.starts_with('h') {
            "Такого счётчика у вас нет"
        } else {
            "уже не работает"
        };
        anna.press_data(message_id, forged, said).await;
    }
    // Every press is answered at once, so that no spinner stays.
    until("every press is answered", || async {
        let pressed = 1 + 1 + 1 + 1 + 5;
        (world.telegram.calls("answerCallbackQuery").len() == pressed).then_some(())
    })
    .await;

    // Another person's meter cannot be read through a forged button.
    anna.add_water_meter("10").await;
    anna.say("12", "Показания приняты").await;
    let (_, history) = anna.button("История").await;
    let (_, correct) = anna.button("Исправить").await;
    let stranger = world.person(6666, "Мэллори", "ru");
    stranger.register().await;
    let (message_id, _) = stranger.button("Добавить").await;
    stranger.press_data(message_id, &history, "Такого счётчика у вас нет").await;
    stranger.press_data(message_id, &correct, "Такого счётчика у вас нет").await;
    bots.stop().await;
}

#[tokio::test]
async fn groups_get_a_hint_on_commands_and_silence_otherwise() {
    let world = World::new().await;
    let bots = world.work();
    let in_group = |text: &str| {
        json!({"update_id": world.telegram.update_id(), "message": {
            "message_id": 1, "date": 1, "text": text,
            "from": {"id": 1001, "is_bot": false, "first_name": "Анна", "language_code": "ru"},
            "chat": {"id": -1_001_234_567_890_i64, "type": "supergroup", "title": "Дом"}}})
    };
    world.telegram.push(TOKEN, in_group("1234"));
    world.telegram.push(TOKEN, in_group("/start@kontor_demo_bot"));
    until("the hint", || async {
        let seen = world.telegram.chat(TOKEN, -1_001_234_567_890);
        (!seen.is_empty()).then_some(())
    })
    .await;
    world.settled().await;
    let seen = world.telegram.chat(TOKEN, -1_001_234_567_890);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].text.contains("личные сообщения"));
    bots.stop().await;
}
