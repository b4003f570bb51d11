//! Balances, history and journal of credit ledgers.

use kontor_domain::credit_ledger::{
    CorrectionReason, CreditLedgerCommand as Command, Hold, ReverseSpend, Spend, credit_ledger_id,
};
use kontor_projections::{
    PageRequest,
    credits::{self, Credits},
};

use crate::support::{self, Places, World, id, purchase, tenant, till};

/// A ledger with 3 credits of welcome, 10 bought, 4 spent of which 1 was given back, and 2 held.
fn life(account: &str) -> till::Till {
    let mut till = till::Till::open(id(account));
    till.ask(purchase(account, 10, 999));
    till.ask(Command::Spend(Spend { spend_id: id("spend"), messages: 4 }));
    till.ask(Command::ReverseSpend(ReverseSpend {
        reversal_id: id("reversal"),
        spend_id: id("spend"),
        credits: Some(1),
        reason: CorrectionReason::NotDelivered,
    }));
    till.ask(Command::Hold(Hold { hold_id: id("hold"), messages: 2 }));
    till
}

#[tokio::test]
async fn a_balance_counts_what_is_available_held_and_spent() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let ledger = credit_ledger_id(id("anna"));
    let events = life("anna").events;
    let page: Vec<_> = events.iter().map(|fact| places.record(&slug, ledger, fact)).collect();
    for event in &page {
        world.apply(&Credits, std::slice::from_ref(event)).await;
    }

    let row = credits::find(&world.pool, &slug, ledger).await.unwrap().unwrap();
    assert_eq!(row.account_id, id("anna"));
    assert_eq!((row.available, row.held, row.owed, row.spent), (8, 2, 0, 3));
    assert_eq!((row.messages, row.version, row.created_position), (4, 6, 1));
    assert_eq!(row.head, events.last().unwrap().booking().head.to_string());
    assert_eq!(credits::find(&world.pool, &tenant("other"), ledger).await.unwrap(), None);
}

#[tokio::test]
async fn the_history_tells_each_fact_with_the_balance_after_it() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let ledger = credit_ledger_id(id("anna"));
    let facts = life("anna").events;
    let page: Vec<_> = facts.iter().map(|fact| places.record(&slug, ledger, fact)).collect();
    world.apply(&Credits, &page).await;

    let first = credits::history(&world.pool, &slug, ledger, &PageRequest::first(4)).await.unwrap();
    let rest = PageRequest { after: first.next, limit: 4 };
    let rest = credits::history(&world.pool, &slug, ledger, &rest).await.unwrap();
    assert_eq!(rest.next, None);
    let told = first.items.iter().chain(&rest.items);
    let told: Vec<_> =
        told.map(|row| (row.kind.as_str(), row.subject_id, row.credits, row.available)).collect();
    let welcome = rest.items[0].subject_id;
    assert!(welcome.is_some());
    assert_eq!(
        told,
        [
            ("held", Some(id("hold")), -2, 8),
            ("spend_reversed", Some(id("reversal")), 1, 10),
            ("spent", Some(id("spend")), -4, 9),
            ("granted", Some(id("grant anna")), 10, 13),
            ("granted", welcome, 3, 3),
            ("opened", None, 0, 0),
        ]
    );
    let other = tenant("other");
    let hidden = credits::history(&world.pool, &other, ledger, &PageRequest::first(4)).await;
    assert!(hidden.unwrap().items.is_empty());
}

#[tokio::test]
async fn the_journal_balances_in_every_unit_and_is_paged_line_by_line() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let mut lines = 0;
    for account in ["anna", "oleg"] {
        let ledger = credit_ledger_id(id(account));
        let facts = life(account).events;
        lines += facts.iter().map(|fact| fact.booking().entries.len()).sum::<usize>();
        let page: Vec<_> = facts.iter().map(|fact| places.record(&slug, ledger, fact)).collect();
        world.apply(&Credits, &page).await;
    }
    let ledger = credit_ledger_id(id("anna"));
    let mut seen = Vec::new();
    let mut page = PageRequest::first(3);
    loop {
        let cut = credits::entries(&world.pool, &slug, ledger, &page).await.unwrap();
        seen.extend(cut.items);
        if cut.next.is_none() {
            break;
        }
        page.after = cut.next;
    }
    assert_eq!(seen.len(), lines / 2);
    assert!(seen.windows(2).all(|pair| pair[0].entry < pair[1].entry));
    for unit in ["CR", "USD"] {
        let of_unit = seen.iter().filter(|row| row.unit == unit);
        assert_eq!(of_unit.clone().map(|row| row.amount).sum::<i64>(), 0, "{unit}");
        assert!(of_unit.count() > 3, "{unit}");
    }
    let bought = seen.iter().find(|row| row.account == "liabilities:credits:paid").unwrap();
    assert_eq!((bought.amount, bought.grant_id), (-10, Some(id("grant anna"))));
    let wrong = PageRequest {
        after: credits::history(&world.pool, &slug, ledger, &PageRequest::first(1))
            .await
            .unwrap()
            .next,
        limit: 3,
    };
    assert!(credits::entries(&world.pool, &slug, ledger, &wrong).await.is_err());
}

#[tokio::test]
async fn usage_and_intake_are_told_for_the_card_in_the_chat() {
    let world = World::new().await;
    let mut places = Places::default();
    let slug = tenant("moscow");
    let ledger = credit_ledger_id(id("anna"));
    let facts = life("anna").events;
    let page: Vec<_> = facts.iter().map(|fact| places.record(&slug, ledger, fact)).collect();
    world.apply(&Credits, &page).await;

    let intake = credits::intake(&world.pool, &slug, ledger).await.unwrap();
    assert_eq!((intake.bought, intake.given, intake.last_purchase), (10, 3, Some(10)));
    let since = support::instant();
    let usage = credits::usage(&world.pool, &slug, ledger, since).await.unwrap();
    assert_eq!(
        (usage.spent, usage.messages),
        (5, 4),
        "what is held counts, what came back does not"
    );
    assert_eq!(usage.opened_at, Some(facts[0].booking().at));
    let later = since + chrono::Duration::days(30);
    let usage = credits::usage(&world.pool, &slug, ledger, later).await.unwrap();
    assert_eq!((usage.spent, usage.messages), (0, 0));

    let other = tenant("other");
    let hidden = credits::intake(&world.pool, &other, ledger).await.unwrap();
    assert_eq!(hidden, credits::Intake::default());
    let hidden = credits::usage(&world.pool, &other, ledger, since).await.unwrap();
    assert_eq!(hidden, credits::Usage::default());
}
