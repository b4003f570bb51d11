//! What the work on a difference must know to decide.

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{ReconciliationCommand, ReconciliationEvent, ReconciliationRefusal, Standing};
use crate::{Issued, credit_ledger::Posting, decider::decide_into};

/// The aggregate of the work on a difference.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Reconciliation {
    pub(super) standing: Standing,
    /// Who takes care of it.
    pub(super) assignee: Option<String>,
    /// What is proposed, and by whom.
    pub(super) proposed: Option<(String, Posting)>,
}

impl Aggregate for Reconciliation {
    const TYPE: &'static str = "reconciliation";

    type Command = Issued<ReconciliationCommand>;
    type Event = ReconciliationEvent;
    type Error = ReconciliationRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: ReconciliationEvent) {
        use ReconciliationEvent as E;
        match event {
            E::Assigned(assigned) => {
                self.standing = Standing::Assigned;
                self.assignee = Some(assigned.by);
            }
            E::Explained(_) => self.standing = Standing::Explained,
            E::Adjusted(_) => self.standing = Standing::Adjusted,
            E::WriteOffProposed(proposed) => {
                self.standing = Standing::WriteOffProposed;
                self.proposed = Some((proposed.by, proposed.posting));
            }
            E::WrittenOff(_) => self.standing = Standing::WrittenOff,
            E::Reopened(_) => *self = Self::default(),
        }
    }
}
