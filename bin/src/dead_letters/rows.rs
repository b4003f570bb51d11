//! Dead letters of both kinds as one list.

use kontor_domain::TenantId;
use kontor_postgres::{
    command_dead_letters::{self, CommandDeadLetter, CommandLetterState},
    dead_letters::{self, Letter, LetterFilter, LetterPlace},
    letters::LetterId,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::cli::LetterState;

/// How many rows are read at once.
const PAGE: u32 = 200;
/// Bytes of a fingerprint: enough to tell the handful of faults of one day apart.
const FINGERPRINT_BYTES: usize = 4;

/// A dead letter of either kind.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    pub(super) state: String,
    pub(super) attempts: i32,
    pub(super) since: chrono::DateTime<chrono::Utc>,
    /// Later events of the same stream that wait behind it.
    pub(super) waiting: i64,
    /// The same for all that failed in the same way.
    pub(super) fingerprint: String,
    pub(super) reason: String,
}

impl From<CommandDeadLetter> for Row {
    fn from(letter: CommandDeadLetter) -> Self {
        let (aggregate, tenant) = (or(&letter.aggregate), or(&letter.tenant));
        Self {
            id: format!("command:{}", letter.id),
            what: format!("a command to {aggregate} of {tenant}"),
            fingerprint: fingerprint(&["command", &letter.aggregate], &letter.reason),
            tenant: Some(letter.tenant).filter(|tenant| !tenant.is_empty()),
            state: letter.state,
            attempts: letter.attempts,
            since: letter.recorded_at,
            waiting: 0,
            reason: letter.reason,
        }
    }
}

impl From<Letter> for Row {
    fn from(letter: Letter) -> Self {
        let event_type = letter.event_type.unwrap_or_default();
        let LetterPlace { name, position, .. } = &letter.place;
        Self {
            what: format!("{} at {position} in {name}", or(&event_type)),
            fingerprint: fingerprint(&["follower", name, &event_type], &letter.error),
            id: LetterId::Follower(letter.place).to_string(),
            tenant: letter.tenant,
            state: letter.state,
            attempts: letter.attempts,
            since: letter.first_at,
            waiting: letter.waiting,
            reason: letter.error,
        }
    }
}

fn or(text: &str) -> &str {
    if text.is_empty() { "(unknown)" } else { text }
}

/// Which way of failing it is: what failed, and the reason without the figures and ids in it.
fn fingerprint(what: &[&str], reason: &str) -> String {
    let mut hash = Sha256::new();
    for part in what {
        hash.update(part);
        hash.update([0]);
    }
    let mut word = String::new();
    for letter in reason.chars().chain([' ']) {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        // Numbers, ids and what else has a digit in it differ from one letter to the next.
        if !word.chars().any(|letter| letter.is_ascii_digit()) {
            hash.update(&word);
        }
        word.clear();
        hash.update(letter.to_string());
    }
    hex::encode(&hash.finalize()[..FINGERPRINT_BYTES])
}

/// Which letters are wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) follower: Option<String>,
    pub(super) commands_only: bool,
    pub(super) tenant: Option<TenantId>,
    pub(super) fingerprint: Option<String>,
    pub(super) state: LetterState,
}

impl Wanted {
    fn wants(&self, row: &Row) -> bool {
        let tenant = self.tenant.as_ref().map(TenantId::as_str);
        tenant.is_none_or(|tenant| row.tenant.as_deref() == Some(tenant))
            && self.fingerprint.as_ref().is_none_or(|wanted| row.fingerprint == *wanted)
    }

    /// The next letters behind an id, commands first, until there are `limit` or no more.
    pub(super) async fn read(
        &self,
        pool: &PgPool,
        after: Option<&LetterId>,
        limit: usize,
    ) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        let (mut id, mut place) = match after {
            None => (Some(0), None),
            Some(LetterId::Command(id)) => (Some(*id), None),
            Some(LetterId::Follower(place)) => (None, Some(place.clone())),
        };
        while let Some(after) = id.filter(|_| self.follower.is_none() && rows.len() < limit) {
            let page = command_dead_letters::list(pool, self.command_state(), after, PAGE).await?;
            id = page.last().map(|letter| letter.id);
            rows.extend(page.into_iter().map(Row::from).filter(|row| self.wants(row)));
        }
        let filter = LetterFilter {
            name: self.follower.clone(),
            tenant: self.tenant.as_ref().map(ToString::to_string),
            skipped: self.state == LetterState::Skipped,
            ..LetterFilter::default()
        };
        let mut more = !self.commands_only && self.state != LetterState::Retried;
        while more && rows.len() < limit {
            let page = dead_letters::page(pool, &filter, place.as_ref(), PAGE).await?;
            place = page.last().map(|letter| letter.place.clone());
            more = place.is_some();
            rows.extend(page.into_iter().map(Row::from).filter(|row| self.wants(row)));
        }
        rows.truncate(limit);
        Ok(rows)
    }

    fn command_state(&self) -> CommandLetterState {
        match self.state {
            LetterState::Parked => CommandLetterState::Parked,
            LetterState::Skipped => CommandLetterState::Skipped,
            LetterState::Retried => CommandLetterState::Retried,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_fault_has_one_fingerprint_whatever_its_figures() {
        let of = |reason: &str| fingerprint(&["command", "meter"], reason);
        let first = of("stream 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10 has version 7, not 3");
        assert_eq!(
            first,
            of("stream 0777aaaa-6c1e-7d3f-9a51-2f0c9f6f4a99 has version 12, not 4711")
        );
        assert_ne!(first, of("stream 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10 has no version 7"));
        assert_ne!(first, fingerprint(&["command", "account"], "stream 1 has version 7, not 3"));
        assert_eq!(first.len(), 8);
        assert_ne!(of(""), of("Ошибка"));
    }
}
