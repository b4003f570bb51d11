//! `kontor backup` and `kontor restore`: the whole database in a folder, and back.
//!
//! One snapshot holds for `pg_dump` and for the hashes of all tables, so that a restored database
//! can be compared with what was saved, table by table. See ADR 0020.

mod manifest;
mod tables;
mod tools;

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;
use sqlx::PgPool;

use self::{
    manifest::{Keys, Manifest, Table},
    tables::Which,
    tools::Target,
};
use crate::{
    COMMAND_CONNECTIONS,
    cli::{BackupArgs, BackupVerb, RestoreArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    operate, output,
};

/// The schema of the keys of persons.
const KEYS_SCHEMA: &str = "kontor_keys";
/// The file with the database.
const DATABASE_FILE: &str = "database.dump";
/// The file with the keys.
const KEYS_FILE: &str = "keys.dump";

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: BackupVerb) -> Result<(), Failure> {
    let addresses = Addresses::find(config)?;
    let target = Target::of(&addresses.database_url)?;
    let pool = compose::pool(&addresses, COMMAND_CONNECTIONS).await?;
    match verb {
        BackupVerb::Backup(args) => Ok(backup(&pool, &target, &args).await?),
        BackupVerb::Restore(args) => restore(config, &pool, &target, &args).await,
    }
}

async fn backup(pool: &PgPool, target: &Target, args: &BackupArgs) -> anyhow::Result<()> {
    manifest::prepare(&args.folder)?;
    if let Some(folder) = &args.keys {
        manifest::prepare(folder)?;
    }
    let mut db = tables::connection(pool).await?;
    let mut snapshot = tables::snapshot(&mut db).await?;
    let (name, head): (String, i64) = sqlx::query_as(
        "select pg_export_snapshot(), (select coalesce(max(position), 0) from events)",
    )
    .fetch_one(&mut *snapshot)
    .await
    .context("this is no database of Kontor")?;
    let (which, keys) = match &args.keys {
        Some(_) => (Which::ButKeys, Keys::Apart),
        None => (Which::All, Keys::Included),
    };
    let mut arguments = dump_arguments(&args.folder.join(DATABASE_FILE), &name);
    arguments.push(format!("--exclude-schema={}*", kontor_postgres::verify::SCRATCH_PREFIX));
    if keys == Keys::Apart {
        // The tables come along empty, so that a database without its keys still works.
        arguments.push(format!("--exclude-table-data={KEYS_SCHEMA}.*"));
    }
    target.run("pg_dump", &arguments).await?;
    let found = tables::tables(&mut snapshot, which).await?;
    let saved = Manifest::write(&args.folder, (DATABASE_FILE, head, keys), found)?;
    if let Some(folder) = &args.keys {
        let found = tables::tables(&mut snapshot, Which::Keys).await?;
        if found.is_empty() {
            bail!("this database has no keys of persons; leave out --keys");
        }
        let mut arguments = dump_arguments(&folder.join(KEYS_FILE), &name);
        arguments.extend(["--data-only".to_owned(), format!("--schema={KEYS_SCHEMA}")]);
        target.run("pg_dump", &arguments).await?;
        Manifest::write(folder, (KEYS_FILE, head, Keys::Alone), found)?;
    }
    snapshot.rollback().await.context("the snapshot")?;
    told(&saved, &args.folder, args.output.json)
}

fn dump_arguments(file: &Path, snapshot: &str) -> Vec<String> {
    vec![
        "--format=custom".to_owned(),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        format!("--snapshot={snapshot}"),
        format!("--file={}", file.display()),
    ]
}

fn told(saved: &Manifest, folder: &Path, json: bool) -> anyhow::Result<()> {
    let rows: i64 = saved.tables.iter().map(|table| table.rows).sum();
    if json {
        return output::json(&json!({
            "folder": folder, "head": saved.head, "tables": saved.tables.len(), "rows": rows,
            "keys": saved.keys,
        }));
    }
    output::line(&format!(
        "{} tables with {rows} rows, the log up to position {}, are in {}.",
        saved.tables.len(),
        saved.head,
        folder.display()
    ));
    output::line(
        "It holds personal data and the hashes of API keys: keep it as you keep the database.",
    );
    Ok(())
}

async fn restore(
    config: &Config,
    pool: &PgPool,
    target: &Target,
    args: &RestoreArgs,
) -> Result<(), Failure> {
    let saved = Manifest::read(&args.folder)?;
    let keys = keys_of(&saved, args)?;
    let mut db = tables::connection(pool).await?;
    if !tables::is_empty(&mut db).await? {
        let text = "the database is not empty; a backup is restored into a new one (createdb)";
        return Err(anyhow::anyhow!(text).into());
    }
    target.run("pg_restore", &restore_arguments(&args.folder, &saved)).await?;
    if let (Some(folder), Some(keys)) = (&args.keys, &keys) {
        target.run("pg_restore", &restore_arguments(folder, keys)).await?;
    }
    let which = if saved.keys == Keys::Included { Which::All } else { Which::ButKeys };
    let mut snapshot = tables::snapshot(&mut db).await?;
    compare(&saved.tables, &tables::tables(&mut snapshot, which).await?)?;
    if let Some(keys) = &keys {
        compare(&keys.tables, &tables::tables(&mut snapshot, Which::Keys).await?)?;
    }
    snapshot.rollback().await.context("the snapshot")?;
    if !args.output.json {
        output::line(&format!(
            "{} tables are as they were on {}, the log up to position {}.",
            saved.tables.len(),
            saved.made_at.format("%Y-%m-%d %H:%M:%S UTC"),
            saved.head
        ));
    }
    if args.without_keys {
        // Streams can only be folded by who can read them.
        output::note(
            "Without the keys nobody's personal data can be read, so streams were not checked.",
        );
        output::note("Restore the keys too, then run `kontor verify`.");
        return Ok(());
    }
    operate::verify_everything(config, pool, args.output.json).await
}

/// The manifest of the keys, when they are given.
fn keys_of(saved: &Manifest, args: &RestoreArgs) -> anyhow::Result<Option<Manifest>> {
    match (saved.keys, &args.keys) {
        (Keys::Alone, _) => bail!("these are the keys of a backup; name the backup's own folder"),
        (Keys::Included, None) => Ok(None),
        (Keys::Included, Some(_)) => bail!("the keys are in the backup; leave out --keys"),
        (Keys::Apart, None) if args.without_keys => Ok(None),
        (Keys::Apart, None) => bail!(
            "the keys of persons were kept apart: name their folder with --keys, or do without \
             them with --without-keys"
        ),
        (Keys::Apart, Some(folder)) => {
            let keys = Manifest::read(folder)?;
            if keys.keys != Keys::Alone {
                bail!("{} holds no keys", folder.display());
            }
            Ok(Some(keys))
        }
    }
}

fn restore_arguments(folder: &Path, saved: &Manifest) -> Vec<String> {
    vec![
        "--single-transaction".to_owned(),
        "--exit-on-error".to_owned(),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        folder.join(&saved.file).display().to_string(),
    ]
}

/// Names the first table that is not as it was.
fn compare(saved: &[Table], restored: &[Table]) -> anyhow::Result<()> {
    for table in saved {
        let name = format!("{}.{}", table.schema, table.table);
        let same = |other: &&Table| other.schema == table.schema && other.table == table.table;
        match restored.iter().find(same) {
            None => bail!("the table {name} is missing after the restore"),
            Some(found) if found.rows != table.rows => {
                bail!("{name} has {} rows, the backup says {}", found.rows, table.rows)
            }
            Some(found) if found.hash != table.hash => {
                bail!("{name} has other content than the backup says")
            }
            Some(_) => {}
        }
    }
    Ok(())
}
