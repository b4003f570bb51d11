//! The card of a balance: how much there is, how it stands, and advice from the customer's own usage.

use chrono::{DateTime, Duration, Utc};
use kontor_commands::clock;
use kontor_domain::credit_ledger::CreditRules;
use kontor_projections::credits::{self, BalanceRow, Intake, Usage};
use teloxide::types::InlineKeyboardButton;

use super::words;
use crate::{
    bar::bar,
    format,
    outgoing::button,
    press::Press,
    texts::say,
    turn::{Turn, TurnError},
};

/// The days that usage is counted over: what a month costs is what people plan with.
const USAGE_DAYS: i64 = 30;
/// Within how many days credits must run out for a package to be worth a word.
const SOON_DAYS: i64 = 7;
/// From how many days on nobody needs the number.
const LONG_DAYS: i64 = 365;

/// All that a card is made from.
pub(super) struct Card<'a> {
    turn: &'a Turn,
    row: BalanceRow,
    intake: Intake,
    usage: Usage,
    now: DateTime<Utc>,
}

/// What to tell a customer about their usage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Advice {
    /// Messages cost nothing.
    Free,
    /// Nothing was spent yet.
    Unused,
    /// Nothing is left; so much goes in a month.
    Empty { month: i64 },
    /// It lasts so many days; so much goes in a month.
    Lasts { days: i64, month: i64 },
}

impl<'a> Card<'a> {
    pub(super) async fn load(turn: &'a Turn, row: BalanceRow) -> Result<Self, TurnError> {
        let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
        let now = clock::now();
        let since = now - Duration::days(USAGE_DAYS);
        Ok(Self {
            turn,
            intake: credits::intake(pool, tenant, row.id).await?,
            usage: credits::usage(pool, tenant, row.id, since).await?,
            row,
            now,
        })
    }

    pub(super) fn text(&self) -> String {
        let (voice, row) = (self.turn.voice, &self.row);
        let mut text = say!(
            voice,
            "balance-card",
            credits = words::credits(voice, row.available),
            bar = self.bar(),
            status = self.status()
        );
        let mut add = |line: String| {
            text.push('\n');
            text.push_str(&line);
        };
        if row.held > 0 {
            add(say!(voice, "balance-held", credits = words::credits(voice, row.held)));
        }
        if self.usage.messages > 0 {
            add(say!(
                voice,
                "balance-used",
                days = words::days(voice, self.usage_days()),
                credits = words::credits(voice, self.usage.spent),
                messages = words::messages(voice, self.usage.messages)
            ));
        }
        add(String::new());
        add(self.advice_words());
        text
    }

    /// The first credits, as a gift.
    pub(super) fn welcome(&self) -> String {
        let voice = self.turn.voice;
        if self.row.available <= 0 {
            return say!(voice, "credits-welcome-none");
        }
        let credits = words::credits(voice, self.row.available);
        say!(voice, "credits-welcome", credits = credits, bar = self.bar())
    }

    /// Whoever runs low sees the packages first, whoever is new the tutorial.
    pub(super) fn buttons(&self) -> Vec<Vec<InlineKeyboardButton>> {
        let voice = self.turn.voice;
        let packages = button(say!(voice, "packages-button"), Press::Packages.to_string());
        let history = button(
            say!(voice, "menu-credit-history"),
            Press::CreditHistory { page: 0 }.to_string(),
        );
        let row = if self.is_low() { vec![packages, history] } else { vec![history, packages] };
        let mut rows = vec![row];
        if !self.turn.dialogue.tutorial_over {
            let bonus = self.rules().tutorial_credits;
            let label = if bonus > 0 {
                say!(voice, "tutorial-button-bonus", credits = words::credits(voice, bonus))
            } else {
                say!(voice, "tutorial-button")
            };
            rows.insert(0, vec![button(label, Press::Tutorial.to_string())]);
        }
        rows
    }

    pub(super) fn bar(&self) -> String {
        bar(self.row.available, self.intake.last_purchase, self.rules().low_credits)
    }

    fn rules(&self) -> &CreditRules {
        &self.turn.tenant.credit_rules
    }

    fn is_low(&self) -> bool {
        self.row.available <= self.rules().low_credits
    }

    fn has_pass(&self) -> bool {
        self.row.pass_ends_at.is_some_and(|ends_at| ends_at > self.now)
    }

    fn status(&self) -> String {
        let voice = self.turn.voice;
        match self.row.pass_ends_at.filter(|ends_at| *ends_at > self.now) {
            Some(ends_at) => {
                let day = ends_at.with_timezone(&self.turn.tenant.time_zone).date_naive();
                say!(voice, "status-pass", ends = format::day(&voice, day, self.turn.today))
            }
            None if self.row.owed > 0 => {
                say!(voice, "status-owed", credits = words::credits(voice, self.row.owed))
            }
            None if self.row.available <= 0 => say!(voice, "status-empty"),
            None if self.is_low() => say!(voice, "status-low"),
            None => say!(voice, "status-good"),
        }
    }

    /// Over how many days the usage was counted: since the ledger was opened, at most a month.
    fn usage_days(&self) -> i64 {
        let opened = self.usage.opened_at.unwrap_or(self.now);
        (self.now - opened).num_days().saturating_add(1).clamp(1, USAGE_DAYS)
    }

    fn advice(&self) -> Advice {
        if self.has_pass() || self.rules().message_cost == 0 {
            return Advice::Free;
        }
        advise(self.row.available, self.usage.spent, self.usage_days())
    }

    fn advice_words(&self) -> String {
        let voice = self.turn.voice;
        let costs = (words::messages(voice, 1), words::credits(voice, self.rules().message_cost));
        let (text, month) = match self.advice() {
            Advice::Free => (say!(voice, "advice-free"), None),
            Advice::Unused => {
                let (messages, credits) = costs;
                (say!(voice, "advice-unused", messages = messages, credits = credits), None)
            }
            Advice::Empty { month } => {
                let credits = words::credits(voice, month);
                (say!(voice, "advice-empty", credits = credits), Some(month))
            }
            Advice::Lasts { days, month: _ } if days > LONG_DAYS => {
                (say!(voice, "advice-lasts-long"), None)
            }
            Advice::Lasts { days, month } => {
                let soon = (days <= SOON_DAYS).then_some(month);
                (say!(voice, "advice-lasts", days = words::days(voice, days)), soon)
            }
        };
        match month.and_then(|month| package_for(&self.rules().packages, month)) {
            Some(size) => {
                let credits = words::credits(voice, size);
                format!("{text} {}", say!(voice, "advice-package", credits = credits))
            }
            None => text,
        }
    }
}

/// What follows from a balance and from what was spent in so many days.
fn advise(available: i64, spent: i64, days: i64) -> Advice {
    if spent <= 0 {
        return Advice::Unused;
    }
    let days = days.max(1);
    let month = spent.saturating_mul(USAGE_DAYS).saturating_add(days - 1) / days;
    if available <= 0 {
        return Advice::Empty { month };
    }
    Advice::Lasts { days: available.saturating_mul(days) / spent, month }
}

/// The smallest package that lasts a month, or else the largest.
fn package_for(packages: &[i64], month: i64) -> Option<i64> {
    let fits = packages.iter().copied().filter(|size| *size >= month).min();
    fits.or_else(|| packages.iter().copied().max())
}

#[cfg(test)]
mod tests {
    use super::{Advice, advise, package_for};

    #[test]
    fn advice_follows_from_what_was_spent() {
        assert_eq!(advise(3, 0, 1), Advice::Unused);
        assert_eq!(advise(0, 4, 2), Advice::Empty { month: 60 });
        assert_eq!(advise(10, 30, 30), Advice::Lasts { days: 10, month: 30 });
        assert_eq!(advise(1, 7, 3), Advice::Lasts { days: 0, month: 70 });
        assert_eq!(advise(100, 1, 30), Advice::Lasts { days: 3000, month: 1 });
        assert_eq!(advise(5, -2, 0), Advice::Unused, "more came back than went");
        let huge = advise(i64::MAX, i64::MAX, 30);
        assert!(matches!(huge, Advice::Lasts { .. }), "{huge:?}");
    }

    #[test]
    fn the_package_is_the_smallest_that_lasts_a_month() {
        let packages = [100, 10, 50, 25];
        assert_eq!(package_for(&packages, 11), Some(25));
        assert_eq!(package_for(&packages, 10), Some(10));
        assert_eq!(package_for(&packages, 500), Some(100));
        assert_eq!(package_for(&[], 5), None);
    }
}
