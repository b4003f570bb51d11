//! Dead letters: what could not be carried out, and what an operator does about it.

mod pages;

use std::time::Duration;

use chrono::{DateTime, Utc};
use kontor_postgres::{
    command_dead_letters, dead_letters,
    letters::{self, Done, LetterError, LetterId},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) use self::pages::{Kind, Pages};
use super::{
    actions::{self, Action},
    filters::Filters,
    operator::Operator,
};
use crate::{problem::Problem, state::ApiState};

/// The most letters of each kind that are listed; a longer list is a disaster, not a list.
const LIST_MAX: usize = 200;

/// The most pages of each kind that are looked through for a list: what does not stand in them is
/// found by narrower filters, or in the export, which takes its time.
const LOOKED_MAX: usize = 10;

/// How long a command that is sent again may take.
const WAIT: Duration = Duration::from_secs(5);

/// A dead letter.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Letter {
    #[schema(example = "command:17")]
    pub(super) id: String,
    /// `command` or `follower`.
    pub(super) kind: &'static str,
    pub(super) tenant: String,
    /// What it is, in words.
    pub(super) what: String,
    /// Why it could not be carried out.
    pub(super) reason: String,
    pub(super) attempts: i32,
    pub(super) since: DateTime<Utc>,
    /// When it is tried again by itself; commands are not.
    pub(super) next_attempt_at: Option<DateTime<Utc>>,
    /// Later events of the same stream that wait behind it.
    pub(super) waiting: i64,
    /// `parked`, or `retry` while an attempt that was asked for is due.
    pub(super) state: String,
    /// The aggregate that it is about, as far as it is known.
    pub(super) aggregate_id: Option<Uuid>,
    /// The version of the event that stops a follower.
    pub(super) event_version: Option<i64>,
    /// The command, with what belongs to people covered; null when it is no command.
    #[schema(value_type = Object)]
    pub(super) command: Value,
}

/// Letters, and whether there are more of them.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) letters: Vec<Letter>,
    pub(super) is_cut: bool,
}

/// The letters that an operator may see and that filters let through, the oldest first within each
/// kind.
pub(super) async fn list(
    state: &ApiState,
    operator: &Operator,
    filters: &Filters,
) -> Result<Listed, Problem> {
    let mut listed = Listed { letters: Vec::new(), is_cut: false };
    for kind in [Kind::Command, Kind::Follower] {
        let mut pages = Pages::new(state, operator, filters, kind)?;
        let mut found = Vec::new();
        for _ in 0..LOOKED_MAX {
            let Some(page) = pages.next().await? else { break };
            found.extend(page);
            if found.len() >= LIST_MAX {
                break;
            }
        }
        listed.is_cut |= found.len() > LIST_MAX || !pages.is_over();
        found.truncate(LIST_MAX);
        found.sort_by_key(|letter| letter.since);
        listed.letters.extend(found);
    }
    Ok(listed)
}

/// One letter that is still parked and that the operator may see.
pub(super) async fn find(
    state: &ApiState,
    operator: &Operator,
    id: &LetterId,
) -> Result<Option<Letter>, Problem> {
    let letter = match id {
        LetterId::Command(row) => {
            let letter = command_dead_letters::find(&state.pool, *row).await;
            let letter = letter.map_err(|err| Problem::internal(&err))?;
            let letter = letter.filter(|letter| letter.state == "parked");
            letter.map(|letter| pages::of_command(letter, &state.folds))
        }
        LetterId::Follower(place) => {
            let letter = dead_letters::find(&state.pool, place).await;
            let letter = letter.map_err(|err| Problem::internal(&err))?;
            letter.filter(|letter| letter.state != "skipped").map(pages::of_follower)
        }
    };
    Ok(letter.filter(|letter| operator.may_see(&letter.tenant)))
}

/// Tries a letter again or gives it up, and writes down who did.
pub(super) async fn decide(
    state: &ApiState,
    operator: &Operator,
    (id, action): (&LetterId, Action),
) -> Result<Done, Problem> {
    let tenant =
        letters::tenant_of(&state.pool, id).await.map_err(|err| Problem::internal(&err))?;
    let Some(tenant) = tenant.filter(|tenant| operator.may_see(tenant)) else {
        return Err(unknown());
    };
    let done = if action == Action::Retry {
        letters::retry(&state.pool, &*state.sender, id, WAIT).await
    } else {
        letters::skip(&state.pool, id).await
    };
    let outcome = match &done {
        Ok(done) => done.name(),
        Err(_) => "failed",
    };
    let about = (id.to_string(), (!tenant.is_empty()).then_some(tenant));
    let entry = (about.0.as_str(), about.1.as_deref(), outcome);
    actions::record(&state.pool, operator, action, entry).await?;
    done.map_err(|err| match err {
        LetterError::Database(err) => Problem::internal(&err),
        LetterError::NoCommand(_) => Problem::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "letter_unreadable",
            "the message is no command and can only be skipped",
        ),
        LetterError::Send(err) => err.into(),
    })
}

/// There is no such letter, or it belongs to another tenant.
pub(super) fn unknown() -> Problem {
    Problem::not_found("letter_unknown", "there is no such dead letter any more")
}
