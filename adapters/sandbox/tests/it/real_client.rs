//! The client that the product uses has to get along with the sandbox.

use serde_json::json;
use teloxide::net::Download as _;
use teloxide::prelude::*;
use teloxide::types::{
    InlineKeyboardButton, InlineKeyboardMarkup, InputFile, ParseMode, UpdateKind,
};
use teloxide::{ApiError, RequestError};

use crate::support::{GIF, TOKEN, World};

fn bot(world: &World, token: &str) -> Bot {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bot::with_client(token, client).set_api_url(world.base.parse().unwrap())
}

#[tokio::test]
async fn it_knows_itself_sends_edits_and_answers() {
    let world = World::start().await;
    let bot = bot(&world, TOKEN);
    let me = bot.get_me().await.unwrap();
    assert_eq!(me.username(), "kontor_demo_bot");
    world.start_chat(1001).await;
    let chat = ChatId(1001);
    let buttons = [[InlineKeyboardButton::callback("Да", "yes")]];
    let sent = bot
        .send_message(chat, "<b>Верно?</b>")
        .parse_mode(ParseMode::Html)
        .reply_markup(InlineKeyboardMarkup::new(buttons))
        .await
        .unwrap();
    assert_eq!(sent.text(), Some("Верно?"));
    let press = json!({"message_id": sent.id.0, "row": 0, "column": 0});
    world.act(1001, "press", press).await;

    let updates = bot.get_updates().timeout(5).await.unwrap();
    let UpdateKind::Message(message) = &updates[0].kind else { panic!("{:?}", updates[0]) };
    assert_eq!(message.text(), Some("/start"));
    let UpdateKind::CallbackQuery(query) = &updates[1].kind else { panic!("{:?}", updates[1]) };
    assert_eq!(query.data.as_deref(), Some("yes"));
    bot.answer_callback_query(query.id.clone()).text("Принято").await.unwrap();
    let edited = bot.edit_message_text(chat, sent.id, "Принято").await.unwrap();
    assert_eq!(edited.text(), Some("Принято"));
    let same = bot.edit_message_text(chat, sent.id, "Принято").await.unwrap_err();
    assert!(matches!(same, RequestError::Api(ApiError::MessageNotModified)), "{same:?}");
    bot.delete_message(chat, sent.id).await.unwrap();
    let full = bot.get_chat(chat).await.unwrap();
    assert_eq!(full.first_name(), Some("Анна"));
}

#[tokio::test]
async fn it_sends_a_photo_and_fetches_it_back() {
    let world = World::start().await;
    let bot = bot(&world, TOKEN);
    world.start_chat(1001).await;
    let photo = InputFile::memory(GIF).file_name("a.gif");
    let sent = bot.send_photo(ChatId(1001), photo).caption("фото").await.unwrap();
    let size = &sent.photo().unwrap()[0];
    let file = bot.get_file(size.file.id.clone()).await.unwrap();
    let mut bytes = Vec::new();
    bot.download_file(&file.path, &mut bytes).await.unwrap();
    assert_eq!(bytes, GIF);
    let again = InputFile::file_id(size.file.id.clone());
    bot.send_photo(ChatId(1001), again).await.unwrap();
}

#[tokio::test]
async fn its_errors_are_the_ones_it_knows() {
    let world = World::start().await;
    let stranger = bot(&world, "1000001:wrong").get_me().await.unwrap_err();
    assert!(matches!(stranger, RequestError::Api(ApiError::InvalidToken)), "{stranger:?}");
    let bot = bot(&world, TOKEN);
    world.start_chat(1001).await;
    world.act(1001, "block", serde_json::Value::Null).await;
    let blocked = bot.send_message(ChatId(1001), "x").await.unwrap_err();
    assert!(matches!(blocked, RequestError::Api(ApiError::BotBlocked)), "{blocked:?}");
    let rule = json!({"kind": "too_many_requests", "retry_after": 3, "count": 1});
    world.ask(reqwest::Method::POST, "faults", rule).await;
    let slow = bot.get_me().await.unwrap_err();
    let RequestError::RetryAfter(seconds) = slow else { panic!("{slow:?}") };
    assert_eq!(seconds.seconds(), 3);
}
