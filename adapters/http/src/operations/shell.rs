//! What stands around every page: the rail, the top bar, and the form of an error.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

use super::{operator::Operator, overview::Overview};
use crate::{problem::Problem, state::ApiState, status::short_hash};

/// As all pages, and forms go nowhere but to us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Parts of the addresses of the assets: they change with the assets.
pub(crate) struct Assets {
    pub(crate) base: String,
    pub(crate) style: String,
    pub(crate) script: String,
    pub(crate) charts: String,
}

impl Assets {
    /// The assets of this build.
    pub(crate) fn new() -> Self {
        Self {
            base: short_hash(crate::status::STYLE),
            style: short_hash(crate::status::OPERATIONS_STYLE),
            script: short_hash(crate::status::OPERATIONS_SCRIPT),
            charts: short_hash(crate::status::CHARTS_SCRIPT),
        }
    }
}

/// What stands around every page.
pub(super) struct Shell {
    pub(super) assets: Assets,
    /// The rail's entry that is open.
    pub(super) open: &'static str,
    pub(super) letters: i64,
    pub(super) well: bool,
    pub(super) label: String,
    pub(super) prefix: String,
    pub(super) scope: String,
    pub(super) query: String,
}

/// The shell around a page, with the state of everything in its top bar.
pub(super) async fn shell(state: &ApiState, operator: &Operator, open: &'static str) -> Shell {
    let seen = state.recorder.look(state).await;
    let overview = Overview::of(state, &seen, operator);
    Shell {
        assets: Assets::new(),
        open,
        // The count says something of other tenants.
        letters: match operator.tenant() {
            Some(_) => 0,
            None => overview.waiting.letters(),
        },
        well: overview.is_well(),
        label: operator.key.label.clone(),
        prefix: operator.key.prefix.clone(),
        scope: operator.tenant().map_or_else(|| "whole platform".to_owned(), ToString::to_string),
        query: String::new(),
    }
}

/// A page as an answer.
pub(crate) fn html<T: Template>(page: &T) -> Result<Response, Problem> {
    let text = page.render().map_err(|err| Problem::internal(&err))?;
    Ok(Html(text).into_response())
}

/// Gives pages their policy, and an error the form of a page.
pub(super) async fn worded(mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let page = Failure {
            assets: Assets::new(),
            status: response.status().as_u16(),
            detail: problem.detail().to_owned(),
        };
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        let body = page.render().unwrap_or_else(|_| problem.detail().to_owned());
        response = (response.status(), Html(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Without a referrer browsers send no origin with a form either, and ours must be told apart.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

#[derive(Template)]
#[template(path = "operations/failure.html")]
struct Failure {
    assets: Assets,
    status: u16,
    detail: String,
}
