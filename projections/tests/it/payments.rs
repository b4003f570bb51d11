use kontor_domain::{
    Money,
    credit_ledger::{CorrectionReason, DisputeOutcome, PaymentProvider},
    payment::{
        self, Begun, PaymentEvent, ProductSold, ReceiptOf, ReceiptStanding, RefundFailed,
        RefundRequested, RefundStanding, Refunded, Standing, Succeeded,
    },
    product::Gives,
};
use kontor_projections::{
    PageRequest,
    payments::{self, PaymentRow, Payments, ReceiptPart},
};

use crate::support::{Places, World, id, tenant};

fn stars() -> Money {
    Money::new(250, "XTR".parse().unwrap())
}

fn product() -> ProductSold {
    ProductSold { product_id: id("pack"), version: 2, gives: Gives::Credits(25) }
}

pub(crate) fn begun(account: &str) -> PaymentEvent {
    PaymentEvent::Begun(Begun {
        account_id: id(account),
        product: product(),
        price: stars(),
        provider: PaymentProvider::TelegramStars,
        channel: "telegram/shop".to_owned(),
        expires_at: "2027-01-01T00:00:00Z".parse().unwrap(),
    })
}

pub(crate) fn succeeded(account: &str) -> PaymentEvent {
    PaymentEvent::Succeeded(Succeeded {
        provider_ref: "stx-1".to_owned(),
        account_id: id(account),
        product: product(),
        price: stars(),
        provider: PaymentProvider::TelegramStars,
    })
}

pub(crate) fn refund_requested() -> PaymentEvent {
    PaymentEvent::RefundRequested(RefundRequested {
        refund_id: id("refund"),
        provider_ref: "stx-1".to_owned(),
        amount: stars(),
        reason: CorrectionReason::CustomerAsked,
        surplus: false,
        part: None,
    })
}

#[tokio::test]
async fn a_payment_shows_how_far_it_has_come_and_what_went_back() {
    let world = World::new().await;
    let (mut places, slug, payment) = (Places::default(), tenant("shop"), id("payment"));
    let first = places.record(&slug, payment, &begun("anna"));
    world.apply(&Payments, &[first]).await;
    let row = payments::find(&world.pool, &slug, payment).await.unwrap().unwrap();
    assert_eq!((row.account_id, row.standing, row.price), (id("anna"), Standing::Intent, stars()));
    assert_eq!((row.product, row.channel.as_str()), (product(), "telegram/shop"));
    let failed = PaymentEvent::Failed(payment::Failed { reason: "declined".to_owned() });
    let page = [failed, succeeded("anna"), refund_requested()]
        .map(|fact| places.record(&slug, payment, &fact));
    world.apply(&Payments, &page).await;
    let waiting = payments::due_refunds(&world.pool, (&slug, "telegram/shop"), 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].standing, waiting[0].failure.as_deref()), (Standing::Succeeded, None));
    assert_eq!(waiting[0].provider_ref.as_deref(), Some("stx-1"));
    let others = payments::due_refunds(&world.pool, (&slug, "telegram/other"), 10).await.unwrap();
    assert!(others.is_empty());
    is_due_when_its_pause_is_over(&world, &waiting).await;

    let refunded = PaymentEvent::Refunded(Refunded {
        refund_id: id("refund"),
        provider_ref: "stx-1".to_owned(),
        amount: stars(),
        surplus: false,
        part: None,
    });
    let undone = PaymentEvent::RefundFailed(RefundFailed {
        refund_id: id("refund"),
        provider_ref: "stx-1".to_owned(),
        amount: stars(),
        reason: "expired_card".to_owned(),
        surplus: false,
    });
    let opened = PaymentEvent::DisputeOpened(payment::DisputeOpened {
        dispute_id: id("dispute"),
        dispute_ref: "dp_1".to_owned(),
        provider_ref: "stx-1".to_owned(),
        amount: stars(),
        surplus: false,
    });
    let closed = PaymentEvent::DisputeClosed(payment::DisputeClosed {
        dispute_id: id("dispute"),
        outcome: DisputeOutcome::Won,
        surplus: false,
    });
    let page = [refunded, undone, opened, closed].map(|fact| places.record(&slug, payment, &fact));
    world.apply(&Payments, &page).await;
    let row = payments::find(&world.pool, &slug, payment).await.unwrap().unwrap();
    let [refund] = &row.refunds[..] else { panic!("{row:?}") };
    assert_eq!(refund.standing, RefundStanding::Failed);
    assert_eq!(refund.failure.as_deref(), Some("expired_card"));
    assert_eq!(row.disputes[0].outcome, Some(DisputeOutcome::Won));
    assert_eq!((row.version, row.refund_is_open()), (8, false));
    assert_eq!(row.receipts, vec![]);
}

/// A refund is due before it was asked for and after its pause, and not between.
async fn is_due_when_its_pause_is_over(world: &World, waiting: &[PaymentRow]) {
    let slug = tenant("shop");
    let due =
        async || payments::due_refunds(&world.pool, (&slug, "telegram/shop"), 10).await.unwrap();
    assert_eq!(due().await, waiting);
    let call = "insert into payment_refund_calls (refund_id, payment_id, channel, next_at) \
                values ($1, $2, 'telegram/shop', clock_timestamp() + interval '1 hour')";
    let call = sqlx::query(call).bind(id("refund")).bind(id("payment"));
    call.execute(&world.pool).await.unwrap();
    assert_eq!(due().await, vec![]);
    let over = sqlx::query("update payment_refund_calls set next_at = clock_timestamp()");
    over.execute(&world.pool).await.unwrap();
    assert_eq!(due().await, waiting);
}

#[tokio::test]
async fn a_payment_shows_its_receipts_and_which_are_open() {
    let world = World::new().await;
    let (mut places, slug, payment) = (Places::default(), tenant("shop"), id("payment"));
    let facts = [begun("anna"), succeeded("anna")];
    let page = facts.map(|fact| places.record(&slug, payment, &fact));
    world.apply(&Payments, &page).await;
    let (of, provider_ref) = (ReceiptOf::Charge, "stx-1".to_owned());
    let requested = payment::ReceiptRequested { of, provider_ref: provider_ref.clone() };
    let failed = payment::ReceiptFailed { of: ReceiptOf::Refund, provider_ref: "r-1".to_owned() };
    let registered = payment::ReceiptRegistered { of, provider_ref: provider_ref.clone() };
    let page = [
        PaymentEvent::ReceiptRequested(requested),
        PaymentEvent::ReceiptFailed(failed),
        PaymentEvent::ReceiptRegistered(registered),
    ]
    .map(|fact| places.record(&slug, payment, &fact));
    world.apply(&Payments, &page).await;
    let row = payments::find(&world.pool, &slug, payment).await.unwrap().unwrap();
    let receipts = [
        (of, provider_ref, ReceiptStanding::Registered),
        (ReceiptOf::Refund, "r-1".to_owned(), ReceiptStanding::Failed),
    ];
    let receipts =
        receipts.map(|(of, provider_ref, standing)| ReceiptPart { of, provider_ref, standing });
    assert_eq!(row.receipts, receipts);
    let door = (&slug, "telegram/shop");
    assert_eq!(payments::open_receipts(&world.pool, door, 10).await.unwrap(), vec![]);
    let another =
        payment::ReceiptRequested { of: ReceiptOf::Refund, provider_ref: "r-2".to_owned() };
    let another = places.record(&slug, payment, &PaymentEvent::ReceiptRequested(another));
    world.apply(&Payments, &[another]).await;
    let open = payments::open_receipts(&world.pool, door, 10).await.unwrap();
    assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), vec![payment]);
    let named = payments::find_all(&world.pool, &slug, &[payment, id("nobody")]).await.unwrap();
    assert_eq!(named, open);
    let others = payments::find_all(&world.pool, &tenant("other"), &[payment]).await.unwrap();
    assert_eq!(others, vec![]);
}

#[tokio::test]
async fn lists_are_newest_first_and_show_the_tenants_own_alone() {
    let world = World::new().await;
    let (mut places, slug) = (Places::default(), tenant("shop"));
    let mut page = Vec::new();
    for (word, account) in [("p1", "anna"), ("p2", "boris"), ("p3", "anna")] {
        page.push(places.record(&slug, id(word), &begun(account)));
    }
    page.push(places.record(&tenant("other"), id("p4"), &begun("anna")));
    world.apply(&Payments, &page).await;
    for (account, expected) in
        [(None, vec!["p3", "p2", "p1"]), (Some("anna"), vec!["p3", "p1"]), (Some("carl"), vec![])]
    {
        let mut page = PageRequest::first(1);
        let mut ids = Vec::new();
        loop {
            let listed = payments::list(&world.pool, &slug, account.map(id), &page).await.unwrap();
            ids.extend(listed.items.iter().map(|row| row.id));
            let Some(next) = listed.next else { break };
            page.after = Some(next);
        }
        assert_eq!(ids, expected.into_iter().map(id).collect::<Vec<_>>(), "{account:?}");
    }
    assert_eq!(payments::find(&world.pool, &slug, id("p4")).await.unwrap(), None);
}
