//! What a command to a tenant leads to.

use super::{
    ChangeLocale, ChangeMeterRules, Create, Created, LocaleChanged, MeterRulesChanged, Rename,
    Renamed, Tenant, TenantCommand, TenantEvent, TenantRefusal, state::Settings,
};
use crate::{Actor, Decider, Issued, TenantId, meter::MeterRules};

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
        }
    }
}

fn decide_create(create: Create, id: TenantId, settings: Option<&Settings>) -> Decision {
    let Create { name, kind, language, time_zone, meter_rules } = create;
    let wanted = Settings { name, kind, language, time_zone, meter_rules };
    match settings {
        Some(settings) if *settings == wanted => Ok(vec![]),
        Some(_) => Err(TenantRefusal::TenantExists),
        None => {
            check_meter_rules(&wanted.meter_rules)?;
            let Settings { name, kind, language, time_zone, meter_rules } = wanted;
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
