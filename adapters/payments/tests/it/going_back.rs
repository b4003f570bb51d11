//! Refunds and disputes: what goes back leaves the books with what Stripe has.

use kontor_domain::{credit_ledger::DisputeOutcome, payment::RefundStanding};
use serde_json::json;

use crate::world::{World, until};

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_found_and_never_paid_twice() {
    let world = World::open().await;
    let payment_id = world.buy().await;
    let create = "stripe.refunds.create";
    world.weather(json!({"kind": "server_error", "method": create, "count": 1})).await;
    world.weather(json!({"kind": "server_error_after_effect", "method": create, "count": 1})).await;
    world.weather(json!({"kind": "duplicate_update", "method": "stripe.*", "count": 20})).await;
    world.refund(payment_id).await;
    let row = world
        .until_payment(payment_id, "it was paid back", |row| {
            row.refunds.iter().any(|it| it.standing == RefundStanding::Refunded)
        })
        .await;
    world.until_clearing(0).await;
    world.until_available(3).await;
    world.settled().await;
    let refunds = world.objects("refunds").await;
    assert_eq!((refunds.len(), row.refunds.len()), (1, 1));
    let id = row.refunds[0].refund_id.to_string();
    assert_eq!(refunds[0]["metadata"]["refund_id"], id.as_str());

    // Days later the bank sends the money back: the customer has what they paid for again.
    let refund = refunds[0]["id"].as_str().unwrap();
    world.at_stripe(&format!("refunds/{refund}/fail"), json!({})).await;
    let row = world
        .until_payment(payment_id, "the refund failed", |row| {
            row.refunds.iter().all(|it| it.standing == RefundStanding::Failed)
        })
        .await;
    assert_eq!(row.refunds[0].failure.as_deref(), Some("lost_or_stolen_card"));
    world.until_clearing(499).await;
    world.until_available(33).await;
}

#[tokio::test]
async fn parts_go_back_from_here_and_from_the_dashboard_and_the_books_follow() {
    let world = World::open().await;
    let payment_id = world.buy().await;
    let paid_back = |count: usize| {
        move |row: &kontor_projections::payments::PaymentRow| {
            let paid = row.refunds.iter().filter(|it| it.standing == RefundStanding::Refunded);
            paid.count() == count
        }
    };
    world.weather(json!({"kind": "duplicate_update", "method": "stripe.*", "count": 20})).await;
    // 10 of 30 credits for 4.99; the answer is lost, and nothing is paid twice.
    let create = "stripe.refunds.create";
    world.weather(json!({"kind": "server_error_after_effect", "method": create, "count": 1})).await;
    world.refund_credits(payment_id, 10).await;
    world.until_payment(payment_id, "a part was paid back", paid_back(1)).await;
    world.until_clearing(499 - 166).await;
    world.until_available(23).await;
    // A part that somebody pays back in the Dashboard: 6 credits for 1.00.
    let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
    world.at_stripe(&format!("intents/{intent}/refund"), json!({"amount": 100})).await;
    world.until_payment(payment_id, "the other is known", paid_back(2)).await;
    world.until_clearing(233).await;
    world.until_available(17).await;
    // And what is left of it.
    world.refund(payment_id).await;
    let row = world.until_payment(payment_id, "all of it is back", paid_back(3)).await;
    world.until_clearing(0).await;
    world.until_available(3).await;
    world.settled().await;
    let mut amounts: Vec<i64> = row.refunds.iter().map(|it| it.amount.amount_minor).collect();
    amounts.sort_unstable();
    assert_eq!((amounts, row.contradictions, row.left_minor()), (vec![100, 166, 233], 0, 0));
    assert_eq!(world.objects("refunds").await.len(), 3);
    assert_eq!(world.balance().await, (3, 0));
}

#[tokio::test]
async fn the_last_part_of_a_used_purchase_closes_it_like_the_whole() {
    let world = World::open().await;
    world.buy().await;
    world.spend(13).await;
    let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
    world.at_stripe(&format!("intents/{intent}/refund"), json!({"amount": 100})).await;
    world.until_clearing(399).await;
    world.until_available(14).await;
    assert_eq!(world.balance().await, (14, 0), "nobody owes for a part");
    world.at_stripe(&format!("intents/{intent}/refund"), json!({"amount": 399})).await;
    world.until_clearing(0).await;
    world.settled().await;
    // Three of the welcome went first; ten of what was bought are owed.
    assert_eq!(world.balance().await, (0, 10));
}

#[tokio::test]
async fn a_dispute_that_is_lost_takes_the_money_and_one_that_is_won_gives_it_back() {
    for won in [true, false] {
        let world = World::open().await;
        let payment_id = world.buy().await;
        world.spend(13).await;
        let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
        let storm = json!({"kind": "reorder_updates", "method": "stripe.charge.dispute.created",
            "count": 1});
        world.weather(storm).await;
        let dispute = world.at_stripe(&format!("intents/{intent}/dispute"), json!({})).await;
        let dispute = dispute["id"].as_str().unwrap();
        let is_open = |row: &kontor_projections::payments::PaymentRow| row.disputes.len() == 1;
        world.until_payment(payment_id, "the dispute is known", is_open).await;
        world.at_stripe(&format!("disputes/{dispute}/close"), json!({"won": won})).await;
        let row = world
            .until_payment(payment_id, "the dispute is over", |row| {
                row.disputes.iter().all(|it| it.outcome.is_some())
            })
            .await;
        let outcome = if won { DisputeOutcome::Won } else { DisputeOutcome::Lost };
        assert_eq!(row.disputes[0].outcome, Some(outcome));
        world.until_clearing(if won { 499 } else { 0 }).await;
        world.settled().await;
        // Three of the welcome went first; ten of what was bought are owed when it is lost.
        let expected = if won { (20, 0) } else { (0, 10) };
        assert_eq!(world.balance().await, expected, "won: {won}");
    }
}

#[tokio::test]
async fn a_refusal_after_a_call_whose_answer_was_lost_is_believed_only_much_later() {
    let world = World::open().await;
    let payment_id = world.buy().await;
    // A part of the price is gone and nobody here knows it yet, so that every call for all of it that is
    // answered is refused.
    world.weather(json!({"kind": "drop_update", "method": "stripe.*", "count": 100})).await;
    let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
    world.at_stripe(&format!("intents/{intent}/refund"), json!({"amount": 100})).await;
    let create = "stripe.refunds.create";
    world.weather(json!({"kind": "server_error", "method": create, "count": 1})).await;
    world.refund(payment_id).await;
    until("it was asked for more than once", || async {
        let query = "select attempts from payment_refund_calls where payment_id = $1";
        let attempts: Option<i32> =
            sqlx::query_scalar(query).bind(payment_id).fetch_optional(&world.pool).await.unwrap();
        (attempts >= Some(3)).then_some(())
    })
    .await;
    let ours = |row: &kontor_projections::payments::PaymentRow| {
        row.refunds.iter().find(|it| it.amount.amount_minor == 499).cloned().unwrap()
    };
    let row = world.payment(payment_id).await;
    assert_eq!(ours(&row).standing, RefundStanding::Requested);

    let long_ago =
        "update payment_refund_calls set first_sent_at = first_sent_at - interval '2 days'";
    sqlx::query(long_ago).execute(&world.pool).await.unwrap();
    let row = world
        .until_payment(payment_id, "the refund failed", |row| {
            row.refunds.iter().any(|it| it.standing == RefundStanding::Failed)
        })
        .await;
    assert_eq!(ours(&row).failure.as_deref(), Some("parameter_invalid_integer"));
}
