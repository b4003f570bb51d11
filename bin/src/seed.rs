//! The demo tenant: created by a command on the normal path, as any tenant is.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
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
const WAIT: Duration = Duration::from_secs(3);
/// How often the command is sent: workers that start at the same moment answer the first or second.
const ATTEMPTS: u32 = 5;

/// What seeding found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Seeded {
    /// The tenant was created.
    Created,
    /// It had been created before.
    Existing,
}

/// Creates the demo tenant unless it exists.
pub(crate) async fn seed(sender: &dyn CommandSender) -> anyhow::Result<Seeded> {
    let envelope = create_demo_tenant()?;
    for _ in 0..ATTEMPTS {
        match sender
            .send(envelope.clone(), WAIT)
            .await
            .context("the demo tenant was not created")?
        {
            Sent::Done { outcome: Outcome::Accepted(_), replayed: false } => {
                return Ok(Seeded::Created);
            }
            Sent::Done { outcome: Outcome::Accepted(_), replayed: true } => {
                return Ok(Seeded::Existing);
            }
            // The receipt of the first time is gone, the tenant is not.
            Sent::Done { outcome: Outcome::Refused { refusal }, .. }
                if refusal.code == "tenant_exists" =>
            {
                return Ok(Seeded::Existing);
            }
            Sent::Done { outcome: Outcome::Refused { refusal }, .. } => {
                bail!("the demo tenant was refused: {}", refusal.message)
            }
            Sent::Unknown => {}
        }
    }
    bail!("no worker answered; is `kontor work` running?")
}

/// The id of the demo tenant.
pub(crate) fn demo_tenant() -> anyhow::Result<TenantId> {
    DEMO_TENANT.parse().context("the demo tenant's id is wrong")
}

fn create_demo_tenant() -> anyhow::Result<Envelope> {
    let tenant = demo_tenant()?;
    let stream_id = tenant.stream_id();
    // Always the same id: seeding twice is one command sent twice.
    let command_id = Uuid::new_v5(&stream_id, b"demo_seed");
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
    let actor = Actor::System { name: "demo_seed".to_owned() };
    let command = serde_json::to_value(command)?;
    Ok(Envelope::new(command_id, (tenant, "tenant", stream_id), command, actor, clock::now()))
}
