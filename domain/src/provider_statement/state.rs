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
    /// The lines by what is the same in every form of export ([`key_of`]), where there is such a thing.
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

/// What is the same of a line in whatever form of export it comes: with seconds or without, its kind named by
/// one column or by another. Stripe gives an id to one line alone; with other figures it is another one
/// all the same, because nobody knows here which of them is right. Other sources give an id to several.
pub(super) fn key_of(source: StatementSource, line: &StatementLine) -> Option<String> {
    match source {
        StatementSource::Stripe => {
            let StatementLine { external_id, amount_minor, fee_minor, net_minor, .. } = line;
            let figures = (amount_minor, fee_minor, net_minor, line.currency.code());
            Some(format!("{external_id:?}:{figures:?}"))
        }
        StatementSource::Yookassa | StatementSource::TelegramStars | StatementSource::Bank => None,
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
                    if let Some(key) = key_of(recorded.source, &it.line) {
                        self.named.entry(key).or_insert(it.line_id);
                    }
                    self.lines.insert(it.line_id, Rest::of(&it.line));
                }
            }
        }
    }
}
