//! `kontor subject`: what is kept about a person, erasing them, and changing the master key.

use std::{
    io::{BufRead, IsTerminal, Read},
    time::Duration,
};

use anyhow::{Context, bail};
use kontor_commands::{CommandSender, Envelope, EventStore, Outcome, Sent, clock};
use kontor_domain::{
    Actor, Recorded, TenantId,
    account::{AccountCommand, AccountEvent, Erase, Origin},
};
use kontor_postgres::{AppenderSettings, EventLog, Vault, erasure};
use kontor_projections::{checkpoints, meters, personal};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    cli::{EraseArgs, SubjectArgs, SubjectVerb},
    compose::{self, Addresses},
    config::Config,
    erasures::ERASURES,
    failure::Failure,
    master_key, output,
};

/// The connections of these commands.
const CONNECTIONS: u32 = 4;
/// How long a command may take.
const WAIT: Duration = Duration::from_secs(10);
/// How long the whole erasure is waited for; it takes some seven seconds.
const ERASURE_PATIENCE: Duration = Duration::from_secs(60);
/// How often to look how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The longest answer to the question whether to erase, in bytes; an id has 36.
const ANSWER_MAX: u64 = 200;
/// The keys that are wrapped in one transaction: some milliseconds.
const REWRAP_BATCH: u32 = 500;

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: SubjectVerb) -> Result<(), Failure> {
    // Told before anything is connected.
    let masters = master_key::required(config)?;
    let addresses = Addresses::find(config)?;
    let pool = compose::pool(&addresses, CONNECTIONS).await?;
    let vault = Vault::new(pool.clone(), masters);
    vault.verify().await.context("nothing was done")?;
    match verb {
        SubjectVerb::Export(args) => Ok(export(&pool, vault, &args).await?),
        SubjectVerb::Erase(args) => erase(config, &addresses, (&pool, vault), &args).await,
        SubjectVerb::RotateMasterKey(args) => Ok(rotate(&vault, args.json).await?),
    }
}

async fn export(pool: &PgPool, vault: Vault, args: &SubjectArgs) -> anyhow::Result<()> {
    let (tenant, account) = (&args.tenant, args.account);
    let Some(document) = document(pool, vault, tenant, account).await? else {
        bail!("the tenant {tenant} has no account {account}");
    };
    if args.output.json {
        return output::json(&document);
    }
    output::line(&serde_json::to_string_pretty(&document)?);
    Ok(())
}

/// Everything that is kept about a person; none when there is no such account.
pub(crate) async fn document(
    pool: &PgPool,
    vault: Vault,
    tenant: &TenantId,
    account: Uuid,
) -> anyhow::Result<Option<Value>> {
    let log = reader(pool, vault);
    let document = everything(pool, &log, tenant, account).await;
    log.shutdown().await;
    document
}

/// A log that is only read.
fn reader(pool: &PgPool, vault: Vault) -> EventLog {
    let (head, _) = tokio::sync::watch::channel(0);
    EventLog::start(pool.clone(), AppenderSettings::default(), head).sealed_by(vault)
}

/// Everything about a person; none when there is no such account.
async fn everything(
    pool: &PgPool,
    log: &EventLog,
    tenant: &TenantId,
    account: Uuid,
) -> anyhow::Result<Option<Value>> {
    let of_account = log.load(tenant, account, 0).await?.events;
    if of_account.is_empty() || of_account.iter().any(|event| event.stream_type != "account") {
        return Ok(None);
    }
    let user_id = telegram_user(&of_account)?;
    let ids = aggregates(pool, tenant, account).await?;
    let mut events: Vec<Recorded> = of_account;
    for meter in ids.iter().filter(|id| **id != account) {
        events.extend(log.load(tenant, *meter, 0).await?.events);
    }
    events.sort_by_key(|event| event.position);
    let events = events.iter().map(event_json).collect::<anyhow::Result<Vec<_>>>()?;
    let conversations = match user_id {
        Some(user_id) => kontor_telegram::personal::export(pool, tenant, user_id).await?,
        None => Value::Null,
    };
    Ok(Some(json!({
        "tenant": tenant,
        "account_id": account,
        "exported_at": clock::now(),
        "events": events,
        "read_models": personal::export(pool, tenant, account).await?,
        "telegram": conversations,
        "commands_not_carried_out": erasure::dead_letters_of(pool, tenant, &ids).await?,
    })))
}

/// The person's account and meters.
async fn aggregates(pool: &PgPool, tenant: &TenantId, account: Uuid) -> anyhow::Result<Vec<Uuid>> {
    let mut ids = vec![account];
    let mut after = 0;
    loop {
        let page = meters::ids_of_account(pool, tenant, account, after).await?;
        let Some((_, last)) = page.last() else { return Ok(ids) };
        after = *last;
        ids.extend(page.into_iter().map(|(id, _)| id));
    }
}

fn telegram_user(events: &[Recorded]) -> anyhow::Result<Option<i64>> {
    for event in events {
        if let AccountEvent::Registered(registered) = event.body::<AccountEvent>()?
            && let Some(Origin::Telegram { user_id, .. }) = registered.origin.known()
        {
            return Ok(Some(*user_id));
        }
    }
    Ok(None)
}

fn event_json(event: &Recorded) -> anyhow::Result<Value> {
    Ok(json!({
        "position": event.position,
        "aggregate": event.stream_type,
        "id": event.stream_id,
        "version": event.version,
        "type": event.event_type,
        "schema_version": event.schema_version,
        "payload": serde_json::from_str::<Value>(&event.payload)?,
        "metadata": event.metadata,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
    }))
}

async fn erase(
    config: &Config,
    addresses: &Addresses,
    (pool, vault): (&PgPool, Vault),
    args: &EraseArgs,
) -> Result<(), Failure> {
    let SubjectArgs { tenant, account, output: print } = &args.subject;
    if !args.yes {
        confirm(tenant, *account).await?;
    }
    let sender = compose::sender(config, addresses).await?;
    let command = AccountCommand::Erase(Erase { ground: args.because });
    let envelope = Envelope::new(
        Uuid::now_v7(),
        (tenant.clone(), "account", *account),
        serde_json::to_value(command).context("the command is no JSON")?,
        Actor::Operator { name: args.by.clone() },
        clock::now(),
    );
    match sender.send(envelope, WAIT).await.context("nothing was erased")? {
        Sent::Done { outcome: Outcome::Accepted(_), .. } => {}
        Sent::Done { outcome: Outcome::Refused { refusal }, .. } => {
            return Err(anyhow::anyhow!("nothing was erased: {}", refusal.message).into());
        }
        Sent::Unknown => {
            return Err(anyhow::anyhow!(
                "the erasure waits in the queue; start `kontor work`, or call this again to see \
                 how far it is"
            )
            .into());
        }
    }
    wait_until_finished(pool, (tenant, *account)).await?;
    let ids = aggregates(pool, tenant, *account).await?;
    let in_clear = erasure::events_in_clear(pool, tenant, &ids).await;
    let in_clear = in_clear.context("it is erased")?;
    let gone = vault.is_erased(tenant, *account).await.context("it is erased")?;
    if print.json {
        let answer = json!({
            "tenant": tenant, "account_id": account, "erased": gone, "events_in_clear": in_clear,
        });
        return Ok(output::json(&answer)?);
    }
    output::line("Erased. What integrators took over, and old backups, are up to you:");
    output::line("docs/guides/personal-data.md says what to do.");
    if in_clear > 0 {
        output::line(&format!(
            "{in_clear} events were written before personal data was encrypted; they stay \
             readable in the log."
        ));
    }
    Ok(())
}

/// Has the id typed once more.
async fn confirm(tenant: &TenantId, account: Uuid) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        output::note("(the answer is read from standard input; `--yes` does not ask)");
    }
    output::note(&format!(
        "Everything about the person with the account {account} of {tenant} will be erased. \
         Nothing brings it back.\nType the account's id to go on:"
    ));
    let reading = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().take(ANSWER_MAX).read_line(&mut answer).map(|_| answer)
    });
    let answer = reading.await.context("the answer cannot be read")?;
    let answer = answer.context("the answer cannot be read")?;
    if answer.trim().parse() == Ok(account) {
        Ok(())
    } else {
        Err(Failure::Failed(anyhow::anyhow!("this is not the account's id; nothing was erased")))
    }
}

async fn wait_until_finished(pool: &PgPool, subject: (&TenantId, Uuid)) -> anyhow::Result<()> {
    let head = checkpoints::head_position(pool).await?;
    let finished = async {
        while erasure::is_finished(pool, subject).await? != Some(true) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let names = ["accounts", "meters", "readings", ERASURES];
        checkpoints::wait_for(pool, &names, head, ERASURE_PATIENCE).await?;
        anyhow::Ok(())
    };
    match tokio::time::timeout(ERASURE_PATIENCE, finished).await {
        Ok(result) => result,
        Err(_) => bail!(
            "the erasure is recorded and goes on by itself, but was not finished within {} s; see \
             that `kontor work` and `kontor project` run, and call this again",
            ERASURE_PATIENCE.as_secs()
        ),
    }
}

async fn rotate(vault: &Vault, json: bool) -> anyhow::Result<()> {
    let all = vault.keys_to_rewrap().await?;
    let mut done = 0;
    loop {
        let wrapped = vault.rewrap(REWRAP_BATCH).await;
        let wrapped = wrapped.with_context(|| {
            format!("{done} of {all} keys are wrapped anew; call it again to go on")
        })?;
        if wrapped == 0 {
            break;
        }
        done += wrapped;
    }
    if json {
        return output::json(&json!({ "rewrapped": done }));
    }
    output::line(&format!(
        "{done} keys are wrapped by the current master key. When no process has the old one as its \
         current key any more, call this once again; then remove the old key."
    ));
    Ok(())
}
