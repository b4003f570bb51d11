//! Decides on one command until the decision stands.

use std::{sync::Arc, time::Duration};

use kontor_domain::{Decider, Issued, Metadata, RefusalDocument};
use rand::RngExt;
use uuid::Uuid;

use super::{
    Core, RouteError, Routed, Router,
    baselines::{Baseline, Baselines},
    decision::Decision,
};
use crate::{Accepted, Append, AppendError, AppendOutcome, Envelope, Expected, NewEvent, Outcome};

/// One command on its way through load, decide and append.
pub(super) struct Attempts<'a, A> {
    core: &'a Core,
    baselines: &'a Baselines<A>,
    envelope: &'a Envelope,
    fingerprint: [u8; 16],
}

/// What an append came to.
enum Appended {
    Stands(Routed),
    Conflict {
        version: i64,
    },
    /// The command id belongs to another command.
    IdReused,
}

/// What a decision puts into the log.
enum Content {
    Events { events: Vec<NewEvent>, subject: Option<Uuid> },
    Refusal(RefusalDocument),
}

impl<'a, A: Decider> Attempts<'a, A> {
    pub(super) fn new(core: &'a Core, baselines: &'a Baselines<A>, envelope: &'a Envelope) -> Self {
        Self { core, baselines, envelope, fingerprint: envelope.fingerprint() }
    }

    /// Decides and appends; begins again on the newest state when another writer was faster.
    pub(super) async fn run(&self, issued: &Issued<A::Order>) -> Result<Routed, RouteError> {
        let (tenant, id) = (&self.envelope.tenant, self.envelope.id);
        let mut seen_version = 0;
        for attempt in 1..=Router::ATTEMPTS_MAX {
            let baseline = match self.baselines.get(tenant, id) {
                Some(baseline) if attempt == 1 => baseline,
                _ => self.baselines.load(&*self.core.store, (tenant, id), None).await?,
            };
            if baseline.version < seen_version {
                // The log refuses for a version that this tenant cannot see.
                return Err(id_in_use_elsewhere());
            }
            let version = match self.attempt(&baseline, issued).await? {
                Appended::Stands(routed) => return Ok(routed),
                Appended::Conflict { version } => version,
                Appended::IdReused => return Err(RouteError::CommandIdReused),
            };
            tracing::debug!(
                attempt,
                expected = baseline.version,
                version,
                "another writer was faster"
            );
            seen_version = version;
            self.baselines.forget(tenant, id);
            if attempt < Router::ATTEMPTS_MAX {
                pause(self.core.settings.conflict_pause, attempt).await;
            }
        }
        Err(RouteError::Contended)
    }

    /// Records a refusal that does not depend on the aggregate's state. Only an id of another
    /// tenant or another aggregate stands against it.
    pub(super) async fn refuse(&self, refusal: RefusalDocument) -> Result<Routed, RouteError> {
        match self.append(Expected::Any, Content::Refusal(refusal)).await? {
            Appended::Stands(routed) => Ok(routed),
            Appended::Conflict { .. } => Err(id_in_use_elsewhere()),
            Appended::IdReused => Err(RouteError::CommandIdReused),
        }
    }

    async fn attempt(
        &self,
        baseline: &Arc<Baseline<A>>,
        issued: &Issued<A::Order>,
    ) -> Result<Appended, RouteError> {
        let decision = match self.envelope.expected_version {
            Some(pinned) if pinned != baseline.version => {
                Decision::Refuse(version_conflict(pinned, baseline.version))
            }
            _ => Decision::of(&baseline.state, issued.clone(), &self.core.settings)?,
        };
        // Refusals rest on the version too: an old baseline must never cause a wrong one.
        let expected = Expected::version(baseline.version);
        let (content, next) = match decision {
            Decision::Accept { events, next } => {
                let subject = next.as_ref().and_then(|next| next.subject(self.envelope.id));
                (Content::Events { events, subject }, next)
            }
            Decision::Refuse(refusal) => (Content::Refusal(refusal), None),
        };
        let appended = match self.append(expected, content).await {
            // Known to the log alone: an aggregate cannot know what became of another one.
            Err(AppendError::SubjectErased) => {
                self.append(expected, Content::Refusal(account_erased())).await?
            }
            appended => appended?,
        };
        if let (
            Appended::Stands(Routed { outcome: Outcome::Accepted(accepted), replayed }),
            Some(state),
        ) = (&appended, next)
            && !replayed
        {
            let next = Arc::new(Baseline { state, version: accepted.version });
            self.baselines.put(&self.envelope.tenant, self.envelope.id, next);
        }
        Ok(appended)
    }

    async fn append(&self, expected: Expected, content: Content) -> Result<Appended, AppendError> {
        let envelope = self.envelope;
        let (events, subject, refusal) = match content {
            Content::Events { events, subject } => (events, subject, None),
            Content::Refusal(refusal) => (Vec::new(), None, Some(refusal)),
        };
        let append = Append {
            tenant: envelope.tenant.clone(),
            command_id: envelope.command_id,
            fingerprint: self.fingerprint,
            stream_type: A::TYPE,
            stream_id: envelope.id,
            subject,
            expected,
            events,
            refusal: refusal.clone(),
            metadata: Metadata {
                actor: envelope.actor.clone(),
                command_id: envelope.command_id,
                correlation_id: envelope.correlation_id,
                causation_id: envelope.causation_id,
                trace: envelope.trace.clone(),
            },
            occurred_at: envelope.issued_at,
        };
        let appended = self.core.store.append(append).await.inspect_err(|_| {
            // Whether the append happened is unknown, so the state in memory may be old.
            self.baselines.forget(&envelope.tenant, envelope.id);
        })?;
        match appended {
            AppendOutcome::Appended { version, first_position, last_position } => {
                let outcome = match refusal {
                    Some(refusal) => Outcome::Refused { refusal },
                    None => Outcome::Accepted(Accepted {
                        id: envelope.id,
                        version,
                        first_position,
                        last_position,
                    }),
                };
                Ok(Appended::Stands(Routed { outcome, replayed: false }))
            }
            AppendOutcome::Duplicate(receipt) if receipt.fingerprint == self.fingerprint => {
                Ok(Appended::Stands(Routed { outcome: receipt.outcome, replayed: true }))
            }
            AppendOutcome::Duplicate(_) => Ok(Appended::IdReused),
            AppendOutcome::Conflict { version } => Ok(Appended::Conflict { version }),
        }
    }
}

/// Waits a random part of a pause that doubles with every attempt, so that writers in different
/// processes do not meet again at once.
async fn pause(base: Duration, attempt: u32) {
    let longest = base.saturating_mul(1 << attempt.min(Router::ATTEMPTS_MAX));
    if longest.is_zero() {
        tokio::task::yield_now().await;
    } else {
        let pause = rand::rng().random_range(longest / 2..=longest);
        tokio::time::sleep(pause).await;
    }
}

fn id_in_use_elsewhere() -> RouteError {
    RouteError::Malformed("field `id`: this id is in use elsewhere; use a new one".to_owned())
}

/// The same refusal that the aggregates word, for events that would be about an erased person.
fn account_erased() -> RefusalDocument {
    RefusalDocument::new(
        "account_erased",
        "this person was erased; open a new account under a new id",
    )
}

fn version_conflict(expected: i64, actual: i64) -> RefusalDocument {
    RefusalDocument::new(
        "version_conflict",
        format!(
            "the command expects version {expected}, but there is version {actual}; read it again and decide anew"
        ),
    )
    .with("expected_version", expected)
    .with("actual_version", actual)
}
