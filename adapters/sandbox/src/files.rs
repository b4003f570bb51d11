//! Stored files: what bots upload and what people send.

pub(crate) mod image;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::message::{Document, Photo};
use image::Image;

/// What is known of a stored file. Its bytes lie in the [`FileStore`] under `file_id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) file_id: String,
    /// The bot whose chats it belongs to; others cannot use the id.
    pub(crate) bot_id: i64,
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) size: usize,
    /// Width and height, when it is a picture.
    pub(crate) sides: Option<(u32, u32)>,
}

impl FileEntry {
    /// Describes bytes; the kind of a picture is read from them, not from what is claimed.
    pub(crate) fn describe(bot_id: i64, name: &str, claimed_mime: &str, bytes: &[u8]) -> Self {
        let image = Image::recognise(bytes);
        let mime = image.as_ref().map_or_else(|| claimed_mime.to_owned(), |i| i.mime.to_owned());
        Self {
            file_id: format!("sb{}", Uuid::now_v7().simple()),
            bot_id,
            name: safe_name(name),
            mime,
            size: bytes.len(),
            sides: image.map(|image| (image.width, image.height)),
        }
    }

    /// The path that getFile gives.
    pub(crate) fn path(&self) -> String {
        let folder = if self.sides.is_some() { "photos" } else { "documents" };
        let ending = match self.mime.as_str() {
            "image/jpeg" => "jpg",
            "image/png" => "png",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => "bin",
        };
        format!("{folder}/{}.{ending}", self.file_id)
    }

    /// The part of the id that Telegram keeps the same for all bots.
    fn unique_id(&self) -> String {
        self.file_id.chars().rev().take(16).collect()
    }

    pub(crate) fn photo(&self) -> Option<Photo> {
        let (width, height) = self.sides?;
        Some(Photo {
            file_id: self.file_id.clone(),
            file_unique_id: self.unique_id(),
            width,
            height,
            file_size: self.size,
        })
    }

    pub(crate) fn document(&self) -> Document {
        Document {
            file_id: self.file_id.clone(),
            file_unique_id: self.unique_id(),
            file_name: self.name.clone(),
            mime_type: self.mime.clone(),
            file_size: self.size,
        }
    }

    /// The answer of getFile.
    pub(crate) fn wire(&self) -> serde_json::Value {
        serde_json::json!({
            "file_id": self.file_id,
            "file_unique_id": self.unique_id(),
            "file_size": self.size,
            "file_path": self.path(),
        })
    }
}

/// A file's name without folders and control letters; never used as a path here.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|letter| !letter.is_control()).take(128).collect();
    if name.is_empty() { "file".to_owned() } else { name }
}

/// Where the bytes lie: in a folder beside the state file, or in memory.
#[derive(Debug)]
pub(crate) struct FileStore {
    folder: Option<PathBuf>,
    memory: Mutex<HashMap<String, Bytes>>,
}

impl FileStore {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, memory: Mutex::default() }
    }

    /// Keeps the bytes of a file.
    pub(crate) async fn put(&self, file_id: &str, bytes: Bytes) -> io::Result<()> {
        let Some(folder) = &self.folder else {
            self.with_memory(|memory| memory.insert(file_id.to_owned(), bytes));
            return Ok(());
        };
        let path = folder.join(file_id);
        tokio::task::spawn_blocking(move || crate::storage::write_private(&path, &bytes))
            .await
            .map_err(io::Error::other)?
    }

    /// The bytes of a file; `None` when they are gone.
    pub(crate) async fn get(&self, file_id: &str) -> Option<Bytes> {
        let Some(folder) = &self.folder else {
            return self.with_memory(|memory| memory.get(file_id).cloned());
        };
        tokio::fs::read(folder.join(file_id)).await.ok().map(Bytes::from)
    }

    /// Forgets files.
    pub(crate) async fn remove(&self, file_ids: Vec<String>) {
        for file_id in file_ids {
            self.with_memory(|memory| memory.remove(&file_id));
            if let Some(folder) = &self.folder
                && let Err(error) = tokio::fs::remove_file(folder.join(&file_id)).await
            {
                tracing::warn!(%error, "an old file of the sandbox could not be removed");
            }
        }
    }

    fn with_memory<T>(&self, act: impl FnOnce(&mut HashMap<String, Bytes>) -> T) -> T {
        act(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
