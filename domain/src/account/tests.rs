//! The rules for accounts, as given / when / then.

mod erasure;
mod property;
mod reminders;
mod wire;

use std::sync::Arc;

use chrono::DateTime;
use cqrs_es::{
    Aggregate,
    event_sink::EventSink,
    test::{AggregateTestExecutor, TestFramework},
};
use uuid::Uuid;

use super::*;
use crate::credit_ledger::CreditRules;
use crate::{
    Actor, Decider, Issued, Language, TenantFacts,
    meter::MeterRules,
    tenant::{ReadingReminders, TenantKind},
};

const ANNA: Uuid = Uuid::from_u128(0xa);
const OLEG: Uuid = Uuid::from_u128(0xb);

fn facts() -> TenantFacts {
    TenantFacts {
        id: "demo_utility".parse().unwrap(),
        exists: true,
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
        reading_reminders: ReadingReminders::default(),
        credit_rules: CreditRules::default(),
    }
}

/// A command as Anna gives it to her own account.
fn issued(command: AccountCommand) -> Issued<AccountCommand> {
    Issued {
        id: ANNA,
        at: DateTime::UNIX_EPOCH,
        actor: Actor::Customer { account_id: ANNA },
        tenant: Arc::new(facts()),
        command,
    }
}

fn telegram(bot: &str, user_id: i64, username: Option<&str>) -> Origin {
    Origin::Telegram { bot: bot.to_owned(), user_id, username: username.map(str::to_owned) }
}

fn api(external_id: Option<&str>) -> Origin {
    Origin::Api { external_id: external_id.map(str::to_owned) }
}

fn register() -> Register {
    Register {
        display_name: "Анна Петрова".parse().unwrap(),
        language: Language::Ru,
        origin: telegram("demo", 1001, Some("anna")),
        phone: None,
    }
}

fn registered() -> Registered {
    Registered {
        display_name: "Анна Петрова".parse().unwrap(),
        language: Language::Ru,
        origin: telegram("demo", 1001, Some("anna")).into(),
        phone: None,
    }
}

fn from(origin: Origin) -> AccountCommand {
    AccountCommand::Register(Register { origin, ..register() })
}

fn rename(name: &str) -> AccountCommand {
    AccountCommand::Rename(Rename { display_name: name.parse().unwrap() })
}

fn language(language: Language) -> AccountCommand {
    AccountCommand::ChangeLanguage(ChangeLanguage { language })
}

fn phone(phone: Option<&str>) -> AccountCommand {
    AccountCommand::ChangePhone(ChangePhone { phone: phone.map(|text| text.parse().unwrap()) })
}

fn consent(version: &str) -> AccountCommand {
    AccountCommand::GiveConsent(GiveConsent { document_version: version.to_owned() })
}

fn withdraw() -> AccountCommand {
    AccountCommand::WithdrawConsent(WithdrawConsent {})
}

fn block(bot: &str) -> AccountCommand {
    AccountCommand::BlockBot(BotName { bot: bot.to_owned() })
}

fn unblock(bot: &str) -> AccountCommand {
    AccountCommand::UnblockBot(BotName { bot: bot.to_owned() })
}

fn consented(version: &str) -> AccountEvent {
    AccountEvent::ConsentGiven(ConsentGiven { document_version: version.to_owned() })
}

fn blocked(bot: &str) -> AccountEvent {
    AccountEvent::BotBlocked(BotBlocked { bot: bot.to_owned() })
}

fn unblocked(bot: &str) -> AccountEvent {
    AccountEvent::BotUnblocked(BotUnblocked { bot: bot.to_owned() })
}

/// Everything that can be asked of an account that exists.
fn changes() -> [AccountCommand; 7] {
    [
        rename("Other"),
        language(Language::En),
        phone(Some("+79161234567")),
        consent("2026-11"),
        withdraw(),
        block("demo"),
        unblock("demo"),
    ]
}

fn given(events: Vec<AccountEvent>) -> AggregateTestExecutor<Account> {
    TestFramework::<Account>::with(()).given(events)
}

fn given_account() -> AggregateTestExecutor<Account> {
    given(vec![AccountEvent::Registered(registered())])
}

fn state(events: &[AccountEvent]) -> Account {
    let mut account = Account::default();
    for event in events {
        account.apply(event.clone());
    }
    account
}

fn too_long(field: &str, length_max: usize) -> AccountRefusal {
    AccountRefusal::TextOutOfRange { field: field.to_owned(), length_max }
}

#[test]
fn a_person_registers_their_own_account() {
    given(vec![])
        .when(issued(AccountCommand::Register(register())))
        .then_expect_events(vec![AccountEvent::Registered(registered())]);
}

#[test]
fn the_staff_and_the_system_register_accounts_for_anybody() {
    let actors =
        [Actor::Operator { name: "key".to_owned() }, Actor::System { name: "import".to_owned() }];
    for actor in actors {
        let origin = api(Some("42"));
        let event = Registered { origin: origin.clone().into(), ..registered() };
        given(vec![])
            .when(Issued { actor, ..issued(from(origin)) })
            .then_expect_events(vec![AccountEvent::Registered(event)]);
    }
}

#[test]
fn nothing_is_done_in_an_unknown_tenant() {
    let nowhere = || Arc::new(TenantFacts { exists: false, ..facts() });
    for command in changes().into_iter().chain([AccountCommand::Register(register())]) {
        for given in [given(vec![]), given_account()] {
            given
                .when(Issued { tenant: nowhere(), ..issued(command.clone()) })
                .then_expect_error(AccountRefusal::TenantUnknown);
        }
    }
}

#[test]
fn a_customer_touches_no_account_but_their_own() {
    for command in changes().into_iter().chain([AccountCommand::Register(register())]) {
        for given in [given(vec![]), given_account()] {
            let oleg = Actor::Customer { account_id: OLEG };
            given
                .when(Issued { actor: oleg, ..issued(command.clone()) })
                .then_expect_error(AccountRefusal::NotAllowed);
        }
    }
}

#[test]
fn an_account_that_was_never_registered_is_not_changed() {
    for command in changes() {
        given(vec![]).when(issued(command)).then_expect_error(AccountRefusal::AccountUnknown);
    }
}

#[test]
fn a_second_start_changes_nothing() {
    given_account().when(issued(AccountCommand::Register(register()))).then_expect_events(vec![]);
}

#[test]
fn a_person_is_the_same_in_another_bot_and_under_another_name() {
    for origin in [telegram("second_bot", 1001, Some("anna")), telegram("demo", 1001, None)] {
        given_account().when(issued(from(origin))).then_expect_events(vec![]);
    }
}

#[test]
fn an_account_of_another_person_is_not_registered_over() {
    for origin in [telegram("demo", 1002, Some("anna")), api(None), api(Some("1001"))] {
        given_account().when(issued(from(origin))).then_expect_error(AccountRefusal::AccountExists);
    }
}

#[test]
fn an_account_of_a_program_is_recognised_by_its_own_number() {
    let given_42 = || {
        let origin = api(Some("42")).into();
        given(vec![AccountEvent::Registered(Registered { origin, ..registered() })])
    };
    given_42().when(issued(from(api(Some(" 42 "))))).then_expect_events(vec![]);
    for origin in [api(Some("43")), api(None), telegram("demo", 42, None)] {
        given_42().when(issued(from(origin))).then_expect_error(AccountRefusal::AccountExists);
    }
}

#[test]
fn the_texts_of_an_origin_stay_within_their_bounds() {
    let long = |length| "Ж".repeat(length);
    for (origin, wrong) in [
        (telegram(&long(40), 1, None), None),
        (telegram(&long(41), 1, None), Some(too_long("bot", 40))),
        (telegram("", 1, None), Some(too_long("bot", 40))),
        (telegram("demo", 1, Some(&long(64))), None),
        (telegram("demo", 1, Some(&long(65))), Some(too_long("username", 64))),
        (telegram("demo", 1, Some("a\u{0}b")), Some(too_long("username", 64))),
        (api(Some(&long(80))), None),
        (api(Some(&long(81))), Some(too_long("external_id", 80))),
        (api(Some(" ")), Some(too_long("external_id", 80))),
    ] {
        let result = given(vec![]).when(issued(from(origin))).inspect_result();
        assert_eq!(result.err(), wrong);
    }
}

#[test]
fn a_name_changes_once() {
    let renamed = || {
        AccountEvent::Renamed(Renamed { display_name: "Анна Иванова".parse().unwrap() })
    };
    given_account().when(issued(rename("Анна Иванова"))).then_expect_events(vec![renamed()]);
    given_account()
        .and(vec![renamed()])
        .when(issued(rename("Анна Иванова")))
        .then_expect_events(vec![]);
    given_account().when(issued(rename("Анна Петрова"))).then_expect_events(vec![]);
}

#[test]
fn a_language_changes_once() {
    let changed = || AccountEvent::LanguageChanged(LanguageChanged { language: Language::En });
    given_account().when(issued(language(Language::En))).then_expect_events(vec![changed()]);
    given_account()
        .and(vec![changed()])
        .when(issued(language(Language::En)))
        .then_expect_events(vec![]);
    given_account().when(issued(language(Language::Ru))).then_expect_events(vec![]);
}

#[test]
fn a_phone_is_set_and_removed() {
    let changed = |phone: Option<&str>| {
        let phone = phone.map(|text| text.parse().unwrap());
        AccountEvent::PhoneChanged(PhoneChanged { phone })
    };
    let number = Some("+79161234567");
    given_account().when(issued(phone(number))).then_expect_events(vec![changed(number)]);
    given_account().when(issued(phone(None))).then_expect_events(vec![]);
    let with_phone = || given_account().and(vec![changed(number)]);
    with_phone().when(issued(phone(number))).then_expect_events(vec![]);
    with_phone().when(issued(phone(None))).then_expect_events(vec![changed(None)]);
}

#[test]
fn consent_is_given_once_per_version_of_the_text() {
    given_account()
        .when(issued(consent(" 2026-11 ")))
        .then_expect_events(vec![consented("2026-11")]);
    let agreed = || given_account().and(vec![consented("2026-11")]);
    agreed().when(issued(consent("2026-11"))).then_expect_events(vec![]);
    agreed().when(issued(consent("2027-01"))).then_expect_events(vec![consented("2027-01")]);
}

#[test]
fn consent_is_withdrawn_once_and_can_be_given_again() {
    let withdrawn = || AccountEvent::ConsentWithdrawn(ConsentWithdrawn {});
    given_account().when(issued(withdraw())).then_expect_events(vec![]);
    let agreed = || given_account().and(vec![consented("2026-11")]);
    agreed().when(issued(withdraw())).then_expect_events(vec![withdrawn()]);
    let left = || agreed().and(vec![withdrawn()]);
    left().when(issued(withdraw())).then_expect_events(vec![]);
    left().when(issued(consent("2026-11"))).then_expect_events(vec![consented("2026-11")]);
}

#[test]
fn the_version_of_a_text_has_one_to_twenty_characters() {
    let longest = "Ж".repeat(20);
    given_account().when(issued(consent(&longest))).then_expect_events(vec![consented(&longest)]);
    for version in ["", "  ", "a\nb", "Ж".repeat(21).as_str(), "x".repeat(1_000_000).as_str()] {
        given_account()
            .when(issued(consent(version)))
            .then_expect_error(too_long("document_version", 20));
    }
}

#[test]
fn a_bot_is_blocked_and_unblocked_once() {
    given_account().when(issued(unblock("demo"))).then_expect_events(vec![]);
    given_account().when(issued(block(" demo "))).then_expect_events(vec![blocked("demo")]);
    let blocked_one = || given_account().and(vec![blocked("demo")]);
    blocked_one().when(issued(block("demo"))).then_expect_events(vec![]);
    blocked_one().when(issued(block("second"))).then_expect_events(vec![blocked("second")]);
    blocked_one().when(issued(unblock("second"))).then_expect_events(vec![]);
    blocked_one().when(issued(unblock("demo"))).then_expect_events(vec![unblocked("demo")]);
    let free_again = || blocked_one().and(vec![unblocked("demo")]);
    free_again().when(issued(unblock("demo"))).then_expect_events(vec![]);
    free_again().when(issued(block("demo"))).then_expect_events(vec![blocked("demo")]);
}

#[test]
fn the_name_of_a_bot_has_one_to_forty_characters() {
    let longest = "b".repeat(40);
    given_account().when(issued(block(&longest))).then_expect_events(vec![blocked(&longest)]);
    for bot in ["", " ", "a\u{0}b", "b".repeat(41).as_str()] {
        for command in [block(bot), unblock(bot)] {
            given_account().when(issued(command)).then_expect_error(too_long("bot", 40));
        }
    }
}

#[test]
fn an_account_remembers_twenty_blocked_bots() {
    let names: Vec<String> = (0..20).map(|number| format!("bot_{number}")).collect();
    let full = || given_account().and(names.iter().map(|name| blocked(name)).collect());
    full()
        .when(issued(block("one_more")))
        .then_expect_error(AccountRefusal::TooManyBots { bots_max: 20 });
    full().when(issued(block("bot_7"))).then_expect_events(vec![]);
    full()
        .and(vec![unblocked("bot_7")])
        .when(issued(block("one_more")))
        .then_expect_events(vec![blocked("one_more")]);
}

#[test]
fn the_account_of_a_telegram_user_is_the_same_in_all_bots_of_one_tenant() {
    let tenant = facts().id;
    let other = "other".parse().unwrap();
    let id = telegram_account_id(&tenant, 1001);
    assert_eq!(id, telegram_account_id(&tenant, 1001));
    assert_ne!(id, telegram_account_id(&tenant, 1002));
    assert_ne!(id, telegram_account_id(&other, 1001));
    assert_eq!(id.to_string(), "0d0083d6-7fff-5ae0-b4b3-b42c48ee1ad9");
    assert_ne!(telegram_account_id(&tenant, i64::MIN), telegram_account_id(&tenant, i64::MAX));
}

#[test]
fn handling_writes_what_was_decided_and_leaves_the_state_that_replay_gives() {
    let before = [AccountEvent::Registered(registered()), blocked("demo"), consented("2026-11")];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for command in changes() {
        let mut account = state(&before);
        let decided = account.decide(issued(command.clone())).unwrap();
        let sink = EventSink::default();
        runtime.block_on(account.handle(issued(command), &(), &sink)).unwrap();
        let written = runtime.block_on(sink.collect());
        assert_eq!(written, decided);
        assert_eq!(account, state(&[before.to_vec(), written].concat()));
    }
}

#[test]
fn a_change_of_an_account_that_was_never_registered_is_passed_over() {
    assert_eq!(state(&[consented("2026-11"), blocked("demo")]), Account::default());
}
