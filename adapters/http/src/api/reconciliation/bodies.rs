//! The reconciliation as the API writes it. Amounts are decimal texts.

use chrono::{DateTime, NaiveDate, Utc};
use kontor_commands::clock;
use kontor_domain::{
    Currency,
    credit_ledger::{BookAccount, PaymentProvider, Posting, Unit},
};
use kontor_projections::{
    books::AccountBalance,
    reconciliation::{
        DayRow, Difference, DifferenceKind, FileRow, ItemRow, KindRow, PayoutRow, SideRow,
    },
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::api::documents::one_of;

/// The accounts between a customer and the bank: each comes to zero when everything has arrived.
pub(super) const ON_THE_WAY: [BookAccount; 9] = [
    BookAccount::ClearingStripe,
    BookAccount::ClearingYookassa,
    BookAccount::ClearingTelegramStars,
    BookAccount::ClearingManual,
    BookAccount::DisputeReserve,
    BookAccount::InTransit,
    BookAccount::Bank,
    BookAccount::ProviderFees,
    BookAccount::Differences,
];

/// The providers that say what moved.
pub(crate) const PROVIDERS: [PaymentProvider; 3] =
    [PaymentProvider::Stripe, PaymentProvider::Yookassa, PaymentProvider::TelegramStars];

pub(crate) fn provider_name(provider: PaymentProvider) -> &'static str {
    match provider {
        PaymentProvider::Stripe => "stripe",
        PaymentProvider::Yookassa => "yookassa",
        PaymentProvider::TelegramStars => "telegram_stars",
        PaymentProvider::Manual => "manual",
    }
}

pub(super) fn provider_names() -> RefOr<Schema> {
    one_of(&PROVIDERS.map(provider_name))
}

pub(super) fn kind_names() -> RefOr<Schema> {
    one_of(&DifferenceKind::ALL.map(DifferenceKind::name))
}

/// An amount with all decimals of its currency.
pub(crate) fn decimal(minor: impl Into<i128>, currency: Currency) -> String {
    Unit::Money(currency).decimal(minor)
}

/// How much is where.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryBody {
    /// What each provider and the books say, by currency.
    pub(crate) providers: Vec<SideBody>,
    /// Open differences by provider, kind and age.
    pub(crate) differences: Vec<KindBody>,
    /// What is on the accounts between customer and bank.
    pub(crate) accounts: Vec<ClearingBody>,
}

/// What one provider and the books say.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SideBody {
    #[schema(schema_with = provider_names)]
    pub(crate) provider: &'static str,
    #[schema(example = "USD")]
    pub(crate) currency: &'static str,
    /// Charges, refunds and disputes in the books.
    pub(crate) our_count: i64,
    #[schema(example = "499.00")]
    pub(crate) our_sum: String,
    /// Those that the provider's files say.
    pub(crate) their_count: i64,
    pub(crate) their_sum: String,
    /// How many of ours belong to a line.
    pub(crate) matched: i64,
    /// How many of ours are younger than what the files cover.
    pub(crate) awaited_count: i64,
    pub(crate) awaited_sum: String,
    /// What the provider kept.
    pub(crate) fees: String,
    /// What it says it sent to the bank.
    pub(crate) paid_out: String,
    /// What arrived there.
    pub(crate) arrived: String,
}

impl From<&SideRow> for SideBody {
    fn from(row: &SideRow) -> Self {
        let sum = |minor: i64| decimal(minor, row.currency);
        Self {
            provider: provider_name(row.provider),
            currency: row.currency.code(),
            our_count: row.ours.0,
            our_sum: sum(row.ours.1),
            their_count: row.theirs.0,
            their_sum: sum(row.theirs.1),
            matched: row.matched,
            awaited_count: row.awaited.count,
            awaited_sum: sum(row.awaited.minor),
            fees: sum(row.fees_minor),
            paid_out: sum(row.paid_out_minor),
            arrived: sum(row.arrived_minor),
        }
    }
}

/// Open differences of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    #[schema(schema_with = provider_names)]
    pub(crate) provider: &'static str,
    #[schema(schema_with = kind_names)]
    pub(crate) kind: &'static str,
    pub(crate) currency: &'static str,
    /// Up to a day old.
    pub(crate) days_0_1: i64,
    pub(crate) days_2_7: i64,
    pub(crate) days_8_30: i64,
    pub(crate) days_over_30: i64,
    /// The sum of what they are about.
    pub(crate) sum: String,
}

impl From<&KindRow> for KindBody {
    fn from(row: &KindRow) -> Self {
        let [days_0_1, days_2_7, days_8_30, days_over_30] = row.by_age;
        Self {
            provider: provider_name(row.provider),
            kind: row.kind.name(),
            currency: row.currency.code(),
            days_0_1,
            days_2_7,
            days_8_30,
            days_over_30,
            sum: decimal(row.minor, row.currency),
        }
    }
}

/// What is on one account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClearingBody {
    #[schema(example = "assets:clearing:stripe")]
    pub(crate) account: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: String,
    pub(crate) balance: String,
}

impl From<&AccountBalance> for ClearingBody {
    fn from(row: &AccountBalance) -> Self {
        Self {
            account: row.account.name(),
            about: row.account.about(),
            unit: row.unit.to_string(),
            balance: row.unit.decimal(row.balance()),
        }
    }
}

/// One item of either side.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemBody {
    pub(crate) id: Uuid,
    #[schema(schema_with = provider_names)]
    pub(crate) provider: &'static str,
    /// Whether it is in the books, or a payout that the provider says it sent.
    pub(crate) ours: bool,
    #[schema(example = "charge")]
    pub(crate) kind: &'static str,
    /// The source's id of it.
    pub(crate) external_id: String,
    /// All ids that it names.
    pub(crate) references: Vec<String>,
    #[schema(example = "5.00")]
    pub(crate) amount: String,
    pub(crate) fee: String,
    pub(crate) net: String,
    pub(crate) currency: &'static str,
    pub(crate) at: DateTime<Utc>,
    pub(crate) payout: Option<String>,
    pub(crate) payment_id: Option<Uuid>,
}

impl From<ItemRow> for ItemBody {
    fn from(row: ItemRow) -> Self {
        Self {
            id: row.id,
            provider: provider_name(row.provider),
            ours: row.is_ours,
            kind: row.kind.name(),
            external_id: row.external_id,
            references: row.refs,
            amount: decimal(row.amount_minor, row.currency),
            fee: decimal(row.fee_minor, row.currency),
            net: decimal(row.net_minor, row.currency),
            currency: row.currency.code(),
            at: row.at,
            payout: row.payout_ref,
            payment_id: row.payment_id,
        }
    }
}

/// What is booked, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostingBody {
    pub(crate) debit: &'static str,
    pub(crate) credit: &'static str,
    pub(crate) amount: String,
    pub(crate) currency: &'static str,
}

impl From<Posting> for PostingBody {
    fn from(posting: Posting) -> Self {
        Self {
            debit: posting.debit.name(),
            credit: posting.credit.name(),
            amount: decimal(posting.amount.amount_minor, posting.amount.currency),
            currency: posting.amount.currency.code(),
        }
    }
}

/// A difference.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceBody {
    pub(crate) id: Uuid,
    #[schema(schema_with = kind_names)]
    pub(crate) kind: &'static str,
    /// Whole days since it moved.
    pub(crate) age_days: i64,
    pub(crate) item: ItemBody,
    /// What it belongs to on the other side.
    pub(crate) partner: Option<ItemBody>,
    /// How far the work is.
    #[schema(example = "open")]
    pub(crate) state: &'static str,
    /// Who takes care of it, by the name of their key.
    pub(crate) assignee: Option<String>,
    /// Who proposed to give it up.
    pub(crate) proposed_by: Option<String>,
    pub(crate) explanation: Option<&'static str>,
    pub(crate) reference: Option<String>,
    /// What was booked or is proposed, or the booking that would make the books say what the other
    /// side says; null where the amount is no question.
    pub(crate) posting: Option<PostingBody>,
    pub(crate) changed_at: Option<DateTime<Utc>>,
}

impl From<Difference> for DifferenceBody {
    fn from(it: Difference) -> Self {
        let work = it.work.as_ref();
        let posting = work.and_then(|work| work.posting).or_else(|| it.posting());
        Self {
            id: it.item.id,
            kind: it.kind.name(),
            age_days: it.age_days(clock::now()),
            state: it.standing().name(),
            assignee: work.and_then(|work| work.assignee.clone()),
            proposed_by: work.and_then(|work| work.proposed_by.clone()),
            explanation: work.and_then(|work| Some(work.explanation?.name())),
            reference: work.and_then(|work| work.reference.clone()),
            posting: posting.map(Into::into),
            changed_at: work.map(|work| work.changed_at),
            item: it.item.into(),
            partner: it.partner.map(Into::into),
        }
    }
}

/// One day of one provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayBody {
    /// Of Moscow for YooKassa, of the tenant's calendar otherwise.
    pub(crate) day: NaiveDate,
    #[schema(schema_with = provider_names)]
    pub(crate) provider: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) our_count: i64,
    pub(crate) our_sum: String,
    pub(crate) their_count: i64,
    pub(crate) their_sum: String,
    pub(crate) fees: String,
    pub(crate) matched: i64,
    /// How many items of both sides have something wrong, or wait.
    pub(crate) unsettled: i64,
}

impl From<&DayRow> for DayBody {
    fn from(row: &DayRow) -> Self {
        Self {
            day: row.day,
            provider: provider_name(row.provider),
            currency: row.currency.code(),
            our_count: row.ours.0,
            our_sum: decimal(row.ours.1, row.currency),
            their_count: row.theirs.0,
            their_sum: decimal(row.theirs.1, row.currency),
            fees: decimal(row.fees_minor, row.currency),
            matched: row.matched,
            unsettled: row.faults,
        }
    }
}

/// A payout on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PayoutBody {
    pub(crate) id: Uuid,
    #[schema(schema_with = provider_names)]
    pub(crate) provider: &'static str,
    pub(crate) reference: String,
    pub(crate) sent_at: DateTime<Utc>,
    pub(crate) amount: String,
    pub(crate) currency: &'static str,
    /// What is left of all lines that name it: the same when the files are whole.
    pub(crate) lines_sum: Option<String>,
    /// When it came to the bank; null while it has not.
    pub(crate) arrived_at: Option<DateTime<Utc>>,
}

impl From<PayoutRow> for PayoutBody {
    fn from(row: PayoutRow) -> Self {
        Self {
            id: row.id,
            provider: provider_name(row.provider),
            amount: decimal(row.amount_minor, row.currency),
            lines_sum: row.lines_minor.map(|minor| decimal(minor, row.currency)),
            currency: row.currency.code(),
            reference: row.reference,
            sent_at: row.at,
            arrived_at: row.arrived_at,
        }
    }
}

/// A file that lines came from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileBody {
    #[schema(example = "stripe")]
    pub(crate) source: &'static str,
    pub(crate) sha256: String,
    pub(crate) lines: i64,
    /// How many of its lines had not come before.
    pub(crate) first_lines: i64,
    pub(crate) recorded_at: DateTime<Utc>,
}

impl From<FileRow> for FileBody {
    fn from(row: FileRow) -> Self {
        Self {
            source: row.source.name(),
            sha256: row.sha256,
            lines: row.lines,
            first_lines: row.first_lines,
            recorded_at: row.recorded_at,
        }
    }
}
