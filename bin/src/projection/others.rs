//! The followers that are no read models: what can be done with each, and what to do instead of the
//! rest (decision 0037).

use kontor_postgres::followers::OtherFollower;

use super::watch;
use crate::{erasures, failure::Failure, roles};

/// What keeps no place in the log, or many, and is asked for here all the same.
const ELSEWHERE: [(&str, &str); 3] = [
    (
        "dispatch",
        "sends what policies ordered and keeps no place of its own; pause the policy, or see kontor \
         scheduled list",
    ),
    (
        "webhooks",
        "keeps a place for each integrator: kontor integrator disable, enable and redeliver move it",
    ),
    ("replays", "keeps a place for each integrator: kontor integrator list shows them"),
];

/// What a follower is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Tables in generations.
    ReadModel,
    /// An effect outside of the database.
    Reactor,
    /// Memory and orders in the database.
    Policy,
    /// Messages in the outbox, in the transaction of its checkpoint.
    Messages,
}

impl Kind {
    /// What the follower of that name is.
    pub(super) fn of(name: &str) -> Result<Self, Failure> {
        let is_read_model = |name| kontor_projections::all().iter().any(|it| it.name() == name);
        let is_message = |name| roles::MESSAGES.contains(&name);
        let is_policy = |name| kontor_commands::policies::all().iter().any(|it| it.name() == name);
        if is_read_model(name) {
            Ok(Self::ReadModel)
        } else if is_policy(name) {
            Ok(Self::Policy)
        } else if [roles::RELAY, erasures::ERASURES].contains(&name) {
            Ok(Self::Reactor)
        } else if is_message(name) {
            Ok(Self::Messages)
        } else {
            Err(Failure::Usage(unknown(name)))
        }
    }
}

fn unknown(name: &str) -> String {
    if let Some((name, instead)) = ELSEWHERE.iter().find(|(it, _)| *it == name) {
        return format!("`{name}` {instead}");
    }
    let names = roles::follower_names().join(", ");
    format!("there is no follower `{name}`; there are {names}")
}

/// Why a follower is not built anew, and what to do instead.
pub(super) fn not_rebuilt(name: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::ReadModel => None,
        Kind::Reactor => Some(format!(
            "`{name}` is no read model: what it did outside stays done. It goes on from its place; \
             what NATS lost the relay brings back by itself, and kontor integrator replay repeats \
             events for one integrator"
        )),
        Kind::Policy => Some(format!(
            "`{name}` is a policy: raise its version(), and the new version replays the log beside \
             the one that acts and takes its place without ordering anything twice"
        )),
        Kind::Messages => Some(format!(
            "`{name}` writes messages to people, who must not get them twice; one that could not be \
             written is tried again by kontor dead-letters retry"
        )),
    }
}

/// Why a follower's place is not given to another version, and what to do instead.
pub(super) fn not_promoted(name: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::ReadModel | Kind::Reactor => None,
        Kind::Policy => Some(format!(
            "`{name}` is a policy: a newer version takes over by itself where the one before stands. \
             To go back, give the old code a higher version() and deploy it"
        )),
        Kind::Messages => Some(format!(
            "`{name}` has no versions side by side: deploy the code that you want; what it wrote for \
             an event it does not write again"
        )),
    }
}

/// Why nothing of a follower is retired, and what to do instead.
pub(super) fn not_retired(name: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::ReadModel | Kind::Policy => None,
        Kind::Reactor | Kind::Messages => Some(format!(
            "`{name}` has nothing to retire: a version that was replaced keeps its place and nothing \
             else"
        )),
    }
}

pub(super) const TITLES: [&str; 7] =
    ["FOLLOWER", "VERSION", "STATE", "DOING", "POSITION", "BEHIND", "PARKED"];

pub(super) fn row(it: &OtherFollower) -> Vec<String> {
    let heard = it.heartbeat_age_seconds.is_some_and(|age| age < watch::SILENCE_MAX.as_secs_f64());
    let doing = match (it.paused, it.standing.as_str()) {
        (_, "replaced") => "-",
        (true, _) => "paused",
        (false, _) if heard => &it.doing,
        (false, _) => "nobody runs it",
    };
    vec![
        it.name.clone(),
        it.version.to_string(),
        it.standing.clone(),
        doing.to_owned(),
        it.position.to_string(),
        it.behind.to_string(),
        it.parked.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_follower_has_a_kind_and_every_refusal_says_what_to_do() {
        for name in roles::follower_names() {
            let kind = Kind::of(name).unwrap();
            let refusals = [not_rebuilt, not_promoted, not_retired].map(|why| why(name, kind));
            assert_eq!(refusals.iter().all(Option::is_none), kind == Kind::ReadModel, "{name}");
            for refusal in refusals.into_iter().flatten() {
                assert!(refusal.starts_with(&format!("`{name}` ")), "{refusal}");
            }
        }
        for (name, says) in [("dispatch", "scheduled"), ("webhooks", "redeliver"), ("ж", "relay")]
        {
            assert!(unknown(name).contains(says), "{}", unknown(name));
        }
    }
}
