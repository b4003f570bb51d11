//! A look at personal data is noted before anything is shown.

use anyhow::Context;
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
        sqlx::query("insert into personal_data_views (viewer, verb, subject) values ($1, $2, $3)")
            .bind(viewer())
            .bind(verb)
            .bind(subject)
            .execute(pool)
            .await
            .context("the look at personal data cannot be noted, so nothing is shown")?;
    }
    Ok(Shown::of(personal))
}

/// Notes what an operator did by hand, in the journal that the operations page shows.
pub(crate) async fn note_action(
    pool: &PgPool,
    action: &str,
    target: &str,
    outcome: &str,
) -> anyhow::Result<()> {
    sqlx::query(
        "insert into operator_actions (key_prefix, action, target, outcome, request_id)
         values ($1, $2, $3, $4, '')",
    )
    .bind(format!("cli {}", viewer()))
    .bind(action)
    .bind(target)
    .bind(outcome)
    .execute(pool)
    .await
    .context("it was done, but it cannot be noted")?;
    Ok(())
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
