mod naive;

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    Money, Recorded, TenantId,
    credit_ledger::{BookAccount, PaymentProvider, Posting},
    payment::{
        Begun, PaymentEvent, ProductSold, ReceiptFailed, ReceiptOf, ReceiptRegistered,
        RefundFailed, Refunded, Succeeded,
    },
    product::Gives,
    provider_statement::{
        LineKind, LinesRecorded, ProviderStatementEvent, RecordedLine, StatementFile,
        StatementLine, StatementSource, provider_statement_id,
    },
    reconciliation::{Assigned, ReconciliationEvent, Reopened, Standing, WriteOffProposed},
};
use kontor_projections::{
    PageRequest,
    reconciliation::{
        DifferenceKind as Kind, Filter, Reconciliations, days, difference, differences, files,
        kinds, payouts, sides,
    },
};
use uuid::Uuid;

use crate::support::{Places, World, id, tenant};

pub(crate) fn usd(amount_minor: i64) -> Money {
    Money::new(amount_minor, "USD".parse().unwrap())
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A log that is written event by event.
pub(crate) struct Log {
    places: Places,
    pub(crate) events: Vec<Recorded>,
    pub(crate) slug: TenantId,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { places: Places::default(), events: vec![], slug: tenant("shop") }
    }

    pub(crate) fn payment(&mut self, payment: &str, at: DateTime<Utc>, fact: &PaymentEvent) {
        let event = self.places.record(&self.slug, id(payment), fact);
        self.events.push(Recorded { occurred_at: at, ..event });
    }

    /// A payment of 5 dollars, or another amount, that was paid at an instant under a charge.
    pub(crate) fn paid(&mut self, payment: &str, charge: &str, at: DateTime<Utc>, minor: i64) {
        let product = ProductSold { product_id: id("pack"), version: 1, gives: Gives::Credits(25) };
        let (price, provider) = (usd(minor), PaymentProvider::Stripe);
        let begun = PaymentEvent::Begun(Begun {
            account_id: id("anna"),
            product,
            price,
            provider,
            channel: "stripe/main".to_owned(),
            expires_at: at + Duration::days(1),
        });
        self.payment(payment, at, &begun);
        let (account_id, provider_ref) = (id("anna"), charge.to_owned());
        let succeeded = Succeeded { provider_ref, account_id, product, price, provider };
        self.payment(payment, at, &PaymentEvent::Succeeded(succeeded));
    }

    pub(crate) fn lines(&mut self, source: StatementSource, lines: Vec<StatementLine>) {
        let month = lines[0].at.date_naive();
        let month = chrono::Datelike::with_day(&month, 1).unwrap();
        let stream = provider_statement_id(&self.slug, source, month);
        let lines = lines
            .into_iter()
            .map(|line| RecordedLine { line_id: line.id(stream), completed: false, line })
            .collect();
        let file = StatementFile { sha256: "ab".repeat(32), lines: 9 };
        let recorded = LinesRecorded { source, month, file, lines };
        let fact = ProviderStatementEvent::LinesRecorded(recorded);
        self.events.push(self.places.record(&self.slug, stream, &fact));
    }

    pub(crate) fn work(&mut self, on: Uuid, fact: &ReconciliationEvent) {
        self.events.push(self.places.record(&self.slug, on, fact));
    }
}

pub(crate) fn line(
    external_id: &str,
    kind: LineKind,
    references: &[&str],
    (at, amount_minor): (DateTime<Utc>, i64),
) -> StatementLine {
    StatementLine {
        kind,
        external_id: external_id.to_owned(),
        at,
        amount_minor,
        fee_minor: 0,
        net_minor: amount_minor,
        currency: "USD".parse().unwrap(),
        references: references.iter().map(|it| (*it).to_owned()).collect(),
        payout_ref: None,
        from: None,
    }
}

async fn open(world: &World, log: &Log) -> Vec<(Kind, String)> {
    let page = PageRequest::first(200);
    let found = differences(&world.pool, &log.slug, Filter::default(), &page).await.unwrap();
    found.items.into_iter().map(|it| (it.kind, it.item.external_id)).collect()
}

#[tokio::test]
async fn each_kind_of_difference_is_found_and_named() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    for (payment, charge) in [
        ("fine", "ch_1"),
        ("missing", "ch_2"),
        ("other amount", "ch_3"),
        ("late", "ch_4"),
        ("fee", "ch_5"),
        ("twice", "ch_6"),
        ("other currency", "ch_7"),
    ] {
        log.paid(payment, charge, noon, 500);
    }
    let charge = |name: &str, reference: &str, minor: i64| {
        line(name, LineKind::Charge, &[reference, "pi_x"], (noon, minor))
    };
    log.lines(
        StatementSource::Stripe,
        vec![
            charge("fine", "ch_1", 500),
            charge("amount", "ch_3", 400),
            StatementLine { at: noon + Duration::days(5), ..charge("late", "ch_4", 500) },
            StatementLine { fee_minor: 45, ..charge("fee", "ch_5", 500) },
            charge("one", "ch_6", 500),
            charge("two", "ch_6", 500),
            StatementLine { currency: "EUR".parse().unwrap(), ..charge("eur", "ch_7", 500) },
            charge("stranger", "ch_9", 500),
            line("topup", LineKind::Other, &["tu_1"], (noon, 100)),
        ],
    );
    world.apply(&Reconciliations, &log.events).await;
    let mut found = open(&world, &log).await;
    // Which of two equal lines is one too many follows from their ids.
    for it in &mut found {
        if it.1 == "one" || it.1 == "two" {
            it.1 = "one or two".to_owned();
        }
    }
    found.sort();
    let expected = [
        (Kind::MissingAtProvider, "ch_2"),
        (Kind::MissingWithUs, "stranger"),
        (Kind::MissingWithUs, "topup"),
        (Kind::AmountDiffers, "amount"),
        (Kind::CurrencyDiffers, "eur"),
        (Kind::Duplicate, "one or two"),
        (Kind::FeeUnexplained, "fee"),
        (Kind::Late, "late"),
    ];
    assert_eq!(found, expected.map(|(kind, name)| (kind, name.to_owned())));

    let now = noon + Duration::days(9);
    let kinds = kinds(&world.pool, &log.slug, now).await.unwrap();
    let amount = kinds.iter().find(|row| row.kind == Kind::AmountDiffers).unwrap();
    assert_eq!((amount.by_age, amount.minor), ([0, 0, 1, 0], 100));
    let side = &sides(&world.pool, &log.slug).await.unwrap()[1];
    assert_eq!((side.ours, side.matched, side.awaited.count), ((7, 3_500), 6, 0));
    let day = days(&world.pool, &log.slug, Some(PaymentProvider::Stripe), chrono_tz::UTC).await;
    let day =
        day.unwrap().into_iter().find(|row| row.currency == usd(1).currency && row.ours.0 > 0);
    assert_eq!(day.map(|row| (row.ours, row.matched)), Some(((7, 3_500), 6)));
    let file = &files(&world.pool, &log.slug).await.unwrap()[0];
    assert_eq!((file.lines, file.first_lines), (9, 9));
    assert!(open(&world, &Log { slug: tenant("other"), ..Log::new() }).await.is_empty());
}

#[tokio::test]
async fn what_no_file_covers_yet_is_awaited_and_no_difference() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    log.paid("early", "ch_1", noon, 500);
    log.paid("today", "ch_2", noon + Duration::days(3), 500);
    world.apply(&Reconciliations, &log.events).await;
    assert!(open(&world, &log).await.is_empty());
    assert_eq!(sides(&world.pool, &log.slug).await.unwrap()[0].awaited.minor, 1_000);
    let begun = log.events.len();
    let later = (noon + Duration::days(2), 700);
    log.lines(StatementSource::Stripe, vec![line("x", LineKind::Charge, &["ch_x"], later)]);
    world.apply(&Reconciliations, &log.events[begun..]).await;
    let found = open(&world, &log).await;
    assert!(found.contains(&(Kind::MissingAtProvider, "ch_1".to_owned())), "{found:?}");
    assert_eq!(found.len(), 2);
    assert_eq!(sides(&world.pool, &log.slug).await.unwrap()[0].awaited.count, 1);
}

#[tokio::test]
async fn refunds_and_payouts_find_their_lines_and_a_refund_that_failed_is_expected_no_more() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    log.paid("a", "ch_1", noon, 500);
    let amount = usd(500);
    let (refund_id, provider_ref, surplus) = (id("refund"), "ch_1".to_owned(), false);
    let refunded =
        Refunded { refund_id, provider_ref: provider_ref.clone(), amount, surplus, part: None };
    log.payment("a", noon, &PaymentEvent::Refunded(refunded));
    let mut payout = line("txn_3", LineKind::Payout, &["po_1"], (noon, -455));
    payout.payout_ref = Some("po_1".to_owned());
    let mut paid_out = line("txn_1", LineKind::Charge, &["ch_1"], (noon, 500));
    (paid_out.fee_minor, paid_out.net_minor) = (45, 455);
    paid_out.payout_ref = Some("po_1".to_owned());
    let refund = line("txn_2", LineKind::Refund, &["ch_1", "re_1"], (noon, -500));
    log.lines(StatementSource::Stripe, vec![payout, paid_out, refund]);
    let mut arrival = line("17", LineKind::Arrival, &[], (noon + Duration::days(2), 455));
    arrival.from = Some(PaymentProvider::Stripe);
    log.lines(StatementSource::Bank, vec![arrival]);
    world.apply(&Reconciliations, &log.events).await;
    assert!(open(&world, &log).await.is_empty(), "{:?}", open(&world, &log).await);
    let payout = &payouts(&world.pool, &log.slug).await.unwrap()[0];
    assert_eq!((payout.reference.as_str(), payout.amount_minor), ("po_1", 455));
    assert_eq!(
        (payout.lines_minor, payout.arrived_at),
        (Some(455), Some(noon + Duration::days(2)))
    );

    let begun = log.events.len();
    let reason = "expired_card".to_owned();
    let failed = RefundFailed { refund_id, provider_ref, amount, reason, surplus };
    log.payment("a", noon, &PaymentEvent::RefundFailed(failed));
    world.apply(&Reconciliations, &log.events[begun..]).await;
    assert_eq!(open(&world, &log).await, [(Kind::MissingWithUs, "txn_2".to_owned())]);
    // A page that comes again does not bring the refund back.
    world.apply(&Reconciliations, &log.events[..begun]).await;
    assert_eq!(open(&world, &log).await.len(), 1);
}

#[tokio::test]
async fn a_receipt_that_failed_is_a_difference_until_it_is_registered() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    log.paid("a", "ch_1", noon, 500);
    let (of, provider_ref) = (ReceiptOf::Charge, "ch_1".to_owned());
    let failed = ReceiptFailed { of, provider_ref: provider_ref.clone() };
    log.payment("a", noon, &PaymentEvent::ReceiptFailed(failed));
    let (of, refund) = (ReceiptOf::Refund, "re_1".to_owned());
    let registered = ReceiptRegistered { of, provider_ref: refund };
    log.payment("a", noon, &PaymentEvent::ReceiptRegistered(registered));
    world.apply(&Reconciliations, &log.events).await;
    assert_eq!(open(&world, &log).await, [(Kind::ReceiptMissing, "ch_1".to_owned())]);
    let page = PageRequest::first(10);
    let found = differences(&world.pool, &log.slug, Filter::default(), &page).await.unwrap();
    let item = &found.items[0];
    assert_eq!((item.item.amount_minor, item.posting()), (500, None));
    // Receipts are no money: the payment alone is.
    let side = &sides(&world.pool, &log.slug).await.unwrap()[0];
    assert_eq!((side.ours, side.fees_minor), ((1, 500), 0));
    let begun = log.events.len();
    let registered = ReceiptRegistered { of: ReceiptOf::Charge, provider_ref };
    log.payment("a", noon, &PaymentEvent::ReceiptRegistered(registered));
    world.apply(&Reconciliations, &log.events[begun..]).await;
    assert!(open(&world, &log).await.is_empty());
    // The same in one page, from the beginning.
    world.clear().await;
    world.apply(&Reconciliations, &log.events).await;
    assert!(open(&world, &log).await.is_empty());
}

#[tokio::test]
async fn work_is_shown_with_its_difference_and_what_is_closed_leaves_the_list() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    log.lines(StatementSource::Stripe, vec![line("x", LineKind::Charge, &["ch_x"], (noon, 700))]);
    world.apply(&Reconciliations, &log.events).await;
    let page = PageRequest::first(10);
    let found = differences(&world.pool, &log.slug, Filter::default(), &page).await.unwrap();
    let on = found.items[0].item.id;
    assert_eq!(found.items[0].standing(), Standing::Open);
    log.work(on, &ReconciliationEvent::Assigned(Assigned { by: "anna".to_owned() }));
    let posting = Posting {
        debit: BookAccount::ClearingStripe,
        credit: BookAccount::Differences,
        amount: usd(700),
    };
    let (by, reference) = ("anna".to_owned(), None);
    let proposed = WriteOffProposed { by, posting, reference };
    log.work(on, &ReconciliationEvent::WriteOffProposed(proposed));
    world.apply(&Reconciliations, &log.events[1..]).await;
    let found = difference(&world.pool, &log.slug, on).await.unwrap().unwrap();
    assert_eq!(found.standing(), Standing::WriteOffProposed);
    let work = found.work.unwrap();
    assert_eq!((work.assignee.as_deref(), work.posting), (Some("anna"), Some(posting)));
    for (closed, count) in [(None, 1), (Some(false), 1), (Some(true), 0)] {
        let filter = Filter { closed, ..Filter::default() };
        let found = differences(&world.pool, &log.slug, filter, &page).await.unwrap();
        assert_eq!(found.items.len(), count, "{closed:?}");
    }
    let explained = kontor_domain::reconciliation::Explained {
        explanation: kontor_domain::reconciliation::Explanation::Test,
        reference: None,
    };
    let begun = log.events.len();
    log.work(on, &ReconciliationEvent::Reopened(Reopened {}));
    log.work(on, &ReconciliationEvent::Explained(explained));
    world.apply(&Reconciliations, &log.events[begun..]).await;
    let filter = Filter { closed: Some(false), ..Filter::default() };
    assert!(differences(&world.pool, &log.slug, filter, &page).await.unwrap().items.is_empty());
    assert!(kinds(&world.pool, &log.slug, noon).await.unwrap().is_empty());
    let elsewhere = difference(&world.pool, &tenant("other"), on).await.unwrap();
    assert_eq!(elsewhere, None);
}

#[tokio::test]
async fn a_payout_that_arrives_short_is_off_by_what_is_missing() {
    let (world, mut log) = (World::new().await, Log::new());
    let noon = at("2026-11-20T12:00:00Z");
    let payout = line("po_1", LineKind::Payout, &["po_1"], (noon, -455));
    log.lines(StatementSource::Stripe, vec![payout]);
    let mut arrival = line("17", LineKind::Arrival, &["po_1"], (noon + Duration::days(2), 450));
    arrival.from = Some(PaymentProvider::Stripe);
    log.lines(StatementSource::Bank, vec![arrival]);
    world.apply(&Reconciliations, &log.events).await;
    let page = PageRequest::first(200);
    let found = differences(&world.pool, &log.slug, Filter::default(), &page).await.unwrap().items;
    let [short] = &found[..] else { panic!("{found:?}") };
    assert_eq!((short.kind, short.excess_minor()), (Kind::AmountDiffers, Some(-5)));
    let posting = short.posting_against(BookAccount::ProviderFees).unwrap();
    assert_eq!(
        (posting.debit, posting.credit, posting.amount),
        (BookAccount::ProviderFees, BookAccount::InTransit, usd(5))
    );
    assert_eq!(short.posting_against(BookAccount::InTransit), None);
}
