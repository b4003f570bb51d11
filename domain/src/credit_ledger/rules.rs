//! How a tenant deals with credits.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// A tenant's rules for credits.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CreditRules {
    /// Whether the tenant deals with credits at all. Without them no ledger is opened; those that are
    /// open stay, because what was paid for is not taken away by a switch.
    pub enabled: bool,
    /// What a message costs, 0 to 1000 credits.
    pub message_cost: i64,
    /// What a new customer is given, 0 to 1000 credits.
    pub welcome_credits: i64,
    /// What the tutorial is rewarded with, 0 to 1000 credits.
    pub tutorial_credits: i64,
    /// At which balance a customer is warned, 0 to 1000 credits; 0 warns nobody.
    pub low_credits: i64,
    /// How long a hold waits for its capture, 30 seconds to a day.
    pub hold_seconds: u32,
    /// How many messages a customer may send in a minute, 1 to 10000; the fair use of passes too.
    pub messages_per_minute_max: i64,
    /// How many credits a customer may spend in 24 hours, 1 to 1000000.
    pub credits_per_day_max: i64,
    /// How many credits a customer may be given as gifts in 24 hours, 0 to 1000000.
    pub gifts_per_day_max: i64,
    /// How many credits a customer may own, 1 to 1000000000.
    pub balance_max: i64,
    /// What becomes of credits that were spent before their payment was lost.
    pub debt: DebtPolicy,
    /// The packages that customers are offered, in credits: at most 10, each 1 to 1000000.
    pub packages: Vec<i64>,
    /// The tenant is there for tests: its customers may begin anew.
    pub test_switch: bool,
}

/// What becomes of credits that were spent before their payment was lost in a dispute.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DebtPolicy {
    /// The customer owes them and spends nothing until the next purchase covers them.
    Block,
    /// The customer owes them and may go on spending; the next purchase covers them.
    Owe,
    /// Nobody owes them.
    Forgive,
}

impl Default for CreditRules {
    fn default() -> Self {
        Self {
            enabled: false,
            message_cost: 1,
            welcome_credits: 3,
            tutorial_credits: 2,
            low_credits: 5,
            hold_seconds: 900,
            messages_per_minute_max: 60,
            credits_per_day_max: 10_000,
            gifts_per_day_max: 1000,
            balance_max: 1_000_000,
            debt: DebtPolicy::Block,
            packages: vec![10, 25, 50, 100],
            test_switch: false,
        }
    }
}

impl CreditRules {
    /// What small settings may be: cost, bonuses, warning.
    pub const SMALL: RangeInclusive<i64> = 0..=1000;
    /// How long a hold may wait, in seconds: long enough for a message to be delivered, short enough
    /// that nobody misses the credits.
    pub const HOLD_SECONDS: RangeInclusive<u32> = 30..=86_400;
    /// How many messages a minute may have.
    pub const MESSAGES_PER_MINUTE: RangeInclusive<i64> = 1..=10_000;
    /// How many credits a day may take.
    pub const CREDITS_PER_DAY: RangeInclusive<i64> = 1..=1_000_000;
    /// How many credits a day may give.
    pub const GIFTS_PER_DAY: RangeInclusive<i64> = 0..=1_000_000;
    /// How many credits a balance may have.
    pub const BALANCE: RangeInclusive<i64> = 1..=1_000_000_000;

    /// How many packages there may be: a list that is seen at one glance.
    pub const PACKAGES_MAX: usize = 10;
    /// How many credits a package may have: as many as a grant.
    pub const PACKAGE: RangeInclusive<i64> = 1..=1_000_000;

    /// The first setting that is out of range, with what it must be.
    pub fn out_of_range(&self) -> Option<(&'static str, &'static str)> {
        let small = "a number of credits from 0 to 1000";
        let checks = [
            (Self::SMALL.contains(&self.message_cost), "message_cost", small),
            (Self::SMALL.contains(&self.welcome_credits), "welcome_credits", small),
            (Self::SMALL.contains(&self.tutorial_credits), "tutorial_credits", small),
            (Self::SMALL.contains(&self.low_credits), "low_credits", small),
            (
                Self::HOLD_SECONDS.contains(&self.hold_seconds),
                "hold_seconds",
                "a number of seconds from 30 to 86400",
            ),
            (
                Self::MESSAGES_PER_MINUTE.contains(&self.messages_per_minute_max),
                "messages_per_minute_max",
                "a number of messages from 1 to 10000",
            ),
            (
                Self::CREDITS_PER_DAY.contains(&self.credits_per_day_max),
                "credits_per_day_max",
                "a number of credits from 1 to 1000000",
            ),
            (
                Self::GIFTS_PER_DAY.contains(&self.gifts_per_day_max),
                "gifts_per_day_max",
                "a number of credits from 0 to 1000000",
            ),
            (
                Self::BALANCE.contains(&self.balance_max),
                "balance_max",
                "a number of credits from 1 to 1000000000",
            ),
            (self.packages_fit(), "packages", "at most 10 numbers of credits from 1 to 1000000"),
        ];
        checks.into_iter().find(|(fits, ..)| !fits).map(|(_, field, expected)| (field, expected))
    }

    fn packages_fit(&self) -> bool {
        self.packages.len() <= Self::PACKAGES_MAX
            && self.packages.iter().all(|credits| Self::PACKAGE.contains(credits))
    }
}
