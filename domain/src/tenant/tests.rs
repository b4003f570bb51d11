//! The rules for tenants, as given / when / then.

mod reminders;
mod wire;

use std::sync::Arc;

use chrono::DateTime;
use cqrs_es::{
    Aggregate,
    event_sink::EventSink,
    test::{AggregateTestExecutor, TestFramework},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::credit_ledger::CreditRules;
use crate::{
    Actor, Decider, Issued, Language, TenantFacts, TenantId,
    meter::{MeterRules, ReadingSource, SourceRules, VerificationPolicy},
};

fn id() -> TenantId {
    "demo_utility".parse().unwrap()
}

fn operator() -> Actor {
    Actor::Operator { name: "owner".to_owned() }
}

/// A command as an operator gives it; the facts of a tenant say nothing to the tenant itself.
fn issued(command: TenantCommand) -> Issued<TenantCommand> {
    Issued {
        id: id().stream_id(),
        at: DateTime::UNIX_EPOCH,
        actor: operator(),
        tenant: Arc::new(Tenant::default().facts(id())),
        command,
    }
}

fn create() -> Create {
    Create {
        name: "Горводоканал".parse().unwrap(),
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
    }
}

fn created() -> Created {
    Created {
        id: id(),
        name: "Горводоканал".parse().unwrap(),
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
    }
}

fn rename(name: &str) -> TenantCommand {
    TenantCommand::Rename(Rename { name: name.parse().unwrap() })
}

fn locale(language: Language, time_zone: chrono_tz::Tz) -> TenantCommand {
    TenantCommand::ChangeLocale(ChangeLocale { language, time_zone })
}

fn rules(change: impl FnOnce(&mut MeterRules)) -> MeterRules {
    let mut rules = MeterRules::default();
    change(&mut rules);
    rules
}

fn change_rules(meter_rules: MeterRules) -> TenantCommand {
    TenantCommand::ChangeMeterRules(ChangeMeterRules { meter_rules })
}

fn given(events: Vec<TenantEvent>) -> AggregateTestExecutor<Tenant> {
    TestFramework::<Tenant>::with(()).given(events)
}

fn given_tenant() -> AggregateTestExecutor<Tenant> {
    given(vec![TenantEvent::Created(created())])
}

fn state(events: &[TenantEvent]) -> Tenant {
    let mut tenant = Tenant::default();
    for event in events {
        tenant.apply(event.clone());
    }
    tenant
}

fn out_of_range(field: &str, expected: &str) -> TenantRefusal {
    TenantRefusal::RuleOutOfRange { field: field.to_owned(), expected: expected.to_owned() }
}

#[test]
fn a_tenant_is_created_under_its_slug() {
    given(vec![])
        .when(issued(TenantCommand::Create(create())))
        .then_expect_events(vec![TenantEvent::Created(created())]);
}

#[test]
fn kontor_itself_creates_tenants_too() {
    let by_system = Actor::System { name: "demo_seed".to_owned() };
    given(vec![])
        .when(Issued { actor: by_system, ..issued(TenantCommand::Create(create())) })
        .then_expect_events(vec![TenantEvent::Created(created())]);
}

#[test]
fn a_customer_changes_nothing_of_the_tenant() {
    let customer = || Actor::Customer { account_id: Uuid::nil() };
    let commands = [
        TenantCommand::Create(create()),
        rename("Other"),
        locale(Language::En, chrono_tz::UTC),
        change_rules(rules(|rules| rules.unusual_factor = 5)),
    ];
    for command in commands {
        for given in [given(vec![]), given_tenant()] {
            given
                .when(Issued { actor: customer(), ..issued(command.clone()) })
                .then_expect_error(TenantRefusal::NotAllowed);
        }
    }
}

#[test]
fn a_tenant_has_the_one_id_that_follows_from_its_slug() {
    let expected = id().stream_id();
    for command in [TenantCommand::Create(create()), rename("Other")] {
        given(vec![])
            .when(Issued { id: Uuid::nil(), ..issued(command) })
            .then_expect_error(TenantRefusal::IdMismatch { expected });
    }
}

#[test]
fn creating_the_same_tenant_again_changes_nothing() {
    given_tenant().when(issued(TenantCommand::Create(create()))).then_expect_events(vec![]);
}

#[test]
fn creating_another_tenant_under_the_same_slug_is_refused() {
    let others = [
        Create { name: "Other".parse().unwrap(), ..create() },
        Create { kind: TenantKind::Shop, ..create() },
        Create { language: Language::En, ..create() },
        Create { time_zone: chrono_tz::UTC, ..create() },
        Create { meter_rules: rules(|rules| rules.unusual_factor = 5), ..create() },
    ];
    for other in others {
        given_tenant()
            .when(issued(TenantCommand::Create(other)))
            .then_expect_error(TenantRefusal::TenantExists);
    }
}

#[test]
fn creating_a_tenant_again_is_compared_with_what_it_is_now() {
    let renamed = TenantEvent::Renamed(Renamed { name: "Other".parse().unwrap() });
    given_tenant()
        .and(vec![renamed.clone()])
        .when(issued(TenantCommand::Create(create())))
        .then_expect_error(TenantRefusal::TenantExists);
    let other = Create { name: "Other".parse().unwrap(), ..create() };
    given_tenant()
        .and(vec![renamed])
        .when(issued(TenantCommand::Create(other)))
        .then_expect_events(vec![]);
}

#[test]
fn a_tenant_that_was_never_created_is_not_changed() {
    let commands = [
        rename("Other"),
        locale(Language::En, chrono_tz::UTC),
        change_rules(rules(|rules| rules.unusual_factor = 5)),
    ];
    for command in commands {
        given(vec![]).when(issued(command)).then_expect_error(TenantRefusal::TenantUnknown);
    }
}

#[test]
fn a_tenant_is_renamed_once() {
    let renamed = || TenantEvent::Renamed(Renamed { name: "Водоканал".parse().unwrap() });
    given_tenant().when(issued(rename("Водоканал"))).then_expect_events(vec![renamed()]);
    given_tenant()
        .and(vec![renamed()])
        .when(issued(rename("Водоканал")))
        .then_expect_events(vec![]);
    given_tenant().when(issued(rename("Горводоканал"))).then_expect_events(vec![]);
}

#[test]
fn a_locale_changes_when_the_language_or_the_time_zone_does() {
    use chrono_tz::{Asia::Tashkent, Europe::Moscow};
    for (language, time_zone) in
        [(Language::En, Moscow), (Language::Ru, Tashkent), (Language::En, Tashkent)]
    {
        let changed = TenantEvent::LocaleChanged(LocaleChanged { language, time_zone });
        let command = || issued(locale(language, time_zone));
        given_tenant().when(command()).then_expect_events(vec![changed.clone()]);
        given_tenant().and(vec![changed]).when(command()).then_expect_events(vec![]);
    }
    given_tenant().when(issued(locale(Language::Ru, Moscow))).then_expect_events(vec![]);
}

#[test]
fn meter_rules_change_once() {
    let meter_rules = || {
        rules(|rules| {
            rules.window_first_day = 28;
            rules.window_last_day = 5;
            rules.unusual_factor = 100;
            rules.verification = VerificationPolicy::Block;
            let all = SourceRules { window: true, confirmation: true, photo: true };
            rules.by_source.insert(ReadingSource::Telegram, all);
        })
    };
    let changed =
        || TenantEvent::MeterRulesChanged(MeterRulesChanged { meter_rules: meter_rules() });
    given_tenant().when(issued(change_rules(meter_rules()))).then_expect_events(vec![changed()]);
    given_tenant()
        .and(vec![changed()])
        .when(issued(change_rules(meter_rules())))
        .then_expect_events(vec![]);
    given_tenant().when(issued(change_rules(MeterRules::default()))).then_expect_events(vec![]);
}

#[test]
fn a_rule_stays_within_its_bounds() {
    type Set = fn(&mut MeterRules, u8);
    let first: Set = |rules, value| rules.window_first_day = value;
    let last: Set = |rules, value| rules.window_last_day = value;
    let factor: Set = |rules, value| rules.unusual_factor = value.into();
    let table = [
        (first, "window_first_day", "a day from 1 to 28", [1, 28], [0, 29]),
        (last, "window_last_day", "a day from 1 to 31", [1, 31], [0, 32]),
        (factor, "unusual_factor", "a factor from 2 to 100", [2, 100], [1, 101]),
    ];
    for (set, field, expected, fitting, wrong) in table {
        let create_with = |value| {
            let meter_rules = rules(|rules| set(rules, value));
            let command = Create { meter_rules: meter_rules.clone(), ..create() };
            let created = given(vec![]).when(issued(TenantCommand::Create(command)));
            let changed = given_tenant().when(issued(change_rules(meter_rules)));
            [created.inspect_result(), changed.inspect_result()]
        };
        for value in fitting {
            for result in create_with(value) {
                assert_eq!(result.unwrap().len(), 1, "{field} {value}");
            }
        }
        for value in wrong {
            for result in create_with(value) {
                assert_eq!(result, Err(out_of_range(field, expected)), "{value}");
            }
        }
    }
}

#[test]
fn the_facts_of_a_tenant_are_its_settings() {
    let meter_rules = rules(|rules| rules.unusual_factor = 5);
    let tenant = state(&[
        TenantEvent::Created(Created { kind: TenantKind::Salon, ..created() }),
        TenantEvent::LocaleChanged(LocaleChanged {
            language: Language::En,
            time_zone: chrono_tz::Asia::Tashkent,
        }),
        TenantEvent::MeterRulesChanged(MeterRulesChanged { meter_rules: meter_rules.clone() }),
    ]);
    let facts = TenantFacts {
        id: id(),
        exists: true,
        kind: TenantKind::Salon,
        language: Language::En,
        time_zone: chrono_tz::Asia::Tashkent,
        meter_rules,
        reading_reminders: ReadingReminders::default(),
        credit_rules: CreditRules::default(),
    };
    assert_eq!(tenant.facts(id()), facts);
}

#[test]
fn the_facts_of_a_tenant_that_was_never_created_say_so() {
    let facts = TenantFacts {
        id: id(),
        exists: false,
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
        reading_reminders: ReadingReminders::default(),
        credit_rules: CreditRules::default(),
    };
    assert_eq!(Tenant::default().facts(id()), facts);
    let renamed = TenantEvent::Renamed(Renamed { name: "Other".parse().unwrap() });
    assert_eq!(state(&[renamed]).facts(id()), facts);
}

#[test]
fn handling_writes_what_was_decided_and_leaves_the_state_that_replay_gives() {
    let before = [TenantEvent::Created(created())];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for command in [rename("Other"), locale(Language::En, chrono_tz::UTC)] {
        let mut tenant = state(&before);
        let decided = tenant.decide(issued(command.clone())).unwrap();
        let sink = EventSink::default();
        runtime.block_on(tenant.handle(issued(command), &(), &sink)).unwrap();
        let written = runtime.block_on(sink.collect());
        assert_eq!(written, decided);
        assert_eq!(tenant, state(&[before.to_vec(), written].concat()));
    }
}

fn any_command() -> impl Strategy<Value = TenantCommand> {
    let rules = (any::<u8>(), any::<u8>(), any::<u32>()).prop_map(|(first, last, factor)| {
        rules(|rules| {
            rules.window_first_day = first % 40;
            rules.window_last_day = last % 40;
            rules.unusual_factor = factor % 120;
        })
    });
    prop_oneof![
        Just(TenantCommand::Create(create())),
        "[а-яa-z]{1,9}".prop_map(|name| rename(&name)),
        any::<bool>().prop_map(|english| locale(
            if english { Language::En } else { Language::Ru },
            chrono_tz::UTC
        )),
        rules.prop_map(change_rules),
    ]
}

proptest! {
    #[test]
    fn an_accepted_history_replays_to_the_same_state_and_a_repeat_adds_nothing(
        commands in proptest::collection::vec(any_command(), 0..20),
    ) {
        let mut tenant = Tenant::default();
        let mut events = vec![];
        for command in commands {
            let Ok(decided) = tenant.decide(issued(command.clone())) else { continue };
            for event in decided {
                tenant.apply(event.clone());
                events.push(event);
            }
            prop_assert_eq!(tenant.decide(issued(command)), Ok(vec![]));
        }
        prop_assert_eq!(&state(&events), &tenant);
        let json = serde_json::to_string(&tenant).unwrap();
        prop_assert_eq!(serde_json::from_str::<Tenant>(&json).unwrap(), tenant);
    }
}
