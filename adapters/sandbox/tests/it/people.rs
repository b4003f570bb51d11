use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Answer, GIF, World};

/// Sends a message with one button and returns its id.
async fn question(world: &World) -> Value {
    let keyboard = json!({"inline_keyboard": [[{"text": "Да", "callback_data": "yes:1"}]]});
    let params = json!({"chat_id": 1001, "text": "Верно?", "reply_markup": keyboard});
    world.call("sendMessage", params).await.ok()["message_id"].clone()
}

#[tokio::test]
async fn a_pressed_button_reaches_the_bot_and_its_answer_reaches_the_page() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let id = question(&world).await;
    let pressed = world.act(1001, "press", json!({"message_id": id, "row": 0, "column": 0})).await;
    let updates = world.updates().await;
    let query = &updates.last().unwrap()["callback_query"];
    assert_eq!(query["data"], "yes:1");
    assert_eq!(query["message"]["message_id"], id);
    assert_eq!(query["id"], pressed["callback_id"]);
    assert_eq!(query["from"]["id"], 1001);

    let answer = json!({"callback_query_id": query["id"], "text": "Спасибо", "show_alert": true});
    world.call("answerCallbackQuery", answer).await.ok();
    let state = world.ask(Method::GET, "state", Value::Null).await.body;
    let last = state["last_event_id"].as_i64().unwrap();
    let event = crate::page::first_event(&world, last - 1).await;
    assert_eq!(event["type"], "callback_answer");
    assert_eq!((&event["text"], &event["show_alert"]), (&json!("Спасибо"), &json!(true)));

    let late = json!({"callback_query_id": "1"});
    let (code, why) = world.call("answerCallbackQuery", late).await.refused();
    assert_eq!(code, 400);
    assert!(why.contains("query is too old"), "{why}");
}

#[tokio::test]
async fn a_button_that_is_not_there_cannot_be_pressed() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let id = question(&world).await;
    let press = |row: usize| json!({"message_id": id, "row": row, "column": 0});
    let path = "chats/demo/1001/press";
    assert_eq!(world.ask(Method::POST, path, press(1)).await.status, 404);
    world.act(1001, "block", Value::Null).await;
    assert_eq!(world.ask(Method::POST, path, press(0)).await.status, 409, "blocked");
}

#[tokio::test]
async fn the_bots_keyboard_sends_texts_and_shares_the_contact() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let keyboard =
        json!({"keyboard": [["Показания"], [{"text": "Телефон", "request_contact": true}]]});
    let params = json!({"chat_id": 1001, "text": "x", "reply_markup": keyboard});
    let sent = world.call("sendMessage", params).await.ok();
    assert!(sent.get("reply_markup").is_none(), "only buttons under a message are part of it");
    assert_eq!(world.chat(1001).await["keyboard"]["keyboard"][0][0]["text"], "Показания");
    let text = world.act(1001, "keyboard", json!({"row": 0, "column": 0})).await;
    assert_eq!(text["text"], "Показания");
    let contact = world.act(1001, "keyboard", json!({"row": 1, "column": 0})).await;
    assert_eq!(contact["contact"]["user_id"], 1001);
    assert_eq!(contact["contact"]["phone_number"], "+70000001001");

    let remove = json!({"chat_id": 1001, "text": "y", "reply_markup": {"remove_keyboard": true}});
    world.call("sendMessage", remove).await.ok();
    assert_eq!(world.chat(1001).await["keyboard"], Value::Null);
}

#[tokio::test]
async fn a_person_edits_an_own_message_and_the_bot_hears_of_it() {
    let world = World::start().await;
    let id = world.act(1001, "text", json!({"text": "12,5"})).await["message_id"].clone();
    let edit = json!({"text": "13,5"});
    let path = format!("chats/demo/1001/messages/{id}");
    let edited = world.ask(Method::PATCH, &path, edit.clone()).await.body;
    assert_eq!(edited["text"], "13,5");
    let updates = world.updates().await;
    assert_eq!(updates[1]["edited_message"]["text"], "13,5");
    let foreign = world.send(1001, "bot's").await["message_id"].clone();
    let path = format!("chats/demo/1001/messages/{foreign}");
    assert_eq!(world.ask(Method::PATCH, &path, edit).await.status, 404);
}

#[tokio::test]
async fn a_photo_of_a_person_can_be_fetched_by_the_bot() {
    let world = World::start().await;
    let form =
        Form::new().text("caption", "счётчик").part("photo", Part::bytes(GIF).file_name("a.gif"));
    let url = format!("{}/sandbox/chats/demo/1001/photo", world.base);
    let sent = Answer::of(world.client.post(&url).multipart(form).send().await.unwrap()).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let updates = world.updates().await;
    let message = &updates[0]["message"];
    assert_eq!(message["caption"], "счётчик");
    let file_id = &message["photo"][0]["file_id"];
    let file = world.call("getFile", json!({"file_id": file_id})).await.ok();
    assert_eq!(file["file_size"], GIF.len());

    let form = Form::new().part("photo", Part::bytes(b"text".as_slice()).file_name("a.jpg"));
    let sent = Answer::of(world.client.post(&url).multipart(form).send().await.unwrap()).await;
    assert_eq!(sent.status, 400, "a text is no photo");
}

#[tokio::test]
async fn a_start_link_brings_its_payload() {
    let world = World::start().await;
    world.act(1001, "start", json!({"payload": "ref_9f2c"})).await;
    assert_eq!(world.updates().await[0]["message"]["text"], "/start ref_9f2c");
    let path = "chats/demo/1001/start";
    let wrong = json!({"payload": "a b"});
    assert_eq!(world.ask(Method::POST, path, wrong).await.status, 422);
}

#[tokio::test]
async fn a_person_can_be_added_and_writes_at_once() {
    let world = World::start().await;
    let new = json!({"first_name": " Ольга ", "language_code": "ru"});
    let person = world.ask(Method::POST, "people", new).await.body;
    assert_eq!((&person["id"], &person["first_name"]), (&json!(1003), &json!("Ольга")));
    world.act(1003, "text", json!({"text": "привет"})).await;
    assert_eq!(world.updates().await[0]["message"]["from"]["first_name"], "Ольга");
    let taken = json!({"id": 1001, "first_name": "X"});
    assert_eq!(world.ask(Method::POST, "people", taken).await.status, 422);
    let nameless = json!({"first_name": " "});
    assert_eq!(world.ask(Method::POST, "people", nameless).await.status, 422);
}

#[tokio::test]
async fn unread_messages_are_counted_until_they_are_seen() {
    let world = World::start().await;
    world.start_chat(1001).await;
    world.send(1001, "one").await;
    world.send(1001, "two").await;
    assert_eq!(world.chat(1001).await["unread"], 2);
    world.act(1001, "read", Value::Null).await;
    assert_eq!(world.chat(1001).await["unread"], 0);
}

#[tokio::test]
async fn a_forgotten_chat_has_to_be_started_anew() {
    let world = World::start().await;
    world.start_chat(1001).await;
    world.ask(Method::DELETE, "chats/demo/1001", Value::Null).await;
    assert_eq!(world.chat(1001).await["messages"], json!([]));
    let hello = json!({"chat_id": 1001, "text": "hello"});
    assert_eq!(world.call("sendMessage", hello).await.refused().0, 403);
}
