//! Parameters of a call, however they were sent: in the query, as JSON, as a form, in parts.

use std::collections::HashMap;

use axum::Form;
use axum::extract::multipart::MultipartError;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Query, Request};
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::error::WireError;
use crate::limits;
use crate::shared::Shared;

/// An uploaded file.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) bytes: Bytes,
}

/// The parameters of one call.
#[derive(Debug, Default)]
pub(crate) struct Params {
    values: Map<String, Value>,
    uploads: HashMap<String, Upload>,
}

impl Params {
    /// Reads query and body; the body wins.
    pub(crate) async fn read(shared: &Shared, request: Request) -> Result<Self, WireError> {
        let mut params = Self::default();
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri())
            .map_err(|_| WireError::bad_request("can't parse the query"))?;
        params.add_pairs(query.0);
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            let _permit = shared.uploads.acquire().await.map_err(|_| WireError::server_error())?;
            params.read_parts(request).await?;
            return Ok(params);
        }
        if kind.starts_with("application/x-www-form-urlencoded") && request.method() == Method::POST
        {
            let form = Form::<Vec<(String, String)>>::from_request(request, &()).await;
            let form = form.map_err(|_| WireError::bad_request("can't parse the form"))?;
            params.add_pairs(form.0);
            return Ok(params);
        }
        let body = axum::body::to_bytes(request.into_body(), limits::PLAIN_BODY_BYTES)
            .await
            .map_err(|_| WireError::too_large())?;
        if kind.starts_with("application/json") && !body.is_empty() {
            let values = serde_json::from_slice::<Map<String, Value>>(&body)
                .map_err(|_| WireError::bad_request("can't parse JSON object"))?;
            params.values.extend(values);
        }
        Ok(params)
    }

    /// Parameters of a call that came as the answer to a webhook.
    pub(crate) fn of_object(values: Map<String, Value>) -> Self {
        Self { values, uploads: HashMap::new() }
    }

    fn add_pairs(&mut self, pairs: Vec<(String, String)>) {
        self.values.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
    }

    async fn read_parts(&mut self, mut request: Request) -> Result<(), WireError> {
        DefaultBodyLimit::max(limits::UPLOAD_BODY_BYTES).apply(&mut request);
        let mut parts = Multipart::from_request(request, &())
            .await
            .map_err(|_| WireError::bad_request("can't parse the multipart body"))?;
        for _ in 0..limits::MULTIPART_PARTS {
            let part = parts.next_field().await.map_err(|error| broken(&error))?;
            let Some(part) = part else { return Ok(()) };
            let name = part.name().unwrap_or_default().to_owned();
            let file_name = part.file_name().map(str::to_owned);
            let mime = part.content_type().unwrap_or("application/octet-stream").to_owned();
            let bytes = part.bytes().await.map_err(|error| broken(&error))?;
            match file_name {
                Some(file_name) => {
                    let upload = Upload { name: file_name, mime, bytes };
                    self.uploads.insert(name, upload);
                }
                None => {
                    let text = String::from_utf8(bytes.to_vec())
                        .map_err(|_| WireError::bad_request("strings must be encoded in UTF-8"))?;
                    self.values.insert(name, Value::String(text));
                }
            }
        }
        Err(WireError::bad_request("too many parts"))
    }

    /// A text; numbers and truth values count by how they are written.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        if value.is_null() {
            return None;
        }
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// A whole number; `None` when it is not there.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, WireError> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| {
            WireError::bad_request(format!("invalid parameter \"{name}\": number expected"))
        })
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| ["true", "1", "yes"].contains(&text.to_ascii_lowercase().as_str()))
    }

    /// An object or array, itself or as JSON in a text.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, WireError> {
        let Some(value) = self.values.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        match value.as_str() {
            None => Ok(Some(value.clone())),
            Some(text) if text.trim().is_empty() => Ok(None),
            Some(text) => serde_json::from_str(text).map(Some).map_err(|_| {
                WireError::bad_request(format!("can't parse {name}: Can't parse JSON object"))
            }),
        }
    }

    /// The chat that the call is about, if it says so readably.
    pub(crate) fn chat_id(&self) -> Option<i64> {
        self.integer("chat_id").ok().flatten()
    }

    /// The chat that the call has to name.
    pub(crate) fn required_chat_id(&self) -> Result<i64, WireError> {
        match self.text("chat_id").filter(|text| !text.is_empty()) {
            None => Err(WireError::bad_request("chat_id is empty")),
            Some(text) => text.parse().map_err(|_| WireError::bad_request("chat not found")),
        }
    }

    /// The message that the call has to name.
    pub(crate) fn required_message_id(&self) -> Result<i64, WireError> {
        self.integer("message_id")?
            .ok_or_else(|| WireError::bad_request("message identifier is not specified"))
    }

    /// The message that is answered, in its present and its older spelling.
    pub(crate) fn reply_to(&self) -> Result<Option<i64>, WireError> {
        let parameters = self.json("reply_parameters")?;
        match parameters.as_ref().and_then(|parameters| parameters["message_id"].as_i64()) {
            Some(id) => Ok(Some(id)),
            None => self.integer("reply_to_message_id"),
        }
    }

    /// An uploaded file, by the name of its part.
    pub(crate) fn upload(&self, part: &str) -> Option<&Upload> {
        self.uploads.get(part)
    }

    /// The parameters for the record: no secret, and files by name and size only.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = self.values.clone();
        for secret in ["secret_token", "provider_token"] {
            if let Some(value) = shown.get_mut(secret) {
                *value = json!("(secret)");
            }
        }
        for (part, upload) in &self.uploads {
            let file = json!({"file_name": upload.name, "file_size": upload.bytes.len()});
            shown.insert(part.clone(), file);
        }
        Value::Object(shown)
    }
}

fn broken(error: &MultipartError) -> WireError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return WireError::too_large();
    }
    WireError::bad_request("can't parse the multipart body")
}
