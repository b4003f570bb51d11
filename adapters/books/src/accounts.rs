//! The names of accounts in the files.
//!
//! All three tools read the same names, so they keep to the strictest: Beancount knows five roots,
//! and a segment begins with a capital letter or a digit. Ids therefore begin with a letter and a
//! hyphen.

use kontor_domain::credit_ledger::{BookAccount, Entry};
use uuid::Uuid;

/// The account of a line: the customer's own are divided by ledger, and by grant or pass.
pub(crate) fn name(entry: &Entry, ledger_id: Uuid) -> String {
    let root = root(entry.account);
    match entry.grant_id {
        Some(grant_id) => format!("{root}:L-{ledger_id}:G-{grant_id}"),
        None if entry.account == BookAccount::Receivable => format!("{root}:L-{ledger_id}"),
        None => root.to_owned(),
    }
}

/// The account without customers and grants.
pub(crate) fn root(account: BookAccount) -> &'static str {
    match account {
        BookAccount::PaidCredits => "Liabilities:Credits:Paid",
        BookAccount::PromoCredits => "Liabilities:Credits:Promo",
        BookAccount::HeldCredits => "Liabilities:Credits:Held",
        BookAccount::Receivable => "Assets:Receivable",
        BookAccount::IssuedPaid => "Equity:Issued:Paid",
        BookAccount::IssuedPromo => "Equity:Issued:Promo",
        BookAccount::Consumed => "Equity:Consumed",
        BookAccount::Expired => "Equity:Expired",
        BookAccount::Revoked => "Equity:Revoked",
        BookAccount::WrittenOff => "Equity:WrittenOff",
        BookAccount::ClearingStripe => "Assets:Clearing:Stripe",
        BookAccount::ClearingYookassa => "Assets:Clearing:YooKassa",
        BookAccount::ClearingTelegramStars => "Assets:Clearing:TelegramStars",
        BookAccount::ClearingManual => "Assets:Clearing:Manual",
        BookAccount::DisputeReserve => "Assets:DisputeReserve",
        BookAccount::DeferredRevenue => "Liabilities:DeferredRevenue",
        BookAccount::IncomeMessages => "Income:Messages",
        BookAccount::IncomePasses => "Income:Passes",
        BookAccount::IncomeBreakage => "Income:Breakage",
        BookAccount::IncomeRecovered => "Income:Recovered",
        BookAccount::BadDebt => "Expenses:BadDebt",
        BookAccount::InTransit => "Assets:InTransit",
        BookAccount::Bank => "Assets:Bank",
        BookAccount::ProviderFees => "Expenses:ProviderFees",
        BookAccount::Differences => "Expenses:Differences",
        BookAccount::UsageMessages => "Equity:Usage:Messages",
        BookAccount::UsagePasses => "Equity:Usage:Passes",
    }
}
