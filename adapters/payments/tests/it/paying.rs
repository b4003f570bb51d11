//! From the page to the ledger, in good and bad weather.

use kontor_domain::payment::Standing;
use kontor_postgres::checkouts::CheckoutState;
use serde_json::json;

use crate::world::{CHALLENGE, LATE, LATE_REFUSED, PAID, POOR, World, always, until};

#[tokio::test]
async fn a_storm_of_notifications_leaves_one_charge_one_grant_and_right_books() {
    let world = World::open().await;
    // The page is opened although Stripe's answer is lost, twice in two ways.
    let create = "stripe.checkout.sessions.create";
    world.weather(json!({"kind": "server_error", "method": create, "count": 1})).await;
    world.weather(json!({"kind": "server_error_after_effect", "method": create, "count": 1})).await;
    world.weather(json!({"kind": "reorder_updates", "method": "stripe.pay*", "count": 1})).await;
    world.weather(always("duplicate_update", "stripe.*")).await;
    world.weather(json!({"kind": "wrong_signature", "method": "stripe.*", "count": 2})).await;
    world.weather(json!({"kind": "server_error", "method": "stripe.*.retrieve", "count": 3})).await;
    let payment_id = world.begin().await;
    world.pay(payment_id, PAID).await;
    let row = world.until_standing(payment_id, Standing::Succeeded).await;
    world.until_available(33).await;
    world.settled().await;
    assert_eq!((world.balance().await, world.clearing().await), ((33, 0), 499));
    let intents = world.objects("intents").await;
    let paid: Vec<_> = intents.iter().filter(|it| it["status"] == "succeeded").collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(row.provider_ref.as_deref(), paid[0]["id"].as_str());
    assert_eq!(world.page(payment_id).await.state, CheckoutState::Over);
    assert_eq!(world.events(payment_id).await, ["payment.begun", "payment.succeeded"]);
    // Those that came twice were refused twice.
    assert!(world.denied().await["signature_wrong"] >= 2);
    // Nothing about people is kept of what Stripe sent.
    let people: i64 = sqlx::query_scalar(
        "select count(*) from inbox where payload::text like '%customer@example.com%'",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(people, 0);
}

#[tokio::test]
async fn a_declined_card_is_told_and_another_one_pays_on_the_same_page() {
    let world = World::open().await;
    let payment_id = world.begin().await;
    assert!(world.pay(payment_id, "четыре").await.contains("Это не номер карты"));
    let page = world.pay(payment_id, POOR).await;
    assert!(page.contains("не хватает денег"), "{page}");
    assert!(page.contains("Консультация &lt;30&gt; &amp; «друзья»"), "{page}");
    let row = world.until_standing(payment_id, Standing::Failed).await;
    assert_eq!(row.failure.as_deref(), Some("insufficient_funds"));
    assert_eq!(world.page(payment_id).await.state, CheckoutState::Open);
    assert!(world.pay(payment_id, CHALLENGE).await.contains("3-D Secure"));
    assert!(world.confirm(payment_id, "no").await.contains("не получил подтверждение"));
    world.pay(payment_id, CHALLENGE).await;
    world.confirm(payment_id, "yes").await;
    world.until_standing(payment_id, Standing::Succeeded).await;
    world.until_available(33).await;
    assert!(world.pay(payment_id, PAID).await.contains("session_not_open"), "paid on once");
    assert_eq!(world.clearing().await, 499);
}

#[tokio::test]
async fn a_slow_bank_is_waited_for_and_its_no_is_heard() {
    let world = World::open().await;
    let (slow, refused) = (world.begin().await, world.begin().await);
    world.pay(slow, LATE).await;
    world.pay(refused, LATE_REFUSED).await;
    for payment_id in [slow, refused] {
        until("the bank takes its time", || async {
            let events = world.events(payment_id).await;
            events.iter().any(|it| it == "payment.outcome_unknown").then_some(())
        })
        .await;
    }
    world.until_standing(slow, Standing::Succeeded).await;
    let row = world.until_standing(refused, Standing::Failed).await;
    assert_eq!(row.failure.as_deref(), Some("debit_not_authorized"));
    world.until_available(33).await;
    assert_eq!(world.clearing().await, 499);
}

#[tokio::test]
async fn notifications_that_never_come_are_made_up_for() {
    let world = World::open().await;
    world.weather(always("drop_update", "stripe.*")).await;
    let payment_id = world.buy().await;
    // The money goes back at Stripe itself, and nobody says so.
    let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
    world.at_stripe(&format!("intents/{intent}/refund"), json!({})).await;
    world
        .until_payment(payment_id, "the refund was found", |row| {
            row.refunds.len() == 1 && !row.refund_is_open()
        })
        .await;
    world.until_clearing(0).await;
    world.until_available(3).await;
    assert_eq!(world.objects("intents").await.len(), 1, "nothing was charged again");
}

#[tokio::test]
async fn a_page_that_stripe_refuses_for_good_is_refused_with_its_reason() {
    let world = World::open().await;
    let payment_id = world.begin().await;
    world.page(payment_id).await;
    // The same payment through the other account, whose key opens nothing there.
    let wrong = "update payment_checkouts set state = 'wanted', asked = jsonb_set(asked, '{price}', \
                 '{\"amount_minor\": 0, \"currency\": \"USD\"}'), first_sent_at = now()";
    sqlx::query(wrong).execute(&world.pool).await.unwrap();
    let row = world.page(payment_id).await;
    assert_eq!(row.state, CheckoutState::Refused);
    assert_eq!(row.failure.as_deref(), Some("parameter_invalid_integer"));
}
