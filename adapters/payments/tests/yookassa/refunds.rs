//! Money that goes back: late, in vain, and by the hand of somebody in YooKassa's cabinet.

use kontor_domain::payment::{RefundStanding, Standing};
use reqwest::Method;
use serde_json::json;

use crate::around::until;
use crate::world::{PRICE_MINOR, World, settings, sweeping};

#[tokio::test]
async fn a_refund_that_takes_its_time_is_asked_for_until_it_is_paid() {
    let world = World::new(settings()).await;
    let page = world.bought().await;
    world.steer(Method::PUT, "refunds", json!({ "mood": "later" })).await;
    world.weather("drop_update", "refund.succeeded", 1).await;
    world.refund(&page).await;
    world.until_refund(page.payment_id, RefundStanding::Refunded).await;
    world.until_clearing(0).await;
    world.until_available(page.account_id, 3).await;
}

#[tokio::test]
async fn a_refund_that_yookassa_cancels_is_failed_although_nobody_says_so() {
    let world = World::new(settings()).await;
    let page = world.bought().await;
    world.steer(Method::PUT, "refunds", json!({ "mood": "canceled_later" })).await;
    world.refund(&page).await;
    let row = world.until_refund(page.payment_id, RefundStanding::Failed).await;
    assert_eq!(row.refunds[0].failure.as_deref(), Some("insufficient_funds"));
    world.until_clearing(PRICE_MINOR).await;
    world.until_available(page.account_id, 28).await;
    // It can be asked for again.
    world.steer(Method::PUT, "refunds", json!({ "mood": "at_once" })).await;
    world.refund(&page).await;
    world.until_refund(page.payment_id, RefundStanding::Refunded).await;
    world.until_clearing(0).await;
}

#[tokio::test]
async fn a_refund_in_the_cabinet_is_followed_by_the_ledger() {
    for is_lost in [false, true] {
        let world = World::new(sweeping()).await;
        let page = world.bought().await;
        if is_lost {
            world.weather("drop_update", "refund.succeeded", 1).await;
        }
        let amount = json!({ "value": "229.00", "currency": "RUB" });
        let body = json!({ "payment_id": page.charge, "amount": amount });
        world.in_cabinet(false, "refunds", body).await;
        world.until_refund(page.payment_id, RefundStanding::Refunded).await;
        world.until_clearing(0).await;
        world.settled().await;
        assert_eq!(world.payment(page.payment_id).await.refunds.len(), 1);
    }
}

#[tokio::test]
async fn a_part_in_the_cabinet_reaches_the_books_and_the_rest_goes_back_from_here() {
    let world = World::new(settings()).await;
    let page = world.bought().await;
    let amount = json!({ "value": "29.00", "currency": "RUB" });
    let body = json!({ "payment_id": page.charge, "amount": amount });
    world.in_cabinet(false, "refunds", body).await;
    // 3 of 25 credits for 29 of 229 roubles.
    world.until_clearing(PRICE_MINOR - 2900).await;
    world.until_available(page.account_id, 25).await;
    world.refund(&page).await;
    world.until_clearing(0).await;
    world.until_available(page.account_id, 3).await;
    world.settled().await;
    let row = world.payment(page.payment_id).await;
    assert_eq!((row.refunds.len(), row.contradictions, row.left_minor()), (2, 0, 0));
}

#[tokio::test]
async fn refunds_that_have_to_wait_hold_up_no_other() {
    let world = World::new(settings()).await;
    let mut pages = Vec::new();
    // As many as one round takes, and one behind them.
    for _ in 0..=20 {
        let page = world.page().await;
        world.pay(&page.charge, &[("card", "0")]).await;
        world.until_standing(page.payment_id, Standing::Succeeded).await;
        pages.push(page);
    }
    let last = pages.pop().unwrap();
    world.weather("forbidden", "create_refund", 1_000).await;
    for page in &pages {
        world.refund(page).await;
    }
    until("all of them were tried in vain", || async {
        (world.count("payment_refund_calls where attempts > 0").await == 20).then_some(())
    })
    .await;
    let later = "update payment_refund_calls set next_at = clock_timestamp() + interval '1 hour'";
    sqlx::query(later).execute(&world.pool).await.unwrap();
    world.steer(Method::DELETE, "faults", json!({})).await;
    world.refund(&last).await;
    world.until_refund(last.payment_id, RefundStanding::Refunded).await;
}
