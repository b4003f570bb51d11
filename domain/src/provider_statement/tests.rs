mod wire;

use std::sync::Arc;

use cqrs_es::Aggregate;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{Actor, Decider, Issued, TenantFacts, credit_ledger::PaymentProvider, tenant::Tenant};

fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

fn november() -> NaiveDate {
    "2026-11-01".parse().unwrap()
}

fn line(external_id: &str, amount_minor: i64) -> StatementLine {
    StatementLine {
        kind: LineKind::Charge,
        external_id: external_id.to_owned(),
        at: "2026-11-20T10:00:00Z".parse().unwrap(),
        amount_minor,
        fee_minor: 45,
        net_minor: amount_minor - 45,
        currency: "USD".parse().unwrap(),
        references: [format!("ch_{external_id}")].into(),
        payout_ref: None,
        from: None,
    }
}

fn file() -> StatementFile {
    StatementFile { sha256: "ab".repeat(32), lines: 3 }
}

fn record(lines: Vec<StatementLine>) -> Record {
    Record { source: StatementSource::Stripe, month: november(), file: file(), lines }
}

fn asked(record: Record) -> Issued<ProviderStatementCommand> {
    let facts = Tenant::default().facts(tenant());
    Issued {
        id: provider_statement_id(&tenant(), record.source, record.month),
        at: "2026-12-01T08:00:00Z".parse().unwrap(),
        actor: Actor::Operator { name: "api_key:books".to_owned() },
        tenant: Arc::new(TenantFacts { exists: true, ..facts }),
        command: ProviderStatementCommand::Record(record),
    }
}

fn decide(
    statement: &mut ProviderStatement,
    record: Record,
) -> Result<Vec<RecordedLine>, ProviderStatementRefusal> {
    let mut lines = Vec::new();
    for event in statement.decide(asked(record))? {
        let ProviderStatementEvent::LinesRecorded(recorded) = event.clone();
        lines.extend(recorded.lines);
        statement.apply(event);
    }
    Ok(lines)
}

#[test]
fn a_file_that_comes_twice_or_overlaps_records_each_line_once() {
    let mut statement = ProviderStatement::default();
    let first = decide(&mut statement, record(vec![line("1", 500), line("2", 700)])).unwrap();
    assert_eq!(first.len(), 2);
    assert!(
        decide(&mut statement, record(vec![line("2", 700), line("1", 500)])).unwrap().is_empty()
    );
    let lines = vec![line("2", 700), line("3", 900), line("3", 900)];
    let third = decide(&mut statement, record(lines)).unwrap();
    assert_eq!(third.iter().map(|it| &*it.line.external_id).collect::<Vec<_>>(), ["3"]);
    // The same id with another amount is another line: which of them is right, nobody knows here.
    let other = decide(&mut statement, record(vec![line("1", 501)])).unwrap();
    assert!(other[0].line_id != first[0].line_id && !other[0].completed);
}

#[test]
fn a_payout_that_becomes_known_is_filled_in_once() {
    let mut statement = ProviderStatement::default();
    decide(&mut statement, record(vec![line("1", 500)])).unwrap();
    let paid_out = StatementLine { payout_ref: Some("po_1".to_owned()), ..line("1", 500) };
    let filled = decide(&mut statement, record(vec![paid_out.clone()])).unwrap();
    assert!(filled[0].completed && filled[0].line == paid_out);
    for known in [paid_out, line("1", 500)] {
        assert!(decide(&mut statement, record(vec![known])).unwrap().is_empty());
    }
}

#[test]
fn only_whoever_keeps_the_books_says_what_a_provider_wrote() {
    let statement = ProviderStatement::default();
    let mut issued = asked(record(vec![line("1", 500)]));
    issued.actor = Actor::Customer { account_id: Uuid::nil() };
    assert_eq!(statement.decide(issued), Err(ProviderStatementRefusal::NotAllowed));
    let mut issued = asked(record(vec![line("1", 500)]));
    let expected = issued.id;
    issued.id = Uuid::nil();
    assert_eq!(statement.decide(issued), Err(ProviderStatementRefusal::IdMismatch { expected }));
    let mut issued = asked(record(vec![line("1", 500)]));
    issued.tenant = Arc::new(TenantFacts { exists: false, ..(*issued.tenant).clone() });
    assert_eq!(statement.decide(issued), Err(ProviderStatementRefusal::TenantUnknown));
}

#[test]
fn a_line_that_cannot_be_is_refused_by_its_number_and_field() {
    type Spoil = fn(&mut StatementLine);
    let spoil: [(&str, Spoil); 9] = [
        ("at", |it| it.at = "2026-12-01T00:00:00Z".parse().unwrap()),
        ("external_id", |it| it.external_id = String::new()),
        ("external_id", |it| it.external_id = " 1".to_owned()),
        ("external_id", |it| it.external_id = "я".repeat(128)),
        ("references", |it| it.references = (0..9).map(|n| n.to_string()).collect()),
        ("references", |it| it.references = ["a\nb".to_owned()].into()),
        ("payout_ref", |it| it.payout_ref = Some(String::new())),
        ("net_minor", |it| it.net_minor = i64::MIN),
        ("from", |it| it.from = Some(PaymentProvider::Stripe)),
    ];
    for (name, spoil) in spoil {
        let mut broken = line("2", 700);
        spoil(&mut broken);
        let refused = ProviderStatement::default()
            .decide(asked(record(vec![line("1", 500), broken])))
            .unwrap_err();
        let ProviderStatementRefusal::LineInvalid { line, field, .. } = &refused else {
            panic!("{name}: {refused}")
        };
        assert_eq!((*line, field.as_str()), (2, name), "{refused}");
    }
}

#[test]
fn a_line_of_the_future_is_refused_with_a_day_for_clocks_that_differ() {
    let ask = |at: &str| {
        let at = at.parse().unwrap();
        let later = StatementLine { at, ..line("2", 700) };
        let mut issued = asked(record(vec![line("1", 500), later]));
        issued.at = "2026-11-20T10:00:00Z".parse().unwrap();
        ProviderStatement::default().decide(issued)
    };
    for at in ["2026-11-20T10:00:01Z", "2026-11-21T10:00:00Z"] {
        assert_eq!(ask(at).map(|events| events.len()), Ok(1), "{at}");
    }
    for at in ["2026-11-21T10:00:00.000001Z", "2026-11-30T00:00:00Z"] {
        let refused = ask(at).unwrap_err();
        let expected = "no later than a day after the file is sent";
        let (field, expected) = ("at".to_owned(), expected.to_owned());
        assert_eq!(refused, ProviderStatementRefusal::LineInvalid { line: 2, field, expected });
    }
    // At the end of what instants there are, nothing is later.
    let mut last = asked(record(vec![line("1", 500)]));
    last.at = DateTime::<Utc>::MAX_UTC;
    assert!(ProviderStatement::default().decide(last).is_ok());
}

#[test]
fn files_and_numbers_out_of_range_are_refused_by_their_name() {
    let mut wrong = record(vec![line("1", 1)]);
    wrong.file.sha256 = "AB".repeat(32);
    let mut large = record(vec![line("1", 1)]);
    large.file.lines = 0;
    let many = record((0..=LINES_AT_ONCE_MAX).map(|n| line(&n.to_string(), 1)).collect());
    for (asked_for, name) in
        [(wrong, "file.sha256"), (large, "file.lines"), (many, "lines"), (record(vec![]), "lines")]
    {
        match ProviderStatement::default().decide(asked(asked_for)) {
            Err(ProviderStatementRefusal::FieldOutOfRange { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn two_lines_are_never_written_alike() {
    let statement = Uuid::nil();
    let one = StatementLine { external_id: "a\":5".to_owned(), ..line("1", 5) };
    let other = StatementLine { external_id: "a".to_owned(), ..line("1", 5) };
    assert_ne!(one.id(statement), other.id(statement));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever files come in whatever order and however often, the same lines are known in the end.
    #[test]
    fn the_order_of_files_makes_no_difference(
        files in prop::collection::vec(
            prop::collection::vec((0_u8..6, 0_i64..3, 0_u8..3), 1..8), 1..6),
        turns in prop::collection::vec(0_usize..100, 0..12),
    ) {
        let read = |parts: &[(u8, i64, u8)]| {
            let lines = parts.iter().map(|(id, amount, payout)| StatementLine {
                payout_ref: (*payout > 0).then(|| format!("po_{payout}")),
                ..line(&id.to_string(), *amount)
            });
            record(lines.collect())
        };
        let mut straight = ProviderStatement::default();
        for file in &files {
            decide(&mut straight, read(file)).unwrap();
        }
        let mut mixed = ProviderStatement::default();
        for turn in &turns {
            decide(&mut mixed, read(&files[turn % files.len()])).unwrap();
        }
        for file in files.iter().rev() {
            decide(&mut mixed, read(file)).unwrap();
        }
        prop_assert_eq!(straight, mixed);
    }
}

#[test]
fn a_line_of_stripe_is_one_line_in_whatever_form_of_export_it_comes() {
    let mut statement = ProviderStatement::default();
    let drawn = line("txn_1", 500);
    assert_eq!(decide(&mut statement, record(vec![drawn.clone()])).unwrap().len(), 1);
    // Without seconds, of another kind, with the payout that is known by now.
    let other = StatementLine {
        kind: LineKind::Other,
        at: "2026-11-20T09:59:00Z".parse().unwrap(),
        payout_ref: Some("po_1".to_owned()),
        ..drawn.clone()
    };
    let completed = decide(&mut statement, record(vec![other.clone(), other])).unwrap();
    let [it] = &completed[..] else { panic!("{completed:?}") };
    assert!(it.completed);
    assert_eq!(decide(&mut statement, record(vec![drawn])).unwrap(), vec![]);
    // Within one file, too; with other figures it is another line.
    let mut fresh = ProviderStatement::default();
    let second = StatementLine { kind: LineKind::Other, ..line("txn_2", 1) };
    let lines = vec![line("txn_2", 1), second, line("txn_2", 2)];
    assert_eq!(decide(&mut fresh, record(lines)).unwrap().len(), 2);
    // Other sources give an id to several lines.
    let bank = |minor| Record {
        source: StatementSource::Bank,
        lines: vec![StatementLine {
            from: Some(PaymentProvider::Stripe),
            references: [].into(),
            ..line("17", minor)
        }],
        ..record(vec![])
    };
    assert_eq!(decide(&mut fresh, bank(100)).unwrap().len(), 1);
    assert_eq!(decide(&mut fresh, bank(200)).unwrap().len(), 1);
}
