//! The sandbox stands in for the Telegram Bot API at the wire level and shows the other side of it:
//! a chat page in the browser on which people write to the bots.
//!
//! Beside it stand providers of payments by card, with the pages on which people pay.
//!
//! A bot or an account is pointed at it by its base URL alone. What the sandbox answers, refuses and delivers is
//! shaped as Telegram does it; on demand it misbehaves (see [`SandboxSettings`] and
//! `POST /sandbox/faults`). It is for trying and testing, never for production: everybody who
//! reaches its port may play every person.

mod api;
mod callbacks;
mod calls;
mod delivery;
mod faults;
mod files;
mod limits;
mod markup;
mod methods;
mod page;
mod settings;
mod shared;
mod storage;
mod stripe;
mod text;
mod wire;
mod world;
mod yookassa;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

pub use settings::{Person, SandboxBot, SandboxSettings, SandboxShop};
pub use storage::SandboxError;
pub use yookassa::YooKassaShop;

use shared::Shared;

/// A running stand-in; cheap to clone, all clones are one sandbox.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Makes a sandbox and reads back what `settings.state_file` holds. A file that cannot be
    /// understood is set aside with the ending `.broken`, and the sandbox starts empty.
    ///
    /// # Errors
    ///
    /// When a bot's token or name is unusable, or when the state file cannot be read or set aside.
    pub fn new(settings: SandboxSettings) -> Result<Self, SandboxError> {
        Shared::start(settings).map(|shared| Self { shared: Arc::new(shared) })
    }

    /// Opens shops at the YooKassa stand-in.
    #[must_use]
    pub fn with_yookassa_shops(self, shops: Vec<YooKassaShop>) -> Self {
        self.shared.with(|world| world.yookassa.shops = shops);
        self
    }

    /// The Bot API (`/bot<token>/<method>`, `/file/bot<token>/<path>`), the chat page (`/`) and
    /// the JSON interface that the page and end-to-end tests use (`/sandbox/...`), Stripe
    /// (`/stripe/v1/...`) with its page for cards (`/stripe/pay/<id>`), and YooKassa
    /// (`/yookassa/v3/...`) with its own (`/yookassa/checkout/<id>`).
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(page::chat))
            .route("/assets/{name}", get(page::asset))
            .nest("/sandbox", api::router())
            .nest("/stripe", stripe::router())
            .nest("/yookassa", yookassa::router())
            .fallback(wire::bot_api)
            .with_state(Arc::clone(&self.shared))
    }

    /// Delivers updates to webhooks and keeps the state file up to date until `stop`; then ends
    /// every open stream and long poll and writes the state a last time.
    pub async fn run(self, stop: CancellationToken) {
        let shared = self.shared;
        let deliveries = shared.bot_ids().into_iter().map(|bot_id| {
            delivery::deliver_until_stopped(Arc::clone(&shared), bot_id, stop.clone())
        });
        let ending = async {
            stop.cancelled().await;
            shared.stop.cancel();
        };
        tokio::join!(
            futures::future::join_all(deliveries),
            stripe::deliver_until_stopped(Arc::clone(&shared), stop.clone()),
            storage::save_until_stopped(&shared, stop.clone()),
            yookassa::deliver_until_stopped(Arc::clone(&shared), stop.clone()),
            ending,
        );
    }
}
