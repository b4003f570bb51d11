//! Twice, late, lost, and with answers that never came: one charge, one grant, right books.

use kontor_domain::payment::{RefundStanding, Standing};
use kontor_postgres::checkouts::CheckoutState;
use reqwest::Method;
use serde_json::Value;

use crate::world::{PRICE_MINOR, World, settings, sweeping};

#[tokio::test]
async fn a_storm_leaves_exactly_one_charge_one_grant_and_right_books() {
    let world = World::new(sweeping()).await;
    world.weather("server_error_after_effect", "create_*", 3).await;
    world.weather("server_error", "get_payment", 2).await;
    world.weather("too_many_requests", "list_payments", 1).await;
    world.weather("duplicate_update", "payment.*", 5).await;
    let page = world.page().await;
    let other = world.page().await;
    world.weather("reorder_updates", "payment.*", 1).await;
    // The customer presses twice, on two telephones.
    for _ in 0..2 {
        world.pay(&page.charge, &[("card", "0")]).await;
    }
    world.pay(&other.charge, &[("card", "2")]).await;
    let row = world.until_standing(page.payment_id, Standing::Succeeded).await;
    assert_eq!(row.provider_ref.as_deref(), Some(page.charge.as_str()));
    let declined = world.until_standing(other.payment_id, Standing::Failed).await;
    assert_eq!(declined.failure.as_deref(), Some("insufficient_funds"));
    assert_eq!(world.page_state(&other).await, CheckoutState::Over, "a new page is needed");
    world.until_available(page.account_id, 28).await;
    world.settled().await;
    // Whatever comes late changes nothing.
    for event in ["payment.succeeded", "payment.waiting_for_capture", "payment.succeeded"] {
        assert_eq!(world.notify(event, &page.charge).await.as_u16(), 200);
    }
    world.settled().await;
    let state = world.state().await;
    assert_eq!((&state["charges"], state["payments"].as_array().unwrap().len()), (&1.into(), 2));
    assert_eq!(world.grants().await, 1);
    world.until_clearing(PRICE_MINOR).await;

    world.weather("server_error_after_effect", "create_refund", 1).await;
    world.weather("duplicate_update", "refund.succeeded", 1).await;
    world.refund(&page).await;
    world.until_refund(page.payment_id, RefundStanding::Refunded).await;
    world.until_clearing(0).await;
    world.settled().await;
    let refunds = world.state().await["refunds"].as_array().unwrap().len();
    assert_eq!((refunds, world.payment(page.payment_id).await.refunds.len()), (1, 1));
    world.until_available(page.account_id, 3).await;
}

#[tokio::test]
async fn a_lost_notification_is_found_by_the_sweep() {
    let world = World::new(sweeping()).await;
    world.weather("drop_update", "*", 100).await;
    let page = world.page().await;
    world.pay(&page.charge, &[("card", "0")]).await;
    world.until_standing(page.payment_id, Standing::Succeeded).await;
    world.until_clearing(PRICE_MINOR).await;
    let gone = world.page().await;
    world.steer(Method::POST, &format!("payments/{}/expire", gone.charge), Value::Null).await;
    let row = world.until_standing(gone.payment_id, Standing::Failed).await;
    assert_eq!(row.failure.as_deref(), Some("expired_on_confirmation"));
    assert_eq!(world.denied().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_nobody_speaks_of_is_looked_at() {
    let look_up_after = std::time::Duration::from_millis(200);
    let world = World::new(kontor_payments::PaymentsSettings { look_up_after, ..settings() }).await;
    world.weather("drop_update", "*", 100).await;
    let page = world.page().await;
    // The bank thinks for a while.
    world.pay(&page.charge, &[("card", "3")]).await;
    world.until_standing(page.payment_id, Standing::Succeeded).await;
    world.until_available(page.account_id, 28).await;
    assert_eq!(world.grants().await, 1);
}

#[tokio::test]
async fn a_page_whose_opening_got_no_answer_is_found_and_not_opened_twice() {
    let world = World::new(settings()).await;
    world.weather("server_error_after_effect", "create_payment", 1).await;
    world.weather("server_error", "list_payments", 1).await;
    world.weather("server_error", "create_payment", 1).await;
    world.page().await;
    let payments = world.state().await["payments"].as_array().unwrap().len();
    assert_eq!(payments, 1);
}
