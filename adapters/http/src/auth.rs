//! Who calls, and for which tenant. Everything under `/v1` passes here first.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, Request, State},
    http::{Extensions, HeaderName, StatusCode, request::Parts},
    middleware::Next,
    response::Response,
};
use kontor_commands::clock;
use kontor_domain::{Actor, TenantId};

use crate::{
    denied::DeniedAttempt,
    envelope::{RequestId, route_of},
    keys::{KeyInfo, Presented, Role, StoredKey},
    limits::network_of,
    parameters::Parameters,
    problem::{Problem, chain},
    serve::Peer,
    state::ApiState,
};

/// The header that carries a key.
pub(crate) const AUTH_KEY: HeaderName = HeaderName::from_static("x-auth-key");

/// The header in which a key of the platform names a tenant.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("x-kontor-tenant");

const TENANT_EXPECTED: &str =
    "a tenant id has 1 to 40 characters of a-z, 0-9 and _, and begins with a letter";

/// A caller whose key is in force.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    key: Arc<StoredKey>,
}

impl Caller {
    pub(crate) fn key(&self) -> &KeyInfo {
        &self.key.info
    }

    /// The actor of the caller's commands.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Operator { name: format!("api_key:{}", self.key.info.prefix) }
    }
}

/// Turns away addresses that ask too much, before anything is done for them.
pub(crate) async fn limit_address(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = address_of(&request, state.settings.behind_proxy);
    state.per_address.take(&network_of(address)).map_err(too_many)?;
    Ok(next.run(request).await)
}

/// Lets a request pass whose key is in force.
pub(crate) async fn authenticate(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = identify(&state, &mut request).await?;
    state.per_key.take(&caller.key.info.id).map_err(too_many)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn identify(state: &ApiState, request: &mut Request) -> Result<Caller, Problem> {
    // Taken out, so that nothing further in can log or echo it.
    let header = request.headers_mut().remove(AUTH_KEY);
    let presented = header.as_ref().map(|value| value.to_str().ok().and_then(Presented::parse));
    let found = match &presented {
        Some(Some(presented)) => {
            let key = state.keys.find(&presented.prefix).await?;
            key.filter(|key| key.matches(presented))
        }
        Some(None) | None => None,
    };
    let reason = match (&presented, &found) {
        (None, _) => Some(("key_missing", "send your key in the header `X-Auth-Key`")),
        (Some(_), None) => {
            Some(("key_unknown", "this key is not known; check that it is complete"))
        }
        (Some(_), Some(key)) => refused_key(&key.info),
    };
    if let Some((code, detail)) = reason {
        let prefix = presented.flatten().map(|presented| presented.prefix);
        deny(
            state,
            request.extensions(),
            (request.method().as_str(), code),
            (prefix.as_deref(), None),
        )
        .await;
        return Err(Problem::unauthenticated(code, detail));
    }
    let Some(key) = found else {
        return Err(Problem::unauthenticated("key_unknown", "this key is not known"));
    };
    if let Err(err) = state.keys.note_use(&key).await {
        tracing::warn!(error = %chain(&err), "the use of a key was not noted");
    }
    Ok(Caller { key })
}

/// Why a key is not in force: a code, and a sentence for its owner.
pub(crate) fn refused_key(key: &KeyInfo) -> Option<(&'static str, &'static str)> {
    if key.revoked_at.is_some() {
        return Some(("key_revoked", "this key was revoked; ask for a new one"));
    }
    if key.expires_at.is_some_and(|at| at <= clock::now()) {
        return Some(("key_expired", "this key has expired; ask for a new one"));
    }
    None
}

/// Records a request that is turned away.
pub(crate) async fn deny(
    state: &ApiState,
    request: &Extensions,
    (method, reason): (&str, &str),
    (key_prefix, tenant): (Option<&str>, Option<&str>),
) {
    let request_id = request.get::<RequestId>().map_or("", |id| id.0.as_str());
    let route = route_of(request);
    state
        .denied
        .record(DeniedAttempt { reason, method, route, key_prefix, tenant, request_id })
        .await;
}

/// Tells somebody to slow down.
pub(crate) fn too_many(seconds: u64) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "too many requests; slow down and try again later",
    )
    .retry_after(seconds)
}

/// Who is at the other end.
pub(crate) fn address_of(request: &Request, behind_proxy: bool) -> IpAddr {
    // Our own proxy writes last: behind the others in one line, or in a line of its own.
    let mut lines = request.headers().get_all("x-forwarded-for").into_iter();
    let forwarded = lines.next_back().filter(|_| behind_proxy);
    let forwarded = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    if let Some(address) = forwarded.and_then(|text| text.trim().parse().ok()) {
        return address;
    }
    let peer = request.extensions().get::<ConnectInfo<Peer>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.0.ip())
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            Problem::unauthenticated("key_missing", "send your key in the header `X-Auth-Key`")
        })
    }
}

impl OptionalFromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Option<Self>, Problem> {
        Ok(parts.extensions.get().cloned())
    }
}

/// A caller and the tenant that the request is about.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) caller: Caller,
    pub(crate) tenant: TenantId,
}

impl Scope {
    /// The scope of a request about a tenant that its path names, or that its key or header does.
    pub(crate) async fn of(
        parts: &Parts,
        state: &ApiState,
        in_path: Option<TenantId>,
    ) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(|| {
            Problem::unauthenticated("key_missing", "send your key in the header `X-Auth-Key`")
        })?;
        let named = match in_path {
            Some(tenant) => Some(tenant),
            None => named_tenant(parts)?,
        };
        match (caller.key().tenant.clone(), named) {
            (Some(own), Some(named)) if own != named => {
                refuse(parts, state, &caller, ("tenant_not_yours", Some(&named))).await;
                Err(Problem::forbidden(
                    "tenant_not_yours",
                    format!("this key belongs to the tenant `{own}` and opens no other"),
                ))
            }
            (Some(tenant), _) | (None, Some(tenant)) => Ok(Self { caller, tenant }),
            (None, None) => Err(Problem::parameter(
                "X-Kontor-Tenant",
                "a key of the platform must name the tenant, in this header or as `?tenant=`",
            )),
        }
    }
}

fn named_tenant(parts: &Parts) -> Result<Option<TenantId>, Problem> {
    let in_query = Parameters::of(&parts.uri).parsed::<TenantId>("tenant", TENANT_EXPECTED)?;
    let in_header = parts.headers.get(TENANT).map(|value| {
        let text = value.to_str().unwrap_or_default();
        text.parse::<TenantId>().map_err(|_| Problem::parameter("X-Kontor-Tenant", TENANT_EXPECTED))
    });
    let in_header = in_header.transpose()?;
    match (in_query, in_header) {
        (Some(query), Some(header)) if query != header => Err(Problem::parameter(
            "tenant",
            "the header `X-Kontor-Tenant` names another tenant; name one",
        )),
        (Some(tenant), _) | (None, Some(tenant)) => Ok(Some(tenant)),
        (None, None) => Ok(None),
    }
}

/// Refuses callers who may read the books only.
pub(crate) async fn require_reader(
    parts: &Parts,
    state: &ApiState,
    caller: &Caller,
) -> Result<(), Problem> {
    if caller.key().role.reads_all() {
        return Ok(());
    }
    refuse(parts, state, caller, ("role_insufficient", None)).await;
    Err(Problem::forbidden(
        "role_insufficient",
        "an accountant's key reads books, ledgers and payments only; use a key of a reader or an operator",
    ))
}

/// Refuses callers who may not give commands.
pub(crate) async fn require_writer(
    parts: &Parts,
    state: &ApiState,
    caller: &Caller,
) -> Result<(), Problem> {
    if caller.key().role.writes() {
        return Ok(());
    }
    refuse(parts, state, caller, ("role_insufficient", None)).await;
    Err(Problem::forbidden("role_insufficient", "this key only reads; use a key of an operator"))
}

/// Refuses callers who may not work on the books.
pub(crate) async fn require_bookkeeper(
    parts: &Parts,
    state: &ApiState,
    caller: &Caller,
) -> Result<(), Problem> {
    if caller.key().role.keeps_books() {
        return Ok(());
    }
    refuse(parts, state, caller, ("role_insufficient", None)).await;
    Err(Problem::forbidden(
        "role_insufficient",
        "this key only reads; use a key of an accountant or an operator",
    ))
}

/// Refuses callers who are not admins of the platform.
pub(crate) async fn require_admin(
    parts: &Parts,
    state: &ApiState,
    caller: &Caller,
) -> Result<(), Problem> {
    if caller.key().role == Role::Admin {
        return Ok(());
    }
    refuse(parts, state, caller, ("platform_key_needed", None)).await;
    Err(Problem::forbidden(
        "platform_key_needed",
        "only an admin's key of the platform may do this",
    ))
}

async fn refuse(
    parts: &Parts,
    state: &ApiState,
    caller: &Caller,
    (reason, tenant): (&str, Option<&TenantId>),
) {
    let about = (Some(caller.key().prefix.as_str()), tenant.map(TenantId::as_str));
    deny(state, &parts.extensions, (parts.method.as_str(), reason), about).await;
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn seen(lines: &[&str], behind_proxy: bool) -> String {
        let mut request = Request::new(Body::empty());
        for line in lines {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        }
        let peer = Peer("198.51.100.1:443".parse().unwrap());
        request.extensions_mut().insert(ConnectInfo(peer));
        address_of(&request, behind_proxy).to_string()
    }

    #[test]
    fn what_our_own_proxy_wrote_last_is_believed_and_nothing_before_it() {
        assert_eq!(seen(&["185.71.76.1, 203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen(&["185.71.76.1", "203.0.113.7"], true), "203.0.113.7");
        assert_eq!(seen(&["185.71.76.1", "185.71.76.2, 2001:db8::7"], true), "2001:db8::7");
        // What is no address, and what comes without a proxy, counts for nothing.
        for (lines, behind_proxy) in
            [(vec!["185.71.76.1, unknown"], true), (vec![], true), (vec!["185.71.76.1"], false)]
        {
            assert_eq!(seen(&lines, behind_proxy), "198.51.100.1", "{lines:?}");
        }
    }
}
