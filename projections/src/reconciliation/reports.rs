//! Reports: by provider, by kind and age of differences, by day, and the way of payouts.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use kontor_domain::{
    Currency, TenantId, credit_ledger::PaymentProvider, provider_statement::StatementSource,
};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    payments::provider_name,
    rows::{COVERED, DifferenceKind, with_differences},
};
use crate::{QueryError, columns::named};

/// How much a list of days or payouts may hold.
const ROWS_MAX: i64 = 400;

/// What one provider and Kontor say of one currency.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SideRow {
    /// The provider.
    pub provider: PaymentProvider,
    /// The currency.
    pub currency: Currency,
    /// Charges, refunds and disputes that Kontor knows: how many, and their sum.
    pub ours: (i64, i64),
    /// Those that the provider's files say.
    pub theirs: (i64, i64),
    /// How many of Kontor's belong to a line.
    pub matched: i64,
    /// Those that wait for a file.
    pub awaited: Awaited,
    /// What the provider kept.
    pub fees_minor: i64,
    /// What it says it sent to the bank.
    pub paid_out_minor: i64,
    /// What arrived there.
    pub arrived_minor: i64,
}

/// What is not expected in a file yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Awaited {
    /// How many.
    pub count: i64,
    /// Their sum in minor units.
    pub minor: i64,
}

/// What one tenant's books and one provider say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TenantRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The provider.
    pub provider: PaymentProvider,
    /// The currency.
    pub currency: Currency,
    /// What Kontor knows: how many, and their sum.
    pub ours: (i64, i64),
    /// What the files say.
    pub theirs: (i64, i64),
    /// How many of Kontor's belong to a line.
    pub matched: i64,
    /// How many items of both sides have something wrong, or wait.
    pub unsettled: i64,
}

/// Open differences of one kind and age.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KindRow {
    /// The provider.
    pub provider: PaymentProvider,
    /// The kind.
    pub kind: DifferenceKind,
    /// The currency.
    pub currency: Currency,
    /// How many are up to a day old, up to a week, up to 30 days, and older.
    pub by_age: [i64; 4],
    /// The sum of their sizes, in minor units.
    pub minor: i64,
}

/// A day of one provider and currency.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DayRow {
    /// The day: of Moscow for YooKassa, of the tenant's calendar otherwise.
    pub day: NaiveDate,
    /// The provider.
    pub provider: PaymentProvider,
    /// The currency.
    pub currency: Currency,
    /// What Kontor knows: how many, and their sum.
    pub ours: (i64, i64),
    /// What the files say.
    pub theirs: (i64, i64),
    /// What the provider kept.
    pub fees_minor: i64,
    /// How many of Kontor's belong to a line.
    pub matched: i64,
    /// How many items of both sides have something wrong.
    pub faults: i64,
}

/// A payout on its way to the bank.
#[derive(Clone, Debug, PartialEq)]
pub struct PayoutRow {
    /// Its item.
    pub id: Uuid,
    /// The provider.
    pub provider: PaymentProvider,
    /// The provider's id of it.
    pub reference: String,
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// How much.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// What is left of all lines that name it: the same, when the provider's files are whole.
    pub lines_minor: Option<i64>,
    /// When it arrived.
    pub arrived_at: Option<DateTime<Utc>>,
}

/// A file that lines came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileRow {
    /// Who says it.
    pub source: StatementSource,
    /// The hash of its bytes.
    pub sha256: String,
    /// How many lines it has.
    pub lines: i64,
    /// How many came from it first.
    pub first_lines: i64,
    /// When it came.
    pub recorded_at: DateTime<Utc>,
}

/// What each provider and Kontor say, by currency.
///
/// # Errors
/// When the database fails.
pub async fn sides(pool: &PgPool, tenant: &TenantId) -> Result<Vec<SideRow>, QueryError> {
    let rows = sqlx::query(
        "with covered as materialized ( \
             select provider, max(at) as until from recon_items \
             where tenant = $1 and side = 2 and bucket not in ('', 'payout') group by 1 \
         ) \
         select item.provider, currency, \
             count(*) filter (where ours) as our_count, \
             coalesce(sum(amount_minor) filter (where ours), 0)::bigint as our_minor, \
             count(*) filter (where theirs) as their_count, \
             coalesce(sum(amount_minor) filter (where theirs), 0)::bigint as their_minor, \
             count(*) filter (where ours and partner is not null) as matched, \
             count(*) filter (where ours and awaited) as awaited_count, \
             coalesce(sum(amount_minor) filter (where ours and awaited), 0)::bigint as awaited_minor, \
             coalesce(sum(fee_minor - case when kind = 'fee' then amount_minor else 0 end), 0)::bigint \
                 as fees_minor, \
             coalesce(-sum(amount_minor) filter (where kind = 'payout'), 0)::bigint as paid_out_minor, \
             coalesce(sum(amount_minor) filter (where kind = 'arrival'), 0)::bigint as arrived_minor \
         from recon_items as item left join covered on covered.provider = item.provider, \
             lateral (select side = 1 and bucket not in ('', 'payout') as ours, \
                 side = 2 and bucket in ('charge', 'refund', 'dispute') as theirs, \
                 fault = 'missing' and coalesce(at >= covered.until - $2, true) as awaited) as it \
         where tenant = $1 and not void group by 1, 2 order by 1, 2",
    )
    .bind(tenant.as_str())
    .bind(COVERED)
    .fetch_all(pool)
    .await?;
    let row = |row: &PgRow| -> Result<SideRow, sqlx::Error> {
        Ok(SideRow {
            provider: named(row, "provider")?,
            currency: named(row, "currency")?,
            ours: (row.try_get("our_count")?, row.try_get("our_minor")?),
            theirs: (row.try_get("their_count")?, row.try_get("their_minor")?),
            matched: row.try_get("matched")?,
            awaited: Awaited {
                count: row.try_get("awaited_count")?,
                minor: row.try_get("awaited_minor")?,
            },
            fees_minor: row.try_get("fees_minor")?,
            paid_out_minor: row.try_get("paid_out_minor")?,
            arrived_minor: row.try_get("arrived_minor")?,
        })
    };
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

/// What matches, tenant by tenant; of one tenant alone when it is named.
///
/// # Errors
/// When the database fails.
pub async fn tenants(
    pool: &PgPool,
    tenant: Option<&TenantId>,
) -> Result<Vec<TenantRow>, QueryError> {
    let rows = sqlx::query(
        "select tenant, provider, currency, \
             count(*) filter (where side = 1) as our_count, \
             coalesce(sum(amount_minor) filter (where side = 1), 0)::bigint as our_minor, \
             count(*) filter (where side = 2) as their_count, \
             coalesce(sum(amount_minor) filter (where side = 2), 0)::bigint as their_minor, \
             count(*) filter (where side = 1 and partner is not null) as matched, \
             count(*) filter (where fault is not null) as unsettled \
         from recon_items where not void and bucket in ('charge', 'refund', 'dispute') \
             and ($1::text is null or tenant = $1) \
         group by 1, 2, 3 order by 1, 2, 3",
    )
    .bind(tenant.map(TenantId::as_str))
    .fetch_all(pool)
    .await?;
    let row = |row: &PgRow| -> Result<TenantRow, sqlx::Error> {
        Ok(TenantRow {
            tenant: named(row, "tenant")?,
            provider: named(row, "provider")?,
            currency: named(row, "currency")?,
            ours: (row.try_get("our_count")?, row.try_get("our_minor")?),
            theirs: (row.try_get("their_count")?, row.try_get("their_minor")?),
            matched: row.try_get("matched")?,
            unsettled: row.try_get("unsettled")?,
        })
    };
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

/// The open differences by provider, kind and age at an instant.
///
/// # Errors
/// When the database fails.
pub async fn kinds(
    pool: &PgPool,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<Vec<KindRow>, QueryError> {
    let rows = sqlx::query(with_differences!(
        "select it.provider, it.difference, it.currency, \
             count(*) filter (where age <= interval '1 day') as day, \
             count(*) filter (where age > interval '1 day' and age <= interval '7 days') as week, \
             count(*) filter (where age > interval '7 days' and age <= interval '30 days') as month, \
             count(*) filter (where age > interval '30 days') as older, \
             sum(abs(case when partner.id is null then it.amount_minor \
                 when it.difference = 'amount_differs' \
                     then it.expected_minor - partner.expected_minor \
                 when it.difference = 'fee_unexplained' \
                     then it.amount_minor - it.fee_minor - it.net_minor \
                 when it.difference = 'late' then 0 \
                 else it.amount_minor end))::bigint as minor \
         from differences as it left join recon_items as partner on partner.id = it.partner \
         left join recon_work as work on work.id = it.id, \
         lateral (select $3 - it.at as age) as aged \
         where coalesce(work.standing not in ('explained', 'adjusted', 'written_off'), true) \
         group by 1, 2, 3 order by 1, 2, 3"
    ))
    .bind(tenant.as_str())
    .bind(COVERED)
    .bind(now)
    .fetch_all(pool)
    .await?;
    let row = |row: &PgRow| -> Result<KindRow, sqlx::Error> {
        Ok(KindRow {
            provider: named(row, "provider")?,
            kind: named(row, "difference")?,
            currency: named(row, "currency")?,
            by_age: [
                row.try_get("day")?,
                row.try_get("week")?,
                row.try_get("month")?,
                row.try_get("older")?,
            ],
            minor: row.try_get("minor")?,
        })
    };
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

/// The days of a tenant, newest first, those of one provider alone when it is named; at most 400.
///
/// # Errors
/// When the database fails.
pub async fn days(
    pool: &PgPool,
    tenant: &TenantId,
    provider: Option<PaymentProvider>,
    zone: Tz,
) -> Result<Vec<DayRow>, QueryError> {
    let rows = sqlx::query(
        "select (at at time zone case when provider = 'yookassa' then 'Europe/Moscow' else $3 end)::date \
                 as day, provider, currency, \
             count(*) filter (where side = 1) as our_count, \
             coalesce(sum(amount_minor) filter (where side = 1), 0)::bigint as our_minor, \
             count(*) filter (where side = 2) as their_count, \
             coalesce(sum(amount_minor) filter (where side = 2), 0)::bigint as their_minor, \
             coalesce(sum(fee_minor), 0)::bigint as fees_minor, \
             count(*) filter (where side = 1 and partner is not null) as matched, \
             count(*) filter (where fault is not null) as faults \
         from recon_items where tenant = $1 and not void \
             and bucket in ('charge', 'refund', 'dispute') and ($2::text is null or provider = $2) \
         group by 1, 2, 3 order by 1 desc, 2, 3 limit $4",
    )
    .bind(tenant.as_str())
    .bind(provider.map(provider_name))
    .bind(zone.name())
    .bind(ROWS_MAX)
    .fetch_all(pool)
    .await?;
    let row = |row: &PgRow| -> Result<DayRow, sqlx::Error> {
        Ok(DayRow {
            day: row.try_get("day")?,
            provider: named(row, "provider")?,
            currency: named(row, "currency")?,
            ours: (row.try_get("our_count")?, row.try_get("our_minor")?),
            theirs: (row.try_get("their_count")?, row.try_get("their_minor")?),
            fees_minor: row.try_get("fees_minor")?,
            matched: row.try_get("matched")?,
            faults: row.try_get("faults")?,
        })
    };
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

/// The last payouts of a tenant, newest first, with what came of them; at most 400.
///
/// # Errors
/// When the database fails.
pub async fn payouts(pool: &PgPool, tenant: &TenantId) -> Result<Vec<PayoutRow>, QueryError> {
    let rows = sqlx::query(
        "select item.id, item.provider, item.reference, item.at, item.expected_minor, item.currency, \
             (select sum(line.net_minor)::bigint from recon_items as line \
                 where line.tenant = $1 and line.provider = item.provider \
                     and line.payout_ref = item.reference and line.kind not in ('payout', 'arrival')) \
                 as lines_minor, \
             arrival.at as arrived_at \
         from recon_items as item left join recon_items as arrival on arrival.id = item.partner \
         where item.tenant = $1 and item.kind = 'payout' \
         order by item.place desc limit $2",
    )
    .bind(tenant.as_str())
    .bind(ROWS_MAX)
    .fetch_all(pool)
    .await?;
    let row = |row: &PgRow| -> Result<PayoutRow, sqlx::Error> {
        Ok(PayoutRow {
            id: row.try_get("id")?,
            provider: named(row, "provider")?,
            reference: row.try_get("reference")?,
            at: row.try_get("at")?,
            amount_minor: row.try_get("expected_minor")?,
            currency: named(row, "currency")?,
            lines_minor: row.try_get("lines_minor")?,
            arrived_at: row.try_get("arrived_at")?,
        })
    };
    Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
}

/// The files of a tenant, newest first; at most 400.
///
/// # Errors
/// When the database fails.
pub async fn files(pool: &PgPool, tenant: &TenantId) -> Result<Vec<FileRow>, QueryError> {
    let rows = sqlx::query_as(
        "select file.source, file.sha256, file.lines, file.recorded_at, \
             (select count(*) from recon_items as item \
                 where item.tenant = $1 and item.file = file.sha256) as first_lines \
         from recon_files as file where file.tenant = $1 order by file.position desc limit $2",
    )
    .bind(tenant.as_str())
    .bind(ROWS_MAX);
    Ok(rows.fetch_all(pool).await?)
}

impl FromRow<'_, PgRow> for FileRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            source: named(row, "source")?,
            sha256: row.try_get("sha256")?,
            lines: row.try_get("lines")?,
            first_lines: row.try_get("first_lines")?,
            recorded_at: row.try_get("recorded_at")?,
        })
    }
}
