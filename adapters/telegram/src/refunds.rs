//! Pays refunds in Stars out: asks the read model what waits, calls Telegram, records the answer.
//!
//! A charge goes back once: Telegram refuses the second time and says so, which is the answer of a
//! first call that was lost. What a call came to is never guessed: when there was no answer, the list
//! of transactions is asked, and only when it does not have the refund is the call made again. Each
//! refund waits for itself, in the database: one that has to wait holds up no other, and none is asked
//! for sooner because the program began anew.

use std::{sync::Arc, time::Duration};

use kontor_commands::{Outcome, Sent};
use kontor_domain::{
    account::Origin,
    payment::{PaymentCommand, RecordRefund, RecordRefundFailure, RefundStanding},
};
use kontor_postgres::{DatabaseError, checkouts};
use kontor_projections::{
    QueryError, accounts, checkpoints,
    payments::{self, PaymentRow, RefundPart},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{BotApi, CallError},
    settings::TelegramSettings,
    turn::Ports,
};

/// The most payments that are looked at in one round.
const BATCH: u32 = 20;
/// How often the read model is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The transactions of one page (Bot API).
const PAGE: usize = 100;
/// How many pages are read for one refund: the bot's last transactions stand at the end, so a bot with
/// more of them than this is asked again by the call itself, which refuses to pay twice.
const PAGES_MAX: usize = 100;
/// The longest code of a failure.
const REASON_LENGTH_MAX: usize = 64;

/// Pays the refunds of one bot out.
pub(crate) struct Refunds {
    pub(crate) ports: Arc<Ports>,
    pub(crate) api: BotApi,
    pub(crate) settings: Arc<TelegramSettings>,
}

/// What became of a refund.
#[derive(Debug, PartialEq)]
enum Answer {
    Paid,
    Failed(String),
    /// Not known, or not possible now.
    Later(String),
}

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Refunds {
    /// Works until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(err) = self.round(&stop).await {
                tracing::warn!(bot = self.ports.bot, "Refunds cannot be looked at: {err}");
            }
            stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
    }

    async fn round(&self, stop: &CancellationToken) -> Result<(), RoundError> {
        let (pool, tenant) = (&self.ports.pool, &self.ports.tenant);
        let channel = channel(&self.ports.bot);
        let rows = payments::due_refunds(pool, (tenant, &channel), BATCH).await?;
        for row in &rows {
            for refund in &row.refunds {
                if stop.is_cancelled() {
                    return Ok(());
                }
                if refund.standing != RefundStanding::Requested {
                    continue;
                }
                let refund_id = refund.refund_id;
                let call = checkouts::send_refund(pool, refund_id, (row.id, &channel)).await?;
                if call.is_due {
                    let answer = self.pay(row, refund).await?;
                    self.record(row, refund, answer).await?;
                    // What the read model still shows as open then is asked for again.
                    let settings = &self.settings;
                    let pauses = (settings.retry_pause_first, settings.retry_pause_max);
                    checkouts::postpone_refund(pool, refund_id, pauses).await?;
                }
            }
        }
        Ok(())
    }

    async fn pay(&self, row: &PaymentRow, refund: &RefundPart) -> Result<Answer, QueryError> {
        let ports = &self.ports;
        let account = accounts::find(&ports.pool, &ports.tenant, row.account_id).await?;
        let Some(Origin::Telegram { user_id, .. }) = account.map(|account| account.origin) else {
            // Whoever was erased cannot be named to Telegram any more.
            return Ok(Answer::Failed("payer_unknown".to_owned()));
        };
        let mut parameters = Map::new();
        parameters.insert("user_id".to_owned(), json!(user_id));
        let charge = json!(refund.provider_ref);
        parameters.insert("telegram_payment_charge_id".to_owned(), charge);
        let wait = self.settings.call_timeout;
        let called = self.api.call("refundStarPayment", &parameters, wait).await;
        let Err(err) = called else { return Ok(Answer::Paid) };
        Ok(match judge(&err) {
            Some(answer) => answer,
            None => match self.was_paid(&refund.provider_ref).await {
                Ok(true) => Answer::Paid,
                Ok(false) => Answer::Later(err.to_string()),
                Err(err) => Answer::Later(err.to_string()),
            },
        })
    }

    /// Whether Telegram's own list has the refund of a charge.
    async fn was_paid(&self, charge: &str) -> Result<bool, CallError> {
        for page in 0..PAGES_MAX {
            let mut parameters = Map::new();
            parameters.insert("offset".to_owned(), json!(page * PAGE));
            parameters.insert("limit".to_owned(), json!(PAGE));
            let wait = self.settings.call_timeout;
            let answer = self.api.call("getStarTransactions", &parameters, wait).await?;
            let Some(listed) = answer.get("transactions").and_then(Value::as_array) else {
                return Err(CallError::Unreadable { status: 200 });
            };
            if listed.iter().any(|one| is_refund_of(one, charge)) {
                return Ok(true);
            }
            if listed.len() < PAGE {
                return Ok(false);
            }
        }
        Ok(false)
    }

    async fn record(
        &self,
        row: &PaymentRow,
        refund: &RefundPart,
        answer: Answer,
    ) -> Result<(), QueryError> {
        let (refund_id, provider_ref) = (Some(refund.refund_id), refund.provider_ref.clone());
        let amount = refund.amount;
        let (command, end) = match answer {
            Answer::Paid => {
                let paid = RecordRefund { refund_id, provider_ref, amount, refund_ref: None };
                (PaymentCommand::RecordRefund(paid), "paid")
            }
            Answer::Failed(reason) => {
                let refund_ref = None;
                let failed =
                    RecordRefundFailure { refund_id, provider_ref, amount, reason, refund_ref };
                (PaymentCommand::RecordRefundFailure(failed), "failed")
            }
            Answer::Later(error) => {
                tracing::warn!(
                    bot = self.ports.bot,
                    payment.id = %row.id,
                    "A refund is tried again: {error}"
                );
                return Ok(());
            }
        };
        let cause = format!("refund:{}:{end}", refund.refund_id);
        let sent = self.ports.record(&cause, row.id, &command, self.ports.command_wait).await;
        match sent {
            Ok(Sent::Done { outcome: Outcome::Accepted(accepted), .. }) => {
                if let Some(position) = accepted.last_position {
                    let (pool, wait) = (&self.ports.pool, self.ports.view_wait);
                    checkpoints::wait_for(pool, &["payments"], position, wait).await?;
                }
            }
            Ok(Sent::Done { outcome: Outcome::Refused { .. }, .. } | Sent::Unknown) | Err(_) => {
                // The next round finds it still open, and Telegram says again what became of it.
                tracing::warn!(
                    bot = self.ports.bot,
                    payment.id = %row.id,
                    "A refund's outcome is not recorded yet"
                );
            }
        }
        Ok(())
    }
}

/// The name of a bot as a door of the provider.
pub(crate) fn channel(bot: &str) -> String {
    format!("telegram/{bot}")
}

/// What an error says about the refund; none when it may have been paid.
fn judge(err: &CallError) -> Option<Answer> {
    match err {
        CallError::Answered { description, .. }
            if description.contains("CHARGE_ALREADY_REFUNDED") =>
        {
            Some(Answer::Paid)
        }
        CallError::Answered { .. } if err.is_token_refused() => {
            Some(Answer::Later(err.to_string()))
        }
        CallError::Answered { status: 429, .. } | CallError::NotSent(_) => {
            Some(Answer::Later(err.to_string()))
        }
        CallError::Answered { status: 400..=499, description, .. } => {
            Some(Answer::Failed(reason(description)))
        }
        CallError::Answered { .. } | CallError::Unanswered(_) | CallError::Unreadable { .. } => {
            None
        }
        CallError::Unsendable(_) => Some(Answer::Failed("request_impossible".to_owned())),
    }
}

/// Telegram's words as a code: `Bad Request: CHARGE_NOT_FOUND` is `charge_not_found`.
fn reason(description: &str) -> String {
    let words = description.rsplit(": ").next().unwrap_or_default().to_ascii_lowercase();
    let letters = words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let code: String = letters.take(REASON_LENGTH_MAX).collect();
    if code.is_empty() { "refused".to_owned() } else { code }
}

/// A refund has its charge's id, and goes to somebody instead of coming from somebody.
fn is_refund_of(transaction: &Value, charge: &str) -> bool {
    transaction.get("id").and_then(Value::as_str) == Some(charge)
        && transaction.get("receiver").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Answer, is_refund_of, judge, reason};
    use crate::api::CallError;

    fn answered(status: u16, description: &str) -> CallError {
        CallError::Answered { status, description: description.into(), retry_after: None }
    }

    #[test]
    fn what_may_have_been_paid_is_never_called_failed() {
        assert_eq!(judge(&answered(500, "Internal Server Error")), None);
        assert_eq!(judge(&CallError::Unreadable { status: 502 }), None);
        let paid = judge(&answered(400, "Bad Request: CHARGE_ALREADY_REFUNDED"));
        assert_eq!(paid, Some(Answer::Paid));
        let failed = judge(&answered(400, "Bad Request: CHARGE_NOT_FOUND"));
        assert_eq!(failed, Some(Answer::Failed("charge_not_found".to_owned())));
        for later in [answered(429, "Too Many Requests"), answered(401, "Unauthorized")] {
            assert!(matches!(judge(&later), Some(Answer::Later(_))), "{later}");
        }
    }

    #[test]
    fn reasons_are_codes_and_refunds_are_told_from_charges() {
        assert_eq!(reason("Bad Request: user not found"), "user_not_found");
        assert_eq!(reason(""), "refused");
        assert_eq!(reason("Запрещено").chars().count(), 9);
        assert!(is_refund_of(&json!({"id": "c1", "receiver": {"type": "user"}}), "c1"));
        assert!(!is_refund_of(&json!({"id": "c1", "source": {"type": "user"}}), "c1"));
        assert!(!is_refund_of(&json!({"id": "c2", "receiver": {"type": "user"}}), "c1"));
    }
}
