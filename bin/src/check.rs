//! `kontor check`: what is configured, what can be reached, and what to do about the rest.

mod seals;
mod webhooks;

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use kontor_domain::Upcasters;
use kontor_postgres::{pending_migrations, schemas};
use serde::Serialize;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    cli::CheckArgs,
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    output,
    session::{self, Session},
    supervise::{Activity, RoleState},
};

/// How long one check may take: a container's health check allows 10 s for all.
const LIMIT: Duration = Duration::from_secs(4);
/// The oldest PostgreSQL that is tested against.
const POSTGRES_OLDEST: i32 = 15;
/// From this version on NATS needs no work-arounds.
const NATS_RECOMMENDED: (u64, u64) = (2, 12);
/// The longest answer of the HTTP server that is read, in bytes; only its first line counts.
const ANSWER_MAX: u64 = 4_096;

/// What came out of one check.
#[derive(Debug, Serialize)]
struct Finding {
    what: Cow<'static, str>,
    ok: bool,
    /// What was found, or why it failed.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(what: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, found: found.into(), advice: None }
    }

    /// Nothing of Kontor's own is wrong, and somebody should look all the same.
    fn notice(what: impl Into<Cow<'static, str>>, found: String, advice: String) -> Self {
        Self { what: what.into(), ok: true, found, advice: Some(advice) }
    }

    fn failed(what: impl Into<Cow<'static, str>>, found: impl Into<String>, advice: &str) -> Self {
        Self { what: what.into(), ok: false, found: found.into(), advice: Some(advice.to_owned()) }
    }
}

/// Checks everything and prints the findings.
pub(crate) async fn run(
    config: &Config,
    addresses: &Addresses,
    args: CheckArgs,
) -> Result<(), Failure> {
    let mut findings = vec![Finding::ok("configuration", configuration(config))];
    let (database, nats) =
        tokio::join!(check_database(config, addresses), check_nats(config, addresses));
    findings.extend(database);
    findings.extend(nats);
    findings.extend(roles(config));
    if args.serving {
        findings.push(check_serving(config.http.address).await);
    }
    print(&findings, args)?;
    if findings.iter().all(|finding| finding.ok) { Ok(()) } else { Err(Failure::Told) }
}

fn configuration(config: &Config) -> String {
    let mut text = format!("{} bots", config.bots.len());
    for note in &config.notes {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}

/// The roles of a `kontor up` on this machine.
fn roles(config: &Config) -> Vec<Finding> {
    if Session::find(&config.data_dir).is_none() {
        return Vec::new();
    }
    let roles = session::read_roles(&config.data_dir).unwrap_or_default();
    let finding = |(name, state): (String, RoleState)| {
        let reason = state.last_error.unwrap_or_default();
        let times = format!("failed {} times, last: {reason}", state.failures);
        let what = format!("role {name}");
        match (state.activity, state.failures) {
            (Activity::Running, 0) => Finding::ok(what, "runs"),
            (Activity::Running, _) => Finding::ok(what, format!("runs again; {times}")),
            (Activity::Waiting, _) => {
                Finding::failed(what, times, "it starts again by itself; look at the reason")
            }
            (Activity::Stopped, _) => Finding::failed(what, "stopped", "start `kontor up` again"),
        }
    };
    roles.into_iter().map(finding).collect()
}

fn print(findings: &[Finding], args: CheckArgs) -> anyhow::Result<()> {
    if args.json {
        return output::json(&findings);
    }
    let shown: Vec<&Finding> =
        findings.iter().filter(|finding| !args.quiet || !finding.ok).collect();
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|finding| {
            let state = match (finding.ok, &finding.advice) {
                (true, None) => "ok",
                (true, Some(_)) => "look",
                (false, _) => "failed",
            };
            vec![finding.what.to_string(), state.to_owned(), finding.found.clone()]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["CHECK", "STATE", "FOUND"], &rows);
    }
    for finding in shown {
        if let Some(advice) = &finding.advice {
            output::line(&format!("→ {}: {advice}", finding.what));
        }
    }
    Ok(())
}

/// A check that takes too long has failed.
async fn within<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(LIMIT, work).await.unwrap_or_else(|_| bail!("no answer within {} s", LIMIT.as_secs()))
}

async fn check_database(config: &Config, addresses: &Addresses) -> Vec<Finding> {
    const WHAT: &str = "PostgreSQL";
    let pool = match within(compose::pool(addresses, 1)).await {
        Ok(pool) => pool,
        Err(err) => {
            let advice = "start PostgreSQL, or correct DATABASE_URL";
            return vec![Finding::failed(WHAT, format!("{err:#}"), advice)];
        }
    };
    let mut findings = vec![check_database_version(&pool).await, check_migrations(&pool).await];
    // Without its tables there is no log to read.
    if findings.iter().all(|finding| finding.ok) {
        findings.push(check_events(&pool).await);
        findings.extend(webhooks::check(&pool).await);
        findings.extend(seals::check(&pool, config).await);
    }
    pool.close().await;
    findings
}

async fn check_database_version(pool: &PgPool) -> Finding {
    const WHAT: &str = "PostgreSQL";
    let version = within(async {
        let query = "select current_setting('server_version_num')::integer";
        Ok(sqlx::query_scalar::<_, i32>(query).fetch_one(pool).await?)
    });
    match version.await {
        // 150004 is version 15.4.
        Ok(number) if number / 10_000 >= POSTGRES_OLDEST => {
            Finding::ok(WHAT, format!("version {}.{}", number / 10_000, number % 10_000))
        }
        Ok(number) => Finding::failed(
            WHAT,
            format!("version {}", number / 10_000),
            "upgrade PostgreSQL to version 15 or newer",
        ),
        Err(err) => Finding::failed(WHAT, format!("{err:#}"), "look at PostgreSQL's log"),
    }
}

async fn check_migrations(pool: &PgPool) -> Finding {
    const WHAT: &str = "migrations";
    match within(async { Ok(pending_migrations(pool).await?) }).await {
        Ok(pending) if pending.is_empty() => Finding::ok(WHAT, "all applied"),
        Ok(pending) => {
            let names: Vec<String> = pending
                .iter()
                .map(|migration| format!("{:04} {}", migration.version, migration.description))
                .collect();
            Finding::failed(WHAT, format!("pending: {}", names.join(", ")), "run `kontor migrate`")
        }
        Err(err) => Finding::failed(WHAT, format!("{err:#}"), "run `kontor migrate`"),
    }
}

/// Whether this build can read all events. The first look at a long log may take several calls.
async fn check_events(pool: &PgPool) -> Finding {
    const WHAT: &str = "events";
    match within(async { Ok(schemas::check(pool, Upcasters::current()).await?) }).await {
        Ok(forms) => Finding::ok(WHAT, format!("all {forms} forms in the log can be read")),
        Err(err) => {
            let advice = "run the build that wrote them, or a newer one";
            Finding::failed(WHAT, format!("{err:#}"), advice)
        }
    }
}

async fn check_nats(config: &Config, addresses: &Addresses) -> Vec<Finding> {
    const WHAT: &str = "NATS";
    let nats = match within(compose::nats(config, addresses, "check")).await {
        Ok(nats) => nats,
        Err(err) => {
            let advice = "start NATS with JetStream, or correct NATS_URL and its login";
            return vec![Finding::failed(WHAT, format!("{err:#}"), advice)];
        }
    };
    let version = nats.server_version();
    let mut found = format!("version {version}");
    if !is_recommended(&version) {
        let (major, minor) = NATS_RECOMMENDED;
        found = format!("{found} ({major}.{minor} or newer is recommended)");
    }
    let streams = match within(async { Ok(nats.check().await?) }).await {
        Ok(()) => Finding::ok("streams", "held as asked"),
        Err(err) => Finding::failed("streams", format!("{err:#}"), "run `kontor migrate`"),
    };
    vec![Finding::ok(WHAT, found), streams]
}

fn is_recommended(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) >= NATS_RECOMMENDED
}

async fn check_serving(address: SocketAddr) -> Finding {
    const WHAT: &str = "HTTP";
    match within(ask_ready(address)).await {
        Ok(status) if status.contains(" 200") => Finding::ok(WHAT, format!("ready at {address}")),
        Ok(status) => Finding::failed(WHAT, status, "look at the other checks and at its log"),
        Err(err) => Finding::failed(WHAT, format!("{err:#}"), "start `kontor serve`"),
    }
}

/// The first line of the server's answer to the question whether it is ready.
async fn ask_ready(address: SocketAddr) -> anyhow::Result<String> {
    // An address such as 0.0.0.0 is one to listen on, not one to call.
    let mut target = address;
    if target.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match target {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        target.set_ip(loopback);
    }
    let mut stream = TcpStream::connect(target).await.context("nobody listens there")?;
    let path = compose::READY_PATH;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_recommended("2.12.8") && is_recommended("2.100.0") && is_recommended("3.0.0"));
        assert!(!is_recommended("2.9.10") && !is_recommended("") && !is_recommended("2.11.99"));
    }
}
