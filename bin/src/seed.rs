//! The demo tenant and one customer with a past, created by commands on the normal path.

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

/// The demo tenant's id.
pub(crate) const DEMO_TENANT: &str = "demo_utility";

/// How long one attempt waits for the outcome.
const WAIT: Duration = Duration::from_secs(15);
/// How often a command is sent. Once would do; a second time tells a lost answer from an idle queue.
const ATTEMPTS: u32 = 2;

/// What seeding found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Seeded {
    /// The tenant was created.
    Created,
    /// It had been created before.
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
    /// The business says no.
    Refused(String),
}

/// Creates the demo tenant with its customer, unless it exists. Every command has an id of its own
/// that never changes, so seeding twice, or again after a crash in between, does nothing twice.
pub(crate) async fn seed(sender: &dyn CommandSender) -> anyhow::Result<Seeded> {
    let tenant = demo_tenant()?;
    let now = clock::now();
    let seeded = match carry_out(sender, &tenant, create_tenant(&tenant, now)?).await? {
        Ended::Accepted => Seeded::Created,
        Ended::Before => Seeded::Existing,
        // The receipt of the first time is gone, the tenant is not, and its customer has a life of
        // its own by now.
        Ended::Refused(code) if code == "tenant_exists" => return Ok(Seeded::Existing),
        Ended::Refused(code) => bail!("the demo tenant was refused: {code}"),
    };
    for step in history::steps(&tenant, now)? {
        let key = step.key.clone();
        if let Ended::Refused(code) = carry_out(sender, &tenant, step).await? {
            tracing::warn!(key, code, "A part of the demo was refused: {key}: {code}");
        }
    }
    Ok(seeded)
}

/// The id of the demo tenant.
pub(crate) fn demo_tenant() -> anyhow::Result<TenantId> {
    DEMO_TENANT.parse().context("the demo tenant's id is wrong")
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
