use reqwest::Method;
use serde_json::{Value, json};

use crate::support::World;

async fn refused(world: &World, method: &str, params: Value) -> String {
    let (code, description) = world.call(method, params).await.refused();
    format!("{code} {description}")
}

#[tokio::test]
async fn message_ids_rise_per_chat() {
    let world = World::start().await;
    for person in [1001, 1002] {
        world.start_chat(person).await;
    }
    assert_eq!(world.send(1001, "a").await["message_id"], 2, "after /start");
    assert_eq!(world.send(1001, "b").await["message_id"], 3);
    assert_eq!(world.send(1002, "c").await["message_id"], 2);
}

#[tokio::test]
async fn a_bot_cannot_write_first_nor_to_whom_blocked_it_nor_to_nobody() {
    let world = World::start().await;
    let hello = |chat: i64| json!({"chat_id": chat, "text": "hello"});
    assert_eq!(
        refused(&world, "sendMessage", hello(1001)).await,
        "403 Forbidden: bot can't initiate conversation with a user"
    );
    assert_eq!(refused(&world, "sendMessage", hello(9)).await, "400 Bad Request: chat not found");
    world.start_chat(1001).await;
    world.send(1001, "hello").await;
    world.act(1001, "block", Value::Null).await;
    assert_eq!(
        refused(&world, "sendMessage", hello(1001)).await,
        "403 Forbidden: bot was blocked by the user"
    );
    world.act(1001, "unblock", Value::Null).await;
    world.send(1001, "hello again").await;
    let kinds: Vec<String> = world
        .updates()
        .await
        .iter()
        .filter(|update| update.get("my_chat_member").is_some())
        .map(|update| update["my_chat_member"]["new_chat_member"]["status"].to_string())
        .collect();
    assert_eq!(kinds, ["\"kicked\"", "\"member\""]);
}

#[tokio::test]
async fn texts_have_limits_that_count_after_parsing() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let html = |text: String| json!({"chat_id": 1001, "text": text, "parse_mode": "HTML"});
    let full = format!("<b>{}</b>", "ж".repeat(4096));
    assert_eq!(world.call("sendMessage", html(full)).await.status, 200);
    assert_eq!(
        refused(&world, "sendMessage", html("ж".repeat(4097))).await,
        "400 Bad Request: message is too long"
    );
    assert_eq!(
        refused(&world, "sendMessage", html("<b> </b>".to_owned())).await,
        "400 Bad Request: message text is empty"
    );
    let start = "400 Bad Request: can't parse entities: ";
    let why = refused(&world, "sendMessage", html("a < b".to_owned())).await;
    assert!(why.starts_with(start), "{why}");
}

#[tokio::test]
async fn keyboards_are_checked() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let with = |markup: Value| json!({"chat_id": 1001, "text": "x", "reply_markup": markup});
    let button =
        |data: String| with(json!({"inline_keyboard": [[{"text": "ok", "callback_data": data}]]}));
    assert_eq!(world.call("sendMessage", button("ж".repeat(32))).await.status, 200);
    for wrong in [String::new(), "ж".repeat(32) + "x"] {
        assert_eq!(
            refused(&world, "sendMessage", button(wrong)).await,
            "400 Bad Request: BUTTON_DATA_INVALID"
        );
    }
    let script = with(json!({"inline_keyboard": [[{"text": "x", "url": "javascript:alert(1)"}]]}));
    assert!(refused(&world, "sendMessage", script).await.contains("is invalid"));
    let bare = with(json!({"inline_keyboard": [[{"text": "x"}]]}));
    assert!(refused(&world, "sendMessage", bare).await.contains("Text buttons are unallowed"));
    let many: Vec<Value> =
        (0..101).map(|n| json!([{"text": "x", "callback_data": n.to_string()}])).collect();
    let many = with(json!({"inline_keyboard": many}));
    assert_eq!(
        refused(&world, "sendMessage", many).await,
        "400 Bad Request: REPLY_MARKUP_TOO_LONG"
    );
}

#[tokio::test]
async fn an_edit_changes_the_message_and_an_edit_without_change_is_refused() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let keyboard = json!({"inline_keyboard": [[{"text": "ok", "callback_data": "1"}]]});
    let sent = json!({"chat_id": 1001, "text": "one", "reply_markup": keyboard});
    let id = world.call("sendMessage", sent).await.ok()["message_id"].clone();
    let edit = |text: &str| json!({"chat_id": 1001, "message_id": id, "text": text});
    let same = json!({"chat_id": 1001, "message_id": id, "text": "one", "reply_markup": keyboard});
    assert!(
        refused(&world, "editMessageText", same)
            .await
            .starts_with("400 Bad Request: message is not modified")
    );
    let edited = world.call("editMessageText", edit("two")).await.ok();
    assert_eq!(edited["text"], "two");
    assert!(edited["edit_date"].is_i64());
    assert!(edited.get("reply_markup").is_none(), "without buttons the old ones go");
    let back = json!({"chat_id": 1001, "message_id": id, "reply_markup": keyboard});
    let edited = world.call("editMessageReplyMarkup", back).await.ok();
    assert_eq!(edited["reply_markup"], keyboard);

    let missing = json!({"chat_id": 1001, "message_id": 999, "text": "x"});
    assert_eq!(
        refused(&world, "editMessageText", missing).await,
        "400 Bad Request: message to edit not found"
    );
    let foreign = json!({"chat_id": 1001, "message_id": 1, "text": "x"});
    assert_eq!(
        refused(&world, "editMessageText", foreign).await,
        "400 Bad Request: message can't be edited"
    );
    let caption = json!({"chat_id": 1001, "message_id": id, "caption": "x"});
    assert_eq!(
        refused(&world, "editMessageCaption", caption).await,
        "400 Bad Request: there is no caption in the message to edit"
    );
}

#[tokio::test]
async fn a_deleted_message_is_gone_for_the_person_too() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let id = world.send(1001, "oops").await["message_id"].clone();
    let delete = json!({"chat_id": 1001, "message_id": id});
    assert_eq!(world.call("deleteMessage", delete.clone()).await.ok(), true);
    assert_eq!(world.chat(1001).await["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        refused(&world, "deleteMessage", delete).await,
        "400 Bad Request: message to delete not found"
    );
}

#[tokio::test]
async fn a_copy_hides_its_author_and_a_forward_names_them() {
    let world = World::start().await;
    for person in [1001, 1002] {
        world.start_chat(person).await;
    }
    let written = world.act(1001, "text", json!({"text": "who?"})).await;
    let source =
        json!({"chat_id": 1002, "from_chat_id": 1001, "message_id": written["message_id"]});
    let copied = world.call("copyMessage", source.clone()).await.ok();
    assert_eq!(copied, json!({"message_id": 2}));
    let forwarded = world.call("forwardMessage", source).await.ok();
    assert_eq!(forwarded["forward_origin"]["sender_user"]["first_name"], "Анна");
    assert_eq!(forwarded["text"], "who?");
    let nothing = json!({"chat_id": 1002, "from_chat_id": 1001, "message_id": 77});
    assert_eq!(
        refused(&world, "copyMessage", nothing).await,
        "400 Bad Request: message to copy not found"
    );
}

#[tokio::test]
async fn an_answer_to_a_message_carries_it_and_an_answer_to_nothing_is_refused() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let reply =
        |id: i64| json!({"chat_id": 1001, "text": "x", "reply_parameters": {"message_id": id}});
    let sent = world.call("sendMessage", reply(1)).await.ok();
    assert_eq!(sent["reply_to_message"]["text"], "/start");
    assert_eq!(
        refused(&world, "sendMessage", reply(50)).await,
        "400 Bad Request: message to be replied not found"
    );
}

#[tokio::test]
async fn commands_are_chosen_by_scope_and_language() {
    let world = World::start().await;
    let set = |commands: &str, scope: Value, language: &str| {
        json!({"commands": [{"command": commands, "description": "d"}], "scope": scope,
            "language_code": language})
    };
    let private = json!({"type": "all_private_chats"});
    for params in [
        set("all", json!({"type": "default"}), ""),
        set("private", private.clone(), ""),
        set("russian", private.clone(), "ru"),
        set("own", json!({"type": "chat", "chat_id": 1002}), ""),
    ] {
        world.call("setMyCommands", params).await.ok();
    }
    assert_eq!(world.chat(1001).await["commands"][0]["command"], "russian");
    assert_eq!(world.chat(1002).await["commands"][0]["command"], "own");
    let russian = json!({"scope": private, "language_code": "ru"});
    assert_eq!(world.call("getMyCommands", russian.clone()).await.ok()[0]["command"], "russian");
    world.call("deleteMyCommands", russian).await.ok();
    assert_eq!(world.chat(1001).await["commands"][0]["command"], "private");
    let wrong = json!({"commands": [{"command": "Große", "description": "d"}]});
    assert_eq!(
        refused(&world, "setMyCommands", wrong).await,
        "400 Bad Request: BOT_COMMAND_INVALID"
    );
}

#[tokio::test]
async fn calls_are_recorded_without_secrets() {
    let world = World::start().await;
    world.start_chat(1001).await;
    world.send(1001, "hello").await;
    let hook = json!({"url": format!("{}/nowhere", world.base), "secret_token": "s3cret"});
    world.call("setWebhook", hook).await.ok();
    let calls = world.ask(Method::GET, "calls?method=sendmessage&chat_id=1001", Value::Null).await;
    let calls = calls.body["calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0]["method"], &calls[0]["status"]), (&json!("sendMessage"), &json!(200)));
    let all = world.ask(Method::GET, "calls", Value::Null).await.body.to_string();
    assert!(!all.contains("s3cret") && !all.contains("SANDBOX-demo"), "{all}");
}
