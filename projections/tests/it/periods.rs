//! The months against sums that are made naively from the lines of the log.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use cqrs_es::Aggregate;
use kontor_domain::{
    Actor, Decider, EventBody, Issued, Recorded, TenantFacts, TenantId,
    accounting_period::{
        AccountingPeriodCommand, AccountingPeriodEvent, AccountingPeriods, Acknowledgement,
        AcknowledgementReason, ApproveReopen, Bounds, Check, Close, DeclineReopen, Figures, Line,
        Month, Placement, ReopenReason, RequestReopen, Tally, accounting_period_id,
    },
    credit_ledger::{
        BookAccount, Booking, CorrectionReason, CreditLedgerEvent, DebtWrittenOff, Entry,
        GrantExpired, Slice, Unit, chain::Head,
    },
    tenant::Tenant,
};
use kontor_projections::{
    PageRequest,
    books::{self, AsOf, Books},
    periods::{self, LateScope, PeriodState, Periods},
};

use crate::support::{Places, World, id, tenant};

const ZONE: &str = "Europe/Moscow";

fn zone() -> Tz {
    ZONE.parse().unwrap()
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// A tenant whose books and months are written by hand, as the log would.
struct Town {
    world: World,
    slug: TenantId,
    places: Places,
    months: AccountingPeriods,
    booked: Vec<Recorded>,
    closes: Vec<Recorded>,
}

impl Town {
    async fn new() -> Self {
        Self {
            world: World::new().await,
            slug: tenant("moscow"),
            places: Places::default(),
            months: AccountingPeriods::default(),
            booked: Vec::new(),
            closes: Vec::new(),
        }
    }

    /// Books at an instant what holds from another one, and lets the read model take it.
    async fn book(&mut self, ledger: &str, at: &str, (holds, amount): (&str, i64)) -> i64 {
        let [at, effective_at]: [DateTime<Utc>; 2] = [at, holds].map(|text| text.parse().unwrap());
        let unit = Unit::Money("RUB".parse().unwrap());
        let entry = |account, amount| Entry { account, unit, amount, grant_id: None };
        let entries = vec![
            entry(BookAccount::ClearingStripe, amount),
            entry(BookAccount::IncomeMessages, -amount),
        ];
        let booking = Booking { number: 1, at, entries, head: Head::GENESIS };
        let fact = if at == effective_at {
            let reason = CorrectionReason::Mistake;
            CreditLedgerEvent::DebtWrittenOff(DebtWrittenOff { credits: 1, reason, booking })
        } else {
            let slice = Slice { grant_id: id("grant"), credits: 1, value: None };
            CreditLedgerEvent::GrantExpired(GrantExpired { slice, effective_at, booking })
        };
        let event =
            Recorded { recorded_at: at, ..self.places.record(&self.slug, id(ledger), &fact) };
        let position = event.position;
        self.keep(&event).await;
        self.world.apply(&Books, std::slice::from_ref(&event)).await;
        self.booked.push(event);
        position
    }

    /// Puts an event into the log, and moves the checkpoint behind it.
    async fn keep(&self, event: &Recorded) {
        sqlx::query(
            "insert into events (position, tenant, stream_type, stream_id, version, event_id, \
                 event_type, schema_version, payload, metadata, occurred_at, recorded_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, '{}', $10, $11)",
        )
        .bind(event.position)
        .bind(event.tenant.as_str())
        .bind(&event.stream_type)
        .bind(event.stream_id)
        .bind(event.version)
        .bind(event.event_id)
        .bind(&event.event_type)
        .bind(event.schema_version)
        .bind(&event.payload)
        .bind(event.occurred_at)
        .bind(event.recorded_at)
        .execute(&self.world.pool)
        .await
        .unwrap();
        sqlx::query(
            "insert into checkpoints (name, version, position) values ('books', 1, $1) \
             on conflict (name, version, segment) do update set position = excluded.position",
        )
        .bind(event.position)
        .execute(&self.world.pool)
        .await
        .unwrap();
    }

    /// Lets the aggregate decide, and the read model take what comes of it.
    async fn order(&mut self, by: &str, command: AccountingPeriodCommand) -> Vec<Recorded> {
        let facts = Tenant::default().facts(self.slug.clone());
        let stream = accounting_period_id(&self.slug);
        let issued = Issued {
            id: stream,
            at: "2027-06-01T00:00:00Z".parse().unwrap(),
            actor: Actor::Operator { name: by.to_owned() },
            tenant: TenantFacts { exists: true, time_zone: zone(), ..facts }.into(),
            command,
        };
        let mut events = Vec::new();
        for fact in self.months.decide(issued).unwrap() {
            let event = self.places.record(&self.slug, stream, &fact);
            self.months.apply(fact);
            self.keep(&event).await;
            self.world.apply(&Periods, std::slice::from_ref(&event)).await;
            events.push(event);
        }
        self.closes.extend(events.clone());
        events
    }

    async fn draft(&self, of: &str) -> Close {
        let tenant = (&self.slug, zone());
        periods::draft(&self.world.pool, tenant, month(of)).await.unwrap().close
    }

    /// Closes a month with what the draft says, everything acknowledged.
    async fn close(&mut self, of: &str) -> Close {
        let mut close = self.draft(of).await;
        let known = close.findings.iter().map(|finding| Acknowledgement {
            check: finding.check,
            reason: AcknowledgementReason::Checked,
            reference: None,
        });
        close.acknowledged = known.collect();
        let command = AccountingPeriodCommand::Close(Box::new(close.clone()));
        assert_eq!(self.order("anna", command).await.len(), 1, "{of}");
        close
    }

    /// The figures of a month, folded line by line from zero.
    fn naive(&self, bounds: &Bounds) -> Figures {
        let mut tally = Tally::default();
        for event in &self.booked {
            let fact: CreditLedgerEvent = event.body().unwrap();
            for entry in &fact.booking().entries {
                let line = Line {
                    position: event.position,
                    effective_at: fact.effective_at(),
                    kind: event.event_type.split_once('.').unwrap().1,
                    account: entry.account,
                    unit: entry.unit,
                    amount: entry.amount,
                };
                tally.take(bounds, &line);
            }
        }
        tally.figures()
    }

    fn check(&self, close: &Close) {
        let bounds = Bounds {
            starts_at: close.starts_at,
            ends_at: close.ends_at,
            position: close.position,
            previous_position: close.previous_position,
        };
        assert_eq!(close.figures, self.naive(&bounds), "{}", close.month);
    }
}

#[tokio::test]
async fn closed_months_and_late_entries_are_the_books() {
    let mut town = Town::new().await;
    // 23:59:59 of the last day in Moscow, and midnight.
    town.book("a", "2026-11-30T20:59:59Z", ("2026-11-30T20:59:59Z", 500)).await;
    town.book("b", "2026-11-30T21:00:00Z", ("2026-11-30T21:00:00Z", 70)).await;
    let november = town.close("2026-11").await;
    town.check(&november);
    assert_eq!((november.figures.bookings, november.figures.late_bookings), (1, 0));
    // Booked in December as of November, and once more after December was closed.
    let late = town.book("a", "2026-12-05T10:00:00Z", ("2026-11-12T10:00:00Z", 20)).await;
    let december = town.close("2026-12").await;
    town.check(&december);
    assert_eq!((december.figures.bookings, december.figures.late_bookings), (2, 1));
    let later = town.book("a", "2027-01-07T10:00:00Z", ("2026-11-13T10:00:00Z", 3)).await;
    let january = town.close("2027-01").await;
    town.check(&january);
    assert_eq!((january.figures.bookings, january.figures.late_bookings), (1, 1));

    let (pool, slug) = (&town.world.pool, &town.slug);
    let closed = periods::closed_bounds(pool, slug).await.unwrap();
    assert_eq!(closed.len(), 3);
    for (position, counts_in) in [(late, "2026-12"), (later, "2027-01")] {
        let lines = books::booking(pool, slug, position).await.unwrap();
        let (of, counts_in) = (month("2026-11"), month(counts_in));
        assert_eq!(periods::placed(&closed, &lines[0]), Placement::Late { of, counts_in });
    }
    let page = PageRequest::first(3);
    let scope =
        LateScope::counting_in(december.starts_at, november.position, Some(december.position));
    let found = periods::late_lines(pool, slug, scope, &page).await.unwrap();
    let positions: Vec<i64> = found.items.iter().map(books::LineRow::position).collect();
    assert_eq!((positions, found.next), (vec![late, late], None));
    // All that came late to November, page by page.
    let of_november = LateScope {
        from: Some(november.starts_at),
        before: november.ends_at,
        after_position: november.position,
        to_position: None,
    };
    let first = periods::late_lines(pool, slug, of_november, &page).await.unwrap();
    let rest = PageRequest { after: first.next, limit: 3 };
    let rest = periods::late_lines(pool, slug, of_november, &rest).await.unwrap();
    let positions: Vec<i64> =
        first.items.iter().chain(&rest.items).map(books::LineRow::position).collect();
    assert_eq!(positions, [late, late, later, later]);
    // As known then is what was closed; as known now has what came late.
    let effective_before = Some(november.ends_at);
    let now = books::trial_balance(pool, slug, AsOf { effective_before, recorded_before: None });
    let now = now.await.unwrap();
    assert_eq!(now[0].balance(), 523);
    assert_eq!(november.figures.accounts[0].closing.0, 500);
    let all = books::trial_balance(pool, slug, AsOf::default()).await.unwrap();
    let last = january.figures.accounts.iter().map(|row| row.closing.0);
    assert!(last.eq(all.iter().map(books::AccountBalance::balance)));
}

#[tokio::test]
async fn a_month_that_was_opened_again_takes_what_was_late() {
    let mut town = Town::new().await;
    // The first close begins with another month than the books.
    town.book("a", "2026-09-20T10:00:00Z", ("2026-09-20T10:00:00Z", 7)).await;
    town.book("a", "2026-11-20T10:00:00Z", ("2026-11-20T10:00:00Z", 500)).await;
    town.close("2026-11").await;
    town.book("a", "2026-12-05T10:00:00Z", ("2026-11-12T10:00:00Z", 20)).await;
    let of = month("2026-11");
    let (reason, reference) = (ReopenReason::BookingsMissing, Some("T-1".to_owned()));
    let request = || {
        let request = RequestReopen { month: of, reason, reference: reference.clone() };
        AccountingPeriodCommand::RequestReopen(request)
    };
    town.order("anna", request()).await;
    let decline = AccountingPeriodCommand::DeclineReopen(DeclineReopen { month: of });
    town.order("boris", decline).await;
    let state = |rows: &[periods::PeriodRow]| rows.iter().map(|row| row.state).collect::<Vec<_>>();
    let rows = periods::of_month(&town.world.pool, &town.slug, of).await.unwrap();
    assert_eq!((state(&rows), &rows[0].request), (vec![PeriodState::Closed], &None));
    town.order("anna", request()).await;
    let approve = ApproveReopen { month: of, reason, reference: None };
    town.order("boris", AccountingPeriodCommand::ApproveReopen(approve)).await;
    let next = periods::next_month(&town.world.pool, &town.slug, zone()).await.unwrap();
    assert_eq!(next, Some(of));
    let again = town.close("2026-11").await;
    town.check(&again);
    assert_eq!((again.figures.bookings, again.figures.late_bookings), (2, 0));
    let rows = periods::of_month(&town.world.pool, &town.slug, of).await.unwrap();
    assert_eq!(state(&rows), [PeriodState::Closed, PeriodState::Reopened]);
    assert_eq!((rows[0].closed.books.revision, rows[1].closed.books.revision), (2, 1));
    let approval = rows[1].approval.as_ref().unwrap();
    assert_eq!(approval.by, "boris");
    assert_eq!(rows[1].request.as_ref().unwrap().by, "anna");

    // The same pages again change nothing, and from nothing they give the same.
    let hash = town.world.hash().await;
    town.world.apply(&Periods, &town.closes).await;
    for event in &town.closes {
        town.world.apply(&Periods, std::slice::from_ref(event)).await;
    }
    assert_eq!(town.world.hash().await, hash, "what came again changed something");
    town.world.clear().await;
    town.world.apply(&Books, &town.booked).await;
    town.world.apply(&Periods, &town.closes).await;
    assert_eq!(town.world.hash().await, hash, "a rebuild gives other rows");
}

#[tokio::test]
async fn checks_name_what_is_open_and_nothing_of_another_tenant() {
    let mut town = Town::new().await;
    town.book("a", "2026-10-20T10:00:00Z", ("2026-10-20T10:00:00Z", 100)).await;
    town.book("a", "2026-11-20T10:00:00Z", ("2026-11-20T10:00:00Z", 500)).await;
    let found = |close: &Close| -> Vec<(Check, i64)> {
        close.findings.iter().map(|it| (it.check, it.count)).collect()
    };
    let november = town.draft("2026-11").await;
    assert_eq!(
        found(&november),
        [(Check::ClearingOpen, 1), (Check::BookingsUnsealed, 2), (Check::EarlierBookings, 1)]
    );
    assert_eq!((november.ledgers.count, november.ledgers.bookings), (1, 2));
    sqlx::query(
        "insert into dead_letters (name, version, key, position) values ('books', 1, $1, 2)",
    )
    .bind(id("a"))
    .execute(&town.world.pool)
    .await
    .unwrap();
    assert_eq!(found(&town.draft("2026-11").await)[0], (Check::BookingsParked, 1));
    let other = tenant("other");
    let next = periods::next_month(&town.world.pool, &other, zone()).await.unwrap();
    assert_eq!(next, None);
    let draft = periods::draft(&town.world.pool, (&other, zone()), month("2026-11")).await.unwrap();
    assert_eq!((draft.close.figures, draft.close.findings), (Figures::default(), vec![]));
    let next = periods::next_month(&town.world.pool, &town.slug, zone()).await.unwrap();
    assert_eq!(next, Some(month("2026-10")));
}

#[test]
fn every_event_of_months_is_read() {
    use kontor_projections::Projection;
    let all = AccountingPeriodEvent::SCHEMAS.iter().map(|schema| schema.event_type);
    assert!(all.eq(Periods.event_types().iter().copied()));
}
