//! What holds for every history of an account.

use proptest::prelude::*;

use super::*;

fn any_command() -> impl Strategy<Value = AccountCommand> {
    let text = || prop_oneof![3 => "[a-c]{1,2}", 1 => "\\PC{0,60}"];
    prop_oneof![
        any::<i64>().prop_map(|user_id| from(telegram("demo", user_id, None))),
        Just(AccountCommand::Register(register())),
        "[а-яa-z]{1,9}".prop_map(|name| rename(&name)),
        any::<bool>().prop_map(|english| language(if english {
            Language::En
        } else {
            Language::Ru
        })),
        proptest::option::of("7[0-9]{10}").prop_map(|number| phone(number.as_deref())),
        text().prop_map(|version| consent(&version)),
        Just(withdraw()),
        text().prop_map(|bot| block(&bot)),
        text().prop_map(|bot| unblock(&bot)),
        Just(AccountCommand::Erase(Erase { ground: ErasureGround::PersonAsked })),
    ]
}

proptest! {
    #[test]
    fn an_accepted_history_replays_to_the_same_state_and_a_repeat_adds_nothing(
        commands in proptest::collection::vec(any_command(), 0..40),
    ) {
        let mut account = Account::default();
        let mut events = vec![];
        for command in commands {
            let Ok(decided) = account.decide(issued(command.clone())) else { continue };
            for event in decided {
                account.apply(event.clone());
                events.push(event);
            }
            prop_assert_eq!(account.decide(issued(command)), Ok(vec![]));
        }
        prop_assert_eq!(&state(&events), &account);
        let json = serde_json::to_string(&account).unwrap();
        prop_assert_eq!(serde_json::from_str::<Account>(&json).unwrap(), account);
    }
}
