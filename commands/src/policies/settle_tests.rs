//! What statements and decisions lead to in the ledger of the house.

use kontor_domain::{
    Actor, EventBody, Metadata, Money, Recorded, TenantId,
    credit_ledger::{
        Adjust, AdjustmentCause, BookAccount as A, CreditLedgerCommand, PaymentProvider, Posting,
        house_ledger_id,
    },
    provider_statement::{
        LineKind, LinesRecorded, ProviderStatementEvent, RecordedLine, StatementFile,
        StatementLine, StatementSource,
    },
    reconciliation::{Adjusted, Assigned, Explanation, ReconciliationEvent, WrittenOff},
};
use uuid::Uuid;

use super::SettleBooks;
use crate::policy::{AnyPolicy, Directive, Order, testing::Scenario};

const EVENT: Uuid = Uuid::from_u128(0xe);
const STREAM: Uuid = Uuid::from_u128(0x5);

fn demo() -> TenantId {
    "demo".parse().unwrap()
}

fn usd(amount_minor: i64) -> Money {
    Money::new(amount_minor, "USD".parse().unwrap())
}

fn recorded<E: EventBody>(fact: &E) -> Recorded {
    let at = "2026-12-01T08:00:00Z".parse().unwrap();
    Recorded {
        position: 7,
        tenant: demo(),
        stream_type: fact.wire_type().split('.').next().unwrap().to_owned(),
        stream_id: STREAM,
        version: 1,
        event_id: EVENT,
        event_type: fact.wire_type().to_owned(),
        schema_version: 1,
        payload: fact.to_payload().unwrap(),
        metadata: Metadata {
            actor: Actor::Operator { name: "anna".to_owned() },
            command_id: EVENT,
            correlation_id: EVENT,
            causation_id: None,
            trace: None,
        },
        occurred_at: at,
        recorded_at: at,
    }
}

fn line(kind: LineKind, at: &str, (amount_minor, fee_minor): (i64, i64)) -> RecordedLine {
    let line = StatementLine {
        kind,
        external_id: "x".to_owned(),
        at: at.parse().unwrap(),
        amount_minor,
        fee_minor,
        net_minor: amount_minor - fee_minor,
        currency: "USD".parse().unwrap(),
        references: [].into(),
        payout_ref: None,
        from: None,
    };
    RecordedLine { line_id: Uuid::nil(), completed: false, line }
}

fn lines(source: StatementSource, lines: Vec<RecordedLine>) -> Recorded {
    let file = StatementFile { sha256: "ab".repeat(32), lines: 9 };
    let month = "2026-11-01".parse().unwrap();
    let recorded_lines = LinesRecorded { source, month, file, lines };
    recorded(&ProviderStatementEvent::LinesRecorded(recorded_lines))
}

fn order(name: &str, cause: AdjustmentCause, at: &str, postings: &[(A, A, i64)]) -> Order {
    let postings = postings
        .iter()
        .map(|(debit, credit, amount)| Posting {
            debit: *debit,
            credit: *credit,
            amount: usd(*amount),
        })
        .collect();
    let command = CreditLedgerCommand::Adjust(Adjust {
        adjustment_id: Uuid::new_v5(&EVENT, name.as_bytes()),
        cause,
        about: STREAM,
        effective_at: at.parse().unwrap(),
        postings,
    });
    Order::Send(Directive::new("credit_ledger", house_ledger_id(&demo()), &command).unwrap())
}

#[test]
fn fees_and_payouts_are_booked_by_the_day_and_charges_are_not() {
    let policy: &dyn AnyPolicy = &SettleBooks;
    let statement = AdjustmentCause::Statement;
    let event = lines(
        StatementSource::Stripe,
        vec![
            line(LineKind::Charge, "2026-11-20T10:00:00Z", (500, 45)),
            line(LineKind::Charge, "2026-11-20T12:00:00Z", (700, 55)),
            line(LineKind::Fee, "2026-11-20T11:00:00Z", (-200, 0)),
            line(LineKind::Payout, "2026-11-21T00:00:00Z", (-900, 0)),
            // A fee that is given back is more than what was taken that day.
            line(LineKind::Refund, "2026-11-22T00:00:00Z", (-500, -45)),
            line(LineKind::Charge, "2026-11-23T00:00:00Z", (500, 0)),
            RecordedLine {
                completed: true,
                ..line(LineKind::Payout, "2026-11-24T00:00:00Z", (-9, 0))
            },
        ],
    );
    Scenario::of(policy).when(event).then_orders(&[
        order(
            "day 2026-11-20",
            statement,
            "2026-11-20T12:00:00Z",
            &[(A::ProviderFees, A::ClearingStripe, 300)],
        ),
        order(
            "day 2026-11-21",
            statement,
            "2026-11-21T00:00:00Z",
            &[(A::InTransit, A::ClearingStripe, 900)],
        ),
        order(
            "day 2026-11-22",
            statement,
            "2026-11-22T00:00:00Z",
            &[(A::ClearingStripe, A::ProviderFees, 45)],
        ),
    ]);
}

#[test]
fn what_arrives_at_the_bank_ends_what_was_under_way() {
    for (from, credit) in [
        (PaymentProvider::Stripe, A::InTransit),
        (PaymentProvider::TelegramStars, A::InTransit),
        (PaymentProvider::Yookassa, A::ClearingYookassa),
    ] {
        let mut arrival = line(LineKind::Arrival, "2026-11-24T00:00:00Z", (455, 0));
        arrival.line.from = Some(from);
        let event = lines(StatementSource::Bank, vec![arrival]);
        let expected = &[(A::Bank, credit, 455)];
        let statement = AdjustmentCause::Statement;
        let order = order("day 2026-11-24", statement, "2026-11-24T00:00:00Z", expected);
        Scenario::of(&SettleBooks).when(event).then_orders(&[order]);
    }
}

#[test]
fn corrections_and_write_offs_are_booked_and_other_work_is_not() {
    let posting = Posting { debit: A::Differences, credit: A::ClearingStripe, amount: usd(500) };
    let proposed_by = "anna".to_owned();
    let expected = &[(A::Differences, A::ClearingStripe, 500)];
    let (explanation, reference) = (Explanation::Fee, None);
    for (fact, cause) in [
        (
            ReconciliationEvent::Adjusted(Adjusted { explanation, posting, reference }),
            AdjustmentCause::Correction,
        ),
        (
            ReconciliationEvent::WrittenOff(WrittenOff { posting, proposed_by }),
            AdjustmentCause::WriteOff,
        ),
    ] {
        let order = order("decided", cause, "2026-12-01T08:00:00Z", expected);
        Scenario::of(&SettleBooks).when(recorded(&fact)).then_orders(&[order]).then_remembers(0);
    }
    let assigned = ReconciliationEvent::Assigned(Assigned { by: "anna".to_owned() });
    assert!(!AnyPolicy::event_types(&SettleBooks).contains(&assigned.wire_type()));
}
