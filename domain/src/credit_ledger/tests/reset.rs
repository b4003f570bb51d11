//! Customers who begin anew, in a tenant that is there for tests.

use super::*;

type C = CreditLedgerCommand;
type No = CreditLedgerRefusal;

const RESET: C = C::Reset(Reset {});
const TUTORIAL: C = C::ClaimTutorialBonus(ClaimTutorialBonus {});

#[test]
fn whoever_begins_anew_has_the_welcome_and_what_was_paid_for() {
    let mut desk = Desk::opened();
    desk.rules.test_switch = true;
    desk.rules.low_credits = 5;
    desk.ask(1, TUTORIAL).unwrap();
    desk.ask(2, purchase(1, 10, 100)).unwrap();
    desk.ask(3, spend(2, 2)).unwrap();
    desk.ask(4, C::Hold(Hold { hold_id: id(3), messages: 1 })).unwrap();
    // The held credit comes back, two gifts are taken back, and the welcome is given again.
    assert_eq!(desk.ask(5, RESET), Ok(5));
    assert_eq!((desk.balance(5), desk.ledger.held()), (13, 0));
    assert_eq!(desk.ask(6, TUTORIAL), Ok(1));
    assert_eq!(desk.ask(7, TUTORIAL), Ok(0));
    assert_eq!(desk.ask(8, RESET), Ok(4));
    assert_eq!(desk.balance(8), 13);
    let mut again = CreditLedger::default();
    for event in &desk.events {
        cqrs_es::Aggregate::apply(&mut again, event.clone());
    }
    assert_eq!(again, desk.ledger);
}

#[test]
fn nobody_is_warned_for_beginning_anew_and_everybody_again_after_it() {
    let mut desk = Desk::opened();
    (desk.rules.test_switch, desk.rules.low_credits) = (true, 5);
    let is_low = |desk: &Desk| matches!(desk.events.last(), Some(CreditLedgerEvent::Low(_)));
    desk.ask(1, TUTORIAL).unwrap();
    desk.ask(2, RESET).unwrap();
    assert!(!is_low(&desk));
    desk.ask(3, spend(1, 1)).unwrap();
    assert!(is_low(&desk));
}

#[test]
fn without_the_test_switch_nobody_begins_anew() {
    let mut desk = Desk::opened();
    assert_eq!(desk.ask(1, RESET), Err(No::TestSwitchOff));
    desk.rules.test_switch = true;
    let by = |account_id| {
        let mut issued = Desk::issued(1, RESET);
        let facts = TenantFacts { credit_rules: desk.rules.clone(), ..(*issued.tenant).clone() };
        (issued.tenant, issued.actor) = (Arc::new(facts), Actor::Customer { account_id });
        desk.ledger.decide(issued).map(|events| events.len())
    };
    assert_eq!((by(ANNA), by(id(7))), (Ok(3), Err(No::NotAllowed)));
}
