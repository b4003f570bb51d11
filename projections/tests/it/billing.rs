use kontor_domain::{
    Language, Money, Recorded,
    account::{AccountEvent, Erased, ErasureGround},
    billing::{
        self, BillingEvent, Card, ChargeBegun, DisableReason, MethodRemoved, MethodSaved,
        RechargeDisabled, RechargeEnabled, RechargeFailed, RechargeRequested, RechargeTerms,
        RemoveReason,
    },
    credit_ledger::PaymentProvider,
    payment::ProductSold,
    product::Gives,
};
use kontor_projections::{
    billing::{self as directory, BillingRow, Billings, ChargeStage},
    payments::Payments,
};
use uuid::Uuid;

use crate::{
    payments::begun,
    support::{Places, World, id, tenant},
};

const DOOR: &str = "stripe/shop";

fn dollars(cents: i64) -> Money {
    Money::new(cents, "USD".parse().unwrap())
}

fn product() -> ProductSold {
    ProductSold { product_id: id("pack"), version: 2, gives: Gives::Credits(25) }
}

pub(crate) fn saved(method: &str) -> BillingEvent {
    let (brand, last4) = ("visa".to_owned(), "4242".to_owned());
    let card = Card { brand, last4, expiry_month: Some(12), expiry_year: Some(2030) };
    BillingEvent::MethodSaved(MethodSaved {
        account_id: id("anna"),
        method_id: id(method),
        provider: PaymentProvider::Stripe,
        channel: DOOR.to_owned(),
        card: Some(card.into()),
    })
}

fn enabled() -> BillingEvent {
    let terms = RechargeTerms {
        threshold_credits: 5,
        product: product(),
        price: dollars(499),
        monthly_cap: dollars(1_500),
        provider: PaymentProvider::Stripe,
        channel: DOOR.to_owned(),
        words: "Когда остаётся меньше 5…".to_owned(),
        language: Language::Ru,
    };
    BillingEvent::RechargeEnabled(Box::new(RechargeEnabled { account_id: id("anna"), terms }))
}

fn requested(payment: &str) -> BillingEvent {
    BillingEvent::RechargeRequested(RechargeRequested {
        account_id: id("anna"),
        payment_id: id(payment),
        method_id: id("card"),
        provider: PaymentProvider::Stripe,
        channel: DOOR.to_owned(),
        product: product(),
        price: dollars(499),
        month: "2026-11-01".parse().unwrap(),
        credits_left: 4,
    })
}

struct Book {
    world: World,
    places: Places,
    billing: Uuid,
}

impl Book {
    async fn new() -> Self {
        let billing = billing::billing_id(id("anna"));
        Self { world: World::new().await, places: Places::default(), billing }
    }

    fn record(&mut self, fact: &BillingEvent) -> Recorded {
        self.places.record(&tenant("shop"), self.billing, fact)
    }

    async fn tell(&mut self, facts: &[BillingEvent]) -> BillingRow {
        let page: Vec<_> = facts.iter().map(|fact| self.record(fact)).collect();
        self.world.apply(&Billings, &page).await;
        self.row().await
    }

    async fn row(&self) -> BillingRow {
        let row = directory::of_account(&self.world.pool, &tenant("shop"), id("anna")).await;
        row.unwrap().unwrap()
    }

    async fn to_charge(&self) -> usize {
        let door = (&tenant("shop"), DOOR);
        directory::to_charge(&self.world.pool, door, 10).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_billing_shows_the_card_the_agreement_and_the_charges() {
    let mut book = Book::new().await;
    let row = book.tell(&[saved("card"), enabled()]).await;
    let (method, agreement) = (row.method.unwrap(), row.agreement.unwrap());
    assert_eq!((method.method_id, method.card.unwrap().last4.as_str()), (id("card"), "4242"));
    assert_eq!(agreement.terms.monthly_cap, dollars(1_500));
    let row = book.tell(&[requested("first")]).await;
    assert_eq!(row.under_way().unwrap().payment_id, id("first"));
    assert_eq!(row.spent_minor("2026-11-01".parse().unwrap()), 499);
    let (account_id, payment_id) = (id("anna"), id("first"));
    let begun = BillingEvent::ChargeBegun(ChargeBegun { account_id, payment_id });
    let retry_at = Some("2026-11-16T10:00:00Z".parse().unwrap());
    let reason = "insufficient_funds".to_owned();
    let failed =
        BillingEvent::RechargeFailed(RechargeFailed { account_id, payment_id, reason, retry_at });
    let row = book.tell(&[begun, failed]).await;
    assert_eq!((row.under_way(), row.retry_at), (None, retry_at));
    assert_eq!(row.charges[0].stage, ChargeStage::Failed);
    assert_eq!(row.spent_minor("2026-11-01".parse().unwrap()), 0);
    let reason = DisableReason::Customer;
    let disabled = BillingEvent::RechargeDisabled(RechargeDisabled { account_id, reason });
    let (method_id, reason) = (id("card"), RemoveReason::Customer);
    let removed = BillingEvent::MethodRemoved(MethodRemoved { account_id, method_id, reason });
    let row = book.tell(&[disabled, removed]).await;
    assert_eq!((row.method, row.agreement, row.removed), (None, None, vec![id("card")]));
    assert_eq!(row.disabled, Some(DisableReason::Customer));
}

#[tokio::test]
async fn a_charge_is_handed_over_once_its_payment_is_begun_and_only_once() {
    let mut book = Book::new().await;
    book.tell(&[saved("card"), enabled(), requested("first")]).await;
    assert_eq!(book.to_charge().await, 0, "its payment is not begun");
    let payment = book.places.record(&tenant("shop"), id("first"), &begun("anna"));
    book.world.apply(&Payments, &[payment]).await;
    assert_eq!(book.to_charge().await, 1);
    let noted = "insert into payment_checkouts (payment_id, tenant, channel, asked) \
                 values ($1, 'shop', 'stripe/shop', '{}')";
    sqlx::query(noted).bind(id("first")).execute(&book.world.pool).await.unwrap();
    assert_eq!(book.to_charge().await, 0);
}

#[tokio::test]
async fn pages_that_come_twice_change_nothing_and_a_rebuild_gives_the_same_rows() {
    let mut book = Book::new().await;
    let page: Vec<_> =
        [saved("card"), enabled(), requested("first")].iter().map(|it| book.record(it)).collect();
    book.world.apply(&Billings, &page).await;
    let row = book.row().await;
    book.world.apply(&Billings, &page).await;
    assert_eq!(book.row().await, row);
    book.world.clear().await;
    for event in &page {
        book.world.apply(&Billings, std::slice::from_ref(event)).await;
    }
    assert_eq!(book.row().await, row);
}

#[tokio::test]
async fn the_card_of_an_erased_person_is_shown_no_more() {
    let mut book = Book::new().await;
    book.tell(&[saved("card")]).await;
    let erased = AccountEvent::Erased(Erased { ground: ErasureGround::PersonAsked });
    let event = book.places.record(&tenant("shop"), id("anna"), &erased);
    book.world.apply(&Billings, &[event]).await;
    assert_eq!(book.row().await.method.unwrap().card, None);
}
