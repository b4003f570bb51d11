//! People who were erased, and the accounts of those who came back.

use kontor_domain::{TenantId, account::account_id_after};
use sqlx::PgPool;
use uuid::Uuid;

use super::{AccountRow, find};
use crate::QueryError;

/// How often one person can be erased and come back. Whoever does it more often keeps an account
/// that takes no commands: it is a program, not a person.
pub const RETURNS_MAX: usize = 100;

/// Whether the holder of that account was erased.
///
/// # Errors
/// When the database fails.
pub async fn is_erased(pool: &PgPool, tenant: &TenantId, id: Uuid) -> Result<bool, QueryError> {
    let erased = sqlx::query_scalar(
        "select exists (select from account_erasures where id = $1 and tenant = $2)",
    )
    .bind(id)
    .bind(tenant.as_str());
    Ok(erased.fetch_one(pool).await?)
}

/// The account that a person has now, whose first one has the id `first`: that one, or the one after
/// their last erasure. It may not be open yet.
///
/// # Errors
/// When the database fails.
pub async fn of_person(
    pool: &PgPool,
    tenant: &TenantId,
    first: Uuid,
) -> Result<(Uuid, Option<AccountRow>), QueryError> {
    let mut id = first;
    for _ in 0..RETURNS_MAX {
        let account = find(pool, tenant, id).await?;
        if account.is_some() || !is_erased(pool, tenant, id).await? {
            return Ok((id, account));
        }
        id = account_id_after(id);
    }
    Ok((id, None))
}
