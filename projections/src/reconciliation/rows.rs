//! Differences: what fits nothing, or not quite.

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{
    Currency, Money, TenantId,
    credit_ledger::{BookAccount, PaymentProvider, Posting},
    provider_statement::LineKind,
    reconciliation::Standing,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use super::work::WorkRow;
use crate::{Page, PageRequest, QueryError, columns::named, paging::List};

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Kontor has it, and the provider's files do not, though they cover its day.
    MissingAtProvider,
    /// The provider has it, and Kontor does not.
    MissingWithUs,
    /// Both have it with different amounts.
    AmountDiffers,
    /// Both have it in different currencies.
    CurrencyDiffers,
    /// One side has it more often than the other.
    Duplicate,
    /// Amount less fee is not what was left.
    FeeUnexplained,
    /// Both have it, days apart.
    Late,
    /// A provider says that it sent a payout, and the bank did not get it.
    PayoutNotArrived,
    /// The bank got money that a provider did not say it sent.
    ArrivalUnknown,
    /// A receipt is missing. Nothing reports these yet.
    ReceiptMissing,
}

impl DifferenceKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::MissingAtProvider,
        Self::MissingWithUs,
        Self::AmountDiffers,
        Self::CurrencyDiffers,
        Self::Duplicate,
        Self::FeeUnexplained,
        Self::Late,
        Self::PayoutNotArrived,
        Self::ArrivalUnknown,
        Self::ReceiptMissing,
    ];

    /// Its name in addresses and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingAtProvider => "missing_at_provider",
            Self::MissingWithUs => "missing_with_us",
            Self::AmountDiffers => "amount_differs",
            Self::CurrencyDiffers => "currency_differs",
            Self::Duplicate => "duplicate",
            Self::FeeUnexplained => "fee_unexplained",
            Self::Late => "late",
            Self::PayoutNotArrived => "payout_not_arrived",
            Self::ArrivalUnknown => "arrival_unknown",
            Self::ReceiptMissing => "receipt_missing",
        }
    }
}

/// One item of either side.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow {
    /// Its id; also that of the difference that it is.
    pub id: Uuid,
    /// Its place in lists, unique.
    pub place: i64,
    /// Whose word or money it is.
    pub provider: PaymentProvider,
    /// Whether Kontor says it, or a provider of its own payout.
    pub is_ours: bool,
    /// What it is.
    pub kind: LineKind,
    /// The source's id of it.
    pub external_id: String,
    /// All ids that it names.
    pub refs: Vec<String>,
    /// What moved, in minor units.
    pub amount_minor: i64,
    /// What the other side should say, in minor units: what is sent arrives with the other sign.
    pub expected_minor: i64,
    /// Whether it is on its way between a provider and the bank.
    pub is_transfer: bool,
    /// What was kept of it.
    pub fee_minor: i64,
    /// What was left.
    pub net_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// When.
    pub at: DateTime<Utc>,
    /// The payout that it went into.
    pub payout_ref: Option<String>,
    /// The payment that it is of.
    pub payment_id: Option<Uuid>,
}

/// A difference, with what it belongs to on the other side and the work on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The kind.
    pub kind: DifferenceKind,
    /// The item.
    pub item: ItemRow,
    /// What it belongs to, where it belongs to something.
    pub partner: Option<ItemRow>,
    /// The work on it; none while nobody has begun.
    pub work: Option<WorkRow>,
}

impl Difference {
    /// How far the work is.
    pub fn standing(&self) -> Standing {
        self.work.as_ref().map_or(Standing::Open, |work| work.standing)
    }

    /// By how much the books are wrong if the other side is right, in minor units: positive when it
    /// has more. None where the amount is no question, or the currencies are two.
    pub fn excess_minor(&self) -> Option<i64> {
        let item = &self.item;
        match self.kind {
            DifferenceKind::MissingAtProvider => item.amount_minor.checked_neg(),
            DifferenceKind::Duplicate if item.is_ours => item.amount_minor.checked_neg(),
            DifferenceKind::MissingWithUs | DifferenceKind::Duplicate => Some(item.amount_minor),
            DifferenceKind::AmountDiffers => {
                item.expected_minor.checked_sub(self.partner.as_ref()?.expected_minor)
            }
            DifferenceKind::FeeUnexplained => {
                item.net_minor.checked_sub(item.amount_minor.checked_sub(item.fee_minor)?)
            }
            DifferenceKind::PayoutNotArrived => Some(item.amount_minor),
            DifferenceKind::ArrivalUnknown => Some(item.amount_minor),
            DifferenceKind::CurrencyDiffers
            | DifferenceKind::Late
            | DifferenceKind::ReceiptMissing => None,
        }
    }

    /// The booking that makes the books say what the other side says, against the account of
    /// differences.
    pub fn posting(&self) -> Option<Posting> {
        self.posting_against(BookAccount::Differences)
    }

    /// The same against another account; none when it would be the same on both sides.
    pub fn posting_against(&self, other: BookAccount) -> Option<Posting> {
        let clearing = match self.item.provider {
            PaymentProvider::Stripe => BookAccount::ClearingStripe,
            PaymentProvider::Yookassa => BookAccount::ClearingYookassa,
            PaymentProvider::TelegramStars => BookAccount::ClearingTelegramStars,
            PaymentProvider::Manual => BookAccount::ClearingManual,
        };
        let account = if self.item.is_transfer { BookAccount::InTransit } else { clearing };
        let excess = self.excess_minor().filter(|excess| *excess != 0 && account != other)?;
        let (debit, credit) = if excess > 0 { (account, other) } else { (other, account) };
        let amount = Money::new(excess.checked_abs()?, self.item.currency);
        Some(Posting { debit, credit, amount })
    }

    /// Whole days since it moved.
    pub fn age_days(&self, now: DateTime<Utc>) -> i64 {
        (now - self.item.at).num_days().max(0)
    }
}

/// Which differences are wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Of this provider alone.
    pub provider: Option<PaymentProvider>,
    /// Of this kind alone.
    pub kind: Option<DifferenceKind>,
    /// Closed ones too, or instead.
    pub closed: Option<bool>,
    /// Moved before this instant.
    pub before: Option<DateTime<Utc>>,
    /// Moved at this instant or later.
    pub from: Option<DateTime<Utc>>,
}

/// Until when a side's files tell what moved: what is younger is awaited and no difference. A day more,
/// because the last day of a file may not be whole.
pub(super) const COVERED: Duration = Duration::days(1);

/// All differences of a tenant. `$1` is the tenant, `$2` how much longer files must reach.
macro_rules! with_differences {
    ($rest:literal) => {
        concat!(
            "with covered as materialized ( \
                 select provider, bucket = 'payout' as by_bank, max(at) as until from recon_items \
                 where tenant = $1 and side = 2 and bucket <> '' group by 1, 2 \
             ), differences as ( \
                 select item.*, case \
                     when item.fault = 'missing' and item.bucket = 'payout' and item.side = 1 \
                         then 'payout_not_arrived' \
                     when item.fault = 'missing' and item.bucket = 'payout' then 'arrival_unknown' \
                     when item.fault = 'missing' and item.side = 1 then 'missing_at_provider' \
                     when item.fault = 'missing' then 'missing_with_us' \
                     else item.fault end as difference \
                 from recon_items as item left join covered \
                     on covered.provider = item.provider \
                     and covered.by_bank = (item.bucket = 'payout') \
                 where item.tenant = $1 and item.fault is not null \
                     and (item.side = 2 or item.fault <> 'missing' or item.at < covered.until - $2) \
             ) ",
            $rest
        )
    };
}
pub(super) use with_differences;

/// The differences of a tenant, newest first.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn differences(
    pool: &PgPool,
    tenant: &TenantId,
    filter: Filter,
    page: &PageRequest,
) -> Result<Page<Difference>, QueryError> {
    let rows = sqlx::query(with_differences!(
        "select it.*, work.standing from differences as it \
         left join recon_work as work on work.id = it.id \
         where it.place < $3 and ($4::text is null or it.provider = $4) \
             and ($5::text is null or it.difference = $5) \
             and ($6::boolean is null \
                 or coalesce(work.standing in ('explained', 'adjusted', 'written_off'), false) = $6) \
             and ($7::timestamptz is null or it.at < $7) and ($8::timestamptz is null or it.at >= $8) \
         order by it.place desc limit $9"
    ))
    .bind(tenant.as_str())
    .bind(COVERED)
    .bind(page.key(List::Differences, i64::MAX)?)
    .bind(filter.provider.map(super::payments::provider_name))
    .bind(filter.kind.map(DifferenceKind::name))
    .bind(filter.closed)
    .bind(filter.before)
    .bind(filter.from)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    let found = complete(pool, rows).await?;
    Ok(page.cut(List::Differences, found, |it| it.item.place))
}

/// One difference of a tenant; none when all is well with that item, or when it is awaited.
///
/// # Errors
/// When the database fails.
pub async fn difference(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Difference>, QueryError> {
    let row = sqlx::query(with_differences!("select * from differences where id = $3"))
        .bind(tenant.as_str())
        .bind(COVERED)
        .bind(id)
        .fetch_optional(pool)
        .await?;
    Ok(complete(pool, row.into_iter().collect()).await?.pop())
}

/// How many open differences of a tenant moved before an instant.
pub(crate) async fn open_before(
    db: &mut PgConnection,
    tenant: &TenantId,
    before: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(with_differences!(
        "select count(*) from differences as it left join recon_work as work on work.id = it.id \
         where it.at < $3 \
             and coalesce(work.standing not in ('explained', 'adjusted', 'written_off'), true)"
    ))
    .bind(tenant.as_str())
    .bind(COVERED)
    .bind(before)
    .fetch_one(db)
    .await
}

/// Adds what items belong to, and the work on them.
async fn complete(pool: &PgPool, rows: Vec<PgRow>) -> Result<Vec<Difference>, QueryError> {
    let mut found = Vec::new();
    let (mut ids, mut partners) = (Vec::new(), Vec::new());
    for row in &rows {
        let item = ItemRow::from_row(row)?;
        let partner: Option<Uuid> = row.try_get("partner")?;
        ids.push(item.id);
        partners.extend(partner);
        found.push((named(row, "difference")?, item, partner));
    }
    let partners: Vec<ItemRow> = sqlx::query_as("select * from recon_items where id = any($1)")
        .bind(partners)
        .fetch_all(pool)
        .await?;
    let work: Vec<WorkRow> = sqlx::query_as("select * from recon_work where id = any($1)")
        .bind(ids)
        .fetch_all(pool)
        .await?;
    let whole = found.into_iter().map(|(kind, item, partner)| Difference {
        kind,
        partner: partners.iter().find(|it| Some(it.id) == partner).cloned(),
        work: work.iter().find(|it| it.id == item.id).cloned(),
        item,
    });
    Ok(whole.collect())
}

impl FromRow<'_, PgRow> for ItemRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let side: i16 = row.try_get("side")?;
        Ok(Self {
            id: row.try_get("id")?,
            place: row.try_get("place")?,
            provider: named(row, "provider")?,
            is_ours: side == 1,
            kind: named(row, "kind")?,
            external_id: row.try_get("external_id")?,
            refs: row.try_get("refs")?,
            amount_minor: row.try_get("amount_minor")?,
            expected_minor: row.try_get("expected_minor")?,
            is_transfer: row.try_get::<&str, _>("bucket")? == "payout",
            fee_minor: row.try_get("fee_minor")?,
            net_minor: row.try_get("net_minor")?,
            currency: named(row, "currency")?,
            at: row.try_get("at")?,
            payout_ref: row.try_get("payout_ref")?,
            payment_id: row.try_get("payment_id")?,
        })
    }
}
