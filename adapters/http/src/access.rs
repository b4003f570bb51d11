//! What a handler takes to read or to give commands: without one of these it knows no tenant, so
//! nothing is allowed by accident.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use kontor_commands::TraceParent;
use kontor_domain::TenantId;
use kontor_projections::checkpoints;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    auth::{Caller, Scope, require_admin, require_bookkeeper, require_reader, require_writer},
    envelope::RequestId,
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// The header that carries a position, in answers to commands and as a lower bound of reads.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("kontor-position");
const MIN_POSITION: HeaderName = HeaderName::from_static("kontor-min-position");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest `Idempotency-Key`, in bytes.
const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 255;

/// The right to read one tenant.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) tenant: TenantId,
    pub(crate) parameters: Parameters,
    fresh: Freshness,
}

/// How new a read must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    min_position: Option<i64>,
    stale_is_fine: bool,
}

impl Freshness {
    pub(crate) fn of(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, Problem> {
        let expected = "a position is a whole number from 0, as in `Kontor-Position`";
        let in_header = headers.get(MIN_POSITION).map(|value| {
            let position = value.to_str().ok().and_then(|text| text.parse().ok());
            position.ok_or_else(|| Problem::parameter("Kontor-Min-Position", expected))
        });
        let min_position = match parameters.parsed::<i64>("min_position", expected)? {
            Some(position) => Some(position),
            None => in_header.transpose()?,
        };
        if min_position.is_some_and(i64::is_negative) {
            return Err(Problem::parameter("min_position", expected));
        }
        Ok(Self { min_position, stale_is_fine: parameters.stale_is_fine()? })
    }

    /// Waits until the named read models are new enough.
    pub(crate) async fn reach(self, state: &ApiState, names: &[&str]) -> Result<(), Problem> {
        let Some(min_position) = self.min_position else { return Ok(()) };
        let wait: Duration = state.settings.read_wait;
        let arrived = checkpoints::wait_for(&state.pool, names, min_position, wait).await?;
        if arrived || self.stale_is_fine {
            return Ok(());
        }
        let detail = "the read model has not come to this position yet; try again, or ask with \
                      `on_timeout=stale` for what it has";
        Err(Problem::busy("read_model_behind", detail).with("min_position", min_position))
    }
}

impl Read {
    /// Waits until the named read models are as new as the caller asked.
    pub(crate) async fn reach(&self, state: &ApiState, names: &[&str]) -> Result<(), Problem> {
        self.fresh.reach(state, names).await
    }

    async fn of(
        parts: &Parts,
        state: &ApiState,
        in_path: Option<TenantId>,
    ) -> Result<Self, Problem> {
        let Scope { caller, tenant } = Scope::of(parts, state, in_path).await?;
        require_reader(parts, state, &caller).await?;
        Self::new(parts, tenant)
    }

    fn new(parts: &Parts, tenant: TenantId) -> Result<Self, Problem> {
        let parameters = Parameters::of(&parts.uri);
        let fresh = Freshness::of(&parts.headers, &parameters)?;
        Ok(Self { tenant, parameters, fresh })
    }
}

impl FromRequestParts<ApiState> for Read {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Self::of(parts, state, None).await
    }
}

/// The right to read the books of one tenant: its ledgers and what was paid. Accountants have this
/// one and [`WriteBooks`], and no other.
#[derive(Debug)]
pub(crate) struct ReadBooks(pub(crate) Read);

impl FromRequestParts<ApiState> for ReadBooks {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        // Every role reads the books; a role that must not gets a question of its own here.
        let Scope { tenant, .. } = Scope::of(parts, state, None).await?;
        Read::new(parts, tenant).map(Self)
    }
}

/// The right to give commands in one tenant, with what the request says about them.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) tenant: TenantId,
    pub(crate) caller: Caller,
    /// The id of the request's command: the same for a repetition with the same `Idempotency-Key`.
    pub(crate) command_id: Uuid,
    pub(crate) correlation_id: Uuid,
    /// The version that `If-Match` names.
    pub(crate) expected_version: Option<i64>,
    /// W3C `traceparent`.
    pub(crate) trace: Option<String>,
}

impl Write {
    /// An id that follows from the command's, so that a repetition makes nothing new.
    pub(crate) fn derived_id(&self, what: &str) -> Uuid {
        Uuid::new_v5(&self.command_id, what.as_bytes())
    }

    async fn of(
        parts: &Parts,
        state: &ApiState,
        in_path: Option<TenantId>,
    ) -> Result<Self, Problem> {
        let Scope { caller, tenant } = Scope::of(parts, state, in_path).await?;
        require_writer(parts, state, &caller).await?;
        Self::new(parts, caller, tenant)
    }

    fn new(parts: &Parts, caller: Caller, tenant: TenantId) -> Result<Self, Problem> {
        let command_id = command_id(&parts.headers, &caller, &tenant)?;
        let request_id = parts.extensions.get::<RequestId>();
        let correlation_id = request_id.and_then(|id| id.0.parse().ok()).unwrap_or(command_id);
        Ok(Self {
            expected_version: expected_version(&parts.headers)?,
            trace: traceparent(&parts.headers),
            tenant,
            caller,
            command_id,
            correlation_id,
        })
    }
}

impl FromRequestParts<ApiState> for Write {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Self::of(parts, state, None).await
    }
}

/// The right to work on the books of one tenant: statements and differences. Accountants give these
/// commands and no others.
#[derive(Debug)]
pub(crate) struct WriteBooks(pub(crate) Write);

impl FromRequestParts<ApiState> for WriteBooks {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Scope { caller, tenant } = Scope::of(parts, state, None).await?;
        require_bookkeeper(parts, state, &caller).await?;
        Write::new(parts, caller, tenant).map(Self)
    }
}

/// The right to read the tenant that the path names.
#[derive(Debug)]
pub(crate) struct ReadTenant(pub(crate) Read);

impl FromRequestParts<ApiState> for ReadTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let tenant = tenant_in_path(parts, state).await?;
        Read::of(parts, state, Some(tenant)).await.map(Self)
    }
}

/// The right to change the tenant that the path names.
#[derive(Debug)]
pub(crate) struct WriteTenant(pub(crate) Write);

impl FromRequestParts<ApiState> for WriteTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let tenant = tenant_in_path(parts, state).await?;
        Write::of(parts, state, Some(tenant)).await.map(Self)
    }
}

async fn tenant_in_path(parts: &mut Parts, state: &ApiState) -> Result<TenantId, Problem> {
    let PathOf(text) = PathOf::<String>::from_request_parts(parts, state).await?;
    text.parse().map_err(|_| Problem::not_found("tenant_unknown", "there is no such tenant"))
}

/// The right to open tenants.
pub(crate) struct Admin {
    parts: Parts,
    caller: Caller,
}

impl Admin {
    /// The right to give commands in a tenant that may not exist yet.
    pub(crate) fn write(&self, tenant: TenantId) -> Result<Write, Problem> {
        Write::new(&self.parts, self.caller.clone(), tenant)
    }
}

impl FromRequestParts<ApiState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        require_admin(parts, state, &caller).await?;
        Ok(Self { parts: parts.clone(), caller })
    }
}

/// The right of an admin of the platform in the tenant that the request names.
#[derive(Debug)]
pub(crate) struct AdminOf(pub(crate) Write);

impl FromRequestParts<ApiState> for AdminOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        require_admin(parts, state, &caller).await?;
        let Scope { caller, tenant } = Scope::of(parts, state, None).await?;
        Write::new(parts, caller, tenant).map(Self)
    }
}

/// What the path names.
#[derive(Debug)]
pub(crate) struct PathOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::unreadable(
                "path_malformed",
                "an id in the path is a uuid, such as 0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
            )),
        }
    }
}

fn command_id(headers: &HeaderMap, caller: &Caller, tenant: &TenantId) -> Result<Uuid, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(Uuid::now_v7()) };
    let visible = |text: &&str| {
        (1..=IDEMPOTENCY_KEY_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let text = value.to_str().ok().filter(visible).ok_or_else(|| {
        let detail = format!("give 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters");
        Problem::parameter("Idempotency-Key", detail)
    })?;
    // Keys of callers and tenants are kept apart: nobody can name another's command.
    let namespace = Uuid::new_v5(&caller.key().id, tenant.as_str().as_bytes());
    Ok(Uuid::new_v5(&namespace, text.as_bytes()))
}

fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match version.and_then(|text| text.parse::<i64>().ok()).filter(|version| *version >= 0) {
        Some(version) => Ok(Some(version)),
        None => Err(Problem::parameter(
            "If-Match",
            "give the version from `ETag` in quotation marks, such as \"3\"",
        )),
    }
}

/// The trace context of the request; several of them, or one out of form, are passed by.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(TraceParent::HEADER).into_iter();
    let (only, None) = (values.next()?, values.next()) else { return None };
    TraceParent::parse(only.to_str().ok()?).map(String::from)
}
