//! `kontor causal`: what led to what.

use std::collections::{BTreeMap, HashSet};

use anyhow::bail;
use kontor_commands::{Outcome, Receipt};
use kontor_domain::Recorded;
use kontor_postgres::inspect::{self, Conversation, Scope};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::events;
use crate::{cli::CausalArgs, failure::Failure, output};

/// How deep a tree is drawn; a policy that answers itself for ever must not fill the screen.
const DEPTH_MAX: usize = 50;

/// Carries out the verb.
pub(super) async fn run(pool: &PgPool, args: CausalArgs) -> Result<(), Failure> {
    let scope = if args.all { Scope::Whole } else { Scope::Near { positions: args.within } };
    let receipts = inspect::receipts(pool, args.id).await.map_err(anyhow::Error::from)?;
    let member = member(pool, args.id, &receipts, scope).await?;
    let Some(member) = member else {
        return Ok(without_events(args, &receipts)?);
    };
    let found = inspect::conversation(pool, &member, scope).await.map_err(anyhow::Error::from)?;
    let tree = Tree::new(&found.events);
    if args.output.json {
        let searched = json!({
            "from": found.searched.from, "to": found.searched.to, "head": found.searched.head,
            "complete": found.searched.complete && !found.cut,
        });
        let conversation = member.metadata.correlation_id;
        let commands = tree.nested();
        output::json(
            &json!({ "conversation": conversation, "commands": commands, "searched": searched }),
        )?;
    } else {
        output::line(&format!("conversation {}", member.metadata.correlation_id));
        tree.draw(args.id);
        print_searched(&found);
    }
    Ok(())
}

/// One event of the conversation.
async fn member(
    pool: &PgPool,
    id: Uuid,
    receipts: &[(kontor_domain::TenantId, Receipt)],
    scope: Scope,
) -> anyhow::Result<Option<Recorded>> {
    for (_, receipt) in receipts {
        if let Outcome::Accepted(accepted) = &receipt.outcome
            && let Some(first) = accepted.first_position
        {
            return Ok(inspect::at(pool, first).await?);
        }
    }
    if !receipts.is_empty() {
        return Ok(None);
    }
    if let Some(event) = inspect::event(pool, id, scope).await? {
        return Ok(Some(event));
    }
    Ok(inspect::events_of_command(pool, id, scope).await?.into_iter().next())
}

/// What can be said of a command without events, or of an id that was not found.
fn without_events(
    args: CausalArgs,
    receipts: &[(kontor_domain::TenantId, Receipt)],
) -> anyhow::Result<()> {
    if receipts.is_empty() {
        if args.all {
            bail!("no command and no event has this id");
        }
        bail!("nothing with this id was found around the time in it; --all searches the whole log");
    }
    for (tenant, receipt) in receipts {
        let outcome = match &receipt.outcome {
            Outcome::Accepted(_) => "accepted without events: everything asked for already held",
            Outcome::Refused { refusal } => &format!("refused ({})", refusal.code),
        };
        if args.output.json {
            output::json(&json!({
                "command_id": receipt.command_id, "tenant": tenant, "stream_id": receipt.stream_id,
                "stream_type": receipt.stream_type, "outcome": receipt.outcome, "commands": [],
            }))?;
        } else {
            let (kind, stream) = (&receipt.stream_type, receipt.stream_id);
            output::line(&format!("command {} to {kind} {stream} of {tenant}: {outcome}", args.id));
        }
    }
    Ok(())
}

fn print_searched(found: &Conversation) {
    let searched = found.searched;
    if found.cut {
        output::note("The conversation is longer; only its beginning is shown.");
    } else if !searched.complete && (searched.from > 1 || searched.to < searched.head) {
        output::note(&format!(
            "Searched positions {} to {} of {}; --all searches everything, `kontor log index build` \
             makes searching needless.",
            searched.from, searched.to, searched.head
        ));
    }
}

/// Commands with their events, and under each event the commands that it caused.
struct Tree<'a> {
    commands: BTreeMap<i64, Command<'a>>,
}

struct Command<'a> {
    id: Uuid,
    cause: Option<Uuid>,
    events: Vec<&'a Recorded>,
}

/// A command with what came of it, as JSON.
#[derive(Serialize)]
struct CommandNode {
    command_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    actor: String,
    events: Vec<EventNode>,
}

#[derive(Serialize)]
struct EventNode {
    position: i64,
    event_id: Uuid,
    event_type: String,
    stream_type: String,
    stream_id: Uuid,
    version: i64,
    commands: Vec<CommandNode>,
}

impl<'a> Tree<'a> {
    /// Commands in the order of their first events.
    fn new(events: &'a [Recorded]) -> Self {
        let mut first: BTreeMap<Uuid, i64> = BTreeMap::new();
        let mut commands: BTreeMap<i64, Command<'a>> = BTreeMap::new();
        for event in events {
            let id = event.metadata.command_id;
            let place = *first.entry(id).or_insert(event.position);
            let command = commands.entry(place).or_insert_with(|| Command {
                id,
                cause: event.metadata.causation_id,
                events: Vec::new(),
            });
            command.events.push(event);
        }
        Self { commands }
    }

    /// The commands that nothing in the tree caused.
    fn roots(&self) -> Vec<&Command<'a>> {
        let inside: HashSet<Uuid> = self
            .commands
            .values()
            .flat_map(|command| {
                let events = command.events.iter().map(|event| event.event_id);
                events.chain([command.id])
            })
            .collect();
        let is_root = |command: &&Command<'a>| {
            command.cause.is_none_or(|cause| !inside.contains(&cause) || cause == command.id)
        };
        self.commands.values().filter(is_root).collect()
    }

    /// What a command or an event caused.
    fn caused_by(&self, cause: Uuid) -> Vec<&Command<'a>> {
        let caused = |command: &&Command<'a>| command.cause == Some(cause) && command.id != cause;
        self.commands.values().filter(caused).collect()
    }

    fn nested(&self) -> Vec<CommandNode> {
        self.roots().into_iter().map(|command| self.node(command, 0)).collect()
    }

    fn node(&self, command: &Command<'a>, depth: usize) -> CommandNode {
        let deeper = |cause: Uuid| -> Vec<CommandNode> {
            if depth >= DEPTH_MAX {
                return Vec::new();
            }
            self.caused_by(cause).into_iter().map(|next| self.node(next, depth + 1)).collect()
        };
        let event = |(number, event): (usize, &&'a Recorded)| EventNode {
            position: event.position,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            stream_type: event.stream_type.clone(),
            stream_id: event.stream_id,
            version: event.version,
            // What the command itself caused hangs under its first event.
            commands: deeper(event.event_id)
                .into_iter()
                .chain(if number == 0 { deeper(command.id) } else { Vec::new() })
                .collect(),
        };
        CommandNode {
            command_id: command.id,
            causation_id: command.cause,
            actor: command.actor(),
            events: command.events.iter().enumerate().map(event).collect(),
        }
    }

    /// Draws the tree; what was asked for has an arrow.
    fn draw(&self, asked: Uuid) {
        for node in self.nested() {
            draw_command(&node, "", asked);
        }
    }
}

impl Command<'_> {
    fn actor(&self) -> String {
        self.events.first().map(|event| events::actor(&event.metadata.actor)).unwrap_or_default()
    }
}

fn draw_command(node: &CommandNode, indent: &str, asked: Uuid) {
    let mark = if node.command_id == asked { "  ←" } else { "" };
    output::line(&format!("{indent}command {}  by {}{mark}", node.command_id, node.actor));
    for event in &node.events {
        let mark = if event.event_id == asked { "  ←" } else { "" };
        output::line(&format!(
            "{indent}  {}  {}  {} v{}  event {}{mark}",
            event.position, event.event_type, event.stream_id, event.version, event.event_id
        ));
        let deeper = format!("{indent}    ");
        for command in &event.commands {
            draw_command(command, &deeper, asked);
        }
    }
}
