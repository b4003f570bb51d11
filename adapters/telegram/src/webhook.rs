//! Takes updates that Telegram delivers: checks the secret, stores, answers.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use kontor_postgres::inbox::InboxError;
use secrecy::ExposeSecret;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::{
    bots::Bot,
    intake::{self, IntakeError},
    settings::Mode,
};

/// The largest delivery in bytes; updates have a few thousand.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The header in which Telegram repeats the secret.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// When Telegram should try again if the inbox takes nothing.
const RETRY_AFTER_SECONDS: &str = "5";

type Bots = Arc<HashMap<String, Arc<Bot>>>;

/// The route of all bots that take deliveries.
pub(crate) fn router(bots: Bots) -> Router {
    Router::new()
        .route("/tg/{bot}", post(deliver))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(bots)
}

async fn deliver(
    State(bots): State<Bots>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(bot) = bots.get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Mode::Webhook { secret_token, .. } = &bot.bot_settings.mode else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let given = headers.get(SECRET_HEADER).map(axum::http::HeaderValue::as_bytes);
    let is_right: bool =
        given.unwrap_or_default().ct_eq(secret_token.expose_secret().as_bytes()).into();
    if !is_right {
        tracing::warn!(bot = bot.name(), "A delivery with a wrong secret was refused");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(payload) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match intake::store(bot, &payload).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(IntakeError::NoNumber) => StatusCode::BAD_REQUEST.into_response(),
        Err(IntakeError::Inbox(
            err @ (InboxError::TooLarge { .. } | InboxError::InvalidName { .. }),
        )) => {
            tracing::error!(bot = bot.name(), "An update was refused: {err}");
            StatusCode::BAD_REQUEST.into_response()
        }
        Err(IntakeError::Inbox(err @ (InboxError::Full { .. } | InboxError::Database(_)))) => {
            tracing::warn!(bot = bot.name(), "An update waits with Telegram: {err}");
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_AFTER_SECONDS)]).into_response()
        }
    }
}
