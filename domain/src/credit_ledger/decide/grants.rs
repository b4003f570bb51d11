//! Credits and passes that come in.

use uuid::Uuid;

use super::{
    Added, Draft,
    draft::{check_later, check_range},
};
use crate::credit_ledger::{
    CreditLedgerRefusal as No, DebtCovered, Grant, GrantPass, GrantSource, Granted, Open, Opened,
    PassGranted, Payment, credit_ledger_id, house_account_id, velocity::DAY_MS,
};

/// How many credits a grant may have: more than anybody buys at once, and few enough that sums of
/// all grants stay far from the end of the numbers.
const CREDITS: (i64, i64) = (1, 1_000_000);
/// What a grant or pass may cost, in minor units: a billion in most currencies.
const PRICE_MINOR: (i64, i64) = (1, 100_000_000_000);
/// The priorities of grants.
const PRIORITY: (i64, i64) = (0, 100);
/// The priority of a grant that does not say.
const PRIORITY_DEFAULT: u8 = 50;
/// How many grants with credits a customer may have before they are given more.
const GRANTS_OPEN_MAX: usize = 100;
/// How many before purchases are refused too; what was paid for is taken as long as possible.
const PURCHASES_OPEN_MAX: usize = 300;
/// How many passes may wait for each other: a year of months.
const PASSES_OPEN_MAX: usize = 12;

impl Draft<'_> {
    pub(super) fn open(&mut self, open: &Open) -> Added {
        let account_id = open.account_id;
        let expected = credit_ledger_id(account_id);
        if self.id != expected {
            return Err(No::IdMismatch { expected });
        }
        if self.ledger().account_id.is_some() {
            return Ok(());
        }
        let is_house = account_id == house_account_id(self.tenant);
        if !self.rules.enabled && !is_house {
            return Err(No::CreditsOff);
        }
        self.book(Opened { ledger_id: self.id, account_id, booking: self.blank() })?;
        if is_house {
            return Ok(());
        }
        self.bonus(GrantSource::Welcome, self.rules.welcome_credits, "welcome")
    }

    pub(super) fn reward_tutorial(&mut self) -> Added {
        if self.ledger().tutorial_rewarded {
            return Ok(());
        }
        self.bonus(GrantSource::Tutorial, self.rules.tutorial_credits, "tutorial")
    }

    /// Credits by the tenant's rules, under an id that follows from the ledger's: once for ever, or
    /// once in each round of a test.
    pub(super) fn bonus(&mut self, source: GrantSource, credits: i64, name: &str) -> Added {
        if credits <= 0 {
            return Ok(());
        }
        let name = match self.ledger().round {
            0 => name.to_owned(),
            round => format!("{name} {round}"),
        };
        self.book(Granted {
            grant_id: Uuid::new_v5(&self.id, name.as_bytes()),
            source,
            credits,
            payment: None,
            expires_at: None,
            priority: PRIORITY_DEFAULT,
            booking: self.blank(),
        })
    }

    pub(super) fn grant(&mut self, grant: &Grant) -> Added {
        let Grant { grant_id, source, credits, payment, expires_at, priority } = *grant;
        let priority = priority.unwrap_or(PRIORITY_DEFAULT);
        if let Some(known) = self.ledger().grants.get(&grant_id) {
            let same =
                (known.source, known.issued, known.payment, known.expires_at, known.priority)
                    == (source, credits, payment, expires_at, priority);
            return if same { Ok(()) } else { Err(No::IdReused { id: grant_id }) };
        }
        if self.ledger().passes.contains_key(&grant_id) {
            return Err(No::IdReused { id: grant_id });
        }
        match source {
            GrantSource::Welcome | GrantSource::Tutorial => return Err(No::SourceReserved),
            GrantSource::Purchase | GrantSource::Gift | GrantSource::Promo => {}
        }
        if source.is_paid() != payment.is_some() {
            return Err(No::PaymentMismatch);
        }
        check_range("credits", credits, CREDITS)?;
        check_price(payment.as_ref())?;
        check_range("priority", priority.into(), PRIORITY)?;
        if let Some(expires_at) = expires_at {
            check_later("expires_at", expires_at, self.at)?;
        }
        self.check_room(source, credits)?;
        let booking = self.blank();
        self.book(Granted { grant_id, source, credits, payment, expires_at, priority, booking })?;
        if source.is_paid() { self.cover_debt(grant_id) } else { Ok(()) }
    }

    /// Whether the customer may have more. What was paid for is never refused for its size.
    fn check_room(&self, source: GrantSource, credits: i64) -> Added {
        let open = self.ledger().grants.values().filter(|grant| !grant.is_used_up()).count();
        let open_max = if source.is_paid() { PURCHASES_OPEN_MAX } else { GRANTS_OPEN_MAX };
        if open >= open_max {
            let max = i64::try_from(open_max).unwrap_or(i64::MAX);
            return Err(No::TooMany { what: "grants".to_owned(), max });
        }
        if source.is_paid() {
            return Ok(());
        }
        let balance = self.ledger().balance(self.at).saturating_add(self.ledger().held());
        let max = self.rules.balance_max;
        let possible = max.saturating_sub(balance).max(0);
        if credits > possible {
            return Err(No::BalanceTooHigh { balance, max, possible });
        }
        let (gifts, max) = (self.ledger().gifts, self.rules.gifts_per_day_max);
        let lately = gifts.lately(self.at, DAY_MS).saturating_add(credits);
        if source == GrantSource::Gift && lately > max {
            let retry_at = gifts.room_from(credits, max, self.at, DAY_MS);
            return Err(No::TooManyGifts { max, retry_at });
        }
        Ok(())
    }

    /// The credits of a purchase go first to what the customer owes.
    fn cover_debt(&mut self, grant_id: Uuid) -> Added {
        let owed = self.ledger().owed;
        let Some(grant) = self.ledger().grants.get(&grant_id).filter(|_| owed > 0) else {
            return Ok(());
        };
        let slice = grant.leaving(grant_id, owed.min(grant.available));
        let slice = slice.map_err(|defect| self.defect(defect))?;
        self.book(DebtCovered { slice, booking: self.blank() })
    }

    pub(super) fn grant_pass(&mut self, grant: &GrantPass) -> Added {
        let GrantPass { pass_id, period, payment } = *grant;
        if let Some(known) = self.ledger().passes.get(&pass_id) {
            let same = (known.days, known.payment) == (period.days(), payment);
            return if same { Ok(()) } else { Err(No::IdReused { id: pass_id }) };
        }
        if self.ledger().grants.contains_key(&pass_id) {
            return Err(No::IdReused { id: pass_id });
        }
        check_price(payment.as_ref())?;
        let open = self.ledger().passes.values().filter(|pass| !pass.is_used_up());
        if open.count() >= PASSES_OPEN_MAX {
            let max = i64::try_from(PASSES_OPEN_MAX).unwrap_or(i64::MAX);
            return Err(No::TooMany { what: "passes".to_owned(), max });
        }
        // Passes follow each other, so that no day is paid for twice.
        let open = self.ledger().passes.values().filter(|pass| !pass.is_used_up());
        let last = open.map(|pass| pass.ends_at).max();
        let starts_at = last.map_or(self.at, |ends_at| ends_at.max(self.at));
        let ends_at = starts_at.checked_add_signed(period.duration()).unwrap_or(starts_at);
        check_later("ends_at", ends_at, starts_at)?;
        let booking = self.blank();
        self.book(PassGranted { pass_id, period, starts_at, ends_at, payment, booking })
    }
}

fn check_price(payment: Option<&Payment>) -> Added {
    match payment {
        Some(payment) => check_range("payment.price", payment.price.amount_minor, PRICE_MINOR),
        None => Ok(()),
    }
}
