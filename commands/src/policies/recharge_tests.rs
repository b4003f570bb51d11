//! The policies of recharging: what is passed on, what is begun, and what a customer's billing hears.

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    Actor, EventBody, Language, Metadata, Money, Recorded,
    account::{AccountEvent, ConsentWithdrawn, Erased, ErasureGround},
    billing::{
        BillingEvent, CapReached, Closed, DisableReason, MethodSaved, RechargeDisabled,
        RechargeEnabled, RechargeFailed, RechargeRequested, RechargeSucceeded, RechargeTerms,
        billing_id,
    },
    credit_ledger::{PaymentProvider, credit_ledger_id},
    payment::{Expired, Failed, PaymentEvent, ProductSold},
    product::{Changed, Deactivated, Gives, ProductEvent, ProductKind, ProductName},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AutoRecharge, RechargeOutcomes};
use crate::policy::{Directive, Order, testing::Scenario};

const ANNA: Uuid = Uuid::from_u128(0xa);
const PAYMENT: Uuid = Uuid::from_u128(0xf1);
const PRODUCT: Uuid = Uuid::from_u128(0xb1);

fn now() -> DateTime<Utc> {
    "2026-11-16T09:00:00Z".parse().unwrap()
}

fn dollars(cents: i64) -> Money {
    Money::new(cents, "USD".parse().unwrap())
}

fn recorded((stream_type, stream_id): (&str, Uuid), body: &impl EventBody) -> Recorded {
    Recorded {
        position: 1,
        tenant: "demo".parse().unwrap(),
        stream_type: stream_type.to_owned(),
        stream_id,
        version: 1,
        event_id: Uuid::nil(),
        event_type: body.wire_type().to_owned(),
        schema_version: body.schema_version(),
        payload: body.to_payload().unwrap(),
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        },
        occurred_at: now(),
        recorded_at: now(),
    }
}

fn billed(event: BillingEvent) -> Recorded {
    recorded(("billing", billing_id(ANNA)), &event)
}

fn sold() -> ProductSold {
    ProductSold { product_id: PRODUCT, version: 3, gives: Gives::Credits(25) }
}

fn saved() -> Recorded {
    billed(BillingEvent::MethodSaved(MethodSaved {
        account_id: ANNA,
        method_id: Uuid::from_u128(1),
        provider: PaymentProvider::Stripe,
        channel: "stripe/shop".to_owned(),
        card: None,
    }))
}

fn enabled() -> Recorded {
    let terms = RechargeTerms {
        threshold_credits: 5,
        product: sold(),
        price: dollars(499),
        monthly_cap: dollars(1_500),
        provider: PaymentProvider::Stripe,
        channel: "stripe/shop".to_owned(),
        words: "Yes".to_owned(),
        language: Language::En,
    };
    billed(BillingEvent::RechargeEnabled(Box::new(RechargeEnabled { account_id: ANNA, terms })))
}

fn requested() -> Recorded {
    billed(BillingEvent::RechargeRequested(RechargeRequested {
        account_id: ANNA,
        payment_id: PAYMENT,
        method_id: Uuid::from_u128(1),
        provider: PaymentProvider::Stripe,
        channel: "stripe/shop".to_owned(),
        product: sold(),
        price: dollars(499),
        month: "2026-11-01".parse().unwrap(),
        credits_left: 4,
    }))
}

fn failed(retry_at: Option<DateTime<Utc>>) -> Recorded {
    let reason = "insufficient_funds".to_owned();
    let failed = RechargeFailed { account_id: ANNA, payment_id: PAYMENT, reason, retry_at };
    billed(BillingEvent::RechargeFailed(failed))
}

/// A spend as it stands in the log, which leaves so many credits.
fn spent(balance: i64) -> Recorded {
    of_the_corpus("spent", |payload| payload["balance"] = balance.into())
}

fn granted(credits: i64, payment_id: Uuid) -> Recorded {
    of_the_corpus("granted", |payload| {
        payload["credits"] = credits.into();
        payload["payment"]["payment_id"] = json!(payment_id);
    })
}

/// The first stored event of a type, changed.
fn of_the_corpus(name: &str, change: impl FnOnce(&mut Value)) -> Recorded {
    let text = match name {
        "spent" => include_str!("../../../domain/tests/corpus/credit_ledger.spent.v1.json"),
        "spend_reversed" => {
            include_str!("../../../domain/tests/corpus/credit_ledger.spend_reversed.v1.json")
        }
        "dispute_opened" => {
            include_str!("../../../domain/tests/corpus/credit_ledger.dispute_opened.v1.json")
        }
        _ => include_str!("../../../domain/tests/corpus/credit_ledger.granted.v1.json"),
    };
    let corpus: Value = serde_json::from_str(text).unwrap();
    let cases = corpus["cases"].as_array().unwrap().iter();
    let mut paid = cases.map(|case| case["stored"].clone());
    let mut payload =
        paid.find(|stored| name != "granted" || stored["payment"].is_object()).unwrap();
    change(&mut payload);
    let mut event = spent_frame();
    event.event_type = format!("credit_ledger.{name}");
    event.payload = payload.to_string();
    event
}

fn spent_frame() -> Recorded {
    let frame = BillingEvent::Closed(Closed { account_id: ANNA });
    recorded(("credit_ledger", credit_ledger_id(ANNA)), &frame)
}

fn order(command: Value) -> Directive {
    Directive { aggregate: "billing", id: billing_id(ANNA), command }
}

fn ask(command: Value) -> Order {
    Order::Send(order(command))
}

fn timer() -> String {
    format!("again:{}", credit_ledger_id(ANNA))
}

fn low(credits_left: i64) -> Value {
    json!({"type": "request_recharge", "credits_left": credits_left})
}

#[test]
fn a_spend_that_leaves_few_is_passed_on_when_that_was_agreed() {
    let scenario = || Scenario::of(&AutoRecharge).given([saved()]);
    scenario().when(spent(4)).then_orders(&[]);
    let agreed = || scenario().given([enabled()]);
    agreed().when(spent(5)).then_orders(&[]);
    agreed().when(spent(4)).then_orders(&[ask(low(4))]);
    let disabled = RechargeDisabled { account_id: ANNA, reason: DisableReason::Customer };
    let disabled = billed(BillingEvent::RechargeDisabled(disabled));
    agreed().given([disabled]).when(spent(4)).then_orders(&[]);
}

#[test]
fn what_is_wanted_is_begun_and_while_it_is_under_way_nothing_is_passed_on() {
    let begin = json!({
        "type": "begin", "account_id": ANNA, "product": sold(), "price": dollars(499),
        "provider": "stripe", "channel": "stripe/shop", "expires_at": "2026-11-17T09:00:00Z",
    });
    let directive = Directive { aggregate: "payment", id: PAYMENT, command: begin };
    let agreed = || Scenario::of(&AutoRecharge).given([saved(), enabled()]);
    let under_way = agreed().when(requested()).then_orders(&[Order::Send(directive)]);
    under_way.when(spent(3)).then_orders(&[]);
}

#[test]
fn what_is_spent_before_a_charge_is_over_is_passed_on_when_it_is() {
    let (account_id, payment_id) = (ANNA, PAYMENT);
    let succeeded = RechargeSucceeded { account_id, payment_id };
    let succeeded = || billed(BillingEvent::RechargeSucceeded(succeeded.clone()));
    let there = [saved(), enabled(), spent(4), requested(), granted(25, PAYMENT)];
    let scenario = || Scenario::of(&AutoRecharge).given(there.clone());
    scenario().when(succeeded()).then_orders(&[]);
    scenario().given([spent(3)]).when(succeeded()).then_orders(&[ask(low(3))]);
    scenario().given([spent(5)]).when(succeeded()).then_orders(&[]);
}

#[test]
fn after_a_decline_it_is_asked_again_later_unless_credits_come_first() {
    let retry_at = now() + Duration::hours(1);
    let scenario =
        || Scenario::of(&AutoRecharge).given([saved(), enabled(), spent(4), requested()]);
    let again = Order::Schedule { key: timer(), due_at: retry_at, directive: order(low(4)) };
    let declined = scenario().when(failed(Some(retry_at))).then_orders(&[again]);
    let enough = [Order::Cancel { key: timer() }];
    declined.when(granted(1, Uuid::nil())).then_orders(&enough);
    scenario().when(failed(None)).then_orders(&[]);
}

#[test]
fn when_the_cap_is_reached_it_is_asked_again_in_the_next_month() {
    let month = "2026-12-01".parse().unwrap();
    let monthly_cap = dollars(1_500);
    let reached = BillingEvent::CapReached(CapReached { account_id: ANNA, month, monthly_cap });
    let due_at = "2027-01-02T00:00:00Z".parse().unwrap();
    Scenario::of(&AutoRecharge)
        .given([saved(), enabled(), spent(0)])
        .when(billed(reached))
        .then_orders(&[Order::Schedule { key: timer(), due_at, directive: order(low(0)) }]);
}

#[test]
fn another_price_ends_the_agreement_and_another_name_does_not() {
    let changed = |prices: Vec<Money>, gives| {
        let name = ProductName { ru: "Ещё лучше".into(), en: "Better still".into() };
        let kind = ProductKind::RealWorld;
        let changed = Changed { name, gives, kind, prices, ordinal: 1 };
        recorded(("product", PRODUCT), &ProductEvent::Changed(changed))
    };
    let agreed = || Scenario::of(&AutoRecharge).given([saved(), enabled()]);
    let end = [ask(json!({"type": "disable_recharge", "reason": "product_changed"}))];
    let (gives, more) = (Gives::Credits(25), Gives::Credits(26));
    agreed().when(changed(vec![dollars(499)], gives)).then_orders(&[]);
    agreed().when(changed(vec![dollars(599)], gives)).then_orders(&end);
    agreed().when(changed(vec![dollars(499)], more)).then_orders(&end);
    let gone = ProductEvent::Deactivated(Deactivated {});
    agreed().when(recorded(("product", PRODUCT), &gone)).then_orders(&end);
    agreed().when(recorded(("product", Uuid::nil()), &gone)).then_orders(&[]);
}

#[test]
fn what_came_back_before_the_next_attempt_makes_it_needless() {
    let declined = || failed(Some(now() + Duration::hours(1)));
    let waiting = || {
        let before = [saved(), enabled(), spent(2), requested(), declined()];
        Scenario::of(&AutoRecharge).given(before)
    };
    let given_back = |credits: i64| {
        of_the_corpus("spend_reversed", |payload| payload["credits"] = credits.into())
    };
    let never = [Order::Cancel { key: timer() }];
    waiting().when(given_back(50)).then_orders(&never);
    waiting().when(spent(51)).then_orders(&never);
    // Nothing waits any more, and little that comes back changes nothing.
    Scenario::of(&AutoRecharge).given([saved(), enabled()]).when(spent(51)).then_orders(&[]);
    waiting().when(given_back(0)).then_orders(&[]);
}

#[test]
fn who_contests_a_payment_is_not_charged_without_being_asked() {
    let contested = || of_the_corpus("dispute_opened", |_| {});
    let end = [ask(json!({"type": "disable_recharge", "reason": "disputed"}))];
    Scenario::of(&AutoRecharge).given([saved(), enabled()]).when(contested()).then_orders(&end);
    Scenario::of(&AutoRecharge).given([saved()]).when(contested()).then_orders(&[]);
}

#[test]
fn nothing_is_kept_of_an_erased_person_and_nothing_bought_without_consent() {
    let account = |event: AccountEvent| recorded(("account", ANNA), &event);
    let erased = || account(AccountEvent::Erased(Erased { ground: ErasureGround::PersonAsked }));
    let agreed = || Scenario::of(&AutoRecharge).given([saved(), enabled()]);
    let close = [ask(json!({"type": "close", "account_id": ANNA}))];
    agreed().when(erased()).then_orders(&close);
    Scenario::of(&AutoRecharge).when(erased()).then_orders(&[]);
    let closed = billed(BillingEvent::Closed(Closed { account_id: ANNA }));
    let forgotten = [Order::Cancel { key: timer() }];
    agreed().when(closed).then_orders(&forgotten).then_remembers(0);
    let withdrawn = account(AccountEvent::ConsentWithdrawn(ConsentWithdrawn {}));
    let end = [ask(json!({"type": "disable_recharge", "reason": "consent_withdrawn"}))];
    agreed().when(withdrawn).then_orders(&end);
}

#[test]
fn what_came_of_a_charge_is_told_and_other_payments_are_nobodys() {
    let payment = |event: PaymentEvent| recorded(("payment", PAYMENT), &event);
    let declined = || payment(PaymentEvent::Failed(Failed { reason: "expired_card".to_owned() }));
    let scenario = || Scenario::of(&RechargeOutcomes).given([requested()]);
    let failure = |reason: &str| {
        let id = PAYMENT;
        [ask(json!({"type": "record_recharge_failure", "payment_id": id, "reason": reason}))]
    };
    scenario().when(declined()).then_orders(&failure("expired_card"));
    let expired = payment(PaymentEvent::Expired(Expired {}));
    scenario().when(expired).then_orders(&failure("expired"));
    Scenario::of(&RechargeOutcomes).when(declined()).then_orders(&[]);
    let success = [ask(json!({"type": "record_recharge_success", "payment_id": PAYMENT}))];
    let there = granted(25, PAYMENT);
    scenario().when(there.clone()).then_orders(&success).then_remembers(0);
    // It was paid after all.
    scenario().given([declined()]).when(there).then_orders(&success);
    Scenario::of(&RechargeOutcomes).when(granted(25, Uuid::nil())).then_orders(&[]);
}
