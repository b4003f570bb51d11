//! The demo tenants, one customer with a past and a price list, created by commands on the normal path.

mod credits;
mod history;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use kontor_commands::{CommandSender, Envelope, Outcome, SendError, Sent, clock};
use kontor_domain::{
    Actor, Language, TenantId,
    meter::MeterRules,
    tenant::{Create, TenantCommand, TenantKind},
};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use credits::TITLE as CREDITS_TITLE;

/// The id of the demo tenant with meters (system A).
pub(crate) const DEMO_TENANT: &str = "demo_utility";
/// The id of the demo tenant with credits (system D).
pub(crate) const CREDITS_TENANT: &str = "demo_credits";

/// How long one attempt waits for the outcome.
const WAIT: Duration = Duration::from_secs(15);
/// How often a command is sent. Once would do; a second time tells a lost answer from an idle queue.
const ATTEMPTS: u32 = 2;

/// What seeding found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Seeded {
    /// A tenant was created.
    Created,
    /// All of them had been created before.
    Existing,
}

/// A command of the seed: a key that never changes, its aggregate, and what it asks.
struct Step {
    key: String,
    aggregate: &'static str,
    id: Uuid,
    command: serde_json::Value,
    /// When it happened; the past of a demo customer lies in the past.
    at: DateTime<Utc>,
}

/// How a command of the seed ended.
enum Ended {
    Accepted,
    /// It was carried out at an earlier seeding.
    Before,
    /// Everything that it asks for holds already, and nobody remembers since when.
    Held,
    /// The business says no.
    Refused(String),
}

/// Creates the demo tenants, unless they exist. Every command has an id of its own that never changes,
/// so seeding twice, or again after a crash in between, does nothing twice.
pub(crate) async fn seed(sender: &dyn CommandSender) -> anyhow::Result<Seeded> {
    let now = clock::now();
    let utility = seed_utility(sender, &demo_tenant()?, now).await?;
    let credits = credits::seed(sender, &credits_tenant()?, now).await?;
    Ok(match (utility, credits) {
        (Seeded::Existing, Seeded::Existing) => Seeded::Existing,
        (Seeded::Created, _) | (_, Seeded::Created) => Seeded::Created,
    })
}

/// The tenant with meters, and its customer.
async fn seed_utility(
    sender: &dyn CommandSender,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> anyhow::Result<Seeded> {
    let (seeded, goes_on) = begun(carry_out(sender, tenant, create_tenant(tenant, now)?).await?)?;
    if !goes_on {
        return Ok(seeded);
    }
    for step in history::steps(tenant, now)? {
        let key = step.key.clone();
        refused_part(&key, &carry_out(sender, tenant, step).await?);
    }
    Ok(seeded)
}

/// What the creation of a tenant came to, and whether the rest of it is to be seeded. When the receipt
/// of the first time is gone and the tenant is not, it has a life of its own by now.
fn begun(ended: Ended) -> anyhow::Result<(Seeded, bool)> {
    Ok(match ended {
        Ended::Accepted => (Seeded::Created, true),
        Ended::Before => (Seeded::Existing, true),
        Ended::Held => (Seeded::Existing, false),
        Ended::Refused(code) if code == "tenant_exists" => (Seeded::Existing, false),
        Ended::Refused(code) => bail!("a demo tenant was refused: {code}"),
    })
}

/// Says which part of a demo was refused: the rest of it stands without.
fn refused_part(key: &str, ended: &Ended) {
    if let Ended::Refused(code) = ended {
        tracing::warn!(key, code, "A part of the demo was refused: {key}: {code}");
    }
}

/// The id of the demo tenant with meters.
pub(crate) fn demo_tenant() -> anyhow::Result<TenantId> {
    DEMO_TENANT.parse().context("the demo tenant's id is wrong")
}

/// The id of the demo tenant with credits.
pub(crate) fn credits_tenant() -> anyhow::Result<TenantId> {
    CREDITS_TENANT.parse().context("the demo tenant's id is wrong")
}

async fn carry_out(
    sender: &dyn CommandSender,
    tenant: &TenantId,
    step: Step,
) -> anyhow::Result<Ended> {
    let command_id = Uuid::new_v5(&tenant.stream_id(), step.key.as_bytes());
    let actor = Actor::System { name: "demo_seed".to_owned() };
    let address = (tenant.clone(), step.aggregate, step.id);
    let mut envelope = Envelope::new(command_id, address, step.command, actor, step.at);
    envelope.deadline = clock::now() + Envelope::VALID_FOR;
    for _ in 0..ATTEMPTS {
        let sent = match sender.send(envelope.clone(), WAIT).await {
            // An earlier seeding sent it with the dates of another day.
            Err(SendError::CommandIdReused) => return Ok(Ended::Before),
            Err(SendError::Unconfirmed) => continue,
            sent => sent.context("the demo was not created")?,
        };
        if let Sent::Done { outcome, replayed } = sent {
            return Ok(match outcome {
                Outcome::Accepted(_) if replayed => Ended::Before,
                Outcome::Accepted(accepted) if accepted.last_position.is_none() => Ended::Held,
                Outcome::Accepted(_) => Ended::Accepted,
                Outcome::Refused { refusal } => Ended::Refused(refusal.code),
            });
        }
    }
    bail!("no worker answered; is `kontor work` running?")
}

fn create_tenant(tenant: &TenantId, at: DateTime<Utc>) -> anyhow::Result<Step> {
    let command = TenantCommand::Create(Create {
        name: "Горэнерго (демо)".parse()?,
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        // Open all month, so that it can be tried on any day.
        meter_rules: MeterRules {
            window_first_day: 1,
            window_last_day: 31,
            by_source: BTreeMap::new(),
            ..MeterRules::default()
        },
    });
    let (key, id) = ("demo_seed".to_owned(), tenant.stream_id());
    Ok(Step { key, aggregate: "tenant", id, command: serde_json::to_value(command)?, at })
}
