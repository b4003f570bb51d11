//! Books that add up and whose hashes are right, and which no command leads to.

use super::{
    chain::{ChainEnd, Head, head_after},
    replay::{Booked, Difference, Replay, RulesThen},
    *,
};

fn facts(rules: &CreditRules) -> Arc<TenantFacts> {
    let facts = Tenant::default().facts("demo".parse().unwrap());
    Arc::new(TenantFacts { exists: true, credit_rules: rules.clone(), ..facts })
}

/// The events of a desk as the log holds them, command by command.
fn booked(desk: &Desk) -> Vec<Booked> {
    let commands = desk.commands.iter().enumerate();
    let ids = commands.flat_map(|(number, count)| std::iter::repeat_n(number as u128, *count));
    let versions = (1..).zip(ids).zip(&desk.events);
    versions
        .map(|((version, id), event)| Booked {
            version,
            command_id: Uuid::from_u128(id),
            actor: staff(),
            event: event.clone(),
        })
        .collect()
}

fn run(history: Vec<Booked>, rules: &[CreditRules]) -> Result<ChainEnd, Difference> {
    let rules: RulesThen = rules.iter().map(facts).collect();
    let mut replay = Replay::new(credit_ledger_id(ANNA));
    for booked in history {
        replay.take(booked, &rules)?;
    }
    replay.finish()?;
    Ok(replay.end())
}

/// Decides everything that a desk booked anew.
pub(super) fn replayed(desk: &Desk, rules: &[CreditRules]) -> Result<ChainEnd, Difference> {
    run(booked(desk), rules)
}

/// Computes all hashes anew, as whoever can rewrite the table would.
fn rechained(mut history: Vec<Booked>) -> Vec<Booked> {
    let mut head = Head::GENESIS;
    for (number, booked) in (1..).zip(&mut history) {
        booked.version = number;
        booked.event.booking_mut().number = number;
        booked.event.booking_mut().head = Head::GENESIS;
        head = head_after(head, &booked.actor, &booked.event).unwrap();
        booked.event.booking_mut().head = head;
    }
    history
}

/// Three credits to begin with, ten bought and five given, three spends, a hold that runs out.
fn life() -> Desk {
    let mut desk = Desk::opened();
    desk.rules.low_credits = 4;
    desk.ask(1, purchase(1, 10, 999)).unwrap();
    let gift = Grant {
        grant_id: id(2),
        source: GrantSource::Gift,
        credits: 5,
        payment: None,
        expires_at: Some(start() + Duration::minutes(90)),
        priority: Some(10),
    };
    desk.ask(2, CreditLedgerCommand::Grant(gift)).unwrap();
    for number in 3..6 {
        desk.ask(i64::try_from(number).unwrap(), spend(number, 2)).unwrap();
    }
    desk.ask(10, CreditLedgerCommand::Hold(Hold { hold_id: id(6), messages: 1 })).unwrap();
    // The hold runs out first, and few credits stay.
    desk.ask(200, spend(7, 8)).unwrap();
    desk
}

#[test]
fn every_command_of_a_life_is_decided_anew() {
    let desk = life();
    assert!(matches!(desk.events.last(), Some(CreditLedgerEvent::Low(_))));
    assert_eq!(replayed(&desk, std::slice::from_ref(&desk.rules)), Ok(desk.ledger.chain_end()));
    let mut reset = desk.clone();
    reset.rules.test_switch = true;
    reset.ask(201, CreditLedgerCommand::Reset(Reset {})).unwrap();
    reset.ask(202, CreditLedgerCommand::ClaimTutorialBonus(ClaimTutorialBonus {})).unwrap();
    reset.ask(203, CreditLedgerCommand::SettleDue(SettleDue {})).unwrap();
    let rules = std::slice::from_ref(&reset.rules);
    assert_eq!(replayed(&reset, rules), Ok(reset.ledger.chain_end()));
}

#[test]
fn forged_books_with_right_hashes_are_named_by_what_the_rules_give() {
    use CreditLedgerEvent as E;
    let desk = life();
    let forged = |change: &dyn Fn(&mut Vec<Booked>)| {
        let mut history = booked(&desk);
        change(&mut history);
        run(rechained(history), std::slice::from_ref(&desk.rules)).unwrap_err()
    };
    let richer = forged(&|history| {
        let E::Granted(welcome) = &mut history[1].event else { panic!("no welcome") };
        welcome.credits = 300;
        welcome.booking.entries.iter_mut().for_each(|entry| entry.amount *= 100);
    });
    assert_eq!((richer.version, richer.what.contains("`open` differs")), (2, true), "{richer}");
    assert!(richer.what.contains("is 300 in the log, the rules give 3"), "{richer}");

    // Paid with a grant whose turn it was not.
    let other_order = forged(&|history| {
        let E::Spent(spent) = &mut history[4].event else { panic!("no spend") };
        spent.slices[0].grant_id = Uuid::new_v5(&credit_ledger_id(ANNA), b"welcome");
        spent.booking.entries.iter_mut().filter(|entry| entry.grant_id.is_some()).for_each(
            |entry| entry.grant_id = Some(Uuid::new_v5(&credit_ledger_id(ANNA), b"welcome")),
        );
    });
    assert_eq!(other_order.version, 5, "{other_order}");
    assert!(other_order.what.contains("`spend` differs"), "{other_order}");

    let unwarned = forged(&|history| drop(history.pop()));
    assert!(unwarned.what.contains("the log has 2 bookings, the rules give 3"), "{unwarned}");
    // A spend that nobody could pay for is no spend.
    let more = forged(&|history| {
        let E::Spent(spent) = &mut history[4].event else { panic!("no spend") };
        spent.messages = 100;
    });
    assert!(more.what.contains("`spend` is refused: "), "{more}");
    let other_actor = forged(&|history| {
        history[2].actor = Actor::Customer { account_id: ANNA };
    });
    assert_eq!(other_actor.version, 3);
    assert!(other_actor.what.contains("`grant` is refused"), "{other_actor}");
    // Twice under one id: the second leads to nothing.
    let twice = forged(&|history| {
        let mut again = history[2].clone();
        again.command_id = Uuid::from_u128(77);
        history.insert(3, again);
    });
    assert!(twice.version == 4 && twice.what == "`grant` leads to nothing", "{twice}");
}

#[test]
fn a_change_of_rules_on_its_way_is_no_difference_and_an_old_one_is() {
    let mut desk = life();
    let before = desk.rules.clone();
    desk.rules.message_cost = 2;
    desk.ask(300, purchase(20, 10, 100)).unwrap();
    desk.ask(301, spend(21, 1)).unwrap();
    let after = desk.rules.clone();
    assert!(replayed(&desk, std::slice::from_ref(&before)).is_err());
    assert_eq!(replayed(&desk, &[before.clone(), after.clone()]), Ok(desk.ledger.chain_end()));
    assert_eq!(replayed(&desk, &[after, before]), Ok(desk.ledger.chain_end()));
    let nobody = replayed(&desk, &[]).unwrap_err();
    assert_eq!(nobody.to_string(), "no rules of its tenant are in the log before it");
}
