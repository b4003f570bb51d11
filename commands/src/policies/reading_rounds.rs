//! Per tenant: when the reminders of the next month's readings are due.

use chrono::NaiveDate;
use kontor_domain::{
    EventDecodeError, Recorded,
    meter::MeterRules,
    tenant::{BeginReadingReminders, ReadingReminders, TenantCommand, TenantEvent},
};
use serde::{Deserialize, Serialize};

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

/// Has one timer for each tenant that reminds its customers.
///
/// When it is due, the tenant says so in an event, which the policy [`super::ReadingReminders`] takes to its customers and this one takes as
/// the sign to set the timer to the next month.
#[derive(Clone, Copy, Debug)]
pub struct ReadingRounds;

/// What is remembered of a tenant.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Tenant {
    settings: Option<Settings>,
    /// The month whose reminders were begun last.
    begun: Option<NaiveDate>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Settings {
    time_zone: chrono_tz::Tz,
    meter_rules: MeterRules,
    reminders: ReadingReminders,
}

impl Policy for ReadingRounds {
    type State = Tenant;

    fn name(&self) -> &'static str {
        "reading_rounds"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "tenant.created",
            "tenant.locale_changed",
            "tenant.meter_rules_changed",
            "tenant.reading_reminders_changed",
            "tenant.reading_reminders_due",
        ]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(Audience::One(event.stream_id))
    }

    fn react(
        &self,
        state: &mut Tenant,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        match (event.body::<TenantEvent>()?, &mut state.settings) {
            (TenantEvent::Created(created), settings) => {
                *settings = Some(Settings {
                    time_zone: created.time_zone,
                    meter_rules: created.meter_rules,
                    reminders: ReadingReminders::default(),
                });
            }
            (TenantEvent::LocaleChanged(changed), Some(settings)) => {
                if settings.time_zone == changed.time_zone {
                    return Ok(vec![]);
                }
                settings.time_zone = changed.time_zone;
            }
            (TenantEvent::MeterRulesChanged(changed), Some(settings)) => {
                settings.meter_rules = changed.meter_rules;
            }
            (TenantEvent::ReadingRemindersChanged(changed), Some(settings)) => {
                settings.reminders = changed.reading_reminders;
            }
            (TenantEvent::ReadingRemindersDue(due), Some(_)) => state.begun = Some(due.period),
            // Not asked for, or of a tenant that was never created.
            (
                TenantEvent::Renamed(_)
                | TenantEvent::LocaleChanged(_)
                | TenantEvent::MeterRulesChanged(_)
                | TenantEvent::ReadingRemindersChanged(_)
                | TenantEvent::ReadingRemindersDue(_)
                | TenantEvent::CreditRulesChanged(_),
                _,
            ) => return Ok(vec![]),
        }
        Ok(vec![timer(state, instance, event)?])
    }
}

fn timer(state: &Tenant, instance: Instance<'_>, event: &Recorded) -> Result<Order, PolicyError> {
    let key = format!("round:{}", instance.tenant);
    let round = state.settings.as_ref().filter(|settings| settings.reminders.enabled).and_then(
        |Settings { time_zone, meter_rules, reminders }| {
            reminders.next_round(meter_rules, *time_zone, (event.occurred_at, state.begun))
        },
    );
    let Some(round) = round else { return Ok(Order::Cancel { key }) };
    let begin =
        TenantCommand::BeginReadingReminders(BeginReadingReminders { period: round.period });
    let directive = Directive::new("tenant", instance.key, &begin)?;
    Ok(Order::Schedule { key, due_at: round.due_at, directive })
}
