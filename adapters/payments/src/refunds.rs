//! Pays refunds out: asks the read model what waits, asks the provider, records the answer.

use chrono::{DateTime, Duration, Utc};
use kontor_commands::clock;
use kontor_domain::payment::{PaymentCommand, RecordRefund, RecordRefundFailure, RefundStanding};
use kontor_postgres::{
    DatabaseError,
    checkouts::{self, RefundCall},
};
use kontor_projections::payments::{self, PaymentRow, RefundPart};
use tokio_util::sync::CancellationToken;

use crate::{
    CallError, RefundAnswer, RefundOrder, RefundState, Said, cashier::Cashier, facts::RecordError,
};

/// The most payments that are looked at in one round.
const BATCH: u32 = 20;
/// How long a refund that may have been paid by an earlier call is looked for, before a refusal of the
/// calls after it is believed: by then every call is answered, and the provider's list shows its refund.
const EARLIER_CALLS_SETTLE: Duration = Duration::hours(25);

impl Cashier {
    /// One round of paying refunds.
    pub(crate) async fn pay_refunds(&self, stop: CancellationToken) {
        let door = (&self.recorder.account.tenant, self.channel.as_str());
        let rows = match payments::due_refunds(&self.recorder.pool, door, BATCH).await {
            Ok(rows) => rows,
            Err(err) => {
                tracing::warn!(channel = self.channel, "Refunds cannot be looked up: {err}");
                return;
            }
        };
        for row in &rows {
            for part in &row.refunds {
                if part.standing != RefundStanding::Requested {
                    continue;
                }
                match stop.run_until_cancelled(self.pay(row, part)).await {
                    Some(Ok(())) => {}
                    Some(Err(err)) => {
                        tracing::warn!(
                            channel = self.channel,
                            payment.id = %row.id,
                            "A refund is tried again: {err}"
                        );
                    }
                    None => return,
                }
            }
        }
    }

    async fn pay(&self, row: &PaymentRow, part: &RefundPart) -> Result<(), DatabaseError> {
        let (pool, refund_id) = (&self.recorder.pool, part.refund_id);
        let known = checkouts::send_refund(pool, refund_id, (row.id, &self.channel)).await?;
        if !known.is_due {
            return Ok(());
        }
        let order = RefundOrder {
            refund_id,
            payment_id: row.id,
            charge_ref: part.provider_ref.clone(),
            amount: part.amount,
            reason: None,
            provider_ref: known.provider_ref.clone(),
            first_sent_at: (!known.is_first).then_some(known.first_sent_at),
        };
        let answer = match self.recorder.account.provider.refund(&order).await {
            Ok(answer) => answer,
            Err(CallError::Refused { code }) if is_final(&known, clock::now()) => {
                RefundAnswer { provider_ref: None, state: RefundState::Failed(code) }
            }
            Err(
                err @ (CallError::Unknown(_)
                | CallError::Later { .. }
                | CallError::Secret(_)
                | CallError::Refused { .. }),
            ) => {
                tracing::warn!(channel = self.channel, payment.id = %row.id, "No refund yet: {err}");
                return checkouts::postpone_refund(pool, refund_id, self.pauses_after(&err)).await;
            }
        };
        if let Some(provider_ref) = &answer.provider_ref {
            checkouts::found_refund(pool, refund_id, provider_ref).await?;
        }
        self.record_refund(row, part, answer).await
    }

    async fn record_refund(
        &self,
        row: &PaymentRow,
        part: &RefundPart,
        answer: RefundAnswer,
    ) -> Result<(), DatabaseError> {
        let (refund_id, provider_ref) = (Some(part.refund_id), part.provider_ref.clone());
        let (amount, refund_ref) = (part.amount, answer.provider_ref);
        let command = match answer.state {
            RefundState::Paid => {
                let paid = RecordRefund { refund_id, provider_ref, amount, refund_ref };
                Some(PaymentCommand::RecordRefund(paid))
            }
            RefundState::Failed(reason) => {
                let failed =
                    RecordRefundFailure { refund_id, provider_ref, amount, reason, refund_ref };
                Some(PaymentCommand::RecordRefundFailure(failed))
            }
            RefundState::Open => None,
        };
        if let Some(command) = command {
            match self.recorder.record(&Said { payment_id: row.id, command }).await {
                Ok(()) => {}
                Err(RecordError::Database(err)) => return Err(err),
                Err(
                    err @ (RecordError::Unknown
                    | RecordError::Busy(_)
                    | RecordError::Refused(_)
                    | RecordError::Foreign),
                ) => {
                    tracing::warn!(channel = self.channel, payment.id = %row.id, "{err}");
                }
            }
        }
        // The read model follows in a moment; what it still shows then is asked for again.
        checkouts::postpone_refund(&self.recorder.pool, part.refund_id, self.pauses()).await
    }
}

/// Whether a refusal says that nothing was paid. That of the first call does. That of a later one is
/// about that call alone: the one before, whose answer was lost, may have worked.
fn is_final(known: &RefundCall, now: DateTime<Utc>) -> bool {
    known.is_first
        || (known.provider_ref.is_none() && now - known.first_sent_at > EARLIER_CALLS_SETTLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(provider_ref: Option<&str>, age: Duration, is_first: bool) -> RefundCall {
        let (first_sent_at, provider_ref) = (clock::now() - age, provider_ref.map(str::to_owned));
        RefundCall { provider_ref, first_sent_at, is_first, is_due: true }
    }

    #[test]
    fn a_refusal_is_final_when_no_earlier_call_can_have_worked() {
        let (minute, days) = (Duration::minutes(1), Duration::days(2));
        for (known, expected) in [
            (known(None, Duration::zero(), true), true),
            (known(None, minute, false), false),
            (known(None, days, false), true),
            // It was made: what became of it says the refund itself.
            (known(Some("re_1"), minute, false), false),
            (known(Some("re_1"), days, false), false),
        ] {
            assert_eq!(is_final(&known, clock::now()), expected, "{known:?}");
        }
    }
}
