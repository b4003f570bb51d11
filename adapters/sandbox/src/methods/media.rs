//! The file of a call: uploaded, attached, given as a URL, or known already by its id.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::files::FileEntry;
use crate::limits;
use crate::shared::Shared;
use crate::wire::error::WireError;
use crate::wire::params::Params;

/// Finds and stores the file in parameter `field` (`photo`, `document` or `media`).
pub(super) async fn store(
    shared: &Shared,
    bot_id: i64,
    params: &Params,
    field: &str,
) -> Result<FileEntry, WireError> {
    let (kind, source) = source_of(params, field)?;
    let part = source.strip_prefix("attach://").unwrap_or(field);
    let is_reference = !source.is_empty() && !source.starts_with("attach://");
    let (name, mime, bytes) = if is_reference {
        if !source.starts_with("http://") && !source.starts_with("https://") {
            return known(shared, bot_id, &source, &kind);
        }
        let bytes = fetch(shared, &source, &kind).await?;
        let name = source.rsplit('/').next().unwrap_or_default().to_owned();
        (name, "application/octet-stream".to_owned(), bytes)
    } else {
        let upload = params
            .upload(part)
            .ok_or_else(|| WireError::bad_request(format!("there is no {kind} in the request")))?;
        (upload.name.clone(), upload.mime.clone(), upload.bytes.clone())
    };
    let entry = FileEntry::describe(bot_id, &name, &mime, &bytes);
    check(&entry, &kind)?;
    shared.keep_file(entry.clone(), bytes).await?;
    Ok(entry)
}

/// What kind of file it is and where it comes from; empty means the part of the same name.
fn source_of(params: &Params, field: &str) -> Result<(String, String), WireError> {
    if field != "media" {
        return Ok((field.to_owned(), params.text(field).unwrap_or_default()));
    }
    let media = params.json("media")?.unwrap_or_default();
    let kind = media["type"].as_str().unwrap_or_default();
    if !["photo", "document"].contains(&kind) {
        return Err(WireError::bad_request(
            "can't parse InputMedia: type must be photo or document",
        ));
    }
    let source = media["media"].as_str().unwrap_or_default();
    if source.is_empty() {
        return Err(WireError::bad_request("media not found"));
    }
    Ok((kind.to_owned(), source.to_owned()))
}

fn known(shared: &Shared, bot_id: i64, file_id: &str, kind: &str) -> Result<FileEntry, WireError> {
    let entry = shared.with(|world| world.files.get(file_id).cloned());
    let entry = entry
        .filter(|entry| entry.bot_id == bot_id && (kind == "document" || entry.sides.is_some()));
    entry.ok_or_else(|| {
        WireError::bad_request("wrong remote file identifier specified: Wrong string length")
    })
}

/// The limits that Telegram puts on uploads.
pub(crate) fn check(entry: &FileEntry, kind: &str) -> Result<(), WireError> {
    if entry.size == 0 {
        return Err(WireError::bad_request("file must be non-empty"));
    }
    if kind != "photo" {
        let fits = entry.size <= limits::DOCUMENT_BYTES;
        return if fits { Ok(()) } else { Err(WireError::too_large()) };
    }
    if entry.size > limits::PHOTO_BYTES {
        let (size, most) = (entry.size, limits::PHOTO_BYTES);
        return Err(WireError::bad_request(format!(
            "file of size {size} bytes is too big for a photo; the maximum size is {most} bytes"
        )));
    }
    let Some((width, height)) = entry.sides else {
        return Err(WireError::bad_request("IMAGE_PROCESS_FAILED"));
    };
    let (longer, shorter) = (width.max(height), width.min(height));
    let too_thin = longer / shorter.max(1) > limits::PHOTO_RATIO;
    if width.saturating_add(height) > limits::PHOTO_SIDES || too_thin {
        return Err(WireError::bad_request("PHOTO_INVALID_DIMENSIONS"));
    }
    Ok(())
}

async fn fetch(shared: &Shared, url: &str, kind: &str) -> Result<Bytes, WireError> {
    let most = if kind == "photo" { limits::URL_PHOTO_BYTES } else { limits::URL_DOCUMENT_BYTES };
    let failed = || WireError::bad_request("failed to get HTTP URL content");
    let asking = shared.client.get(url).timeout(limits::URL_FETCH);
    let mut response =
        asking.send().await.and_then(reqwest::Response::error_for_status).map_err(|_| failed())?;
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| failed())? {
        if bytes.len() + chunk.len() > most {
            return Err(failed());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The caption that an `InputMedia` carries.
pub(super) fn caption_of(media: &Value) -> Result<crate::text::Formatted, WireError> {
    let text = media["caption"].as_str().unwrap_or_default();
    let entities = media.get("caption_entities").filter(|value| !value.is_null()).cloned();
    let caption = crate::text::Formatted::parse(text, media["parse_mode"].as_str(), entities)?;
    super::send::check_caption(caption)
}
