//! Opening again by two.

use super::*;
use crate::accounting_period::{ApproveReopen, DeclineReopen, ReopenReason, RequestReopen};

fn request(of: &str) -> C {
    C::RequestReopen(RequestReopen {
        month: month(of),
        reason: ReopenReason::StatementLate,
        reference: Some("LETTER-7".to_owned()),
    })
}

fn approve(of: &str) -> C {
    let reason = ReopenReason::BookingsMissing;
    C::ApproveReopen(ApproveReopen { month: month(of), reason, reference: None })
}

fn decline(of: &str) -> C {
    C::DeclineReopen(DeclineReopen { month: month(of) })
}

#[test]
fn opening_again_needs_two_people() {
    let closed = ("anna", closing(november()));
    let (state, events) =
        after(&[closed.clone(), ("anna", request("2026-11")), ("boris", approve("2026-11"))])
            .unwrap();
    assert!(state.closed.is_empty() && state.reopen_requested_by.is_none());
    let E::Reopened(reopened) = &events[2] else { panic!("{events:?}") };
    assert_eq!((reopened.requested_by.as_str(), reopened.by.as_str()), ("anna", "boris"));
    assert_eq!(
        refused(&[closed.clone(), ("anna", request("2026-11")), ("anna", approve("2026-11"))]),
        No::SecondPersonNeeded
    );
    assert_eq!(refused(&[closed.clone(), ("boris", approve("2026-11"))]), No::NothingRequested);
    // Who takes a request over must not slip past the second person.
    assert_eq!(
        refused(&[closed.clone(), ("anna", request("2026-11")), ("boris", request("2026-11"))]),
        No::ReopenRequested { month: month("2026-11") }
    );
    let (_, twice) =
        after(&[closed, ("anna", request("2026-11")), ("anna", request("2026-11"))]).unwrap();
    assert_eq!(twice.len(), 2);
}

#[test]
fn later_months_are_opened_again_first() {
    let closed = [("anna", closing(november())), ("anna", closing(december()))];
    let with = |more: &[(&'static str, C)]| [closed.as_slice(), more].concat();
    assert_eq!(
        refused(&with(&[("anna", request("2026-11"))])),
        No::LaterClosed { last: month("2026-12") }
    );
    for open in ["2027-01", "2026-10"] {
        let never = No::NotClosed { month: month(open) };
        assert_eq!(refused(&with(&[("anna", request(open))])), never);
    }
    let both = [
        ("anna", request("2026-12")),
        ("boris", approve("2026-12")),
        ("boris", request("2026-11")),
        ("anna", approve("2026-11")),
    ];
    let (state, _) = after(&with(&both)).unwrap();
    assert!(state.closed.is_empty());
}

#[test]
fn a_month_is_closed_again_behind_all_that_was_closed_before() {
    let opened = [
        ("anna", closing(november())),
        ("anna", request("2026-11")),
        ("boris", approve("2026-11")),
    ];
    let with = |close: Close| [opened.as_slice(), &[("anna", closing(close))]].concat();
    let older = Close { position: 69, ..november() };
    assert_eq!(refused(&with(older)), No::Outdated { field: "position".to_owned() });
    let (_, events) = after(&with(Close { position: 95, ..november() })).unwrap();
    let E::Closed(again) = &events[3] else { panic!("{events:?}") };
    assert_eq!((again.books.revision, again.books.position), (2, 95));
}

#[test]
fn while_it_is_open_whether_a_month_stays_closed_the_next_one_waits() {
    let asked = [("anna", closing(november())), ("anna", request("2026-11"))];
    let with = |more: &[(&'static str, C)]| [asked.as_slice(), more].concat();
    assert_eq!(
        refused(&with(&[("anna", closing(december()))])),
        No::ReopenRequested { month: month("2026-11") }
    );
    let declined = [("boris", decline("2026-11")), ("anna", closing(december()))];
    let (state, _) = after(&with(&declined)).unwrap();
    assert_eq!(state.closed.len(), 2);
    let late = with(&[("boris", decline("2026-11")), ("boris", decline("2026-11"))]);
    assert_eq!(refused(&late), No::NothingRequested);
}

#[test]
fn the_first_month_stays_the_first_when_it_is_opened_again() {
    let opened = [
        ("anna", closing(november())),
        ("anna", request("2026-11")),
        ("boris", approve("2026-11")),
    ];
    let skipping = closing(close_of("2026-12", (None, 20), figures(0, 0)));
    let with = [&opened[..], &[("anna", skipping)]].concat();
    assert_eq!(refused(&with), No::NotNext { next: month("2026-11") });
}
