//! Tenants.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use kontor_domain::{
    DisplayName, Language, TenantId,
    credit_ledger::CreditRules,
    meter::MeterRules,
    tenant::{
        ChangeCreditRules, ChangeLocale, ChangeMeterRules, ChangeReadingReminders, Create,
        ReadingReminders, Rename, TenantCommand, TenantKind,
    },
};
use kontor_projections::{
    Page,
    tenants::{self, TenantRow},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    documents::{
        CommandParameters, Failures, PageParameters, ReadParameters, language, tenant_kind,
    },
    values::{Paged, Versioned},
};
use crate::{
    access::{Admin, Freshness, ReadTenant, WriteTenant},
    auth::{Caller, require_reader},
    body::Body,
    dispatch::{Answer, OutcomeBody},
    parameters::Parameters,
    problem::Problem,
    state::ApiState,
};

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_tenant, list_tenants))
        .routes(routes!(find_tenant, change_tenant))
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantBody {
    #[schema(value_type = String, example = "moscow")]
    id: TenantId,
    #[schema(value_type = String, example = "Мосводоканал")]
    name: DisplayName,
    #[schema(schema_with = tenant_kind)]
    kind: TenantKind,
    /// The language that replies start in.
    #[schema(schema_with = language)]
    language: Language,
    /// IANA name of the time zone.
    #[schema(value_type = String, example = "Europe/Moscow")]
    time_zone: chrono_tz::Tz,
    /// How readings are taken.
    #[schema(value_type = Object)]
    meter_rules: MeterRules,
    /// How customers are reminded of readings before the window closes.
    #[schema(value_type = Object)]
    reading_reminders: ReadingReminders,
    /// How credits are dealt with.
    #[schema(value_type = Object)]
    credit_rules: CreditRules,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<TenantRow> for TenantBody {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            language: row.language,
            time_zone: row.time_zone,
            meter_rules: row.meter_rules,
            reading_reminders: row.reading_reminders,
            credit_rules: row.credit_rules,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// A tenant to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "moscow",
    "name": "Мосводоканал",
    "kind": "utility",
    "language": "ru",
    "time_zone": "Europe/Moscow",
    "meter_rules": {"window_first_day": 15, "window_last_day": 25}
}))]
pub(crate) struct CreateTenant {
    /// The slug: 1 to 40 characters of a-z, 0-9 and _, beginning with a letter.
    #[schema(value_type = String)]
    id: TenantId,
    #[schema(value_type = String)]
    name: DisplayName,
    #[schema(schema_with = tenant_kind)]
    kind: TenantKind,
    #[schema(schema_with = language)]
    #[serde(default)]
    language: Language,
    #[schema(value_type = String)]
    time_zone: chrono_tz::Tz,
    /// Rules that are left out take their defaults.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    meter_rules: MeterRules,
}

/// What to change of a tenant; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Водоканал", "language": "en", "time_zone": "Europe/Moscow"}))]
pub(crate) struct ChangeTenant {
    #[schema(value_type = Option<String>)]
    name: Option<DisplayName>,
    /// Together with `time_zone`.
    #[schema(schema_with = language)]
    language: Option<Language>,
    /// Together with `language`.
    #[schema(value_type = Option<String>)]
    time_zone: Option<chrono_tz::Tz>,
    /// All rules, old and new; rules that are left out take their defaults.
    #[schema(value_type = Option<Object>)]
    meter_rules: Option<MeterRules>,
    /// Reminders before the window closes: `enabled`, `days_before` (0 to 10) and `hour` (9 to 19,
    /// the tenant's time); settings that are left out take their defaults.
    #[schema(value_type = Option<Object>)]
    reading_reminders: Option<ReadingReminders>,
    /// Rules for credits: `enabled` (no ledger is opened without it), `message_cost`,
    /// `welcome_credits`, `tutorial_credits`, `low_credits` (0 to 1000 each), `hold_seconds` (30 to
    /// 86400), `messages_per_minute_max`, `credits_per_day_max`, `gifts_per_day_max`, `balance_max`,
    /// `debt` (`block`, `owe` or `forgive`), `packages` (at most 10 numbers of credits) and
    /// `test_switch`; rules that are left out take their defaults.
    #[schema(value_type = Option<Object>)]
    credit_rules: Option<CreditRules>,
}

impl ChangeTenant {
    fn commands(self) -> Result<Vec<(&'static str, TenantCommand)>, Problem> {
        let mut commands = Vec::new();
        if let Some(name) = self.name {
            commands.push(("name", TenantCommand::Rename(Rename { name })));
        }
        match (self.language, self.time_zone) {
            (Some(language), Some(time_zone)) => {
                let change = ChangeLocale { language, time_zone };
                commands.push(("language", TenantCommand::ChangeLocale(change)));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(Problem::field("/time_zone", "give `time_zone` with `language`"));
            }
            (None, Some(_)) => {
                return Err(Problem::field("/language", "give `language` with `time_zone`"));
            }
        }
        if let Some(meter_rules) = self.meter_rules {
            let change = ChangeMeterRules { meter_rules };
            commands.push(("meter_rules", TenantCommand::ChangeMeterRules(change)));
        }
        if let Some(reading_reminders) = self.reading_reminders {
            let change = ChangeReadingReminders { reading_reminders };
            commands.push(("reading_reminders", TenantCommand::ChangeReadingReminders(change)));
        }
        if let Some(credit_rules) = self.credit_rules {
            let change = ChangeCreditRules { credit_rules };
            commands.push(("credit_rules", TenantCommand::ChangeCreditRules(change)));
        }
        nothing_to_change(&commands)?;
        Ok(commands)
    }
}

/// Refuses a change of nothing: it is a mistake of the caller.
pub(crate) fn nothing_to_change<C>(commands: &[C]) -> Result<(), Problem> {
    if commands.is_empty() {
        return Err(Problem::field("", "give at least one field to change"));
    }
    Ok(())
}

/// Open a tenant. Needs an admin's key of the platform.
#[utoipa::path(
    post, path = "/v1/tenants", tag = "tenants", params(CommandParameters),
    request_body = CreateTenant,
    responses((status = 201, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn create_tenant(
    State(state): State<ApiState>,
    admin: Admin,
    Body(body): Body<CreateTenant>,
) -> Result<Answer, Problem> {
    let location = format!("/v1/tenants/{}", body.id);
    let write = admin.write(body.id.clone())?;
    let id = body.id.stream_id();
    let command = TenantCommand::Create(Create {
        name: body.name,
        kind: body.kind,
        language: body.language,
        time_zone: body.time_zone,
        meter_rules: body.meter_rules,
    });
    let answer = write.send(&state, ("tenant", id), &command).await?;
    Ok(answer.at(location))
}

/// List the tenants that the key opens, in the order in which they were opened.
#[utoipa::path(
    get, path = "/v1/tenants", tag = "tenants", params(PageParameters, ReadParameters),
    responses((status = 200, body = Paged<TenantBody>), Failures)
)]
async fn list_tenants(
    State(state): State<ApiState>,
    caller: Caller,
    parts: axum::http::request::Parts,
) -> Result<Json<Paged<TenantBody>>, Problem> {
    require_reader(&parts, &state, &caller).await?;
    let parameters = Parameters::of(&parts.uri);
    let page = parameters.page()?;
    Freshness::of(&parts.headers, &parameters)?.reach(&state, &["tenants"]).await?;
    let rows = match &caller.key().tenant {
        Some(own) => {
            let row = tenants::find(&state.pool, own).await?;
            Page { items: row.into_iter().collect(), next: None }
        }
        None => tenants::list(&state.pool, &page).await?,
    };
    Ok(Json(Paged::of(rows)))
}

/// Show a tenant.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "The slug"), ReadParameters),
    responses((status = 200, body = TenantBody), Failures)
)]
async fn find_tenant(
    State(state): State<ApiState>,
    ReadTenant(read): ReadTenant,
) -> Result<Versioned<TenantBody>, Problem> {
    read.reach(&state, &["tenants"]).await?;
    let row = tenants::find(&state.pool, &read.tenant).await?;
    let row = row.ok_or_else(|| Problem::not_found("tenant_unknown", "there is no such tenant"))?;
    Ok(Versioned(row.version, row.into()))
}

/// Change a tenant. Fields are changed one after the other; a refusal says what was changed before.
#[utoipa::path(
    patch, path = "/v1/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "The slug"), CommandParameters),
    request_body = ChangeTenant,
    responses((status = 200, body = OutcomeBody), (status = 202, body = OutcomeBody), Failures)
)]
async fn change_tenant(
    State(state): State<ApiState>,
    WriteTenant(write): WriteTenant,
    Body(body): Body<ChangeTenant>,
) -> Result<Answer, Problem> {
    let commands = body.commands()?;
    let address = ("tenant", write.tenant.stream_id());
    let sent = write.send_all(&state, address, &commands).await;
    sent.map_err(|problem| problem.of_path("tenant"))
}
