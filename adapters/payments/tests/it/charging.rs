//! Cards that are kept and charged without their holder, against the stand-in for Stripe.

use std::time::Duration;

use kontor_commands::clock;
use kontor_domain::{
    Actor, Language, Money,
    billing::{
        BillingCommand, DisableReason, DisableRecharge, EnableRecharge, RechargeTerms,
        RemoveMethod, RemoveReason, billing_id,
    },
    credit_ledger::PaymentProvider,
    payment::{Begin, PaymentCommand, ProductSold, Standing},
    product::Gives,
};
use kontor_postgres::checkouts::{self, Asked, CheckoutState, Keeping};
use kontor_projections::{
    accounts,
    billing::{self, BillingRow, ChargeStage},
    products::{self, ProductRow},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{PAID, World, always, until};

const DOOR: &str = "stripe/shop";
const ASKED_AGAIN: &str = "4000002500003155";
const DECLINED_LATER: &str = "4000000000000341";
const SLOW_LATER: &str = "4000000000000077";

fn dollars(cents: i64) -> Money {
    Money::new(cents, "USD".parse().unwrap())
}

fn sold() -> ProductSold {
    ProductSold { product_id: Uuid::from_u128(1), version: 2, gives: Gives::Credits(30) }
}

/// 30 credits for 4.99 below 10.
fn terms(monthly_cap: i64) -> RechargeTerms {
    RechargeTerms {
        threshold_credits: 10,
        product: sold(),
        price: dollars(499),
        monthly_cap: dollars(monthly_cap),
        provider: PaymentProvider::Stripe,
        channel: DOOR.to_owned(),
        words: "Когда остаётся меньше 10…".to_owned(),
        language: Language::Ru,
    }
}

impl World {
    /// Sells 30 credits for 4.99, and has a customer who gave consent.
    async fn sell(&self) {
        let anna = || Actor::Customer { account_id: self.account_id };
        let register = json!({
            "type": "register", "display_name": "Anna", "language": "ru", "origin": {"kind": "api"},
        });
        let consent = json!({"type": "give_consent", "document_version": "2026-11"});
        for command in [register, consent] {
            self.send("account", self.account_id, anna(), &command).await;
        }
        let create = json!({
            "type": "create", "name": {"ru": "30 кредитов", "en": "30 credits"},
            "gives": {"credits": 30}, "kind": "real_world", "prices": [dollars(499)],
        });
        for command in [create, json!({"type": "activate"})] {
            self.change_product(&command).await;
        }
        self.until_product("it is sold", |row| row.active).await;
        until("the consent is seen", || async {
            accounts::find(&self.pool, &self.tenant, self.account_id).await.unwrap()?.consent
        })
        .await;
    }

    async fn change_product(&self, command: &Value) {
        let desk = Actor::Operator { name: "desk".into() };
        self.send("product", sold().product_id, desk, command).await;
    }

    async fn until_product(&self, what: &str, is_so: impl Fn(&ProductRow) -> bool) {
        until(what, || async {
            let row = products::find(&self.pool, &self.tenant, sold().product_id).await.unwrap()?;
            is_so(&row).then_some(())
        })
        .await;
    }

    /// Buys on a page that keeps the card, and agrees with that.
    async fn agree(&self, card: &str, monthly_cap: i64) -> Uuid {
        self.sell().await;
        let payment_id = self.want(monthly_cap).await;
        self.pay(payment_id, card).await;
        if card == ASKED_AGAIN {
            self.confirm(payment_id, "yes").await;
        }
        self.until_standing(payment_id, Standing::Succeeded).await;
        self.until_billing("the agreement holds", |row| row.agreement.is_some()).await;
        self.until_available(33).await;
        payment_id
    }

    /// Agrees on the way to a page that keeps the card, and has not paid yet.
    async fn want(&self, monthly_cap: i64) -> Uuid {
        let payment_id = Uuid::now_v7();
        let expires_at = clock::now() + chrono::Duration::hours(1);
        let begin = PaymentCommand::Begin(Begin {
            account_id: self.account_id,
            product: sold(),
            price: dollars(499),
            provider: PaymentProvider::Stripe,
            channel: DOOR.to_owned(),
            expires_at,
        });
        let anna = Actor::Customer { account_id: self.account_id };
        self.send("payment", payment_id, anna, &begin).await;
        let asked = Asked {
            title: "30 кредитов".to_owned(),
            price: dollars(499),
            language: Language::Ru,
            expires_at,
            return_url: "https://example.org/".to_owned(),
        };
        let agreement = Some(terms(monthly_cap));
        let keeping = Keeping { account_id: self.account_id, agreement };
        let door = (&self.tenant, DOOR);
        checkouts::want_keeping(&self.pool, door, payment_id, (&asked, &keeping)).await.unwrap();
        payment_id
    }

    /// Pays; the card is kept, and nothing is bought with it by itself.
    async fn pay_without_agreement(&self, payment_id: Uuid) {
        self.pay(payment_id, PAID).await;
        until("it was seen whether the card is kept", || async {
            let seen =
                "select card_seen_at is not null from payment_checkouts where payment_id = $1";
            let seen: Result<bool, _> =
                sqlx::query_scalar(seen).bind(payment_id).fetch_one(&self.pool).await;
            seen.unwrap().then_some(())
        })
        .await;
        self.until_available(33).await;
        self.spend(24).await;
        self.until_available(9).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let row = self.billing().await.unwrap();
        assert!(row.method.is_some() && row.agreement.is_none(), "{row:?}");
        assert_eq!((row.charges, self.charged().await), (vec![], 1));
    }

    async fn billing(&self) -> Option<BillingRow> {
        billing::of_account(&self.pool, &self.tenant, self.account_id).await.unwrap()
    }

    async fn until_billing(&self, what: &str, is_so: impl Fn(&BillingRow) -> bool) -> BillingRow {
        until(what, || async { self.billing().await.filter(&is_so) }).await
    }

    async fn until_charge(&self, stage: ChargeStage) -> BillingRow {
        let what = format!("a charge is {stage:?}");
        self.until_billing(&what, |row| row.charges.iter().any(|it| it.stage == stage)).await
    }

    async fn command(&self, actor: Actor, command: &BillingCommand) {
        self.send("billing", billing_id(self.account_id), actor, command).await;
    }

    /// The intents that were paid.
    async fn charged(&self) -> usize {
        let intents = self.objects("intents").await;
        intents.iter().filter(|it| it["status"] == "succeeded").count()
    }
}

#[tokio::test]
async fn a_spend_below_the_threshold_charges_the_kept_card_once() {
    let world = World::open().await;
    world.agree(PAID, 1_500).await;
    let card = world.billing().await.unwrap().method.unwrap().card.unwrap();
    assert_eq!((card.brand.as_str(), card.last4.as_str()), ("visa", "4242"));
    world.spend(23).await;
    world.until_available(10).await;
    assert_eq!(world.billing().await.unwrap().charges, [], "10 is not below 10");
    world.spend(1).await;
    let row = world.until_charge(ChargeStage::Succeeded).await;
    world.until_available(39).await;
    assert_eq!((row.charges.len(), world.charged().await), (1, 2));
}

#[tokio::test]
async fn a_price_that_changed_on_the_way_to_the_page_was_not_agreed_to() {
    let world = World::open().await;
    world.sell().await;
    let payment_id = world.want(1_500).await;
    world.change_product(&json!({"type": "change", "prices": [dollars(599)]})).await;
    world.until_product("it costs more", |row| row.prices == [dollars(599)]).await;
    world.pay_without_agreement(payment_id).await;
}

#[tokio::test]
async fn what_is_not_sold_any_more_is_not_bought_by_itself() {
    let world = World::open().await;
    world.sell().await;
    let payment_id = world.want(1_500).await;
    world.change_product(&json!({"type": "deactivate"})).await;
    world.until_product("it is off sale", |row| !row.active).await;
    world.pay_without_agreement(payment_id).await;
}

#[tokio::test]
async fn whoever_withdrew_their_consent_meanwhile_is_not_charged_by_itself() {
    let world = World::open().await;
    world.sell().await;
    let payment_id = world.want(1_500).await;
    let (id, withdraw) = (world.account_id, json!({"type": "withdraw_consent"}));
    world.send("account", id, Actor::Customer { account_id: id }, &withdraw).await;
    until("the withdrawal is seen", || async {
        let row = accounts::find(&world.pool, &world.tenant, id).await.unwrap()?;
        row.consent.is_none().then_some(())
    })
    .await;
    world.pay_without_agreement(payment_id).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for_and_never_charged_again() {
    let world = World::open().await;
    world.agree(PAID, 1_500).await;
    let method = "stripe.payment_intents.create";
    world.weather(json!({"kind": "server_error_after_effect", "method": method, "count": 3})).await;
    // Nor does a webhook tell.
    world.weather(always("drop_update", "stripe.payment_intent.succeeded")).await;
    world.spend(24).await;
    world.until_charge(ChargeStage::Succeeded).await;
    world.until_available(39).await;
    assert_eq!(world.charged().await, 2);
}

#[tokio::test]
async fn whoever_stopped_it_is_charged_no_more_and_the_card_goes_when_it_is_removed() {
    let world = World::open().await;
    world.agree(PAID, 1_500).await;
    let anna = Actor::Customer { account_id: world.account_id };
    let reason = DisableReason::Customer;
    let disable = BillingCommand::DisableRecharge(DisableRecharge { reason });
    world.command(anna.clone(), &disable).await;
    world.spend(30).await;
    world.until_available(3).await;
    let row = world.until_billing("it has ended", |row| row.agreement.is_none()).await;
    assert_eq!((row.charges, world.charged().await), (vec![], 1));
    let method_id = row.method.unwrap().method_id;
    let reason = RemoveReason::Customer;
    let remove = BillingCommand::RemoveMethod(RemoveMethod { method_id, reason });
    world.command(anna, &remove).await;
    until("the card is detached at Stripe", || async {
        let methods = world.objects("methods").await;
        methods.iter().all(|it| it["customer"].is_null()).then_some(())
    })
    .await;
    until("its id is forgotten", || async {
        let left = "select count(*) from payment_methods";
        let left: i64 = sqlx::query_scalar(left).fetch_one(&world.pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_decline_is_a_pause_and_nothing_is_charged() {
    let world = World::open().await;
    world.agree(DECLINED_LATER, 1_500).await;
    world.spend(24).await;
    let row = world.until_charge(ChargeStage::Failed).await;
    assert_eq!(row.charges[0].failure.as_deref(), Some("insufficient_funds"));
    assert!(row.retry_at.unwrap() > clock::now() + chrono::Duration::minutes(30));
    assert!(row.agreement.is_some());
    world.spend(1).await;
    world.until_available(8).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((world.billing().await.unwrap().charges.len(), world.charged().await), (1, 1));
}

#[tokio::test]
async fn when_the_bank_wants_the_holder_there_is_a_page_for_the_same_payment() {
    let world = World::open().await;
    world.agree(ASKED_AGAIN, 1_500).await;
    world.spend(24).await;
    let row = world.until_charge(ChargeStage::Begun).await;
    let payment_id = row.under_way().unwrap().payment_id;
    until("there is a page", || async {
        let row = checkouts::find(&world.pool, payment_id).await.unwrap()?;
        (row.needs_customer && row.state == CheckoutState::Open).then_some(())
    })
    .await;
    world.pay(payment_id, ASKED_AGAIN).await;
    world.confirm(payment_id, "yes").await;
    world.until_charge(ChargeStage::Succeeded).await;
    world.until_available(39).await;
    assert_eq!(world.charged().await, 2);
}

#[tokio::test]
async fn a_bank_that_takes_its_time_is_waited_for() {
    let world = World::open().await;
    world.agree(SLOW_LATER, 1_500).await;
    world.spend(24).await;
    let row = world.until_charge(ChargeStage::Begun).await;
    let payment_id = row.under_way().unwrap().payment_id;
    world.until_standing(payment_id, Standing::Unknown).await;
    // More is spent meanwhile, and no second charge is made.
    world.spend(1).await;
    world.until_charge(ChargeStage::Succeeded).await;
    world.until_available(38).await;
    assert_eq!(world.charged().await, 2);
}

#[tokio::test]
async fn no_more_is_charged_than_was_agreed_for_a_month() {
    let world = World::open().await;
    world.agree(PAID, 500).await;
    world.spend(24).await;
    world.until_charge(ChargeStage::Succeeded).await;
    world.until_available(39).await;
    world.spend(30).await;
    world.until_available(9).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((world.billing().await.unwrap().charges.len(), world.charged().await), (1, 2));
    // Another agreement with little left fills up at once.
    let anna = Actor::Customer { account_id: world.account_id };
    let (account_id, terms) = (world.account_id, terms(1_000));
    let enable =
        BillingCommand::EnableRecharge(EnableRecharge { account_id, terms, credits_left: 9 });
    world.command(anna, &enable).await;
    world.until_available(39).await;
    assert_eq!(world.charged().await, 3);
}
