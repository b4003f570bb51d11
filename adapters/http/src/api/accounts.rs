//! Accounts: the customers of a tenant.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::{
    DisplayName, Language, Phone,
    account::{
        AccountCommand, ChangeLanguage, ChangePhone, GiveConsent, Origin, Register, Rename,
        WithdrawConsent,
    },
};
use kontor_projections::accounts::{self, AccountRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    documents::{CommandParameters, Failures, PageParameters, ReadParameters, language},
    tenants::nothing_to_change,
    values::{Paged, Versioned, given},
};
use crate::{
    access::{PathOf, Read, Write},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register_account, list_accounts))
        .routes(routes!(find_account, change_account))
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountBody {
    id: Uuid,
    #[schema(value_type = String, example = "Анна Петрова")]
    display_name: DisplayName,
    /// The language that the holder is addressed in.
    #[schema(schema_with = language)]
    language: Language,
    #[schema(value_type = Option<String>, example = "+79161234567")]
    phone: Option<Phone>,
    /// The consent to the processing of personal data that is in force.
    consent: Option<ConsentBody>,
    /// Where the account came from.
    #[schema(value_type = Object)]
    origin: Origin,
    /// The bots that the holder blocked.
    bots_blocked: Vec<String>,
    registered_at: DateTime<Utc>,
    version: i64,
}

/// A consent in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsentBody {
    /// The version of the text that was shown.
    #[schema(example = "2026-11")]
    document_version: String,
    given_at: DateTime<Utc>,
}

impl From<AccountRow> for AccountBody {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            display_name: row.display_name,
            language: row.language,
            phone: row.phone,
            consent: row.consent.map(|consent| ConsentBody {
                document_version: consent.document_version,
                given_at: consent.given_at,
            }),
            origin: row.origin,
            bots_blocked: row.bots_blocked,
            registered_at: row.registered_at,
            version: row.version,
        }
    }
}

/// An account to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "display_name": "Анна Петрова",
    "language": "ru",
    "phone": "+79161234567",
    "external_id": "ЛС-0042"
}))]
pub(crate) struct RegisterAccount {
    /// Your own id; made from the command's when left out.
    #[serde(default)]
    id: Option<Uuid>,
    /// 1 to 80 characters.
    #[schema(value_type = String)]
    display_name: DisplayName,
    #[schema(schema_with = language)]
    #[serde(default)]
    language: Language,
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    phone: Option<Phone>,
    /// The customer's number in your system.
    #[serde(default)]
    external_id: Option<String>,
}

/// What to change of an account; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"display_name": "Анна Ёлкина", "phone": null}))]
pub(crate) struct ChangeAccount {
    #[schema(value_type = Option<String>)]
    display_name: Option<DisplayName>,
    #[schema(schema_with = language)]
    language: Option<Language>,
    /// Null removes the number.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "given")]
    phone: Option<Option<Phone>>,
    /// Null withdraws the consent.
    #[schema(value_type = Option<GivenConsent>)]
    #[serde(default, deserialize_with = "given")]
    consent: Option<Option<GivenConsent>>,
}

/// A consent that the holder gave.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenConsent {
    /// The version of the text that was shown.
    document_version: String,
}

impl ChangeAccount {
    fn commands(self) -> Result<Vec<(&'static str, AccountCommand)>, Problem> {
        let mut commands = Vec::new();
        if let Some(display_name) = self.display_name {
            commands.push(("display_name", AccountCommand::Rename(Rename { display_name })));
        }
        if let Some(language) = self.language {
            let change = ChangeLanguage { language };
            commands.push(("language", AccountCommand::ChangeLanguage(change)));
        }
        if let Some(phone) = self.phone {
            commands.push(("phone", AccountCommand::ChangePhone(ChangePhone { phone })));
        }
        match self.consent {
            Some(Some(GivenConsent { document_version })) => {
                let give = GiveConsent { document_version };
                commands.push(("consent", AccountCommand::GiveConsent(give)));
            }
            Some(None) => {
                commands.push(("consent", AccountCommand::WithdrawConsent(WithdrawConsent {})));
            }
            None => {}
        }
        nothing_to_change(&commands)?;
        Ok(commands)
    }
}

/// Open an account.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", params(CommandParameters),
    request_body = RegisterAccount,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn register_account(
    State(state): State<ApiState>,
    write: Write,
    Body(body): Body<RegisterAccount>,
) -> Result<Answer, Problem> {
    let id = body.id.unwrap_or_else(|| write.derived_id("account"));
    let command = AccountCommand::Register(Register {
        display_name: body.display_name,
        language: body.language,
        origin: Origin::Api { external_id: body.external_id },
        phone: body.phone,
    });
    let answer = write.send(&state, ("account", id), &command).await?;
    Ok(answer.at(format!("/v1/accounts/{id}")))
}

/// List the accounts in the order in which they were opened.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", params(PageParameters, ReadParameters),
    responses((status = 200, body = Paged<AccountBody>), Failures)
)]
async fn list_accounts(
    State(state): State<ApiState>,
    read: Read,
) -> Result<Json<Paged<AccountBody>>, Problem> {
    let page = read.parameters.page()?;
    read.reach(&state, &["accounts"]).await?;
    let rows = accounts::list(&state.pool, &read.tenant, &page).await?;
    Ok(Json(Paged::of(rows)))
}

/// Show an account.
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = Uuid, Path, description = "The account"), ReadParameters),
    responses((status = 200, body = AccountBody), Failures)
)]
async fn find_account(
    State(state): State<ApiState>,
    read: Read,
    PathOf(id): PathOf<Uuid>,
) -> Result<Versioned<AccountBody>, Problem> {
    read.reach(&state, &["accounts"]).await?;
    let row = accounts::find(&state.pool, &read.tenant, id).await?;
    let row =
        row.ok_or_else(|| Problem::not_found("account_unknown", "there is no such account"))?;
    Ok(Versioned(row.version, row.into()))
}

/// Change an account. Fields are changed one after the other; a refusal says what was changed
/// before.
#[utoipa::path(
    patch, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = Uuid, Path, description = "The account"), CommandParameters),
    request_body = ChangeAccount,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn change_account(
    State(state): State<ApiState>,
    write: Write,
    PathOf(id): PathOf<Uuid>,
    Body(body): Body<ChangeAccount>,
) -> Result<Answer, Problem> {
    let commands = body.commands()?;
    let sent = write.send_all(&state, ("account", id), &commands).await;
    sent.map_err(|problem| problem.of_path("account"))
}
