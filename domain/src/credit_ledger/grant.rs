//! A grant and a pass over their lives, and what they are worth.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BooksDefect, GrantSource, Granted, PassGranted, Payment, Slice,
    canary::{Canary, is_broken},
};
use crate::Money;

/// Credits of one origin. Every one of them is in exactly one place.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct GrantState {
    pub(super) source: GrantSource,
    pub(super) payment: Option<Payment>,
    pub(super) granted_at: DateTime<Utc>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) priority: u8,
    pub(super) issued: i64,
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) consumed: i64,
    pub(super) expired: i64,
    pub(super) refunded: i64,
    pub(super) revoked: i64,
    /// The part of the price that is neither earned nor given back yet.
    pub(super) deferred_minor: i64,
    pub(super) blocked: Blocked,
}

/// Whether a dispute stands in the way.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Blocked {
    /// None does.
    #[default]
    No,
    /// Its payment is disputed.
    Disputed,
    /// Its payment was lost, for good.
    Lost,
}

impl From<&Granted> for GrantState {
    fn from(granted: &Granted) -> Self {
        Self {
            source: granted.source,
            payment: granted.payment,
            granted_at: granted.booking.at,
            expires_at: granted.expires_at,
            priority: granted.priority,
            issued: granted.credits,
            available: granted.credits,
            held: 0,
            consumed: 0,
            expired: 0,
            refunded: 0,
            revoked: 0,
            deferred_minor: granted.payment.map_or(0, |payment| payment.price.amount_minor),
            blocked: Blocked::No,
        }
    }
}

impl GrantState {
    /// Whether its credits ran out at an instant.
    pub(super) fn is_over(&self, at: DateTime<Utc>) -> bool {
        !is_broken(Canary::SpendExpired)
            && self.expires_at.is_some_and(|expires_at| expires_at <= at)
    }

    /// Whether no dispute stands in the way.
    pub(super) fn is_free(&self) -> bool {
        self.blocked == Blocked::No
    }

    /// How many of its credits may be spent at an instant.
    pub(super) fn usable(&self, at: DateTime<Utc>) -> i64 {
        let over = self.is_over(at);
        let blocked = !self.is_free() && !is_broken(Canary::SpendDisputed);
        if over || blocked { 0 } else { self.available }
    }

    /// Whether nothing can happen to its credits any more, except that one comes back.
    pub(super) fn is_used_up(&self) -> bool {
        self.available == 0 && self.held == 0 && self.blocked != Blocked::Disputed
    }

    /// How many of its credits left it for good.
    fn settled(&self) -> Option<i64> {
        self.consumed
            .checked_add(self.expired)?
            .checked_add(self.refunded)?
            .checked_add(self.revoked)
    }

    /// What is left of its price when so many more credits left it.
    fn deferred_after(&self, credits: i64) -> Option<i64> {
        let Some(payment) = self.payment else { return Some(0) };
        let price = payment.price.amount_minor;
        let settled = self.settled()?.checked_add(credits)?;
        let earned = if is_broken(Canary::RoundEachCredit) {
            share(price, 1, self.issued)?.checked_mul(settled)?
        } else {
            share(price, settled, self.issued)?
        };
        price.checked_sub(earned)
    }

    /// Credits that leave it for good, with the part of the price that they take along: rounded on
    /// the running sum, so that the parts add up to the price. After a reversal, which gives back
    /// exactly what was taken, the rest may lie below the sum's line; then nothing is taken until the
    /// line is reached again.
    pub(super) fn leaving(&self, grant_id: Uuid, credits: i64) -> Result<Slice, BooksDefect> {
        let after = self.deferred_after(credits).ok_or(BooksDefect::Overflow)?;
        let moved = self.deferred_minor.checked_sub(after).ok_or(BooksDefect::Overflow)?;
        Ok(Slice { grant_id, credits, value: self.worth(moved.max(0)) })
    }

    /// An amount in the currency that was paid; none when nothing was.
    pub(super) fn worth(&self, amount_minor: i64) -> Option<Money> {
        self.payment.map(|payment| Money::new(amount_minor, payment.price.currency))
    }

    /// Moves money out of what is deferred.
    pub(super) fn earn(&mut self, value: Option<Money>) -> Result<(), BooksDefect> {
        let minor = value.map_or(0, |value| value.amount_minor);
        self.deferred_minor =
            self.deferred_minor.checked_sub(minor).ok_or(BooksDefect::Overflow)?;
        Ok(())
    }

    /// Moves money back into what is deferred.
    pub(super) fn unearn(&mut self, value: Option<Money>) -> Result<(), BooksDefect> {
        let minor = value.map_or(0, |value| value.amount_minor);
        self.deferred_minor =
            self.deferred_minor.checked_add(minor).ok_or(BooksDefect::Overflow)?;
        Ok(())
    }

    /// Whether each credit is in one place and the money fits.
    pub(super) fn obeys_the_law(&self) -> bool {
        let parts =
            [self.available, self.held, self.consumed, self.expired, self.refunded, self.revoked];
        let sum = parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(*part));
        let price = self.payment.map_or(0, |payment| payment.price.amount_minor);
        let finished = self.available == 0 && self.held == 0;
        sum == Some(self.issued)
            && parts.iter().all(|part| *part >= 0)
            && (0..=price).contains(&self.deferred_minor)
            && (!finished || self.deferred_minor == 0)
    }
}

/// A part of a price, `part / whole`, rounded half up.
pub(super) fn share(price_minor: i64, part: i64, whole: i64) -> Option<i64> {
    let (price, part, whole) = (i128::from(price_minor), i128::from(part), i128::from(whole));
    // Twice the numerator plus the whole, over twice the whole: half up without fractions.
    let doubled = price.checked_mul(part)?.checked_mul(2)?.checked_add(whole)?;
    let rounded = doubled.checked_div_euclid(whole.checked_mul(2)?)?;
    i64::try_from(rounded).ok()
}

/// A pass: messages without credits for a time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct PassState {
    pub(super) payment: Option<Payment>,
    pub(super) starts_at: DateTime<Utc>,
    pub(super) ends_at: DateTime<Utc>,
    /// How many whole days it has.
    pub(super) days: i64,
    /// How many of them are booked as over.
    pub(super) days_over: i64,
    /// The part of the price that is neither earned nor given back yet.
    pub(super) deferred_minor: i64,
    pub(super) blocked: Blocked,
    /// It was ended before its time.
    pub(super) ended: bool,
}

impl From<&PassGranted> for PassState {
    fn from(granted: &PassGranted) -> Self {
        Self {
            payment: granted.payment,
            starts_at: granted.starts_at,
            ends_at: granted.ends_at,
            days: granted.period.days(),
            days_over: 0,
            deferred_minor: granted.payment.map_or(0, |payment| payment.price.amount_minor),
            blocked: Blocked::No,
            ended: false,
        }
    }
}

impl PassState {
    /// Whether messages may be sent under it at an instant.
    pub(super) fn is_on(&self, at: DateTime<Utc>) -> bool {
        let in_time = at < self.ends_at || is_broken(Canary::PassWithoutEnd);
        self.starts_at <= at && in_time && self.blocked == Blocked::No && !self.ended
    }

    /// Whether all of its days are booked as over.
    pub(super) fn is_run_out(&self) -> bool {
        self.days_over >= self.days
    }

    /// Whether nothing is to be booked for it any more.
    pub(super) fn is_used_up(&self) -> bool {
        (self.ended || self.is_run_out()) && self.blocked != Blocked::Disputed
    }

    /// How many of its days are over at an instant.
    pub(super) fn days_over_at(&self, at: DateTime<Utc>) -> i64 {
        at.signed_duration_since(self.starts_at).num_days().clamp(0, self.days)
    }

    /// What is earned when so many of its days are over, beyond what was earned before.
    pub(super) fn earned_by(&self, days: i64) -> Result<Option<Money>, BooksDefect> {
        let Some(payment) = self.payment else { return Ok(None) };
        let price = payment.price.amount_minor;
        let earned = share(price, days, self.days).ok_or(BooksDefect::Overflow)?;
        let after = price.checked_sub(earned).ok_or(BooksDefect::Overflow)?;
        let moved = self.deferred_minor.checked_sub(after).ok_or(BooksDefect::Overflow)?;
        Ok(Some(Money::new(moved.max(0), payment.price.currency)))
    }

    /// Whether the money fits.
    pub(super) fn obeys_the_law(&self) -> bool {
        let price = self.payment.map_or(0, |payment| payment.price.amount_minor);
        let finished = self.ended || self.is_run_out();
        (0..=price).contains(&self.deferred_minor)
            && (0..=self.days).contains(&self.days_over)
            && (!finished || self.deferred_minor == 0)
    }
}
