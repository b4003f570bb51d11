//! A stand-in for Telegram: hands out updates, records calls, keeps what a person would see in each
//! chat, and fails on demand.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequest, Multipart, Path, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Map, Value, json};

/// A message as the person sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: i64,
    pub(crate) text: String,
    /// Labels and data of the buttons under it.
    pub(crate) buttons: Vec<(String, String)>,
    pub(crate) markup: Value,
    /// A picture, or a file.
    pub(crate) picture: Option<Vec<u8>>,
}

/// A call of the bot.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) token: String,
    pub(crate) method: String,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) at: Instant,
}

/// What the stand-in answers instead of carrying a call out.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// 429 with this many seconds.
    RetryAfter(u64),
    /// A refusal with status and words.
    Refused(u16, &'static str),
    /// Carries the call out, then answers 500.
    BrokenAfterwards,
}

#[derive(Default)]
struct Inner {
    updates: HashMap<String, VecDeque<Value>>,
    calls: Vec<Call>,
    chats: HashMap<(String, i64), Vec<Seen>>,
    faults: HashMap<String, VecDeque<Fault>>,
    next_message: i64,
    next_update: i64,
    webhooks: HashMap<String, String>,
    /// The charges that were paid back.
    refunded: Vec<String>,
}

/// The stand-in; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct StandIn {
    inner: Arc<Mutex<Inner>>,
}

impl StandIn {
    /// Starts to serve; returns itself and its address.
    pub(crate) async fn start() -> (Self, String) {
        let stand_in = Self::default();
        let router =
            Router::new().route("/{bot}/{method}", post(answer)).with_state(stand_in.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (stand_in, address)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap())
    }

    /// A number for the next update.
    pub(crate) fn update_id(&self) -> i64 {
        self.with(|inner| {
            inner.next_update += 1;
            1000 + inner.next_update
        })
    }

    /// A number for a message of a person.
    pub(crate) fn message_id(&self) -> i64 {
        self.with(Inner::message_id)
    }

    /// Leaves an update for a bot that polls.
    pub(crate) fn push(&self, token: &str, update: Value) {
        self.with(|inner| inner.updates.entry(token.to_owned()).or_default().push_back(update));
    }

    /// Makes the next call of a method fail.
    pub(crate) fn fail(&self, method: &str, fault: Fault) {
        self.with(|inner| inner.faults.entry(method.to_owned()).or_default().push_back(fault));
    }

    /// Pretends that a webhook is set.
    pub(crate) fn set_webhook(&self, token: &str, url: &str) {
        self.with(|inner| inner.webhooks.insert(token.to_owned(), url.to_owned()));
    }

    /// The calls of a method, in order.
    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.with(|inner| {
            let of_method = |call: &&Call| call.method == method;
            inner.calls.iter().filter(of_method).cloned().collect()
        })
    }

    /// What a person sees in a chat, oldest first.
    pub(crate) fn chat(&self, token: &str, chat_id: i64) -> Vec<Seen> {
        self.with(|inner| {
            inner.chats.get(&(token.to_owned(), chat_id)).cloned().unwrap_or_default()
        })
    }

    /// The number up to which updates were confirmed.
    pub(crate) fn confirmed(&self) -> i64 {
        let offsets = self.calls("getUpdates");
        let offset = |call: &Call| call.parameters.get("offset").and_then(Value::as_i64);
        offsets.iter().filter_map(offset).max().unwrap_or(0)
    }
}

impl Inner {
    fn message_id(&mut self) -> i64 {
        self.next_message += 1;
        self.next_message
    }

    fn carry_out(&mut self, call: &Call, picture: Option<Vec<u8>>) -> Result<Value, &'static str> {
        let chat_id = call.parameters.get("chat_id").map_or(0, number);
        let chat = (call.token.clone(), chat_id);
        match call.method.as_str() {
            "getMe" => Ok(json!({"id": 900, "is_bot": true, "first_name": "Kontor"})),
            "getWebhookInfo" => {
                let url = self.webhooks.get(&call.token).cloned().unwrap_or_default();
                Ok(json!({"url": url, "pending_update_count": 0}))
            }
            "deleteWebhook" => {
                self.webhooks.remove(&call.token);
                Ok(json!(true))
            }
            "setWebhook" => {
                let url = text(&call.parameters, "url");
                self.webhooks.insert(call.token.clone(), url);
                Ok(json!(true))
            }
            "refundStarPayment" => {
                let charge = text(&call.parameters, "telegram_payment_charge_id");
                if self.refunded.contains(&charge) {
                    return Err("Bad Request: CHARGE_ALREADY_REFUNDED");
                }
                self.refunded.push(charge);
                Ok(json!(true))
            }
            "getStarTransactions" => {
                let of = |id: &String| json!({"id": id, "amount": 250, "date": 1, "receiver": {"type": "user"}});
                let refunded: Vec<Value> = self.refunded.iter().map(of).collect();
                Ok(json!({"transactions": refunded}))
            }
            "sendMessage" | "sendPhoto" | "sendDocument" | "sendInvoice" => {
                let id = self.message_id();
                let key = match call.method.as_str() {
                    "sendPhoto" | "sendDocument" => "caption",
                    "sendInvoice" => "title",
                    _ => "text",
                };
                let markup = markup(&call.parameters);
                self.chats.entry(chat).or_default().push(Seen {
                    id,
                    text: text(&call.parameters, key),
                    buttons: buttons(&markup),
                    markup,
                    picture,
                });
                Ok(json!({"message_id": id, "date": 1, "chat": {"id": chat_id, "type": "private"}}))
            }
            "editMessageText" | "editMessageReplyMarkup" => {
                let id = call.parameters.get("message_id").map_or(0, number);
                let messages = self.chats.entry(chat).or_default();
                let Some(seen) = messages.iter_mut().find(|seen| seen.id == id) else {
                    return Err("Bad Request: message to edit not found");
                };
                if call.method == "editMessageText" {
                    seen.text = text(&call.parameters, "text");
                }
                seen.markup = markup(&call.parameters);
                seen.buttons = buttons(&seen.markup);
                Ok(json!({"message_id": id, "date": 1, "chat": {"id": chat_id, "type": "private"}}))
            }
            _ => Ok(json!(true)),
        }
    }

    fn waiting(&mut self, call: &Call) -> Vec<Value> {
        let offset = call.parameters.get("offset").map_or(0, number);
        let updates = self.updates.entry(call.token.clone()).or_default();
        updates.retain(|update| update["update_id"].as_i64().is_some_and(|id| id >= offset));
        updates.iter().take(100).cloned().collect()
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

fn text(parameters: &Map<String, Value>, key: &str) -> String {
    parameters.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn markup(parameters: &Map<String, Value>) -> Value {
    match parameters.get("reply_markup") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap(),
        Some(markup) => markup.clone(),
        None => Value::Null,
    }
}

fn buttons(markup: &Value) -> Vec<(String, String)> {
    let rows = markup["inline_keyboard"].as_array().cloned().unwrap_or_default();
    let buttons = rows.iter().filter_map(Value::as_array).flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    buttons.map(|button| (text(&button["text"]), text(&button["callback_data"]))).collect()
}

fn refusal(status: u16, description: &str, retry_after: Option<u64>) -> Response {
    let mut body = json!({"ok": false, "error_code": status, "description": description});
    if let Some(seconds) = retry_after {
        body["parameters"] = json!({"retry_after": seconds});
    }
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn answer(
    State(stand_in): State<StandIn>,
    Path((bot, method)): Path<(String, String)>,
    request: Request,
) -> Response {
    let token = bot.strip_prefix("bot").unwrap_or_default().to_owned();
    let (parameters, picture) = read(request).await;
    let call = Call { token, method: method.clone(), parameters, at: Instant::now() };
    let fault = stand_in.with(|inner| {
        inner.calls.push(call.clone());
        inner.faults.get_mut(&method).and_then(VecDeque::pop_front)
    });
    match fault {
        Some(Fault::RetryAfter(seconds)) => {
            let words = format!("Too Many Requests: retry after {seconds}");
            return refusal(429, &words, Some(seconds));
        }
        Some(Fault::Refused(status, words)) => return refusal(status, words, None),
        Some(Fault::BrokenAfterwards) => {
            let _carried = stand_in.with(|inner| inner.carry_out(&call, picture));
            return refusal(500, "Internal Server Error", None);
        }
        None => {}
    }
    if method == "getUpdates" {
        return Json(json!({"ok": true, "result": poll(&stand_in, &call).await})).into_response();
    }
    match stand_in.with(|inner| inner.carry_out(&call, picture)) {
        Ok(result) => Json(json!({"ok": true, "result": result})).into_response(),
        Err(words) => refusal(400, words, None),
    }
}

/// Waits a little for updates, as a long poll does.
async fn poll(stand_in: &StandIn, call: &Call) -> Vec<Value> {
    for _ in 0..20 {
        let waiting = stand_in.with(|inner| inner.waiting(call));
        if !waiting.is_empty() {
            return waiting;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Vec::new()
}

async fn read(request: Request) -> (Map<String, Value>, Option<Vec<u8>>) {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.unwrap_or_default().starts_with("multipart/") {
        let body = Bytes::from_request(request, &()).await.unwrap();
        return (serde_json::from_slice(&body).unwrap_or_default(), None);
    }
    let mut parts = Multipart::from_request(request, &()).await.unwrap();
    let (mut parameters, mut picture) = (Map::new(), None);
    while let Some(field) = parts.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        if name == "photo" || name == "document" {
            parameters.insert("file_name".to_owned(), field.file_name().into());
            picture = Some(field.bytes().await.unwrap().to_vec());
        } else {
            parameters.insert(name, Value::String(field.text().await.unwrap()));
        }
    }
    (parameters, picture)
}
