//! What Stripe says moved on the account: its balance transactions, as files of them would say it.

use chrono::{DateTime, Utc};
use kontor_domain::provider_statement::StatementLine;
use kontor_statements::stripe_transaction;
use serde_json::Value;

use super::{
    PAGE_SIZE, Stripe,
    objects::{is_id, text},
};
use crate::CallError;

/// How many pages of one list are read: 100,000 lines, as many as a file may have.
const PAGES_MAX: usize = 1_000;

impl Stripe {
    /// The lines from an instant up to another. What was sent to the bank meanwhile names its lines, also
    /// those from before: only then it is known with which payout they went.
    pub(super) async fn lines_between(
        &self,
        (from, before): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<StatementLine>, CallError> {
        let (from, before) = (from.timestamp(), before.timestamp());
        let of = format!("created[gte]={from}&created[lt]={before}");
        let listed = self.transactions(&of).await?;
        let mut lines = Vec::new();
        for value in &listed {
            lines.push(line(value, None)?);
        }
        for payout in listed.iter().filter(|value| text(value, "type") == Some("payout")) {
            let id = payout.get("source").and_then(|it| text(it, "id").or(it.as_str()));
            let Some(id) = id.filter(|id| is_id(id)) else { continue };
            match self.transactions(&format!("payout={id}")).await {
                Ok(sent) => {
                    for value in &sent {
                        lines.push(line(value, Some(id))?);
                    }
                }
                // Of a payout that somebody asked for by hand Stripe does not know the lines.
                Err(CallError::Refused { .. }) => {}
                Err(
                    err @ (CallError::Unknown(_) | CallError::Later { .. } | CallError::Secret(_)),
                ) => {
                    return Err(err);
                }
            }
        }
        // Oldest first, as in a file.
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }

    async fn transactions(&self, of: &str) -> Result<Vec<Value>, CallError> {
        let unreadable =
            || CallError::Unknown("the list of transactions cannot be read".to_owned());
        let (mut all, mut after) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let path = format!(
                "/v1/balance_transactions?{of}&limit={PAGE_SIZE}&expand[]=data.source{after}"
            );
            let list = self.client.get(&path).await?;
            let data = list.get("data").and_then(Value::as_array).ok_or_else(unreadable)?;
            all.extend(data.iter().cloned());
            if !list.get("has_more").and_then(Value::as_bool).ok_or_else(unreadable)? {
                return Ok(all);
            }
            let last = data.last().and_then(|value| text(value, "id"));
            let last = last.filter(|id| is_id(id)).ok_or_else(unreadable)?;
            after = format!("&starting_after={last}");
        }
        Err(CallError::Unknown(format!("the list has more than {PAGES_MAX} pages")))
    }
}

fn line(value: &Value, payout: Option<&str>) -> Result<StatementLine, CallError> {
    stripe_transaction(value, payout).map_err(|reason| {
        let id = text(value, "id").filter(|id| is_id(id)).unwrap_or("without an id");
        CallError::Unknown(format!("the balance transaction {id} cannot be read: {reason}"))
    })
}
