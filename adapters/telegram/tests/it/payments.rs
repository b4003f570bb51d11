//! Buying in the chat: the catalogue, the question before a payment, receipts that come twice and in
//! any order, refunds whose answer is lost.

use std::{sync::Arc, time::Duration};

use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock, policies::FulfilPayments};
use kontor_domain::{
    Actor,
    account::telegram_account_id,
    credit_ledger::{CorrectionReason, CreditLedgerCommand, CreditRules, Spend, credit_ledger_id},
    payment::{PaymentCommand, RefundStanding, RequestRefund},
    tenant::TenantKind,
};
use kontor_postgres::{
    DispatchSettings, Dispatcher, Follower, FollowerSettings, PolicyEffect, Step,
};
use kontor_projections::{
    Projection, credits,
    payments::{self, PaymentRow},
};
use kontor_telegram::PaymentNews;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::{
    meddler::{Meddler, Meddling},
    person::Person,
    stand_in::Fault,
    world::{PATIENCE, World, until},
};

/// A business with two products for Stars, the policy of payments and the news of them at work.
pub(crate) struct Shop {
    pub(crate) world: World,
    _machine: AbortOnDropHandle<()>,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let world = World::of(TenantKind::Enterprise).await;
        world.deal_with_credits(CreditRules { enabled: true, ..CreditRules::default() }).await;
        for (ru, en, gives, stars) in [
            ("25 сообщений", "25 messages", json!({"credits": 25}), 250),
            ("Неделя", "A week", json!({"pass": "week"}), 400),
        ] {
            let id = Uuid::now_v7();
            let address = (&world.tenant, "product", id);
            let create = json!({
                "type": "create", "name": {"ru": ru, "en": en}, "gives": gives, "kind": "digital",
                "prices": [{"amount_minor": stars, "currency": "XTR"}], "ordinal": stars,
            });
            world.command(address, &create, clock::now()).await;
            world.command(address, &json!({"type": "activate"}), clock::now()).await;
        }
        let machine = AbortOnDropHandle::new(tokio::spawn(run(&world)));
        Self { world, _machine: machine }
    }

    pub(crate) async fn welcome(&self, id: i64) -> Person<'_> {
        let person = self.world.person(id, "Анна", "ru");
        person.say("/start", "нужно ваше согласие").await;
        person.press("Даю согласие", "3 кредита в подарок").await;
        person
    }

    pub(crate) async fn payment(&self, payload: &str) -> PaymentRow {
        let (pool, tenant) = (&self.world.pool, &self.world.tenant);
        let id = payload.parse().unwrap();
        until("the payment shows", || async { payments::find(pool, tenant, id).await.unwrap() })
            .await
    }

    pub(crate) async fn until_refund(&self, payload: &str, standing: RefundStanding) -> PaymentRow {
        until("the refund has come so far", || async {
            let row = self.payment(payload).await;
            row.refunds.iter().any(|refund| refund.standing == standing).then_some(row)
        })
        .await
    }

    async fn available(&self, user_id: i64) -> i64 {
        let ledger_id = credit_ledger_id(telegram_account_id(&self.world.tenant, user_id));
        let row = credits::find(&self.world.pool, &self.world.tenant, ledger_id).await.unwrap();
        row.unwrap().available
    }

    /// What the books say that Telegram holds for the business.
    async fn clearing(&self) -> i64 {
        sqlx::query_scalar(
            "select coalesce(sum(amount), 0)::bigint from ledger_entries where account in \
             ('assets:clearing:telegram_stars', 'assets:dispute_reserve')",
        )
        .fetch_one(&self.world.pool)
        .await
        .unwrap()
    }

    pub(crate) async fn refund(&self, payload: &str) {
        let (refund_id, reason) = (Uuid::now_v7(), CorrectionReason::CustomerAsked);
        let command = PaymentCommand::RequestRefund(RequestRefund {
            refund_id,
            reason,
            amount: None,
            credits: None,
        });
        let actor = Actor::Operator { name: "desk".into() };
        self.send("payment", payload.parse().unwrap(), actor, &command).await;
    }

    pub(crate) async fn spend(&self, user_id: i64, messages: i64) {
        let account_id = telegram_account_id(&self.world.tenant, user_id);
        let spend = CreditLedgerCommand::Spend(Spend { spend_id: Uuid::now_v7(), messages });
        let actor = Actor::Customer { account_id };
        let booked = self.send("credit_ledger", credit_ledger_id(account_id), actor, &spend).await;
        self.world.reached("credits", booked).await;
    }

    /// Carries a command out; the position of its last event.
    pub(crate) async fn send(
        &self,
        aggregate: &str,
        id: Uuid,
        actor: Actor,
        command: &impl serde::Serialize,
    ) -> i64 {
        let address = (self.world.tenant.clone(), aggregate, id);
        let command = serde_json::to_value(command).unwrap();
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
        let sent = self.world.sender.send(envelope, PATIENCE).await.unwrap();
        let Sent::Done { outcome: Outcome::Accepted(accepted), .. } = sent else {
            panic!("{sent:?}")
        };
        accepted.last_position.unwrap()
    }
}

/// The policy with its dispatcher and the news, over and over.
fn run(world: &World) -> impl Future<Output = ()> + use<> {
    let policy: Arc<dyn Projection> = Arc::new(PolicyEffect::new(Arc::new(FulfilPayments)));
    let news: Arc<dyn Projection> = Arc::new(PaymentNews::new(world.pool.clone(), 50));
    let follower = |effect| {
        let vault = Some(world.vault.clone());
        let settings = FollowerSettings { vault, ..FollowerSettings::default() };
        Follower::projection(world.pool.clone(), effect, settings)
    };
    let mut followers = [policy, news].map(follower);
    let sender = Arc::new(world.sender.clone());
    let dispatcher = Dispatcher::new(world.pool.clone(), sender, DispatchSettings::default());
    async move {
        loop {
            for follower in &mut followers {
                while follower.step().await.unwrap() != Step::Idle {}
            }
            dispatcher.step(clock::now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Person<'_> {
    /// Presses the product's button; the payload of the invoice that comes.
    async fn choose(&self, product: &str) -> String {
        let before = self.world.telegram.calls("sendInvoice").len();
        let (message_id, data) = self.button(product).await;
        self.push(self.pressed(message_id, &data));
        let calls = until("an invoice", || async {
            let calls = self.world.telegram.calls("sendInvoice");
            (calls.len() > before).then_some(calls)
        })
        .await;
        calls.last().unwrap().parameters["payload"].as_str().unwrap().to_owned()
    }

    /// Buys 25 messages with the charge `stx-1`, and has them; the payload of the invoice.
    pub(crate) async fn buy_25(&self) -> String {
        self.say("/buy", "Что купить?").await;
        let payload = self.choose("25 сообщений").await;
        self.push(self.receipt("successful_payment", &payload, "stx-1"));
        until("the goods are there", || async {
            (self.count("✅ Оплачено: +25") == 1).then_some(())
        })
        .await;
        payload
    }

    /// Is about to pay; what the bot answers: nothing when it may be paid, or why not.
    async fn check_out(&self, payload: &str, stars: i64) -> Option<String> {
        let update_id = self.world.telegram.update_id();
        let id = format!("checkout-{update_id}");
        self.push(json!({"update_id": update_id, "pre_checkout_query": {
            "id": id, "from": self.user(), "currency": "XTR", "total_amount": stars,
            "invoice_payload": payload,
        }}));
        let answer = until("an answer before the payment", || async {
            let calls = self.world.telegram.calls("answerPreCheckoutQuery");
            calls.into_iter().find(|call| call.parameters["pre_checkout_query_id"] == id.as_str())
        })
        .await;
        let words = answer.parameters.get("error_message").and_then(Value::as_str);
        assert_eq!(answer.parameters["ok"], words.is_none());
        words.map(str::to_owned)
    }

    fn receipt(&self, kind: &str, payload: &str, charge: &str) -> Value {
        self.message(json!({kind: {
            "currency": "XTR", "total_amount": 250, "invoice_payload": payload,
            "telegram_payment_charge_id": charge, "provider_payment_charge_id": "",
        }}))
    }
}

#[tokio::test]
async fn a_customer_buys_in_the_chat_and_a_storm_of_receipts_changes_nothing() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    let list = anna.say("/buy", "Что купить?").await;
    let labels: Vec<&str> = list.buttons.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["25 сообщений — 250 ⭐", "Неделя — 400 ⭐", "Баланс"]);
    let payload = anna.choose("25 сообщений").await;
    let invoice = shop.world.telegram.calls("sendInvoice").pop().unwrap().parameters;
    assert_eq!((&invoice["currency"], &invoice["provider_token"]), (&json!("XTR"), &json!("")));
    assert_eq!(invoice["prices"], json!([{"label": "25 сообщений", "amount": 250}]));

    let boris = shop.welcome(1002).await;
    assert!(boris.check_out(&payload, 250).await.unwrap().contains("другому человеку"));
    assert!(anna.check_out(&payload, 1).await.unwrap().contains("устарел"));
    assert!(anna.check_out("чужое", 250).await.unwrap().contains("Такого счёта нет"));
    assert!(anna.check_out(&Uuid::now_v7().to_string(), 250).await.is_some());
    assert_eq!(anna.check_out(&payload, 250).await, None);

    // The same receipt three times, the second of them under an older number.
    let storm = [3, 1, 2].map(|_| anna.receipt("successful_payment", &payload, "stx-1"));
    for number in [2, 0, 1] {
        anna.push(storm[number].clone());
    }
    until("the goods are there", || async {
        (anna.count("✅ Оплачено: +25") > 0).then_some(())
    })
    .await;
    shop.world.settled().await;
    assert_eq!(anna.count("✅ Оплачено: +25 кредитов. Теперь у вас 28 кредитов"), 1);
    assert_eq!((shop.available(1001).await, shop.clearing().await), (28, 250));
    assert!(anna.check_out(&payload, 250).await.unwrap().contains("уже оплачено"));

    // Paid on two telephones at once: the second charge goes back by itself.
    anna.push(anna.receipt("successful_payment", &payload, "stx-2"));
    shop.until_refund(&payload, RefundStanding::Refunded).await;
    until("the news", || async {
        (anna.count("Вы заплатили дважды") == 1).then_some(())
    })
    .await;
    let refunds = shop.world.telegram.calls("refundStarPayment");
    assert_eq!(refunds.len(), 1);
    assert_eq!(refunds[0].parameters["telegram_payment_charge_id"], "stx-2");
    assert_eq!(refunds[0].parameters["user_id"], 1001);
    assert_eq!((shop.available(1001).await, shop.clearing().await), (28, 250));

    shop.spend(1001, 4).await;
    anna.say("/balance", "💳 24 кредита").await;
    anna.say("/history", "куплено 25").await;
    bots.stop().await;
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_looked_up_and_never_paid_twice() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    let payload = anna.buy_25().await;
    shop.world.telegram.fail("refundStarPayment", Fault::BrokenAfterwards);
    shop.refund(&payload).await;
    shop.until_refund(&payload, RefundStanding::Refunded).await;
    assert_eq!(shop.world.telegram.calls("refundStarPayment").len(), 1);
    assert_eq!(shop.world.telegram.calls("getStarTransactions").len(), 1);
    // Telegram's own word of it comes as well, and twice.
    for _ in 0..2 {
        anna.push(anna.receipt("refunded_payment", &payload, "stx-1"));
    }
    until("the books are right", || async { (shop.clearing().await == 0).then_some(()) }).await;
    until("the news", || async {
        (anna.count("Оплата возвращена: 250 ⭐") == 1).then_some(())
    })
    .await;
    shop.world.settled().await;
    assert_eq!((anna.count("Оплата возвращена"), shop.available(1001).await), (1, 3));
    assert_eq!(shop.payment(&payload).await.refunds.len(), 1);
    bots.stop().await;
}

#[tokio::test]
async fn a_refund_of_a_used_purchase_leaves_the_books_with_what_telegram_has() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    let payload = anna.buy_25().await;
    shop.spend(1001, 8).await;
    shop.refund(&payload).await;
    shop.until_refund(&payload, RefundStanding::Refunded).await;
    until("the books are right", || async { (shop.clearing().await == 0).then_some(()) }).await;
    // The three of the welcome went first: five of what was bought are owed.
    let ledger_id = credit_ledger_id(telegram_account_id(&shop.world.tenant, 1001));
    let row = credits::find(&shop.world.pool, &shop.world.tenant, ledger_id).await.unwrap();
    assert_eq!(row.map(|row| (row.available, row.owed)), Some((0, 5)));
    bots.stop().await;
}

#[tokio::test]
async fn a_refund_that_telegram_refuses_is_failed_with_its_reason_and_changes_no_books() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    let payload = anna.buy_25().await;
    let refusal = "Bad Request: CHARGE_NOT_FOUND";
    shop.world.telegram.fail("refundStarPayment", Fault::RetryAfter(1));
    shop.world.telegram.fail("refundStarPayment", Fault::Refused(400, refusal));
    shop.refund(&payload).await;
    let row = shop.until_refund(&payload, RefundStanding::Failed).await;
    assert_eq!(row.refunds[0].failure.as_deref(), Some("charge_not_found"));
    assert_eq!((shop.available(1001).await, shop.clearing().await), (28, 250));
    bots.stop().await;
}

#[tokio::test]
async fn the_question_before_a_payment_waits_behind_no_queue() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    anna.say("/buy", "Что купить?").await;
    let payload = anna.choose("25 сообщений").await;
    bots.stop().await;
    // From now on nothing that Anna writes is ever answered: her chat's queue stands still.
    let meddler = Meddler {
        inner: shop.world.sender.clone(),
        meddle: |envelope: &Envelope| match envelope.actor {
            Actor::Customer { .. } => Meddling::SendAndHang,
            Actor::Operator { .. } | Actor::System { .. } => Meddling::None,
        },
    };
    let bots = shop.world.work_with(Arc::new(meddler), World::settings());
    let (message_id, data) = anna.button("Неделя").await;
    anna.push(anna.pressed(message_id, &data));
    anna.push(anna.message(json!({"text": "/balance"})));
    assert_eq!(anna.check_out(&payload, 250).await, None);
    assert!(shop.world.pending().await > 0, "the queue stands");
    bots.crash().await;
}

#[tokio::test]
async fn terms_and_help_are_there_and_quick_commands_buy() {
    let shop = Shop::open().await;
    let bots = shop.world.work();
    let anna = shop.welcome(1001).await;
    anna.say("/terms", "Условия покупки. Продавец: Горводоканал").await;
    anna.say("/paysupport", "решает Горводоканал").await;
    anna.say("/buy7", "Такого пакета нет").await;
    anna.say("/buy25", "25 сообщений").await;
    anna.say("/buyweek", "Неделя").await;
    let invoices = shop.world.telegram.calls("sendInvoice");
    assert_eq!(invoices.len(), 2);
    assert_eq!(invoices[1].parameters["prices"][0]["amount"], 400);
    // A receipt of something that is not known here says so, and is no end of the chat.
    let receipt = anna.receipt("successful_payment", "nonsense", "stx-9");
    anna.push(receipt);
    until("a word", || async {
        (anna.count("которой у нас нет") == 1).then_some(())
    })
    .await;
    anna.say("/balance", "💳 3 кредита").await;
    bots.stop().await;
}
