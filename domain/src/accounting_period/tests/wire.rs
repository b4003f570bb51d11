//! What the months say on the wire and in the log: frozen, so pinned to the letter.

use super::*;
use crate::{
    EventBody, EventDecodeError, RefusalDocument,
    accounting_period::{
        ApproveReopen, DeclineReopen, ReopenDeclined, ReopenReason, ReopenRequested, Reopened,
        RequestReopen, SealNamed,
    },
};

const ROOT: &str = "0707070707070707070707070707070707070707070707070707070707070707";
const FIGURES: &str = r#"{"accounts":[{"account":"liabilities:deferred_revenue","unit":"RUB","opening":"0","debits":"500","credits":"0","late_debits":"0","late_credits":"0","closing":"500"},{"account":"income:messages","unit":"RUB","opening":"0","debits":"0","credits":"500","late_debits":"0","late_credits":"0","closing":"-500"}],"payments":[],"bookings":1,"late_bookings":0}"#;
const REPORT: &str = "kontor-period-report 1
tenant demo
month 2026-11
revision 1
time_zone Europe/Moscow
starts_at 2026-10-31T21:00:00Z
ends_at 2026-11-30T21:00:00Z
position 70
previous_position none
ledgers 1
ledger_bookings 1
ledgers_root 0707070707070707070707070707070707070707070707070707070707070707
bookings 1
late_bookings 0
account liabilities:deferred_revenue RUB opening 0 debits 500 credits 0 late_debits 0 late_credits 0 closing 500
account income:messages RUB opening 0 debits 0 credits 500 late_debits 0 late_credits 0 closing -500
";
const REPORT_SHA256: &str = "34307597f9940ba41d178f292f1a9a79933c4dd002de03afc36edf9744cf1481";

fn whole() -> Close {
    let check = Check::ClearingOpen;
    let reason = AcknowledgementReason::SettlesLater;
    Close {
        seal: Some(SealNamed { number: 3, position: 69, root: Digest32::new([7; 32]) }),
        findings: vec![Finding { check, count: 1 }],
        acknowledged: vec![Acknowledgement { check, reason, reference: Some("T-17".to_owned()) }],
        ..november()
    }
}

fn tail() -> String {
    format!(
        r#""seal":{{"number":3,"position":69,"root":"{ROOT}"}},"findings":[{{"check":"clearing_open","count":1}}],"acknowledged":[{{"check":"clearing_open","reason":"settles_later","reference":"T-17"}}]"#
    )
}

fn events() -> Vec<(E, &'static str, String)> {
    let (_, closed) = after(&[("api_key:anna", closing(whole()))]).unwrap();
    let E::Closed(body) = &closed[0] else { panic!("{closed:?}") };
    let hash = body.report_sha256;
    let (anna, boris) = ("api_key:anna".to_owned(), "api_key:boris".to_owned());
    let (of, reference) = (month("2026-11"), Some("T-17".to_owned()));
    let reason = ReopenReason::StatementLate;
    let requested =
        ReopenRequested { month: of, by: anna.clone(), reason, reference: reference.clone() };
    let reopened = Reopened { month: of, by: boris.clone(), requested_by: anna, reason, reference };
    vec![
        (
            closed[0].clone(),
            "accounting_period.closed",
            format!(
                r#"{{"by":"api_key:anna","books":{{"month":"2026-11","revision":1,"time_zone":"Europe/Moscow","starts_at":"2026-10-31T21:00:00Z","ends_at":"2026-11-30T21:00:00Z","position":70,"ledgers":{{"count":1,"bookings":1,"root":"{ROOT}"}},"figures":{FIGURES}}},"report_sha256":"{hash}",{}}}"#,
                tail()
            ),
        ),
        (
            E::ReopenRequested(requested),
            "accounting_period.reopen_requested",
            r#"{"month":"2026-11","by":"api_key:anna","reason":"statement_late","reference":"T-17"}"#
                .to_owned(),
        ),
        (
            E::ReopenDeclined(ReopenDeclined { month: of, by: boris }),
            "accounting_period.reopen_declined",
            r#"{"month":"2026-11","by":"api_key:boris"}"#.to_owned(),
        ),
        (
            E::Reopened(reopened),
            "accounting_period.reopened",
            r#"{"month":"2026-11","by":"api_key:boris","requested_by":"api_key:anna","reason":"statement_late","reference":"T-17"}"#
                .to_owned(),
        ),
    ]
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    let events = events();
    for schema in E::SCHEMAS {
        let pinned = events.iter().any(|(_, wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
    for (event, wire_type, payload) in events {
        assert_eq!((event.wire_type(), event.schema_version()), (wire_type, 1));
        assert_eq!(event.to_payload().unwrap(), payload);
        assert_eq!(E::from_wire(wire_type, 1, &payload).unwrap(), event);
        let unknown = E::from_wire(wire_type, 2, &payload);
        assert!(matches!(unknown, Err(EventDecodeError::Unknown { .. })));
        let broken = E::from_wire(wire_type, 1, "[7");
        assert!(matches!(broken, Err(EventDecodeError::Payload { .. })));
    }
}

#[test]
fn a_report_is_written_as_ever() {
    let (_, events) = after(&[("anna", closing(november()))]).unwrap();
    let [E::Closed(closed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(closed.books.report(&tenant()), REPORT);
    assert_eq!(closed.report_sha256.to_string(), REPORT_SHA256);
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let of = month("2026-11");
    let (reason, reference) = (ReopenReason::Audit, Some("T-17".to_owned()));
    let request = RequestReopen { month: of, reason, reference: reference.clone() };
    let pinned = [
        (
            closing(whole()),
            format!(
                r#"{{"type":"close","month":"2026-11","starts_at":"2026-10-31T21:00:00Z","ends_at":"2026-11-30T21:00:00Z","position":70,"ledgers":{{"count":1,"bookings":1,"root":"{ROOT}"}},"figures":{FIGURES},{}}}"#,
                tail()
            ),
        ),
        (
            C::RequestReopen(request),
            r#"{"type":"request_reopen","month":"2026-11","reason":"audit","reference":"T-17"}"#
                .to_owned(),
        ),
        (
            C::ApproveReopen(ApproveReopen { month: of, reason, reference: None }),
            r#"{"type":"approve_reopen","month":"2026-11","reason":"audit"}"#.to_owned(),
        ),
        (
            C::DeclineReopen(DeclineReopen { month: of }),
            r#"{"type":"decline_reopen","month":"2026-11"}"#.to_owned(),
        ),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<C>(&json).unwrap(), command);
    }
    for wrong in [
        r#"{"type":"decline_reopen","month":"2026-11-01"}"#,
        r#"{"type":"request_reopen","month":"2026-11","reason":"because"}"#,
        r#"{"type":"forget"}"#,
    ] {
        assert!(serde_json::from_str::<C>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn names_are_those_of_the_wire() {
    for it in Check::ALL {
        assert_eq!(serde_json::to_value(it).unwrap(), it.name());
    }
    for it in AcknowledgementReason::ALL {
        assert_eq!(serde_json::to_value(it).unwrap(), it.name());
    }
    for it in ReopenReason::ALL {
        assert_eq!(serde_json::to_value(it).unwrap(), it.name());
    }
    for text in ["01", "+1", " 1", "-0", "1.0", ""] {
        assert!(serde_json::from_value::<Sum>(text.into()).is_err(), "{text}");
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    let of = month("2026-11");
    let field = || "closing".to_owned();
    let checks = vec![Check::DifferencesOpen, Check::CreditsHeld];
    let ends_at = "2026-11-30T21:00:00Z".parse().unwrap();
    let refusals = [
        (No::TenantUnknown, "tenant_unknown"),
        (No::NotAllowed, "not_allowed"),
        (No::MonthNotOver { month: of, ends_at }, "month_not_over"),
        (No::AlreadyClosed { month: of }, "already_closed"),
        (No::NotNext { next: of }, "not_next"),
        (No::ReopenRequested { month: of }, "reopen_requested"),
        (No::Outdated { field: field() }, "outdated"),
        (No::FiguresWrong { field: field() }, "figures_wrong"),
        (No::Blocked { checks: checks.clone() }, "blocked"),
        (No::NotAcknowledged { checks }, "not_acknowledged"),
        (No::NotClosed { month: of }, "not_closed"),
        (No::LaterClosed { last: of }, "later_closed"),
        (No::NothingRequested, "nothing_requested"),
        (No::SecondPersonNeeded, "second_person_needed"),
        (No::FieldOutOfRange { field: field(), expected: "1".to_owned() }, "field_out_of_range"),
    ];
    for (refusal, code) in refusals {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), &document.message), (code, &refusal.to_string()));
        assert_eq!(document.to_refusal::<No>().unwrap(), refusal);
    }
}
