//! Takes notifications of providers: checks them, stores them, answers.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use kontor_commands::clock;
use kontor_postgres::inbox::{InboxError, Stored};

use crate::{
    Denied, Notice,
    cashier::Cashier,
    denied::{DeniedNotices, ROUTE},
};

/// The largest notification in bytes; they have a few thousand.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// When the provider should try again if the inbox takes nothing.
const RETRY_AFTER_SECONDS: &str = "5";

/// The accounts of a process, by their channels.
pub(crate) type ByChannel = Arc<HashMap<String, Arc<Cashier>>>;

struct Door {
    cashiers: ByChannel,
    denied: Arc<DeniedNotices>,
}

/// Where pages of providers lead back to, unless the seller names another place. It says nothing of
/// the payment: that is the chat's to say.
const RETURNED: &str = "<!doctype html><html lang=\"ru\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
    <meta name=\"color-scheme\" content=\"light dark\"><title>Kontor</title></head><body>\
    <p>Вернитесь в чат: бот напишет, прошла ли оплата.</p>\
    <p lang=\"en\">Go back to the chat: the bot will tell you whether the payment went through.</p>\
    </body></html>";

/// The route of all accounts. Who is at the other end comes as an [`IpAddr`] among the request's
/// extensions.
pub(crate) fn router(cashiers: ByChannel, denied: Arc<DeniedNotices>) -> Router {
    Router::new()
        .route(ROUTE, post(deliver))
        .route("/paid", get(async || Html(RETURNED)))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(Door { cashiers, denied }))
}

async fn deliver(
    State(door): State<Arc<Door>>,
    Path((provider, account)): Path<(String, String)>,
    peer: Option<Extension<IpAddr>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(cashier) = door.cashiers.get(&format!("{provider}/{account}")) else {
        door.denied.record(None, "account_unknown").await;
        return StatusCode::NOT_FOUND.into_response();
    };
    let peer = peer.map(|Extension(peer)| peer);
    let notice = Notice { headers: &headers, body: &body, peer, now: clock::now() };
    let accepted = match cashier.recorder.account.provider.accept(&notice) {
        Ok(accepted) => accepted,
        Err(Denied { status, reason }) => {
            door.denied.record(Some(&cashier.recorder.account.tenant), reason).await;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            return (status, format!("{reason}\n")).into_response();
        }
    };
    match cashier.store(&accepted).await {
        Ok(Stored::New | Stored::Duplicate) => StatusCode::OK.into_response(),
        Err(err @ (InboxError::TooLarge { .. } | InboxError::InvalidName { .. })) => {
            tracing::error!(channel = cashier.channel, "A notification was refused: {err}");
            StatusCode::BAD_REQUEST.into_response()
        }
        Err(err @ (InboxError::Full { .. } | InboxError::Database(_))) => {
            tracing::warn!(channel = cashier.channel, "A notification waits outside: {err}");
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, RETRY_AFTER_SECONDS)]).into_response()
        }
    }
}
