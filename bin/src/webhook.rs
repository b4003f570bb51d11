//! `kontor integrator` for those that are called: webhooks.

use anyhow::{Context, bail};
use kontor_commands::clock;
use kontor_postgres::{
    integrators::{IntegratorName, NewIntegrator},
    webhooks::{self, Attempt, Webhook},
};
use kontor_webhooks::Target;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    cli::integrator::OneIntegrator,
    compose,
    failure::Failure,
    integrator::{Desk, unknown},
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
        let target = Target::parse(url, self.config.integrators.webhook_loopback)
            .map_err(|err| Failure::Usage(format!("--webhook: {err}")))?;
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
        let said = "It is called again within a second; what waited is tried first.";
        done(&args, json!({ "enabled": true, "changed": changed }), said)
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
        let state = found
            .disabled_reason
            .map_or_else(|| "enabled".to_owned(), |reason| format!("disabled: {reason}"));
        output::line(&format!(
            "{state}; at position {}, {} events wait, {} were given up",
            found.position, found.pending, found.failed
        ));
        if !attempts.is_empty() {
            output::table(&TITLES, &attempts.iter().map(cells).collect::<Vec<_>>());
        }
        Ok(())
    }

    pub(crate) async fn redeliver(
        &self,
        args: OneIntegrator,
        from_position: Option<i64>,
    ) -> anyhow::Result<()> {
        if let Some(from) = from_position {
            return self.redeliver_from(&args.name, from, args.output.json).await;
        }
        let id = self.webhook(&args.name).await?.integrator.id;
        let events = webhooks::redeliver_failed(&self.pool, id, clock::now()).await?;
        let said = format!("{events} events are delivered again.");
        done(&args, json!({ "events": events }), &said)
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
