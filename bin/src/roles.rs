//! The roles: what each of them runs.

mod alone;
mod cards;
mod integrators;
mod messages;
mod telegram;

use std::{net::TcpListener, sync::Arc, time::Duration};

use anyhow::Context;
use kontor_commands::Router;
use kontor_http::{ApiSettings, ApiState, BrokerProbe, BrokerShard, BrokerView, Rate};
use kontor_nats::{Nats, Relay, WorkerSettings, Workers};
use kontor_postgres::{
    DispatchSettings, Dispatcher, Follower, FollowerSettings, PolicyEffect, ReadModel,
    ReadModelSettings,
    generations::PromotionTerms,
    housekeeping::{self, HousekeepingSettings},
};
use kontor_projections::{Projection, Reactor};
use kontor_sandbox::{Person, Sandbox, SandboxSettings};

pub(crate) use self::{
    alone::{Kind, run, run_sandbox},
    cards::{Cards, with_demo_cards},
    integrators::{integrators, webhooks},
    messages::MESSAGES,
    telegram::{Telegram, with_demo_bots},
};
use crate::{
    compose::{self, Parts},
    config::{BotConfig, CardConfig, Config},
    erasures::{self, ERASURES, Erasures},
    seals, subject,
    supervise::{Phase, Role},
};

/// The share of a stop that commands under way get, in percent; see [`Phase`].
const DRAIN_PERCENT: u32 = 15;
/// A burst is this many times the rate per second.
const BURST_FACTOR: u32 = 2;

/// What the process of `kontor up` runs.
pub(crate) const ALL: [&str; 5] = ["serve", "bot", "work", "project", "relay"];
/// How often a shard or a follower that runs elsewhere is asked for. The answer comes from this
/// process's own last look at the others, so that asking costs nothing.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// The checkpoint of the relay.
pub(crate) const RELAY: &str = "relay";

/// All roles but the sandbox.
pub(crate) fn all(
    parts: &mut Parts,
    (bots, cards): (&[BotConfig], &[CardConfig]),
    listener: TcpListener,
    sandbox_url: Option<String>,
) -> anyhow::Result<Vec<Role>> {
    let telegram = Telegram::new(parts, bots, cards)?;
    let cards = Cards::new(parts, cards)?;
    let schemas = compose::schemas_url(&parts.config, listener.local_addr()?);
    let mut roles = vec![serve(parts, listener, sandbox_url, (telegram.as_ref(), cards.as_ref()))?];
    roles.extend(telegram.as_ref().map(Telegram::role));
    roles.extend(cards.as_ref().map(Cards::role));
    roles.extend(work(parts));
    roles.extend(project(parts));
    roles.extend(policies(parts));
    roles.push(relay(parts, &schemas));
    roles.extend(integrators(parts, &schemas));
    roles.push(webhooks(parts, &schemas));
    roles.extend(seals::seals(parts)?);
    roles.push(follow_head(parts));
    Ok(roles)
}

/// The HTTP API with the webhooks of Telegram and of payment providers.
pub(crate) fn serve(
    parts: &Parts,
    listener: TcpListener,
    sandbox_url: Option<String>,
    (telegram, cards): (Option<&Telegram>, Option<&Cards>),
) -> anyhow::Result<Role> {
    let http = &parts.config.http;
    let rate = |per_second: u32| Rate::new(per_second, per_second.saturating_mul(BURST_FACTOR));
    let public_url = http.public_url.clone().map_or_else(|| compose::base_url(&listener), Ok)?;
    let settings = ApiSettings {
        rate_per_key: rate(http.rate_per_key),
        rate_per_address: rate(http.rate_per_address),
        behind_proxy: http.behind_proxy,
        cors_origins: http.cors_origins.clone(),
        public_url,
        sandbox_url,
        ..ApiSettings::default()
    };
    let probe = broker_probe(&parts.nats);
    let sender = Arc::new(parts.sender.clone());
    let state = ApiState::new(parts.query.clone(), sender, settings, probe);
    let (pool, vault) = (parts.query.clone(), parts.vault.clone());
    let export = move |tenant, account| {
        let (pool, vault) = (pool.clone(), vault.clone());
        async move { Ok(subject::document(&pool, vault, &tenant, account).await?) }
    };
    let state = state.folding(compose::folds()).opening(parts.vault.clone());
    let state = state.exporting(export).reporting(crate::period::workbook);
    let mut app = kontor_http::app(state.clone());
    if let Some(telegram) = telegram {
        app = app.merge(telegram.webhooks());
    }
    if let Some(cards) = cards {
        app = app.merge(kontor_http::addressed(cards.webhooks(), http.behind_proxy));
    }
    Ok(Role::new("serve", Phase::Intake, move |stop| {
        let (app, listener) = (app.clone(), listener.try_clone());
        let watching = kontor_http::watch(state.clone(), stop.clone());
        async move {
            let listener = tokio::net::TcpListener::from_std(listener?)?;
            let (served, ()) = tokio::join!(kontor_http::serve(listener, app, stop), watching);
            Ok(served?)
        }
    }))
}

/// What HTTP may ask of the broker.
fn broker_probe(nats: &Nats) -> BrokerProbe {
    let (probed, shown) = (nats.clone(), nats.clone());
    let probe = BrokerProbe::new(move || {
        let connected = probed.is_connected();
        async move { connected }
    });
    probe.showing(move || {
        let nats = shown.clone();
        async move {
            if !nats.is_connected() {
                return None;
            }
            let latency = nats.round_trip().await.ok()?;
            let shards = nats.shard_backlogs().await.unwrap_or_default().into_iter();
            let shard = |it: kontor_nats::ShardBacklog| BrokerShard {
                shard: it.shard,
                waiting: it.waiting,
                in_flight: it.in_flight,
            };
            Some(BrokerView {
                version: nats.server_version(),
                latency,
                shards: shards.map(shard).collect(),
            })
        }
    })
}

/// The command workers, the pokes that tell others of new events, and housekeeping.
pub(crate) fn work(parts: &mut Parts) -> Vec<Role> {
    let router = parts.router();
    let drain_limit = parts.config.process.shutdown * DRAIN_PERCENT / 100;
    let settings = WorkerSettings {
        members: Some(parts.members()),
        take_over_pause: ASK_EVERY,
        drain_limit,
        ..WorkerSettings::new(parts.owner.clone())
    };
    let workers = Workers::new(parts.nats.clone(), parts.write.clone(), router.clone(), settings);
    let (nats, head) = (parts.nats.clone(), parts.head.clone());
    let kept = &parts.config.retention;
    let (pool, keep) = (
        parts.write.clone(),
        HousekeepingSettings {
            receipts_kept: kept.receipts,
            inbox_kept: kept.inbox,
            ..HousekeepingSettings::default()
        },
    );
    let (vault, erasures) = (parts.vault.clone(), erase(parts, router.clone()));
    vec![
        erasures,
        Role::new("forget", Phase::Follow, move |stop| {
            erasures::forget(vault.clone(), Some(router.clone()), stop)
        }),
        Role::new("work", Phase::Work, move |stop| {
            let workers = workers.clone();
            async move {
                workers.run(stop).await;
                Ok(())
            }
        }),
        Role::new("head_out", Phase::Follow, move |stop| {
            let (nats, head) = (nats.clone(), head.subscribe());
            async move {
                nats.forward_head(head, stop).await;
                Ok(())
            }
        }),
        Role::new("housekeeping", Phase::Follow, move |stop| {
            let (pool, keep) = (pool.clone(), keep.clone());
            async move {
                housekeeping::run(pool, keep, stop).await;
                Ok(())
            }
        }),
    ]
}

/// One role for each read model, so that one that fails holds up no other.
pub(crate) fn project(parts: &Parts) -> Vec<Role> {
    let promotion = PromotionTerms {
        behind_max: parts.config.promote_within.into(),
        ..PromotionTerms::default()
    };
    let settings = ReadModelSettings {
        follower: FollowerSettings { vault: Some(parts.vault.clone()), ..follower_settings(parts) },
        promotion,
        ..ReadModelSettings::default()
    };
    let role = |projection: Arc<dyn Projection>| {
        let (pool, head) = (parts.follow.clone(), parts.head.clone());
        let settings = settings.clone();
        Role::new(projection.name(), Phase::Follow, move |stop| {
            let projection = Arc::clone(&projection);
            let read_model = ReadModel::new(pool.clone(), projection, settings.clone());
            let head = head.subscribe();
            async move { Ok(read_model.run(head, stop).await?) }
        })
    };
    kontor_projections::all().into_iter().map(role).collect()
}

/// Policies, the dispatcher of what they order, and the messages that follow from events.
pub(crate) fn policies(parts: &Parts) -> Vec<Role> {
    let mut roles: Vec<Role> = kontor_commands::policies::all()
        .into_iter()
        .map(|policy| {
            let vault = parts.vault.clone();
            follower(parts, policy.name(), move |pool, settings| {
                let settings = FollowerSettings { vault: Some(vault.clone()), ..settings };
                let effect = Arc::new(PolicyEffect::new(Arc::clone(&policy)));
                Follower::projection(pool, effect, settings)
            })
        })
        .collect();
    roles.extend(messages::roles(parts));
    let sender = Arc::new(parts.sender.clone());
    let dispatcher = Dispatcher::new(parts.follow.clone(), sender, DispatchSettings::default());
    roles.push(Role::new("dispatch", Phase::Follow, move |stop| {
        let dispatcher = dispatcher.clone();
        async move {
            dispatcher.run(stop).await;
            Ok(())
        }
    }));
    roles
}

/// What follows from the erasure of a person.
fn erase(parts: &mut Parts, router: Router) -> Role {
    let reactor: Arc<dyn Reactor> = Arc::new(Erasures {
        pool: parts.follow.clone(),
        log: parts.event_log(),
        vault: parts.vault.clone(),
        nats: parts.nats.clone(),
        router,
    });
    follower(parts, ERASURES, move |pool, settings| {
        let (page_live, page_catching_up) = (erasures::PAGE_MAX, erasures::PAGE_MAX);
        let settings = FollowerSettings { page_live, page_catching_up, ..settings };
        Follower::reactor(pool, Arc::clone(&reactor), settings)
    })
}

/// Drops the keys of erased people from a process that only reads.
pub(crate) fn forget_keys(parts: &Parts) -> Role {
    let vault = parts.vault.clone();
    Role::new("forget", Phase::Follow, move |stop| erasures::forget(vault.clone(), None, stop))
}

/// The log on its way to NATS; `schemas` is the address below which HTTP serves the events' schemas.
/// Personal data goes out as it is stored: encrypted.
pub(crate) fn relay(parts: &Parts, schemas: &str) -> Role {
    let relay = Relay::new(parts.nats.clone(), parts.follow.clone()).with_schemas(schemas);
    let relay: Arc<dyn Reactor> = Arc::new(relay);
    follower(parts, RELAY, move |pool, settings| {
        Follower::reactor(pool, Arc::clone(&relay), settings)
    })
}

/// The names of all followers of the house.
pub(crate) fn follower_names() -> Vec<&'static str> {
    let (projections, policies) = (kontor_projections::all(), kontor_commands::policies::all());
    let projections = projections.iter().map(|projection| projection.name());
    let others = MESSAGES.into_iter().chain([RELAY, ERASURES]);
    projections.chain(policies.iter().map(|policy| policy.name())).chain(others).collect()
}

/// Pokes of other processes wake the followers of this one.
pub(crate) fn follow_head(parts: &Parts) -> Role {
    let (nats, head) = (parts.nats.clone(), parts.head.clone());
    Role::new("head_in", Phase::Follow, move |stop| {
        let (nats, head) = (nats.clone(), head.clone());
        async move {
            nats.follow_head(head, stop).await;
            Ok(())
        }
    })
}

fn follower_settings(parts: &Parts) -> FollowerSettings {
    FollowerSettings {
        owner: parts.owner.clone(),
        members: Some(parts.members()),
        standby_every: ASK_EVERY,
        ..FollowerSettings::default()
    }
}

fn follower(
    parts: &Parts,
    name: &'static str,
    make: impl Fn(sqlx::PgPool, FollowerSettings) -> Follower + Send + Sync + 'static,
) -> Role {
    let (pool, head) = (parts.follow.clone(), parts.head.clone());
    let settings = follower_settings(parts);
    Role::new(name, Phase::Follow, move |stop| {
        let (follower, head) = (make(pool.clone(), settings.clone()), head.subscribe());
        async move {
            follower.run(head, stop).await;
            Ok(())
        }
    })
}

/// The stand-ins for Telegram and payment providers, with their pages.
pub(crate) fn sandbox(
    config: &Config,
    (bots, cards): (&[BotConfig], &[CardConfig]),
    listener: TcpListener,
    (public_url, kontor_url): (&str, &str),
) -> Role {
    let settings = SandboxSettings {
        bots: bots.iter().filter(|bot| !bot.is_real()).map(telegram::sandbox_bot).collect(),
        people: demo_people(),
        state_file: Some(config.data_dir.join("sandbox").join("state.json")),
        public_url: public_url.to_owned(),
        shops: cards.iter().filter_map(|card| cards::sandbox_shop(card, kontor_url)).collect(),
    };
    let shops: Vec<_> =
        cards.iter().filter_map(|card| cards::yookassa_shop(card, kontor_url)).collect();
    Role::new("sandbox", Phase::Support, move |stop| {
        let listener = listener.try_clone();
        let (settings, shops) = (settings.clone(), shops.clone());
        async move {
            let sandbox = Sandbox::new(settings).context("the sandbox")?;
            let sandbox = sandbox.with_yookassa_shops(shops);
            let listener = tokio::net::TcpListener::from_std(listener?)?;
            let serving = axum::serve(listener, sandbox.router())
                .with_graceful_shutdown(stop.clone().cancelled_owned());
            let (served, ()) = tokio::join!(serving, sandbox.run(stop));
            Ok(served?)
        }
    })
}

fn demo_people() -> Vec<Person> {
    let person = |id, first_name: &str, last_name: &str, language: &str| Person {
        id,
        first_name: first_name.to_owned(),
        last_name: Some(last_name.to_owned()),
        username: None,
        language_code: language.to_owned(),
    };
    vec![
        person(1001, "Анна", "Петрова", "ru"),
        person(1002, "John", "Smith", "en"),
        person(1003, "Олег", "Ким", "ru"),
    ]
}
