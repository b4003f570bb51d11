//! Who operates: a person with a session or a program with a key. Nothing here is done without one.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use kontor_domain::TenantId;

use crate::{
    auth::{Caller, deny, require_writer, too_many},
    envelope::RequestId,
    keys::KeyInfo,
    problem::Problem,
    session::{self, Session},
    state::ApiState,
};

/// The pages of accountants.
pub(super) const BOOKS: &str = "/admin/books";
pub(super) const RECONCILIATION: &str = "/admin/reconciliation";
/// The pages of payments, which accountants read and operators pay back on.
pub(super) const PAYMENTS: &str = "/admin/payments";
pub(super) const PERIODS: &str = "/admin/periods";

/// The right to operate, in one tenant or on the whole platform.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) key: KeyInfo,
    pub(crate) request_id: String,
}

impl Operator {
    /// The tenant that the operator is bound to; none on the whole platform.
    pub(crate) fn tenant(&self) -> Option<&TenantId> {
        self.key.tenant.as_ref()
    }

    /// Whether the operator may see what belongs to a tenant.
    pub(crate) fn may_see(&self, tenant: &str) -> bool {
        self.tenant().is_none_or(|own| own.as_str() == tenant)
    }

    fn new(parts: &Parts, key: &KeyInfo) -> Self {
        let request_id = parts.extensions.get::<RequestId>();
        Self {
            key: key.clone(),
            request_id: request_id.map_or_else(String::new, |id| id.0.clone()),
        }
    }
}

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        if let Some(session) = parts.extensions.get::<Session>() {
            // The pages of operators ask before they come here; this is for what forgets to.
            if !session.key.role.writes() {
                return Err(for_operators());
            }
            return Ok(Self::new(parts, &session.key));
        }
        let caller = <Caller as FromRequestParts<_>>::from_request_parts(parts, state).await?;
        require_writer(parts, state, &caller).await?;
        Ok(Self::new(parts, caller.key()))
    }
}

/// Somebody who is logged in, whatever their key may do.
#[derive(Clone, Debug)]
pub(crate) struct Person(pub(crate) Operator);

impl FromRequestParts<ApiState> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        let session = parts.extensions.get::<Session>();
        let session = session
            .ok_or_else(|| Problem::unauthenticated("session_missing", "log in to see this"))?;
        Ok(Self(Operator::new(parts, &session.key)))
    }
}

/// Lets operators pass. Accountants are led to their own pages.
pub(super) async fn require_operator(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let session = request.extensions().get::<Session>();
    let Some(session) = session.filter(|session| !session.key.role.writes()) else {
        return Ok(next.run(request).await);
    };
    if request.uri().path() == "/admin" {
        return Ok(Redirect::to(BOOKS).into_response());
    }
    let about = (request.method().as_str(), "role_insufficient");
    let tenant = session.key.tenant.as_ref().map(TenantId::as_str);
    deny(&state, request.extensions(), about, (Some(&session.key.prefix), tenant)).await;
    Err(for_operators())
}

fn for_operators() -> Problem {
    Problem::forbidden("role_insufficient", "this page is for operators; yours are the books")
}

/// Lets a request pass that carries a session, and one that changes something only when it comes
/// from a page of ours. Whoever is not logged in is led to the login.
pub(super) async fn require_session(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(session) = session::find(&state, request.headers()).await? else {
        if !reading || session::is_presented(&state, request.headers()) {
            let about = (request.method().as_str(), "session_missing");
            deny(&state, request.extensions(), about, (None, None)).await;
        }
        return Ok(to_login(&request, reading));
    };
    if !reading && !session::comes_from_us(&state, request.headers()) {
        let about = (request.method().as_str(), "origin_foreign");
        deny(&state, request.extensions(), about, (Some(&session.key.prefix), None)).await;
        return Err(foreign());
    }
    state.per_key.take(&session.key_id()).map_err(too_many)?;
    request.extensions_mut().insert(session);
    Ok(next.run(request).await)
}

/// What a request is told that another site sent.
pub(super) fn foreign() -> Problem {
    Problem::forbidden(
        "origin_foreign",
        "this was not sent from a page of this Kontor; open it anew",
    )
}

fn to_login(request: &Request, reading: bool) -> Response {
    let back = request.uri().path_and_query().map_or("", |path| path.as_str());
    let target = if reading && back.starts_with("/admin") && back != "/admin" {
        let encoded = super::words::in_query(back);
        format!("/login?next={encoded}")
    } else {
        "/login".to_owned()
    };
    ([(header::CACHE_CONTROL, "no-store")], Redirect::to(&target)).into_response()
}
