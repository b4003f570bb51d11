//! Credit ledgers: opening them and reading them.

mod corrections;
mod grants;
mod spends;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::credit_ledger::{CreditLedgerCommand, Open, credit_ledger_id};
use kontor_projections::credits::{self, BalanceRow, EntryRow, HistoryRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters},
    meters::check_account,
    values::{Paged, Versioned},
};
use crate::{
    access::{PathOf, ReadBooks, Write},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

/// The read model behind this page.
const READ_MODEL: &str = "credits";

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(open_ledger))
        .routes(routes!(find_ledger))
        .routes(routes!(list_history))
        .routes(routes!(list_entries))
        .merge(grants::router())
        .merge(spends::router())
        .merge(corrections::router())
}

/// What a customer has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerBody {
    id: Uuid,
    account_id: Uuid,
    /// Credits on the customer's accounts. What has run out counts until that is booked; what cannot
    /// be used because its payment is disputed counts too.
    available: i64,
    /// Credits that wait for a delivery.
    held: i64,
    /// Credits that are owed for a payment that was lost.
    owed: i64,
    /// Credits that were spent and not given back.
    spent: i64,
    /// Messages that were sent, for credits and under passes.
    messages: i64,
    /// When the last pass ends.
    pass_ends_at: Option<DateTime<Utc>>,
    booked_at: DateTime<Utc>,
    /// The last hash of the ledger's chain. Kept elsewhere together with `version`, it shows later
    /// whether anything up to here was changed.
    head: String,
    version: i64,
}

impl From<BalanceRow> for LedgerBody {
    fn from(row: BalanceRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            available: row.available,
            held: row.held,
            owed: row.owed,
            spent: row.spent,
            messages: row.messages,
            pass_ends_at: row.pass_ends_at,
            booked_at: row.booked_at,
            head: row.head,
            version: row.version,
        }
    }
}

/// One fact of a ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerFactBody {
    version: i64,
    position: i64,
    /// The event without its aggregate.
    #[schema(example = "spent")]
    kind: String,
    /// The grant, pass, spend, hold, refund, reversal or dispute; null for the ledger as a whole.
    subject_id: Option<Uuid>,
    /// How many credits the customer has more, or less, by it.
    credits: i64,
    /// How many after it.
    available: i64,
    /// How many messages were sent by it.
    messages: i64,
    booked_at: DateTime<Utc>,
}

impl From<HistoryRow> for LedgerFactBody {
    fn from(row: HistoryRow) -> Self {
        Self {
            version: row.version,
            position: row.position,
            kind: row.kind,
            subject_id: row.subject_id,
            credits: row.credits,
            available: row.available,
            messages: row.messages,
            booked_at: row.booked_at,
        }
    }
}

/// One line of the journal. In each unit the lines of a booking add up to zero.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerEntryBody {
    position: i64,
    /// The booking that it belongs to.
    version: i64,
    #[schema(example = "equity:consumed")]
    account: String,
    /// `CR` for credits, `MSG` for messages, or the code of a currency.
    #[schema(example = "CR")]
    unit: String,
    /// Debits are positive; money is in whole minor units, such as kopecks.
    amount: i64,
    /// The grant or pass, where the account is divided by them.
    grant_id: Option<Uuid>,
    booked_at: DateTime<Utc>,
}

impl From<EntryRow> for LedgerEntryBody {
    fn from(row: EntryRow) -> Self {
        Self {
            position: row.position,
            version: row.version,
            account: row.account,
            unit: row.unit,
            amount: row.amount,
            grant_id: row.grant_id,
            booked_at: row.booked_at,
        }
    }
}

/// Whose ledger to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"account_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d"}))]
pub(crate) struct OpenLedger {
    account_id: Uuid,
}

/// Open the ledger of an account, with the welcome credits of the tenant. Its id follows from the
/// account's; a ledger that is open already stays as it is.
#[utoipa::path(
    post, path = "/v1/ledgers", tag = "ledgers", params(CommandParameters),
    request_body = OpenLedger,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn open_ledger(
    State(state): State<ApiState>,
    write: Write,
    Body(body): Body<OpenLedger>,
) -> Result<Answer, Problem> {
    check_account(&state, &write, body.account_id).await?;
    let id = credit_ledger_id(body.account_id);
    let command = CreditLedgerCommand::Open(Open { account_id: body.account_id });
    let answer = write.send(&state, ("credit_ledger", id), &command).await?;
    Ok(answer.at(format!("/v1/ledgers/{id}")))
}

/// Show what a customer has.
#[utoipa::path(
    get, path = "/v1/ledgers/{id}", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), ReadParameters),
    responses((status = 200, body = LedgerBody), Failures)
)]
async fn find_ledger(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<LedgerBody>, Problem> {
    read.reach(&state, &[READ_MODEL]).await?;
    let row = credits::find(&state.pool, &read.tenant, id).await?;
    let row = row.ok_or_else(ledger_unknown)?;
    Ok(Versioned(row.version, row.into()))
}

/// List what became of a customer's credits, newest first.
#[utoipa::path(
    get, path = "/v1/ledgers/{id}/history", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), PageParameters, ReadParameters),
    responses((status = 200, body = Paged<LedgerFactBody>), Failures)
)]
async fn list_history(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Json<Paged<LedgerFactBody>>, Problem> {
    let page = read.parameters.page()?;
    read.reach(&state, &[READ_MODEL]).await?;
    credits::find(&state.pool, &read.tenant, id).await?.ok_or_else(ledger_unknown)?;
    let rows = credits::history(&state.pool, &read.tenant, id, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// List the journal of a ledger by double entry, from its beginning.
#[utoipa::path(
    get, path = "/v1/ledgers/{id}/entries", tag = "ledgers",
    params(("id" = Uuid, Path, description = "The ledger"), PageParameters, ReadParameters),
    responses((status = 200, body = Paged<LedgerEntryBody>), Failures)
)]
async fn list_entries(
    State(state): State<ApiState>,
    ReadBooks(read): ReadBooks,
    PathOf(id): PathOf<Uuid>,
) -> Result<Json<Paged<LedgerEntryBody>>, Problem> {
    let page = read.parameters.page()?;
    read.reach(&state, &[READ_MODEL]).await?;
    credits::find(&state.pool, &read.tenant, id).await?.ok_or_else(ledger_unknown)?;
    let rows = credits::entries(&state.pool, &read.tenant, id, &page).await?;
    Ok(Json(Paged::of(rows)))
}

pub(crate) fn ledger_unknown() -> Problem {
    Problem::not_found("ledger_unknown", "there is no such ledger")
}

/// Sends a command to the ledger that the path names.
async fn send(
    state: &ApiState,
    write: &Write,
    id: Uuid,
    command: CreditLedgerCommand,
) -> Result<Answer, Problem> {
    let sent = write.send(state, ("credit_ledger", id), &command).await;
    sent.map_err(|problem| problem.of_path("ledger"))
}

/// The same for a command that adds something: it shows in the history.
async fn add(
    state: &ApiState,
    write: &Write,
    id: Uuid,
    command: CreditLedgerCommand,
) -> Result<Answer, Problem> {
    let answer = send(state, write, id, command).await?;
    Ok(answer.at(format!("/v1/ledgers/{id}/history")))
}
