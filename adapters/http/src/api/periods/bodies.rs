//! What is told of months.

use chrono::{DateTime, Utc};
use kontor_domain::{
    TenantId,
    accounting_period::{
        Acknowledgement, AcknowledgementReason, Check, Figures, Finding, Month, ReopenReason, Sum,
    },
    credit_ledger::{BookAccount, Unit},
};
use kontor_projections::{
    books::AccountBalance,
    periods::{Draft, PeriodRow, ReopenStep},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::documents::one_of;

/// All months.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeriodsBody {
    /// The zone of the tenant's months.
    #[schema(example = "Europe/Moscow")]
    pub(crate) time_zone: String,
    /// The month that is closed next; null when nothing was ever booked.
    pub(crate) next: Option<NextBody>,
    /// The closes, the latest month first, also those that were opened again.
    pub(crate) items: Vec<PeriodBody>,
}

/// The month that is closed next.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextBody {
    #[schema(value_type = String, example = "2026-12")]
    pub(crate) month: Month,
    /// The first instant behind it.
    pub(crate) ends_at: DateTime<Utc>,
    /// Whether it is over, so that it can be closed.
    pub(crate) is_over: bool,
}

fn states() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&["closed", "reopen_requested", "reopened"])
}

/// One close of a month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeriodBody {
    #[schema(value_type = String, example = "2026-11")]
    pub(crate) month: Month,
    /// How often it was closed, with this time.
    pub(crate) revision: i64,
    #[schema(schema_with = states)]
    pub(crate) state: &'static str,
    /// The zone by which it was closed.
    pub(crate) time_zone: String,
    pub(crate) starts_at: DateTime<Utc>,
    /// The first instant behind it.
    pub(crate) ends_at: DateTime<Utc>,
    /// The position of the log up to which it counts.
    pub(crate) position: i64,
    pub(crate) closed_at: DateTime<Utc>,
    /// The name of the key that closed it.
    #[schema(example = "api_key:kt_1")]
    pub(crate) closed_by: String,
    /// The SHA-256 of the report's text.
    pub(crate) report_sha256: String,
    /// How many bookings count in it.
    pub(crate) bookings: i64,
    /// Which of them are late entries.
    pub(crate) late_bookings: i64,
    /// The root of the tree over the ends of the ledgers that it rests on.
    pub(crate) ledgers_root: String,
    /// The number of the last seal at that time.
    pub(crate) seal: Option<i64>,
    /// What the checks found.
    pub(crate) findings: Vec<FindingBody>,
    /// Why that did not stand against the close.
    pub(crate) acknowledged: Vec<AcknowledgedBody>,
    /// Who asked to open it again.
    pub(crate) reopen_request: Option<ReopenStepBody>,
    /// Who agreed to that.
    pub(crate) reopen_approval: Option<ReopenStepBody>,
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingBody {
    #[schema(schema_with = checks)]
    pub(crate) check: &'static str,
    /// How many.
    pub(crate) count: i64,
    /// What it means.
    pub(crate) about: &'static str,
    /// Whether nobody may pass it over.
    pub(crate) is_blocking: bool,
}

/// Why a finding did not stand against a close.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcknowledgedBody {
    #[schema(schema_with = checks)]
    pub(crate) check: &'static str,
    #[schema(schema_with = acknowledgements)]
    pub(crate) reason: &'static str,
    pub(crate) reference: Option<String>,
}

/// A step of opening a month again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReopenStepBody {
    /// The name of the key.
    pub(crate) by: String,
    pub(crate) at: DateTime<Utc>,
    #[schema(schema_with = reasons)]
    pub(crate) reason: &'static str,
    pub(crate) reference: Option<String>,
}

pub(crate) fn checks() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&Check::ALL.map(Check::name))
}

pub(crate) fn acknowledgements() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&AcknowledgementReason::ALL.map(AcknowledgementReason::name))
}

pub(crate) fn reasons() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    one_of(&ReopenReason::ALL.map(ReopenReason::name))
}

/// What a finding means, and what to do about it.
pub(crate) fn about(check: Check) -> &'static str {
    match check {
        Check::BookingsParked => "Bookings could not be taken into the books; tell an operator",
        Check::DifferencesOpen => "Differences to providers and banks are open; settle them",
        Check::ClearingOpen => "Accounts of money under way are not even at the end of the month",
        Check::StatementsMissing => "Providers with payments have no statement for this month",
        Check::CreditsHeld => "Credits wait for a delivery at the end of the month",
        Check::BookingsUnsealed => "Bookings are in no seal yet; an operator can seal them at once",
        Check::EarlierBookings => "Bookings hold from before this month; they become its opening",
    }
}

impl From<&Finding> for FindingBody {
    fn from(finding: &Finding) -> Self {
        let Finding { check, count } = *finding;
        let (about, is_blocking) = (about(check), check.is_blocking());
        Self { check: check.name(), count, about, is_blocking }
    }
}

impl From<&Acknowledgement> for AcknowledgedBody {
    fn from(it: &Acknowledgement) -> Self {
        let (check, reason) = (it.check.name(), it.reason.name());
        Self { check, reason, reference: it.reference.clone() }
    }
}

impl From<&ReopenStep> for ReopenStepBody {
    fn from(step: &ReopenStep) -> Self {
        let ReopenStep { by, at, reason, reference } = step.clone();
        Self { by, at, reason: reason.name(), reference }
    }
}

impl From<&PeriodRow> for PeriodBody {
    fn from(row: &PeriodRow) -> Self {
        let (closed, books) = (&row.closed, &row.closed.books);
        Self {
            month: row.month,
            revision: books.revision,
            state: row.state.name(),
            time_zone: books.time_zone.clone(),
            starts_at: books.starts_at,
            ends_at: books.ends_at,
            position: books.position,
            closed_at: row.closed_at,
            closed_by: closed.by.clone(),
            report_sha256: closed.report_sha256.to_string(),
            bookings: books.figures.bookings,
            late_bookings: books.figures.late_bookings,
            ledgers_root: books.ledgers.root.to_string(),
            seal: closed.seal.map(|seal| seal.number),
            findings: closed.findings.iter().map(Into::into).collect(),
            acknowledged: closed.acknowledged.iter().map(Into::into).collect(),
            reopen_request: row.request.as_ref().map(Into::into),
            reopen_approval: row.approval.as_ref().map(Into::into),
        }
    }
}

/// The report of a closed month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportBody {
    pub(crate) period: PeriodBody,
    /// Whether the text that follows from these figures has the hash that stands in the log.
    pub(crate) hash_holds: bool,
    pub(crate) accounts: Vec<ReportAccountBody>,
    #[serde(flatten)]
    pub(crate) sums: SumsBody,
}

/// An account in a report. Amounts are decimal texts, debits positive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportAccountBody {
    #[schema(example = "income:messages")]
    pub(crate) account: &'static str,
    pub(crate) about: &'static str,
    #[schema(example = "RUB")]
    pub(crate) unit: String,
    pub(crate) opening: String,
    pub(crate) debits: String,
    pub(crate) credits: String,
    /// Which of the debits are late entries.
    pub(crate) late_debits: String,
    /// Which of the credits are late entries.
    pub(crate) late_credits: String,
    pub(crate) closing: String,
    /// What was on it at the end of the month as known now; null in a draft.
    pub(crate) closing_now: Option<String>,
}

/// What follows from the figures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SumsBody {
    /// By currency.
    pub(crate) revenue: Vec<RevenueBody>,
    pub(crate) credits: CreditsBody,
    /// By provider, currency and kind.
    pub(crate) payments: Vec<PaymentsBody>,
}

/// What was earned within the month, and what is still to be delivered at its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevenueBody {
    pub(crate) unit: String,
    #[schema(example = "499.00")]
    pub(crate) recognised: String,
    #[schema(example = "120.00")]
    pub(crate) deferred: String,
}

/// The customers' credits at the end of the month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreditsBody {
    pub(crate) paid: String,
    pub(crate) promotional: String,
    pub(crate) held: String,
    /// What customers owe.
    pub(crate) owed: String,
}

/// What went over an account of a provider within the month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentsBody {
    #[schema(example = "assets:clearing:stripe")]
    pub(crate) account: &'static str,
    pub(crate) unit: String,
    #[schema(example = "payment")]
    pub(crate) kind: &'static str,
    pub(crate) count: i64,
    pub(crate) amount: String,
}

impl SumsBody {
    pub(crate) fn of(figures: &Figures) -> Self {
        let units: std::collections::BTreeSet<Unit> =
            figures.accounts.iter().map(|row| row.unit).collect();
        let sum = |of: &dyn Fn(BookAccount) -> bool, unit: Unit, moved: bool| -> i128 {
            let rows = figures.accounts.iter().filter(|row| row.unit == unit && of(row.account));
            let amounts = rows.map(|row| match moved {
                true => row.debits.0.saturating_sub(row.credits.0),
                false => row.closing.0,
            });
            amounts.fold(0, i128::saturating_add)
        };
        let is_income = |account: BookAccount| account.name().starts_with("income:");
        let money = units.iter().filter(|unit| matches!(unit, Unit::Money(_)));
        let revenue = money.map(|unit| RevenueBody {
            unit: unit.to_string(),
            recognised: unit.decimal(sum(&is_income, *unit, true).saturating_neg()),
            deferred: unit.decimal(
                sum(&|it| it == BookAccount::DeferredRevenue, *unit, false).saturating_neg(),
            ),
        });
        let credits = |account: BookAccount| sum(&|it| it == account, Unit::Credits, false);
        let payments = figures.payments.iter().map(|row| PaymentsBody {
            account: row.account.name(),
            unit: row.unit.to_string(),
            kind: row.kind.name(),
            count: row.count,
            amount: row.unit.decimal(row.amount.0),
        });
        Self {
            revenue: revenue.collect(),
            credits: CreditsBody {
                paid: credits(BookAccount::PaidCredits).saturating_neg().to_string(),
                promotional: credits(BookAccount::PromoCredits).saturating_neg().to_string(),
                held: credits(BookAccount::HeldCredits).saturating_neg().to_string(),
                owed: credits(BookAccount::Receivable).to_string(),
            },
            payments: payments.collect(),
        }
    }
}

fn accounts(figures: &Figures, now: Option<&[AccountBalance]>) -> Vec<ReportAccountBody> {
    let closing_now = |account: BookAccount, unit: Unit| {
        let rows = now?;
        let row = rows.iter().find(|row| (row.account, row.unit) == (account, unit));
        Some(unit.decimal(row.map_or(0, AccountBalance::balance)))
    };
    let row = |row: &kontor_domain::accounting_period::AccountFigures| {
        let said = |sum: Sum| row.unit.decimal(sum.0);
        ReportAccountBody {
            account: row.account.name(),
            about: row.account.about(),
            unit: row.unit.to_string(),
            opening: said(row.opening),
            debits: said(row.debits),
            credits: said(row.credits),
            late_debits: said(row.late_debits),
            late_credits: said(row.late_credits),
            closing: said(row.closing),
            closing_now: closing_now(row.account, row.unit),
        }
    };
    figures.accounts.iter().map(row).collect()
}

impl ReportBody {
    pub(crate) fn new(tenant: &TenantId, row: &PeriodRow, now: &[AccountBalance]) -> Self {
        let books = &row.closed.books;
        Self {
            period: row.into(),
            hash_holds: books.report_sha256(tenant) == row.closed.report_sha256,
            accounts: accounts(&books.figures, Some(now)),
            sums: SumsBody::of(&books.figures),
        }
    }
}

/// What a close would say now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftBody {
    #[schema(value_type = String, example = "2026-12")]
    pub(crate) month: Month,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    /// Whether the month is over.
    pub(crate) is_over: bool,
    /// The position of the log up to which it counts.
    pub(crate) position: i64,
    pub(crate) bookings: i64,
    pub(crate) late_bookings: i64,
    /// What the checks found; each needs a reason in the close.
    pub(crate) findings: Vec<FindingBody>,
    pub(crate) accounts: Vec<ReportAccountBody>,
    #[serde(flatten)]
    pub(crate) sums: SumsBody,
}

impl DraftBody {
    pub(crate) fn new(draft: &Draft, now: DateTime<Utc>) -> Self {
        let close = &draft.close;
        Self {
            month: close.month,
            starts_at: close.starts_at,
            ends_at: close.ends_at,
            is_over: now >= close.ends_at,
            position: close.position,
            bookings: close.figures.bookings,
            late_bookings: close.figures.late_bookings,
            findings: close.findings.iter().map(Into::into).collect(),
            accounts: accounts(&close.figures, None),
            sums: SumsBody::of(&close.figures),
        }
    }
}
