//! The page on which the staff keeps its products: the price list, a form, and the switch.

mod form;
mod place;

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Form, OriginalUri, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use kontor_commands::{Accepted, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{
    Actor, Money, RefusalDocument, TenantId,
    credit_ledger::PassPeriod,
    product::{Activate, Deactivate, Gives, ProductCommand, ProductKind},
};
use kontor_projections::{
    checkpoints,
    products::{self, CATALOGUE_MAX, ProductRow},
    tenants::TenantRow,
};
use uuid::Uuid;

pub(crate) use self::form::minor_of;
use self::{
    form::{ProductForm, capitalised, change_of},
    place::Place,
};
use super::{
    operator::Operator,
    shell::{Shell, html, shell},
    words,
};
use crate::{
    access::PathOf,
    api::products::{READ_MODEL, product_unknown},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

/// What a person typed.
type Fields = HashMap<String, String>;

/// A product as the list shows it.
struct Line {
    id: Uuid,
    version: i64,
    name_ru: String,
    name_en: String,
    gives: String,
    kind: &'static str,
    prices: Vec<String>,
    active: bool,
    ordinal: i64,
}

impl From<ProductRow> for Line {
    fn from(row: ProductRow) -> Self {
        let gives = gives_words(row.gives());
        Self {
            id: row.product_id,
            version: row.version,
            name_ru: row.name_ru,
            name_en: row.name_en,
            gives,
            kind: match row.kind {
                ProductKind::Digital => "digital",
                ProductKind::RealWorld => "real world",
            },
            prices: row.prices.iter().map(price_words).collect(),
            active: row.active,
            ordinal: row.ordinal,
        }
    }
}

fn gives_words(gives: Gives) -> String {
    match gives {
        Gives::Credits(1) => "1 credit".to_owned(),
        Gives::Credits(credits) => format!("{} credits", words::grouped(&credits)),
        Gives::Pass(PassPeriod::Day) => "a pass for a day".to_owned(),
        Gives::Pass(PassPeriod::Week) => "a pass for a week".to_owned(),
        Gives::Pass(PassPeriod::Month) => "a pass for a month".to_owned(),
    }
}

fn price_words(price: &Money) -> String {
    match (price.currency.is_stars(), price.amount_minor) {
        (true, 1) => "1 Star".to_owned(),
        (true, stars) => format!("{} Stars", words::grouped(&stars)),
        (false, _) => price.to_string(),
    }
}

#[derive(Template)]
#[template(path = "operations/products.html")]
struct ListPage {
    shell: Shell,
    place: Option<Place>,
    lines: Vec<Line>,
    is_cut: bool,
    said: Option<&'static str>,
    refused: Option<String>,
}

/// `/admin/products`
pub(super) async fn list(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let said = Parameters::of(&uri).parsed::<String>("done", "a word")?;
    let place = Place::of(&state, &operator, &uri).await?;
    html(&list_page(&state, &operator, place, (said.as_deref(), None)).await?)
}

async fn list_page(
    state: &ApiState,
    operator: &Operator,
    place: Option<Place>,
    (done, refused): (Option<&str>, Option<String>),
) -> Result<ListPage, Problem> {
    let rows = match &place {
        Some(place) => products::catalogue(&state.pool, &place.tenant.id).await?,
        None => Vec::new(),
    };
    Ok(ListPage {
        shell: shell(state, operator, "products").await,
        is_cut: i64::try_from(rows.len()).is_ok_and(|count| count >= CATALOGUE_MAX),
        lines: rows.into_iter().map(Line::from).collect(),
        place,
        said: done.and_then(sentence),
        refused,
    })
}

/// What a person reads after a change.
fn sentence(done: &str) -> Option<&'static str> {
    Some(match done {
        "created" => "The product is made. It is not on sale yet.",
        "changed" => "Changed, for whoever buys it from now on.",
        "activate" => "It is on sale.",
        "deactivate" => "It is not on sale any more. What was bought stays bought.",
        "pending" => "It is on its way; this list shows it as soon as it is done.",
        _ => return None,
    })
}

#[derive(Template)]
#[template(path = "operations/product.html")]
struct FormPage {
    shell: Shell,
    tenant: TenantRow,
    form: ProductForm,
    /// The product that is changed; none while it is made.
    known: Option<Line>,
    /// Makes the command's id, so that a form that is sent twice makes one product.
    once: Uuid,
    /// The version that the person saw.
    version: i64,
}

/// `/admin/products/new`
pub(super) async fn blank(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let place = Place::known(&state, &operator, &uri).await?;
    html(&FormPage {
        shell: shell(&state, &operator, "products").await,
        tenant: place.tenant,
        form: ProductForm::blank(),
        known: None,
        once: Uuid::now_v7(),
        version: 0,
    })
}

/// `POST /admin/products`
pub(super) async fn create(
    State(state): State<ApiState>,
    operator: Operator,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let tenant = Place::known(&state, &operator, &uri).await?.tenant;
    let mut form = ProductForm::sent(&fields);
    // A form that was sent again after a mistake is another command.
    let once = fields.get("once").and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7);
    if let Some(wanted) = form.read() {
        let id = Uuid::new_v5(&once, b"product");
        let order = Order { tenant: &tenant.id, id, command_id: once, version: None };
        match order.send(&state, &operator, &ProductCommand::Create(wanted)).await? {
            Ok(done) => return back(&state, &tenant.id, (done, "created")).await,
            Err(refusal) => form.refuse(&refusal),
        }
    }
    let page = FormPage {
        shell: shell(&state, &operator, "products").await,
        tenant,
        form,
        known: None,
        once: Uuid::now_v7(),
        version: 0,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

/// `/admin/products/{id}`
pub(super) async fn show(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let place = Place::known(&state, &operator, &uri).await?;
    let row = find(&state, &place.tenant.id, id).await?;
    html(&FormPage {
        shell: shell(&state, &operator, "products").await,
        tenant: place.tenant,
        form: ProductForm::of(&row),
        version: row.version,
        known: Some(row.into()),
        once: Uuid::now_v7(),
    })
}

/// `POST /admin/products/{id}`
pub(super) async fn change(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let tenant = Place::known(&state, &operator, &uri).await?.tenant;
    let row = find(&state, &tenant.id, id).await?;
    let mut form = ProductForm::sent(&fields);
    let once = fields.get("once").and_then(|text| text.parse().ok()).unwrap_or_else(Uuid::now_v7);
    let version = seen(&fields)?;
    if let Some(wanted) = form.read() {
        let order = Order { tenant: &tenant.id, id, command_id: once, version: Some(version) };
        let command = ProductCommand::Change(change_of(wanted));
        match order.send(&state, &operator, &command).await? {
            Ok(done) => return back(&state, &tenant.id, (done, "changed")).await,
            Err(refusal) => form.refuse(&refusal),
        }
    }
    let page = FormPage {
        shell: shell(&state, &operator, "products").await,
        tenant,
        form,
        known: Some(row.into()),
        once: Uuid::now_v7(),
        version,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

/// `POST /admin/products/{id}/activate`
pub(super) async fn activate(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let command = ProductCommand::Activate(Activate {});
    switch((&state, &operator, &uri), id, &fields, ("activate", command)).await
}

/// `POST /admin/products/{id}/deactivate`
pub(super) async fn deactivate(
    State(state): State<ApiState>,
    operator: Operator,
    PathOf(id): PathOf<Uuid>,
    OriginalUri(uri): OriginalUri,
    Form(fields): Form<Fields>,
) -> Result<Response, Problem> {
    let command = ProductCommand::Deactivate(Deactivate {});
    switch((&state, &operator, &uri), id, &fields, ("deactivate", command)).await
}

async fn switch(
    (state, operator, uri): (&ApiState, &Operator, &Uri),
    id: Uuid,
    fields: &Fields,
    (done, command): (&str, ProductCommand),
) -> Result<Response, Problem> {
    let place = Place::known(state, operator, uri).await?;
    let tenant = place.tenant.id.clone();
    find(state, &tenant, id).await?;
    // No id of its own that lasts: a refusal of a moment ago may not be one any more.
    let version = Some(seen(fields)?);
    let order = Order { tenant: &tenant, id, command_id: Uuid::now_v7(), version };
    match order.send(state, operator, &command).await? {
        Ok(sent) => back(state, &tenant, (sent, done)).await,
        Err(refusal) => {
            let refused = match refusal.code.as_str() {
                "version_conflict" => {
                    "Somebody changed this product meanwhile; look again.".to_owned()
                }
                _ => capitalised(&refusal.message),
            };
            let page = list_page(state, operator, Some(place), (None, Some(refused))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
        }
    }
}

/// The version that the person saw.
fn seen(fields: &Fields) -> Result<i64, Problem> {
    let version = fields.get("version").and_then(|text| text.parse().ok());
    version.ok_or_else(|| Problem::field("/version", "open the page anew and send it again"))
}

async fn find(state: &ApiState, tenant: &TenantId, id: Uuid) -> Result<ProductRow, Problem> {
    products::find(&state.pool, tenant, id).await?.ok_or_else(product_unknown)
}

/// A command to a product.
struct Order<'a> {
    tenant: &'a TenantId,
    id: Uuid,
    command_id: Uuid,
    version: Option<i64>,
}

impl Order<'_> {
    /// What came of it; none while that is not known.
    async fn send(
        &self,
        state: &ApiState,
        operator: &Operator,
        command: &ProductCommand,
    ) -> Result<Result<Option<Accepted>, RefusalDocument>, Problem> {
        let command = serde_json::to_value(command).map_err(|err| Problem::internal(&err))?;
        let actor = Actor::Operator { name: format!("api_key:{}", operator.key.prefix) };
        let address = (self.tenant.clone(), "product", self.id);
        let envelope = Envelope {
            correlation_id: operator.request_id.parse().unwrap_or(self.command_id),
            expected_version: self.version,
            trace: kontor_traces::current().map(String::from),
            ..Envelope::new(self.command_id, address, command, actor, clock::now())
        };
        let sent = match state.sender.send(envelope, state.settings.command_wait).await {
            Err(SendError::CommandIdReused) => return Ok(Err(sent_before())),
            sent => sent?,
        };
        Ok(match sent {
            Sent::Done { outcome: Outcome::Accepted(accepted), .. } => Ok(Some(accepted)),
            Sent::Done { outcome: Outcome::Refused { refusal }, .. } => Err(refusal),
            Sent::Unknown => Ok(None),
        })
    }
}

/// Somebody went back to a form that was carried out, and sent it with other values.
fn sent_before() -> RefusalDocument {
    RefusalDocument::new(
        "form_sent_before",
        "this form was sent before with other values; look at the list, and send it again if you \
         want it once more",
    )
}

/// Back to the list, which shows what was done.
async fn back(
    state: &ApiState,
    tenant: &TenantId,
    (accepted, done): (Option<Accepted>, &str),
) -> Result<Response, Problem> {
    let shown = match accepted.as_ref().map(|accepted| accepted.last_position) {
        Some(Some(position)) => {
            let wait = state.settings.read_wait;
            checkpoints::wait_for(&state.pool, &[READ_MODEL], position, wait).await?
        }
        Some(None) => true,
        None => false,
    };
    let done = if shown { done } else { "pending" };
    Ok(Redirect::to(&format!("/admin/products?tenant={tenant}&done={done}")).into_response())
}
