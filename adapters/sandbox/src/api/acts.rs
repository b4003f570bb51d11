//! What people do: write, send photos, press, edit, block.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, Body};
use crate::Person;
use crate::files::FileEntry;
use crate::limits;
use crate::methods::check_file;
use crate::shared::Shared;
use crate::world::World;
use crate::world::chat::ChatKey;
use crate::world::message::Content;
use crate::world::people::{ActError, written_caption};

/// What an act answers: JSON, or why it was not possible.
type Answer = Result<Json<Value>, ApiError>;
/// The bot's short name and the person's id in the address.
type Chat = Path<(String, i64)>;

fn act(
    shared: &Shared,
    (bot, person_id): (String, i64),
    act: impl FnOnce(&mut World, ChatKey) -> Result<Value, ActError>,
) -> Answer {
    let result = shared.with(|world| {
        let key = world.chat_of(&bot, person_id)?;
        act(world, key)
    });
    Ok(Json(result?))
}

#[derive(Deserialize)]
pub(super) struct NewPerson {
    #[serde(default)]
    id: i64,
    first_name: String,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default = "english")]
    language_code: String,
}

fn english() -> String {
    "en".to_owned()
}

pub(super) async fn add_person(
    State(shared): State<Arc<Shared>>,
    Body(new): Body<NewPerson>,
) -> Answer {
    let some = |text: Option<String>| {
        text.map(|text| text.trim().chars().take(64).collect::<String>())
            .filter(|text| !text.is_empty())
    };
    let person = Person {
        id: new.id,
        first_name: new.first_name,
        last_name: some(new.last_name),
        username: some(new.username),
        language_code: new.language_code.chars().take(8).collect(),
    };
    let person = shared.with(|world| world.add_person(person))?;
    Ok(Json(person.card()))
}

#[derive(Deserialize)]
pub(super) struct Start {
    /// What follows `?start=` in a link to the bot.
    #[serde(default)]
    payload: Option<String>,
}

pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    Body(start): Body<Start>,
) -> Answer {
    let payload = start.payload.unwrap_or_default();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if payload.len() > 64 || !payload.bytes().all(letter) {
        let why = "a start payload has up to 64 letters A-Z, a-z, 0-9, _ and -";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    act(&shared, chat, |world, key| {
        world.person_writes(key, format!("/start {payload}").trim(), None)
    })
}

#[derive(Deserialize)]
pub(super) struct Text {
    text: String,
    #[serde(default)]
    reply_to: Option<i64>,
}

pub(super) async fn text(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    Body(text): Body<Text>,
) -> Answer {
    act(&shared, chat, |world, key| world.person_writes(key, &text.text, text.reply_to))
}

pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Path((bot, person_id, message_id)): Path<(String, i64, i64)>,
    Body(text): Body<Text>,
) -> Answer {
    act(&shared, (bot, person_id), |world, key| world.person_edits(key, message_id, &text.text))
}

#[derive(Deserialize)]
pub(super) struct Press {
    message_id: i64,
    row: usize,
    column: usize,
}

pub(super) async fn press(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    Body(press): Body<Press>,
) -> Answer {
    act(&shared, chat, |world, key| {
        world.person_presses(key, press.message_id, (press.row, press.column))
    })
}

#[derive(Deserialize)]
pub(super) struct Key {
    row: usize,
    column: usize,
}

pub(super) async fn keyboard(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    Body(pressed): Body<Key>,
) -> Answer {
    act(&shared, chat, |world, key| {
        world.person_presses_keyboard(key, (pressed.row, pressed.column))
    })
}

pub(super) async fn contact(State(shared): State<Arc<Shared>>, Path(chat): Chat) -> Answer {
    act(&shared, chat, |world, key| world.person_shares_contact(key))
}

pub(super) async fn block(State(shared): State<Arc<Shared>>, Path(chat): Chat) -> Answer {
    act(&shared, chat, |world, key| {
        world.person_blocks(key, true);
        Ok(world.chat_view(key))
    })
}

pub(super) async fn unblock(State(shared): State<Arc<Shared>>, Path(chat): Chat) -> Answer {
    act(&shared, chat, |world, key| {
        world.person_blocks(key, false);
        Ok(world.chat_view(key))
    })
}

pub(super) async fn read(State(shared): State<Arc<Shared>>, Path(chat): Chat) -> Answer {
    act(&shared, chat, |world, key| {
        world.person_reads(key);
        Ok(world.chat_view(key))
    })
}

pub(super) async fn clear(State(shared): State<Arc<Shared>>, Path(chat): Chat) -> Answer {
    act(&shared, chat, |world, key| {
        world.clear_chat(key);
        Ok(world.chat_view(key))
    })
}

/// A file with its caption, as a browser sends it.
struct Sent {
    name: String,
    mime: String,
    bytes: Bytes,
    caption: String,
}

async fn read_upload(mut parts: Multipart) -> Result<Sent, ApiError> {
    let mut sent = None;
    let mut caption = String::new();
    let refused = |error: axum::extract::multipart::MultipartError| {
        ApiError::new(error.status(), error.body_text())
    };
    for _ in 0..limits::MULTIPART_PARTS {
        let Some(part) = parts.next_field().await.map_err(refused)? else { break };
        if part.name() == Some("caption") {
            caption = part.text().await.map_err(refused)?;
        } else {
            let name = part.file_name().unwrap_or_default().to_owned();
            let mime = part.content_type().unwrap_or("application/octet-stream").to_owned();
            sent = Some((name, mime, part.bytes().await.map_err(refused)?));
        }
    }
    let (name, mime, bytes) =
        sent.ok_or_else(|| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "there is no file"))?;
    Ok(Sent { name, mime, bytes, caption })
}

pub(super) async fn photo(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    parts: Multipart,
) -> Answer {
    upload(&shared, chat, parts, "photo").await
}

pub(super) async fn document(
    State(shared): State<Arc<Shared>>,
    Path(chat): Chat,
    parts: Multipart,
) -> Answer {
    upload(&shared, chat, parts, "document").await
}

async fn upload(shared: &Shared, chat: (String, i64), parts: Multipart, kind: &str) -> Answer {
    let busy = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the sandbox is stopping");
    let _permit = shared.uploads.acquire().await.map_err(|_| busy())?;
    let sent = read_upload(parts).await?;
    let key = shared.with(|world| world.chat_of(&chat.0, chat.1))?;
    let entry = FileEntry::describe(key.bot_id, &sent.name, &sent.mime, &sent.bytes);
    check_file(&entry, kind)?;
    let caption = written_caption(&sent.caption)?;
    shared.keep_file(entry.clone(), sent.bytes).await?;
    act(shared, chat, |world, key| {
        let content = match entry.photo().filter(|_| kind == "photo") {
            Some(photo) => Content::Photo { photo, caption },
            None => Content::Document { document: entry.document(), caption },
        };
        world.person_sends(key, content, None)
    })
}
