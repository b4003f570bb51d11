//! The ledger of the house: what belongs to no customer.

use super::{
    replay::{Booked, Replay, RulesThen},
    *,
};
use crate::TenantId;

fn demo() -> TenantId {
    "demo".parse().unwrap()
}

/// The ledger of the house with its bookings, and the command behind each.
#[derive(Default)]
struct House {
    ledger: CreditLedger,
    booked: Vec<Booked>,
}

impl House {
    fn ask(
        &mut self,
        minutes: i64,
        command: CreditLedgerCommand,
    ) -> Result<usize, CreditLedgerRefusal> {
        // The tenant deals with no credits, and has fees all the same.
        let issued = Issued { id: house_ledger_id(&demo()), ..Desk::issued(minutes, command) };
        let events = self.ledger.decide(issued)?;
        let command_id = Uuid::from_u128(self.booked.len() as u128);
        for event in &events {
            cqrs_es::Aggregate::apply(&mut self.ledger, event.clone());
            let version = self.ledger.chain_end().length;
            let event = event.clone();
            self.booked.push(Booked { version, command_id, actor: staff(), event });
        }
        Ok(events.len())
    }
}

fn adjust(number: u128, postings: Vec<Posting>) -> CreditLedgerCommand {
    CreditLedgerCommand::Adjust(Adjust {
        adjustment_id: id(number),
        cause: AdjustmentCause::Statement,
        about: id(700),
        effective_at: start() - Duration::days(2),
        postings,
    })
}

fn fee(amount_minor: i64) -> Posting {
    Posting {
        debit: BookAccount::ProviderFees,
        credit: BookAccount::ClearingStripe,
        amount: usd(amount_minor),
    }
}

#[test]
fn fees_and_payouts_are_booked_once_and_hold_from_their_day() {
    let mut house = House::default();
    let payout = Posting { debit: BookAccount::InTransit, ..fee(455) };
    // The first booking opens the ledger, with nothing given.
    assert_eq!(house.ask(5, adjust(1, vec![fee(45), payout])), Ok(2));
    assert_eq!(house.ask(6, adjust(1, vec![fee(45), payout])), Ok(0));
    let event = &house.booked[1].event;
    let entries = &event.booking().entries;
    assert_eq!(entries.iter().map(|entry| entry.amount).collect::<Vec<_>>(), [45, -45, 455, -455]);
    assert_eq!(event.effective_at(), start() - Duration::days(2));
    // It is never known before it happens.
    let CreditLedgerCommand::Adjust(mut early) = adjust(2, vec![fee(1)]) else { panic!() };
    early.effective_at = start() + Duration::days(9);
    house.ask(7, CreditLedgerCommand::Adjust(early)).unwrap();
    assert_eq!(house.booked[2].event.effective_at(), start() + Duration::minutes(7));
}

#[test]
fn every_booking_of_the_house_is_decided_anew() {
    let mut house = House::default();
    for number in 1..4 {
        house.ask(5, adjust(number, vec![fee(45)])).unwrap();
    }
    let facts = Tenant::default().facts(demo());
    let rules: RulesThen = [Arc::new(TenantFacts { exists: true, ..facts })].into_iter().collect();
    let mut replay = Replay::new(house_ledger_id(&demo()));
    for booked in house.booked {
        replay.take(booked, &rules).unwrap();
    }
    replay.finish().unwrap();
    assert_eq!(replay.end(), house.ledger.chain_end());
}

#[test]
fn a_customers_ledger_is_not_adjusted_and_customers_accounts_are_not_touched() {
    let mut desk = Desk::opened();
    let expected = house_ledger_id(&demo());
    let refused = desk.ask(1, adjust(1, vec![fee(1)]));
    assert_eq!(refused, Err(CreditLedgerRefusal::IdMismatch { expected }));
    let mut house = House::default();
    for wrong in [
        Posting { debit: BookAccount::DeferredRevenue, ..fee(1) },
        Posting { credit: BookAccount::IncomeMessages, ..fee(1) },
        Posting { credit: BookAccount::PaidCredits, ..fee(1) },
        Posting { credit: BookAccount::ProviderFees, ..fee(1) },
    ] {
        let refused = house.ask(1, adjust(1, vec![wrong]));
        assert_eq!(refused, Err(CreditLedgerRefusal::AccountsNotAdjustable));
    }
    for (postings, name) in [
        (vec![], "postings"),
        (vec![fee(1); 37], "postings"),
        (vec![fee(0)], "amount_minor"),
        (vec![fee(-1)], "amount_minor"),
        (vec![fee(i64::MAX)], "amount_minor"),
    ] {
        match house.ask(1, adjust(1, postings)) {
            Err(CreditLedgerRefusal::OutOfRange { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(house.booked.is_empty(), "what is refused opens nothing");
    let open = CreditLedgerCommand::Open(Open { account_id: house_account_id(&demo()) });
    assert_eq!((house.ask(1, open.clone()), house.ask(2, open)), (Ok(1), Ok(0)));
}
