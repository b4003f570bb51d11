//! What is kept of one person's conversations: to hand it out to them, and to delete it.
//!
//! A Telegram user may talk to bots of several tenants. Each tenant knows them as a person of its
//! own, so everything here is bound to the bots of one tenant.

use kontor_domain::TenantId;
use kontor_postgres::{DatabaseError, inbox};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};

use crate::bots::source_of;

/// The most rows of each kind that are handed out at once.
pub const EXPORT_PAGE: i64 = 500;

/// What was deleted, in rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Deleted {
    /// Updates; their numbers stay, so that a repeated one is recognised.
    pub updates: u64,
    /// States of conversations.
    pub dialogues: u64,
    /// Messages of the bots, sent or not.
    pub messages: u64,
}

/// Notes that a bot works for a tenant.
pub(crate) async fn note_bot(
    pool: &PgPool,
    bot: &str,
    tenant: &TenantId,
) -> Result<(), sqlx::Error> {
    sqlx::query("insert into telegram_bots (bot, tenant) values ($1, $2) on conflict do nothing")
        .bind(bot)
        .bind(tenant.as_str())
        .execute(pool)
        .await?;
    Ok(())
}

/// Deletes everything that the bots of a tenant keep about a Telegram user, in the caller's
/// transaction. Updates that wait are given up: they came before the erasure.
///
/// # Errors
/// When the database fails.
pub async fn erase(
    db: &mut PgConnection,
    tenant: &TenantId,
    user_id: i64,
) -> Result<Deleted, DatabaseError> {
    let bots = bots_of(db, tenant).await?;
    let sources: Vec<String> = bots.iter().map(|bot| source_of(bot)).collect();
    // A private chat has its person's id.
    let updates = inbox::erase(db, &sources, &user_id.to_string(), user_id).await?;
    let dialogues =
        sqlx::query("delete from telegram_dialogues where bot = any($1) and user_id = $2")
            .bind(&bots)
            .bind(user_id)
            .execute(&mut *db)
            .await
            .map_err(failed("delete a person's dialogues"))?;
    let messages = sqlx::query("delete from telegram_outbox where bot = any($1) and chat_id = $2")
        .bind(&bots)
        .bind(user_id)
        .execute(db)
        .await
        .map_err(failed("delete a person's messages"))?;
    Ok(Deleted {
        updates,
        dialogues: dialogues.rows_affected(),
        messages: messages.rows_affected(),
    })
}

/// Everything that the bots of a tenant keep about a Telegram user, as JSON.
///
/// # Errors
/// When the database fails.
pub async fn export(
    pool: &PgPool,
    tenant: &TenantId,
    user_id: i64,
) -> Result<Value, DatabaseError> {
    let mut db = pool.acquire().await.map_err(failed("read a person's conversations"))?;
    let bots = bots_of(&mut db, tenant).await?;
    let sources: Vec<String> = bots.iter().map(|bot| source_of(bot)).collect();
    let updates = inbox::export(&mut db, &sources, &user_id.to_string(), user_id).await?;
    let dialogues: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(d) from telegram_dialogues d \
         where bot = any($1) and user_id = $2 order by bot, chat_id",
    )
    .bind(&bots)
    .bind(user_id)
    .fetch_all(&mut *db)
    .await
    .map_err(failed("read a person's dialogues"))?;
    let mut messages: Vec<Value> = Vec::new();
    let mut after = 0_i64;
    loop {
        let page: Vec<(i64, Value)> = sqlx::query_as(
            "select id, to_jsonb(o) - 'picture' || jsonb_build_object('picture', \
                 encode(picture, 'base64')) \
             from telegram_outbox o where bot = any($1) and chat_id = $2 and id > $3 \
             order by id limit $4",
        )
        .bind(&bots)
        .bind(user_id)
        .bind(after)
        .bind(EXPORT_PAGE)
        .fetch_all(&mut *db)
        .await
        .map_err(failed("read a person's messages"))?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        messages.extend(page.into_iter().map(|(_, message)| message));
    }
    Ok(json!({ "updates": updates, "dialogues": dialogues, "messages": messages }))
}

async fn bots_of(db: &mut PgConnection, tenant: &TenantId) -> Result<Vec<String>, DatabaseError> {
    sqlx::query_scalar("select bot from telegram_bots where tenant = $1")
        .bind(tenant.as_str())
        .fetch_all(db)
        .await
        .map_err(failed("look up a tenant's bots"))
}

fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> DatabaseError {
    move |source| DatabaseError { what, source }
}
