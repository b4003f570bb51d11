//! What is looked at before a month is closed.

use kontor_domain::{
    TenantId,
    accounting_period::{Bounds, Check, Figures, Finding, PaymentKind},
    credit_ledger::{BookAccount, PaymentProvider},
};
use sqlx::{PgConnection, Row};

use super::draft::behind;
use crate::{columns::named, reconciliation};

/// What the checks found; those that found nothing are left out.
pub(super) async fn all(
    db: &mut PgConnection,
    tenant: &TenantId,
    (bounds, figures, seal_position): (Bounds, &Figures, i64),
) -> Result<Vec<Finding>, sqlx::Error> {
    let counts = [
        (Check::BookingsParked, parked(db, tenant).await?),
        (Check::DifferencesOpen, reconciliation::open_before(db, tenant, bounds.ends_at).await?),
        (Check::ClearingOpen, clearing(figures)),
        (Check::StatementsMissing, statements(db, tenant, (bounds, figures)).await?),
        (Check::CreditsHeld, held(figures)),
        (Check::BookingsUnsealed, unsealed(db, tenant, (bounds, seal_position)).await?),
        (Check::EarlierBookings, earlier(db, tenant, bounds).await?),
    ];
    let found = counts.into_iter().filter(|(_, count)| *count > 0);
    Ok(found.map(|(check, count)| Finding { check, count }).collect())
}

/// Events of the tenant that the read model could not take yet. One that was given up counts as well:
/// without it the figures are not whole.
async fn parked(db: &mut PgConnection, tenant: &TenantId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from dead_letters as letter \
         join events as event on event.position = letter.position \
         join projection_generations as generation on generation.name = letter.name \
             and generation.generation = letter.version and generation.state = 'active' \
         where letter.name = 'books' and event.tenant = $1",
    )
    .bind(tenant.as_str())
    .fetch_one(db)
    .await
}

/// Accounts of money that is under way which are not even.
fn clearing(figures: &Figures) -> i64 {
    let under_way = |account: BookAccount| {
        account.is_clearing()
            || [BookAccount::DisputeReserve, BookAccount::InTransit].contains(&account)
    };
    let open = figures.accounts.iter().filter(|row| under_way(row.account) && row.closing.0 != 0);
    i64::try_from(open.count()).unwrap_or(i64::MAX)
}

/// Credits that wait for a delivery.
fn held(figures: &Figures) -> i64 {
    let rows = figures.accounts.iter().filter(|row| row.account == BookAccount::HeldCredits);
    let credits: i128 = rows.map(|row| row.closing.0.saturating_abs()).sum();
    i64::try_from(credits).unwrap_or(i64::MAX)
}

/// Providers with payments in the month of which no line of a statement is dated within it.
async fn statements(
    db: &mut PgConnection,
    tenant: &TenantId,
    (bounds, figures): (Bounds, &Figures),
) -> Result<i64, sqlx::Error> {
    let rows = sqlx::query(
        "select distinct provider from recon_items \
         where tenant = $1 and side = 2 and bucket <> 'payout' and at >= $2 and at < $3",
    )
    .bind(tenant.as_str())
    .bind(bounds.starts_at)
    .bind(bounds.ends_at)
    .fetch_all(db)
    .await?;
    let told: Vec<PaymentProvider> =
        rows.iter().map(|row| named(row, "provider")).collect::<Result<_, _>>()?;
    let paid = |account: BookAccount| {
        let mut rows = figures.payments.iter();
        rows.any(|row| row.account == account && row.kind != PaymentKind::Settlement)
    };
    let missing = [
        (BookAccount::ClearingStripe, PaymentProvider::Stripe),
        (BookAccount::ClearingYookassa, PaymentProvider::Yookassa),
        (BookAccount::ClearingTelegramStars, PaymentProvider::TelegramStars),
    ]
    .into_iter()
    .filter(|(account, provider)| paid(*account) && !told.contains(provider));
    Ok(i64::try_from(missing.count()).unwrap_or(i64::MAX))
}

/// Bookings up to the close that no seal holds.
async fn unsealed(
    db: &mut PgConnection,
    tenant: &TenantId,
    (bounds, seal_position): (Bounds, i64),
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(distinct place / 1000) from book_lines \
         where tenant = $1 and place >= $2 and place < $3",
    )
    .bind(tenant.as_str())
    .bind(behind(seal_position))
    .bind(behind(bounds.position))
    .fetch_one(db)
    .await
}

/// Bookings of months before the first one that is closed.
async fn earlier(
    db: &mut PgConnection,
    tenant: &TenantId,
    bounds: Bounds,
) -> Result<i64, sqlx::Error> {
    if bounds.previous_position.is_some() {
        return Ok(0);
    }
    let row = sqlx::query(
        "select count(distinct place / 1000) as bookings from book_lines \
         where tenant = $1 and place < $2 and effective_at < $3",
    )
    .bind(tenant.as_str())
    .bind(behind(bounds.position))
    .bind(bounds.starts_at)
    .fetch_one(db)
    .await?;
    row.try_get("bookings")
}
