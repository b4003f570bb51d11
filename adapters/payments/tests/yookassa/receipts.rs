//! Fiscal receipts: who gets them, and how far they have come.

use kontor_domain::payment::{ReceiptOf, ReceiptStanding, RefundStanding, Standing};
use kontor_postgres::checkouts::{self, CheckoutState};

use crate::around::until;
use crate::world::{World, receipts, sweeping};

async fn until_receipt(world: &World, id: uuid::Uuid, of: ReceiptOf, standing: ReceiptStanding) {
    until(&format!("the receipt of the {of:?} is {standing:?}"), || async {
        let row = world.payment(id).await;
        row.receipts.iter().any(|it| it.of == of && it.standing == standing).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receipt_of_the_charge_and_of_the_refund_is_followed_until_it_is_registered() {
    let world = World::with(sweeping(), Some(receipts(None))).await;
    let account_id = world.customer(Some("+7 916 123-45-67")).await;
    let page = world.page_for(account_id).await;
    let asked = world.state().await["payments"][0]["receipt"].clone();
    assert_eq!(asked["customer"], serde_json::json!({ "phone": "79161234567" }));
    assert_eq!(asked["items"][0]["description"], "25 кредитов");
    assert_eq!(asked["items"][0]["amount"]["value"], "229.00");
    world.pay(&page.charge, &[("card", "0")]).await;
    until_receipt(&world, page.payment_id, ReceiptOf::Charge, ReceiptStanding::Registered).await;
    world.refund(&page).await;
    world.until_refund(page.payment_id, RefundStanding::Refunded).await;
    until_receipt(&world, page.payment_id, ReceiptOf::Refund, ReceiptStanding::Registered).await;
    world.until_clearing(0).await;
    let row = world.payment(page.payment_id).await;
    assert_eq!((row.receipts.len(), row.standing), (2, Standing::Succeeded));
    let kept = "inbox where payload::text like '%7916%'";
    assert_eq!(world.count(kept).await, 0, "nothing about people is kept of notifications");
}

#[tokio::test]
async fn a_receipt_that_cannot_be_registered_is_failed_and_the_purchase_stays() {
    let world = World::with(sweeping(), Some(receipts(Some("shop@example.ru")))).await;
    let page = world.page().await;
    let asked = world.state().await["payments"][0]["receipt"].clone();
    assert_eq!(asked["customer"], serde_json::json!({ "email": "shop@example.ru" }));
    world.pay(&page.charge, &[("card", "0"), ("receipt_fails", "on")]).await;
    until_receipt(&world, page.payment_id, ReceiptOf::Charge, ReceiptStanding::Failed).await;
    world.until_available(page.account_id, 28).await;
}

#[tokio::test]
async fn without_anybody_to_send_the_receipt_to_there_is_no_page() {
    let world = World::with(sweeping(), Some(receipts(None))).await;
    let payment_id = world.offer(world.customer(None).await).await;
    let row = until("the page is refused", || async {
        let row = checkouts::find(&world.pool, payment_id).await.unwrap().unwrap();
        (row.state == CheckoutState::Refused).then_some(row)
    })
    .await;
    assert_eq!(row.failure.as_deref(), Some("receipt_contact_missing"));
    assert_eq!(world.state().await["payments"].as_array().unwrap().len(), 0);
}
