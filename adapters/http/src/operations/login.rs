//! The way in: a key is pasted once and becomes a session.

use askama::Template;
use axum::{
    Extension,
    extract::{Form, FromRequest, Request, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    actions::{self, Action},
    operator::{BOOKS, Operator, PAYMENTS, PERIODS, Person, RECONCILIATION, foreign},
    shell::{Assets, html},
    words,
};
use crate::{
    auth::{address_of, deny},
    limits::network_of,
    parameters::Parameters,
    problem::Problem,
    session::{self, Session},
    state::ApiState,
};

/// Where a login leads when nobody said where.
const HOME: &str = "/admin/operations";

#[derive(Template)]
#[template(path = "operations/login.html")]
struct Page<'a> {
    assets: Assets,
    next: &'a str,
    error: Option<&'a str>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Credentials {
    #[serde(default)]
    key: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub(super) async fn form(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(request.uri());
    let next = parameters.parsed::<String>("next", "an address")?.unwrap_or_default();
    if session::find(&state, request.headers()).await?.is_some() {
        return Ok(Redirect::to(own_page(&next)).into_response());
    }
    html(&Page { assets: Assets::new(), next: own_page(&next), error: None })
}

/// `POST /login`
pub(super) async fn log_in(
    State(state): State<ApiState>,
    request: Request,
) -> Result<Response, Problem> {
    let extensions = request.extensions().clone();
    let said = |reason| ("POST", reason);
    if !session::comes_from_us(&state, request.headers()) {
        deny(&state, &extensions, said("origin_foreign"), (None, None)).await;
        return Err(foreign());
    }
    let address = network_of(address_of(&request, state.settings.behind_proxy));
    let slowed = state.per_login.take(&address);
    let Ok(Form(credentials)) = Form::<Credentials>::from_request(request, &state).await else {
        return Err(Problem::unreadable("form_malformed", "the form could not be read"));
    };
    let next = own_page(&credentials.next);
    if let Err(seconds) = slowed {
        deny(&state, &extensions, said("login_too_often"), (None, None)).await;
        let error = format!("Too many attempts. Wait {seconds} s and try again.");
        return refused(StatusCode::TOO_MANY_REQUESTS, next, &error);
    }
    let key = match session::key_of(&state, &credentials.key).await? {
        Ok(key) => key,
        Err(denial) => {
            let prefix = denial.prefix.as_deref();
            deny(&state, &extensions, said(denial.reason), (prefix, None)).await;
            return refused(StatusCode::UNAUTHORIZED, next, denial.sentence());
        }
    };
    let next = if key.role.writes() || is_of_books(next) { next } else { BOOKS };
    let cookie = session::begin(&state, &key).await?;
    let request_id = words::request_id(&extensions);
    let operator = Operator { key, request_id };
    actions::record(&state.pool, &operator, Action::LogIn, ("", None, "done")).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// `POST /logout`
pub(super) async fn log_out(
    State(state): State<ApiState>,
    Person(operator): Person,
    Extension(session): Extension<Session>,
) -> Result<Response, Problem> {
    let cookie = session.end(&state).await?;
    actions::record(&state.pool, &operator, Action::LogOut, ("", None, "done")).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

fn refused(status: StatusCode, next: &str, error: &str) -> Result<Response, Problem> {
    let page = Page { assets: Assets::new(), next, error: Some(error) };
    let text = page.render().map_err(|err| Problem::internal(&err))?;
    Ok((status, Html(text)).into_response())
}

/// A page of ours, whatever somebody wrote into a link.
fn own_page(next: &str) -> &str {
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let ours = next == "/admin" || next.starts_with("/admin/") || next.starts_with("/admin?");
    if ours && plain && !next.contains("//") { next } else { HOME }
}

/// Whether an address is one of the accountants' pages.
fn is_of_books(next: &str) -> bool {
    [BOOKS, PAYMENTS, PERIODS, RECONCILIATION].iter().any(|page| {
        next.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_our_own_pages_only() {
        assert_eq!(own_page("/admin/operations/why?id=1"), "/admin/operations/why?id=1");
        for foreign in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/admin\\evil",
            "/admin/ж",
            "/administer",
        ] {
            assert_eq!(own_page(foreign), HOME, "{foreign}");
        }
    }
}
