//! `/billing` in the chat: agreeing with and without a kept card, changing, stopping, removing, and the
//! news of it. The provider's side is played by the test.

use std::sync::Arc;

use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{
    Actor,
    account::telegram_account_id,
    billing::{BillingCommand, EnableRecharge, RechargeTerms, billing_id},
    credit_ledger::{CreditRules, PaymentProvider},
    tenant::TenantKind,
};
use kontor_postgres::{
    Follower, FollowerSettings, Step,
    checkouts::{self, CheckoutState},
};
use kontor_projections::{
    Projection,
    billing::{self, BillingRow},
    products,
};
use kontor_telegram::{BillingNews, CardAccount};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::world::{PATIENCE, World, until};

const ANNA: i64 = 1001;
const DOOR: &str = "stripe/shop";
const PRODUCT: Uuid = Uuid::from_u128(30);

fn shop() -> CardAccount {
    CardAccount {
        name: "shop".to_owned(),
        channel: DOOR.to_owned(),
        provider: PaymentProvider::Stripe,
        currency: "USD".parse().unwrap(),
        return_url: "https://example.org/".to_owned(),
        wants_phone: false,
    }
}

/// A business that sells 30 credits for 4.99 USD, and the news at work.
async fn open() -> (World, AbortOnDropHandle<()>) {
    let world = World::of(TenantKind::Enterprise).await;
    world.deal_with_credits(CreditRules { enabled: true, ..CreditRules::default() }).await;
    let address = (&world.tenant, "product", PRODUCT);
    let create = json!({
        "type": "create", "name": {"ru": "30 бесед", "en": "30 talks"}, "gives": {"credits": 30},
        "kind": "real_world", "ordinal": 1, "prices": [{"amount_minor": 499, "currency": "USD"}],
    });
    world.command(address, &create, clock::now()).await;
    world.command(address, &json!({"type": "activate"}), clock::now()).await;
    let news: Arc<dyn Projection> = Arc::new(BillingNews::new(world.pool.clone(), 50));
    let vault = Some(world.vault.clone());
    let settings = FollowerSettings { vault, ..FollowerSettings::default() };
    let mut news = Follower::projection(world.pool.clone(), news, settings);
    let task = tokio::spawn(async move {
        loop {
            while news.step().await.unwrap() != Step::Idle {}
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    (world, AbortOnDropHandle::new(task))
}

impl World {
    fn anna(&self) -> Uuid {
        telegram_account_id(&self.tenant, ANNA)
    }

    async fn save_card(&self, method: u128, last4: &str) {
        let account_id = self.anna();
        let save = json!({
            "type": "save_method", "account_id": account_id, "method_id": Uuid::from_u128(method),
            "provider": "stripe", "channel": DOOR,
            "card": {"brand": "visa", "last4": last4, "expiry_month": 12, "expiry_year": 2034},
        });
        self.command((&self.tenant, "billing", billing_id(account_id)), &save, clock::now()).await;
    }

    /// What the owner of the account does with what was agreed to on the way to the page.
    async fn agree(&self, terms: RechargeTerms) {
        let account_id = self.anna();
        let enable = EnableRecharge { account_id, terms, credits_left: 30 };
        let command = serde_json::to_value(BillingCommand::EnableRecharge(enable)).unwrap();
        let address = (self.tenant.clone(), "billing", billing_id(account_id));
        let actor = Actor::Customer { account_id };
        let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
        let sent = self.sender.send(envelope, PATIENCE).await.unwrap();
        assert!(matches!(sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
    }

    async fn until_billing(&self, what: &str, is_so: impl Fn(&BillingRow) -> bool) -> BillingRow {
        until(what, || async {
            let row = billing::of_account(&self.pool, &self.tenant, self.anna()).await.unwrap();
            row.filter(&is_so)
        })
        .await
    }
}

#[tokio::test]
async fn without_a_card_agreeing_is_buying_on_a_page_that_keeps_it() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![shop()]);
    let anna = world.person(ANNA, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    anna.say("/billing", "Карта не сохранена").await;
    anna.press("Включить автопополнение", "Что покупать").await;
    let words = anna.press("30 бесед", "меньше 5 кредитов").await;
    assert!(words.text.contains("Не больше 14,97\u{a0}$ за календарный месяц"), "{}", words.text);
    anna.press("меньше 10", "меньше 10 кредитов").await;
    anna.press("24,95\u{a0}$ в месяц", "Не больше 24,95\u{a0}$").await;
    let opening = async {
        let row = until("a page is wanted", || async {
            let wanted = CheckoutState::Wanted;
            checkouts::due(&world.pool, DOOR, wanted, 1).await.unwrap().pop()
        })
        .await;
        let page = ("cs_1", "https://pay.example.org/cs_1");
        checkouts::opened(&world.pool, row.payment_id, page, PATIENCE).await.unwrap();
        row
    };
    let pressing =
        anna.press("оплатить 4,99\u{a0}$ и сохранить карту", "сохранит платёжный сервис");
    let (row, _) = tokio::join!(opening, pressing);
    assert!(row.keep_card && row.account_id == Some(world.anna()));
    let agreed = "select agreement from payment_checkouts where payment_id = $1";
    let agreed: sqlx::types::Json<RechargeTerms> =
        sqlx::query_scalar(agreed).bind(row.payment_id).fetch_one(&world.pool).await.unwrap();
    assert_eq!(agreed.threshold_credits, 10);
    assert_eq!(agreed.monthly_cap.amount_minor, 2_495);
    assert!(words.text.contains("может списать"), "the words are a promise: {}", words.text);
    assert!(agreed.words.contains("меньше 10") && agreed.words.contains("24,95"), "{agreed:?}");

    world.save_card(1, "4242").await;
    world.agree(agreed.0.clone()).await;
    until("the news", || async {
        (anna.count("Вы согласились с этим") == 1).then_some(())
    })
    .await;
    assert_eq!(anna.count("Карта Visa"), 1);
    let seen = anna.say("/billing", "Автопополнение включено").await;
    assert!(seen.text.contains("меньше 10 кредитов"), "{}", seen.text);
    assert!(seen.text.contains("4242, 12/2034"), "{}", seen.text);
    bots.stop().await;
}

#[tokio::test]
async fn with_a_card_agreeing_is_enough_and_stopping_and_removing_are_one_press() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![shop()]);
    let john = world.person(ANNA, "John", "en");
    john.say("/start", "consent").await;
    john.press("I agree", "3 credits").await;
    world.save_card(1, "4242").await;
    world.until_billing("the card is kept", |row| row.method.is_some()).await;
    john.say("/billing", "4242, 12/2034").await;
    john.press("Turn on auto-recharge", "What should we buy").await;
    john.press("30 talks", "fewer than 5 credits").await;
    // Three credits are fewer than five: it fills up at once.
    john.press("I agree", "A charge of $4.99 is under way").await;
    let row = world.until_billing("it holds", |row| row.agreement.is_some()).await;
    assert_eq!(row.agreement.unwrap().terms.threshold_credits, 5);
    assert!(row.charges.len() == 1);
    john.press("Turn off auto-recharge", "Auto-recharge is off. Nothing more").await;
    let row = world.until_billing("it has ended", |row| row.agreement.is_none()).await;
    assert_eq!(row.charges[0].failure.as_deref(), Some("stopped"));
    john.press("Remove the card", "The card is removed").await;
    world.until_billing("it is gone", |row| row.method.is_none()).await;
    assert_eq!(john.count("did not go through"), 0, "who stopped it needs no news");
    bots.stop().await;
}

#[tokio::test]
async fn nobody_agrees_to_words_that_they_did_not_see() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![shop()]);
    let john = world.person(ANNA, "John", "en");
    john.say("/start", "consent").await;
    john.press("I agree", "3 credits").await;
    world.save_card(1, "4242").await;
    world.until_billing("the card is kept", |row| row.method.is_some()).await;
    john.say("/billing", "4242, 12/2034").await;
    john.press("Turn on auto-recharge", "What should we buy").await;
    let seen = john.press("30 talks", "may charge $4.99").await;
    let change = json!({"type": "change", "prices": [{"amount_minor": 599, "currency": "USD"}]});
    world.command((&world.tenant, "product", PRODUCT), &change, clock::now()).await;
    until("the price is another", || async {
        let row = products::find(&world.pool, &world.tenant, PRODUCT).await.unwrap()?;
        (row.prices[0].amount_minor == 599).then_some(())
    })
    .await;
    let (message_id, agree) = john.button("I agree").await;
    assert_eq!(message_id, seen.id);
    let asked = john.press_data(message_id, &agree, "may charge $5.99").await;
    assert!(asked.text.contains("nothing is agreed yet"), "{}", asked.text);
    john.press("below 10", "fewer than 10 credits").await;
    // A button of before there were fingerprints is no better.
    let (head, rest) = agree.rsplit_once(':').unwrap();
    let old = format!("{}:{rest}", &head[..head.len() - 3]);
    john.press_data(message_id, &old, "fewer than 5 credits").await;
    let row = world.until_billing("the card is still kept", |row| row.method.is_some()).await;
    assert_eq!((row.agreement, row.charges.len()), (None, 0));
    john.press("I agree", "A charge of $5.99 is under way").await;
    let row = world.until_billing("it holds", |row| row.agreement.is_some()).await;
    let terms = row.agreement.unwrap().terms;
    assert_eq!((terms.price.amount_minor, terms.monthly_cap.amount_minor), (599, 1_797));
    assert!(asked.text.contains(&terms.words), "{}", terms.words);
    bots.stop().await;
}

#[tokio::test]
async fn what_happens_without_the_customer_is_told() {
    let (world, _news) = open().await;
    let bots = world.work_with_cards(vec![shop()]);
    let anna = world.person(ANNA, "Анна", "ru");
    anna.say("/start", "нужно ваше согласие").await;
    anna.press("Даю согласие", "3 кредита в подарок").await;
    world.save_card(1, "4242").await;
    world.until_billing("the card is kept", |row| row.method.is_some()).await;
    anna.say("/billing", "Карта: Visa").await;
    anna.press("Включить автопополнение", "Что покупать").await;
    anna.press("30 бесед", "меньше 5").await;
    anna.press("Согласен(на)", "Автопополнение включено").await;
    let row = world.until_billing("a charge is wanted", |row| row.under_way().is_some()).await;
    let payment_id = row.under_way().unwrap().payment_id;
    let billing = (&world.tenant, "billing", billing_id(world.anna()));
    let failure = |reason: &str| json!({"type": "record_recharge_failure", "payment_id": payment_id, "reason": reason});
    world.command(billing, &failure("insufficient_funds"), clock::now()).await;
    until("the decline is told", || async {
        (anna.count("на карте не хватает денег") == 1).then_some(())
    })
    .await;
    assert_eq!(anna.count("Попробую снова"), 1);
    let changed = json!({"type": "disable_recharge", "reason": "product_changed"});
    world.command(billing, &changed, clock::now()).await;
    until("the end is told", || async {
        (anna.count("изменилась цена") == 1).then_some(())
    })
    .await;
    bots.stop().await;
}
