//! The OpenAPI document, made from the handlers, and its page.

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::map_response,
    response::Response,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    api::{self, documents::AuthKeyScheme},
    problem::{FieldError, ProblemDocument},
    state::ApiState,
};

/// The page of the document styles itself while it runs; it loads nothing from elsewhere.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; \
    script-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self' data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kontor",
        description = "Commands and read models of Kontor.\n\n\
            Send your key as `X-Auth-Key`. Give every command an `Idempotency-Key`, keep it for \
            retries, and nothing is ever done twice. An outcome that is not known within 2 seconds \
            is answered with 202 and a place to ask again. To read your own write, pass \
            `Kontor-Position` of its answer as `min_position`.\n\n\
            Quantities are decimal texts, instants are RFC 3339 in UTC, days are the tenant's local \
            days. Everything that is not a success is a problem document (RFC 9457)."
    ),
    servers((url = "/")),
    components(schemas(ProblemDocument, FieldError)),
    modifiers(&AuthKeyScheme),
    security(("auth_key" = []))
)]
struct Document;

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    parts().1
}

/// The endpoints under `/v1` and the document that describes them.
pub(crate) fn parts() -> (Router<ApiState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi()).merge(api::router()).split_for_parts()
}

/// `/openapi.json` and `/docs`.
pub(crate) fn docs(document: utoipa::openapi::OpenApi) -> Router<ApiState> {
    let config = Config::default().try_it_out_enabled(true).persist_authorization(false);
    let page = SwaggerUi::new("/docs").url("/openapi.json", document).config(config);
    Router::from(page).layer(map_response(with_policy))
}

async fn with_policy<B: Send>(mut response: Response<B>) -> Response<B> {
    let policy = HeaderValue::from_static(DOCS_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
