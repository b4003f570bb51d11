//! The chat page: three files that are built from `web/` and embedded.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

const HTML: &str = include_str!("../../../web/dist/chat.html");
const CSS: &str = include_str!("../../../web/dist/chat.css");
const CHECKOUT_CSS: &str = include_str!("../../../web/dist/checkout.css");
const JS: &str = include_str!("../../../web/dist/chat.js");

/// Nothing from elsewhere, nothing inline: a text of a chat cannot become a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// `GET /`
pub(crate) async fn chat() -> Response {
    embedded("text/html; charset=utf-8", HTML)
}

/// `GET /assets/<name>`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "chat.css" => embedded("text/css; charset=utf-8", CSS),
        "checkout.css" => embedded("text/css; charset=utf-8", CHECKOUT_CSS),
        "chat.js" => embedded("text/javascript; charset=utf-8", JS),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn embedded(kind: &'static str, body: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    protect(&mut headers);
    // A new build must show at once; the files come from this machine anyway.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    (headers, body).into_response()
}

/// The headers that keep a browser from reading more into an answer than it says.
pub(crate) fn protect(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
