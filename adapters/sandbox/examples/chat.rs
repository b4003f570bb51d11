//! The sandbox with a small bot of its own, to look at the chat page:
//! `cargo run -p kontor-sandbox --example chat`.

#![expect(clippy::print_stdout, reason = "an example speaks to whoever started it")]

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use kontor_sandbox::{Person, Sandbox, SandboxBot, SandboxSettings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "1000001:SANDBOX-demo-bot-token";

/// A small chart, so that the bot has something to show.
const PHOTO: &[u8] = include_bytes!("meter.png");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let sandbox = Sandbox::new(settings(address))?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(sandbox.clone().run(stop.clone()));
    let answering = tokio::spawn(answer(format!("http://{address}/bot{TOKEN}")));
    println!("http://{address}/?bot=demo&person=1001");
    axum::serve(listener, sandbox.router())
        .with_graceful_shutdown(async move {
            // Without a signal to wait for, the example runs on.
            drop(tokio::signal::ctrl_c().await);
            stop.cancel();
        })
        .await?;
    answering.abort();
    running.await?;
    Ok(())
}

fn settings(address: SocketAddr) -> SandboxSettings {
    let person = |id, first_name: &str, last_name: &str, language_code: &str| Person {
        id,
        first_name: first_name.to_owned(),
        last_name: Some(last_name.to_owned()),
        username: None,
        language_code: language_code.to_owned(),
    };
    SandboxSettings {
        bots: vec![SandboxBot {
            name: "demo".to_owned(),
            username: "kontor_demo_bot".to_owned(),
            title: "Городские счётчики".to_owned(),
            token: TOKEN.to_owned(),
        }],
        people: vec![
            person(1001, "Анна", "Петрова", "ru"),
            person(1002, "John", "Smith", "en"),
            person(1003, "Олег", "Ким", "ru"),
        ],
        state_file: None,
        shops: Vec::new(),
        public_url: format!("http://{address}"),
    }
}

/// One method of the Bot API; what it answers in `result`.
async fn call(base: &str, method: &str, params: Value) -> Result<Value, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer: Value =
        client.post(format!("{base}/{method}")).json(&params).send().await?.json().await?;
    Ok(answer["result"].clone())
}

async fn answer(base: String) {
    let commands = json!({"commands": [
        {"command": "start", "description": "Начать сначала"},
        {"command": "reading", "description": "Передать показания"},
        {"command": "history", "description": "Что уже передано"},
    ]});
    let description = json!({"description": "Принимаю показания счётчиков: напишите число или \
                             пришлите фото."});
    for (method, params) in [("setMyCommands", commands), ("setMyDescription", description)] {
        if let Err(error) = call(&base, method, params).await {
            println!("{method}: {error}");
        }
    }
    let mut offset = 0;
    loop {
        let params = json!({"offset": offset, "timeout": 25});
        let updates = call(&base, "getUpdates", params).await.unwrap_or_default();
        for update in updates.as_array().into_iter().flatten() {
            offset = update["update_id"].as_i64().unwrap_or_default() + 1;
            if let Err(error) = handle(&base, update).await {
                println!("{error}");
            }
        }
        if updates.is_null() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn handle(base: &str, update: &Value) -> Result<(), reqwest::Error> {
    let message = &update["message"];
    let chat_id = &message["chat"]["id"];
    if let Some(query) = update.get("callback_query") {
        return handle_press(base, query).await;
    }
    if chat_id.is_null() {
        return Ok(());
    }
    let text = message["text"].as_str().unwrap_or_default();
    call(base, "sendChatAction", json!({"chat_id": chat_id, "action": "typing"})).await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    if text.starts_with("/start") {
        let name = message["from"]["first_name"].as_str().unwrap_or_default().replace('<', "&lt;");
        let greeting = format!(
            "Здравствуйте, {name}! Я принимаю показания счётчиков.\n\nНапишите число или \
             пришлите <b>фото счётчика</b>. Вот что ещё можно: /reading, /history."
        );
        let keyboard = json!({"resize_keyboard": true, "keyboard": [
            ["📊 Передать показания", "🕓 История"],
            [{"text": "📱 Отправить телефон", "request_contact": true}],
        ]});
        let params = json!({"chat_id": chat_id, "text": greeting, "parse_mode": "HTML",
            "reply_markup": keyboard});
        call(base, "sendMessage", params).await?;
    } else if text.contains("История") || text == "/history" {
        send_photo(base, chat_id).await?;
    } else {
        send_question(base, chat_id, text).await?;
    }
    Ok(())
}

async fn send_photo(base: &str, chat_id: &Value) -> Result<(), reqwest::Error> {
    let part = reqwest::multipart::Part::bytes(PHOTO).file_name("meter.png");
    let form = reqwest::multipart::Form::new()
        .text("chat_id", chat_id.to_string())
        .text("caption", "Электричество за полгода. Последние показания: <b>1 234,5</b> кВт·ч.")
        .text("parse_mode", "HTML")
        .part("photo", part);
    let client = reqwest::Client::builder().no_proxy().build()?;
    client.post(format!("{base}/sendPhoto")).multipart(form).send().await?;
    Ok(())
}

async fn send_question(base: &str, chat_id: &Value, text: &str) -> Result<(), reqwest::Error> {
    let shown = if text.is_empty() { "то, что на фото" } else { text };
    let params = json!({
        "chat_id": chat_id,
        "text": format!("Это втрое больше обычного: 312 кВт·ч вместо 95. Прочитано: {shown}. Всё верно?"),
        "reply_markup": {"inline_keyboard": [
            [{"text": "Да, верно", "callback_data": "yes"}, {"text": "Исправить", "callback_data": "no"}],
            [{"text": "Как читать счётчик", "url": "https://example.test/help"}],
        ]},
    });
    call(base, "sendMessage", params).await?;
    Ok(())
}

async fn handle_press(base: &str, query: &Value) -> Result<(), reqwest::Error> {
    tokio::time::sleep(Duration::from_millis(700)).await;
    let is_yes = query["data"] == "yes";
    let answer = json!({
        "callback_query_id": query["id"],
        "text": if is_yes { "Принято" } else { "Напишите число ещё раз, всё вместе с долями." },
        "show_alert": !is_yes,
    });
    call(base, "answerCallbackQuery", answer).await?;
    if is_yes {
        let message = &query["message"];
        let edit = json!({
            "chat_id": message["chat"]["id"],
            "message_id": message["message_id"],
            "text": "✅ Показания приняты. За месяц 312 кВт·ч.",
        });
        call(base, "editMessageText", edit).await?;
    }
    Ok(())
}
