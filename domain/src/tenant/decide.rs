//! What a command to a tenant leads to.

use chrono::{Datelike, NaiveDate};

use super::{
    BeginReadingReminders, ChangeCreditRules, ChangeLocale, ChangeMeterRules,
    ChangeReadingReminders, Create, Created, CreditRulesChanged, LocaleChanged, MeterRulesChanged,
    ReadingReminders, ReadingRemindersChanged, ReadingRemindersDue, Rename, Renamed, Tenant,
    TenantCommand, TenantEvent, TenantRefusal, state::Settings,
};
use crate::{Actor, Decider, Issued, TenantId, credit_ledger::CreditRules, meter::MeterRules};

type Decision = Result<Vec<TenantEvent>, TenantRefusal>;

impl Decider for Tenant {
    type Order = TenantCommand;
    type Fact = TenantEvent;
    type Reason = TenantRefusal;

    fn decide(&self, issued: Issued<TenantCommand>) -> Decision {
        match issued.actor {
            Actor::Customer { .. } => return Err(TenantRefusal::NotAllowed),
            Actor::Operator { .. } | Actor::System { .. } => {}
        }
        let expected = issued.tenant.id.stream_id();
        if issued.id != expected {
            return Err(TenantRefusal::IdMismatch { expected });
        }
        match (issued.command, &self.settings) {
            (TenantCommand::Create(create), settings) => {
                decide_create(create, issued.tenant.id.clone(), settings.as_ref())
            }
            (_, None) => Err(TenantRefusal::TenantUnknown),
            (TenantCommand::Rename(rename), Some(settings)) => Ok(decide_rename(rename, settings)),
            (TenantCommand::ChangeLocale(change), Some(settings)) => {
                Ok(decide_locale(change, settings))
            }
            (TenantCommand::ChangeMeterRules(change), Some(settings)) => {
                decide_meter_rules(change, settings)
            }
            (TenantCommand::ChangeReadingReminders(change), Some(settings)) => {
                decide_reading_reminders(change, settings)
            }
            (TenantCommand::BeginReadingReminders(begin), Some(settings)) => {
                decide_begin(begin, settings, self.reminders_begun)
            }
            (TenantCommand::ChangeCreditRules(change), Some(settings)) => {
                decide_credit_rules(change, settings)
            }
        }
    }

    /// A tenant is an organisation; its name is on its signboard.
    fn personal_fields(_order: &TenantCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

fn decide_create(create: Create, id: TenantId, settings: Option<&Settings>) -> Decision {
    let Create { name, kind, language, time_zone, meter_rules } = create;
    // Reminders and credits are no part of the order: a tenant that changed them is still the same.
    let reading_reminders =
        settings.map_or_else(ReadingReminders::default, |settings| settings.reading_reminders);
    let credit_rules =
        settings.map_or_else(CreditRules::default, |settings| settings.credit_rules.clone());
    let wanted =
        Settings { name, kind, language, time_zone, meter_rules, reading_reminders, credit_rules };
    match settings {
        Some(settings) if *settings == wanted => Ok(vec![]),
        Some(_) => Err(TenantRefusal::TenantExists),
        None => {
            check_meter_rules(&wanted.meter_rules)?;
            let Settings { name, kind, language, time_zone, meter_rules, .. } = wanted;
            Ok(vec![TenantEvent::Created(Created {
                id,
                name,
                kind,
                language,
                time_zone,
                meter_rules,
            })])
        }
    }
}

fn decide_rename(rename: Rename, settings: &Settings) -> Vec<TenantEvent> {
    let Rename { name } = rename;
    if name == settings.name {
        return vec![];
    }
    vec![TenantEvent::Renamed(Renamed { name })]
}

fn decide_locale(change: ChangeLocale, settings: &Settings) -> Vec<TenantEvent> {
    let ChangeLocale { language, time_zone } = change;
    if language == settings.language && time_zone == settings.time_zone {
        return vec![];
    }
    vec![TenantEvent::LocaleChanged(LocaleChanged { language, time_zone })]
}

fn decide_meter_rules(change: ChangeMeterRules, settings: &Settings) -> Decision {
    let ChangeMeterRules { meter_rules } = change;
    if meter_rules == settings.meter_rules {
        return Ok(vec![]);
    }
    check_meter_rules(&meter_rules)?;
    Ok(vec![TenantEvent::MeterRulesChanged(MeterRulesChanged { meter_rules })])
}

fn decide_reading_reminders(change: ChangeReadingReminders, settings: &Settings) -> Decision {
    let ChangeReadingReminders { reading_reminders } = change;
    if reading_reminders == settings.reading_reminders {
        return Ok(vec![]);
    }
    let out_of_range = |field: &str, expected: &str| TenantRefusal::ReminderOutOfRange {
        field: field.to_owned(),
        expected: expected.to_owned(),
    };
    if !ReadingReminders::DAYS_BEFORE.contains(&reading_reminders.days_before) {
        return Err(out_of_range("days_before", "a number of days from 0 to 10"));
    }
    if !ReadingReminders::HOURS.contains(&reading_reminders.hour) {
        return Err(out_of_range("hour", "an hour from 9 to 19"));
    }
    let changed = ReadingRemindersChanged { reading_reminders };
    Ok(vec![TenantEvent::ReadingRemindersChanged(changed)])
}

fn decide_credit_rules(change: ChangeCreditRules, settings: &Settings) -> Decision {
    let ChangeCreditRules { credit_rules } = change;
    if credit_rules == settings.credit_rules {
        return Ok(vec![]);
    }
    if let Some((field, expected)) = credit_rules.out_of_range() {
        let (field, expected) = (field.to_owned(), expected.to_owned());
        return Err(TenantRefusal::CreditRuleOutOfRange { field, expected });
    }
    Ok(vec![TenantEvent::CreditRulesChanged(CreditRulesChanged { credit_rules })])
}

/// Begins a month once. It begins late as well, so that the month after it follows: whether anybody
/// is still reminded is decided for each customer.
fn decide_begin(
    begin: BeginReadingReminders,
    settings: &Settings,
    begun: Option<NaiveDate>,
) -> Decision {
    let period = begin.period.with_day(1).unwrap_or(begin.period);
    if begun.is_some_and(|begun| begun >= period) {
        return Ok(vec![]);
    }
    if !settings.reading_reminders.enabled {
        return Err(TenantRefusal::RemindersOff);
    }
    let (_, closes_on) = settings.meter_rules.window_days(period);
    Ok(vec![TenantEvent::ReadingRemindersDue(ReadingRemindersDue { period, closes_on })])
}

fn check_meter_rules(rules: &MeterRules) -> Result<(), TenantRefusal> {
    let out_of_range = |field: &str, expected: &str| TenantRefusal::RuleOutOfRange {
        field: field.to_owned(),
        expected: expected.to_owned(),
    };
    if !MeterRules::WINDOW_FIRST_DAYS.contains(&rules.window_first_day) {
        return Err(out_of_range("window_first_day", "a day from 1 to 28"));
    }
    if !MeterRules::WINDOW_LAST_DAYS.contains(&rules.window_last_day) {
        return Err(out_of_range("window_last_day", "a day from 1 to 31"));
    }
    if !MeterRules::UNUSUAL_FACTORS.contains(&rules.unusual_factor) {
        return Err(out_of_range("unusual_factor", "a factor from 2 to 100"));
    }
    Ok(())
}
