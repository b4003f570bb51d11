//! What a statement must know to decide: which lines are there, and what may be filled in of them.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    ProviderStatementCommand, ProviderStatementEvent, ProviderStatementRefusal, StatementLine,
    StatementSource,
};
use crate::{Issued, decider::decide_into};

/// The statement aggregate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct ProviderStatement {
    pub(super) lines: BTreeMap<Uuid, Rest>,
    /// The lines by the source's own id, where no other line has it ([`one_line_an_id`]).
    #[serde(default)]
    pub(super) named: BTreeMap<String, Uuid>,
}

/// What files may say more or less of about the same line.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Rest {
    pub(super) references: BTreeSet<String>,
    pub(super) payout_ref: Option<String>,
}

impl Rest {
    pub(super) fn of(line: &StatementLine) -> Self {
        Self { references: line.references.clone(), payout_ref: line.payout_ref.clone() }
    }

    /// What both know together: the same whichever of them came first.
    pub(super) fn with(&self, other: &Self) -> Self {
        Self {
            references: self.references.union(&other.references).cloned().collect(),
            payout_ref: self.payout_ref.clone().max(other.payout_ref.clone()),
        }
    }
}

/// Whether a source gives an id to one line alone. Then that is the line, whichever form of export it comes
/// in: with seconds or without, its kind named by one column or by another.
pub(super) fn one_line_an_id(source: StatementSource) -> bool {
    match source {
        StatementSource::Stripe => true,
        StatementSource::Yookassa | StatementSource::TelegramStars | StatementSource::Bank => false,
    }
}

impl Aggregate for ProviderStatement {
    const TYPE: &'static str = "provider_statement";

    type Command = Issued<ProviderStatementCommand>;
    type Event = ProviderStatementEvent;
    type Error = ProviderStatementRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: ProviderStatementEvent) {
        match event {
            ProviderStatementEvent::LinesRecorded(recorded) => {
                for it in recorded.lines {
                    if one_line_an_id(recorded.source) {
                        let named = self.named.entry(it.line.external_id.clone());
                        named.or_insert(it.line_id);
                    }
                    self.lines.insert(it.line_id, Rest::of(&it.line));
                }
            }
        }
    }
}
