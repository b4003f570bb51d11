//! What the read models show of one person, for the person themselves.

use kontor_domain::{TenantId, credit_ledger::credit_ledger_id};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{QueryError, meters};

/// The rows about one account as JSON, by their columns: the account, its meters and their
/// readings, its credits and what became of them, its payments.
///
/// # Errors
/// When the database fails.
pub async fn export(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Uuid,
) -> Result<Value, QueryError> {
    let account: Option<Value> = sqlx::query_scalar(
        "select to_jsonb(a) from account_directory a where id = $1 and tenant = $2",
    )
    .bind(account_id)
    .bind(tenant.as_str())
    .fetch_optional(pool)
    .await?;
    let mut rows = Vec::new();
    let mut readings = Vec::new();
    let mut after = 0;
    loop {
        let page = meters::ids_of_account(pool, tenant, account_id, after).await?;
        let Some((_, last)) = page.last() else { break };
        after = *last;
        for (meter, _) in page {
            rows.extend(
                sqlx::query_scalar::<_, Value>(
                    "select to_jsonb(m) from meter_directory m where id = $1",
                )
                .bind(meter)
                .fetch_all(pool)
                .await?,
            );
            readings.extend(
                sqlx::query_scalar::<_, Value>(
                    "select to_jsonb(r) from reading_history r where meter_id = $1 \
                     order by version",
                )
                .bind(meter)
                .fetch_all(pool)
                .await?,
            );
        }
    }
    let credits = credits_of(pool, tenant, account_id).await?;
    let payments: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(p) from payment_directory p where account_id = $1 and tenant = $2 \
         order by created_position",
    )
    .bind(account_id)
    .bind(tenant.as_str())
    .fetch_all(pool)
    .await?;
    Ok(json!({
        "account": account,
        "meters": rows,
        "readings": readings,
        "credits": credits,
        "payments": payments,
    }))
}

/// The balance of an account with its history, null when it has no ledger.
async fn credits_of(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Uuid,
) -> Result<Value, QueryError> {
    let id = credit_ledger_id(account_id);
    let balance: Option<Value> = sqlx::query_scalar(
        "select to_jsonb(b) from credit_balances b where id = $1 and tenant = $2",
    )
    .bind(id)
    .bind(tenant.as_str())
    .fetch_optional(pool)
    .await?;
    let Some(balance) = balance else { return Ok(Value::Null) };
    let history: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(h) from credit_history h where ledger_id = $1 order by version",
    )
    .bind(id)
    .fetch_all(pool)
    .await?;
    Ok(json!({ "balance": balance, "history": history }))
}
