//! Erasing a person.

use super::*;
use crate::{EventBody, Personal};

fn erase(ground: ErasureGround) -> AccountCommand {
    AccountCommand::Erase(Erase { ground })
}

fn erased() -> AccountEvent {
    AccountEvent::Erased(Erased { ground: ErasureGround::PersonAsked })
}

/// What remains of a registration when its person's key is gone.
fn redacted() -> AccountEvent {
    let payload = r#"{"display_name":{"$redacted":true},"language":"ru","origin":{"$redacted":true},"phone":{"$redacted":true}}"#;
    AccountEvent::from_wire("account.registered", 1, payload).unwrap()
}

#[test]
fn a_person_is_erased_once_by_themselves_or_by_the_staff() {
    for actor in [
        Actor::Customer { account_id: ANNA },
        Actor::Operator { name: "desk".to_owned() },
        Actor::System { name: "cli".to_owned() },
    ] {
        let command = || erase(ErasureGround::PersonAsked);
        given_account()
            .when(Issued { actor: actor.clone(), ..issued(command()) })
            .then_expect_events(vec![erased()]);
        given_account()
            .and(vec![erased()])
            .when(Issued { actor, ..issued(command()) })
            .then_expect_events(vec![]);
    }
}

#[test]
fn nobody_erases_another_person_or_one_who_is_not_there() {
    let command = || issued(erase(ErasureGround::PersonAsked));
    let oleg = Actor::Customer { account_id: OLEG };
    given_account()
        .when(Issued { actor: oleg, ..command() })
        .then_expect_error(AccountRefusal::NotAllowed);
    given(vec![]).when(command()).then_expect_error(AccountRefusal::AccountUnknown);
}

#[test]
fn after_an_erasure_everything_is_refused() {
    for command in changes().into_iter().chain([AccountCommand::Register(register())]) {
        given_account()
            .and(vec![erased()])
            .when(issued(command))
            .then_expect_error(AccountRefusal::AccountErased);
    }
}

#[test]
fn nothing_of_the_person_stays_in_memory() {
    let account = state(&[AccountEvent::Registered(registered()), erased()]);
    assert_eq!(account, Account { holder: None, erased: true });
    assert_eq!(account, state(&[redacted(), erased()]));
}

#[test]
fn an_event_without_its_person_reads_as_one() {
    let AccountEvent::Registered(registered) = redacted() else { panic!("no registration") };
    assert_eq!(registered.display_name, Personal::Redacted);
    assert_eq!(registered.origin, Personal::Redacted);
    assert_eq!(registered.phone, Some(Personal::Redacted));
    assert_eq!(registered.language, Language::Ru);
    // Whose key was lost before the erasure was recorded is nobody that can be recognised.
    given(vec![redacted()])
        .when(issued(AccountCommand::Register(register())))
        .then_expect_error(AccountRefusal::AccountExists);
}

#[test]
fn a_person_who_comes_back_gets_an_account_that_says_nothing_about_the_first() {
    let tenant = "demo_utility".parse().unwrap();
    let first = telegram_account_id(&tenant, 1001);
    let second = account_id_after(first);
    assert_ne!(second, first);
    assert_eq!(second, account_id_after(first));
    assert_ne!(account_id_after(second), first);
}

#[test]
fn every_text_about_a_person_is_declared_personal() {
    let fields: Vec<(&str, &[&str])> = [
        AccountEvent::Registered(registered()),
        AccountEvent::Renamed(Renamed { display_name: "Анна".parse().unwrap() }),
        AccountEvent::LanguageChanged(LanguageChanged { language: Language::En }),
        AccountEvent::PhoneChanged(PhoneChanged { phone: None }),
        consented("2026-11"),
        AccountEvent::ConsentWithdrawn(ConsentWithdrawn {}),
        blocked("demo"),
        unblocked("demo"),
        erased(),
    ]
    .iter()
    .map(|event| (event.wire_type(), event.personal_fields()))
    .filter(|(_, fields)| !fields.is_empty())
    .collect();
    assert_eq!(
        fields,
        [
            ("account.registered", &["/display_name", "/origin", "/phone"][..]),
            ("account.renamed", &["/display_name"]),
            ("account.phone_changed", &["/phone"]),
        ]
    );
    assert_eq!(state(&[AccountEvent::Registered(registered())]).subject(ANNA), Some(ANNA));
}
