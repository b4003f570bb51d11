//! What people and files call the accounts and units of the books.

use std::{fmt, str::FromStr};

use super::{BookAccount, Unit};
use crate::ValueError;

impl BookAccount {
    /// The whole chart: what the customers have, what was issued and became of it, the money, and the
    /// messages under passes.
    pub const ALL: [Self; 27] = [
        Self::PaidCredits,
        Self::PromoCredits,
        Self::HeldCredits,
        Self::Receivable,
        Self::IssuedPaid,
        Self::IssuedPromo,
        Self::Consumed,
        Self::Expired,
        Self::Revoked,
        Self::WrittenOff,
        Self::ClearingStripe,
        Self::ClearingYookassa,
        Self::ClearingTelegramStars,
        Self::ClearingManual,
        Self::DisputeReserve,
        Self::DeferredRevenue,
        Self::IncomeMessages,
        Self::IncomePasses,
        Self::IncomeBreakage,
        Self::IncomeRecovered,
        Self::BadDebt,
        Self::InTransit,
        Self::Bank,
        Self::ProviderFees,
        Self::Differences,
        Self::UsageMessages,
        Self::UsagePasses,
    ];

    /// Its name in events and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::PaidCredits => "liabilities:credits:paid",
            Self::PromoCredits => "liabilities:credits:promo",
            Self::HeldCredits => "liabilities:credits:held",
            Self::Receivable => "assets:receivable",
            Self::IssuedPaid => "equity:issued:paid",
            Self::IssuedPromo => "equity:issued:promo",
            Self::Consumed => "equity:consumed",
            Self::Expired => "equity:expired",
            Self::Revoked => "equity:revoked",
            Self::WrittenOff => "equity:written_off",
            Self::ClearingStripe => "assets:clearing:stripe",
            Self::ClearingYookassa => "assets:clearing:yookassa",
            Self::ClearingTelegramStars => "assets:clearing:telegram_stars",
            Self::ClearingManual => "assets:clearing:manual",
            Self::DisputeReserve => "assets:dispute_reserve",
            Self::DeferredRevenue => "liabilities:deferred_revenue",
            Self::IncomeMessages => "income:messages",
            Self::IncomePasses => "income:passes",
            Self::IncomeBreakage => "income:breakage",
            Self::IncomeRecovered => "income:recovered",
            Self::BadDebt => "expenses:bad_debt",
            Self::InTransit => "assets:in_transit",
            Self::Bank => "assets:bank",
            Self::ProviderFees => "expenses:provider_fees",
            Self::Differences => "expenses:differences",
            Self::UsageMessages => "usage:messages",
            Self::UsagePasses => "usage:passes",
        }
    }

    /// What stands on it, in a few words for accountants.
    pub fn about(self) -> &'static str {
        match self {
            Self::PaidCredits => "Bought credits that customers may still spend",
            Self::PromoCredits => "Given credits that customers may still spend",
            Self::HeldCredits => "Credits put aside for messages that are under way",
            Self::Receivable => "Credits that customers owe after a payment was lost",
            Self::IssuedPaid => "Credits that were ever sold",
            Self::IssuedPromo => "Credits that were ever given",
            Self::Consumed => "Credits that were spent",
            Self::Expired => "Credits that ran out",
            Self::Revoked => "Credits that were taken back",
            Self::WrittenOff => "Owed credits that were given up",
            Self::ClearingStripe => "Money with Stripe",
            Self::ClearingYookassa => "Money with YooKassa",
            Self::ClearingTelegramStars => "Stars with Telegram",
            Self::ClearingManual => "Money that the staff took",
            Self::DisputeReserve => "Money held back while a payment is disputed",
            Self::DeferredRevenue => "Paid by customers, not delivered yet",
            Self::IncomeMessages => "Earned with credits that were spent",
            Self::IncomePasses => "Earned with passes, day by day",
            Self::IncomeBreakage => "Earned with what was paid and never used",
            Self::IncomeRecovered => "Earned with credits that covered a debt",
            Self::BadDebt => "Delivered, and the payment lost",
            Self::InTransit => "Sent by a provider, not at the bank yet",
            Self::Bank => "Arrived at the bank from providers",
            Self::ProviderFees => "What providers keep of payments",
            Self::Differences => "Differences to what providers say, given up",
            Self::UsageMessages => "Messages sent under passes",
            Self::UsagePasses => "The passes that they were sent under",
        }
    }
}

impl fmt::Display for BookAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BookAccount {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL.into_iter().find(|account| account.name() == text).ok_or_else(|| {
            ValueError("this is no account of the books, such as `income:messages`".into())
        })
    }
}

impl Unit {
    /// How many decimals its amounts have.
    pub fn decimals(self) -> u32 {
        match self {
            Self::Credits | Self::Messages => 0,
            Self::Money(currency) => currency.minor_digits(),
        }
    }

    /// An amount with all decimals of the unit, without the unit: `-5.00`, `12`. Sums may need more
    /// than 64 bits.
    pub fn decimal(self, amount: impl Into<i128>) -> String {
        let (amount, digits): (i128, _) = (amount.into(), self.decimals());
        if digits == 0 {
            return amount.to_string();
        }
        let sign = if amount < 0 { "-" } else { "" };
        let (whole, width, scale) = (amount.unsigned_abs(), digits as usize, 10_u128.pow(digits));
        format!("{sign}{}.{:0width$}", whole / scale, whole % scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_unit() {
        let unit = |text: &str| Unit::try_from(text.to_owned()).unwrap();
        for (text, amount, expected) in [
            ("CR", -3_i64, "-3"),
            ("USD", 5, "0.05"),
            ("RUB", -49_900, "-499.00"),
            ("JPY", 120, "120"),
            ("KWD", 1_005, "1.005"),
            ("USD", i64::MIN, "-92233720368547758.08"),
        ] {
            assert_eq!(unit(text).decimal(amount), expected);
        }
        assert_eq!(unit("RUB").decimal(i128::from(i64::MAX) * 10), "922337203685477580.70");
    }

    #[test]
    fn the_chart_is_whole_and_its_names_are_those_of_the_events() {
        // What serde says to a name that it does not know lists all that it knows.
        let known = serde_json::from_str::<BookAccount>("\"x\"").unwrap_err().to_string();
        assert_eq!(known.matches('`').count() / 2 - 1, BookAccount::ALL.len(), "{known}");
        for account in BookAccount::ALL {
            assert_eq!(serde_json::to_value(account).unwrap(), account.name());
            assert_eq!(account.name().parse::<BookAccount>().unwrap(), account);
            assert!(known.contains(&format!("`{account}`")));
        }
        assert!("Income:Messages".parse::<BookAccount>().is_err());
        assert!("доходы".parse::<BookAccount>().is_err());
    }
}
