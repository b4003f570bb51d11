//! Products: what a tenant sells, and for how much.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::{
    Money,
    product::{
        Activate, Change, Create, Deactivate, Gives, ProductCommand, ProductKind, ProductName,
    },
};
use kontor_projections::products::{self, ProductRow};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters, one_of},
    tenants::nothing_to_change,
    values::{Paged, Versioned},
};
use crate::{
    access::{PathOf, Read, Write},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

/// The read model behind this page.
pub(crate) const READ_MODEL: &str = "products";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_product, list_products))
        .routes(routes!(find_product, change_product))
        .routes(routes!(activate_product))
        .routes(routes!(deactivate_product))
}

fn product_kind() -> RefOr<Schema> {
    one_of(&["digital", "real_world"])
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductBody {
    id: Uuid,
    /// What it is called, by language.
    #[schema(value_type = Object, example = json!({"ru": "25 сообщений", "en": "25 messages"}))]
    name: ProductName,
    /// `credits` with their number, or `pass` with `day`, `week` or `month`.
    #[schema(value_type = Object, example = json!({"credits": 25}))]
    gives: Gives,
    /// `digital` is sold for Telegram Stars in the chat, `real_world` by Stripe or YooKassa.
    #[schema(schema_with = product_kind)]
    kind: ProductKind,
    /// What it costs in whole minor units, once in each currency; `XTR` are Telegram Stars.
    #[schema(value_type = Vec<Object>, example = json!([{"amount_minor": 250, "currency": "XTR"}]))]
    prices: Vec<Money>,
    /// Whether it is on sale.
    active: bool,
    /// Its place in the price list, lowest first.
    ordinal: i64,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<ProductRow> for ProductBody {
    fn from(row: ProductRow) -> Self {
        let gives = row.gives();
        Self {
            id: row.product_id,
            name: ProductName { ru: row.name_ru, en: row.name_en },
            gives,
            kind: row.kind,
            prices: row.prices,
            active: row.active,
            ordinal: row.ordinal,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// A product to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": {"ru": "25 сообщений", "en": "25 messages"},
    "gives": {"credits": 25},
    "kind": "digital",
    "prices": [
        {"amount_minor": 250, "currency": "XTR"},
        {"amount_minor": 49900, "currency": "RUB"}
    ],
    "ordinal": 20
}))]
pub(crate) struct CreateProduct {
    /// Your own id; made from the command's when left out.
    #[serde(default)]
    id: Option<Uuid>,
    /// `ru` and `en`, 1 to 64 characters each.
    #[schema(value_type = Object)]
    name: ProductName,
    /// `credits` (1 to 1000000), or `pass` (`day`, `week` or `month`).
    #[schema(value_type = Object)]
    gives: Gives,
    #[schema(schema_with = product_kind)]
    kind: ProductKind,
    /// At most 10, once in each currency, in whole minor units (5.00 USD is 500); `XTR` are Telegram
    /// Stars and for `digital` alone. A product may be made without prices and is not on sale then.
    #[schema(value_type = Vec<Object>)]
    #[serde(default)]
    prices: Vec<Money>,
    /// Its place in the price list, lowest first.
    #[schema(minimum = 0, maximum = 9999)]
    #[serde(default)]
    ordinal: i64,
}

/// What to change of a product; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prices": [{"amount_minor": 300, "currency": "XTR"}]}))]
pub(crate) struct ChangeProduct {
    /// In both languages.
    #[schema(value_type = Option<Object>)]
    name: Option<ProductName>,
    /// For whoever buys it from now on.
    #[schema(value_type = Option<Object>)]
    gives: Option<Gives>,
    #[schema(schema_with = product_kind)]
    kind: Option<ProductKind>,
    /// All prices, old and new.
    #[schema(value_type = Option<Vec<Object>>)]
    prices: Option<Vec<Money>>,
    #[schema(minimum = 0, maximum = 9999)]
    ordinal: Option<i64>,
}

/// Make a product. It is not on sale until it is activated.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", params(CommandParameters),
    request_body = CreateProduct,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn create_product(
    State(state): State<ApiState>,
    write: Write,
    Body(body): Body<CreateProduct>,
) -> Result<Answer, Problem> {
    let id = body.id.unwrap_or_else(|| write.derived_id("product"));
    let CreateProduct { id: _, name, gives, kind, prices, ordinal } = body;
    let command = ProductCommand::Create(Create { name, gives, kind, prices, ordinal });
    let answer = write.send(&state, ("product", id), &command).await?;
    Ok(answer.at(format!("/v1/products/{id}")))
}

/// List the products in the order in which they were made.
#[utoipa::path(
    get, path = "/v1/products", tag = "products",
    params(
        ("active" = Option<bool>, Query, description = "Those on sale, or those off it"),
        PageParameters,
        ReadParameters,
    ),
    responses((status = 200, body = Paged<ProductBody>), Failures)
)]
async fn list_products(
    State(state): State<ApiState>,
    read: Read,
) -> Result<Json<Paged<ProductBody>>, Problem> {
    let active = read.parameters.parsed("active", "give `true` or `false`")?;
    let page = read.parameters.page()?;
    read.reach(&state, &[READ_MODEL]).await?;
    let rows = products::list(&state.pool, &read.tenant, active, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// Show a product.
#[utoipa::path(
    get, path = "/v1/products/{id}", tag = "products",
    params(("id" = Uuid, Path, description = "The product"), ReadParameters),
    responses((status = 200, body = ProductBody), Failures)
)]
async fn find_product(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<ProductBody>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let row = products::find(&state.pool, &read.tenant, id).await?;
    let row = row.ok_or_else(product_unknown)?;
    Ok(Versioned(row.version, row.into()))
}

/// The tenant has no such product.
pub(crate) fn product_unknown() -> Problem {
    Problem::not_found("product_unknown", "there is no such product")
}

/// Change a product, for whoever buys it from now on.
#[utoipa::path(
    patch, path = "/v1/products/{id}", tag = "products",
    params(("id" = Uuid, Path, description = "The product"), CommandParameters),
    request_body = ChangeProduct,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn change_product(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<ChangeProduct>,
) -> Result<Answer, Problem> {
    let ChangeProduct { name, gives, kind, prices, ordinal } = body;
    let change = Change { name, gives, kind, prices, ordinal };
    if change == Change::default() {
        nothing_to_change::<Change>(&[])?;
    }
    send(&state, &write, id, ProductCommand::Change(change)).await
}

/// Put a product on sale. A digital one needs a price in `XTR` first, a real-world one a price in
/// money, and the tenant deals with credits.
#[utoipa::path(
    post, path = "/v1/products/{id}/activate", tag = "products",
    params(("id" = Uuid, Path, description = "The product"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn activate_product(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    send(&state, &write, id, ProductCommand::Activate(Activate {})).await
}

/// Take a product off sale. What was bought stays bought.
#[utoipa::path(
    post, path = "/v1/products/{id}/deactivate", tag = "products",
    params(("id" = Uuid, Path, description = "The product"), CommandParameters),
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn deactivate_product(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
) -> Result<Answer, Problem> {
    send(&state, &write, id, ProductCommand::Deactivate(Deactivate {})).await
}

/// Sends a command to the product that the path names.
async fn send(
    state: &ApiState,
    write: &Write,
    id: Uuid,
    command: ProductCommand,
) -> Result<Answer, Problem> {
    let sent = write.send(state, ("product", id), &command).await;
    sent.map_err(|problem| problem.of_path("product"))
}
