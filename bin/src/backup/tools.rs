//! PostgreSQL's own programs, told where the database is without a password on their command line.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, bail};
use kontor_engines::PostgresBinaries;
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

/// The longest part of a program's complaint that is passed on, in characters.
const COMPLAINT_LENGTH_MAX: usize = 600;

/// Where a program finds the database.
pub(super) struct Target {
    /// The address without its password.
    address: String,
    password: Option<SecretString>,
}

impl Target {
    /// Takes the password out of an address.
    pub(super) fn of(url: &SecretString) -> anyhow::Result<Self> {
        let url = url.expose_secret();
        let (scheme, rest) = url.split_once("://").context("DATABASE_URL is no address")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = without_foreign_settings(path);
        let Some((login, host)) = authority.rsplit_once('@') else {
            return Ok(Self { address: format!("{scheme}://{authority}{path}"), password: None });
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?.into())),
            None => (login, None),
        };
        Ok(Self { address: format!("{scheme}://{user}@{host}{path}"), password })
    }

    /// Runs a program of PostgreSQL to its end.
    pub(super) async fn run(&self, program: &str, arguments: &[String]) -> anyhow::Result<()> {
        let mut command = Command::new(find(program).await?);
        command
            .arg(format!("--dbname={}", self.address))
            .arg("--no-password")
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password.expose_secret());
        }
        let output = command.output().await.with_context(|| {
            format!("{program} cannot be started; install PostgreSQL's client programs")
        })?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let text: String = text.trim().chars().take(COMPLAINT_LENGTH_MAX).collect();
            bail!("{program}: {}", text.replace('\n', "; "));
        }
        Ok(())
    }
}

/// Beside the newest server, or wherever the system finds it.
async fn find(program: &str) -> anyhow::Result<PathBuf> {
    let name = program.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let beside = PostgresBinaries::find().ok().map(|binaries| binaries.program(&name));
        beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
    });
    found.await.context("looking for PostgreSQL's programs failed")
}

/// Settings of the driver that PostgreSQL's own programs do not know.
fn without_foreign_settings(path: &str) -> String {
    let Some((path, settings)) = path.split_once('?') else { return path.to_owned() };
    let known: Vec<&str> =
        settings.split('&').filter(|setting| !setting.starts_with("statement-cache")).collect();
    if known.is_empty() { path.to_owned() } else { format!("{path}?{}", known.join("&")) }
}

/// A text with its `%41` replaced by letters.
fn decoded(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = tail.get(..2).context("the password in DATABASE_URL has a stray %")?;
            let decoded = hex::decode(digits);
            bytes.extend(decoded.context("the password in DATABASE_URL has a stray %")?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).context("the password in DATABASE_URL is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_leaves_the_address() -> anyhow::Result<()> {
        let cases = [
            (
                "postgres://me:s%40cr%3At@db:5/k?sslmode=require",
                "postgres://me@db:5/k?sslmode=require",
                Some("s@cr:t"),
            ),
            ("postgres://me@db/k?statement-cache-capacity=5", "postgres://me@db/k", None),
            ("postgres://db/k", "postgres://db/k", None),
            ("postgres://me:a@b@db", "postgres://me@db", Some("a@b")),
        ];
        for (url, address, password) in cases {
            let target = Target::of(&url.into())?;
            assert_eq!(target.address, address);
            assert_eq!(target.password.as_ref().map(ExposeSecret::expose_secret), password);
        }
        assert!(Target::of(&"postgres://me:50%@db/k".into()).is_err());
        Ok(())
    }
}
