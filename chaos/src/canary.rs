//! Breaks a quiet world in every way that the checks look for, and asks whether they notice: the
//! checks of broken histories (`check/tests.rs`) say nothing about what the queries really see.

use std::{fs::File, io::Write};

use anyhow::Context;
use sqlx::AssertSqlSafe;

use crate::{
    check,
    snapshot::{self, Snapshot},
    world::World,
};

/// One thing to break in the database.
struct Break {
    query: &'static str,
    /// What the checks must say.
    told: &'static str,
}

/// Receipts of the tenant's opening, which every world has and whose senders know their outcomes.
const BREAKS: [Break; 12] = [
    Break {
        query: "delete from receipts where command_id = \
                (select command_id from receipts where stream_type = 'tenant' limit 1)",
        told: "has no receipt",
    },
    Break {
        query: "update receipts set version = version + 1 where command_id = \
                (select command_id from receipts where stream_type = 'meter' and version = 1 limit 1)",
        told: "was told",
    },
    Break {
        query: "update receipts set last_position = last_position + 1 where command_id = \
                (select command_id from receipts where stream_type = 'meter' and version = 1 limit 1)",
        told: "effects: command",
    },
    Break {
        query: "alter table events disable trigger user; \
                update events set position = position + 7, version = version + 7 \
                where position = (select max(position) from events)",
        told: "positions:",
    },
    Break { query: "", told: "versions: stream" },
    Break {
        query: "insert into inbox (source, external_id, key, payload) \
                values ('canary', '1', '1', '{}')",
        told: "rows of the inbox",
    },
    Break {
        query: "insert into inbox (source, external_id, key, payload, state) \
                values ('telegram/first', '0', '5001', \
                '{\"message\": {\"text\": \"/help Неповторимова-0\"}}', 'done')",
        told: "tells of no message",
    },
    Break { query: "", told: "was not answered" },
    Break { query: "", told: "an erased person can be read" },
    Break {
        query: "update telegram_outbox set message_id = 999999 \
                where id = (select min(id) from telegram_outbox where state = 'sent')",
        told: "did not arrive",
    },
    Break {
        query: "insert into dead_letters (name, version, key, position) \
                values ('canary', 1, '00000000-0000-0000-0000-000000000001', 1)",
        told: "parked by followers",
    },
    Break {
        query: "insert into command_dead_letters \
                (tenant, aggregate, fingerprint, reason, attempts, message) \
                values ('canary', 'canary', 'f', 'r', 1, '')",
        told: "commands are dead letters",
    },
];

/// Breaks the world; what went unnoticed, or nothing. The world is of no use afterwards.
pub(crate) async fn unnoticed(world: &World) -> anyhow::Result<Vec<&'static str>> {
    let mut expected = vec!["panics are in the logs", "never published", "read models:"];
    world.erased.note("Неповторимова-0".to_owned());
    for Break { query, told } in BREAKS {
        sqlx::raw_sql(query).execute(world.pool()).await.context(told)?;
        expected.push(told);
    }
    let schema: String = sqlx::query_scalar(
        "select 'rm_accounts_' || generation from projection_generations \
         where name = 'accounts' and state = 'active'",
    )
    .fetch_one(world.pool())
    .await?;
    let query = format!("update {schema}.account_directory set display_name = display_name || '!'");
    sqlx::query(AssertSqlSafe(query)).execute(world.pool()).await?;
    snapshot::forget_event(world, 2).await.context("the stream of events")?;
    let mut log = File::options().append(true).open(world.log_dir().join("work-0.log"))?;
    writeln!(log, "panicked at")?;
    let told = check::all(&world.history.told(), &Snapshot::take(world).await?).join("\n");
    expected.retain(|expected| !told.contains(expected));
    Ok(expected)
}
