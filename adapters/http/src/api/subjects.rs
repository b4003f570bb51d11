//! People: everything that is kept about one, and their erasure. Only for admins of the platform.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kontor_domain::account::{AccountCommand, Erase, ErasureGround};
use kontor_postgres::{
    erasure,
    journal::{self, Action, NewEntry},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::documents::{CommandParameters, Failures, ReadParameters, one_of};
use crate::{
    access::{AdminOf, PathOf},
    body::Body,
    envelope::RequestId,
    problem::{Problem, chain},
    state::ApiState,
};

/// After so many seconds it is worth asking how far an erasure is: it takes some seven.
const ASK_AGAIN_SECONDS: u64 = 3;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(export_subject))
        .routes(routes!(erase_subject, find_erasure))
}

/// An erasure to carry out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "confirm": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
    "ground": "person_asked"
}))]
pub(crate) struct EraseSubject {
    /// The account's id once more: nothing brings an erased person back.
    confirm: Uuid,
    /// Why; it stays in the log for ever.
    #[schema(schema_with = grounds)]
    #[serde(default)]
    ground: ErasureGround,
}

fn grounds() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&["person_asked", "consent_withdrawn", "purpose_ended", "authority_ordered"])
}

/// How far an erasure is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureBody {
    account_id: Uuid,
    #[schema(schema_with = stages)]
    status: Stage,
}

fn stages() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&["pending", "under_way", "finished"])
}

/// How far an erasure is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// The command stands in the queue.
    Pending,
    /// The account takes nothing any more; the rest follows by itself.
    UnderWay,
    /// Nothing is left.
    Finished,
}

impl IntoResponse for ErasureBody {
    fn into_response(self) -> Response {
        let status = match self.status {
            Stage::Pending | Stage::UnderWay => StatusCode::ACCEPTED,
            Stage::Finished => StatusCode::OK,
        };
        let location = format!("/v1/subjects/{}/erasure", self.account_id);
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::ACCEPTED {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, ASK_AGAIN_SECONDS.into());
            if let Ok(location) = HeaderValue::from_str(&location) {
                headers.insert(header::LOCATION, location);
            }
        }
        response
    }
}

/// Erase a person for good. The answer comes when it is recorded; `Location` says how far it is.
#[utoipa::path(
    post, path = "/v1/subjects/{id}/erasure", tag = "subjects",
    params(("id" = Uuid, Path, description = "The person's account"), CommandParameters),
    request_body = EraseSubject,
    responses((status = 200, body = ErasureBody), (status = 202, body = ErasureBody), Failures)
)]
async fn erase_subject(
    State(state): State<ApiState>,
    AdminOf(write): AdminOf,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<EraseSubject>,
) -> Result<ErasureBody, Problem> {
    if body.confirm != id {
        let detail = "`confirm` is the account's id once more; nothing was erased";
        return Err(Problem::unreadable("not_confirmed", detail));
    }
    let command = AccountCommand::Erase(Erase { ground: body.ground });
    let sent = write.send(&state, ("account", id), &command).await;
    let sent = sent.map_err(|problem| problem.of_path("account"))?;
    let stage = if sent.is_pending() { Stage::Pending } else { Stage::UnderWay };
    let finished = erasure::stage(&state.pool, (&write.tenant, id)).await;
    let finished = finished.map_err(|err| Problem::internal(&err))?;
    let status = if finished == Some(true) { Stage::Finished } else { stage };
    Ok(ErasureBody { account_id: id, status })
}

/// Show how far an erasure is.
#[utoipa::path(
    get, path = "/v1/subjects/{id}/erasure", tag = "subjects",
    params(("id" = Uuid, Path, description = "The person's account"), ReadParameters),
    responses((status = 200, body = ErasureBody), (status = 202, body = ErasureBody), Failures)
)]
async fn find_erasure(
    State(state): State<ApiState>,
    AdminOf(admin): AdminOf,
    PathOf(id): PathOf<Uuid>,
) -> Result<ErasureBody, Problem> {
    let stage = erasure::stage(&state.pool, (&admin.tenant, id)).await;
    let status = match stage.map_err(|err| Problem::internal(&err))? {
        Some(true) => Stage::Finished,
        Some(false) => Stage::UnderWay,
        None => {
            let detail = "no erasure of this person is recorded";
            return Err(Problem::not_found("erasure_unknown", detail));
        }
    };
    Ok(ErasureBody { account_id: id, status })
}

/// Hand out everything that is kept about a person. The look is noted.
#[utoipa::path(
    get, path = "/v1/subjects/{id}/export", tag = "subjects",
    params(("id" = Uuid, Path, description = "The person's account"), ReadParameters),
    responses((status = 200, body = Object), Failures)
)]
async fn export_subject(
    State(state): State<ApiState>,
    AdminOf(admin): AdminOf,
    PathOf(id): PathOf<Uuid>,
    Extension(request_id): Extension<RequestId>,
) -> Result<Response, Problem> {
    let Some(exporter) = &state.exporter else {
        let detail = "this process cannot hand out personal data";
        return Err(Problem::busy("export_unavailable", detail));
    };
    let Ok(_place) = exporter.places.try_acquire() else {
        return Err(Problem::busy("overloaded", "other exports are under way"));
    };
    // What cannot be noted is not shown.
    let noted = NewEntry {
        by: &admin.caller.key().prefix,
        action: Action::ShowPersonal,
        target: &format!("subject export {id}"),
        tenant: Some(admin.tenant.as_str()),
        outcome: "done",
        request_id: &request_id.0,
    };
    journal::record(&state.pool, &noted).await.map_err(|err| Problem::internal(&err))?;
    let document: Option<Value> = (exporter.ask)(admin.tenant, id).await.map_err(|err| {
        tracing::error!(error = %chain(err.as_ref()), "a person's data could not be handed out");
        let detail = "the data cannot be put together now; is the master key configured?";
        Problem::busy("export_unavailable", detail)
    })?;
    let unknown = || Problem::not_found("account_unknown", "there is no such account");
    let mut response = Json(document.ok_or_else(unknown)?).into_response();
    // No cache keeps a person's data.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
