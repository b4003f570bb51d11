//! The webhooks: how each is, what it answered, when it is called next; and how its calls are stopped
//! and go on.

use askama::Template;
use axum::{
    extract::{OriginalUri, Path, State},
    response::{Redirect, Response},
};
use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_postgres::webhooks::{self, Answered, Attempt, Seen};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    actions::{self, Action},
    operator::Operator,
    shell::{Shell, html, shell},
    words::{self, When},
};
use crate::{parameters::Parameters, problem::Problem, state::ApiState};

/// The attempts that are shown of one.
const ATTEMPTS_SHOWN: u32 = 50;
/// Why a webhook is disabled by hand.
const BY_OPERATOR: &str = "an operator paused it";

/// A webhook of an integrator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// The integrator.
    #[schema(example = "billing")]
    pub(super) name: String,
    /// The tenant whose events it gets; null for all tenants.
    pub(super) tenant: Option<String>,
    /// Where it is called, without the path, which may hold a secret.
    #[schema(example = "hooks.example.org")]
    pub(super) host: String,
    /// `delivering`, `failing` (some attempts failed), `down` (nothing is accepted), `paused` (by an
    /// operator) or `disabled` (after days in which nothing was accepted).
    #[schema(example = "delivering")]
    pub(super) state: &'static str,
    /// Why nothing is delivered, when it is paused or disabled.
    pub(super) disabled_reason: Option<String>,
    /// Since when it is as it is; null while it delivers.
    pub(super) since: Option<DateTime<Utc>>,
    /// Every event up to here was delivered, or waits, or is not wanted.
    pub(super) position: i64,
    /// The positions of the log that it has yet to pass.
    pub(super) lag_events: i64,
    /// How long its oldest event has been waiting.
    pub(super) lag_seconds: f64,
    /// Events that wait for another attempt, or behind one that does.
    pub(super) pending: i64,
    /// Events that were given up.
    pub(super) given_up: i64,
    /// When it is called next; null when nothing waits for it, or while it is paused or disabled.
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    pub(super) last_success_at: Option<DateTime<Utc>>,
    /// The newest first.
    pub(super) last_answers: Vec<LastAnswer>,
    #[serde(skip)]
    id: uuid::Uuid,
}

/// What a webhook answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LastAnswer {
    pub(super) at: DateTime<Utc>,
    /// Null when there was no answer.
    #[schema(example = 204)]
    pub(super) status: Option<i16>,
    /// What went wrong; null after a success.
    pub(super) failure: Option<String>,
}

impl From<Answered> for LastAnswer {
    fn from(answer: Answered) -> Self {
        let Answered { at, status, failure } = answer;
        Self { at, status, failure }
    }
}

impl From<Seen> for Webhook {
    fn from(seen: Seen) -> Self {
        let state = state_of(&seen);
        let hook = seen.webhook;
        Self {
            state,
            since: hook.disabled_at.or(hook.failing_since),
            host: host_of(&hook.url).to_owned(),
            name: hook.integrator.name.to_string(),
            tenant: hook.integrator.tenant.map(|tenant| tenant.to_string()),
            disabled_reason: hook.disabled_reason,
            position: hook.position,
            lag_events: hook.behind,
            lag_seconds: seen.waiting_seconds,
            pending: hook.pending,
            given_up: hook.failed,
            next_attempt_at: seen.next_at,
            last_success_at: hook.last_success_at,
            last_answers: seen.answers.into_iter().map(LastAnswer::from).collect(),
            id: hook.integrator.id,
        }
    }
}

fn state_of(seen: &Seen) -> &'static str {
    let hook = &seen.webhook;
    match (&hook.disabled_at, hook.disabled_by.as_deref(), &hook.failing_since) {
        (Some(_), Some("operator"), _) => "paused",
        (Some(_), _, _) => "disabled",
        (None, _, Some(_)) if seen.is_outage() => "down",
        (None, _, Some(_)) => "failing",
        (None, _, None) => "delivering",
    }
}

/// The host and port of an address.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

impl Webhook {
    /// How much somebody has to look at it.
    pub(super) fn state_class(&self) -> &'static str {
        match self.state {
            "delivering" if self.given_up == 0 => "state-good",
            "down" | "disabled" => "state-bad",
            _ => "state-warn",
        }
    }

    /// Whether it is called at all.
    pub(super) fn is_called(&self) -> bool {
        !matches!(self.state, "paused" | "disabled")
    }

    /// Whose events it gets, in words.
    pub(super) fn tenant_words(&self) -> &str {
        self.tenant.as_deref().unwrap_or("all tenants")
    }
}

impl LastAnswer {
    /// The status, or that there was none.
    pub(super) fn short(&self) -> String {
        self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
    }

    /// All of it.
    pub(super) fn long(&self) -> String {
        let said = self.failure.clone().unwrap_or_else(|| format!("answered {}", self.short()));
        format!("{}: {said}", When::of(&self.at).exact)
    }
}

/// The webhooks that an operator may see: their own tenant's, or all.
pub(super) async fn list(state: &ApiState, operator: &Operator) -> Result<Vec<Webhook>, Problem> {
    let seen = webhooks::seen(&state.pool).await.map_err(|err| Problem::internal(&err))?;
    let mut hooks: Vec<Webhook> = seen.into_iter().map(Webhook::from).collect();
    hooks.retain(|hook| match (operator.tenant(), &hook.tenant) {
        (None, _) => true,
        (Some(own), Some(tenant)) => own.as_str() == tenant,
        (Some(_), None) => false,
    });
    Ok(hooks)
}

/// One of them with its last attempts.
pub(super) async fn find(
    state: &ApiState,
    operator: &Operator,
    name: &str,
) -> Result<(Webhook, Vec<Attempt>), Problem> {
    let found = list(state, operator).await?.into_iter().find(|hook| hook.name == name);
    let hook = found.ok_or_else(|| {
        Problem::not_found("webhook_unknown", "there is no webhook of that name in force")
    })?;
    let attempts = webhooks::attempts(&state.pool, hook.id, (false, ATTEMPTS_SHOWN)).await;
    Ok((hook, attempts.map_err(|err| Problem::internal(&err))?))
}

/// Stops the calls of one, or lets them go on. Whether that changed anything.
pub(super) async fn decide(
    state: &ApiState,
    operator: &Operator,
    (name, action): (&str, Action),
) -> Result<bool, Problem> {
    let (hook, _) = find(state, operator, name).await?;
    let now = clock::now();
    let changed = if action == Action::DisableWebhook {
        webhooks::disable(&state.pool, hook.id, BY_OPERATOR, now).await
    } else {
        webhooks::enable(&state.pool, hook.id, now).await
    };
    let outcome = match &changed {
        Ok(true) => "done",
        Ok(false) => "unchanged",
        Err(_) => "failed",
    };
    let entry = (name, hook.tenant.as_deref(), outcome);
    actions::record(&state.pool, operator, action, entry).await?;
    changed.map_err(|err| Problem::internal(&err))
}

#[derive(Template)]
#[template(path = "operations/webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    hooks: Vec<Webhook>,
}

/// `/admin/operations/webhooks`
pub(super) async fn page(
    State(state): State<ApiState>,
    operator: Operator,
) -> Result<Response, Problem> {
    let hooks = list(&state, &operator).await?;
    html(&WebhooksPage { shell: shell(&state, &operator, "webhooks").await, hooks })
}

#[derive(Template)]
#[template(path = "operations/webhook.html")]
struct WebhookPage {
    shell: Shell,
    hook: Webhook,
    attempts: Vec<Attempt>,
    said: Option<&'static str>,
}

/// `/admin/operations/webhooks/{name}`
pub(super) async fn show(
    State(state): State<ApiState>,
    operator: Operator,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let said = Parameters::of(&uri).parsed::<String>("done", "a word")?;
    let (hook, attempts) = find(&state, &operator, &name).await?;
    let said = said.as_deref().and_then(sentence);
    html(&WebhookPage { shell: shell(&state, &operator, "webhooks").await, hook, attempts, said })
}

/// What a person reads after an order.
fn sentence(done: &str) -> Option<&'static str> {
    Some(match done {
        "paused" => "It is called no more. Everything waits, and nothing is lost.",
        "resumed" => "It is called again within a second; what waited is tried first.",
        "unchanged" => "It was so already.",
        _ => return None,
    })
}

/// `POST /admin/operations/webhooks/{name}/pause`
pub(super) async fn pause(
    State(state): State<ApiState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    let changed = decide(&state, &operator, (&name, Action::DisableWebhook)).await?;
    Ok(back(&name, if changed { "paused" } else { "unchanged" }))
}

/// `POST /admin/operations/webhooks/{name}/resume`
pub(super) async fn resume(
    State(state): State<ApiState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    let changed = decide(&state, &operator, (&name, Action::EnableWebhook)).await?;
    Ok(back(&name, if changed { "resumed" } else { "unchanged" }))
}

fn back(name: &str, done: &str) -> Redirect {
    Redirect::to(&format!("/admin/operations/webhooks/{}?done={done}", words::in_query(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_host_is_shown() {
        for (url, host) in [
            ("https://hooks.example.org/key/abc?token=1", "hooks.example.org"),
            ("https://hooks.example.org?token=1", "hooks.example.org"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("https://[2606:4700::1]:8443/x", "[2606:4700::1]:8443"),
            ("https://xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
            ("", ""),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
