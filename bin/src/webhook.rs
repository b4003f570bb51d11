//! `kontor integrator` for those that are called: webhooks.

use anyhow::{Context, bail};
use kontor_commands::clock;
use kontor_domain::TenantId;
use kontor_postgres::{
    integrators::{IntegratorName, NewIntegrator},
    journal::Action,
    webhooks::{self, Attempt, Webhook},
};
use kontor_webhooks::Target;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    cli::{EventRef, integrator::OneIntegrator},
    compose,
    failure::Failure,
    integrator::{Desk, unknown},
    operate::{find_event, note_action},
    output,
};

/// Why a webhook is disabled by hand.
const BY_OPERATOR: &str = "an operator disabled it";

impl Desk<'_> {
    pub(crate) async fn add_webhook(
        &self,
        (new, url): (NewIntegrator, &str),
        json: bool,
    ) -> Result<(), Failure> {
        let target = self.target(url)?;
        let vault = compose::vault(self.config, &self.pool)?;
        let url = target.url().as_str();
        let (integrator, secret) =
            webhooks::add(&self.pool, &vault, (new, url)).await.map_err(anyhow::Error::from)?;
        if json {
            let mut value = serde_json::to_value(&integrator).map_err(anyhow::Error::from)?;
            value["webhook"] = json!({ "url": url, "secret": secret.expose_secret() });
            return Ok(output::json(&value)?);
        }
        output::line(&format!("url     {url}"));
        print_secret(&secret);
        Ok(())
    }

    pub(crate) async fn disable(&self, args: OneIntegrator) -> anyhow::Result<()> {
        let found = self.webhook(&args.name).await?;
        let id = found.integrator.id;
        let changed = webhooks::disable(&self.pool, id, BY_OPERATOR, clock::now()).await?;
        self.note(Action::DisableWebhook, &found, changed).await?;
        let said = if changed {
            "It is called no more; `kontor integrator enable` goes on from here."
        } else {
            "It was disabled already."
        };
        done(&args, json!({ "enabled": false, "changed": changed }), said)
    }

    pub(crate) async fn enable(&self, args: OneIntegrator) -> anyhow::Result<()> {
        let found = self.webhook(&args.name).await?;
        let changed = webhooks::enable(&self.pool, found.integrator.id, clock::now()).await?;
        self.note(Action::EnableWebhook, &found, changed).await?;
        let said = "It is called again within a second; what waited is tried first.";
        done(&args, json!({ "enabled": true, "changed": changed }), said)
    }

    async fn note(&self, action: Action, found: &Webhook, changed: bool) -> anyhow::Result<()> {
        let tenant = found.integrator.tenant.as_ref().map(TenantId::as_str);
        let about = (found.integrator.name.as_str(), tenant);
        let outcome = if changed { "done" } else { "unchanged" };
        note_action(&self.pool, action, about, outcome).await
    }

    pub(crate) async fn rotate_secret(
        &self,
        args: OneIntegrator,
        at_once: bool,
    ) -> anyhow::Result<()> {
        let id = self.webhook(&args.name).await?.integrator.id;
        let vault = compose::vault(self.config, &self.pool)?;
        let rotated = webhooks::rotate_secret(&self.pool, &vault, (id, at_once), clock::now());
        let secret = rotated.await?;
        if args.output.json {
            let secret = secret.expose_secret();
            return output::json(&json!({ "name": args.name, "secret": secret }));
        }
        print_secret(&secret);
        output::line(if at_once {
            "The old secret signs nothing any more."
        } else {
            "The old secret signs too for 24 hours."
        });
        Ok(())
    }

    pub(crate) async fn deliveries(
        &self,
        args: OneIntegrator,
        (failed, limit): (bool, u32),
    ) -> anyhow::Result<()> {
        let found = self.webhook(&args.name).await?;
        let id = found.integrator.id;
        let attempts = webhooks::attempts(&self.pool, id, (failed, limit)).await?;
        if args.output.json {
            return output::json(&json!({ "webhook": found, "attempts": attempts }));
        }
        let state = state(&found);
        output::line(&format!(
            "{}; {state}; at position {}, {} behind the log; {} events wait, {} were given up",
            found.url, found.position, found.behind, found.pending, found.failed
        ));
        if !attempts.is_empty() {
            output::table(&TITLES, &attempts.iter().map(cells).collect::<Vec<_>>());
        }
        Ok(())
    }

    pub(crate) async fn redeliver(
        &self,
        args: OneIntegrator,
        (event, all): (Option<EventRef>, bool),
        from_position: Option<i64>,
    ) -> anyhow::Result<()> {
        if let Some(from) = from_position {
            return self.redeliver_from(&args.name, from, args.output.json).await;
        }
        if let Some(event) = event {
            return self.redeliver_event(args, (event, all)).await;
        }
        let id = self.webhook(&args.name).await?.integrator.id;
        let events = webhooks::redeliver_failed(&self.pool, id, clock::now()).await?;
        let said = format!("{events} events are delivered again.");
        done(&args, json!({ "events": events }), &said)
    }

    async fn redeliver_event(
        &self,
        args: OneIntegrator,
        (event, all): (EventRef, bool),
    ) -> anyhow::Result<()> {
        let found = self.webhook(&args.name).await?;
        let event = find_event(&self.pool, event, all).await?;
        let (integrator, position) = (&found.integrator, event.position);
        webhooks::redeliver_event(&self.pool, integrator, position, clock::now()).await?;
        let mut said = format!("The event at position {position} is delivered again.");
        if found.disabled_at.is_some() {
            said = format!(
                "The event at position {position} waits: the webhook is disabled; `kontor \
                 integrator enable {}` lets the calls go on.",
                args.name
            );
        }
        done(&args, json!({ "events": 1, "position": position, "event_id": event.event_id }), &said)
    }

    pub(crate) async fn move_webhook(&self, args: OneIntegrator, url: &str) -> Result<(), Failure> {
        let target = self.target(url)?;
        let id = self.webhook(&args.name).await?.integrator.id;
        let moved = webhooks::move_to(&self.pool, (id, target.url().as_str()), clock::now()).await;
        let is_disabled =
            moved.map_err(anyhow::Error::from)?.with_context(|| unknown(&args.name))?;
        let said = if is_disabled {
            format!(
                "Moved; it stays disabled: `kontor integrator enable {}` lets the calls go on.",
                args.name
            )
        } else {
            "Moved: it is called there within a second, at first with what waits.".to_owned()
        };
        let value = json!({ "url": target.url().as_str(), "enabled": !is_disabled });
        Ok(done(&args, value, &said)?)
    }

    /// An address that may be called.
    fn target(&self, url: &str) -> Result<Target, Failure> {
        Target::parse(url, self.config.integrators.webhook_loopback)
            .map_err(|err| Failure::Usage(format!("--webhook: {err}")))
    }

    pub(crate) async fn redeliver_from(
        &self,
        name: &IntegratorName,
        from: i64,
        json: bool,
    ) -> anyhow::Result<()> {
        let id = self.webhook(name).await?.integrator.id;
        webhooks::redeliver_from(&self.pool, id, from).await?;
        if json {
            return output::json(&json!({ "name": name, "from_position": from }));
        }
        output::line(&format!("{name} receives its events again from position {from} on."));
        Ok(())
    }

    async fn webhook(&self, name: &IntegratorName) -> anyhow::Result<Webhook> {
        let found = webhooks::find(&self.pool, name).await?;
        if found.is_none() && self.is_known(name).await? {
            bail!("`{name}` pulls its events from NATS; this verb is for webhooks");
        }
        found.with_context(|| unknown(name))
    }

    async fn is_known(&self, name: &IntegratorName) -> anyhow::Result<bool> {
        Ok(kontor_postgres::integrators::find(&self.pool, name).await?.is_some())
    }
}

/// How a webhook does, in a word or a sentence.
pub(crate) fn state(webhook: &Webhook) -> String {
    match (&webhook.disabled_reason, webhook.failing_since) {
        (Some(reason), _) => format!("disabled: {reason}"),
        (None, Some(since)) => format!("failing since {}", since.format("%Y-%m-%d %H:%M")),
        (None, None) => "in force".to_owned(),
    }
}

/// What waits for it: events that were set aside, and positions of the log that it has yet to pass.
pub(crate) fn waiting(webhook: &Webhook) -> String {
    match webhook.behind {
        0 => webhook.pending.to_string(),
        behind => format!("{} + {behind} unread", webhook.pending),
    }
}

fn print_secret(secret: &SecretString) {
    output::line(&format!("secret  {}", secret.expose_secret()));
    output::line("");
    output::line("Keep the secret now: it is not shown again. It verifies what is delivered.");
}

fn done(args: &OneIntegrator, mut value: serde_json::Value, said: &str) -> anyhow::Result<()> {
    if args.output.json {
        value["name"] = json!(args.name);
        return output::json(&value);
    }
    output::line(said);
    Ok(())
}

const TITLES: [&str; 7] = ["AT (UTC)", "POSITION", "EVENT", "TYPE", "ATTEMPT", "MS", "OUTCOME"];

fn cells(attempt: &Attempt) -> Vec<String> {
    vec![
        attempt.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        attempt.position.to_string(),
        attempt.event_id.to_string(),
        attempt.event_type.clone(),
        attempt.attempt.to_string(),
        attempt.duration_ms.to_string(),
        attempt.failure.clone().unwrap_or_else(|| "delivered".to_owned()),
    ]
}
