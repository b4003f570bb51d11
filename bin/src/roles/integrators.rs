//! What integrators need: somebody at the broker's door, their consumers, and replays out of the log.

use std::sync::Arc;

use anyhow::Context;
use kontor_nats::{Doorkeeper, KeepConsumers, Replays};
use kontor_webhooks::{Caller, Office};

use crate::{
    compose::Parts,
    config::IntegratorsConfig,
    supervise::{Phase, Role},
};

/// The roles that serve integrators; `schemas` is the address below which HTTP serves the events'
/// schemas. The door is kept only where the broker asks.
pub(crate) fn integrators(parts: &Parts, schemas: &str) -> Vec<Role> {
    let (nats, pool) = (parts.nats.clone(), parts.query.clone());
    let consumers = KeepConsumers::new(nats.clone(), pool.clone());
    let mut roles = vec![Role::new("consumers", Phase::Follow, move |stop| {
        let consumers = consumers.clone();
        async move {
            consumers.run(stop).await;
            Ok(())
        }
    })];
    let leases = parts.members().leases();
    let replays = Replays::new(nats.clone(), parts.follow.clone(), leases).with_schemas(schemas);
    roles.push(Role::new("replays", Phase::Follow, move |stop| {
        let replays = replays.clone();
        async move {
            replays.run(stop).await;
            Ok(())
        }
    }));
    if let Some(issuer) = &parts.issuer {
        let account = parts.config.integrators.nats_account.clone();
        let door = Doorkeeper::new(nats, pool, issuer.clone(), account);
        roles.push(Role::new("door", Phase::Follow, move |stop| {
            let door = door.clone();
            async move { Ok(door.run(stop).await?) }
        }));
    }
    roles
}

/// The calls of webhooks; `schemas` is the address below which HTTP serves the events' schemas.
pub(crate) fn webhooks(parts: &Parts, schemas: &str) -> Role {
    let (pool, vault, leases) =
        (parts.follow.clone(), parts.vault.clone(), parts.members().leases());
    let (head, schemas) = (parts.head.clone(), schemas.to_owned());
    let config = Arc::clone(&parts.config);
    Role::new("webhooks", Phase::Follow, move |stop| {
        let (pool, vault, leases) = (pool.clone(), vault.clone(), leases.clone());
        let (head, schemas, config) = (head.subscribe(), schemas.clone(), Arc::clone(&config));
        async move {
            let caller = caller(&config.integrators)?;
            Office::new((pool, vault), caller, leases, head).with_schemas(&schemas).run(stop).await;
            Ok(())
        }
    })
}

fn caller(config: &IntegratorsConfig) -> anyhow::Result<Caller> {
    let Some(file) = &config.webhook_ca_file else {
        return Ok(Caller::new(config.webhook_loopback)?);
    };
    let pem = std::fs::read(file).context("KONTOR_WEBHOOK_CA_FILE cannot be read")?;
    Caller::trusting(config.webhook_loopback, &pem)
        .context("KONTOR_WEBHOOK_CA_FILE names a file without certificates")
}
