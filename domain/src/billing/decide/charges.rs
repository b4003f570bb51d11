//! Charges: when one is wanted, whether it may be made, and what comes of it.

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};

use super::{Billing, BillingEvent, Decision, No, Stage};
use crate::{
    Issued,
    billing::{
        BeginCharge, BillingCommand, CapReached, ChargeBegun, DisableReason, RechargeDisabled,
        RechargeFailed, RechargeRequested, RechargeSucceeded, RecordRechargeFailure,
        RecordRechargeSuccess, RequestRecharge, recharge_payment_id,
    },
};

/// Why a charge failed that the customer stopped before it was made.
pub(super) const STOPPED: &str = "stopped";
/// How many charges a month may have: far more than anybody needs, and a bound for what is remembered.
const CHARGES_MAX: usize = 100;
/// How long the pauses after the first declines are; the next one ends the agreement. Card networks
/// ask for a day before a declined card is tried again and again.
const PAUSES_HOURS: [i64; 2] = [1, 24];
/// The longest code that says why a provider refused something, in bytes.
const REASON_BYTES_MAX: usize = 64;
/// What no pause heals: the card will be declined for ever, or its holder said no.
const HARD_DECLINES: [&str; 14] = [
    "card_expired",
    "card_not_supported",
    "expired_card",
    "fraud_suspected",
    "fraudulent",
    "invalid_account",
    "lost_card",
    "method_gone",
    "payment_method_restricted",
    "permission_revoked",
    "pickup_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
];

impl Billing {
    /// Wants a charge when everything that was agreed to says so. Asked again it wants nothing: while
    /// one is under way there is no other.
    pub(super) fn request_recharge(
        &self,
        request: &RequestRecharge,
        issued: &Issued<BillingCommand>,
    ) -> Vec<BillingEvent> {
        let RequestRecharge { credits_left } = *request;
        let (Some(account_id), Some(method), Some(terms)) =
            (self.account_id, &self.method, &self.terms)
        else {
            return vec![];
        };
        let waits = self.retry_at.is_some_and(|retry_at| issued.at < retry_at);
        let is_off = self.is_closed || !issued.tenant.credit_rules.enabled;
        if is_off || waits || credits_left >= terms.threshold_credits || self.under_way().is_some()
        {
            return vec![];
        }
        let month = month_of(issued.tenant.local_day(issued.at));
        let spent = self.spent_minor(month).saturating_add(terms.price.amount_minor);
        let charges = self.charges.iter().filter(|it| it.month == month).count();
        if spent > terms.monthly_cap.amount_minor || charges >= CHARGES_MAX {
            let monthly_cap = terms.monthly_cap;
            let reached = CapReached { account_id, month, monthly_cap };
            let is_told = self.cap_told == Some(month);
            return if is_told { vec![] } else { vec![BillingEvent::CapReached(reached)] };
        }
        vec![BillingEvent::RechargeRequested(RechargeRequested {
            account_id,
            payment_id: recharge_payment_id(account_id, self.number.saturating_add(1)),
            method_id: method.method_id,
            provider: terms.provider,
            channel: terms.channel.clone(),
            product: terms.product,
            price: terms.price,
            month,
            credits_left,
        })]
    }

    /// Strict: this is the last moment at which nothing has been charged. Asked again it says the same.
    pub(super) fn begin_charge(&self, begin: &BeginCharge) -> Decision {
        let BeginCharge { payment_id } = *begin;
        let charge = self.charge(payment_id).ok_or(No::ChargeUnknown { payment_id })?;
        match (charge.stage, self.account_id) {
            (Stage::Requested, Some(account_id)) => {
                Ok(vec![BillingEvent::ChargeBegun(ChargeBegun { account_id, payment_id })])
            }
            (Stage::Begun, _) => Ok(vec![]),
            (Stage::Requested | Stage::Succeeded | Stage::Failed, _) => Err(No::ChargeStopped),
        }
    }

    /// Money that came counts, also when it was given up before. A charge of a month long ago, which
    /// is not remembered any more, changes nothing.
    pub(super) fn record_success(&self, success: &RecordRechargeSuccess) -> Vec<BillingEvent> {
        let RecordRechargeSuccess { payment_id } = *success;
        let known = self.charge(payment_id).filter(|it| it.stage != Stage::Succeeded);
        let (Some(account_id), Some(_)) = (self.account_id, known) else { return vec![] };
        let succeeded = RechargeSucceeded { account_id, payment_id };
        vec![BillingEvent::RechargeSucceeded(succeeded)]
    }

    pub(super) fn record_failure(
        &self,
        failure: &RecordRechargeFailure,
        at: DateTime<Utc>,
    ) -> Decision {
        let RecordRechargeFailure { payment_id, reason } = failure.clone();
        check_reason(&reason)?;
        let is_open = |stage| matches!(stage, Stage::Requested | Stage::Begun);
        let known = self.charge(payment_id).filter(|it| is_open(it.stage));
        let (Some(account_id), Some(_)) = (self.account_id, known) else { return Ok(vec![]) };
        let is_hard = HARD_DECLINES.contains(&reason.as_str());
        let pause = PAUSES_HOURS.get(usize::try_from(self.declines).unwrap_or(usize::MAX));
        let pause = pause.copied().filter(|_| self.terms.is_some() && !is_hard);
        let retry_at = pause.map(|hours| at + Duration::hours(hours));
        let failed = RechargeFailed { account_id, payment_id, reason, retry_at };
        let mut events = vec![BillingEvent::RechargeFailed(failed)];
        if self.terms.is_some() && retry_at.is_none() {
            let reason = DisableReason::Declined;
            let disabled = RechargeDisabled { account_id, reason };
            events.push(BillingEvent::RechargeDisabled(disabled));
        }
        Ok(events)
    }
}

fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// A code, not a text: the log stays for ever, so it must not be able to name a person.
fn check_reason(text: &str) -> Result<(), No> {
    let is_code = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if (1..=REASON_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_code) {
        return Ok(());
    }
    let expected = "a code of 1 to 64 characters of a-z, 0-9 and `_`".to_owned();
    Err(No::Malformed { field: "reason".to_owned(), expected })
}
