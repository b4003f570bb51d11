//! A look at personal data is noted before anything is shown.

use anyhow::Context;
use kontor_postgres::journal::{self, Action, NewEntry};
use sqlx::PgPool;

use super::mask::Shown;

/// The longest description of what was looked at, in characters; a filter may be long.
const SUBJECT_LENGTH_MAX: usize = 300;

/// How values may be shown. With `personal` the look is noted first; what cannot be noted is not
/// shown.
pub(crate) async fn shown(
    pool: &PgPool,
    personal: bool,
    verb: &str,
    subject: &str,
) -> anyhow::Result<Shown> {
    if personal {
        let subject: String = subject.chars().take(SUBJECT_LENGTH_MAX).collect();
        let target = format!("{verb} {subject}");
        note(pool, Action::ShowPersonal, (&target, None), "done")
            .await
            .context("the look at personal data cannot be noted, so nothing is shown")?;
    }
    Ok(Shown::of(personal))
}

/// Notes what somebody did by hand: to what, of which tenant, and what came of it.
pub(crate) async fn note_action(
    pool: &PgPool,
    action: Action,
    about: (&str, Option<&str>),
    outcome: &str,
) -> anyhow::Result<()> {
    note(pool, action, about, outcome).await.context("it was done, but it cannot be noted")
}

async fn note(
    pool: &PgPool,
    action: Action,
    (target, tenant): (&str, Option<&str>),
    outcome: &str,
) -> anyhow::Result<()> {
    let by = format!("cli {}", viewer());
    let entry = NewEntry { by: &by, action, target, tenant, outcome, request_id: "" };
    Ok(journal::record(pool, &entry).await?)
}

/// The user and the machine, as the operating system tells them.
fn viewer() -> String {
    let user = rustix::process::getuid().as_raw();
    let name = std::fs::read_to_string("/etc/passwd").ok().and_then(|accounts| {
        let wanted = user.to_string();
        let of_user = |line: &&str| line.split(':').nth(2) == Some(wanted.as_str());
        let line = accounts.lines().find(of_user)?;
        line.split(':').next().map(ToOwned::to_owned)
    });
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    format!("{}@{}", name.unwrap_or_else(|| format!("uid {user}")), host.trim())
}
