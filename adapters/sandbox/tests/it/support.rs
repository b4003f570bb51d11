//! A sandbox on a free port, and short ways to speak to it.

use std::path::PathBuf;
use std::time::Duration;

use kontor_sandbox::{Person, Sandbox, SandboxBot, SandboxSettings};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "1000001:SANDBOX-demo-bot-token";
pub(crate) const OTHER_TOKEN: &str = "1000002:SANDBOX-other-bot-token";
/// No test waits longer than this for something that should happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A picture of 2 by 1, as far as its header tells.
pub(crate) const GIF: &[u8] = b"GIF89a\x02\x00\x01\x00\x80\x00\x00";

pub(crate) struct World {
    pub(crate) base: String,
    pub(crate) client: Client,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What the wire answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let body = response.json().await.unwrap_or_default();
        Self { status, body }
    }

    /// The result of a call that went well.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.body["ok"], true);
        self.body["result"].clone()
    }

    /// Code and description of a call that was refused in Telegram's shape.
    pub(crate) fn refused(self) -> (u16, String) {
        assert_eq!(self.body["ok"], false, "{}", self.body);
        assert_eq!(self.body["error_code"], self.status);
        (self.status, self.body["description"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn settings(state_file: Option<PathBuf>) -> SandboxSettings {
    let bot = |name: &str, token: &str| SandboxBot {
        name: name.to_owned(),
        username: format!("kontor_{name}_bot"),
        title: format!("Kontor {name}"),
        token: token.to_owned(),
    };
    let person = |id, first_name: &str, language: &str| Person {
        id,
        first_name: first_name.to_owned(),
        last_name: None,
        username: None,
        language_code: language.to_owned(),
    };
    SandboxSettings {
        bots: vec![bot("demo", TOKEN), bot("other", OTHER_TOKEN)],
        people: vec![person(1001, "Анна", "ru"), person(1002, "John", "en")],
        state_file,
        shops: Vec::new(),
        public_url: "http://127.0.0.1".to_owned(),
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(settings(None)).await
    }

    pub(crate) async fn with(settings: SandboxSettings) -> Self {
        Self::of(Sandbox::new(settings).unwrap()).await
    }

    pub(crate) async fn of(sandbox: Sandbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(sandbox.clone().run(stop.clone()));
        let shutdown = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            axum::serve(listener, sandbox.router()).with_graceful_shutdown(shutdown).await.unwrap();
        });
        let client = Client::builder().no_proxy().build().unwrap();
        Self { base, client, stop, tasks: vec![running, serving] }
    }

    /// Stops everything and waits until it has stopped.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        drop(self.client);
        for task in self.tasks {
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }

    /// A call of the demo bot with JSON.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Answer {
        self.call_as(TOKEN, method, params).await
    }

    pub(crate) async fn call_as(&self, token: &str, method: &str, params: Value) -> Answer {
        let url = format!("{}/bot{token}/{method}", self.base);
        Answer::of(self.client.post(url).json(&params).send().await.unwrap()).await
    }

    /// A request of the page's interface.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{}/sandbox/{path}", self.base);
        let mut request = self.client.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Something that a person does in the chat with the demo bot.
    pub(crate) async fn act(&self, person: i64, what: &str, body: Value) -> Value {
        let path = format!("chats/demo/{person}/{what}");
        let answer = self.ask(Method::POST, &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The person presses Start, so that the bot may write.
    pub(crate) async fn start_chat(&self, person: i64) {
        self.act(person, "start", json!({})).await;
    }

    pub(crate) async fn send(&self, person: i64, text: &str) -> Value {
        self.call("sendMessage", json!({"chat_id": person, "text": text})).await.ok()
    }

    /// Waiting updates, without confirming any.
    pub(crate) async fn updates(&self) -> Vec<Value> {
        self.call("getUpdates", json!({})).await.ok().as_array().unwrap().clone()
    }

    /// The chat as the page sees it.
    pub(crate) async fn chat(&self, person: i64) -> Value {
        self.ask(Method::GET, &format!("chats/demo/{person}"), Value::Null).await.body
    }
}
