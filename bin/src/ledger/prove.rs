//! Seals by hand, their keys, and the proof that a ledger is in one.

use anyhow::{Context, bail};
use kontor_commands::clock;
use kontor_domain::seals::{Proof, SealingKey};
use kontor_postgres::{
    Leases,
    seals::{LEASE, Sealer},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    COMMAND_CONNECTIONS,
    cli::{LedgerProveArgs, OutputArgs},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
    seals::{self, Place, SealFile},
};

/// How a stranger checks a proof; it travels with it.
const CHECK: [&str; 5] = [
    "text(t) is the length of t's UTF-8 in 4 bytes, big-endian, and that UTF-8; number(n) is n in 8 \
     bytes, big-endian; || joins bytes; hexadecimal digits stand for bytes",
    "leaf_hash = SHA-256(0x00 || text(\"kontor ledger end 1\") || text(end.tenant) || the 16 bytes of \
     end.ledger_id || number(end.version) || end.head)",
    "begin with hash = leaf_hash, place = end.leaf, last = seal.ledgers - 1; for each p of path: when \
     place is odd or equal to last, hash = SHA-256(0x01 || p || hash), and while place is even and not \
     0 halve place and last; otherwise hash = SHA-256(0x01 || hash || p); then halve place and last, \
     rounding down; at the end last is 0 and hash is seal.root (RFC 9162, 2.1.3.2)",
    "seal.signature is Ed25519 (RFC 8032) by seal.public_key over text(\"kontor seal 1\") || \
     number(seal.number) || number(seal.position) || number(seal.ledgers) || number(seal.bookings) || \
     number(seal.changed) || seal.root || seal.previous || number(seal.sealed_at in microseconds since \
     1970) || seal.public_key",
    "compare seal.public_key with the one that you were given on another way, and end.version and \
     end.head with what you were told of the ledger",
];

/// Prints the proof that a ledger is in a seal, as JSON.
pub(super) async fn prove(config: &Config, args: &LedgerProveArgs) -> Result<(), Failure> {
    let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
    let proof = kontor_postgres::seals::prove(&pool, args.ledger, args.seal).await;
    let Proof { end, leaf_hash, path, seal } = proof.map_err(anyhow::Error::from)?;
    let proof = json!({ "end": end, "leaf_hash": leaf_hash, "path": path, "seal": seal });
    output::json(&json!({ "proof": proof, "check": CHECK }))?;
    Ok(())
}

/// Prints what checks the signatures of the configured keys.
pub(super) fn seal_key(config: &Config, args: OutputArgs) -> Result<(), Failure> {
    let keys = seals::find(config)?.ok_or_else(|| Failure::Usage(seals::MISSING.to_owned()))?;
    let keys = keys.public();
    if args.json {
        let keys: Vec<_> =
            keys.iter().map(|key| json!({ "key_id": key.id(), "public_key": key })).collect();
        output::json(&json!({ "keys": keys }))?;
        return Ok(());
    }
    let uses = std::iter::once("signs").chain(std::iter::repeat("signed before"));
    let rows = keys.iter().zip(uses);
    let rows: Vec<Vec<String>> = rows
        .map(|(key, used)| vec![used.to_owned(), key.id().to_string(), key.to_string()])
        .collect();
    output::table(&["KEY", "ID", "PUBLIC KEY"], &rows);
    Ok(())
}

/// Seals what is new, into the table and the file.
pub(super) async fn seal(config: &Config, args: OutputArgs) -> Result<(), Failure> {
    let keys = seals::find(config)?.ok_or_else(|| Failure::Usage(seals::MISSING.to_owned()))?;
    let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
    let owner = format!("ledger-seal-{}-{}", std::process::id(), uuid::Uuid::now_v7());
    let leases = Leases::new(pool.clone(), owner, config.process.lease_ttl);
    let Some(kept) = leases.hold(LEASE, &CancellationToken::new()).await.map_err(told)? else {
        return Err(Failure::Failed(anyhow::anyhow!(
            "another process seals already, every {} s; `kontor process list` shows it",
            config.seals.every.as_secs()
        )));
    };
    let sealed = seal_all(config, (&pool, keys.keys())).await;
    kept.release().await.map_err(told)?;
    let made = sealed?;
    let last = kontor_postgres::seals::last(&pool).await.map_err(told)?;
    if args.json {
        output::json(&json!({ "made": made, "last": last }))?;
        return Ok(());
    }
    match last {
        Some(seal) if made > 0 => output::line(&format!(
            "Sealed: seal {} holds {} bookings in {} ledgers, up to position {}.",
            seal.number, seal.bookings, seal.ledgers, seal.position
        )),
        Some(seal) => output::line(&format!("Nothing is new since seal {}.", seal.number)),
        None => output::line("There is no ledger yet."),
    }
    Ok(())
}

fn told(err: kontor_postgres::DatabaseError) -> Failure {
    Failure::Failed(err.into())
}

async fn seal_all(
    config: &Config,
    (pool, keys): (&sqlx::PgPool, &[SealingKey]),
) -> anyhow::Result<u64> {
    let Some(path) = seals::path_of_file(config) else {
        bail!("KONTOR_SEAL_FILE is not set: a seal counts only outside of the database");
    };
    let mut file = SealFile::open(&path)?;
    let every = i64::try_from(config.seals.every.as_secs()).unwrap_or(i64::MAX);
    let mut sealer = Sealer::new(pool.clone(), keys.to_vec(), every);
    let mut made = 0;
    loop {
        let looked = sealer.look(clock::now()).await;
        seals::bring_up(pool, Place::File(&mut file)).await?;
        let (sealed, more) = looked.context("nothing was sealed")?;
        made += u64::from(sealed.is_some());
        if !more {
            return Ok(made);
        }
    }
}
