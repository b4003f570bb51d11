//! `kontor integrator`: programs of others that receive events.

mod replay;

use anyhow::{Context, bail};
use kontor_nats::{BrokerNames, Issuer, Nats, integrators::subjects};
use kontor_postgres::{
    integrators::{
        self, Channel, EventFilter, Integrator, IntegratorName, NewIntegrator,
        replays::{self, Replay},
    },
    webhooks::{self, Webhook},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    COMMAND_CONNECTIONS,
    cli::integrator::{AddArgs, IntegratorVerb, OneIntegrator},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
    up::without_login,
    webhook,
};

/// What the verbs share.
pub(crate) struct Desk<'a> {
    pub(crate) config: &'a Config,
    addresses: Addresses,
    pub(crate) pool: PgPool,
}

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: IntegratorVerb) -> Result<(), Failure> {
    if let IntegratorVerb::Issuer(output) = verb {
        return Ok(print_issuer(output.json)?);
    }
    let addresses = Addresses::find(config)?;
    let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
    let desk = Desk { config, addresses, pool };
    match verb {
        IntegratorVerb::Add(args) => desk.add(args).await,
        IntegratorVerb::List { all, output } => Ok(desk.list(all, output.json).await?),
        IntegratorVerb::Revoke(args) => Ok(desk.revoke(args).await?),
        IntegratorVerb::Replay { one, from_position, .. } => {
            Ok(desk.replay(one, from_position).await?)
        }
        IntegratorVerb::Disable(args) => Ok(desk.disable(args).await?),
        IntegratorVerb::Enable(args) => Ok(desk.enable(args).await?),
        IntegratorVerb::RotateSecret { one, at_once } => {
            Ok(desk.rotate_secret(one, at_once).await?)
        }
        IntegratorVerb::Deliveries { one, failed, limit } => {
            Ok(desk.deliveries(one, (failed, limit)).await?)
        }
        IntegratorVerb::Redeliver { one, event, from_position, all, .. } => {
            Ok(desk.redeliver(one, (event, all), from_position).await?)
        }
        IntegratorVerb::Move { one, webhook } => desk.move_webhook(one, &webhook).await,
        // Answered above: it needs no engine.
        IntegratorVerb::Issuer(_) => Ok(()),
    }
}

fn print_issuer(json: bool) -> anyhow::Result<()> {
    let (issuer, seed) = Issuer::generate()?;
    let (public_key, seed) = (issuer.public_key(), seed.expose_secret());
    if json {
        return output::json(&json!({ "issuer": public_key, "seed": seed }));
    }
    output::line(&format!("issuer (auth_callout of the NATS server)  {public_key}"));
    output::line(&format!("seed   (KONTOR_NATS_ISSUER_SEED, secret)  {seed}"));
    Ok(())
}

impl Desk<'_> {
    async fn nats(&self) -> anyhow::Result<Nats> {
        compose::nats(self.config, &self.addresses, "integrator").await
    }

    async fn add(&self, args: AddArgs) -> Result<(), Failure> {
        let events = EventFilter::new(&args.events)
            .map_err(|err| Failure::Usage(format!("--events: {err}")))?;
        if let Some(pattern) = events.patterns().iter().find(|it| !kontor_contract::matches_any(it))
        {
            return Err(Failure::Usage(format!(
                "--events: no event fits `{pattern}`; there are {}",
                kontor_contract::event_types().join(", ")
            )));
        }
        if let Some(url) = args.webhook {
            let AddArgs { name, tenant, output, .. } = args;
            let new = NewIntegrator { name, tenant, events, channel: Channel::Webhook };
            return self.add_webhook((new, &url), output.json).await;
        }
        if compose::issuer(self.config)?.is_none() {
            return Err(Failure::Usage(
                "KONTOR_NATS_ISSUER_SEED is not set, so the NATS server cannot ask Kontor about \
                 integrators; `kontor integrator issuer --help` says what to do"
                    .to_owned(),
            ));
        }
        // A broker that cannot be reached is told before anything is written.
        let nats = self.nats().await?;
        let AddArgs { name, tenant, output, .. } = args;
        let new = NewIntegrator { name, tenant, events, channel: Channel::Nats };
        let (integrator, secret) =
            integrators::add(&self.pool, new).await.map_err(anyhow::Error::from)?;
        let made = nats.ensure_integrator(&integrator).await;
        if let Err(err) = made {
            // Nobody has its secret yet: it is better not to be there than to be there by half.
            integrators::revoke(&self.pool, &integrator.name).await.map_err(anyhow::Error::from)?;
            return Err(anyhow::Error::from(err).context("the integrator was not added").into());
        }
        Ok(self.print_added(&integrator, secret.as_ref(), output.json)?)
    }

    fn print_added(
        &self,
        integrator: &Integrator,
        secret: Option<&SecretString>,
        json: bool,
    ) -> anyhow::Result<()> {
        let names = BrokerNames::of(&integrator.name);
        let servers = self.addresses.nats_servers.iter();
        let servers: Vec<String> = servers.map(|url| without_login(url.expose_secret())).collect();
        let secret = secret.map(|secret| secret.expose_secret().to_owned()).unwrap_or_default();
        if json {
            let mut value = described(integrator)?;
            value["nats"] = json!({
                "servers": servers,
                "user": names.user,
                "password": secret,
                "stream": names.stream,
                "consumer": names.consumer,
                "inbox_prefix": names.inbox_prefix,
                "replay_stream": names.replay_stream,
            });
            return output::json(&value);
        }
        for (what, value) in [
            ("servers", servers.join(", ")),
            ("user", names.user),
            ("password", secret),
            ("stream", names.stream.to_owned()),
            ("consumer", names.consumer),
            ("inbox prefix", names.inbox_prefix),
            ("replays", names.replay_stream),
            ("subjects", subjects(integrator).join(", ")),
        ] {
            output::line(&format!("{what:12}  {value}"));
        }
        output::line("");
        output::line("Keep the password now: it is not shown again.");
        output::line("docs/guides/integrators.md has programs to begin with.");
        Ok(())
    }

    async fn list(&self, all: bool, json: bool) -> anyhow::Result<()> {
        let found = integrators::list(&self.pool, all).await?;
        let webhooks = webhooks::list(&self.pool).await?;
        let open = replays::open(&self.pool).await?;
        let beside = |integrator: &Integrator| Beside {
            webhook: webhooks.iter().find(|it| it.integrator.id == integrator.id),
            replay: open.iter().find(|it| it.integrator.id == integrator.id),
        };
        if json {
            let described = |integrator: &Integrator| {
                let Beside { webhook, replay } = beside(integrator);
                let mut value = described(integrator)?;
                value["replay"] = serde_json::to_value(replay)?;
                if let Some(webhook) = webhook {
                    value["webhook"] = serde_json::to_value(webhook)?;
                }
                anyhow::Ok(value)
            };
            let described: Vec<Value> =
                found.iter().map(described).collect::<anyhow::Result<_>>()?;
            return output::json(&described);
        }
        if found.is_empty() {
            output::line("There are no integrators; `kontor integrator add` adds one.");
            return Ok(());
        }
        let rows = found.iter().map(|it| cells(it, &beside(it))).collect::<Vec<_>>();
        output::table(&TITLES, &rows);
        Ok(())
    }

    async fn revoke(&self, args: OneIntegrator) -> anyhow::Result<()> {
        let Some(integrator) = integrators::revoke(&self.pool, &args.name).await? else {
            bail!(unknown(&args.name));
        };
        // From here on it cannot enter. The rest is done by the relay too, should it fail here.
        let (mut consumer_deleted, mut connections_ended) = (false, None);
        if integrator.channel == Channel::Nats {
            let late = "it cannot enter NATS any more, but its consumer was not deleted; the relay \
                        does so within half a minute";
            let nats = self.nats().await.context(late)?;
            consumer_deleted = nats.remove_integrator(&args.name).await.context(late)?;
            nats.remove_replay(&args.name).await.context(late)?;
            if let Some(system) = compose::nats_system(self.config, &self.addresses).await? {
                connections_ended = Some(system.end_connections(&args.name).await?);
            }
        }
        if integrator.channel == Channel::Webhook && !args.output.json {
            output::line("Revoked: it is called no more; what waited for it was dropped.");
            return Ok(());
        }
        if args.output.json {
            return output::json(&json!({
                "name": args.name,
                "revoked": true,
                "consumer_deleted": consumer_deleted,
                "connections_ended": connections_ended,
            }));
        }
        output::line(&match connections_ended {
            Some(count) => format!("Revoked: it cannot enter any more; {count} connections ended."),
            None => "Revoked: it cannot enter any more, and what is still connected has nothing \
                     left to read. KONTOR_NATS_SYSTEM_URL would end its connections too."
                .to_owned(),
        });
        Ok(())
    }
}

pub(crate) fn unknown(name: &IntegratorName) -> String {
    format!("there is no integrator `{name}` in force; `kontor integrator list` shows them")
}

/// An integrator with its subjects at the broker.
fn described(integrator: &Integrator) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(integrator)?;
    value["subjects"] = json!(subjects(integrator));
    Ok(value)
}

const TITLES: [&str; 9] =
    ["NAME", "TENANT", "EVENTS", "BY", "ADDED (UTC)", "WAITING", "STATE", "REPLAY", "CALLED AT"];

/// What is known of an integrator elsewhere.
struct Beside<'a> {
    webhook: Option<&'a Webhook>,
    replay: Option<&'a Replay>,
}

fn cells(integrator: &Integrator, Beside { webhook, replay }: &Beside<'_>) -> Vec<String> {
    let state = match (integrator.revoked_at, webhook) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(webhook)) => webhook::state(webhook),
        (None, None) => "in force".to_owned(),
    };
    let replay = replay.map_or_else(
        || "-".to_owned(),
        |replay| match replay.published_at {
            Some(_) => format!("to {}, being read", replay.position),
            None => format!("{} to {}", replay.from_position, replay.position),
        },
    );
    vec![
        integrator.name.to_string(),
        integrator.tenant.as_ref().map_or_else(|| "(all)".to_owned(), ToString::to_string),
        integrator.events.to_string(),
        integrator.channel.name().to_owned(),
        integrator.created_at.format("%Y-%m-%d %H:%M").to_string(),
        webhook.map(webhook::waiting).unwrap_or_default(),
        state,
        replay,
        webhook.map(|webhook| webhook.url.clone()).unwrap_or_default(),
    ]
}
