//! What a tenant must know to decide.

use chrono::NaiveDate;
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{Created, ReadingReminders, TenantCommand, TenantEvent, TenantKind, TenantRefusal};
use crate::{
    DisplayName, Issued, Language, TenantFacts, TenantId, credit_ledger::CreditRules,
    decider::decide_into, meter::MeterRules,
};

/// The tenant aggregate. Its stream's id is [`TenantId::stream_id`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Tenant {
    /// Its settings; none until it is created.
    pub(super) settings: Option<Settings>,
    /// The month whose reminders were begun last.
    #[serde(default)]
    pub(super) reminders_begun: Option<NaiveDate>,
}

/// The settings of a tenant that exists.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Settings {
    pub(super) name: DisplayName,
    pub(super) kind: TenantKind,
    pub(super) language: Language,
    pub(super) time_zone: chrono_tz::Tz,
    pub(super) meter_rules: MeterRules,
    #[serde(default)]
    pub(super) reading_reminders: ReadingReminders,
    #[serde(default)]
    pub(super) credit_rules: CreditRules,
}

impl Tenant {
    /// What the decisions of this tenant's other aggregates may know of it.
    ///
    /// For a tenant that was never created the facts say so, with Russian, Moscow time and the
    /// default rules in place of settings.
    pub fn facts(&self, id: TenantId) -> TenantFacts {
        match &self.settings {
            Some(settings) => TenantFacts {
                id,
                exists: true,
                kind: settings.kind,
                language: settings.language,
                time_zone: settings.time_zone,
                meter_rules: settings.meter_rules.clone(),
                reading_reminders: settings.reading_reminders,
                credit_rules: settings.credit_rules.clone(),
            },
            None => TenantFacts {
                id,
                exists: false,
                kind: TenantKind::default(),
                language: Language::default(),
                time_zone: chrono_tz::Europe::Moscow,
                meter_rules: MeterRules::default(),
                reading_reminders: ReadingReminders::default(),
                credit_rules: CreditRules::default(),
            },
        }
    }
}

impl From<Created> for Settings {
    fn from(created: Created) -> Self {
        let Created { id: _, name, kind, language, time_zone, meter_rules } = created;
        let reading_reminders = ReadingReminders::default();
        let credit_rules = CreditRules::default();
        Self { name, kind, language, time_zone, meter_rules, reading_reminders, credit_rules }
    }
}

impl Aggregate for Tenant {
    const TYPE: &'static str = "tenant";

    type Command = Issued<TenantCommand>;
    type Event = TenantEvent;
    type Error = TenantRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: TenantEvent) {
        match (event, &mut self.settings) {
            (TenantEvent::Created(created), settings) => *settings = Some(created.into()),
            (TenantEvent::Renamed(renamed), Some(settings)) => settings.name = renamed.name,
            (TenantEvent::LocaleChanged(changed), Some(settings)) => {
                settings.language = changed.language;
                settings.time_zone = changed.time_zone;
            }
            (TenantEvent::MeterRulesChanged(changed), Some(settings)) => {
                settings.meter_rules = changed.meter_rules;
            }
            (TenantEvent::ReadingRemindersChanged(changed), Some(settings)) => {
                settings.reading_reminders = changed.reading_reminders;
            }
            (TenantEvent::CreditRulesChanged(changed), Some(settings)) => {
                settings.credit_rules = changed.credit_rules;
            }
            (TenantEvent::ReadingRemindersDue(due), Some(_)) => {
                self.reminders_begun = Some(due.period);
            }
            // A change of nothing: no decision leads to it, and replay must not stop at it.
            (
                TenantEvent::Renamed(_)
                | TenantEvent::LocaleChanged(_)
                | TenantEvent::MeterRulesChanged(_)
                | TenantEvent::ReadingRemindersChanged(_)
                | TenantEvent::ReadingRemindersDue(_)
                | TenantEvent::CreditRulesChanged(_),
                None,
            ) => {}
        }
    }
}
