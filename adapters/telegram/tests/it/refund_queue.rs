//! Refunds in Stars that wait beside others.

use std::{sync::Arc, time::Duration};

use kontor_commands::clock;
use kontor_domain::{
    Actor, Money,
    account::telegram_account_id,
    credit_ledger::PaymentProvider,
    payment::{Begin, PaymentCommand, ProductSold, RecordSuccess, RefundStanding},
    product::Gives,
};
use kontor_telegram::TelegramSettings;
use uuid::Uuid;

use crate::{
    payments::Shop,
    stand_in::Fault,
    world::{BOT, World, until},
};

impl Shop {
    /// A purchase that is paid and asked back, without the chat; its payload.
    async fn paid_and_back(&self, user_id: i64, charge: &str) -> String {
        let id = Uuid::now_v7();
        let price = Money::new(250, "XTR".parse().unwrap());
        let gives = Gives::Credits(25);
        let begin = PaymentCommand::Begin(Begin {
            account_id: telegram_account_id(&self.world.tenant, user_id),
            product: ProductSold { product_id: Uuid::now_v7(), version: 1, gives },
            price,
            provider: PaymentProvider::TelegramStars,
            channel: format!("telegram/{BOT}"),
            expires_at: clock::now() + chrono::Duration::hours(1),
        });
        let provider_ref = charge.to_owned();
        let paid = PaymentCommand::RecordSuccess(RecordSuccess { provider_ref, amount: price });
        let kontor = || Actor::System { name: "telegram_stars".into() };
        self.send("payment", id, kontor(), &begin).await;
        self.send("payment", id, kontor(), &paid).await;
        self.refund(&id.to_string()).await;
        id.to_string()
    }
}

#[tokio::test]
async fn refunds_that_have_to_wait_hold_up_no_others() {
    // One more than are looked at in one round.
    const WAITING: usize = 21;
    let shop = Shop::open().await;
    let hour = Duration::from_secs(3600);
    let settings =
        TelegramSettings { retry_pause_first: hour, retry_pause_max: hour, ..World::settings() };
    let bots = shop.world.work_with(Arc::new(shop.world.sender.clone()), settings);
    shop.welcome(1001).await;
    for number in 0..WAITING {
        shop.world.telegram.fail("refundStarPayment", Fault::RetryAfter(3600));
        shop.paid_and_back(1001, &format!("stx-waits-{number}")).await;
    }
    until("each was asked for", || async {
        (shop.world.telegram.calls("refundStarPayment").len() == WAITING).then_some(())
    })
    .await;
    let payload = shop.paid_and_back(1001, "stx-goes").await;
    shop.until_refund(&payload, RefundStanding::Refunded).await;
    let last = shop.world.telegram.calls("refundStarPayment").pop().unwrap();
    assert_eq!(last.parameters["telegram_payment_charge_id"], "stx-goes");
    bots.stop().await;
}
