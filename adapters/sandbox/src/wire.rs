//! The Bot API as it looks on the wire: addresses, parameters, answers.

pub(crate) mod error;
pub(crate) mod params;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::calls::Call;
use crate::faults::Kind;
use crate::methods::{self, Handler};
use crate::shared::Shared;
use crate::world::events::Event;
use crate::{limits, world};
use error::WireError;
use params::Params;

/// What an address asks for.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Method { token: &'a str, method: &'a str },
    File { token: &'a str, path: &'a str },
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/file/bot") {
            let (token, path) = rest.split_once('/')?;
            let path = path.strip_prefix("test/").unwrap_or(path);
            return Some(Self::File { token, path });
        }
        let (token, method) = path.strip_prefix("/bot")?.split_once('/')?;
        let method = method.strip_prefix("test/").unwrap_or(method);
        let method = method.trim_end_matches('/');
        (!method.contains('/')).then_some(Self::Method { token, method })
    }
}

/// Answers everything that is not the page: `/bot<token>/<method>` and `/file/bot<token>/<path>`.
pub(crate) async fn bot_api(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = unescaped(request.uri().path());
    match Target::of(&path) {
        None => WireError::not_found().into_response(),
        Some(Target::File { token, path }) => match shared.bot_of_token(token) {
            None => WireError::unauthorized().into_response(),
            Some(bot_id) => file(&shared, bot_id, path).await,
        },
        Some(Target::Method { token, method }) => {
            let Some(bot_id) = shared.bot_of_token(token) else {
                return WireError::unauthorized().into_response();
            };
            if ![Method::GET, Method::POST].contains(request.method()) {
                return WireError::not_found().into_response();
            }
            let Some((method, handler)) = methods::find(method) else {
                return WireError::unknown_method().into_response();
            };
            match Params::read(&shared, request).await {
                Err(error) => error.into_response(),
                Ok(params) => {
                    let asked = Asked { bot_id, method, handler, params };
                    asked.answer(&shared).await
                }
            }
        }
    }
}

/// Some clients escape the colon of the token, and the slash in the path of a file.
fn unescaped(path: &str) -> String {
    [("%3A", ":"), ("%3a", ":"), ("%2F", "/"), ("%2f", "/")]
        .into_iter()
        .fold(path.to_owned(), |path, (escaped, letter)| path.replace(escaped, letter))
}

async fn file(shared: &Shared, bot_id: i64, path: &str) -> Response {
    let entry = shared.with(|world| {
        world.files.values().find(|file| file.bot_id == bot_id && file.path() == path).cloned()
    });
    let Some(entry) = entry.filter(|entry| entry.size <= limits::DOWNLOAD_BYTES) else {
        return WireError::not_found().into_response();
    };
    match shared.files.get(&entry.file_id).await {
        Some(bytes) => {
            let kind = HeaderValue::from_static("application/octet-stream");
            ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
        }
        None => WireError::not_found().into_response(),
    }
}

/// A call whose bot, method and parameters are known.
pub(crate) struct Asked {
    pub(crate) bot_id: i64,
    pub(crate) method: &'static str,
    pub(crate) handler: Handler,
    pub(crate) params: Params,
}

impl Asked {
    /// Runs the call through the fault rules, records it and answers.
    pub(crate) async fn answer(self, shared: &Arc<Shared>) -> Response {
        let chat_id = self.params.chat_id();
        let fault = self.strike(shared, chat_id);
        let result = match &fault {
            Some(Kind::TooManyRequests { retry_after }) => {
                Err(WireError::too_many_requests(*retry_after))
            }
            Some(Kind::ServerError) => Err(WireError::server_error()),
            Some(Kind::Forbidden) => Err(WireError::forbidden("bot was blocked by the user")),
            Some(Kind::Timeout) => Err(WireError::unanswered()),
            Some(Kind::ServerErrorAfterEffect) => {
                self.run(shared).await.and(Err(WireError::server_error()))
            }
            Some(Kind::TimeoutAfterEffect) => {
                self.run(shared).await.and(Err(WireError::unanswered()))
            }
            Some(Kind::Delay { delay_ms }) => {
                let delay = Duration::from_millis(*delay_ms);
                shared.stop.run_until_cancelled(tokio::time::sleep(delay)).await;
                self.run(shared).await
            }
            // Rules about updates never strike a call.
            Some(
                Kind::DuplicateUpdate
                | Kind::ReorderUpdates
                | Kind::DropUpdate
                | Kind::WrongSignature,
            )
            | None => self.run(shared).await,
        };
        self.record(shared, chat_id, fault.as_ref(), &result);
        if result.as_ref().is_err_and(WireError::is_unanswered) {
            shared.stop.run_until_cancelled(tokio::time::sleep(limits::UNANSWERED)).await;
        }
        match result {
            Ok(result) => axum::Json(json!({"ok": true, "result": result})).into_response(),
            Err(error) => error.into_response(),
        }
    }

    async fn run(&self, shared: &Arc<Shared>) -> Result<Value, WireError> {
        methods::run(shared, self).await
    }

    fn strike(&self, shared: &Shared, chat_id: Option<i64>) -> Option<Kind> {
        shared.with(|world| {
            let bot = world.bot_name(self.bot_id);
            let fault = world.faults.strike_call(&bot, self.method, chat_id);
            if fault.is_some() {
                let faults = world.faults.list();
                world.events.tell(Event::Faults { faults });
            }
            fault
        })
    }

    fn record(
        &self,
        shared: &Shared,
        chat_id: Option<i64>,
        fault: Option<&Kind>,
        result: &Result<Value, WireError>,
    ) {
        // A poller would push everything else out of the record.
        if self.method == "getUpdates" && result.is_ok() && fault.is_none() {
            return;
        }
        let error = result.as_ref().err();
        let call = Call {
            id: 0,
            at_ms: world::now_ms(),
            bot: String::new(),
            method: self.method.to_owned(),
            chat_id,
            params: self.params.shown(),
            status: error.map_or(StatusCode::OK.as_u16(), |error| error.code),
            description: error.map(|error| error.description.clone()),
            fault: fault.map(Kind::name),
        };
        shared.with(|world| {
            let bot = world.bot_name(self.bot_id);
            world.calls.record(Call { bot, ..call });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_telegram_reads_them() {
        let method = |token, method| Some(Target::Method { token, method });
        assert_eq!(Target::of("/bot1:a/getMe"), method("1:a", "getMe"));
        assert_eq!(Target::of("/bot1:a/test/getMe"), method("1:a", "getMe"));
        assert_eq!(Target::of("/bot1:a/GetMe/"), method("1:a", "GetMe"));
        assert_eq!(
            Target::of("/file/bot1:a/photos/x.jpg"),
            Some(Target::File { token: "1:a", path: "photos/x.jpg" })
        );
        assert_eq!(Target::of("/bot1:a"), None);
        assert_eq!(Target::of("/bot1:a/a/b"), None);
        assert_eq!(Target::of("/robots.txt"), None);
    }
}
