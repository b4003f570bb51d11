//! YooKassa: registries of payments and of refunds, as CSV or XLSX. Its days are those of Moscow.
//!
//! A shop chooses the columns of its registry and how many there are, so each is known by several
//! names.

use std::collections::BTreeSet;

use chrono_tz::Europe::Moscow;
use kontor_domain::provider_statement::{LineKind, StatementLine};

use crate::{
    Place,
    cells::{amount, currency, instant, optional_reference, reference},
    table::Table,
};

const PAYMENT: [&str; 4] = ["Идентификатор платежа", "ID платежа", "Номер платежа", "payment_id"];
const REFUND: [&str; 4] = ["Идентификатор возврата", "ID возврата", "Номер возврата", "refund_id"];
const AT: [&str; 7] = [
    "Дата возврата",
    "Дата и время возврата",
    "Дата платежа",
    "Дата и время платежа",
    "Дата операции",
    "Дата и время",
    "created_at",
];
const AMOUNT: [&str; 4] = ["Сумма возврата", "Сумма платежа", "Сумма", "amount"];
const CURRENCY: [&str; 4] = ["Валюта возврата", "Валюта платежа", "Валюта", "currency"];
const NET: [&str; 5] = [
    "Сумма к перечислению",
    "Сумма к выплате",
    "Сумма за вычетом комиссии",
    "income_amount",
    "net",
];
const FEE: [&str; 4] = ["Сумма комиссии", "Комиссия ЮKassa", "Комиссия", "fee"];

pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<StatementLine>, usize), Place> {
    let table = Table::read(bytes)?;
    let payment = table.need(&PAYMENT)?;
    let refund = table.find(&REFUND);
    let at = table.need(&AT)?;
    let gross = table.need(&AMOUNT)?;
    let money = table.need(&CURRENCY)?;
    let (fee, net) = (table.find(&FEE), table.find(&NET));
    if fee.is_none() && net.is_none() && refund.is_none() {
        table.need(&FEE)?;
    }
    let mut lines = Vec::new();
    for row in table.rows() {
        let currency = currency(row, &money)?;
        let refund_id = optional_reference(row, refund.as_ref())?;
        let payment_id = reference(row, &payment)?;
        let paid = amount(row, &gross, currency)?;
        if paid <= 0 {
            return Err(row.wrong(&gross, "an amount of a registry is more than 0"));
        }
        let fee = fee.as_ref().filter(|column| !row.get(Some(column)).is_empty());
        let fee = fee.map(|column| amount(row, column, currency)).transpose()?;
        let net = net.as_ref().filter(|column| !row.get(Some(column)).is_empty());
        let net = net.map(|column| amount(row, column, currency)).transpose()?;
        let (kind, amount_minor) = match &refund_id {
            Some(_) => (LineKind::Refund, -paid),
            None => (LineKind::Charge, paid),
        };
        // A registry has the fee, what is left, or both. A refund costs nothing unless it says so.
        let is_refund = refund_id.is_some();
        let net = net.map(|net| if is_refund { -net.abs() } else { net });
        let (fee_minor, net_minor) = match (fee, net) {
            (Some(fee), Some(net)) => (fee, net),
            (Some(fee), None) => (fee, amount_minor - fee),
            (None, Some(net)) => (amount_minor - net, net),
            (None, None) if is_refund => (0, amount_minor),
            (None, None) => {
                return Err(Place::line(row.line, "it has neither a fee nor what is left"));
            }
        };
        let external_id = refund_id.clone().unwrap_or_else(|| payment_id.clone());
        let references: BTreeSet<String> =
            [Some(payment_id), refund_id].into_iter().flatten().collect();
        lines.push(StatementLine {
            kind,
            external_id,
            at: instant(row, &at, Moscow)?,
            amount_minor,
            fee_minor,
            net_minor,
            currency,
            references,
            payout_ref: None,
            from: None,
        });
    }
    Ok((lines, 0))
}
