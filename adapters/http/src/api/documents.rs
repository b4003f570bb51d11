//! Parts of the OpenAPI document that many endpoints share.

use std::collections::BTreeMap;

use utoipa::{
    IntoParams, IntoResponses, Modify,
    openapi::{
        ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
        Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::problem::PROBLEM_JSON;

/// A text that is one of a few names.
pub(crate) fn one_of(names: &[&str]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names.iter().copied())).into()
}

/// `tenant.kind`.
pub(crate) fn tenant_kind() -> RefOr<Schema> {
    one_of(&["utility", "shop", "salon", "enterprise", "bureau"])
}

/// `language`.
pub(crate) fn language() -> RefOr<Schema> {
    one_of(&["ru", "en"])
}

/// `meter.kind`.
pub(crate) fn meter_kind() -> RefOr<Schema> {
    one_of(&["electricity", "cold_water", "hot_water", "gas", "heat"])
}

/// `reading.source`.
pub(crate) fn reading_source() -> RefOr<Schema> {
    one_of(&["telegram", "web", "api", "operator", "import"])
}

/// The answers that every endpoint may give instead of what was asked for.
pub(crate) struct Failures;

impl IntoResponses for Failures {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [
            ("400", "The request cannot be understood; `errors` says where"),
            ("401", "No key, or one that is not in force"),
            ("403", "The key may not do this, or belongs to another tenant"),
            ("404", "There is no such thing in this tenant"),
            ("409", "The `Idempotency-Key` was used for another request"),
            ("412", "`If-Match` names a version that is not the newest"),
            ("413", "The body is too large"),
            ("415", "The body is not `application/json`"),
            ("422", "The business rules refuse this; `code` and `details` say why"),
            ("429", "Too many requests; wait for `Retry-After` seconds"),
            ("500", "Kontor failed; tell us the `request_id`"),
            ("503", "Too much is going on; try again after `Retry-After` seconds"),
        ]
        .map(|(status, description)| (status.to_owned(), problem(description)))
        .into()
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let schema = Ref::from_schema_name("ProblemDocument");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).into()
}

/// `cursor` and `limit`.
pub(crate) struct PageParameters;

impl IntoParams for PageParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(200))
            .default(Some(50.into()));
        vec![
            parameter(ParameterIn::Query, "cursor", "`next_cursor` of the page before", text()),
            parameter(ParameterIn::Query, "limit", "How many items", limit.into()),
        ]
    }
}

/// `effective_before` and `recorded_before`.
pub(crate) struct AsOfParameters;

impl IntoParams for AsOfParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "Counts what holds from before this instant, or from before this day of the \
                     tenant's calendar; all when left out";
        vec![parameter(ParameterIn::Query, "effective_before", about, text()), recorded_before()]
    }
}

/// `from`, `to` and `recorded_before`.
pub(crate) struct PeriodParameters;

impl IntoParams for PeriodParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let from = "The first instant of the period, or its first day on the tenant's calendar";
        let to = "The first instant behind the period, or its last day on the tenant's calendar";
        vec![
            parameter(ParameterIn::Query, "from", from, text()),
            parameter(ParameterIn::Query, "to", to, text()),
            recorded_before(),
        ]
    }
}

fn recorded_before() -> Parameter {
    let about = "Counts what was recorded before this instant, or before this day of the tenant's \
                 calendar (as known then); all when left out (as known now)";
    parameter(ParameterIn::Query, "recorded_before", about, text())
}

/// The tenant of a platform's key, and how new a read must be.
pub(crate) struct ReadParameters;

impl IntoParams for ReadParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let position = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).into();
        vec![
            tenant(),
            parameter(
                ParameterIn::Query,
                "min_position",
                "Wait up to 2 seconds until this position is visible: `Kontor-Position` of your command",
                position,
            ),
            parameter(
                ParameterIn::Query,
                "on_timeout",
                "What to answer when it is not visible in time",
                one_of(&["error", "stale"]),
            ),
        ]
    }
}

/// The tenant of a platform's key, and the headers of a command.
pub(crate) struct CommandParameters;

impl IntoParams for CommandParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            tenant(),
            parameter(
                ParameterIn::Header,
                "Idempotency-Key",
                "1 to 255 visible ASCII characters; the same key again returns the same outcome and does nothing new",
                text(),
            ),
            parameter(
                ParameterIn::Header,
                "If-Match",
                "The version that the thing must have, as in its `ETag`",
                text(),
            ),
        ]
    }
}

fn tenant() -> Parameter {
    let description = "The tenant, for keys of the whole platform";
    parameter(ParameterIn::Header, "X-Kontor-Tenant", description, text())
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn parameter(place: ParameterIn, name: &str, about: &str, schema: RefOr<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

/// Adds the key to the document.
pub(crate) struct AuthKeyScheme;

impl Modify for AuthKeyScheme {
    fn modify(&self, document: &mut OpenApi) {
        let about = "A key such as `kontor_<prefix>_<secret>`, made with `kontor key create`";
        let key = ApiKey::Header(ApiKeyValue::with_description("X-Auth-Key", about));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("auth_key", SecurityScheme::ApiKey(key));
    }
}
