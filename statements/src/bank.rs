//! The bank: what arrived from providers. All other lines are passed by, and no text of any line is
//! kept: people are named there.

use chrono_tz::Tz;
use kontor_domain::{
    credit_ledger::PaymentProvider,
    provider_statement::{LineKind, StatementLine},
};

use crate::{
    Place,
    cells::{amount, currency, instant, optional_reference, reference},
    table::Table,
};

const ID: [&str; 6] = ["id", "reference", "document", "Номер документа", "Номер", "№"];
const AT: [&str; 5] = ["date", "booking_date", "Дата", "Дата операции", "Дата проводки"];
const AMOUNT: [&str; 4] = ["amount", "Сумма", "Сумма поступления", "Кредит"];
const CURRENCY: [&str; 2] = ["currency", "Валюта"];
const FROM: [&str; 6] =
    ["provider", "counterparty", "from", "Плательщик", "Контрагент", "Наименование плательщика"];
const PAYOUT: [&str; 3] = ["payout", "payout_id", "Выплата"];
const PURPOSE: [&str; 3] = ["purpose", "description", "Назначение платежа"];

pub(crate) fn read(bytes: &[u8], zone: Tz) -> Result<(Vec<StatementLine>, usize), Place> {
    let table = Table::read(bytes)?;
    let id = table.need(&ID)?;
    let at = table.need(&AT)?;
    let sum = table.need(&AMOUNT)?;
    let money = table.need(&CURRENCY)?;
    let from = table.need(&FROM)?;
    let (payout, purpose) = (table.find(&PAYOUT), table.find(&PURPOSE));
    let (mut lines, mut passed_by) = (Vec::new(), 0);
    for row in table.rows() {
        let Some(from) = provider(row.get(Some(&from))) else {
            passed_by += 1;
            continue;
        };
        let currency = currency(row, &money)?;
        let amount_minor = amount(row, &sum, currency)?;
        if amount_minor <= 0 {
            passed_by += 1;
            continue;
        }
        let named = optional_reference(row, payout.as_ref())?;
        let payout_ref = named.or_else(|| payout_in(row.get(purpose.as_ref())));
        lines.push(StatementLine {
            kind: LineKind::Arrival,
            external_id: reference(row, &id)?,
            at: instant(row, &at, zone)?,
            amount_minor,
            fee_minor: 0,
            net_minor: amount_minor,
            currency,
            references: payout_ref.iter().cloned().collect(),
            payout_ref,
            from: Some(from),
        });
    }
    Ok((lines, passed_by))
}

/// The provider whose money it is, by what the bank calls whoever sent it.
fn provider(name: &str) -> Option<PaymentProvider> {
    let name = name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["stripe"]) {
        return Some(PaymentProvider::Stripe);
    }
    if says(&["yookassa", "yoomoney", "юkassa", "юкасса", "юмани", "юmoney"]) {
        return Some(PaymentProvider::Yookassa);
    }
    says(&["telegram_stars", "telegram", "fragment"]).then_some(PaymentProvider::TelegramStars)
}

/// The id of a payout of Stripe within a text.
fn payout_in(text: &str) -> Option<String> {
    let at = text.find("po_")?;
    let id: String = text[at..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(64)
        .collect();
    (id.len() > 3).then_some(id)
}
